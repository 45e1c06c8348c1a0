"""The city's side of the witnesses: every signed head is brought to each of them, and an alarm
rings when one stays away.

Beside the sequencer, never in its way: a thread for each witness, so that the slowest delays
nobody, and the sealing goes on without any. What a witness says is believed under its key alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from audit.cosignatures import (
    Standing,
    forget_standing,
    keep_cosignature,
    keep_standing,
    last_cosigned,
    standings,
)
from audit.entry import What
from audit.logstore import LogDamaged, LogMissing, LogReader
from audit.merkle import consistency_proof
from audit.outbox import record
from audit.reading import reading
from audit.tables import audit_checkpoint
from audit.trust import PolicyInvalid, TrustedWitness, TrustPolicy
from audit.witness_ask import Cosigned, WitnessAway, WitnessRefuses, ask_witness
from audit.witness_wire import Question, spell_question
from yichuang.log_entries import draft_of_the_log

ABSENT: Final = "audit.witness_absent"
BACK: Final = "audit.witness_back"

ABSENT_AFTER: Final = timedelta(hours=1)
"""A witness that has not answered this long rings (audit.md §6.4); the sealing goes on."""

BY_FILE_AFTER: Final = timedelta(hours=25)
"""The same for a witness without an address, to whom files are carried: once a working day."""

AGAIN_AFTER: Final = timedelta(minutes=10)
"""A head that is the newest still is cosigned again: a cosignature says "as of this time", and a
reader who asks for one not older than an hour must find it."""

LOOK_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
POLICY_SECONDS: Final = 3.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The head that a witness is to cosign, its proof from where it was known to stand."""

    size: int
    old: int
    note: str
    proof: tuple[bytes, ...]

    @property
    def question(self) -> bytes:
        """The text of add-checkpoint."""
        return spell_question(self.old, self.proof, self.note)


class Cosigner:
    """Asks one witness after another question, round by round; `run` does it until stopped."""

    def __init__(
        self,
        log: Engine,
        *,
        absent_after: timedelta = ABSENT_AFTER,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        ask: Callable[..., Cosigned] = ask_witness,
    ) -> None:
        self._log, self._absent_after = log, absent_after
        self._clock, self._ask = clock, ask

    def round(self, witness: TrustedWitness) -> bool:
        """Ask a witness for its cosignature if one is wanted; return whether all is well with it.

        Keeps what it said, or what went wrong, and rings or silences its alarm.
        """
        name = witness.verifier.name
        if not witness.url:
            return self._carried(name)
        wanted = wanted_of(self._log, name, self._clock())
        if wanted is None:
            return True
        try:
            said = self._ask(
                witness.url,
                witness.verifier,
                size=wanted.size,
                note=wanted.note,
                old=wanted.old,
                prove=lambda old: wanted.proof if old == wanted.old else self._proof(old, wanted),
            )
        except WitnessAway as away:
            return self._missed(name, str(away), at_once=False)
        except WitnessRefuses as refuses:
            # Another history is remembered there: restored backup here, or a fork. No waiting.
            return self._missed(name, str(refuses), at_once=refuses.status in (409, 422))
        self.keep(name, wanted.size, said, wanted.note)
        return True

    def _carried(self, name: str) -> bool:
        now = self._clock()
        with reading(self._log) as connection:
            before = _standing(connection, name, now)
        if before.absent_at is not None:
            return False
        if now - before.silent_since <= BY_FILE_AFTER:
            return True
        return self._missed(name, "no file was brought", at_once=True, why="silent")

    def keep(self, name: str, size: int, said: Cosigned, note: str | None = None) -> None:
        """Keep a cosignature; a witness that had been away is back.

        Not on another head than the `note` it was asked for: the shard may have turned meanwhile.
        """
        now = self._clock()
        with self._log.begin() as connection:
            if note is None or note_of(connection, size) == note:
                keep_cosignature(connection, size, name, said.line, said.at)
            before = _standing(connection, name, now)
            if before.absent_at is not None:
                self._tell(connection, BACK, before, None)
            keep_standing(connection, replace(before, heard_at=now, absent_at=None, fault=""))

    def asked(self, names: set[str]) -> None:
        """Note from when each of these witnesses is asked, and forget those that are no longer."""
        now = self._clock()
        with reading(self._log) as connection:
            known = {one.name for one in standings(connection)}
        if known == names:
            return
        with self._log.begin() as connection:
            for name in names - known:
                keep_standing(connection, Standing(name, now))
            for name in known - names:
                forget_standing(connection, name)

    def _proof(self, old: int, wanted: Wanted) -> tuple[bytes, ...]:
        with reading(self._log) as connection:
            return _proof(LogReader(connection), old, wanted.size)

    def _missed(self, name: str, fault: str, *, at_once: bool, why: str = "refused") -> bool:
        now = self._clock()
        with self._log.begin() as connection:
            before = _standing(connection, name, now)
            after = replace(before, fault=fault[:400])
            if before.absent_at is None and (
                at_once or now - before.silent_since > self._absent_after
            ):
                after = replace(after, absent_at=now)
                self._tell(connection, ABSENT, after, why if at_once else "silent")
            keep_standing(connection, after)
        if after.fault != before.fault:
            _logger.warning("witness %s: %s", name, fault)
        return False

    def _tell(self, connection: Connection, act: str, standing: Standing, why: str | None) -> None:
        assert standing.absent_at is not None
        record(
            connection,
            draft_of_the_log(
                act=act,
                obj=What("witness", standing.name),
                command_id=f"witness {standing.name} {standing.absent_at.isoformat()}",
                why=why,
                res="error" if act == ABSENT else "ok",
            ),
        )


