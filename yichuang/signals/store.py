"""The writer of the store of signals: a batch is decided, sealed, and written in one transaction.

Everything is decided from what was read before the transaction: this process is the only writer.
A crash before the commit leaves nothing of a batch; after it, the same messages change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, Row, bindparam, update

from audit.entry import Who
from audit.outbox import record
from audit.vault import KeyDestroyed, SubjectVault
from cases import signal_rows as rows
from cases.database import reading
from cases.incidents.gathering import Heard, Kind, Known, Turn
from cases.incidents.signal import Signal
from cases.signal_tables import signal
from yichuang.message_log import SIGNALS, covering
from yichuang.signals.reading import SignalRefused, Taken, digest_of

TAKEN: Final = "signals_taken"
REFUSED: Final = "signals_refused"
TURNED: Final = "signals_turned"
FORGOTTEN: Final = "signals_forgotten"


@dataclass
class Delivery:
    """One message of a batch, understood or refused, and how it fared."""

    stream_seq: int
    subject: str
    sender: str
    body: bytes
    taken: Taken | None
    refused: SignalRefused | None = None
    repeated: bool = False
    turn: Turn | None = None
    event_id: str = ""


@dataclass
class _Decided:
    """What a batch comes to, before anything of it is written."""

    new: dict[str, Taken] = field(default_factory=dict)
    known: Known | None = None
    first: dict[str, Turn] = field(default_factory=dict)
    """What became of the new ones."""
    later: dict[str, Turn] = field(default_factory=dict)
    """Turns of signals that were there before."""
    sealed: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Key subject and sealed words, by signal."""


