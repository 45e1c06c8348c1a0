"""Reads every file of the catalogue's folder into values, collecting what is wrong with each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalogue import words
from catalogue.city import City
from catalogue.law import Article, LawRegister
from catalogue.marks import Fault, Loc, Marked, marked_text, read_marked
from catalogue.matters import Matter
from catalogue.working_days import Calendar

_Model = TypeVar("_Model", bound=BaseModel)


class Years(BaseModel):
    """One year of a calendar's file."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    off: tuple[date, ...] = Field(default=(), alias="放假")
    on: tuple[date, ...] = Field(default=(), alias="上班")


class CalendarFile(BaseModel):
    """One file of catalogue/calendars/."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    name: str = Field(alias="名称", pattern=r"^[a-z][a-z0-9-]{0,20}$")
    version: str = Field(alias="版本")
    source: str = Field(alias="来源")
    first: date = Field(alias="起始")
    horizon: date = Field(alias="截止")
    hours: tuple[str, ...] = Field(alias="作息", min_length=1)
    years: dict[int, Years] = Field(alias="年份", min_length=1)


@dataclass(frozen=True)
class Sources:
    """Everything that could be read, with the files it came from."""

    matters: tuple[tuple[Matter, Marked], ...]
    law: tuple[tuple[Article, Marked, Loc], ...]
    city: tuple[City, Marked] | None
    calendars: tuple[tuple[Calendar, Marked], ...]
    faults: tuple[Fault, ...]


def read_sources(folder: Path) -> Sources:
    """Read every file of the folder, collecting what is wrong with the shape of each."""
    faults: list[Fault] = []
    city = _read(folder, folder / "city.yaml", City, faults)
    law = _read(folder, folder / "law.yaml", LawRegister, faults)
    paths = _listed(folder, "matters", faults)
    matters = [one for path in paths if (one := _read(folder, path, Matter, faults)) is not None]
    calendars = []
    for path in _listed(folder, "calendars", faults):
        found = _read(folder, path, CalendarFile, faults)
        made = None if found is None else _calendar(*found, faults)
        if found is not None and made is not None:
            calendars.append((made, found[1]))
    articles = [] if law is None else _articles(*law)
    return Sources(tuple(matters), tuple(articles), city, tuple(calendars), tuple(faults))


def read_matter(text: str, name: str, faults: list[Fault]) -> tuple[Matter, Marked] | None:
    """Return the matter of a text that faults call `name`, or None and its faults."""
    marked, wrong = marked_text(text, name)
    faults.extend(wrong)
    return None if marked is None or wrong else _shaped(marked, Matter, faults)


def read_calendar(text: str, name: str, faults: list[Fault]) -> tuple[Calendar, Marked] | None:
    """Return the calendar of a text that faults call `name`, or None and its faults."""
    marked, wrong = marked_text(text, name)
    faults.extend(wrong)
    found = None if marked is None or wrong else _shaped(marked, CalendarFile, faults)
    if found is None:
        return None
    made = _calendar(*found, faults)
    return None if made is None else (made, found[1])


def _listed(folder: Path, kind: str, faults: list[Fault]) -> list[Path]:
    paths = sorted((folder / kind).glob("*.yaml"))
    if not paths:
        faults.append(Fault(f"{kind}/", 1, f"没有 {kind}/*.yaml", "请补上，或检查目录是否正确"))
    return paths


def _read(
    folder: Path, path: Path, model: type[_Model], faults: list[Fault]
) -> tuple[_Model, Marked] | None:
    name = path.relative_to(folder).as_posix()
    if not path.is_file():
        faults.append(Fault(name, 1, "没有这个文件", "请补上，或检查目录是否正确"))
        return None
    marked, wrong = read_marked(path, name)
    faults.extend(wrong)
    return None if marked is None or wrong else _shaped(marked, model, faults)


def _shaped(
    marked: Marked, model: type[_Model], faults: list[Fault]
) -> tuple[_Model, Marked] | None:
    try:
        return model.model_validate(words.in_english(marked.value)), marked
    except ValidationError as invalid:
        faults.extend(_said(marked, dict(error)) for error in invalid.errors())
        return None


def _said(marked: Marked, error: dict[str, Any]) -> Fault:
    """Return one of pydantic's errors in the words of those who write the catalogue."""
    loc: Loc = error["loc"]
    named = [part for part in loc if isinstance(part, str)]
    element = named[-1] if named else "文件"
    match error["type"]:
        case "missing":
            return marked.fault(loc[:-1], f"缺少「{element}」", f"请补上「{element}」")
        case "extra_forbidden":
            return marked.fault(loc, f"没有「{element}」这个要素", "请改正名称或删去")
        case "string_type":
            return marked.fault(loc, f"「{element}」应为文字", "请给值加引号")
        case "literal_error":
            choices = words.allowed(element) or str(error["ctx"]["expected"])
            return marked.fault(loc, f"「{element}」的值不在清单内", f"可用：{choices}")
        case "string_pattern_mismatch":
            pattern = error["ctx"]["pattern"]
            return marked.fault(loc, f"「{element}」的格式不对", f"应符合 {pattern}")
        case _:
            return marked.fault(loc, f"「{element}」不对（{error['msg']}）", "请按要素说明改正")


def _articles(register: LawRegister, marked: Marked) -> list[tuple[Article, Marked, Loc]]:
    return [
        (article, marked, ("法律", number, "条文", index))
        for number, statute in enumerate(register.laws)
        for index, article in enumerate(statute.registered())
    ]


def _calendar(file: CalendarFile, marked: Marked, faults: list[Fault]) -> Calendar | None:
    hours = _hours(file, marked, faults)
    off = [day for year in file.years.values() for day in year.off]
    on = [day for year in file.years.values() for day in year.on]
    wrong: list[Fault] = []
    for number, year in file.years.items():
        loc: Loc = ("年份", number)
        wrong += [
            marked.fault(loc, f"{day} 不在 {number} 年", "请移到所属年份")
            for day in (*year.off, *year.on)
            if day.year != number
        ]
        wrong += [
            marked.fault(loc, f"{day} 既放假又上班", "请删去一处")
            for day in sorted(set(year.off) & set(year.on))
        ]
    missing = sorted(set(range(file.first.year, file.horizon.year + 1)) - set(file.years))
    wrong += [marked.fault(("年份",), f"缺 {year} 年", "请补上该年安排") for year in missing]
    faults.extend(wrong)
    if wrong or hours is None:
        return None
    return Calendar(
        file.name, file.version, file.first, file.horizon, frozenset(off), frozenset(on), hours
    )


def _hours(
    file: CalendarFile, marked: Marked, faults: list[Fault]
) -> tuple[tuple[time, time], ...] | None:
    """Return the office hours, refusing what does not run forward through the day."""
    hours: list[tuple[time, time]] = []
    for index, text in enumerate(file.hours):
        opens, _, closes = text.partition("-")
        try:
            span = (time.fromisoformat(opens), time.fromisoformat(closes))
        except ValueError:
            span = (time.max, time.min)
        if span[0] >= span[1] or (hours and span[0] < hours[-1][1]):
            faults.append(
                marked.fault(
                    ("作息", index), f"作息「{text}」不对", '请写成 "09:00-12:00"，依次排列'
                )
            )
            return None
        hours.append(span)
    return tuple(hours)