class Cosigning:
    """A thread for each witness of the city's policy, for as long as the policy has it."""

    def __init__(
        self, log: Engine, policy: Callable[[], TrustPolicy], cosigner: Cosigner | None = None
    ) -> None:
        self._policy, self._cosigner = policy, cosigner or Cosigner(log)
        self._running: dict[TrustedWitness, threading.Event] = {}

    def run(self, stop: threading.Event) -> None:
        """Keep the threads until stopped; a policy that cannot be read leaves them as they are."""
        while not stop.is_set():
            try:
                self._follow(self._policy())
            except (OSError, PolicyInvalid, SQLAlchemyError, LogMissing) as error:
                _logger.error("the policy of trust cannot be followed: %s", error)
            stop.wait(POLICY_SECONDS)
        for ended in self._running.values():
            ended.set()

    def _follow(self, policy: TrustPolicy) -> None:
        self._cosigner.asked({one.verifier.name for one in policy.witnesses})
        wanted = set(policy.witnesses)
        for gone in self._running.keys() - wanted:
            self._running.pop(gone).set()
        for witness in wanted - self._running.keys():
            ended = self._running[witness] = threading.Event()
            threading.Thread(
                target=self._keep_asking, args=(witness, ended), name="cosigner", daemon=True
            ).start()

    def _keep_asking(self, witness: TrustedWitness, ended: threading.Event) -> None:
        pause = LOOK_SECONDS
        while not ended.wait(pause):
            try:
                well = self._cosigner.round(witness)
            except (SQLAlchemyError, LogMissing, LogDamaged) as error:
                _logger.error("the log cannot be read for %s: %s", witness.name, error)
                well = False
            pause = LOOK_SECONDS if well else min(2 * pause, LONGEST_PAUSE_SECONDS)


def wanted_of(log: Engine, name: str, now: datetime, *, old: int | None = None) -> Wanted | None:
    """Return the head a witness is to cosign now; None when it has, or when none is signed.

    `old`: where the witness stands, if it is known better than from its last line.
    """
    with reading(log) as connection:
        reader = LogReader(connection)
        head, last = reader.last_checkpoint(), last_cosigned(connection, name)
        if head is None:
            return None
        if old is None:
            if last is not None and last[0] == head.size and now - last[1] < AGAIN_AFTER:
                return None
            old = last[0] if last is not None else 0
        return Wanted(head.size, old, head.note, _proof(reader, old, head.size))


def stored_head(log: Engine, question: Question, size: int) -> bool:
    """Whether the head of a question is the log's own of that size, as signed."""
    with reading(log) as connection:
        try:
            note = LogReader(connection).cosigned_note(size)
        except LogDamaged:
            return False
    return note.startswith(question.note)


def _proof(reader: LogReader, old: int, size: int) -> tuple[bytes, ...]:
    return tuple(consistency_proof(old, size, reader.node)) if 0 < old < size else ()


def note_of(connection: Connection, size: int) -> str | None:
    """Return the signed head of a size as it is stored, None where there is none."""
    return connection.scalar(select(audit_checkpoint.c.note).where(audit_checkpoint.c.size == size))


def _standing(connection: Connection, name: str, now: datetime) -> Standing:
    found = next((one for one in standings(connection) if one.name == name), None)
    return found or Standing(name, now)
