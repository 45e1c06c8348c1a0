"""The plan's numbers counted a second time, from what happened: orders and events, each as the
entry of the log binds it.

`cases.plan_values` counts the rows that show how things stand (cases, clocks, incidents, projects,
totals). Nothing of that is read here: channel, rating and clock events are those of the settled
steps, an incident's instants those of its orders, money that of the fund's orders, a report that
of its row. An order counts where the log has its entry and what its row says is what the entry
binds; one that differs is named and counts for nothing. Days are walked one by one.

A case that ended under an older version of its calendar is walked by today's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection, select

from cases.fund_tables import fund_order
from cases.incident_tables import incident_event
from cases.plan.figures import Figure
from cases.plan_tables import plan_report
from cases.project_tables import project_event
from cases.projection import row_digest, value_digest
from cases.tables import clock_event, state, step
from catalogue.kpis import Kpis
from catalogue.words import PROCEDURES

YEAR: Final = timedelta(days=365)
QUARTER_HOUR: Final = timedelta(minutes=15)
CLOCKS: Final = timedelta(minutes=5)
"""So far an order's instant may lie after the entry's: clocks of doors (`activities.incidents`)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the log says of one settled order."""

    act: str
    at: datetime
    after: str
    why: str = ""


class Days(Protocol):
    """A calendar, as far as days are walked."""

    def is_working(self, day: date) -> bool: ...


@dataclass
class Recount:
    """What came of it."""

    figures: dict[str, Figure] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Orders that are not what the log binds, or of which it has no entry."""
    orders: int = 0
    """Orders that were read."""


def recount(
    connection: Connection,
    entries: Mapping[str, Entry],
    calendars: Mapping[str, Days],
    kpis: Kpis,
    zone: str,
    on: date,
    now: datetime,
) -> Recount:
    """Return every number as of the end of a day. `entries`: id → what the log says.

    Raises `LookupError` for a case whose calendar is not among `calendars`.
    """
    end = datetime.combine(on + timedelta(days=1), time(), ZoneInfo(zone))
    until = min(end, now)
    found, since = Recount(), until - YEAR
    bound = _Bound(entries, found)
    counts = {
        **_of_cases(connection, bound, calendars, since, until),
        "response": _of_incidents(connection, bound, since, until),
        "fund": (_of_fund(connection, bound), 1),
        "pilots": (_of_pilots(connection, bound, until), 1),
    }
    for kpi in kpis.kpis:
        if kpi.own and counts[kpi.source][1]:
            found.figures[kpi.code] = Figure(*counts[kpi.source], on)
    found.figures |= _reported(connection, bound, kpis, on)
    return found


@dataclass(frozen=True, slots=True)
class _Bound:
    """Tells whether an order is what its entry binds; notes what is not."""

    entries: Mapping[str, Entry]
    found: Recount

    def entry(self, what: str, key: str, after: str, act: str) -> Entry | None:
        self.found.orders += 1
        said = self.entries.get(key)
        if said is None:
            self.found.faults.append(f"{what}：日志没有这一步")
            return None
        if said.after != after or said.act != act:
            self.found.faults.append(f"{what}：与日志所记不符")
            return None
        return said

    def columns(self, what: str, digests: str, wanted: Mapping[str, str]) -> bool:
        """Whether the digests that the entry binds are those of these columns."""
        said = orjson.loads(digests)
        wrong = sorted(name for name, digest in wanted.items() if said.get(name) != digest)
        if wrong:
            self.found.faults.append(f"{what}：{'、'.join(wrong)} 与日志所记不符")
        return not wrong


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- cases ---------------------------------------------------------------------------------------


@dataclass
class _Case:
    """What the steps of one case say."""

    channel: str = ""
    grade: int = 0
    rated_at: datetime | None = None
    received_at: datetime | None = None
    told: list[Mapping[str, Any]] = field(default_factory=list)
    """Clock events, in the order in which they became known."""
    state_digest: str = ""


def _of_cases(
    connection: Connection,
    bound: _Bound,
    calendars: Mapping[str, Days],
    since: datetime,
    until: datetime,
) -> dict[str, tuple[int, int]]:
    good = rated = used = budget = 0
    matters: dict[str, set[str]] = {}
    for case_id, one in _cases(connection, bound):
        plan = _plan(connection, bound, case_id, one)
        if plan is None:
            continue
        if one.rated_at is not None and since <= one.rated_at < until:
            rated += 1
            good += one.grade in (1, 2, 3)
        received = one.received_at
        if plan["process"] == "approval" and received is not None and since <= received < until:
            matters.setdefault(plan["matter"], set()).add(one.channel)
        spent = _spent(plan, one.told, calendars[plan["calendar"]], since, until)
        used, budget = used + spent[0], budget + spent[1]
    online = sum(bool(one & {"computer", "mobile"}) for one in matters.values())
    return {
        "satisfaction": (good, rated),
        "approval_time": (used, budget),
        "online": (online, len(matters)),
        "window": (sum("window" in one for one in matters.values()), len(matters)),
    }


