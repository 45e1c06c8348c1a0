"""The gateway's register: every message with its one answer, and those that could not be taken.

All SQL of the gateway's store stands here; the gateway process is its only writer. The bytes of a
dead letter may hold personal data and are sealed under a key of its own.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from audit.entry import EntryDraft, What, Where, Who
from audit.outbox import record
from audit.vault import SubjectVault
from cases.database import reading
from cases.gateway_tables import dead_letter, inbox
from cases.messages import Outcome
from yichuang.events import Event, EventInvalid, read
from yichuang.message_log import BURIED, ORDERS, REPEATED, TAKEN, covering
from yichuang.subjects import sender_of


@dataclass(frozen=True)
class Message:
    """One message as it lies in the stream."""

    stream: str
    stream_seq: int
    subject: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Taken:
    """A message that was carried out or refused, to be noted with its answer."""

    source: str
    message_id: str
    command_id: str
    digest: str
    outcome: Outcome
    sender: str = "unknown"
    """The NATS user."""


@dataclass(frozen=True)
class DeadLetter:
    """A message that could not be taken, with the reason and the field at fault."""

    id: int
    subject: str
    reason: str
    sentence: str
    field: str
    state: str
    at: datetime
    changed_by: str
    changed_at: datetime | None
    body: bytes = b""
    """Only from `Inbox.letter`; the newest, mended if it was mended."""
    headers: Mapping[str, str] | None = None


def named(user: str, event: Event) -> tuple[str, str]:
    """Return source and id by which the register knows a message."""
    return f"{user} {event.source}"[:200], event.id[:200]


READ_STREAM = "sys:read:nats"
"""Questions about cases, answered and refused. Only the gateway's store has it."""


def answer_digest(outcome: Outcome) -> str:
    """Return the digest of the answer that stands in the register."""
    return hashlib.sha256(outcome.model_dump_json().encode()).hexdigest()


class NoSuchLetter(LookupError):
    """There is no dead letter of that number, or it has been dealt with already."""