class SignalStore:
    """Takes signals, one batch after the other. Blocking; not for several threads at once."""

    def __init__(
        self,
        engine: Engine,
        vault: SubjectVault,
        kinds: Callable[[], Mapping[str, Kind]],
        incident_id: Callable[[str], str],
        windows: Callable[[], Callable[[Heard], str]] = lambda: lambda _: "",
    ) -> None:
        """`vault` is over this very store; `windows()` gives the planned windows of this moment."""
        self._engine, self._vault = engine, vault
        self._kinds, self._incident_id, self._windows = kinds, incident_id, windows

    def take(self, deliveries: Sequence[Delivery], at: datetime) -> None:
        """Take messages in this order, in one transaction; note on each how it fared.

        Raises the database's errors, after which nothing was kept.
        """
        decided = self._decide(deliveries)
        self._seal(decided, at)
        self._write(decided, deliveries, at)
        for one in deliveries:
            if one.taken is not None:
                one.turn = decided.first.get(one.taken.heard.id)

    def reopen(self, signal_ids: Sequence[str], closed: str, at: datetime) -> None:
        """Decide signals anew whose incident takes nothing more: near another one they join it,
        else the first opens one, near which the others are."""
        kinds = self._kinds()
        with reading(self._engine) as connection:
            found = rows.rows_of(connection, signal_ids)
            heard = [rows.heard_of(found[one]) for one in signal_ids if one in found]
            near = rows.open_gatherings(connection, heard, kinds)
        known = Known(lambda one: self._incident_id(f"{one}\n{closed}"))
        known.lay((one for one in near if one.incident_id != closed), ())
        for one in heard:
            kind = replace(kinds[one.type], burst=None)
            known.decide(replace(one, reference="", change="new"), kind)
        moved = {turn.signal_id: turn for turn in known.turns}
        sealed = self._moved(found, moved)
        with self._engine.begin() as connection:
            rows.close_gatherings(connection, [closed])
            rows.put_gatherings(connection, known.changed, known.fresh)
            rows.change_signals(connection, known.turns)
            _reseal(connection, sealed)
            rows.note_turns(connection, known.turns, at)
            rows.put_orders(connection, known.orders, at)
            _tell(connection, TURNED, [_line(turn) for turn in known.turns], at)

    def refuse(self, signal_ids: Sequence[str], incident_id: str, code: str, at: datetime) -> None:
        """Note of signals that their incident was refused (by policy, by law), and why. A report
        that is refused leaves no incident that others could join."""
        turns = [Turn(one, "refused", "", code) for one in signal_ids]
        with self._engine.begin() as connection:
            rows.close_gatherings(connection, [incident_id])
            rows.change_signals(connection, turns)
            rows.note_turns(connection, turns, at)
            _tell(connection, TURNED, [_line(turn) for turn in turns], at)

    def close(self, incidents: Sequence[str]) -> None:
        """Let nothing join these incidents any more."""
        with self._engine.begin() as connection:
            rows.close_gatherings(connection, incidents)

    def forget(self, whose: Sequence[str], at: datetime) -> None:
        """Destroy keys for good, with an entry that says which; what is gone already is left."""
        left = [one for one in whose if not self._vault.is_destroyed(one)]
        if not left:
            return
        with self._engine.begin() as connection:
            _tell(connection, FORGOTTEN, [(one,) for one in left], at)
        for one in left:
            self._vault.destroy(one)

    # --- reading only ----------------------------------------------------------------------------

    def _decide(self, deliveries: Sequence[Delivery]) -> _Decided:
        decided = _Decided()
        with reading(self._engine) as connection:
            self._find_new(connection, deliveries, decided)
            heard = [taken.heard for taken in decided.new.values()]
            known = decided.known = Known(self._incident_id, self._windows())
            if not heard:
                return decided
            kinds = self._kinds()
            earlier = rows.earlier(connection, heard, kinds)
            named = {one.incident_id for one in earlier if one.incident_id}
            gatherings = {one.incident_id: one for one in (
                *rows.open_gatherings(connection, heard, kinds),
                *rows.gatherings_of(connection, sorted(named)),
            )}  # fmt: skip
        known.lay(gatherings.values(), earlier)
        for one in heard:
            known.decide(one, kinds[one.type])
        for turn in known.turns:
            where = decided.first if turn.signal_id in decided.new else decided.later
            where[turn.signal_id] = turn  # the newest: noted, then merged by one that came with it
        return decided

    def _find_new(
        self, connection: Connection, deliveries: Sequence[Delivery], decided: _Decided
    ) -> None:
        ids = {one.taken.heard.id for one in deliveries if one.taken is not None}
        digests = rows.digests(connection, sorted(ids))
        for one in deliveries:
            if one.taken is None:
                continue
            heard = one.taken.heard
            known = digests.get(heard.id)
            if known is None:
                digests[heard.id] = heard.digest
                decided.new[heard.id] = one.taken
            elif known == heard.digest:
                one.repeated = True
            else:
                one.taken = None
                one.refused = SignalRefused(
                    "data.id", "这个编号已用于内容不同的信号",
                    "换新编号发送；变更写 change: update", heard.id,
                )  # fmt: skip

    def _seal(self, decided: _Decided, at: datetime) -> None:
        """Seal words under the key of their incident, or of the day while they have none."""
        asked = []
        for one, taken in decided.new.items():
            subject = _key_subject(decided.first[one].incident_id, at)
            asked.append((one, subject, words_of(taken.signal)))
        sealed = self._sealed(asked)
        if decided.later:
            with reading(self._engine) as connection:
                found = rows.rows_of(connection, decided.later)
            sealed |= self._moved(found, decided.later)
        decided.sealed = sealed

    def _sealed(self, asked: Sequence[tuple[str, str, bytes]]) -> dict[str, tuple[str, bytes]]:
        texts = self._vault.seal_many(
            [(subject, text, one.encode()) for one, subject, text in asked]
        )
        return {one: (subject, text) for (one, subject, _), text in zip(asked, texts, strict=True)}

    def _moved(
        self, found: Mapping[str, Row[Any]], turns: Mapping[str, Turn]
    ) -> dict[str, tuple[str, bytes]]:
        """Return the words of signals under the key of the incident that they have come to."""
        asked = []
        for one, row in found.items():
            if not turns[one].incident_id:
                continue
            try:
                text = self._vault.open(row.key_subject, bytes(row.sealed), one.encode())
            except KeyDestroyed:
                continue  # it lay too long: its words are gone, the signal itself stays
            asked.append((one, _key_subject(turns[one].incident_id, row.received_at), text))
        return self._sealed(asked)

    # --- writing ---------------------------------------------------------------------------------

    def _write(self, decided: _Decided, deliveries: Sequence[Delivery], at: datetime) -> None:
        known = decided.known
        assert known is not None
        refused = [_buried(one, self._vault, at) for one in deliveries if one.refused is not None]
        with self._engine.begin() as connection:
            rows.put_signals(
                connection,
                [
                    rows.NewSignal(one.heard, one.signal.id, one.cell, at, *decided.sealed[name])
                    for name, one in decided.new.items()
                ],
                decided.first, known.withdrawn,
            )  # fmt: skip
            rows.change_signals(connection, list(decided.later.values()))
            _reseal(connection, {n: s for n, s in decided.sealed.items() if n in decided.later})
            rows.withdraw(connection, {
                name: by for name, by in known.withdrawn.items() if name not in decided.new
            })  # fmt: skip
            rows.note_turns(connection, known.turns, at)
            rows.put_gatherings(connection, known.changed, known.fresh)
            rows.put_orders(connection, known.orders, at)
            rows.bury(connection, refused, at)
            if known.turns:
                _tell(connection, TAKEN, [_line(turn) for turn in known.turns], at)
            if refused:
                lines = [(one.stream_seq, one.digest, one.field) for one in refused]
                _tell(connection, REFUSED, lines, at)


