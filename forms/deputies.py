"""代理: whom one lets act for oneself, for whom one acts, and in whose name one acts now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, ClassVar

from starlette.responses import RedirectResponse, Response

from cases.deputies import LONGEST_DAYS, REASONS
from cases.messages import Actor, Grant
from forms.deputy_ports import Colleague, Proposal, ShownDelegation
from forms.fields import Field, Form, Option, Wrong
from forms.rendering import Page
from forms.role_words import role_names
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

PHASES = {
    "proposed": N_("待代理人接受"),
    "waiting": N_("已接受，尚未开始"),
    "running": N_("代理中"),
    "ended": N_("已结束"),
}
WHYS = {
    "": "",
    "withdrawn": N_("委托人撤回"),
    "refused": N_("代理人不接受"),
    "ended": N_("提前终止"),
    "time": N_("期满"),
    "account": N_("账号停用"),
    "grant": N_("委托的角色已收回"),
}
REASON_WORDS = {
    "leave": N_("休假"),
    "travel": N_("公务出差"),
    "training": N_("培训学习"),
    "duty": N_("轮值、借调"),
    "other": N_("其他工作安排"),
}
KINDS = {
    "stall": N_("无人可办"),
    "clash": N_("职责冲突"),
    "clearance": N_("许可级别不够"),
    "due": N_("期间到期"),
}


@dataclass(frozen=True)
class DeputiesPage(Page):
    """Delegations of the reader, and the form to ask a colleague."""

    template: ClassVar[str] = "deputies.html"

    rows: Annotated[tuple[ShownDelegation, ...], "Given and received, the newest first."]
    phases: Annotated[Mapping[str, str], "Phase → words."]
    whys: Annotated[Mapping[str, str], "What ended it → words."]
    reasons: Annotated[Mapping[str, str], "Reason → words."]
    roles: Annotated[Mapping[str, str], "Role → name."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    form: Annotated[Form | None, "A new proposal; None: there is nothing one may delegate now."]
    longest: Annotated[int, "Days at most."]


@dataclass(frozen=True)
class DeputyPage(Page):
    """One delegation with its preflight, before it is accepted and while it runs."""

    template: ClassVar[str] = "deputy.html"

    one: Annotated[ShownDelegation, "The delegation, with its findings."]
    phases: Annotated[Mapping[str, str], "Phase → words."]
    whys: Annotated[Mapping[str, str], "What ended it → words."]
    reasons: Annotated[Mapping[str, str], "Reason → words."]
    kinds: Annotated[Mapping[str, str], "Kind of finding → words."]
    roles: Annotated[Mapping[str, str], "Role → name."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    fault: Annotated[str, "Why nothing was done; empty: nothing is wrong."]


def _own(visit: Visit) -> Actor:
    """Return the person of the session, in whoever's name they act now."""
    return visit.who.own or visit.actor


def _words(visit: Visit, table: Mapping[str, str]) -> Mapping[str, str]:
    return {code: visit.say(words) if words else "" for code, words in table.items()}


def _held(visit: Visit, grant: Grant, roles: Mapping[str, str]) -> str:
    where = visit.ports.catalogue.departments(visit.language)
    place = visit.say(N_("全部部门")) if grant.department == "*" else grant.department
    return f"{roles.get(grant.role, grant.role)} · {where.get(place, place)}"


async def _form(visit: Visit) -> Form | None:
    say, own = visit.say, _own(visit)
    if visit.actor.on_behalf:
        return None
    held: Sequence[Grant] = await visit.ask(visit.ports.deputies.delegable, own)
    people: Sequence[Colleague] = await visit.ask(visit.ports.deputies.colleagues, own)
    if not held or not people:
        return None
    roles = role_names(visit)
    departments = visit.ports.catalogue.departments(visit.language)
    today = datetime.now(visit.zone).date().isoformat()
    return Form(
        (
            Field("deputy", say(N_("代理人")), "select", options=tuple(
                Option(one.id, f"{one.name} · {departments.get(one.department, one.department)}")
                for one in people)),
            Field("reason", say(N_("事由")), "select",
                  options=tuple(Option(code, say(words)) for code, words in REASON_WORDS.items())),
            Field("first", say(N_("起日")), "date", values=(today,)),
            Field("last", say(N_("止日（含）")), "date",
                  hint=say(N_("最长 {n} 天")).format(n=LONGEST_DAYS)),
            Field("grants", say(N_("委托的角色")), "checks", wide=True, options=tuple(
                Option(f"{one.role}@{one.department}", _held(visit, one, roles))
                for one in held)),
        )
    )  # fmt: skip