class Inbox:
    """The register of one gateway store."""

    def __init__(self, engine: Engine, vault: SubjectVault, who: Callable[[str], str]) -> None:
        """`who` gives the pseudonym by which the log calls a user."""
        self._engine = engine
        self._vault = vault
        self._who = who
        # One stream has one head: threads that race for it would only wait for one another.
        self._one = threading.Lock()

    def answers(self, command_ids: Iterable[str]) -> dict[str, Outcome]:
        """Return the outcomes that were noted earlier for these ids."""
        wanted = list(command_ids)
        query = select(inbox.c.command_id, inbox.c.outcome).where(
            inbox.c.command_id.in_(wanted), inbox.c.state == "answered"
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return {row.command_id: Outcome.model_validate_json(row.outcome) for row in rows}

    def note(self, taken: Sequence[Taken]) -> None:
        """Note the answers, each once, with the entry that the messages came and were answered."""
        now = datetime.now(UTC)
        rows = [
            {
                "source": one.source,
                "message_id": one.message_id,
                "command_id": one.command_id,
                "digest": one.digest,
                "received_at": now,
                "state": "answered",
                "outcome": one.outcome.model_dump_json(),
                "answered_at": now,
            }
            for one in taken
        ]
        lines = [
            (one.source, one.message_id, one.digest, answer_digest(one.outcome)) for one in taken
        ]
        with self._one, self._engine.begin() as connection:
            connection.execute(self._insert(inbox).on_conflict_do_nothing(), rows)
            self._told(connection, TAKEN, taken[0].sender, lines, now)

    def note_repeated(self, sender: str, messages: Sequence[tuple[str, str]]) -> None:
        """Record that messages (source, id) came again: their first answer is given again."""
        with self._one, self._engine.begin() as connection:
            self._told(connection, REPEATED, sender, messages, datetime.now(UTC))

    def note_question(self, user: str, question: str, thing: What, denied: str = "") -> None:
        """Record that a question about a case was answered, or was not, before the answer goes."""
        with self._one, self._engine.begin() as connection:
            record(
                connection,
                EntryDraft(
                    id=str(uuid4()),
                    stream=READ_STREAM,
                    at=datetime.now(UTC),
                    who=Who(self._who(f"s:{user}"), "service"),
                    act=question,
                    obj=thing,
                    res="deny" if denied else "ok",
                    why=denied or None,
                    where=Where(svc="nats"),
                ),
            )

    def _told(
        self,
        connection: Connection,
        act: str,
        sender: str,
        lines: Sequence[Sequence[object]],
        at: datetime,
        *,
        span: str = "-",
        why: str = "",
    ) -> None:
        who = Who(self._who(f"s:{sender}"), "service")
        record(
            connection,
            covering(
                ORDERS, act, lines, at, who=who, svc="nats", span=span, why=why or None,
                res="deny" if act == BURIED else "ok",
            ),
        )  # fmt: skip

    def bury(self, message: Message, reason: str, sentence: str, field: str) -> int:
        """Keep a message that cannot be taken, whole; return its number, the same at a repeat."""
        place = f"{message.stream}:{message.stream_seq}"
        key = f"letter:{message.subject.split('.')[3] if message.subject.count('.') > 3 else '-'}"
        now = datetime.now(UTC)
        row = {
            "stream": message.stream,
            "stream_seq": message.stream_seq,
            "subject": message.subject[:200],
            "key_subject": key[:80],
            "raw_sealed": self._vault.seal(key[:80], message.body, place.encode()),
            "headers": json.dumps(dict(message.headers), ensure_ascii=False),
            "reason": reason[:64],
            "sentence": sentence,
            "field": field[:200],
            "state": "open",
            "at": now,
            "changed_by": "",
        }
        chosen = select(dead_letter.c.id).where(
            dead_letter.c.stream == message.stream,
            dead_letter.c.stream_seq == message.stream_seq,
        )
        with self._one, self._engine.begin() as connection:
            fresh = connection.execute(self._insert(dead_letter).on_conflict_do_nothing(), row)
            number: int = connection.execute(chosen).scalar_one()
            if fresh.rowcount == 1:
                line = (place, hashlib.sha256(message.body).hexdigest())
                sender = sender_of(message.subject) or "unknown"
                self._told(
                    connection, BURIED, sender, [line], now, span=str(number), why=reason[:64]
                )
        return number

    def letters(
        self, state: str = "open", *, offset: int = 0, limit: int = 50
    ) -> tuple[list[DeadLetter], int]:
        """Return a page of dead letters, newest first, without their bytes, and how many in all."""
        chosen = dead_letter.c.state == state
        query = (
            select(dead_letter)
            .where(chosen)
            .order_by(dead_letter.c.id.desc())
            .offset(offset)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            total = connection.execute(
                select(func.count()).select_from(dead_letter).where(chosen)
            ).scalar_one()
            return [_letter(row) for row in connection.execute(query)], total

    def letter(self, number: int) -> DeadLetter:
        """Return one dead letter with its bytes. Raises `NoSuchLetter`."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(dead_letter).where(dead_letter.c.id == number)
            ).one_or_none()
        if row is None:
            raise NoSuchLetter(f"没有死信 {number}")
        mended = row.mended_sealed is not None
        place = f"{row.stream}:{row.stream_seq}" + (":mended" if mended else "")
        sealed = row.mended_sealed if mended else row.raw_sealed
        body = self._vault.open(row.key_subject, bytes(sealed), place.encode())
        return _letter(row, body, json.loads(row.headers))

    def answer_to(self, letter: DeadLetter) -> Outcome | None:
        """Return what became of a letter that was sent again; None: nothing is noted of it yet, or
        it could not be taken again, and is another letter now."""
        user = sender_of(letter.subject)
        try:
            event = read(letter.body, letter.headers)
        except EventInvalid:
            return None
        source, message = named(user or "", event)
        query = select(inbox.c.outcome).where(
            inbox.c.source == source, inbox.c.message_id == message, inbox.c.state == "answered"
        )
        with reading(self._engine) as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else Outcome.model_validate_json(found)

    def mend(self, number: int, body: bytes, by: str) -> None:
        """Keep a corrected text beside the original. Raises `NoSuchLetter` if it is dealt with."""
        with self._one, self._engine.begin() as connection:
            row = connection.execute(
                select(dead_letter).where(dead_letter.c.id == number)
            ).one_or_none()
            if row is None:
                raise NoSuchLetter(f"没有死信 {number}")
            place = f"{row.stream}:{row.stream_seq}:mended".encode()
            sealed = self._vault.seal(row.key_subject, body, place)
            self._change(connection, number, "mended", by, mended_sealed=sealed)

    def settle(self, number: int, state: str, by: str) -> None:
        """Mark a letter `replayed` or `discarded`. Raises `NoSuchLetter` if it already was."""
        with self._one, self._engine.begin() as connection:
            self._change(connection, number, state, by)

    def _change(self, connection: Any, number: int, state: str, by: str, **values: object) -> None:
        changed = connection.execute(
            update(dead_letter)
            .where(dead_letter.c.id == number, dead_letter.c.state.in_(["open", "mended"]))
            .values(state=state, changed_by=by, changed_at=datetime.now(UTC), **values)
        )
        if changed.rowcount != 1:
            raise NoSuchLetter(f"死信 {number} 不存在或已经处理")
        record(
            connection,
            EntryDraft(
                id=str(uuid4()),
                stream=ORDERS,
                at=datetime.now(UTC),
                who=Who(self._who(by), "human"),
                act=f"dead_letter_{state}",
                obj=What("dead_letter", str(number)),
                where=Where(svc="web"),
            ),
        )

    def _insert(self, table: Any) -> Any:
        dialect = sqlite if self._engine.dialect.name == "sqlite" else postgresql
        return dialect.insert(table)


def _letter(row: Any, body: bytes = b"", headers: Mapping[str, str] | None = None) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        subject=row.subject,
        reason=row.reason,
        sentence=row.sentence,
        field=row.field,
        state=row.state,
        at=row.at,
        changed_by=row.changed_by,
        changed_at=row.changed_at,
        body=body,
        headers=headers,
    )


__all__ = ["DeadLetter", "Inbox", "Message", "NoSuchLetter", "Taken", "named"]
