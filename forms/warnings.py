"""预警: our own warnings listed, issued, adjusted and lifted on pages; read as CAP by everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar
from uuid import uuid4

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from cases.messages import Source
from cases.payments import first_fault
from cases.warning_areas import WIDEST_M, Round, cells_of, whole_streets
from cases.warning_report import report_of
from cases.warning_rows import KeptAct
from cases.warnings import (
    ADJUST,
    CATEGORIES,
    ENDS,
    GOVERNMENT,
    ISSUE,
    LEVELS,
    LIFT,
    MEASURES,
    MEASURES_ABOVE,
    OBJECT,
    Announced,
    Lifting,
    WarningAnswer,
)
from forms.fields import Field, Form, Option
from forms.for_good import asked_first, goes_back
from forms.rendering import Page
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.warning_finality import LEVEL_WORDS, VERB_WORDS, asking_of
from forms.words import N_

COMMAND = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
TEXTS = ("event", "area", "matters", "advice", "issuer")
"""What is said in both languages."""


@dataclass(frozen=True)
class WarningLine:
    """One warning or one act as a page lists it."""

    warning: str
    event: str
    category: str
    level: str
    level_word: str
    act: str
    lifted: bool
    area: str
    issuer: str
    lapsed: bool
    """Its own time has run out, and nobody has lifted it."""
    starts_at: datetime | None
    expires_at: datetime | None
    issued_at: datetime


@dataclass(frozen=True)
class WarningsPage(Page):
    """All warnings."""

    template: ClassVar[str] = "warnings.html"

    warnings: Annotated[tuple[WarningLine, ...], "The newest act of each, the newest first."]
    may_issue: Annotated[bool, "May issue one."]


@dataclass(frozen=True)
class WarningPage(Page):
    """One warning with its acts."""

    template: ClassVar[str] = "warning.html"

    one: Annotated[WarningLine, "What stands."]
    said: Annotated[Announced, "The words of it."]
    lifting: Annotated[Lifting | None, "Why it was lifted, once it was."]
    measures: Annotated[tuple[tuple[str, str], ...], "Each measure and its article."]
    places: Annotated[tuple[str, ...], "Names of the cells of the grid in which it holds."]
    report: Annotated[str, "The report upward, drafted; the article asks for it at once."]
    article: Annotated[str, "The article."]
    acts: Annotated[tuple[WarningLine, ...], "Every act, in their order."]
    may_adjust: Annotated[bool, "May adjust it now."]
    may_lift: Annotated[bool, "May lift it now."]


@dataclass(frozen=True)
class WarningActPage(Page):
    """The form of one act."""

    template: ClassVar[str] = "warning_act.html"

    form: Annotated[Form, "All fields, with what was typed and what is wrong."]
    action: Annotated[str, "Where the form goes."]
    command: Annotated[str, "Id of the command: posted again, it is the same act."]
    basis: Annotated[str, "The article under which the act is done."]


async def listing(visit: Visit) -> Response:
    """The warnings, whether they stand or were lifted."""
    found = await visit.ask(visit.ports.warnings.listing, visit.actor)
    shown = WarningsPage(
        title=visit.say(N_("突发事件预警")),
        warnings=tuple(_line(visit, one) for one in found),
        may_issue=await _may(visit, ISSUE),
    )
    return await show(visit, shown)


async def warning(visit: Visit) -> Response:
    """One warning: its words, its measures, its acts."""
    acts = await _acts(visit)
    last = acts[-1]
    stands = last.verb not in ENDS
    cited, cells = visit.ports.catalogue.cited, visit.ports.intake.grid().cell_by_id
    shown = WarningPage(
        title=_line(visit, last).event,
        one=_line(visit, last),
        said=last.said,
        lifting=last.lifting,
        measures=tuple(
            (_measure(visit, one), cited(MEASURES[one].basis)) for one in last.said.measures
        ),
        places=tuple(
            cell.named(visit.language == "en") if (cell := cells.get(one)) else one
            for one in last.said.cells
        ),
        report=report_of(last, acts[0], visit.zone),
        article=cited("TFSJ-64"),
        acts=tuple(_line(visit, one) for one in acts),
        may_adjust=stands and await _may(visit, ADJUST),
        may_lift=stands and await _may(visit, LIFT),
    )
    return await show(visit, shown)


# --- acting --------------------------------------------------------------------------------------


async def issue(visit: Visit) -> Response:
    """The empty form, and what was posted of it."""
    return await _announce(visit, ISSUE, "/warnings/new", None)


async def adjust(visit: Visit) -> Response:
    """The form with what stands, and what was posted of it."""
    last = (await _acts(visit))[-1]
    return await _announce(visit, ADJUST, f"/warnings/{last.warning}/adjust", last)


async def lift(visit: Visit) -> Response:
    """Why the warning is lifted."""
    last = (await _acts(visit))[-1]
    say = visit.say
    fields = (
        Field("reason", say(N_("不可能发生或者危险已经解除的事实")), "textarea",
              max_length=1000, wide=True),
        Field("reason_en", say(N_("同上（英文）")), "textarea", max_length=1000, wide=True),
    )  # fmt: skip
    page = _page(visit, LIFT, f"/warnings/{last.warning}/lift", fields)
    if not visit.posted or goes_back(visit):
        return await show(visit, page)
    body: dict[str, Any] = {name: visit.text(name) for name in ("reason", "reason_en")}
    return await _asked(visit, page, LIFT, last, Lifting, body)


async def _announce(visit: Visit, verb: str, action: str, last: KeptAct | None) -> Response:
    page = _page(visit, verb, action, tuple(_fields(visit, last.said if last else None)))
    if not visit.posted or goes_back(visit):
        return await show(visit, page)
    texts = visit.texts()
    body: dict[str, Any] = {
        name: visit.text(name)
        for name in ("category", "level", *TEXTS, *(f"{one}_en" for one in TEXTS))
    }
    body["measures"] = tuple(texts.get("measures", ()))
    wrong: dict[str, str] = {}
    for name in ("starts_at", "expires_at"):
        if words := visit.text(name):
            try:
                at = datetime.fromisoformat(words)
            except ValueError:
                wrong[name] = visit.say(N_("时间读不出来"))
                continue
            body[name] = at if at.tzinfo else at.replace(tzinfo=visit.zone)
    body["cells"] = cells_of(
        texts.get("streets", ()), texts.get("cells", ()), visit.ports.intake.grid()
    )
    body["circle"], fault = _circle(visit)
    if fault:
        wrong["circle_radius_m"] = fault
    if wrong:
        return await _again(visit, page, wrong)
    return await _asked(visit, page, verb, last, Announced, body)


def _circle(visit: Visit) -> tuple[dict[str, float | int] | None, str]:
    """Return the circle that was typed, and what is wrong with it."""
    typed = [visit.text(f"circle_{name}") for name in ("lon", "lat", "radius_m")]
    if not any(typed):
        return None, ""
    try:
        lon, lat, radius = (float(one) for one in typed)
        found = Round(lon=lon, lat=lat, radius_m=int(radius))
    except (ValueError, OverflowError):
        return None, visit.say(N_("圆须写全圆心经度、纬度和半径；半径为 1 至 {n} 米")).format(
            n=WIDEST_M
        )
    return found.model_dump(), ""


async def _asked(
    visit: Visit,
    page: WarningActPage,
    verb: str,
    last: KeptAct | None,
    shape: type[Announced | Lifting],
    raw: Mapping[str, Any],
) -> Response:
    if not COMMAND.fullmatch(page.command):
        raise Stop(400, visit.say(N_("表单不完整，请重新打开页面")), "no_command")
    try:
        body = shape.model_validate(raw)
    except ValidationError as malformed:
        path, _ = first_fault(malformed.errors(include_url=False, include_input=False))
        name = path.split(".")[0]
        label = next((f.label for f in page.form.fields if f.name == name), name)
        said = visit.say(N_("“{label}”填写有误")).format(label=label)
        return await _again(visit, page, {name: said})
    if not await visit.ask(visit.ports.warnings.answered, page.command):
        asking = asking_of(visit, verb, last, body, page.form, page.command)
        if asking is not None and (first := await asked_first(visit, asking)):
            return first
    source = Source(door="web", session=visit.who.session, ip=visit.where.ip)
    warning = last.warning if last else ""
    answer: WarningAnswer = await visit.ask(
        visit.ports.warnings.act, visit.actor, source, page.command, verb, warning,
        body.model_dump(mode="json"),
    )  # fmt: skip
    if answer.status == "refused":
        if answer.code in ("no_right", "forbidden", "label", "not_a_person"):
            raise Stop(403, visit.told(answer.reason), "no_permission")
        article = visit.ports.catalogue.cited(answer.basis) if answer.basis else ""
        place = answer.field.removeprefix("body.") or page.form.fields[0].name
        said = f"{visit.told(answer.reason)}（{article}）" if article else visit.told(answer.reason)
        # The refusal is this command's answer for ever: what is corrected is another one.
        return await _again(visit, replace(page, command=str(uuid4())), {place: said})
    return RedirectResponse(f"/warnings/{answer.warning}", 303)


async def _again(visit: Visit, page: WarningActPage, wrong: Mapping[str, str]) -> Response:
    form = page.form.with_errors(wrong)
    return await show(
        visit, WarningActPage(page.title, form, page.action, page.command, page.basis), 422
    )


def _page(visit: Visit, verb: str, action: str, fields: tuple[Field, ...]) -> WarningActPage:
    titles = {ISSUE: N_("发布预警"), ADJUST: N_("调整预警"), LIFT: N_("解除预警")}
    if visit.posted:
        fields = tuple(one.filled(visit.texts()) for one in fields)
    return WarningActPage(
        title=visit.say(titles[verb]),
        form=Form(fields),
        action=action,
        command=visit.text("command") if visit.posted else str(uuid4()),
        basis=visit.ports.catalogue.cited("TFSJ-64" if verb == ISSUE else "TFSJ-70"),
    )


def _fields(visit: Visit, stands: Announced | None) -> Iterator[Field]:
    say, english = visit.say, visit.language == "en"
    old = stands or _beginning(visit)

    def text(name: str, label: str, kind: Any = "text", longest: int = 200) -> Field:
        value = getattr(old, name)
        return Field(name, label, kind, values=(value,) if value else (), max_length=longest,
                     double=kind == "text", wide=kind == "textarea")  # fmt: skip

    yield Field(
        "category", say(N_("预警类别")), "select",
        options=tuple(
            Option(key, one.title_en if english else one.title)
            for key, one in CATEGORIES.items() if one.cap
        ),
        values=(old.category,) if old.category else (),
        hint=say(N_("气象灾害预警信号只由气象台站发布，这里不能发布")),
    )  # fmt: skip
    yield Field(
        "level", say(N_("预警级别")), "select",
        options=tuple(Option(one, say(LEVEL_WORDS[one])) for one in LEVELS),
        values=(old.level,) if old.level else (),
    )  # fmt: skip
    yield Field("starts_at", say(N_("起始时间")), "moment", values=_moment(visit, old.starts_at))
    yield Field(
        "expires_at", say(N_("失效时间")), "moment", required=False,
        values=_moment(visit, old.expires_at), hint=say(N_("到时自行失效；不写则直至宣布解除")),
    )  # fmt: skip
    yield text("event", say(N_("预警名称")))
    yield text("event_en", say(N_("预警名称（英文）")))
    yield text("issuer", say(N_("发布单位")))
    yield text("issuer_en", say(N_("发布单位（英文）")))
    for name, chinese, foreign in (
        ("area", N_("可能影响的范围"), N_("可能影响的范围（英文）")),
        ("matters", N_("警示事项"), N_("警示事项（英文）")),
        ("advice", N_("公众应当采取的措施"), N_("公众应当采取的措施（英文）")),
    ):
        yield text(name, say(chinese), "textarea", 1000)
        yield text(f"{name}_en", say(foreign), "textarea", 1000)
    yield from _places(visit, old)
    yield Field(
        "measures", say(N_("政府采取的措施")), "checks",
        options=tuple(
            Option(key, _measure(visit, key), _note(visit, key)) for key in MEASURES
        ),
        values=old.measures, wide=True,
    )  # fmt: skip


def _beginning(visit: Visit) -> Announced:
    """Return what a new warning begins with: now, and the government as its issuer (第六十四条)."""
    return Announced(
        starts_at=datetime.now(visit.zone),
        issuer=f"{visit.options.city_name}人民政府",
        issuer_en=visit.ports.catalogue.name_en(GOVERNMENT),
    )


def _moment(visit: Visit, at: datetime | None) -> tuple[str, ...]:
    return (at.astimezone(visit.zone).strftime("%Y-%m-%dT%H:%M"),) if at else ()


def _places(visit: Visit, old: Announced) -> Iterator[Field]:
    """Yield where it holds on the map: whole streets, single cells, a circle."""
    say, grid, english = visit.say, visit.ports.intake.grid(), visit.language == "en"
    streets = tuple(whole_streets(old.cells, grid))
    single = tuple(
        one for one in old.cells
        if (cell := grid.cell_by_id.get(one)) is None or cell.department not in streets
    )  # fmt: skip
    districts = grid.district_by_code

    def district(code: str) -> str:
        found = districts[code]
        return found.name_en if english else found.name

    yield Field(
        "streets", say(N_("整个街道")), "checks", required=False, wide=True, values=streets,
        options=tuple(
            Option(one.department, one.name_en if english else one.name, district(one.district))
            for one in grid.streets
        ),
        hint=say(N_("选中的网格作为多边形和区域代码写入 CAP 报文")),
    )  # fmt: skip
    yield Field(
        "cells", say(N_("单个网格")), "checks", required=False, wide=True, values=single,
        options=tuple(
            Option(one.id, one.named(english))
            for one in sorted(grid.cells, key=lambda one: (one.department, one.id))
        ),
    )  # fmt: skip
    circle = old.circle
    for name, label, value in (
        ("lon", N_("圆心经度"), circle and circle.lon),
        ("lat", N_("圆心纬度"), circle and circle.lat),
        ("radius_m", N_("半径"), circle and circle.radius_m),
    ):
        yield Field(
            f"circle_{name}", say(label), "number", required=False,
            values=() if value is None else (f"{value}",),
            unit=say(N_("米")) if name == "radius_m" else "",
        )  # fmt: skip


def _measure(visit: Visit, key: str) -> str:
    return MEASURES[key].title_en if visit.language == "en" else MEASURES[key].title


def _note(visit: Visit, key: str) -> str:
    above = MEASURES[key].basis == MEASURES_ABOVE
    return visit.say(N_("第六十七条，红色、橙色")) if above else visit.say(N_("第六十六条"))


async def _acts(visit: Visit) -> tuple[KeptAct, ...]:
    found = await visit.ask(
        visit.ports.warnings.acts, visit.actor, visit.request.path_params["warning"]
    )
    if not found:
        raise not_found(visit)
    return tuple(found)


async def _may(visit: Visit, act: str) -> bool:
    return bool((await visit.ask(visit.ports.access.may, visit.actor, act, OBJECT)).allowed)


def _line(visit: Visit, one: KeptAct) -> WarningLine:
    english = visit.language == "en"
    said, category = one.said, CATEGORIES[one.said.category]
    return WarningLine(
        warning=one.warning,
        event=said.event_en if english else said.event,
        category=category.title_en if english else category.title,
        level=said.level,
        level_word=visit.say(LEVEL_WORDS[said.level]),
        act=visit.say(VERB_WORDS[one.verb]),
        lifted=one.verb == LIFT,
        area=said.area_en if english else said.area,
        issuer=said.issuer_en if english else said.issuer,
        lapsed=one.verb != LIFT and said.has_lapsed(datetime.now(UTC)),
        starts_at=said.starts_at,
        expires_at=said.expires_at,
        issued_at=one.issued_at,
    )


__all__ = ["adjust", "issue", "lift", "listing", "warning"]