async def deputies(visit: Visit) -> Response:
    return await _show(visit, await _form(visit))


async def _show(visit: Visit, form: Form | None, status: int = 200) -> Response:
    rows = await visit.ask(visit.ports.deputies.listing, _own(visit))
    page = DeputiesPage(
        title=visit.say(N_("代理")),
        rows=tuple(rows),
        phases=_words(visit, PHASES),
        whys=_words(visit, WHYS),
        reasons=_words(visit, REASON_WORDS),
        roles=role_names(visit),
        departments=visit.ports.catalogue.departments(visit.language),
        form=form,
        longest=LONGEST_DAYS,
    )
    return await show(visit, page, status)


async def propose(visit: Visit) -> Response:
    """Ask a colleague; nothing counts before they accept."""
    if visit.actor.on_behalf:
        raise Stop(
            409, visit.say(N_("您正以他人名义办理；委托须先回到本人名义")), "acting_for_another"
        )
    form = await _form(visit)
    if form is None:
        raise Stop(403, visit.say(N_("您没有可以委托的角色，或者没有同事可以委托")), "nothing")
    texts = visit.texts()
    typed = Form(tuple(field.filled(texts) for field in form.fields))
    wrong = {
        field.name: visit.say(N_("请填写“{label}”")).format(label=field.label)
        for field in typed.fields
        if not field.value
    }
    days = {name: _day(visit.text(name)) for name in ("first", "last")}
    wrong |= {
        name: visit.say(N_("请按 2026-11-22 的样子填写日期"))
        for name, found in days.items()
        if found is None and name not in wrong
    }
    first, last = days["first"], days["last"]
    if wrong or first is None or last is None:
        return await _show(visit, typed.with_errors(wrong), 422)
    grants = tuple(
        Grant(role=role, department=where)
        for role, _, where in (one.partition("@") for one in texts.get("grants", ()))
    )
    reason = visit.text("reason") if visit.text("reason") in REASONS else "other"
    asked = Proposal(visit.text("deputy"), grants, reason, first, last)
    faults = await visit.ask(visit.ports.deputies.propose, _own(visit), visit.where.ip, asked)
    if faults:
        return await _show(
            visit, replace(typed, errors=tuple(Wrong(visit.told(one)) for one in faults)), 422
        )
    return RedirectResponse("/deputies", 303)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


async def deputy(visit: Visit, fault: str = "") -> Response:
    """One delegation of the reader's, with what its days would meet."""
    id = visit.request.path_params["delegation"]
    found = await visit.ask(visit.ports.deputies.find, _own(visit), id)
    if found is None:
        raise not_found(visit)
    visit.saw_rows(len(found.findings.lines) if found.findings else 0)
    page = DeputyPage(
        title=visit.say(N_("代理")),
        one=found,
        phases=_words(visit, PHASES),
        whys=_words(visit, WHYS),
        reasons=_words(visit, REASON_WORDS),
        kinds=_words(visit, KINDS),
        roles=role_names(visit),
        departments=visit.ports.catalogue.departments(visit.language),
        fault=fault,
    )
    return await show(visit, page, 409 if fault else 200)


async def change(visit: Visit) -> Response:
    """Accept, or end (withdraw, refuse) a delegation."""
    id, port = visit.request.path_params["delegation"], visit.ports.deputies
    chosen = port.accept if visit.text("do") == "accept" else port.end
    fault = await visit.ask(chosen, _own(visit), visit.where.ip, id)
    if fault:
        return await deputy(visit, visit.told(fault))
    return RedirectResponse("/deputies", 303)


async def act(visit: Visit) -> Response:
    """Act in somebody's name from the next page on, or in one's own again."""
    fault = await visit.ask(
        visit.ports.deputies.act,
        _own(visit),
        visit.where.ip,
        visit.who.session,
        visit.text("delegation")[:36],
    )
    if fault:
        raise Stop(
            409, visit.told(fault), "not_deputy", visit.say(N_("请在“代理”页查看现在的代理"))
        )
    return RedirectResponse("/", 303)
