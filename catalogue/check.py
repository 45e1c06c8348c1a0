"""What makes a catalogue unfit for use although each file reads well: the faults between files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from catalogue.city import City, Department, is_uscc
from catalogue.clock_check import template_faults
from catalogue.grid import NO_GRID, GridFaulty, grid_faults, read_grid
from catalogue.incident_types import NO_TYPES, incident_type_faults, read_incident_types
from catalogue.kpis import kpi_faults, read_kpis
from catalogue.law import Article
from catalogue.marks import Fault, Loc, Marked
from catalogue.matter_check import Around, matter_faults
from catalogue.matters import Matter
from catalogue.performance import performance_faults
from catalogue.programme import programme_faults
from catalogue.project_templates import template_faults as project_template_faults
from catalogue.reading import Sources, read_sources
from catalogue.registers import register_faults
from catalogue.responsibility import responsibility_faults
from catalogue.stations import station_faults
from catalogue.working_days import NONE


def check(folder: Path, packs: Collection[str] | None = None) -> list[Fault]:
    """Return every fault of the catalogue in `folder`, by file and line; empty when it is sound.

    `packs` are the ids of the rule packs that exist; None leaves that unchecked.
    """
    sources = read_sources(folder)
    codes = {one.code for one in sources.city[0].departments} if sources.city else set()
    law = {article.id: article for article, _, _ in sources.law}
    return sorted(
        {
            *faults_of(sources, packs),
            *station_faults(folder, codes),
            *incident_type_faults(folder, codes, law),
            *grid_faults(folder, codes),
            *performance_faults(folder, law),
            *kpi_faults(folder, codes, law),
            *_programme_faults(folder, law),
            *project_template_faults(folder, law),
            *(_against_departments(folder, codes, sources, law) if sources.city else ()),
        }
    )


def _against_departments(
    folder: Path, codes: Collection[str], sources: Sources, law: Mapping[str, Article]
) -> Iterator[Fault]:
    """Yield the faults of what names departments throughout: told of a city that can be read."""
    yield from register_faults(folder, codes, [one for one, _ in sources.matters], law)
    yield from _responsibility_faults(folder, codes, law)


def _responsibility_faults(
    folder: Path, codes: Collection[str], law: Mapping[str, Article]
) -> Iterator[Fault]:
    """Yield the table's own faults; types or a grid that cannot be read were named already."""
    types, _, _ = read_incident_types(folder)
    try:
        grid = read_grid(folder) or NO_GRID
    except GridFaulty:
        return
    yield from responsibility_faults(folder, types or NO_TYPES, grid, codes, law)


def _programme_faults(folder: Path, law: Mapping[str, Article]) -> Iterator[Fault]:
    """Yield the programme's own faults; numbers that cannot be read were named already."""
    kpis, _, _ = read_kpis(folder)
    yield from programme_faults(folder, kpis.by_code if kpis else (), law)


def faults_of(sources: Sources, packs: Collection[str] | None) -> list[Fault]:
    """Return the faults of what was read: those of shape, and those between the files."""
    faults = list(sources.faults)
    faults += _law_faults(sources)
    faults += _calendar_faults(sources)
    departments: dict[str, Department] = {}
    pattern, compartments = "", frozenset[str]()
    if sources.city is not None:
        city, marked = sources.city
        faults += _city_faults(city, marked)
        departments = {one.code: one for one in city.departments}
        pattern = city.implementing_code_pattern
        compartments = frozenset(one.code for one in city.compartments)
    around = Around(
        departments,
        {article.id: article for article, _, _ in sources.law},
        {NONE.name: NONE, **{calendar.name: calendar for calendar, _ in sources.calendars}},
        pattern,
        packs,
        compartments,
    )
    faults += _version_faults(sources)
    for template, marked in sources.clocks:
        faults += template_faults(template, marked, around)
    for matter, marked in sources.matters:
        if sources.city is not None and sources.law:
            faults += matter_faults(matter, marked, around)
    return sorted(set(faults))


# --- the law, the calendars, the city ------------------------------------------------------------


