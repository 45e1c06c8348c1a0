"""Services are accounts: who a NATS user is, what it holds, its keys and tokens, and the server's
list of users."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nkeys  # type: ignore[import-untyped]  # ships no types
import pytest
from nats.errors import Error as NatsError
from sqlalchemy import Engine

from cases.accounts import (
    NKEY,
    OWN_USERS,
    TOKEN_LIFE,
    TOKEN_OVERLAP,
    AccountRefused,
    Accounts,
)
from cases.messages import Grant
from tests.cases.test_accounts import Log
from tests.granting import regrant
from tests.serving import CREDENTIALS, accounts_of, services_of, web_store
from yichuang.bus import connect
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.service_seeds import seed_services
from yichuang.services import FRESH_SECONDS, Services, listing
from yichuang.settings import Settings

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
KEY = "U" + "A" * 55
SECOND = timedelta(seconds=1)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Engine]:
    engine = web_store(tmp_path)
    yield engine
    engine.dispose()


def intake(*departments: str) -> list[Grant]:
    return [Grant(role="service_intake", department=one) for one in departments]


# --- who a NATS user is --------------------------------------------------------------------------


def test_a_service_orders_for_its_departments_and_no_other(tmp_path: Path) -> None:
    services = services_of(tmp_path, {"portal": ("*",), "jz": ("zjj",)})
    actor = services.actor("jz", "zjj")
    assert actor is not None
    assert (actor.id, actor.kind, actor.department) == ("s:jz", "service", "zjj")
    assert actor.grants == tuple(intake("zjj")) and actor.clearance == 2
    assert services.actor("jz", "scjg") is None
    assert services.actor("portal", "scjg") is not None
    assert services.actor("nobody", "zjj") is None
    assert services.may_send("jz", "zjj") and not services.may_send("jz", "scjg")


def test_a_person_is_no_service(web: Engine) -> None:
    accounts_of(web).create_account(
        "wang", "王", "zjj", at=NOW, by="system",
        grants=[Grant(role="service_backfill", department="zjj")],
    )  # fmt: skip
    assert listing(web) == ()


def test_who_is_closed_expired_or_regranted_is_refused_within_a_second(web: Engine) -> None:
    accounts, services = accounts_of(web), Services(web)
    for name in ("closed", "moved"):
        accounts.seed_service(name, intake("zjj"), "U" + name[0].upper() * 55, NOW)
    assert services.actor("closed", "zjj") and services.actor("moved", "zjj")
    accounts.close("s:closed", "u:sys", NOW)
    regrant(web, "s:moved", intake("scjg"))
    time.sleep(FRESH_SECONDS + 0.1)
    assert services.actor("closed", "zjj") is None
    assert services.actor("moved", "zjj") is None and services.actor("moved", "scjg")


def test_the_settings_are_only_the_seed(web: Engine, tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None, data=tmp_path, nats_integrators={"portal": ("*",), "archive": ("bgs",)},
        nats_backfillers=("archive",),
    )  # fmt: skip
    accounts = accounts_of(web)
    assert seed_services(settings, accounts, NOW) == ["portal", "archive"]
    assert seed_services(settings, accounts, NOW) == []
    known = {one.user: one for one in listing(web)}
    assert known["archive"].grants == (
        Grant(role="service_backfill", department="bgs"),
        *intake("bgs"),
        Grant(role="service_signal", department="bgs"),
    )
    assert known["portal"].nkey == embedded.public_key(settings, "portal")
    found = accounts.find("s:portal")
    assert found is not None and found.token_until is None  # none was made
    accounts.close("s:portal", "u:sys", NOW)
    assert seed_services(settings, accounts, NOW) == []
    assert [one.user for one in listing(web)] == ["archive"]


@pytest.mark.parametrize("login", [*sorted(OWN_USERS), "a.b", "a_b", "a@b", "x" * 33])
def test_a_service_has_no_name_of_our_own_and_none_that_is_no_word(login: str, web: Engine) -> None:
    with pytest.raises(AccountRefused):
        accounts_of(web).create_account(login, "门户", "", at=NOW, by="u:x", kind="service")


# --- keys and tokens -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "U", "A" * 56, "U" + "A" * 56, "U" + "1" * 55, "u" + "a" * 55])
def test_what_is_no_public_key_of_a_user_is_refused(key: str, web: Engine) -> None:
    accounts = accounts_of(web)
    user, _ = accounts.create_account("portal", "门户", "", at=NOW, by="u:x", kind="service")
    with pytest.raises(AccountRefused) as refused:
        accounts.set_key(user, key, "u:sys", NOW)
    assert refused.value.code == "bad_nkey"


def test_two_services_have_two_keys_and_a_person_none(web: Engine) -> None:
    accounts = accounts_of(web)
    one, _ = accounts.create_account("one1", "一", "", at=NOW, by="u:x", kind="service")
    two, _ = accounts.create_account("two2", "二", "", at=NOW, by="u:x", kind="service")
    person, _ = accounts.create_account("wang", "王", "", at=NOW, by="u:x")
    accounts.set_key(one, KEY, "u:sys", NOW)
    for user, code in ((two, "nkey_taken"), (person, "no_service")):
        with pytest.raises(AccountRefused) as refused:
            accounts.set_key(user, KEY, "u:sys", NOW)
        assert refused.value.code == code


def test_a_token_ends_and_the_former_one_lives_a_week_beside_the_next(web: Engine) -> None:
    accounts = accounts_of(web)
    user, first = accounts.create_account("portal", "门户", "", at=NOW, by="u:x", kind="service")
    assert accounts.service(first, NOW + TOKEN_LIFE - SECOND)
    assert accounts.service(first, NOW + TOKEN_LIFE) is None
    turned = NOW + timedelta(days=170)
    second = accounts.rotate_token(user, "u:sys", turned)
    for token in (first, second):
        assert accounts.service(token, turned + TOKEN_OVERLAP - SECOND)
    assert accounts.service(first, turned + TOKEN_OVERLAP) is None
    assert accounts.service(second, turned + TOKEN_OVERLAP)


def test_a_rotation_never_prolongs_the_former_token(web: Engine) -> None:
    accounts = accounts_of(web)
    user, first = accounts.create_account("portal", "门户", "", at=NOW, by="u:x", kind="service")
    accounts.rotate_token(user, "u:sys", NOW + TOKEN_LIFE - SECOND)
    assert accounts.service(first, NOW + TOKEN_LIFE) is None


def test_of_two_rotations_only_the_last_two_tokens_are_good(web: Engine) -> None:
    accounts = accounts_of(web)
    user, first = accounts.create_account("portal", "门户", "", at=NOW, by="u:x", kind="service")
    second = accounts.rotate_token(user, "u:sys", NOW)
    third = accounts.rotate_token(user, "u:sys", NOW)
    assert accounts.service(first, NOW) is None
    assert accounts.service(second, NOW) and accounts.service(third, NOW)
    accounts.renew(user, "u:sys", NOW)
    assert accounts.service(second, NOW) is None and accounts.service(third, NOW) is None


def test_a_closed_service_has_no_token_left(web: Engine) -> None:
    accounts = accounts_of(web)
    user, first = accounts.create_account("portal", "门户", "", at=NOW, by="u:x", kind="service")
    second = accounts.rotate_token(user, "u:sys", NOW)
    accounts.close(user, "u:sys", NOW)
    assert accounts.service(first, NOW) is None and accounts.service(second, NOW) is None


def test_keys_and_rotations_are_told_without_the_secret(web: Engine) -> None:
    log = Log()
    accounts = Accounts(web, CREDENTIALS, log)
    accounts.seed_service("portal", intake("*"), KEY, NOW)
    token = accounts.rotate_token("s:portal", "u:sys", NOW)
    assert [(one.act, one.by, one.why) for one in log] == [
        ("account_create", "system", ""),
        ("service_key", "system", KEY),
        ("token_rotated", "u:sys", ""),
    ]
    assert not any(token in one.why for one in log)


# --- the server's list ---------------------------------------------------------------------------


async def enters(settings: Settings, user: str) -> bool:
    try:
        bus = await connect(settings, user, attempts=0)
    except (OSError, NatsError, TimeoutError):
        return False
    await bus.close()
    return True


def test_the_running_server_lets_in_who_has_an_account_and_nobody_else(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data=tmp_path, nats_integrators={"portal": ("*",)})
    ground.prepare_folder(settings)
    ground.take_ports(settings, ("nats",))
    with subprocess.Popen(embedded.command(settings), stderr=subprocess.DEVNULL) as server:
        try:
            asyncio.run(_list_follows(settings, server))
        finally:
            server.terminate()


async def _list_follows(settings: Settings, server: subprocess.Popen[bytes]) -> None:
    async def reread(user: str, wanted: bool) -> None:
        assert embedded.changed(settings)
        assert not embedded.changed(settings)
        server.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while await enters(settings, user) is not wanted:
            assert time.monotonic() < deadline, user
            await asyncio.sleep(0.05)

    deadline = time.monotonic() + 20
    while not await enters(settings, "portal"):  # as the settings say, before there are accounts
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    web = web_store(settings.data)
    accounts = accounts_of(web)
    assert not embedded.changed(settings)  # the store is there, its services are not yet
    seed_services(settings, accounts, NOW)
    assert not embedded.changed(settings)
    key = embedded.public_key(settings, "jz")  # its seed lies where `connect` looks for it
    assert not await enters(settings, "jz")
    accounts.seed_service("jz", intake("zjj"), key, NOW)
    await reread("jz", True)
    accounts.close("s:jz", "u:sys", NOW)
    await reread("jz", False)
    assert await enters(settings, "portal")
    web.dispose()


def test_the_pattern_of_a_public_key_is_that_of_the_library() -> None:
    seed = nkeys.encode_seed(b"\x07" * 32, nkeys.PREFIX_BYTE_USER)
    assert NKEY.fullmatch(nkeys.from_seed(bytearray(seed)).public_key.decode())
