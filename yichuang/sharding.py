"""The half-year's turn of the log: when it is due, what the final head should have, who is told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from audit import shards
from audit.logstore import LogMoved, LogReader, LogState, StoredCheckpoint
from audit.notes import NoteInvalid
from audit.origins import Half, Origin
from audit.outbox import ClockWentBack, StreamMoved
from audit.sequencer import Sequencer
from audit.signer import SignerUnavailable
from audit.tables import audit_checkpoint
from audit.timestamps import AuthorityAway, TokenInvalid, TokenUnchecked
from audit.trust import NONE, PolicyInvalid
from cases.database import StoreUnwritable, reading
from yichuang.anchoring import AnchorRefused, stamp
from yichuang.log_keys import KeySigner, publish_keys
from yichuang.settings import Settings
from yichuang.trusting import city_policy

LOOK_EVERY_SECONDS = 30.0
"""How often the sequencer looks at the calendar."""

AGAIN_SECONDS = 600.0
"""After a turn that could not be done."""

COSIGNED_WITHIN = timedelta(seconds=30)
"""How long the final head waits for its witnesses. Nothing is appended meanwhile: entries wait in
the outboxes, where they are safe, so that it is short. What comes later is marked as lacking."""

_log = logging.getLogger("yichuang.sharding")


def half_of(settings: Settings, moment: datetime) -> Half:
    """Return the half-year of a moment in the city's legal time."""
    return Half.of(moment.astimezone(ZoneInfo(settings.zone)).date())


def first_origin(settings: Settings, now: datetime) -> str:
    """Return the name of the shard that a log founded now begins with."""
    return str(Origin.parse(settings.origin).of_half(half_of(settings, now)))


def due(settings: Settings, log: Engine, now: datetime) -> Origin | None:
    """Return the shard that should be open and is not; None if the open one is the right one.

    A log from before the shards, whose name has no half-year, is of the half of its first head.
    """
    with reading(log) as connection:
        open_one = Origin.parse(LogReader(connection).state().origin)
        first = connection.scalar(select(func.min(audit_checkpoint.c.sealed_at)))
    half = open_one.half
    if half is None:
        half = half_of(settings, first.replace(tzinfo=first.tzinfo or UTC)) if first else None
    here = half_of(settings, now)
    return None if half is None or half >= here else open_one.of_half(here)


def next_shard(settings: Settings, log: Engine, now: datetime) -> Origin:
    """Return the shard of now, to be opened by hand; whether it is a later one the turn says."""
    with reading(log) as connection:
        open_one = Origin.parse(LogReader(connection).state().origin)
    return open_one.of_half(half_of(settings, now))


def turn(
    settings: Settings,
    log: Engine,
    sequencer: Sequencer,
    opening: Origin,
    now: Callable[[], datetime],
    *,
    within: timedelta = COSIGNED_WITHIN,
    observe: Callable[[str], None] = lambda _step: None,
) -> LogState:
    """Close the open shard and open `opening`; see `audit.shards.turn` for what is raised."""

    def lacking(head: StoredCheckpoint) -> Sequence[str]:
        return [*_unwitnessed(settings, log, head, within), *_untokened(settings, log, head)]

    return shards.turn(log, sequencer, opening, now, lacking=lacking, observe=observe)


def publish(settings: Settings, signers: Sequence[KeySigner]) -> bool:
    """Put the keys of the open shard into the policy, if they are not there yet.

    Raises `SignerUnavailable`, `audit.trust.PolicyInvalid`, `OSError`.
    """
    changed = [publish_keys(settings, signer.keys()) for signer in signers]
    return any(changed)


class Turning:
    """Looks, now and then, whether the half-year has turned, and does what is due. Called between
    two rounds of the sequencer, in its thread."""

    def __init__(
        self,
        settings: Settings,
        log: Engine,
        sequencer: Sequencer,
        signers: Sequence[KeySigner],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings, self._log, self._sequencer = settings, log, sequencer
        self._signers, self._now = signers, now
        self._not_before = float("-inf")

    def __call__(self) -> None:
        """Do what is due. What is only *not now* is told in the process's log and tried again."""
        if time.monotonic() < self._not_before:
            return
        self._not_before = time.monotonic() + LOOK_EVERY_SECONDS
        try:
            self._step()
        except (LogMoved, SignerUnavailable, ClockWentBack, StreamMoved) as error:
            _log.warning("the shard is not turned yet: %s", error)
        except (SQLAlchemyError, StoreUnwritable, OSError, PolicyInvalid) as error:
            self._not_before = time.monotonic() + AGAIN_SECONDS
            _log.error("the shard cannot be turned, the open one goes on: %s", error)

    def _step(self) -> None:
        opening = due(self._settings, self._log, self._now())
        if opening is not None:
            state = turn(self._settings, self._log, self._sequencer, opening, self._now)
            _log.info("the log goes on in the shard %s", state.origin)
        # Each time: the signer of a second tree hears of the turn a round later.
        publish(self._settings, self._signers)


def _unwitnessed(
    settings: Settings, log: Engine, head: StoredCheckpoint, within: timedelta
) -> list[str]:
    policy = city_policy(settings)
    until = time.monotonic() + (0 if policy.quorum == NONE else within.total_seconds())
    while True:
        with reading(log) as connection:
            note = LogReader(connection).cosigned_note(head.size)
        try:
            if policy.open(note).witnessed:
                return []
        except NoteInvalid as error:
            _log.error("the final head is not believed by our own policy: %s", error)
            return ["unwitnessed"]
        if time.monotonic() >= until:
            return ["unwitnessed"]
        time.sleep(0.2)


def _untokened(settings: Settings, log: Engine, head: StoredCheckpoint) -> list[str]:
    with reading(log) as connection:
        if LogReader(connection).anchor_over(head.size) is not None:
            return []
    try:
        stamp(settings, log)
    except (AuthorityAway, TokenInvalid, TokenUnchecked, AnchorRefused, ValueError) as error:
        _log.warning("the final head has no time-stamp token: %s", error)
        return ["untokened"]
    return []
