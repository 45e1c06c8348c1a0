"""办事指南: what a matter asks, how long it takes and where, for everybody and without a session.

行政许可法第三十条: 事项、依据、条件、数量、程序、期限、材料目录 and the application form are made
public. All of it is read from the matter's version in force; nothing is written twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from starlette.responses import Response

from catalogue.matters import LICENCE, Limit, Matter
from forms import words
from forms.fields import Field, schema_fields
from forms.rendering import Page
from forms.showing import not_found, show
from forms.suggest import MATTER as SUGGESTION
from forms.visit import Visit
from forms.words import N_

ARTICLE: Final = "XKF-30"
"""行政许可法第三十条: what has to be made public of a licence."""


@dataclass(frozen=True)
class GuideStep:
    """One step of the review, as the public reads it."""

    name: str
    department: str
    limit: str
    """Its period in words; empty: within that of the whole."""
    always: bool


@dataclass(frozen=True)
class GuidesPage(Page):
    """Every matter that may be applied for today."""

    template: ClassVar[str] = "guides.html"

    groups: Annotated[Mapping[str, tuple[Matter, ...]], "Department name → its matters."]
    text: Annotated[str, "What was searched for."]
    whole: Annotated[int, "How many matters there are in all."]


@dataclass(frozen=True)
class GuidePage(Page):
    """One matter: all that an applicant has to know beforehand."""

    template: ClassVar[str] = "guide.html"

    matter: Annotated[Matter, "The version in force today."]
    department: Annotated[str, "Name of the department that decides."]
    basis: Annotated[tuple[str, ...], "The articles that the matter rests on."]
    applicants: Annotated[tuple[str, ...], "Who may apply."]
    statutory: Annotated[str, "The period of the law, in words."]
    promised: Annotated[str, "The period that the city promises, in words."]
    counts_from: Annotated[str, "From when both count."]
    steps: Annotated[tuple[GuideStep, ...], "The review, department by department."]
    procedures: Annotated[tuple[str, ...], "What may be needed and is not counted."]
    fields: Annotated[tuple[Field, ...], "What the application form asks."]
    online: Annotated[str, "Where it is handed in on line; empty: at the window."]
    article: Annotated[str, "The article that makes this public; empty: not a licence."]


async def guides(visit: Visit) -> Response:
    """The list; `text` narrows it by name or code."""
    text = visit.request.query_params.get("text", "").strip()[:100]
    names = visit.ports.catalogue.departments(visit.language)
    matters = _public(visit)
    groups: dict[str, tuple[Matter, ...]] = {}
    for matter in matters:
        if text.lower() in f"{matter.name} {matter.name_en} {matter.basic_code}".lower():
            name = names.get(matter.department, matter.department)
            groups[name] = (*groups.get(name, ()), matter)
    return await show(visit, GuidesPage(visit.say(N_("办事指南")), groups, text, len(matters)))


async def guide(visit: Visit) -> Response:
    """One matter. Raises `Stop` 404 where it may not be applied for today."""
    code = visit.request.path_params["matter"]
    found = next((one for one in _public(visit) if one.code == code), None)
    if found is None:
        raise not_found(visit)
    catalogue = visit.ports.catalogue
    names = catalogue.departments(visit.language)
    return await show(
        visit,
        GuidePage(
            title=found.name_en if visit.language == "en" else found.name,
            matter=found,
            department=names.get(found.department, found.department),
            basis=tuple(catalogue.cited(one) for one in found.basis),
            applicants=tuple(
                visit.say(words.word("applicant", one)) for one in found.applicant_kinds
            ),
            statutory=_period(visit, found.statutory),
            promised=_period(visit, found.promised),
            counts_from=visit.say(
                N_("自受理之日起") if found.counts_from == "acceptance" else N_("自收到申请之日起")
            ),
            steps=tuple(_steps(visit, found, names)),
            procedures=tuple(
                visit.say(words.word("procedure", one)) for one in found.procedures
            ),
            fields=tuple(schema_fields(found.form, "form", visit.language)),
            online=_online(visit, found),
            article=catalogue.cited(ARTICLE) if found.type_code == LICENCE else "",
        ),
    )  # fmt: skip


def online_matters(visit: Visit) -> tuple[Matter, ...]:
    """Return the matters that a citizen applies for on line: all that are no suggestion, which
    needs no sign-in, where the city has an identity provider."""
    if not visit.ports.citizens.possible:
        return ()
    return tuple(one for one in _public(visit) if one.code != SUGGESTION)


def _public(visit: Visit) -> tuple[Matter, ...]:
    """Matters that people apply for: not those whose recorded steps are only played back."""
    return tuple(one for one in visit.ports.catalogue.matters() if one.process == "approval")


def _online(visit: Visit, matter: Matter) -> str:
    if matter.code == SUGGESTION:
        return "/suggest"
    return f"/apply/{matter.code}" if matter in online_matters(visit) else ""


def _period(visit: Visit, limit: Limit) -> str:
    unit = visit.say(words.word("unit", limit.unit))
    return f"{limit.n} {unit}" if limit.n else unit


def _steps(visit: Visit, matter: Matter, names: Mapping[str, str]) -> Iterator[GuideStep]:
    for one in matter.steps:
        name = one.name_en if visit.language == "en" and one.name_en else one.name
        limit = _period(visit, one.limit) if one.limit else ""
        yield GuideStep(name, names.get(one.department, one.department), limit, one.always)
