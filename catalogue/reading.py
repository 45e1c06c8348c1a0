"""Reads every file of the catalogue's folder into values, collecting what is wrong with each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from catalogue import words
from catalogue.calendar_file import CalendarFile, calendar_of
from catalogue.city import City
from catalogue.clock_rules import ClockTemplate
from catalogue.law import Article, LawRegister
from catalogue.marks import Fault, Loc, Marked, marked_text, read_marked
from catalogue.matters import Matter
from catalogue.working_days import Calendar

_Model = TypeVar("_Model", bound=BaseModel)

NO_CALENDARS: Mapping[str, Calendar] = MappingProxyType({})


@dataclass(frozen=True)
class Sources:
    """Everything that could be read, with the files it came from."""

    matters: tuple[tuple[Matter, Marked], ...]
    law: tuple[tuple[Article, Marked, Loc], ...]
    city: tuple[City, Marked] | None
    calendars: tuple[tuple[Calendar, Marked], ...]
    clocks: tuple[tuple[ClockTemplate, Marked], ...]
    faults: tuple[Fault, ...]


def read_sources(folder: Path) -> Sources:
    """Read every file of the folder, collecting what is wrong with the shape of each."""
    faults: list[Fault] = []
    city = _read(folder, folder / "city.yaml", City, faults)
    law = _read(folder, folder / "law.yaml", LawRegister, faults)
    paths = _listed(folder, "matters", faults)
    matters = [one for path in paths if (one := _read(folder, path, Matter, faults)) is not None]
    files = [
        found
        for path in _listed(folder, "calendars", faults)
        if (found := _read(folder, path, CalendarFile, faults)) is not None
    ]
    calendars = _calendars(files, faults)
    articles = [] if law is None else _articles(*law)
    clocks = read_templates(folder, faults)
    return Sources(
        tuple(matters), tuple(articles), city, tuple(calendars), tuple(clocks), tuple(faults)
    )


def read_templates(folder: Path, faults: list[Fault]) -> list[tuple[ClockTemplate, Marked]]:
    """Return the clock templates of the folder, collecting what is wrong with the shape of each."""
    paths = _listed(folder, "clocks", faults)
    found = (_read(folder, path, ClockTemplate, faults) for path in paths)
    return [one for one in found if one is not None]


def read_matter(text: str, name: str, faults: list[Fault]) -> tuple[Matter, Marked] | None:
    """Return the matter of a text that faults call `name`, or None and its faults."""
    marked, wrong = marked_text(text, name)
    faults.extend(wrong)
    return None if marked is None or wrong else _shaped(marked, Matter, faults)


def read_calendar(
    text: str, name: str, faults: list[Fault], bases: Mapping[str, Calendar] = NO_CALENDARS
) -> tuple[Calendar, Marked] | None:
    """Return the calendar of a text that faults call `name`, or None and its faults.

    `bases`: the calendars that it may lie over, by name.
    """
    found = read_calendar_file(text, name, faults)
    made = None if found is None else calendar_of(*found, bases, faults)
    return None if made is None or found is None else (made, found[1])


def read_calendar_file(
    text: str, name: str, faults: list[Fault]
) -> tuple[CalendarFile, Marked] | None:
    """Return what a text says, before it is laid over its base; or None and its faults."""
    marked, wrong = marked_text(text, name)
    faults.extend(wrong)
    return None if marked is None or wrong else _shaped(marked, CalendarFile, faults)


def read_calendars(texts: Mapping[str, str]) -> dict[str, Calendar]:
    """Return the calendars of several texts by name, each laid over its base among them.

    Raises `ValueError` with the faults of a text that is none: each has passed its gate.
    """
    faults: list[Fault] = []
    files = [read_calendar_file(text, name, faults) for name, text in texts.items()]
    made = _calendars([one for one in files if one is not None], faults)
    if faults:
        raise ValueError("；".join(map(str, faults)))
    return {calendar.name: calendar for calendar, _ in made}


def _calendars(
    files: Iterable[tuple[CalendarFile, Marked]], faults: list[Fault]
) -> list[tuple[Calendar, Marked]]:
    """Return the calendars of the files: those without a base first, for the others to lie on."""
    made: list[tuple[Calendar, Marked]] = []
    bases: dict[str, Calendar] = {}
    for file, marked in sorted(files, key=lambda pair: bool(pair[0].base)):
        calendar = calendar_of(file, marked, bases, faults)
        if calendar is not None:
            made.append((calendar, marked))
            bases.setdefault(calendar.name, calendar)
    return made


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
