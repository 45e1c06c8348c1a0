"""Messages, questions, events, keys and further documents: each leaves its entry, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from sqlalchemy import Engine, select, text

from activities.entries import Entries
from activities.sealing import Sealer
from audit.entry import What
from audit.tables import audit_outbox, keys_metadata, outbox_metadata
from audit.vault import SubjectVault
from cases.database import open_engine
from cases.gateway_tables import gateway_metadata
from cases.index_tables import index_key
from cases.messages import Actor, Command, DocumentRef, Outcome, Source
from cases.store import StepRecord
from cases.tables import cases_metadata, outbox
from yichuang.inbox import Inbox, Message, Taken, answer_digest
from yichuang.initialise import initialise
from yichuang.key_log import note_subjects
from yichuang.message_log import digest_of_lines
from yichuang.relay import Relay
from yichuang.settings import Settings


def who(user: str) -> str:
    return f"account:{user.split(':')[-1]}"


@pytest.fixture
def store(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path / 'gateway.sqlite'}")
    for metadata in (gateway_metadata, outbox_metadata, keys_metadata, cases_metadata):
        metadata.create_all(engine)
    return engine


@pytest.fixture
def inbox(store: Engine) -> Inbox:
    vault = SubjectVault(store, b"k" * 32, making=note_subjects(store, "gateway"))
    return Inbox(store, vault, who)


def said(engine: Engine, stream: str) -> list[dict[str, Any]]:
    query = select(audit_outbox.c.body).where(audit_outbox.c.stream == stream)
    with engine.connect() as connection:
        bodies = connection.execute(query.order_by(audit_outbox.c.seq)).scalars()
        return [orjson.loads(bytes(body)) for body in bodies]


def taken(*ids: str) -> list[Taken]:
    return [
        Taken(
            "portal /x", one, f"c-{one}", "0" * 64,
            Outcome(command_id=f"c-{one}", case_id="c", status="done"), "portal",
        )
        for one in ids
    ]  # fmt: skip


LETTER = Message("CMD", 7, "cmd.demo.zjj.portal.case.file", b"{bad", {})


def test_messages_and_their_answers_are_one_entry_that_covers_each(
    store: Engine, inbox: Inbox
) -> None:
    came = taken("a", "b")
    inbox.note(came)
    (entry,) = said(store, "sys:orders")
    lines = [(t.source, t.message_id, t.digest, answer_digest(t.outcome)) for t in came]
    assert (entry["act"], entry["obj"]["step"]) == ("message_taken", "2")
    assert entry["after"] == digest_of_lines(lines)
    assert entry["after"] != digest_of_lines(lines[:1])
    assert entry["who"]["id"] == "account:portal"


def test_a_message_that_comes_again_is_an_entry_of_its_own(store: Engine, inbox: Inbox) -> None:
    inbox.note(taken("a"))
    inbox.note_repeated("portal", [("portal /x", "a")])
    assert [one["act"] for one in said(store, "sys:orders")] == [
        "message_taken", "message_repeated",
    ]  # fmt: skip


def test_a_dead_letter_is_told_once_and_what_becomes_of_it(store: Engine, inbox: Inbox) -> None:
    number = inbox.bury(LETTER, "malformed", "不是 JSON", "data")
    assert inbox.bury(LETTER, "malformed", "不是 JSON", "data") == number
    inbox.mend(number, b"{}", "u:intake")
    inbox.settle(number, "replayed", "u:intake")
    other = inbox.bury(replace(LETTER, stream_seq=8), "malformed", "不是 JSON", "data")
    inbox.settle(other, "discarded", "u:intake")
    told = [(one["act"], one["res"]) for one in said(store, "sys:orders")]
    assert told == [
        ("message_buried", "deny"), ("dead_letter_mended", "ok"), ("dead_letter_replayed", "ok"),
        ("message_buried", "deny"), ("dead_letter_discarded", "ok"),
    ]  # fmt: skip
    assert b"bad" not in b"".join(orjson.dumps(one) for one in said(store, "sys:orders"))


def test_a_question_is_an_entry_and_so_is_one_that_is_not_answered(
    store: Engine, inbox: Inbox
) -> None:
    inbox.note_question("portal", "read", What("case", "c-1", "events"))
    inbox.note_question("portal", "dead_letter_read", What("dead_letter", "-"), "not_yours")
    told = [(one["act"], one["res"], one.get("why")) for one in said(store, "sys:read:nats")]
    assert told == [("read", "ok", None), ("dead_letter_read", "deny", "not_yours")]


class TakesAll:
    """A JetStream that acknowledges at once."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def publish_async(self, subject: str, body: bytes, headers: dict[str, str]) -> Any:
        self.heard.append(headers["Nats-Msg-Id"])
        return _done()