def words_of(said: Signal) -> bytes:
    """Return what is sealed of a signal: everything that a person may have said."""
    return orjson.dumps(said.model_dump(mode="json"))


def read_words(text: bytes) -> Signal:
    """Return the signal of `words_of`."""
    return Signal.model_validate(orjson.loads(text))


def incident_key(incident_id: str) -> str:
    """Return whose key seals the words of an incident's signals in this store."""
    return f"signals:{incident_id}"


def day_key(at: datetime) -> str:
    """Return whose key seals what belongs to no incident, by the day (UTC) on which it came."""
    return f"signals:{at:%Y-%m-%d}"


def _key_subject(incident_id: str, at: datetime) -> str:
    return incident_key(incident_id) if incident_id else day_key(at)


def _reseal(connection: Connection, sealed: Mapping[str, tuple[str, bytes]]) -> None:
    if sealed:
        connection.execute(
            update(signal)
            .where(signal.c.id == bindparam("which"))
            .values(key_subject=bindparam("whose"), sealed=bindparam("words")),
            [
                {"which": one, "whose": whose, "words": text}
                for one, (whose, text) in sealed.items()
            ],
        )


def _buried(one: Delivery, vault: SubjectVault, at: datetime) -> rows.RefusedSignal:
    assert one.refused is not None
    digest = digest_of(one.body)
    sealed = vault.seal(day_key(at), one.body, digest.encode())
    no = one.refused
    return rows.RefusedSignal(
        one.stream_seq, digest, no.signal_id, one.sender, one.subject, no.field, no.reason,
        no.remedy, day_key(at), sealed,
    )  # fmt: skip


def _line(turn: Turn) -> tuple[str, str, str, str]:
    return turn.signal_id, turn.state, turn.incident_id, turn.because


def _tell(
    connection: Connection, act: str, lines: Sequence[Sequence[object]], at: datetime
) -> None:
    """Write the one entry of these lines: rows of `signal_turn`, or refused messages, of the
    instant."""
    record(
        connection,
        covering(SIGNALS, act, lines, at, who=Who("system", "system"), svc="signals"),
    )
