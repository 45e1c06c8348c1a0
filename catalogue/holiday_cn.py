"""Notices in the form of NateScarlet/holiday-cn, and the calendar that they make of another.

`{year, papers[], days: [{name, date, isOffDay}]}`: a file is named for the year of its *notice*,
so days of December stand in the next year's file. Year 2027 is there with no day and no paper
until its notice is out; read as it stands it would say that every Monday to Friday is worked, so an
empty year is refused. Several years may come in one file (`{"years": {"2026": …}}`) or in a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalogue.calendar_file import COUNTED, WHOLE_YEAR, CalendarFile, Year
from catalogue.marks import Fault, Loc, Marked, marked_text

DECEMBER = 12


class NoticeDay(BaseModel):
    """One day that differs from the days of the week."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    name: str = Field(min_length=1, max_length=60)
    date: date
    is_off: bool = Field(alias="isOffDay", strict=True)


class Notice(BaseModel):
    """One year's file."""

    model_config = ConfigDict(frozen=True)

    year: int = Field(ge=2000, le=2099)
    papers: tuple[str, ...]
    days: tuple[NoticeDay, ...]


@dataclass(frozen=True)
class NotMerged(Exception):
    """The notices and the calendar do not make one without a hole; each fault says what to do."""

    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.faults))


def read_notices(text: str, name: str, faults: list[Fault]) -> list[Notice]:
    """Return the notices of a JSON text that faults call `name`, the earliest year first.

    A year that is wrong in any way is left out and has its faults.
    """
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as broken:
        faults.append(Fault(name, broken.lineno, f"不是 JSON（{broken.msg}）", "请用原文件"))
        return []
    marked, wrong = marked_text(text, name)  # JSON is YAML, and this reader knows the lines
    faults.extend(wrong)
    if marked is None or wrong:
        return []
    notices = [
        notice
        for loc, raw in _years(marked.value)
        if (notice := _notice(raw, marked, loc, faults)) is not None
    ]
    if not notices and not faults:
        faults.append(Fault(name, 1, "没有任何年份", "应为 holiday-cn 的年度文件"))
    return sorted(notices, key=lambda notice: notice.year)


def _years(value: Any) -> Iterable[tuple[Loc, Any]]:
    if isinstance(value, dict) and isinstance(value.get("years"), dict):
        return [(("years", key), one) for key, one in value["years"].items()]
    if isinstance(value, list):
        return [((index,), one) for index, one in enumerate(value)]
    return [((), value)]


def _notice(raw: Any, marked: Marked, loc: Loc, faults: list[Fault]) -> Notice | None:
    try:
        notice = Notice.model_validate(raw)
    except ValidationError as invalid:
        for error in invalid.errors()[:20]:
            where = ".".join(str(part) for part in error["loc"])
            faults.append(
                marked.fault((*loc, *error["loc"]), f"{where}：{error['msg']}", "请用原文件")
            )
        return None
    wrong = list(_wrong(notice, marked, loc))
    faults.extend(wrong)
    return None if wrong else notice


def _wrong(notice: Notice, marked: Marked, loc: Loc) -> Iterable[Fault]:
    year = notice.year
    if not notice.days:
        yield marked.fault(
            (*loc, "days"),
            f"{year} 年一天也没有：通知尚未公布，不能当作只有周末休息（{WHOLE_YEAR}、{COUNTED}）",
            "请等通知公布后再导入；在此之前期限为暂定",
        )
        return
    if not notice.papers:
        yield marked.fault((*loc, "papers"), f"{year} 年没有通知的网址", "请补上来源，以便核对")
    seen: dict[date, int] = {}
    for index, day in enumerate(notice.days):
        here = (*loc, "days", index)
        if day.date.year != year and (day.date.year, day.date.month) != (year - 1, DECEMBER):
            yield marked.fault(
                here, f"{day.date} 既不在 {year} 年，也不在上年十二月", "请核对年份或日期"
            )
        if day.date in seen:
            first = marked.line((*loc, "days", seen[day.date]))
            yield marked.fault(here, f"{day.date} 重复（先见于第 {first} 行）", "请删去一处")
        seen.setdefault(day.date, index)


