"""Target times of a city's service requests: ours from the type and a calendar, against the city's.

Form: a CSV (also gzipped) with the columns of Boston's 311 requests, or the folder with it. The
limits stand in `boston311.yaml`, the working days in `boston.yaml`; `TARGET_DT` is compared with,
never an input. A request outside office hours is taken as made when the office next opens; a period
ends on the day that the clock says, at the time of day at which it began.

The published file has every time moved once too often by the zone's offset: a local time was taken
for UTC and made local again. The office's 08:30 therefore reads 04:30 in summer and 03:30 in winter
(the targets that the set's README leaves out), and a period in days that crosses the change of
clocks is an hour off. `local_time` moves it back.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from benchmarks.known import Known, KnownUnreadable
from cases.clock import Calendar, due_at
from catalogue.marks import Fault
from catalogue.reading import read_calendar
from catalogue.words import in_english

HERE = Path(__file__).parent
NEEDED = ("CASE_ENQUIRY_ID", "OPEN_DT", "TARGET_DT", "CLOSED_DT", "OnTime_Status", "TYPE")
ENOUGH = 25
"""A type with fewer rows that have a target is told apart, as in the set's README."""
MINUTE = timedelta(minutes=1)
AS_LOCAL_IN_README = (time(3, 30), time(4, 30))
"""Targets that the set's README leaves out."""
PUBLISHED = {
    "Traffic Signal Inspection": "95/95",
    "Tree Maintenance Requests": "88/88",
    "Unshoveled Sidewalk": "74/75",
    "Rodent Activity": "73/82",
}
"""What the set's README measured on all of its 4,995 rows."""
PUBLISHED_OVERALL = "2005/3903"
"""The same, 29 types of at least 25 rows."""


class Level(BaseModel):
    """How long the city gives itself for one type of request."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    n: int = Field(ge=0, alias="时限")
    unit: Literal["day", "working_day"] = Field(alias="单位")


class Levels(BaseModel):
    """The file of a city's service levels."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    zone: str = Field(alias="时区")
    limits: dict[str, Level] = Field(alias="时限")


@dataclass(frozen=True, slots=True)
class Request:
    """One row. Times are those of the city's clocks, naive."""

    id: str
    type: str
    opened: datetime
    closed: datetime | None
    target: datetime | None
    left_out_in_readme: bool
    shown_target_after: timedelta | None
    """From opening to target as the file shows them, its shift of zone not put right."""
    verdict: str
    """ONTIME, OVERDUE, or blank."""


def run(path: Path) -> Known:
    """Return for how many requests the target time is the city's own, to the minute."""
    levels, calendar = read_levels(HERE / "boston311.yaml"), read_hours(HERE / "boston.yaml")
    requests = list(read_requests(path, levels.zone))
    if not requests:
        raise KnownUnreadable(f"{path}：没有一行")
    sizes = Counter(request.type for request in requests if request.target is not None)
    ours = targets_of(requests, levels, calendar)
    compared = [r for r in requests if r.id in ours and sizes[r.type] >= ENOUGH]
    thin = [r for r in requests if r.id in ours and sizes[r.type] < ENOUGH]
    wrong = [request for request in compared if not is_met(request, ours)]
    report = _report(requests, compared, thin, ours, levels)
    # Where the city's own system had not been told the year's holidays, its targets show it.
    untold = targets_of(wrong, levels, replace(calendar, off=frozenset()))
    report["equal_if_no_holiday_were_known"] = sum(is_met(request, untold) for request in wrong)
    return Known(
        len(compared),
        len(compared) - len(wrong),
        [_said(request, ours[request.id]) for request in wrong],
        report,
        list(_lines(report)),
    )


def read_levels(path: Path) -> Levels:
    """Return the limits of a file."""
    return Levels.model_validate(in_english(yaml.safe_load(path.read_text("utf-8"))))


def read_hours(path: Path) -> Calendar:
    """Return the calendar of a file. Raises `KnownUnreadable` with its faults."""
    faults: list[Fault] = []
    found = read_calendar(path.read_text("utf-8"), path.name, faults)
    if found is None:
        raise KnownUnreadable("\n".join(str(fault) for fault in faults))
    return found[0]


def targets_of(
    requests: Iterable[Request], levels: Levels, calendar: Calendar
) -> dict[str, datetime]:
    """Return our target (naive, local) by request, where there is a limit and the city's own."""
    return {
        request.id: target_of(request.opened, levels.limits[request.type], calendar, levels.zone)
        for request in requests
        if request.target is not None and request.type in levels.limits
    }


def target_of(opened: datetime, level: Level, calendar: Calendar, zone: str) -> datetime:
    """Return when the city must have done with a request that came at a local time (naive)."""
    began = opened if level.unit == "day" else in_office(opened, calendar)
    due = due_at(began.replace(tzinfo=ZoneInfo(zone)), [level], calendar, zone)
    assert due is not None, "nothing stops these"
    return datetime.combine(due.day, began.time())


def in_office(local: datetime, calendar: Calendar) -> datetime:
    """Return the same local time within office hours, else when the office opens next."""
    if calendar.is_working(local.date()):
        for opens, closes in calendar.hours:
            if local.time() < closes:
                return max(local, datetime.combine(local.date(), opens))
    following = calendar.nth(calendar.count(local.toordinal()) + 1)
    return datetime.combine(date.fromordinal(following), calendar.hours[0][0])


def is_met(request: Request, ours: Mapping[str, datetime]) -> bool:
    """Tell whether our target is less than a minute from the city's."""
    return request.target is not None and abs(ours[request.id] - request.target) < MINUTE


