"""One file of catalogue/calendars/: what it may say, what is wrong with it, and its text.

A file holds every year from 起始 to 截止, each with the days that differ from Monday-to-Friday,
what they are for and the notices they come from. A file with 基准 lies over another calendar and
holds only its own days (少数民族习惯的节日, 全国年节及纪念日放假办法第四条).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from catalogue.festivals import BASIS, statutory
from catalogue.marks import Fault, Loc, Marked
from catalogue.working_days import Calendar, Hours

WHOLE_YEAR = "FJB-7"
"""全国年节及纪念日放假办法第七条: the arrangement is made for the whole year, by one notice."""
OVERLAY = "FJB-4"
"""全国年节及纪念日放假办法第四条."""
COUNTED = "XKF-82"
"""行政许可法第八十二条: periods are counted in working days, without statutory holidays."""

_SATURDAY = 5
_DAY = timedelta(days=1)


class Year(BaseModel):
    """One year of a calendar's file."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    off: tuple[date, ...] = Field(default=(), alias="放假")
    on: tuple[date, ...] = Field(default=(), alias="上班")
    names: dict[str, tuple[date, ...]] = Field(default_factory=dict, alias="节名")
    """What the days are for: 春节 → its days off and the days worked in exchange."""
    papers: tuple[str, ...] = Field(default=(), alias="通知")
    """The notices that the year was taken from: addresses or document numbers."""


