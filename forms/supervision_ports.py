"""The supervisors' boards and the census, as the roof hands them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cases.alarms import KeptAlarm
from cases.boards import Board, BoardQuery, Compared, Watching, WatchQuery
from cases.census_view import CensusView
from cases.delay_shares import SharedClock, ShareLine, ShareQuery
from cases.drilled import Drilled, DrillQuery
from cases.messages import Actor
from cases.oversight import WatchCounts, WatchedClock
from cases.refused import Refused, RefusedQuery
from forms.entrance_ports import (
    Visitor,
    Where,
)
from forms.reader_ports import File


class Census(Protocol):
    """The census of timers. Cases that the reader may not list are counted, never named."""

    def view(self, actor: Actor) -> CensusView: ...


class Supervision(Protocol):
    """The supervisors' board, its lists and its monthly report: over what the reader may list."""

    def board(self, actor: Actor, query: BoardQuery) -> Board:
        """Raises `cases.months.NoMonth` for months that are none."""
        ...

    def counts(self, actor: Actor, matter: str = "", department: str = "") -> WatchCounts:
        """How many cases have a clock in each state of watch; of a matter, a department."""
        ...

    def watching(self, actor: Actor, query: BoardQuery) -> Watching:
        """What runs now, of the query's matter and department: counts and the top of the lists."""
        ...

    def watched(
        self, actor: Actor, query: WatchQuery, size: int
    ) -> tuple[Sequence[WatchedClock], int]:
        """One page of running clocks, due soonest first, and the number of all."""
        ...

    def drilled(self, actor: Actor, query: DrillQuery, size: int) -> Drilled:
        """The rows behind a number. Raises `NoMonth`, `cases.drilled.NoDay` and `NoCount`."""
        ...

    def shares(self, actor: Actor, query: ShareQuery) -> Sequence[ShareLine]:
        """Whose the time was, by department and article. Raises `NoMonth`."""
        ...

    def shared_clocks(
        self, actor: Actor, query: ShareQuery, size: int
    ) -> tuple[Sequence[SharedClock], int]:
        """The clocks behind a share, and the number of all. Raises `NoMonth`."""
        ...

    def refused(self, actor: Actor, query: RefusedQuery, size: int) -> Refused:
        """Dispatches sent back and orders refused. Raises `NoMonth`."""
        ...

    def compared(self, actor: Actor, query: BoardQuery) -> Compared:
        """Departments side by side, this span and the one before. Raises `NoMonth`."""
        ...

    def alarms(self, actor: Actor) -> Sequence[KeptAlarm]:
        """Open alarms about the departments in which the reader holds a role and those below; all,
        of whoever holds one in the whole city. The oldest first."""
        ...

    def report(self, visitor: Visitor, where: Where, month: str) -> File:
        """The report of a month as PDF; its entry is committed before it is handed out."""
        ...
