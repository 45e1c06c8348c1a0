"""What each case puts into the sums that boards show, and how sums follow cases that move.

A case is told by the same conditions that `cases.counting` counts rows by; only the adding up is
done ahead. Numbers are whole: amounts of days are kept in billionths, so that what was put in can
be taken out again to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection, RowMapping, and_, bindparam, delete, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from cases import counting
from cases.counting import DECIDED, IN_DAYS, Counted
from cases.months import month_at
from cases.seen import GROUP_COLUMNS, Group
from cases.tables import case, clock, clock_share
from cases.tally_cards import put_cards
from cases.tally_days import day_at, put_days
from cases.tally_process import put_process
from cases.tally_running import named, put_running, put_steps
from cases.tally_share import (
    BETWEEN,
    BY_DAY,
    DECIDED_CLOCK,
    DUTY,
    FIGURES,
    HAND,
    SHARES,
    Numbers,
    Share,
)
from cases.tally_tables import tally, tally_mark, tally_state, tally_sum

VERSION: Final = "4"
"""Of the counts. Whoever changes what is counted (here or in `cases.counting`) adds one: the sums
are made anew, and pages count rows meanwhile."""
BILLIONTHS: Final = 10**9
MOST: Final = 200
"""Cases put into the sums in one transaction: the store is locked for some tens of milliseconds."""

# --- what a case puts in -------------------------------------------------------------------------


def shares_of(connection: Connection, ids: Sequence[str], zone: str) -> dict[str, Share]:
    """Return what each of these cases puts in, from its rows; a case that is not there is not."""
    columns = (case.c.id, *(case.c[name] for name in GROUP_COLUMNS))
    rows = connection.execute(select(*columns).where(case.c.id.in_(ids)))
    found = {row[0]: Share(Group(*row[1:])) for row in rows}
    spot = counting.spot_digests(connection)
    for counted in (
        counting.ended(), counting.received(spot), counting.served(), counting.rated(),
    ):  # fmt: skip
        _figures(connection, found, counted, zone, by_day=True)
    _figures(connection, found, counting.cards(), zone, by_day=False)
    _in_hand(connection, found, zone)
    _duties(connection, found, zone)
    _divided(connection, found, zone)
    put_running(connection, found, zone)
    put_steps(connection, found, zone)
    put_process(connection, found, zone)
    put_days(connection, found, zone)
    put_cards(connection, found, zone)
    return found


def _figures(
    connection: Connection, found: Mapping[str, Share], counted: Counted, zone: str, *, by_day: bool
) -> None:
    for row, numbers in _told(connection, counted, list(found)):
        share, month = found[row["case_id"]], month_at(row["instant"], zone)
        for name, n in numbers.items():
            share.add(FIGURES, month, name, n)
        if by_day:
            day = day_at(row["instant"], zone)
            for name in counted.counts:
                share.add(BY_DAY, month, named(day, name), numbers.get(name, 0))


def _told(
    connection: Connection, counted: Counted, ids: Sequence[str]
) -> Iterator[tuple[RowMapping, Numbers]]:
    """Yield each row that counts, with what it counts as.

    `only` is asked as a column: as a condition, an index over all cases would answer it.
    """
    named = {**counted.counts, **{name: when for name, (_, when) in counted.amounts.items()}}
    amounts = [amount.label(f"of_{name}") for name, (amount, _) in counted.amounts.items()]
    query = (
        select(
            case.c.id.label("case_id"),
            counted.instant.label("instant"),
            counted.duty.label("duty"),
            counted.only.label("only"),
            *(condition.label(f"is_{name}") for name, condition in named.items()),
            *amounts,
        )
        .select_from(counted.source)
        .where(case.c.id.in_(ids))
    )
    for row in connection.execute(query).mappings():
        if row["only"] and row["instant"] is not None:
            numbers = {name: 1 for name in counted.counts if row[f"is_{name}"]}
            for name in counted.amounts:
                if row[f"is_{name}"]:
                    numbers[name] = int(row[f"of_{name}"] or 0)
            yield row, numbers


def _in_hand(connection: Connection, found: Mapping[str, Share], zone: str) -> None:
    """Tell from which month's end on a case was being handled, and late, and up to which."""
    query = select(clock.c.case_id, clock.c.started_at, clock.c.ended_at, clock.c.due_at).where(
        clock.c.case_id.in_(list(found)), clock.c.key == "promised"
    )
    for case_id, started_at, ended_at, due_at in connection.execute(query):
        share, began = found[case_id], month_at(started_at, zone)
        over = month_at(ended_at, zone) if ended_at is not None else ""
        if over and over <= began:
            continue  # over before its month was: in hand at no month's end
        share.add(HAND, began, "began", 1)
        if over:
            share.add(HAND, over, "over", 1)
        if due_at is None:
            continue
        # What is due with the last instant of a month is late at its end.
        late = max(began, month_at(due_at - timedelta(microseconds=1), zone))
        if not over or late < over:
            share.add(HAND, late, "late", 1)
            if over:
                share.add(HAND, over, "late_over", 1)


