"""Alarms of readings: the list, open ones first; each with its why, its chart and what was said;
and the readings that were refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, cast
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.responses import Response

from cases.charts import Series, lines
from cases.reading_views import PER_PAGE, DeadReadingLine, Named, Pulse, Said, Standing
from forms.reading_ports import ItemMeans
from forms.reasons import ReasonPanel, panels_of
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_

STATES: Mapping[Standing, str] = {
    "open": N_("未解除"),
    "cleared": N_("已解除"),
    "withdrawn": N_("已撤回"),
    "all": N_("全部"),
}
LEVELS = {
    "red": N_("红色"),
    "orange": N_("橙色"),
    "yellow": N_("黄色"),
    "blue": N_("蓝色"),
    "": N_("提示"),
}
KINDS = {
    "raised": N_("发出"),
    "updated": N_("变化"),
    "cleared": N_("解除"),
    "withdrawn": N_("撤回"),
}
LABELS_OF_CHART = 8


@dataclass(frozen=True)
class AlarmsPage(Page):
    """The list."""

    template: ClassVar[str] = "alarms.html"

    alarms: Annotated[tuple[Named, ...], "One page of them, open ones first."]
    total: Annotated[int, "How many there are of this kind."]
    states: Annotated[Sequence[tuple[str, str, bool]], "Address, word, whether it is listed."]
    stations: Annotated[Sequence[tuple[str, str]], "Code and name of those with alarms."]
    chosen: Annotated[Mapping[str, str], "The filters: state, level, station."]
    levels: Annotated[Mapping[str, str], "Level → word."]
    pulse: Annotated[Pulse, "How the taking of readings fares."]
    page: Annotated[int, "Number of the page, from 1."]
    pages: Annotated[int, "How many pages."]
    following: Annotated[Mapping[str, str], "Addresses of the pages before and after; empty: none."]


@dataclass(frozen=True)
class AlarmPage(Page):
    """One alarm."""

    template: ClassVar[str] = "alarm.html"

    one: Annotated[Named, "The alarm."]
    said: Annotated[tuple[Said, ...], "What was said of it, in order."]
    why: Annotated[Sequence[tuple[str, str, str]], "Field, title and value at its raising."]
    reasons: Annotated[tuple[ReasonPanel, ...], "Why its rule holds; empty without a ruling."]
    charts: Annotated[tuple[tuple[str, str, Markup], ...], "Item, unit, its hourly means."]
    levels: Annotated[Mapping[str, str], "Level → word."]
    kinds: Annotated[Mapping[str, str], "What is said → word."]


@dataclass(frozen=True)
class DeadReadingsPage(Page):
    """Refused readings, the newest first."""

    template: ClassVar[str] = "dead_readings.html"

    lines: Annotated[tuple[DeadReadingLine, ...], "One page of them."]
    total: Annotated[int, "How many there are."]
    page: Annotated[int, "Number of the page, from 1."]
    pages: Annotated[int, "How many pages."]


def _page(visit: Visit) -> int:
    number = visit.request.query_params.get("page", "1")
    return max(1, int(number)) if number.isdecimal() and len(number) < 8 else 1


async def alarms(visit: Visit) -> Response:
    query = visit.request.query_params
    state = query.get("state", "open")
    state = state if state in STATES else "open"
    level = query.get("level", "")
    level = level if level in LEVELS else ""
    station = query.get("station", "")[:32]
    page = _page(visit)
    ports = visit.ports.readings
    standing = cast(Standing, state)
    found, total = await visit.ask(ports.alarms, standing, level, station, page, visit.language)
    pulse = await visit.ask(ports.pulse)
    stations = await visit.ask(ports.stations, visit.language)
    chosen = {"state": state, "level": level, "station": station}
    words = {code: visit.say(word) for code, word in STATES.items()}
    states = [
        (_address({**chosen, "state": code}), word, code == state) for code, word in words.items()
    ]
    pages = max(1, -(-total // PER_PAGE))
    following = {
        name: _address({**chosen, "page": str(number)}) if 1 <= number <= pages else ""
        for name, number in (("before", page - 1), ("after", page + 1))
    }
    shown = AlarmsPage(
        visit.say(N_("监测警报")), tuple(found), total, states, stations, chosen,
        _said(visit, LEVELS), pulse, page, pages, following,
    )  # fmt: skip
    return await show(visit, shown)


async def alarm(visit: Visit) -> Response:
    name = visit.request.path_params["alarm"]
    found = await visit.ask(visit.ports.readings.alarm, name, visit.language)
    if found is None:
        raise not_found(visit)
    one, said, means, why = found
    one = replace(one, note=visit.told(one.note))
    charts = tuple((item.name, item.unit, _chart(visit, item)) for item in means)
    title = f"{one.station} {one.item}".strip()
    reasons = await visit.ask(visit.ports.readings.reasons, name)
    names = {one.alarm.station: one.station, one.alarm.item: one.item}
    panels = panels_of(visit, [reasons], names) if reasons else ()
    shown = AlarmPage(
        title, one, tuple(said), why, panels, charts, _said(visit, LEVELS), _said(visit, KINDS)
    )
    return await show(visit, shown)


def _chart(visit: Visit, item: ItemMeans) -> Markup:
    every = max(1, -(-len(item.means) // LABELS_OF_CHART))
    labels = [
        f"{at.astimezone(visit.zone):%m-%d %H}" if n % every == 0 else ""
        for n, (at, _) in enumerate(item.means)
    ]
    series = [Series(item.name, [value for _, value in item.means])]
    return Markup(lines(labels, series))  # noqa: S704 -- our own, texts escaped


async def dead(visit: Visit) -> Response:
    page = _page(visit)
    found, total = await visit.ask(visit.ports.readings.dead, page)
    pages = max(1, -(-total // PER_PAGE))
    title = visit.say(N_("退回的读数"))
    return await show(visit, DeadReadingsPage(title, tuple(found), total, page, pages))


def _address(chosen: Mapping[str, str]) -> str:
    return "/alarms?" + urlencode({name: value for name, value in chosen.items() if value})


def _said(visit: Visit, words: Mapping[str, str]) -> dict[str, str]:
    return {code: visit.say(word) for code, word in words.items()}
