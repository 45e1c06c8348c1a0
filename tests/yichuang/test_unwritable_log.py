"""Where the log cannot be written nothing happens, somebody is told, and the next try goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from cases.database import StoreUnwritable, open_engine
from cases.messages import Actor, Command, Outcome, Source
from forms.app import application
from forms.ports import Options
from tests.forms.entering import sign_in_fully
from tests.forms.town import ADDRESS, HOST, PASSWORD, Town
from tests.telemetry.city import deliver, fresh_engine, one, store_of
from tests.yichuang.test_message_entries import LETTER, TakesAll, inbox, said, store, taken, waiting
from yichuang import roles, store_trouble
from yichuang.embedded import ground
from yichuang.embedded.parts import PARTS
from yichuang.inbox import Inbox
from yichuang.refusals import RefusalLog
from yichuang.relay import Relay
from yichuang.settings import Settings
from yichuang.status import standing

__all__ = ["inbox", "store"]

AWAY = (OperationalError, StoreUnwritable)
HOUR = 412_000


@contextmanager
def unwritable(engine: Engine, table: str = "audit_outbox") -> Iterator[None]:
    """Take the table away: an insert into it fails in the middle of the transaction."""
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO away"))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE away RENAME TO {table}"))


@contextmanager
def kept_but_failing(engine: Engine) -> Iterator[None]:
    """Let each commit be kept and told as an error, as when the answer is lost on the way."""
    commit = engine.dialect.do_commit

    def lost(connection: Any) -> None:
        commit(connection)
        raise engine.dialect.loaded_dbapi.OperationalError("the answer was lost")

    engine.dialect.do_commit = lost  # type: ignore[method-assign,assignment]  # the one way to lose it
    try:
        yield
    finally:
        engine.dialect.do_commit = commit  # type: ignore[method-assign]


def count(engine: Engine, table: str, where: str = "1 = 1") -> int:
    with engine.connect() as connection:
        query = text(f"SELECT count(*) FROM {table} WHERE {where}")
        return int(connection.execute(query).scalar_one())


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town(tmp_path_factory.mktemp("unwritable"))


def client_of(town: Town) -> TestClient:
    """Return a browser whose application takes a store that is away for what it is."""
    app = application(town.ports, Options("云川市", ADDRESS, (HOST,)), AWAY)
    return TestClient(app, base_url=ADDRESS, raise_server_exceptions=False)


def signed_in(town: Town, login: str) -> TestClient:
    client = client_of(town)
    sign_in_fully(client, town, login)
    return client


def enter(client: TestClient, login: str) -> Any:
    page = client.get("/sign-in").text
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert token
    form = {"login": login, "password": PASSWORD, "csrf": token[1]}
    return client.post("/sign-in", data=form, follow_redirects=False)


# --- the worker ----------------------------------------------------------------------------------


def rows_of(town: Town, case: str) -> tuple[int, ...]:
    tables = ("step", "document", "clock_event", "command")
    return tuple(count(town.cases, table, f"case_id = '{case}'") for table in tables)


@pytest.mark.parametrize("away", ["audit_outbox", "audit_recorded", "audit_stream"])
def test_a_step_whose_entry_cannot_be_written_does_not_happen(town: Town, away: str) -> None:
    case = town.file().case_id
    before = rows_of(town, case)
    with unwritable(town.cases, away), pytest.raises(AWAY):
        town.order("chen", "accept", {}, case)
    state = town.queries.state(case)
    assert state is not None and state.seq == 1
    assert rows_of(town, case) == before
    town.order("chen", "accept", {}, case)


def test_a_step_whose_subjects_key_is_away_does_not_happen(town: Town) -> None:
    cases = count(town.cases, "case_file")
    with unwritable(town.keys, "audit_subject_key"), pytest.raises(AWAY):
        town.file(developer="别的公司")
    assert count(town.cases, "case_file") == cases


def test_a_step_that_was_kept_and_told_as_failed_is_found_by_the_next_try(town: Town) -> None:
    case = town.file().case_id
    steps = count(town.cases, "step", f"case_id = '{case}'")
    with kept_but_failing(town.cases), pytest.raises(AWAY):
        town.order("chen", "accept", {}, case)
    assert count(town.cases, "step", f"case_id = '{case}'") in (steps, steps + 1)
    sent = town.reception.asked[-1]
    outcome = town.reception.settled(town.actor("chen"), Source(door="web"), sent)
    assert (outcome.status, outcome.seq) == ("done", 2)
    entries = f"entry_id = '{outcome.entry}'"
    assert count(town.cases, "audit_outbox", entries) == 1
    assert count(town.cases, "step", f"case_id = '{case}'") == steps + 1


# --- the web -------------------------------------------------------------------------------------


def test_a_page_whose_reading_cannot_be_written_is_not_shown(town: Town) -> None:
    case_no = town.file().case_no
    client = signed_in(town, "chen")
    assert "云溪小学教学楼" in client.get(f"/cases/{case_no}").text
    with unwritable(town.web):
        for path in (f"/cases/{case_no}", "/cases"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert case_no not in answer.text and "云溪小学教学楼" not in answer.text
    assert client.get(f"/cases/{case_no}").status_code == 200


def test_whoever_cannot_be_written_down_is_not_let_in(town: Town) -> None:
    sessions = count(town.web, "session")
    client = client_of(town)
    with unwritable(town.web):
        assert enter(client, "zhou").status_code == 503
    assert count(town.web, "session") == sessions
    assert enter(client, "zhou").status_code == 303


def test_an_account_is_not_changed_without_its_entry(town: Town) -> None:
    with unwritable(town.web), pytest.raises(AWAY):
        town.accounts.close(town.ids["signer"], "u:x", _now())
    found = town.accounts.find(town.ids["signer"])
    assert found is not None and found.disabled_at is None


def test_a_refusal_that_cannot_be_written_is_no_permission_either(town: Town) -> None:
    client = signed_in(town, "chen")
    with unwritable(town.web):
        assert client.get("/supervision").status_code == 503
    assert client.get("/supervision").status_code == 403


def test_a_doors_final_no_is_not_kept_without_its_entry(store: Engine) -> None:
    log = RefusalLog(store, "gateway", lambda user: f"account:{user}")
    command = Command(
        id="k", verb="accept", case_id="c", body={}, actor=Actor(id="u"), occurred_at=_now(),
        source=Source(door="nats"),
    )  # fmt: skip
    no = Outcome(command_id="k", case_id="c", status="refused", code="denied")
    with unwritable(store), pytest.raises(AWAY):
        log.note(command, no, _now())
    log.note(command, no, _now())
    assert len(said(store, "sys:gateway")) == 1


# --- messages, readings, events ------------------------------------------------------------------


def test_a_message_is_neither_taken_nor_buried_without_its_entry(
    store: Engine, inbox: Inbox
) -> None:
    with unwritable(store):
        with pytest.raises(AWAY):
            inbox.note(taken("a"))
        with pytest.raises(AWAY):
            inbox.bury(LETTER, "malformed", "不是 JSON", "")
    assert count(store, "inbox") == count(store, "dead_letter") == 0
    inbox.note(taken("a"))
    assert count(store, "inbox") == 1


def test_a_message_that_was_kept_and_told_as_failed_is_answered_the_same(
    store: Engine, inbox: Inbox
) -> None:
    with kept_but_failing(store), pytest.raises(AWAY):
        inbox.note(taken("a"))
    assert inbox.answers(["c-a"]).keys() == {"c-a"}
    inbox.note(taken("a"))
    assert count(store, "inbox") == 1


def test_readings_are_not_taken_without_their_entry(tmp_path: Path) -> None:
    engine = fresh_engine(tmp_path)
    taking = store_of(engine)
    deliver(taking, [one("pm25", HOUR, 20.0)])
    with unwritable(engine), pytest.raises(AWAY):
        deliver(taking, [one("pm25", HOUR + 1, 20.0)], first=2)
    assert (count(engine, "reading"), count(engine, "batch")) == (1, 1)
    taking.close()
    again = store_of(engine)
    deliver(again, [one("pm25", HOUR + 1, 20.0)], first=2)
    assert (count(engine, "reading"), count(engine, "batch")) == (2, 2)
    again.close()
    engine.dispose()


async def test_events_kept_as_sent_and_told_as_failed_are_sent_once(store: Engine) -> None:
    waiting(store, ["e1", "e2"])
    stream = TakesAll()
    relay = Relay(store, cast(Any, stream), "cases")
    with unwritable(store), pytest.raises(AWAY):
        await relay.drain()
    assert count(store, "outbox", "sent_at IS NOT NULL") == 0
    with kept_but_failing(store), pytest.raises(AWAY):
        await relay.drain()
    assert await relay.drain() == 0
    assert len(said(store, "sys:events:cases")) == 1


# --- telling -------------------------------------------------------------------------------------


@pytest.fixture
def role(tmp_path: Path) -> Iterator[Settings]:
    settings = Settings(_env_file=None, data=tmp_path / "var")
    roles.start(settings, "sequencer")
    roles.ready(settings, "sequencer", "日志")
    store_trouble.watch()
    yield settings
    roles._running = None


async def test_a_store_that_takes_no_entry_is_told_by_status_and_board_until_it_does(
    role: Settings, store: Engine, inbox: Inbox, town: Town
) -> None:
    (part,) = (one for one in PARTS if one.name == "sequencer")
    with unwritable(store):
        assert (await standing(role, part)).state == "ready"
        with pytest.raises(AWAY):
            inbox.note(taken("a"))
        told = await standing(role, part)
        assert told.state == "unwritable"
        assert "gateway 库" in told.detail and "audit_outbox" in told.detail
        (alarm,) = store_trouble.troubles(role)
        cast(Any, town.ports.supervision).troubles = lambda: store_trouble.troubles(role)
        assert alarm.alarm.text in unescape(signed_in(town, "feng").get("/supervision").text)
    inbox.note(taken("a"))
    assert (await standing(role, part)).state == "ready"
    assert store_trouble.troubles(role) == []


def test_what_else_a_city_keeps_beside_the_notes_of_its_roles_is_no_trouble(role: Settings) -> None:
    ground.take_ports(role, ("temporal", "nats"))
    roles.write_whole(role.run_folder / "supervisor.json", {"parts": []})
    assert sorted(path.name for path in role.run_folder.glob("*.json")) == sorted(
        [*roles.BESIDE, "sequencer.json"]
    )
    assert [note.role for note in roles.read_notes(role)] == ["sequencer"]
    assert store_trouble.troubles(role) == []


async def test_a_locked_store_is_told_and_a_refused_row_is_not(
    role: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "locked.sqlite"
    engine = open_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
    with pytest.raises(Exception, match="UNIQUE"), engine.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))
    assert store_trouble.failing() == {}
    other = open_engine(f"sqlite:///{path}?timeout=0")
    with other.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
        connection.commit()
        with engine.begin() as holding:
            holding.execute(text("INSERT INTO t VALUES (2)"))
            with pytest.raises(OperationalError, match="locked"):
                connection.execute(text("INSERT INTO t VALUES (3)"))
            assert list(store_trouble.failing()) == ["locked"]
        connection.execute(text("INSERT INTO t VALUES (3)"))
        connection.commit()
    assert store_trouble.failing() == {}


def _now() -> datetime:
    return datetime.now(UTC)
