"""Whether kept sums are what the cases' rows say: every case and every sum, none taken on trust."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from cases.tables import case
from cases.tally import differing, rules_of, unequal_sums
from cases.tally_tables import tally, tally_mark, tally_state

AT_ONCE = 500
"""Cases summed anew by one set of queries."""


@dataclass(frozen=True, slots=True)
class SumsFound:
    """What a check found."""

    is_whole: bool
    """Every case is in the sums, by the rules of now: boards add them up. Otherwise rows are
    counted, and what follows says nothing yet."""
    cases: int
    marked: int
    """Of them moved since they were summed: their rows are read, whatever the sums say."""
    differing: tuple[str, ...]
    """Numbers of cases whose rows say otherwise than the sums know, though nothing marked them."""
    strangers: tuple[str, ...]
    """Ids in the sums that no case has."""
    unequal: tuple[str, ...]
    """Sums that are not what their cases have put in: part, month, group."""

    @property
    def is_well(self) -> bool:
        """Nothing is wrong. Sums that are not whole yet are no fault: no page uses them."""
        return not (self.differing or self.strangers or self.unequal)


def checked(connection: Connection, zone: str) -> SumsFound:
    """Hold all sums to all rows. The connection must see one moment (`cases.database.one_moment`).

    Some half a millisecond of CPU for each case.
    """
    state = connection.execute(select(tally_state)).one_or_none()
    is_whole = state is not None and state.is_whole and state.rules == rules_of(zone)
    marked = select(func.count(tally_mark.c.case_id.distinct()))
    n, waiting = 0, int(connection.execute(marked).scalar_one())
    if state is None or state.rules != rules_of(zone):
        n = int(connection.execute(select(func.count()).select_from(case)).scalar_one())
        return SumsFound(False, n, waiting, (), (), ())
    last, wrong = "", list[str]()
    while True:
        ids, those = differing(connection, last, AT_ONCE, zone)
        n, wrong = n + len(ids), wrong + those
        if len(ids) < AT_ONCE:
            break
        last = ids[-1]
    gone = select(tally.c.case_id).where(tally.c.case_id.not_in(select(case.c.id)))
    return SumsFound(
        is_whole,
        n,
        waiting,
        _numbers(connection, wrong),
        tuple(connection.execute(gone.order_by(tally.c.case_id)).scalars()),
        tuple(unequal_sums(connection)),
    )


def _numbers(connection: Connection, ids: list[str]) -> tuple[str, ...]:
    found: list[str] = []
    for start in range(0, len(ids), AT_ONCE):
        query = select(case.c.case_no).where(case.c.id.in_(ids[start : start + AT_ONCE]))
        found += connection.execute(query.order_by(case.c.case_no)).scalars()
    return tuple(found)
