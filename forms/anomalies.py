"""Unusual access: what the rules found in how people look at the city's cases, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from starlette.responses import Response

from forms.anomaly_ports import Anomaly
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

LEVELS = {"notice": N_("提示"), "serious": N_("严重")}


@dataclass(frozen=True)
class Line:
    """One finding in the reader's language."""

    title: str
    basis: str
    level: str
    note: str
    name: str
    who: str
    facts: tuple[tuple[str, int], ...]
    entries: tuple[str, ...]
    raised_at: datetime
    cleared_at: datetime | None


@dataclass(frozen=True)
class AnomaliesPage(Page):
    """The list, the newest first."""

    template: ClassVar[str] = "anomalies.html"

    lines: Annotated[tuple[Line, ...], "What was found, the newest first."]
    may_search: Annotated[bool, "The reader may see the entries themselves."]


async def anomalies(visit: Visit) -> Response:
    """What stands, and what was cleared lately."""
    found = await visit.ask(visit.ports.anomalies.listing)
    visit.saw_rows(len(found))
    may = await visit.ask(visit.ports.access.may, visit.actor, "audit_read", "audit")
    page = AnomaliesPage(
        title=visit.say(N_("查看异常")),
        lines=tuple(_line(visit, one) for one in found),
        may_search=may.allowed,
    )
    return await show(visit, page)


def _line(visit: Visit, one: Anomaly) -> Line:
    english = visit.language == "en"
    return Line(
        title=one.title_en if english else one.title,
        basis=visit.ports.catalogue.cited(one.basis),
        level=visit.say(LEVELS.get(one.level, one.level)),
        note="" if one.verified else visit.told(one.note),
        name=one.name,
        who=one.who,
        facts=tuple((en if english else zh, n) for zh, en, n in one.facts),
        entries=tuple(one.entries),
        raised_at=one.raised_at,
        cleared_at=one.cleared_at,
    )