def _law_faults(sources: Sources) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for article, marked, loc in sources.law:
        line = marked.line((*loc, "标识"))
        if article.id in seen:
            yield marked.fault(
                (*loc, "标识"),
                f"条文标识「{article.id}」重复（先见于第 {seen[article.id]} 行）",
                "请改用别的标识",
            )
        seen.setdefault(article.id, line)
        if article.in_force_until is not None and article.in_force_until <= article.in_force_from:
            yield marked.fault(loc, f"条文「{article.id}」失效不晚于生效", "请核对两个日期")
        if article.source == "M" and article.verified:
            yield marked.fault(
                loc,
                f"条文「{article.id}」凭记忆写成，却标为已核对",
                "请核对原文，或写 verified: false",
            )


def _calendar_faults(sources: Sources) -> Iterator[Fault]:
    counted = Counter(calendar.name for calendar, _ in sources.calendars)
    for calendar, marked in sources.calendars:
        if counted[calendar.name] > 1 or calendar.name == NONE.name:
            yield marked.fault(("名称",), f"日历名「{calendar.name}」已被占用", "请改名")
        if sources.city is None:
            continue
        known = {one.code for one in sources.city[0].departments}
        for code in marked.value.get("部门作息", {}):
            if code not in known:
                yield marked.fault(("部门作息", code), f"没有部门「{code}」", "请先登记部门")


def _city_faults(city: City, marked: Marked) -> Iterator[Fault]:
    codes = [one.code for one in city.departments]
    prefixes = [one.number_prefix for one in city.departments]
    try:
        ZoneInfo(city.zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield marked.fault(
            ("时区",), f"没有时区「{city.zone}」", "请写 IANA 名称，如 Asia/Shanghai"
        )
    for index, one in enumerate(city.departments):
        loc: Loc = ("部门", index)
        if codes.index(one.code) != index:
            yield marked.fault((*loc, "标识"), f"部门标识「{one.code}」重复", "请改用别的标识")
        if prefixes.index(one.number_prefix) != index:
            yield marked.fault(
                (*loc, "机关代字"),
                f"机关代字「{one.number_prefix}」重复",
                "文号会重号，请改用别的代字",
            )
        if one.parent and one.parent not in codes:
            yield marked.fault((*loc, "上级"), f"没有部门「{one.parent}」", "请先登记上级部门")
        if one.uscc and not is_uscc(one.uscc):
            yield marked.fault(
                (*loc, "统一社会信用代码"),
                f"「{one.uscc}」校验位不符",
                "请按 GB 32100 核对 18 位代码",
            )
        if _is_above_itself(one, city):
            yield marked.fault((*loc, "上级"), f"部门「{one.code}」成了自己的上级", "请改正上级")


def _is_above_itself(one: Department, city: City) -> bool:
    parents = {department.code: department.parent for department in city.departments}
    above, steps = one.parent, 0
    while above and above != one.code and steps <= len(parents):
        above, steps = parents.get(above, ""), steps + 1
    return bool(one.parent) and above == one.code


def _version_faults(sources: Sources) -> Iterator[Fault]:
    """Yield the gaps, overlaps and repeated versions between the files of one matter."""
    by_code: dict[str, list[tuple[Matter, Marked]]] = {}
    for matter, marked in sources.matters:
        by_code.setdefault(matter.code, []).append((matter, marked))
    for versions in by_code.values():
        versions.sort(key=lambda pair: pair[0].in_force_from)
        names = Counter(matter.version for matter, _ in versions)
        for matter, marked in versions:
            if names[matter.version] > 1:
                yield marked.fault(("版本",), f"版本 {matter.version} 重复", "请改版本号")
        for (before, _), (after, marked) in pairwise(versions):
            until = before.in_force_until
            if until is None or until > after.in_force_from:
                yield marked.fault(
                    ("生效日期",),
                    f"与 {before.version} 版的有效期重叠",
                    f"请给 {before.version} 版写失效日期 {after.in_force_from}",
                )
            elif until < after.in_force_from:
                yield marked.fault(
                    ("生效日期",),
                    f"{before.version} 版失效（{until}）后到本版生效前有空档",
                    "请改日期，使前后相接",
                )