def with_notices(
    file: CalendarFile, notices: Sequence[Notice], version: str, source: str
) -> CalendarFile:
    """Return the calendar's next version, with the years of the notices in place of its own.

    What a later notice says of a day counts, also where it is a day of the December before.
    Raises `NotMerged`: a year missing between them, or a year replaced whose December the next
    year's notice, not given here, may have arranged.
    """
    given = {notice.year: notice for notice in sorted(notices, key=lambda one: one.year)}
    faults = tuple(_holes(file, given))
    if faults:
        raise NotMerged(faults)
    days = _days_of(file, set(given))
    for notice in given.values():
        days.update({day.date: (day.is_off, day.name) for day in notice.days})
    papers = {number: year.papers for number, year in file.years.items()}
    papers |= {number: notice.papers for number, notice in given.items()}
    numbers = sorted({*file.years, *given})
    first = min(file.first, date(numbers[0], 1, 1))
    # Days of the December before the first year of all: nothing else is known of that year.
    kept = {day: said for day, said in days.items() if day >= first}
    return file.model_copy(
        update={
            "version": version,
            "source": source,
            "first": first,
            "horizon": max(file.horizon, date(numbers[-1], 12, 31)),
            "years": {number: _year(number, kept, papers.get(number, ())) for number in numbers},
        }
    )


def _holes(file: CalendarFile, given: Mapping[int, Notice]) -> Iterable[Fault]:
    name = f"calendars/{file.name}.yaml"
    numbers = sorted({*file.years, *given})
    for number in sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers)):
        yield Fault(name, 1, f"缺 {number} 年（{WHOLE_YEAR}）", "请一并导入该年的文件，不得有空档")
    for number in given:
        if number in file.years and number + 1 in file.years and number + 1 not in given:
            yield Fault(
                name,
                1,
                f"{number} 年换了新的，而 {number + 1} 年的通知可能安排了 {number} 年十二月",
                f"请一并导入 {number + 1} 年的文件",
            )


def _days_of(file: CalendarFile, without: set[int]) -> dict[date, tuple[bool, str]]:
    """Return what the file says of each day, leaving some years out."""
    days: dict[date, tuple[bool, str]] = {}
    for number, year in file.years.items():
        if number in without:
            continue
        names = {day: name for name, listed in year.names.items() for day in listed}
        days.update({day: (True, names.get(day, "")) for day in year.off})
        days.update({day: (False, names.get(day, "")) for day in year.on})
    return days


def _year(number: int, days: Mapping[date, tuple[bool, str]], papers: tuple[str, ...]) -> Year:
    mine = {day: said for day, said in sorted(days.items()) if day.year == number}
    names: dict[str, list[date]] = {}
    for day, (_, name) in mine.items():
        if name:
            names.setdefault(name, []).append(day)
    return Year(
        off=tuple(day for day, (is_off, _) in mine.items() if is_off),
        on=tuple(day for day, (is_off, _) in mine.items() if not is_off),
        names={name: tuple(listed) for name, listed in names.items()},
        papers=papers,
    )


def with_changes(
    file: CalendarFile,
    version: str,
    off: Iterable[date] = (),
    on: Iterable[date] = (),
    name: str = "",
    paper: str = "",
) -> CalendarFile:
    """Return the calendar's next version with single days arranged otherwise (an ad-hoc notice).

    `name` says what for, `paper` by which notice. A day may lie in the past.
    """
    changes = {**dict.fromkeys(off, (True, name)), **dict.fromkeys(on, (False, name))}
    days = {**_days_of(file, set()), **changes}
    touched = {day.year for day in changes}
    years = {
        number: _year(
            number, days, (*year.papers, paper) if paper and number in touched else year.papers
        )
        for number, year in file.years.items()
    }
    return file.model_copy(update={"version": version, "years": years})
