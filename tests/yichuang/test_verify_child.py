"""The process that verifies for a page: what it finds is kept, and is an entry."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from audit.tables import audit_outbox
from cases import verifications
from cases.database import open_engine, reading
from cases.verifications import Verification
from yichuang.initialise import initialise
from yichuang.settings import Settings, as_environment, environment


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = Settings(_env_file=None, data=tmp_path_factory.mktemp("city") / "var", city="test")
    initialise(made)
    return made


def verified(settings: Settings, name: str) -> tuple[int, Verification, dict[str, object]]:
    web = open_engine(settings.store_url("web"))
    with web.begin() as connection:
        verifications.begin(connection, name, "u:auditor", datetime.now(UTC))
    child = subprocess.run(
        [sys.executable, "-m", "yichuang.verify_child", name],
        env=environment() | as_environment(settings),
        check=False,
    )
    with reading(web) as connection:
        found = verifications.find(connection, name)
        query = select(audit_outbox.c.body).order_by(audit_outbox.c.pos.desc()).limit(1)
        entry = json.loads(bytes(connection.execute(query).scalar_one()))
    web.dispose()
    assert found is not None
    return child.returncode, found, entry


def test_its_report_is_kept_and_its_entry_holds_the_reports_digest(settings: Settings) -> None:
    code, found, entry = verified(settings, "v-1")
    # No sequencer runs here: what `init` recorded waits, which is incomplete and not tampered.
    assert code == 2 and (found.exit_code, found.running) == (2, None)
    assert (entry["act"], entry["why"], entry["res"]) == ("audit.verified", "incomplete", "ok")
    assert entry["obj"]["doc"] == sha256(found.report.encode()).hexdigest()  # type: ignore[index]
    assert "u:auditor" not in json.dumps(entry)


def test_tampering_is_found_and_said(settings: Settings, tmp_path: Path) -> None:
    cases = open_engine(settings.store_url("cases"))
    with cases.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_outbox SET body = X'7B7D' WHERE pos = 1")
    cases.dispose()
    code, found, entry = verified(settings, "v-2")
    assert (code, entry["why"], entry["res"]) == (1, "tampered", "error")
    assert json.loads(found.report)["log"]["failed"]
