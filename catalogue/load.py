"""The catalogue as one value, or file, line and remedy of every fault in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from catalogue.check import faults_of
from catalogue.city import City
from catalogue.grid import NO_GRID, Grid, read_grid
from catalogue.incident_types import NO_TYPES, IncidentTypes, read_incident_types
from catalogue.law import Article
from catalogue.marks import Fault
from catalogue.matters import Matter
from catalogue.performance import NO_PERFORMANCE, Performance, read_performance
from catalogue.project_templates import NO_TEMPLATES, ProjectTemplates, read_templates
from catalogue.reading import read_sources
from catalogue.responsibility import NO_LINES, Responsibility, read_responsibility
from catalogue.working_days import NONE, Calendar

HERE = Path(__file__).parent
"""The catalogue that ships with the code."""


class CatalogueFaulty(Exception):
    """The catalogue cannot be used; `faults` says where and what to do."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class MatterUnknown(LookupError):
    """No version of the matter is in force on that day."""


Period = tuple[datetime, datetime | None]
"""From when a version counts, and the first instant at which it counts no longer."""


@dataclass(frozen=True)
class Catalogue:
    """What may be asked, on what law, of whom, by which calendar."""

    matters: tuple[Matter, ...]
    """All versions, by code and then by the day they come into force."""
    law: Mapping[str, Article]
    city: City
    calendars: Mapping[str, Calendar]
    periods: Mapping[tuple[str, str], Period] = field(default_factory=dict)
    """(code, version) → when it counts by its signatures; without one, by its own two dates."""
    incident_types: IncidentTypes = NO_TYPES
    """Kinds of incidents; of the files, as law and city are."""
    grid: Grid = NO_GRID
    responsibility: Responsibility = NO_LINES
    performance: Performance = NO_PERFORMANCE
    templates: ProjectTemplates = NO_TEMPLATES

    def period(self, matter: Matter) -> Period:
        """Return when that version counts."""
        known = self.periods.get((matter.code, matter.version))
        return known if known is not None else period_of(matter)

    def matter_at(self, code: str, at: datetime) -> Matter:
        """Return the version in force at an aware instant: of several, the one that came last.

        Raises `MatterUnknown`, with a Chinese sentence for the clerk.
        """
        for matter in self.matters_at(at):
            if matter.code == code:
                return matter
        raise MatterUnknown(f"事项「{code}」在 {at:%Y-%m-%d} 没有生效的版本")

    def matters_at(self, at: datetime) -> tuple[Matter, ...]:
        """Return the version of each matter that may be applied for at an aware instant."""
        newest: dict[str, Matter] = {}
        for matter in self.matters:
            since, until = self.period(matter)
            if since > at or (until is not None and at >= until):
                continue
            known = newest.get(matter.code)
            if known is None or self.period(known)[0] <= since:
                newest[matter.code] = matter
        return tuple(newest.values())

    def matter_in_force(self, code: str, on: date) -> Matter:
        """Return the version in force on that day (local to the matter's zone) by its own dates.

        Raises `MatterUnknown`, with a Chinese sentence for the clerk.
        """
        for matter in reversed(self.matters):
            if matter.code == code and _in_force(matter, on):
                return matter
        raise MatterUnknown(f"事项「{code}」在 {on} 没有生效的版本")

    def matters_in_force(self, on: date) -> tuple[Matter, ...]:
        """Return one version of each matter that may be applied for on that day."""
        return tuple(matter for matter in self.matters if _in_force(matter, on))

    def matter(self, code: str, version: str) -> Matter:
        """Return that version. Raises `MatterUnknown`."""
        for matter in self.matters:
            if (matter.code, matter.version) == (code, version):
                return matter
        raise MatterUnknown(f"没有事项「{code}」的 {version} 版")


def _in_force(matter: Matter, on: date) -> bool:
    until = matter.in_force_until
    return matter.in_force_from <= on and (until is None or on < until)


def period_of(matter: Matter) -> Period:
    """Return the period that a matter's own two dates say, in its own zone."""
    zone = ZoneInfo(matter.zone)
    until = matter.in_force_until
    since = datetime.combine(matter.in_force_from, time(), zone)
    return since, None if until is None else datetime.combine(until, time(), zone)


def canonical(matter: Matter) -> bytes:
    """Return the matter's canonical JSON: aliases, sorted keys, no blanks, UTF-8."""
    value = matter.model_dump(mode="json", by_alias=True)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(matter: Matter) -> str:
    """Return SHA-256 (hex) of the matter's canonical JSON; a case carries it for ever."""
    return hashlib.sha256(canonical(matter)).hexdigest()


def load_catalogue(folder: Path = HERE, packs: Collection[str] | None = None) -> Catalogue:
    """Return the catalogue of a folder. Raises `CatalogueFaulty` with every fault there is, and
    `GridFaulty` when the grid is no GeoJSON of the expected shape.

    `packs` are the ids of the rule packs that exist; None leaves that unchecked.
    """
    sources = read_sources(folder)
    faults = faults_of(sources, packs)
    types, _, wrong = read_incident_types(folder)
    table, _, torn = read_responsibility(folder)
    performance, _, bad = read_performance(folder)
    templates, spoilt = read_templates(folder)
    if faults or wrong or torn or bad or spoilt or sources.city is None:
        raise CatalogueFaulty([*faults, *wrong, *torn, *bad, *spoilt])
    matters = sorted((m for m, _ in sources.matters), key=lambda m: (m.code, m.in_force_from))
    calendars = {calendar.name: calendar for calendar, _ in sources.calendars}
    return Catalogue(
        matters=tuple(matters),
        law={article.id: article for article, _, _ in sources.law},
        city=sources.city[0],
        calendars={**calendars, NONE.name: NONE},
        incident_types=types or NO_TYPES,
        grid=read_grid(folder) or NO_GRID,
        responsibility=table or NO_LINES,
        performance=performance or NO_PERFORMANCE,
        templates=ProjectTemplates({key: one for key, (one, _) in templates.items()}),
    )