def _cases(connection: Connection, bound: _Bound) -> Iterator[tuple[str, _Case]]:
    s, c = step.c, clock_event.c
    steps = connection.execute(
        select(s.case_id, s.seq, s.verb, s.events, s.digests, s.entry_id)
        .order_by(s.case_id, s.seq)
    )  # fmt: skip
    told = connection.execute(
        select(clock_event).order_by(c.case_id, c.seq, c.n)
    ).mappings()  # fmt: skip
    clocks = _Told(dict(row) for row in told)
    for case_id, rows in groupby(steps, key=lambda row: str(row.case_id)):
        one = _Case()
        for row in rows:
            _read(bound, one, row, clocks.taken(case_id, row.seq))
        yield case_id, one


class _Told:
    """Clock events read beside the steps, both in the order of case and step."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._groups = groupby(rows, key=lambda row: (str(row["case_id"]), int(row["seq"])))
        self._next = self._after()

    def _after(self) -> tuple[tuple[str, int], list[Mapping[str, Any]]] | None:
        for key, rows in self._groups:
            return key, list(rows)
        return None

    def taken(self, case_id: str, seq: int) -> list[Mapping[str, Any]]:
        """Return the events of a step; those of steps that are not there are left out."""
        while self._next is not None and self._next[0] < (case_id, seq):
            self._next = self._after()
        if self._next is None or self._next[0] != (case_id, seq):
            return []
        rows, self._next = self._next[1], self._after()
        return rows


def _read(bound: _Bound, one: _Case, row: Any, told: Sequence[Mapping[str, Any]]) -> None:
    what = f"办件 {row.case_id} 第 {row.seq} 步"
    if bound.entry(what, row.entry_id, _sha256(row.digests), row.verb) is None:
        return
    wanted = {"step.events": value_digest(row.events)}
    wanted |= {f"clock_event[{each['n']}]": row_digest(each) for each in told}
    if not bound.columns(what, row.digests, wanted):
        return
    one.state_digest = orjson.loads(row.digests).get("case_state.state", "")
    one.told += told
    for event in orjson.loads(row.events):
        said = event.get("data", {})
        if event["kind"] == "filed":
            one.channel = said["channel"]
            one.received_at = _instant(said.get("received_at") or event["at"])
        elif event["kind"] == "receipt_confirmed":
            one.received_at = _instant(event["at"])
        elif event["kind"] == "rated":
            one.grade, one.rated_at = said["grade"], _instant(event["at"])


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _plan(connection: Connection, bound: _Bound, case_id: str, one: _Case) -> Any:
    """Return what of the matter was frozen into the case; None: not what the log binds."""
    text = connection.execute(
        select(state.c.state).where(state.c.case_id == case_id)
    ).scalar_one_or_none()
    if text is None or value_digest(text) != one.state_digest:
        bound.found.faults.append(f"办件 {case_id}：现状与日志所记不符")
        return None
    return orjson.loads(text)["plan"]


OVER: Final = ("refused_acceptance", "withdrawn", "closed")


def _spent(
    plan: Mapping[str, Any],
    told: Sequence[Mapping[str, Any]],
    calendar: Days,
    since: datetime,
    until: datetime,
) -> tuple[int, int]:
    """Return days used and allowed of the statutory period that a decision ended in the year."""
    unit = plan["statutory"]["unit"]
    ran = _last_run(plan, told)
    if ran is None or unit not in ("working_day", "on_the_spot"):
        return 0, 0
    start, end, kind, extensions = ran
    if kind not in ("decided", "closed") or not since <= end < until:
        return 0, 0
    zone = ZoneInfo(plan["zone"])
    pauses = _pauses(told, start, end)
    walk = _Walk(start, calendar, zone, pauses)
    parts = [(0 if unit == "on_the_spot" else int(plan["statutory"]["n"]), unit)]
    more = plan.get("extension") or {}
    for event in extensions[:1] if more else ():
        due = walk.due(parts)
        if due is None or event["at"] < datetime.combine(due + timedelta(days=1), time(), zone):
            detail = orjson.loads(event["detail"])
            parts.append((int(detail.get("n", more["n"])), detail.get("unit", more["unit"])))
    return walk.used(parts, end), sum(n for n, _ in parts)


def _last_run(
    plan: Mapping[str, Any], told: Sequence[Mapping[str, Any]]
) -> tuple[datetime, datetime, str, list[Mapping[str, Any]]] | None:
    """Return start, end, what ended it and its extensions; None: none ran, or it runs still."""
    from_receipt = plan.get("counts_from") == "receipt"
    run: tuple[datetime, list[Mapping[str, Any]]] | None = None
    ended: tuple[datetime, datetime, str, list[Mapping[str, Any]]] | None = None
    for event in told:
        kind, detail = event["kind"], orjson.loads(event["detail"])
        ends = kind == "decided" or kind in OVER or (from_receipt and kind == "noticed")
        if run is not None and ends:
            ended, run = (run[0], event["at"], kind, run[1]), None
        begins = kind in ("accepted", "deemed_accepted")
        if from_receipt:
            begins = kind == "received" or (kind == "supplied" and bool(detail.get("complete")))
        if begins:
            run, ended = (event["at"], []), None
        if run is not None and kind == "extended" and detail.get("clock") in (None, "statutory"):
            run[1].append(event)
    return ended


def _pauses(
    told: Sequence[Mapping[str, Any]], start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """Return when special procedures (行政许可法第四十五条) stopped the period: [from, until)."""
    found: list[list[Any]] = []
    for event in told:
        kind, detail = event["kind"], orjson.loads(event["detail"])
        procedure = detail.get("procedure")
        if isinstance(procedure, dict):
            ground, name = procedure.get("kind", ""), procedure.get("id")
        else:
            ground = detail.get("ground", detail.get("kind", ""))
            name = detail.get("name", procedure)
        name = str(name or ground)
        if kind == "paused" and ground in PROCEDURES.values():
            found.append([name, event["at"], None, True])
        for one in found:
            if one[0] == name and kind == "resumed" and one[2] is None and one[1] <= event["at"]:
                one[2] = event["at"]
            elif one[0] == name and kind in ("pause_disallowed", "pause_restored"):
                one[3] = kind == "pause_restored"
    return [
        (since, min(until or end, end))
        for _, since, until, lawful in found
        if lawful and since < end and (until is None or until > start)
    ]


@dataclass(frozen=True, slots=True)
class _Walk:
    """Days after the one on which a period began, one by one."""

    start: datetime
    calendar: Days
    zone: ZoneInfo
    pauses: Sequence[tuple[datetime, datetime]]

    def due(self, parts: Sequence[tuple[int, str]]) -> date | None:
        """Return its last day; None: it takes no day."""
        left = [n for n, _ in parts]
        day, last = self.start.astimezone(self.zone).date(), None
        while any(left):
            day += timedelta(days=1)
            part = next(place for place, n in enumerate(left) if n)
            if self._counts(day, parts[part][1]) and not self._stopped(day):
                left[part] -= 1
                last = day
        return last

    def used(self, parts: Sequence[tuple[int, str]], end: datetime) -> int:
        """Return how many days counted until the day of its end: beyond the last nothing stops."""
        due, count = self.due(parts), 0
        day, last = self.start.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        while day < last:
            day += timedelta(days=1)
            late = due is None or day > due
            spent, unit = 0, parts[-1][1]
            for n, of in parts:
                spent += n
                if count < spent:
                    unit = of
                    break
            count += self._counts(day, unit) and (late or not self._stopped(day))
        return count

    def _counts(self, day: date, unit: str) -> bool:
        return unit == "day" or self.calendar.is_working(day)

    def _stopped(self, day: date) -> bool:
        first = datetime.combine(day, time(), self.zone)
        after = datetime.combine(day + timedelta(days=1), time(), self.zone)
        return any(a < b and a < after and b > first for a, b in self.pauses)


# --- incidents, projects, money ------------------------------------------------------------------


def _of_incidents(
    connection: Connection, bound: _Bound, since: datetime, until: datetime
) -> tuple[int, int]:
    """Return seconds to the first signature, and how many incidents they are of."""
    e = incident_event.c
    query = select(
        e.incident_id, e.seq, e.kind, e.at, e.entry_id, e.after, e.recorded_at
    ).order_by(e.incident_id, e.seq)  # fmt: skip
    seconds = n = 0
    for key, rows in groupby(connection.execute(query), key=lambda row: str(row.incident_id)):
        first = _instants(bound, key, rows)
        reported = first.get("reported")
        if reported is None or "merged" in first or not since <= reported < until:
            continue
        if "dispatched" not in first and reported > until - QUARTER_HOUR:
            continue
        ends = [first[name] for name in ("signed", "over") if name in first and first[name] < until]
        end = ends[0] if ends else until
        seconds, n = seconds + max(0, int((end - reported).total_seconds())), n + 1
    return seconds, n


ENDING: Final[Mapping[str, str]] = {"close": "closed", "verify": "unfounded", "merge": "merged"}
"""Order that may end an incident → the stage that its entry then says."""


def _instants(bound: _Bound, key: str, rows: Iterable[Any]) -> dict[str, datetime]:
    """Return when an incident was reported, first sent out, first signed for, ended, merged."""
    first: dict[str, datetime] = {}
    latest = datetime.min.replace(tzinfo=UTC)
    for row in rows:
        what = f"事件 {key} 第 {row.seq} 步"
        said = bound.entry(what, row.entry_id, row.after, row.kind)
        if said is None:
            continue
        if said.at != row.recorded_at or row.at > said.at + CLOCKS:
            bound.found.faults.append(f"{what}：时刻与日志所记不符")
            continue
        # Of several doors' clocks none makes an order older than the one that it follows.
        latest = at = max(latest, row.at)
        if row.kind == "report":
            first["reported"] = at
        if said.why == "dispatched" and row.kind in ("report", "dispatch"):
            first.setdefault("dispatched", at)
        if row.kind == "acknowledge":
            first.setdefault("signed", at)
        if row.kind in ENDING and said.why == ENDING[row.kind]:
            first["over"] = at
            if row.kind == "merge":
                first["merged"] = at
    return first


def _of_pilots(connection: Connection, bound: _Bound, until: datetime) -> int:
    """Return pilot areas that were established by then and not terminated."""
    e = project_event.c
    query = (
        select(e.project_id, e.seq, e.kind, e.at, e.body, e.entry_id, e.after)
        .where(e.kind.in_(("establish", "terminate")))
        .order_by(e.project_id, e.seq)
    )
    stand: set[str] = set()
    for row in connection.execute(query):
        what = f"项目 {row.project_id} 第 {row.seq} 步"
        if bound.entry(what, row.entry_id, row.after, row.kind) is None:
            continue
        if row.kind == "terminate":
            stand.discard(row.project_id)
        elif orjson.loads(row.body)["template"] == "pilot_area" and row.at < until:
            stand.add(row.project_id)
    return len(stand)


def _of_fund(connection: Connection, bound: _Bound) -> int:
    """Return the sum of all allotments, in fen."""
    total = 0
    rows = connection.execute(select(fund_order).where(fund_order.c.verb == "fund_allot"))
    for row in rows.mappings():
        what = f"基金 {row['id']}"
        if bound.entry(what, row["entry_id"], _sha256(row["digests"]), "fund_allot") is None:
            continue
        wanted = {"fund_order.body": value_digest(row["body"])}
        if bound.columns(what, row["digests"], wanted):
            total += int(orjson.loads(row["body"])["amount_fen"])
    return total


# --- reports -------------------------------------------------------------------------------------


def _reported(connection: Connection, bound: _Bound, kpis: Kpis, on: date) -> dict[str, Figure]:
    """Return the newest report of each number that is reported, the last correction of its day."""
    newest: dict[str, tuple[str, int, Figure]] = {}
    for row in connection.execute(select(plan_report)).mappings():
        what = f"填报 {row['id']}"
        said = bound.entry(what, row["entry_id"], _sha256(row["digests"]), "plan_report")
        if said is None:
            continue
        wanted = {name: value_digest(value) for name, value in row.items() if name != "digests"}
        if not bound.columns(what, row["digests"], wanted):
            continue
        if said.why != row["kpi"]:
            bound.found.faults.append(f"{what}：指标与日志所记不符")
            continue
        day, kpi = date.fromisoformat(row["on_day"]), row["kpi"]
        place = (row["on_day"], row["revision"])
        if day <= on and place > newest.get(kpi, ("", 0))[:2]:
            newest[kpi] = (*place, Figure(row["numerator"], row["denominator"], day))
    reported = {one.code for one in kpis.kpis if not one.own}
    return {kpi: one[2] for kpi, one in newest.items() if kpi in reported}
