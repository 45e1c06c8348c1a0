"""Working days and deadlines of China, day by day, against tables that others published.

Form: a CSV (also gzipped) with a row for every day, `date` and a column that ends in `off` (1 day
off, 0 worked), or the JSON of NateScarlet/holiday-cn (years in one file). For each day of the table
and each N the N-th working day after it is counted one by one in the table; ours comes from
`cases.clock.due_at` and the calendar that ships. Where the table ends before the N-th day there is
nothing to count, and our answer must say that it is provisional or lies past the table's end.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.known import Known, KnownUnreadable
from cases.clock import due_at
from catalogue.holiday_cn import read_notices
from catalogue.load import load_catalogue
from catalogue.marks import Fault
from catalogue.matters import Limit
from catalogue.working_days import Calendar

LENGTHS = (1, 5, 10, 20, 30, 45, 60)
ZONE = "Asia/Shanghai"
NOON = 12


def run(path: Path) -> Known:
    """Return for how many days and N the deadline is the published one."""
    working = _published(path)
    calendar = load_catalogue().calendars["cn"]
    days = sorted(working)
    following = [day for day in days if working[day]]
    place = 0
    cases, differences = 0, []
    for day in days:
        while place < len(following) and following[place] <= day:
            place += 1
        for n in LENGTHS:
            cases += 1
            expected = following[place + n - 1] if place + n <= len(following) else None
            wrong = _wrong(calendar, day, n, expected, days[-1])
            if wrong:
                differences.append(wrong)
    return Known(cases, cases - len(differences), differences)


def _wrong(calendar: Calendar, day: date, n: int, expected: date | None, last: date) -> str:
    start = datetime(day.year, day.month, day.day, NOON, tzinfo=ZoneInfo(ZONE))
    due = due_at(start, [Limit(n=n, unit="working_day", basis="XKF-82")], calendar, ZONE)
    assert due is not None
    if expected is None:
        right = due.day > last and due.provisional == (due.day > calendar.horizon)
    else:
        right = due.day == expected and due.provisional == (expected > calendar.horizon)
    said = f"{due.day}{' provisional' if due.provisional else ''}"
    return "" if right else f"{day} + {n}: ours {said}, published {expected or 'after the end'}"


def _published(path: Path) -> Mapping[date, bool]:
    """Return for every day of the table whether it is worked. Raises `KnownUnreadable`."""
    file = _file(path)
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    text = content.decode("utf-8")
    working = _of_json(text, file.name) if ".json" in file.suffixes else _of_csv(text)
    if not working:
        raise KnownUnreadable("表中没有日子：应有 date 列和以 off 结尾的列，或 holiday-cn 的 JSON")
    return working


def _file(path: Path) -> Path:
    if path.is_file():
        return path
    for pattern in ("calendar_*.csv.gz", "*.csv.gz", "holiday-cn*.json"):
        found = sorted(path.glob(pattern))
        if found:
            return found[0]
    raise KnownUnreadable(f"{path} 里没有 calendar_*.csv.gz 或 holiday-cn*.json")


def _of_csv(text: str) -> dict[date, bool]:
    rows = csv.DictReader(io.StringIO(text))
    column = next((name for name in rows.fieldnames or () if name.endswith("off")), None)
    if column is None or "date" not in (rows.fieldnames or ()):
        return {}
    return {date.fromisoformat(row["date"]): row[column] == "0" for row in rows}


def _of_json(text: str, name: str) -> dict[date, bool]:
    faults: list[Fault] = []
    notices = read_notices(text, name, faults)
    said = {day.date: not day.is_off for notice in notices for day in notice.days}
    years = {notice.year for notice in notices}
    if years != set(range(min(years, default=1), max(years, default=0) + 1)):
        raise KnownUnreadable("年份之间有空档")
    working = {}
    day = date(min(years), 1, 1)
    while day.year in years:
        working[day] = said.get(day, day.weekday() < 5)
        day += timedelta(days=1)
    return working