def _duties(connection: Connection, found: Mapping[str, Share], zone: str) -> None:
    for counted, names in ((counting.ended_steps(), None), (counting.cards(), ("yellow", "red"))):
        for row, numbers in _told(connection, counted, list(found)):
            month = month_at(row["instant"], zone)
            for name, n in numbers.items():
                if names is None or name in names:
                    key = f"{row['duty']}{BETWEEN}{name}"
                    found[row["case_id"]].add(DUTY, month, key, n)


def _divided(connection: Connection, found: Mapping[str, Share], zone: str) -> None:
    same = and_(clock_share.c.case_id == clock.c.case_id, clock_share.c.key == clock.c.key)
    query = (
        select(
            clock.c.case_id, clock.c.clock, clock.c.ended_at, clock.c.ended_by, clock.c.limit_unit,
            clock.c.on_time, clock_share.c.holder_kind, clock_share.c.holder, clock_share.c.paused,
            clock_share.c.amount,
        )
        .select_from(clock_share.join(clock, same))
        .where(clock_share.c.case_id.in_(list(found)))
    )  # fmt: skip
    clocks: set[tuple[str, str]] = set()
    for row in connection.execute(query):
        if row.ended_at is None or row.limit_unit not in IN_DAYS:
            continue
        share, month = found[row.case_id], month_at(row.ended_at, zone)
        n, late = round(row.amount * BILLIONTHS), row.on_time is not None and not row.on_time
        names = [row.clock]
        if row.clock == "promised" and row.ended_by in DECIDED:
            names.append(DECIDED_CLOCK)
        for name in names:
            key = BETWEEN.join((name, row.holder_kind, row.holder))
            share.add(SHARES, month, f"{key}{BETWEEN}{'paused' if row.paused else 'used'}", n)
            if late:
                share.add(
                    SHARES, month, f"{key}{BETWEEN}late_{'paused' if row.paused else 'used'}", n
                )
            if (row.case_id, key) not in clocks:
                clocks.add((row.case_id, key))
                share.add(SHARES, month, f"{key}{BETWEEN}clocks", 1)
                share.add(SHARES, month, f"{key}{BETWEEN}late_clocks", int(late))


# --- keeping -------------------------------------------------------------------------------------


def rules_of(zone: str) -> str:
    """Return by which rules sums are made now."""
    return f"{VERSION} {zone}"


def mark(connection: Connection, case_id: str) -> None:
    """Say that a case has moved; in the transaction that moves it."""
    connection.execute(insert(tally_mark).values(case_id=case_id))


def fold(connection: Connection, zone: str, most: int = MOST) -> int:
    """Put marked cases into the sums; return how many marks were worked off. The caller commits.

    Only one at a time may do so (a lease). Where the sums are of other rules, it begins anew: all
    cases are marked, and the sums count for nothing until each is in.
    """
    state = connection.execute(select(tally_state)).one_or_none()
    if state is None or state.rules != rules_of(zone):
        begin(connection, zone)
    query = select(tally_mark.c.id, tally_mark.c.case_id).order_by(tally_mark.c.id).limit(most)
    marks = connection.execute(query).all()
    if not marks:
        if state is not None and not state.is_whole:
            connection.execute(tally_state.update().values(is_whole=True))
        return 0
    put(connection, list(dict.fromkeys(row.case_id for row in marks)), zone)
    connection.execute(delete(tally_mark).where(tally_mark.c.id.in_([row.id for row in marks])))
    return len(marks)


def distrust(connection: Connection) -> None:
    """Let all sums be made anew: the worker begins with its next round, pages count rows until it
    is through. Safe beside it. The caller commits."""
    connection.execute(tally_state.update().values(rules="", is_whole=False))


def begin(connection: Connection, zone: str) -> None:
    """Forget all sums and mark every case."""
    for table in (tally_mark, tally_sum, tally, tally_state):
        connection.execute(delete(table))
    connection.execute(insert(tally_mark).from_select(["case_id"], select(case.c.id)))
    row = {"id": 0, "rules": rules_of(zone), "is_whole": False}
    connection.execute(insert(tally_state).values(row))


