"""Looking ahead: what a version of a calendar, or of the rules that give cards, would move.

A preview is made before anybody signs and stands in rows, so that a signer sees exactly what is
signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol
from uuid import uuid5

from sqlalchemy import Engine
from temporalio import activity

from cases import approval, retiming
from cases.database import reading
from cases.messages import NAMESPACE
from cases.releases import Check, Proposal, Release, release_id
from cases.retiming import Counts, Digest, Direction, MovedDeadline, Preview, Seen, moves_by
from cases.state import Timer
from catalogue.working_days import Calendar

MOVES = "将变动的期限"
"""Name of the check that tells the counts of a calendar's preview; it forbids nothing."""
CARD_MOVES = "将变动的监察牌"
"""… and of that of rules."""


class Ahead(Protocol):
    """What makes previews of one kind of versions. Blocking; safe in any number of threads."""

    @property
    def insists(self) -> bool:
        """Whether nobody may sign without the digest of what they have seen."""
        ...

    def preview(self, command_id: str, one: Proposal | Release, direction: Direction) -> Preview:
        """Look at every open case that can be touched and keep what would move.

        Commits by pages; a preview that was not finished has no digest and cannot be signed. Made
        again under the same command id it replaces itself.
        """
        ...

    def is_current(self, preview: Preview, one: Release) -> bool:
        """Tell whether what counts is still that between which the preview compared."""
        ...

    def words(self, preview: Preview) -> str:
        """Return how many would move, in one Chinese sentence."""
        ...

    def check(self, preview: Preview) -> Check:
        """Return the same as a check of the gate."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """The calendars before and after a version counts, or ceases to."""

    name: str
    before: Mapping[str, Calendar]
    after: Mapping[str, Calendar]
    calendars: tuple[str, ...]
    """Names of those that differ."""
    first: date | None
    """The earliest day on which one of them does."""

    def version(self, which: Mapping[str, Calendar]) -> str:
        """Return what the released calendar is called on one side; empty: it is not there."""
        return which[self.name].version if self.name in which else ""


class Changes(Protocol):
    """What the calendars would be, as the worker knows it from the register."""

    def __call__(self, one: Proposal | Release, direction: Direction) -> Change: ...


@dataclass(frozen=True, slots=True)
class LookingAhead:
    """`Ahead` for calendars."""

    engine: Engine
    changes: Changes
    now: Callable[[], datetime]
    insists: bool = True

    def preview(self, command_id: str, one: Proposal | Release, direction: Direction) -> Preview:
        change = self.changes(one, direction)
        empty = replace(
            _empty(command_id, one, direction, self.now()),
            name=change.name,
            from_version=change.version(change.before),
            to_version=change.version(change.after),
            calendars=change.calendars,
            first=change.first,
        )
        with reading(self.engine) as connection:
            empty.counts.open_cases = retiming.count_open(connection, change.calendars)
        pages = retiming.open_cases(self.engine, change.calendars, change.first)
        return _made(self.engine, empty, pages, moves_by(change.after))

    def is_current(self, preview: Preview, one: Release) -> bool:
        change = self.changes(one, preview.direction)
        said = (change.version(change.before), change.version(change.after), change.calendars)
        return said == (preview.from_version, preview.to_version, preview.calendars)

    def words(self, preview: Preview) -> str:
        return preview.counts.words

    def check(self, preview: Preview) -> Check:
        return Check(MOVES, True, (self.words(preview),))


@dataclass(frozen=True, slots=True)
class CardChange:
    """The rules that give cards before and after a version counts, or ceases to."""

    before: str
    """What is in force now; empty: nothing."""
    after: str
    cards: Callable[[Seen], Sequence[Timer]]
    """The next cards of a case as they would be forecast afterwards."""


class CardChanges(Protocol):
    """What the forecasts would be, as the worker knows it from the register."""

    def __call__(self, one: Proposal | Release, direction: Direction) -> CardChange: ...


@dataclass(frozen=True, slots=True)
class CardsAhead:
    """`Ahead` for the rules that give cards."""

    engine: Engine
    changes: CardChanges
    now: Callable[[], datetime]
    insists: bool = False
    """The counts stand beside the text that is signed; the list is made anew where it is old."""

    def preview(self, command_id: str, one: Proposal | Release, direction: Direction) -> Preview:
        change = self.changes(one, direction)
        empty = replace(
            _empty(command_id, one, direction, self.now()),
            name=one.name,
            from_version=change.before,
            to_version=change.after,
        )
        with reading(self.engine) as connection:
            empty.counts.open_cases = retiming.count_open(connection)

        def moves(seen: Seen) -> Sequence[approval.Move]:
            return approval.moved_cards(seen.state, change.cards(seen))

        return _made(self.engine, empty, retiming.all_open_cases(self.engine), moves)

    def is_current(self, preview: Preview, one: Release) -> bool:
        change = self.changes(one, preview.direction)
        return (change.before, change.after) == (preview.from_version, preview.to_version)

    def words(self, preview: Preview) -> str:
        return preview.counts.card_words

    def check(self, preview: Preview) -> Check:
        return Check(CARD_MOVES, True, (self.words(preview),))


def _empty(
    command_id: str, one: Proposal | Release, direction: Direction, made_at: datetime
) -> Preview:
    return Preview(
        id=str(uuid5(NAMESPACE, f"retiming\n{command_id}")),
        release_id=one.id if isinstance(one, Release)
        else release_id(one.kind, one.name, one.version),
        release_digest=one.digest,
        direction=direction,
        name=one.name,
        from_version="",
        to_version="",
        calendars=(),
        first=None,
        made_at=made_at,
        digest="",
        counts=Counts(),
    )  # fmt: skip


def _made(
    engine: Engine,
    empty: Preview,
    pages: Iterable[list[Seen]],
    moves: Callable[[Seen], Sequence[approval.Move]],
) -> Preview:
    """Keep what moves, page by page, and return the preview with its digest."""
    counts = empty.counts
    digest = Digest(
        empty.release_id, empty.release_digest, empty.direction,
        empty.from_version, empty.to_version,
    )  # fmt: skip
    with engine.begin() as connection:
        retiming.begin(connection, empty)

    def keep(found: list[MovedDeadline]) -> None:
        with engine.begin() as connection:
            retiming.put(connection, empty.id, counts.deadlines, found)
        if activity.in_activity():
            activity.heartbeat(counts.looked_at)

    for one in retiming.moved_deadlines(pages, moves, counts, keep):
        digest.add(one)
        counts.add(one, empty.made_at)
    made = replace(empty, digest=digest.hex())
    with engine.begin() as connection:
        retiming.complete(connection, made)
    return made