async def _done() -> None:
    return None


def waiting(engine: Engine, ids: Sequence[str]) -> None:
    rows = [
        {
            "id": one, "case_id": "c", "seq": n, "subject": "evt.demo.zjj.case.accepted",
            "event": f'{{"n": {n}}}', "created_at": datetime.now(UTC),
        }
        for n, one in enumerate(ids)
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(outbox.insert(), rows)


async def test_what_was_published_is_one_entry_whose_instant_its_rows_bear(store: Engine) -> None:
    waiting(store, ["e1", "e2", "e3"])
    stream = TakesAll()
    relay = Relay(store, cast(Any, stream), "cases")
    assert await relay.drain() == 3
    assert await relay.drain() == 0  # the entry itself is no event
    (entry,) = said(store, "sys:events:cases")
    assert (entry["act"], entry["obj"]["step"]) == ("events_published", "3")
    with store.connect() as connection:
        marked = connection.execute(select(outbox.c.sent_at)).scalars().all()
    assert {one.isoformat(timespec="microseconds")[:26] for one in marked} == {entry["t"][:26]}


async def test_events_whose_entry_cannot_be_written_are_not_marked(store: Engine) -> None:
    waiting(store, ["e1"])
    with store.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER full BEFORE INSERT ON audit_outbox "
                "BEGIN SELECT RAISE(ABORT, 'full'); END"
            )
        )
    relay = Relay(store, cast(Any, TakesAll()), "cases")
    with pytest.raises(Exception, match="full"):
        await relay.drain()
    with store.connect() as connection:
        assert connection.execute(select(outbox.c.sent_at)).scalars().all() == [None]


def test_a_subjects_key_is_told_once_and_before_it_is_made(store: Engine) -> None:
    def refuse(subjects: Sequence[str]) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        SubjectVault(store, b"m" * 32, making=refuse).seal("citizen:a", b"x")
    with store.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_subject_key")).scalar() == 0
    vault = SubjectVault(store, b"m" * 32, making=note_subjects(store, "cases"))
    vault.seal("citizen:a", b"x")
    vault.seal("citizen:a", b"y")
    SubjectVault(store, b"m" * 32, making=note_subjects(store, "cases")).seal("citizen:a", b"z")
    told = [(one["act"], one["obj"]["id"]) for one in said(store, "sys:keys:cases")]
    assert told == [("key_made", "citizen:a")]


def test_the_first_start_tells_of_every_key_and_the_second_of_none(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data=tmp_path / "var")
    initialise(settings)
    initialise(settings)
    engine = open_engine(settings.store_url("cases"))
    keys = [(one["act"], one["obj"]["id"]) for one in said(engine, "sys:keys:cases")]
    doors = ("web", "gateway", "signals", "worker")
    made = ["master", "pepper", *(f"warrant:{door}" for door in doors), "log"]
    with engine.connect() as connection:
        index = f"index:{connection.execute(select(index_key.c.id)).scalar_one()}"
    assert keys == [
        *(("key_made", name) for name in made),
        ("key_made", index),
        ("index_key_rotated", index),
    ]
    secret = settings.master_key_path.read_bytes()
    assert secret.hex() not in str(said(engine, "sys:keys:cases"))


def test_each_further_document_of_a_step_has_its_own_entry(store: Engine) -> None:
    command = Command(
        id="k1", verb="decide", case_id="c1", body={}, actor=Actor(id="u:1"),
        source=Source(door="web"), occurred_at=datetime.now(UTC),
    )  # fmt: skip
    files = [
        SimpleNamespace(
            ref=DocumentRef(id=f"d{n}", kind="grant", number=f"{n}", digest=f"{n}" * 64, code="c")
        )
        for n in range(3)
    ]
    record = SimpleNamespace(
        command=command, documents=tuple(files), after=SimpleNamespace(seq=4),
        recorded_at=datetime.now(UTC),
    )  # fmt: skip
    sealer = Sealer(SubjectVault(store, b"m" * 32), b"p" * 32)
    issued = Entries(sealer).issued(cast(StepRecord, record))
    assert [(one.act, one.obj.id, one.obj.step, one.obj.doc) for one in issued] == [
        ("issue_document", "d1", "4", "1" * 64), ("issue_document", "d2", "4", "2" * 64),
    ]  # fmt: skip
    assert len({one.id for one in issued}) == 2