def put(connection: Connection, ids: Sequence[str], zone: str) -> None:
    """Make the sums say what the rows of these cases say now."""
    before, after = kept(connection, ids), shares_of(connection, ids, zone)
    change: dict[tuple[str, str, Group], Numbers] = {}
    for shares, sign in ((before, -1), (after, 1)):
        for share in shares.values():
            for part, months in share.said.items():
                for month, numbers in months.items():
                    one = change.setdefault((part, month, share.group), {})
                    for name, n in numbers.items():
                        one[name] = one.get(name, 0) + sign * n
    gone = [case_id for case_id in before if case_id not in after]
    if gone:
        connection.execute(delete(tally).where(tally.c.case_id.in_(gone)))
    moved = [
        {"case_id": case_id, **share.group.row(), "said": _text(share.said)}
        for case_id, share in after.items()
        if before.get(case_id) != share
    ]
    if moved:
        _upsert(connection, tally, moved)
    _change_sums(connection, {key: one for key, one in change.items() if any(one.values())})


def _change_sums(connection: Connection, change: Mapping[tuple[str, str, Group], Numbers]) -> None:
    keys = {(part, month, group.key): group for part, month, group in change}
    place = (tally_sum.c.part, tally_sum.c.month, tally_sum.c.group)
    there: dict[tuple[str, ...], Numbers] = {}
    listed = list(keys)
    for start in range(0, len(listed), MOST):
        query = select(*place, tally_sum.c.said).where(
            tuple_(*place).in_(listed[start : start + MOST])
        )
        there |= {tuple(row[:3]): orjson.loads(row[3]) for row in connection.execute(query)}
    rows, empty = [], []
    for (part, month, group), numbers in change.items():
        key = (part, month, group.key)
        known = there.get(key, {})
        for name, n in numbers.items():
            known[name] = known.get(name, 0) + n
        left = {name: n for name, n in known.items() if n}
        if left:
            own = {"part": part, "month": month, "group": group.key}
            rows.append({**own, **group.row(), "said": _text(left)})
        else:
            empty.append({"p": part, "m": month, "g": group.key})
    if rows:
        _upsert(connection, tally_sum, rows)
    if empty:
        connection.execute(
            delete(tally_sum).where(
                place[0] == bindparam("p"), place[1] == bindparam("m"), place[2] == bindparam("g")
            ),
            empty,
        )


def kept(connection: Connection, ids: Sequence[str]) -> dict[str, Share]:
    """Return what these cases have put in."""
    columns = (tally.c.case_id, *(tally.c[name] for name in GROUP_COLUMNS), tally.c.said)
    rows = connection.execute(select(*columns).where(tally.c.case_id.in_(ids)))
    return {row[0]: Share(Group(*row[1:7]), orjson.loads(row[7])) for row in rows}


def _text(said: object) -> str:
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()


def _upsert(connection: Connection, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    fresh: Any = sqlite.insert(table) if connection.dialect.name == "sqlite" else None
    fresh = postgresql.insert(table) if fresh is None else fresh
    upsert = fresh.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={c.name: fresh.excluded[c.name] for c in table.columns if not c.primary_key},
    )
    connection.execute(upsert, list(rows))


# --- proving -------------------------------------------------------------------------------------


def differing(
    connection: Connection, after: str, most: int, zone: str
) -> tuple[list[str], list[str]]:
    """Return the next cases by id, and those of them whose rows say otherwise than the sums know
    though nothing has marked them."""
    query = select(case.c.id).where(case.c.id > after).order_by(case.c.id).limit(most)
    ids = list(connection.execute(query).scalars())
    known, now = kept(connection, ids), shares_of(connection, ids, zone)
    wrong = [case_id for case_id in ids if known.get(case_id) != now.get(case_id)]
    marked = select(tally_mark.c.case_id).where(tally_mark.c.case_id.in_(wrong))
    excused = set(connection.execute(marked).scalars())
    return ids, [case_id for case_id in wrong if case_id not in excused]


def unequal_sums(connection: Connection) -> list[str]:
    """Return which sums are not what the cases have put in, by part, month and group."""
    wanted: dict[tuple[str, str, str], Numbers] = {}
    columns = (tally.c.case_id, *(tally.c[name] for name in GROUP_COLUMNS), tally.c.said)
    for row in connection.execution_options(yield_per=1_000).execute(select(*columns)):
        key = Group(*row[1:7]).key
        for part, months in orjson.loads(row[7]).items():
            for month, numbers in months.items():
                one = wanted.setdefault((part, month, key), {})
                for name, n in numbers.items():
                    one[name] = one.get(name, 0) + n
    wanted = {key: {name: n for name, n in one.items() if n} for key, one in wanted.items()}
    query = select(tally_sum.c.part, tally_sum.c.month, tally_sum.c.group, tally_sum.c.said)
    there = {tuple(row[:3]): orjson.loads(row[3]) for row in connection.execute(query)}
    keys = sorted(wanted.keys() | there.keys())
    return [" ".join(key) for key in keys if (wanted.get(key) or None) != there.get(key)]