class CalendarFile(BaseModel):
    """One file of catalogue/calendars/."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    name: str = Field(alias="名称", pattern=r"^[a-z][a-z0-9-]{0,20}$")
    version: str = Field(alias="版本", min_length=1, max_length=32, pattern=r"^[^\s+]+$")
    source: str = Field(alias="来源")
    base: str = Field(default="", alias="基准")
    holidays: Literal["national", "none"] = Field(default="national", alias="法定节日")
    """Whether the national holidays hold here; `none` for a calendar of another country."""
    first: date = Field(alias="起始")
    horizon: date = Field(alias="截止")
    hours: tuple[str, ...] = Field(alias="作息", min_length=1)
    department_hours: dict[str, tuple[str, ...]] = Field(default_factory=dict, alias="部门作息")
    years: dict[int, Year] = Field(alias="年份", min_length=1)


def calendar_of(
    file: CalendarFile, marked: Marked, bases: Mapping[str, Calendar], faults: list[Fault]
) -> Calendar | None:
    """Return the calendar of a file, or None and what is wrong with it.

    `bases` are the calendars that it may lie over.
    """
    wrong = list(_faults(file, marked))
    hours = _spans(file.hours, marked, ("作息",), wrong)
    others = {
        department: _spans(texts, marked, ("部门作息", department), wrong)
        for department, texts in file.department_hours.items()
    }
    base = bases.get(file.base)
    if file.base and (base is None or base.base or base.every_day):
        wrong.append(
            marked.fault(
                ("基准",), f"没有可以作基准的日历「{file.base}」（{OVERLAY}）", _usable(bases)
            )
        )
    faults.extend(wrong)
    if wrong:
        return None
    own = Calendar(
        name=file.name,
        version=file.version,
        first=file.first,
        horizon=file.horizon,
        off=frozenset(day for year in file.years.values() for day in year.off),
        on=frozenset(day for year in file.years.values() for day in year.on),
        hours=hours,
        festivals=file.holidays == "national" and not file.base,
        names={
            day: name
            for year in file.years.values()
            for name, days in year.names.items()
            for day in days
        },
        papers={number: year.papers for number, year in file.years.items() if year.papers},
        department_hours=others,
    )
    return own if base is None else _laid_over(own, base)


def _laid_over(own: Calendar, base: Calendar) -> Calendar:
    """Return the base with the days of the overlay put over it; its word counts on its days."""
    return Calendar(
        name=own.name,
        version=f"{own.version}+{base.version}",
        first=max(own.first, base.first),
        horizon=min(own.horizon, base.horizon),
        off=(base.off - own.on) | own.off,
        on=(base.on - own.off) | own.on,
        hours=own.hours,
        base=base.name,
        festivals=base.festivals,
        names={**base.names, **own.names},
        papers={
            year: (*base.papers.get(year, ()), *own.papers.get(year, ()))
            for year in sorted({*base.papers, *own.papers})
        },
        department_hours={**base.department_hours, **own.department_hours},
    )


# --- what is wrong -------------------------------------------------------------------------------


def _faults(file: CalendarFile, marked: Marked) -> Iterator[Fault]:
    if file.horizon < file.first:
        yield marked.fault(("截止",), "日历的截止早于起始", "请核对两个日期")
    for number in sorted(set(range(file.first.year, file.horizon.year + 1)) - set(file.years)):
        yield marked.fault(
            ("年份",), f"缺 {number} 年（{WHOLE_YEAR}）", "请补上该年安排，年份之间不得有空档"
        )
    for number in sorted(set(file.years) - set(range(file.first.year, file.horizon.year + 1))):
        yield marked.fault(
            ("年份", number), f"{number} 年在起始和截止之外", "请改起始、截止，或删去该年"
        )
    for number, year in file.years.items():
        yield from _year_faults(number, year, marked)
        if file.holidays == "national":
            yield from _statutory_faults(file, number, year, marked)
    if file.holidays == "national" and not file.base:
        yield from _gaps(file, marked)


def _year_faults(number: int, year: Year, marked: Marked) -> Iterator[Fault]:
    loc: Loc = ("年份", number)
    listed = [*year.off, *year.on]
    for day in listed:
        if day.year != number:
            yield marked.fault(loc, f"{day} 不在 {number} 年", "请移到所属年份")
    for day in sorted(set(year.off) & set(year.on)):
        yield marked.fault(loc, f"{day} 既放假又上班", "请删去一处")
    for days, element in ((year.off, "放假"), (year.on, "上班")):
        for day in sorted({day for day in days if days.count(day) > 1}):
            yield marked.fault((*loc, element), f"{day} 写了两次", "请删去一处")
    named: dict[date, str] = {}
    for name, days in year.names.items():
        for day in days:
            if day not in listed:
                yield marked.fault(
                    (*loc, "节名", name),
                    f"{day} 有节名，却不在放假或上班之列（{WHOLE_YEAR}）",
                    "请补上或删去",
                )
            elif day in named:
                yield marked.fault(
                    (*loc, "节名", name),
                    f"{day} 有两个节名（先见于「{named[day]}」）",
                    "请删去一处",
                )
            named.setdefault(day, name)


def _statutory_faults(
    file: CalendarFile, number: int, year: Year, marked: Marked
) -> Iterator[Fault]:
    """Yield each holiday of the law that would be worked: a day is missing, or a whole notice."""
    for day, name in statutory(number).items():
        if not file.first <= day <= file.horizon:
            continue
        loc: Loc = ("年份", number)
        if day in year.on:
            yield marked.fault(
                (*loc, "上班"), f"法定节日 {day}（{name}）写成了上班（{BASIS}）", "请改为放假"
            )
        elif not file.base and day.weekday() < _SATURDAY and day not in year.off:
            yield marked.fault(
                (*loc, "放假"), f"缺法定节日 {day}（{name}）（{BASIS}）", "请按该年的放假通知补上"
            )


def _gaps(file: CalendarFile, marked: Marked) -> Iterator[Fault]:
    """Yield each single day worked between two days off: no notice since 2004 has such a day."""
    off = {day for year in file.years.values() for day in year.off}
    on = {day for year in file.years.values() for day in year.on}
    for before in sorted(off):
        day = before + _DAY
        works = day not in off and (day.weekday() < _SATURDAY or day in on)
        if works and day + _DAY in off and day.year in file.years:
            yield marked.fault(
                ("年份", day.year, "放假"),
                f"{day} 夹在两个放假日之间，却要上班（{WHOLE_YEAR}）",
                "请按该年的放假通知补上；确要上班的，通知里没有过这样的日子，请核对",
            )


def _usable(bases: Mapping[str, Calendar]) -> str:
    names = sorted(n for n, one in bases.items() if not one.base and not one.every_day)
    return f"可用：{'、'.join(names) or '（无）'}；叠加日历不能再作基准"


def _spans(texts: Sequence[str], marked: Marked, loc: Loc, faults: list[Fault]) -> Hours:
    """Return office hours, refusing what does not run forward through the day."""
    hours: list[tuple[time, time]] = []
    for index, text in enumerate(texts):
        opens, _, closes = text.partition("-")
        try:
            span = (time.fromisoformat(opens), time.fromisoformat(closes))
        except ValueError:
            span = (time.max, time.min)
        if span[0] >= span[1] or (hours and span[0] < hours[-1][1]):
            faults.append(
                marked.fault((*loc, index), f"作息「{text}」不对", '请写成 "09:00-12:00"，依次排列')
            )
            return ()
        hours.append(span)
    if not hours:
        faults.append(marked.fault(loc, "没有作息时间", '请写成 "09:00-12:00"'))
    return tuple(hours)


# --- the text ------------------------------------------------------------------------------------


def written(file: CalendarFile, note: str = "") -> str:
    """Return the file as YAML in the order that people read it; `note` is its first line."""
    lines = [f"# {note}"] if note else []
    lines += [
        f"名称: {file.name}",
        f"版本: {_quoted(file.version)}",
        f"来源: {_quoted(file.source)}",
    ]
    if file.base:
        lines.append(f"基准: {file.base}")
    if file.holidays == "none":
        lines.append("法定节日: 无")
    lines += [f"起始: {file.first}", f"截止: {file.horizon}", f"作息: {_list(file.hours)}"]
    if file.department_hours:
        lines.append("部门作息:")
        lines += [f"  {code}: {_list(texts)}" for code, texts in file.department_hours.items()]
    lines.append("年份:")
    for number, year in sorted(file.years.items()):
        lines += _year_lines(number, year)
    return "\n".join(lines) + "\n"


def _year_lines(number: int, year: Year) -> Iterator[str]:
    if not (year.off or year.on or year.papers):
        yield f"  {number}: {{}}"
        return
    yield f"  {number}:"
    if year.papers:
        yield f"    通知: {_list(year.papers)}"
    for element, days in (("放假", year.off), ("上班", year.on)):
        if days:
            yield f"    {element}: {_days(days)}"
    if year.names:
        yield "    节名:"
        for name, days in sorted(year.names.items(), key=lambda pair: (min(pair[1]), pair[0])):
            yield f"      {_quoted(name)}: {_days(days)}"


def _days(days: Iterable[date]) -> str:
    return "[" + ", ".join(str(day) for day in sorted(days)) + "]"


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(_quoted(text) for text in texts) + "]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a double-quoted scalar of YAML as well
