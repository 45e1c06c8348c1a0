"""信号: what sources said and what became of it; planned windows in which it is only recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from forms.access_ports import Thing
from forms.alarms import LEVELS
from forms.fields import Field, Form, Option
from forms.links import incident_url
from forms.rendering import Page
from forms.showing import not_found, show
from forms.signal_ports import (
    PER_PAGE,
    ShownRefusal,
    ShownSignal,
    ShownTurn,
    ShownWindow,
    WindowPlan,
)
from forms.visit import Visit
from forms.words import N_

STATES = {
    "incident": N_("立件"),
    "merged": N_("并入"),
    "noted": N_("已记"),
    "suppressed": N_("静默"),
    "duplicate": N_("重复"),
    "refused": N_("已退回"),
}
PHASES = {
    "waiting": N_("尚未开始"),
    "running": N_("静默中"),
    "over": N_("已结束"),
    "lifted": N_("已提前解除"),
}
BECAUSE = {
    "near": N_("同类、同地、同时"),
    "withdrawn": N_("撤回原信号"),
    "": "",
}


@dataclass(frozen=True)
class SignalsPage(Page):
    """What came, the newest first."""

    template: ClassVar[str] = "signals.html"

    signals: Annotated[Sequence[ShownSignal], "One page of them."]
    refused: Annotated[Sequence[ShownRefusal], "The last messages that could not be taken."]
    counts: Annotated[Mapping[str, int], "How many in each state; orders that wait."]
    states: Annotated[Sequence[tuple[str, str, bool]], "Address, word, whether it is listed."]
    words: Annotated[Mapping[str, str], "State → word."]
    levels: Annotated[Mapping[str, str], "Level → word."]
    types: Annotated[Mapping[str, str], "Type → name."]
    districts: Annotated[Mapping[str, str], "District → name."]
    streets: Annotated[Mapping[str, str], "Street → name."]
    because: Annotated[Mapping[str, str], "Ground → words; others stand as they are."]
    total: Annotated[int, "How many there are of the listed state."]
    page: Annotated[int, "Number of the page, from 1."]
    pages: Annotated[int, "How many pages."]
    following: Annotated[Mapping[str, str], "Addresses of the pages before and after; empty: none."]


@dataclass(frozen=True)
class SignalPage(Page):
    """One signal and everything that ever became of it."""

    template: ClassVar[str] = "signal.html"

    one: Annotated[ShownSignal, "The signal."]
    turns: Annotated[Sequence[ShownTurn], "What became of it, oldest first."]
    words: Annotated[Mapping[str, str], "State → word."]
    levels: Annotated[Mapping[str, str], "Level → word."]
    districts: Annotated[Mapping[str, str], "District → name."]
    streets: Annotated[Mapping[str, str], "Street → name."]
    because: Annotated[Mapping[str, str], "Ground → words; others stand as they are."]
    incidents: Annotated[
        Mapping[str, str], "Incident → its address; empty where the reader may not open it."
    ]


@dataclass(frozen=True)
class WindowsPage(Page):
    """Planned windows, and the form of a new one."""

    template: ClassVar[str] = "signal_windows.html"

    windows: Annotated[Sequence[ShownWindow], "The latest first."]
    phases: Annotated[Mapping[str, str], "Phase → words."]
    types: Annotated[Mapping[str, str], "Type → name."]
    districts: Annotated[Mapping[str, str], "District → name."]
    streets: Annotated[Mapping[str, str], "Street → name."]
    form: Annotated[Form | None, "A new window; None: the reader may not plan."]
    fault: Annotated[str, "Why nothing was done; empty: nothing is wrong."]


def _words(visit: Visit, table: Mapping[str, str]) -> dict[str, str]:
    return {code: visit.say(words) if words else "" for code, words in table.items()}


def _number(visit: Visit) -> int:
    number = visit.request.query_params.get("page", "1")
    return max(1, int(number)) if number.isdecimal() and len(number) < 8 else 1


def _address(state: str, page: int = 1) -> str:
    chosen = {"state": state} | ({"page": str(page)} if page > 1 else {})
    return "/signals?" + urlencode({name: value for name, value in chosen.items() if value})


async def signals(visit: Visit) -> Response:
    state = visit.request.query_params.get("state", "")
    state = state if state in STATES else ""
    port, number = visit.ports.signals, _number(visit)
    found, total = await visit.ask(port.listing, state, number)
    pages = max(1, -(-total // PER_PAGE))
    words = _words(visit, STATES)
    districts, streets = port.places(visit.language == "en")
    listed = {"": visit.say(N_("全部")), **words}
    page = SignalsPage(
        title=visit.say(N_("信号")), signals=found,
        refused=await visit.ask(port.refused) if state == "refused" else (),
        counts=await visit.ask(port.counts),
        states=[(_address(code), word, code == state) for code, word in listed.items()],
        words=words, levels=_words(visit, LEVELS), types=port.types(visit.language == "en"),
        districts=districts, streets=streets, because=_words(visit, BECAUSE), total=total,
        page=number, pages=pages,
        following={
            name: _address(state, other) if 1 <= other <= pages else ""
            for name, other in (("before", number - 1), ("after", number + 1))
        },
    )  # fmt: skip
    return await show(visit, page)


async def signal(visit: Visit) -> Response:
    port = visit.ports.signals
    found = await visit.ask(port.one, visit.request.path_params["signal"])
    if found is None:
        raise not_found(visit)
    one, turns = found
    districts, streets = port.places(visit.language == "en")
    types = port.types(visit.language == "en")
    page = SignalPage(
        title=types.get(one.type, one.type), one=one, turns=turns, words=_words(visit, STATES),
        levels=_words(visit, LEVELS), districts=districts, streets=streets,
        because=_words(visit, BECAUSE),
        incidents={
            name: await incident_url(visit, name)
            for name in {turn.incident_id for turn in turns if turn.incident_id}
        },
    )  # fmt: skip
    return await show(visit, page)


# --- windows --------------------------------------------------------------------------------------


def _form(visit: Visit) -> Form:
    say, port = visit.say, visit.ports.signals
    districts, streets = port.places(visit.language == "en")
    types = port.types(visit.language == "en")
    begin = datetime.now(visit.zone) + timedelta(hours=1)

    def choices(named: Mapping[str, str]) -> tuple[Option, ...]:
        every = Option("", say(N_("不限")))
        return (every, *(Option(code, name) for code, name in named.items()))

    return Form(
        (
            Field("type", say(N_("类型")), "select", required=False, options=choices(types)),
            Field("source", say(N_("来源")), required=False, max_length=100,
                  hint=say(N_("来源的名字，例如 lifts；类型和来源至少写一个"))),
            Field("district", say(N_("区")), "select", required=False, options=choices(districts)),
            Field("street", say(N_("街道")), "select", required=False, options=choices(streets)),
            Field("starts_at", say(N_("开始")), "moment", values=(f"{begin:%Y-%m-%dT%H:00}",)),
            Field("ends_at", say(N_("结束")), "moment",
                  values=(f"{begin + timedelta(hours=2):%Y-%m-%dT%H:00}",)),
            Field("reason", say(N_("理由")), "textarea", wide=True, max_length=1000),
        )
    )  # fmt: skip


async def _may_plan(visit: Visit) -> bool:
    thing = Thing("signal")
    return (await visit.ask(visit.ports.access.may, visit.actor, "signals_plan", thing)).allowed


async def windows(visit: Visit) -> Response:
    return await _windows(visit, _form(visit) if await _may_plan(visit) else None)


async def _windows(visit: Visit, form: Form | None, status: int = 200, fault: str = "") -> Response:
    port = visit.ports.signals
    districts, streets = port.places(visit.language == "en")
    page = WindowsPage(
        title=visit.say(N_("静默计划")), windows=await visit.ask(port.windows),
        phases=_words(visit, PHASES), types=port.types(visit.language == "en"),
        districts=districts, streets=streets, form=form, fault=fault,
    )  # fmt: skip
    return await show(visit, page, status)


async def plan(visit: Visit) -> Response:
    """Plan a window ahead."""
    texts = visit.texts()
    typed = Form(tuple(field.filled(texts) for field in _form(visit).fields))
    wrong: dict[str, str] = {}
    times: dict[str, datetime] = {}
    for name in ("starts_at", "ends_at"):
        found = _moment(visit, name)
        if found is None:
            wrong[name] = visit.say(N_("请填写日期和时刻"))
        else:
            times[name] = found
    if wrong:
        return await _windows(visit, typed.with_errors(wrong), 422)
    asked = WindowPlan(
        type=visit.text("type")[:32], source=visit.text("source")[:100],
        district=visit.text("district")[:64], street=visit.text("street")[:64],
        starts_at=times["starts_at"], ends_at=times["ends_at"],
        reason=visit.text("reason")[:1000],
    )  # fmt: skip
    fault = await visit.ask(visit.ports.signals.plan, visit.actor, visit.where.ip, asked)
    if fault is not None:
        return await _windows(visit, typed.with_errors({fault[0]: visit.told(fault[1])}), 422)
    return RedirectResponse("/signals/windows", 303)


def _moment(visit: Visit, name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(visit.text(name))
    except ValueError:
        return None
    return moment.replace(tzinfo=visit.zone) if moment.tzinfo is None else moment


async def lift(visit: Visit) -> Response:
    """End a window before its time."""
    window = visit.request.path_params["window"]
    fault = await visit.ask(visit.ports.signals.lift, visit.actor, visit.where.ip, window)
    if fault:
        return await _windows(visit, _form(visit), 409, visit.told(fault))
    return RedirectResponse("/signals/windows", 303)