def local_time(text: str, zone: str) -> datetime:
    """Return the time on the city's clocks (naive) of a time in the file: moved back once."""
    shown = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return shown.astimezone(UTC).replace(tzinfo=None)


def read_requests(path: Path, zone: str) -> Iterator[Request]:
    """Yield the rows of a CSV (also gzipped), or of the only one of a folder.

    Raises `KnownUnreadable` with file and line.
    """
    if path.is_dir():
        found = sorted([*path.glob("*.csv"), *path.glob("*.csv.gz")])
        if len(found) != 1:
            raise KnownUnreadable(f"{path}：应只有一个 .csv 或 .csv.gz，找到 {len(found)} 个")
        path = found[0]
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as broken:
        raise KnownUnreadable(f"{path}：读不出来（{broken}）") from broken
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [column for column in NEEDED if column not in (reader.fieldnames or ())]
    if missing:
        raise KnownUnreadable(f"{path}：第 1 行缺少列 {'、'.join(missing)}")
    for row in reader:
        try:
            yield _request(row, zone)
        except ValueError as broken:
            raise KnownUnreadable(f"{path}：第 {reader.line_num} 行读不懂（{broken}）") from broken


def _request(row: Mapping[str, str], zone: str) -> Request:
    target, closed = row["TARGET_DT"], row["CLOSED_DT"]
    shown = datetime.fromisoformat
    return Request(
        id=row["CASE_ENQUIRY_ID"],
        type=row["TYPE"],
        opened=local_time(row["OPEN_DT"], zone),
        closed=local_time(closed, zone) if closed else None,
        target=local_time(target, zone) if target else None,
        left_out_in_readme=bool(target) and shown(target).time() in AS_LOCAL_IN_README,
        shown_target_after=shown(target) - shown(row["OPEN_DT"]) if target else None,
        verdict=row["OnTime_Status"],
    )


def _report(
    requests: Iterable[Request],
    compared: list[Request],
    thin: list[Request],
    ours: Mapping[str, datetime],
    levels: Levels,
) -> dict[str, JsonValue]:
    """Return the matches per type, what was left out and why, and the verdicts."""
    given = {r.id: r.target for r in requests if r.target is not None}
    return {
        "types": [
            _type_row(name, [r for r in compared if r.type == name], ours, levels.limits[name])
            for name, _ in Counter(r.type for r in compared).most_common()
        ],
        "published_overall": PUBLISHED_OVERALL,
        "without_0330_0430": _share([r for r in compared if not r.left_out_in_readme], ours),
        "only_0330_0430": _share([r for r in compared if r.left_out_in_readme], ours),
        "types_of_fewer_than_25_rows": _share(thin, ours),
        "left_out": {
            "no_target": sum(r.target is None for r in requests),
            "type_without_a_limit": sum(r.id in given and r.id not in ours for r in requests),
            "types_of_fewer_than_25_rows": len(thin),
        },
        "verdict_from_the_given_target": _verdicts(requests, given),
        "verdict_from_our_target": _verdicts(compared, ours),
    }


def _type_row(
    name: str, requests: list[Request], ours: Mapping[str, datetime], level: Level
) -> dict[str, JsonValue]:
    exact = [request for request in requests if not request.left_out_in_readme]
    return {
        "type": name,
        "limit": f"{level.n} {level.unit}",
        **_share(requests, ours),
        "without_0330_0430": _share(exact, ours),
        "published": PUBLISHED.get(name),
        "by_readme_rule": _by_readme_rule(requests, ours, level) if level.unit == "day" else None,
    }


def _by_readme_rule(
    requests: list[Request], ours: Mapping[str, datetime], level: Level
) -> dict[str, JsonValue]:
    """Return on how many of these rows the README's own rule is right, and ours is not.

    Its rule for a type in calendar days: so many days of 24 hours between the times as shown.
    """
    after = timedelta(days=level.n)
    met = [
        request
        for request in requests
        if request.shown_target_after is not None
        and abs(request.shown_target_after - after) < MINUTE
    ]
    return {"equal": len(met), "not_ours": sum(not is_met(request, ours) for request in met)}


def _share(requests: list[Request], ours: Mapping[str, datetime]) -> dict[str, JsonValue]:
    return {"rows": len(requests), "equal": sum(is_met(request, ours) for request in requests)}


def _verdicts(requests: Iterable[Request], targets: Mapping[str, datetime]) -> dict[str, JsonValue]:
    """Return how many of the city's verdicts a target gives too; blank ones are left out."""
    told = [r for r in requests if r.id in targets and r.closed is not None and r.verdict]
    equal = Counter(
        r.verdict
        for r in told
        if r.closed is not None
        and r.verdict == ("ONTIME" if r.closed <= targets[r.id] else "OVERDUE")
    )
    return {"rows": len(told), "equal": equal.total(), **dict(sorted(equal.items()))}


def _said(request: Request, ours: datetime) -> str:
    return f"{request.id} {request.type}: ours {ours}, the city's {request.target}"


def _lines(report: Mapping[str, JsonValue]) -> Iterator[str]:
    """Yield the report for people."""
    types = report["types"]
    assert isinstance(types, list)
    for row in types:
        assert isinstance(row, dict)
        published = f"（数据集自述 {row['published']}）" if row["published"] else ""
        rule = row["by_readme_rule"]
        theirs = f"，按自述的规则 {rule['equal']}/{row['rows']}" if isinstance(rule, dict) else ""
        yield f"{row['type']}：{row['limit']}，{row['equal']}/{row['rows']}{published}{theirs}"
    for name, value in report.items():
        if isinstance(value, int):
            yield f"{name}: {value}"
        elif isinstance(value, dict):
            yield f"{name}: " + ", ".join(f"{key} {count}" for key, count in value.items())
