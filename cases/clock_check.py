"""The clocks' rows against the ledgers: derived again from events and calendar, case by case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, exists, select

from cases import approval, tables
from cases.case_view import clock_event_of
from cases.clock_rows import differences, refresh
from cases.clocks.lines import ClockLine, lines
from cases.database import reading
from cases.state import CaseState
from catalogue.working_days import Calendar

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Differing:
    """A case whose rows are not what its ledgers say."""

    case_id: str
    case_no: str
    found: tuple[str, ...]


def lines_of(
    connection: Connection, case_id: str, calendars: Mapping[str, Calendar]
) -> tuple[ClockLine, ...]:
    """Return the lines of a case as its stored events and today's calendar make them.

    Raises `LookupError` where there is no such case.
    """
    state_table, events = tables.state, tables.clock_event
    text = connection.execute(
        select(state_table.c.state).where(state_table.c.case_id == case_id)
    ).scalar()
    if text is None:
        raise LookupError(f"no case {case_id}")
    plan = CaseState.model_validate_json(text).plan
    told = connection.execute(
        select(events).where(events.c.case_id == case_id).order_by(events.c.seq, events.c.n)
    )
    clock = tuple(clock_event_of(row) for row in told)
    return lines(approval.clock_rules(plan), clock, calendars[plan.calendar], plan)


def check(engine: Engine, calendars: Mapping[str, Calendar]) -> Iterator[Differing]:
    """Yield every case whose clock rows differ from its ledgers. Writes nothing.

    What a case that has ended used was counted by the calendar of its time, and stays so.
    """
    for batch in _batches(engine):
        with reading(engine) as connection:
            for case_id, case_no in batch:
                derived = lines_of(connection, case_id, calendars)
                found = differences(connection, case_id, derived)
                if found and not _is_of_another_time(connection, case_id, derived):
                    yield Differing(case_id, case_no, tuple(found))


def _is_of_another_time(connection: Connection, case_id: str, derived: Sequence[ClockLine]) -> bool:
    """Tell whether the case has ended, and by another version of its calendar."""
    case, clock = tables.case, tables.clock
    if connection.execute(select(case.c.is_open).where(case.c.id == case_id)).scalar():
        return False
    versions = select(clock.c.calendar_version).where(clock.c.case_id == case_id)
    now = {line.calendar_version for line in derived}
    return not set(connection.execute(versions).scalars()) <= now


def mend(engine: Engine, calendars: Mapping[str, Calendar], case_id: str) -> list[str]:
    """Make the rows of one case what its ledgers say, in one transaction; return what differed."""
    with engine.begin() as connection:
        # On PostgreSQL a step of the same case must wait, or be waited for.
        held = select(tables.case.c.id).where(tables.case.c.id == case_id).with_for_update()
        connection.execute(held)
        return refresh(connection, case_id, lines_of(connection, case_id, calendars))


def without_rows(engine: Engine) -> list[str]:
    """Return the cases that have no clock row at all, though they were filed: older than these."""
    case, clock, event = tables.case, tables.clock, tables.clock_event
    query = select(case.c.id).where(
        ~exists().where(clock.c.case_id == case.c.id),
        exists().where(event.c.case_id == case.c.id),
    )
    with reading(engine) as connection:
        return [row[0] for row in connection.execute(query)]


def _batches(engine: Engine) -> Iterator[Sequence[tuple[str, str]]]:
    case, last = tables.case, ""
    while True:
        query = select(case.c.id, case.c.case_no).where(case.c.id > last).order_by(case.c.id)
        with reading(engine) as connection:
            rows = [(row[0], row[1]) for row in connection.execute(query.limit(AT_ONCE))]
        if not rows:
            return
        yield rows
        last = rows[-1][0]
