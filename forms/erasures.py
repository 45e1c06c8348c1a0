"""依法删除: one person asks that somebody's data be erased or only stored, another approves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.responses import RedirectResponse, Response

from forms.erasure_ports import ErasurePlan, Kind, ShownErasure
from forms.rendering import Page
from forms.settled_finality import ask_to_erase
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

STATES = {
    "asked": N_("待批准"),
    "approved": N_("已批准，正在办理"),
    "refused": N_("不批准"),
    "done": N_("已完成"),
}
KINDS: Mapping[Kind, str] = {"erase": N_("依法删除"), "restrict": N_("限制处理")}
COPIES = {
    "keys": N_("密钥"),
    "index": N_("索引"),
    "payloads": N_("日志载荷"),
    "uploads": N_("材料"),
    "letters": N_("死信"),
    "histories": N_("流程历史"),
    "messages": N_("消息"),
}


@dataclass(frozen=True)
class ErasuresPage(Page):
    """Orders, and the form to ask."""

    template: ClassVar[str] = "erasures.html"

    orders: Annotated[tuple[ShownErasure, ...], "The newest first."]
    states: Annotated[Mapping[str, str], "State → words."]
    kinds: Annotated[Mapping[str, str], "Kind → words."]
    copies: Annotated[Mapping[str, str], "Kind of copy → words."]
    articles: Annotated[Mapping[str, str], "Ground → how it is cited."]
    grounds: Annotated[tuple[tuple[str, str], ...], "Id and gist of each article to choose from."]
    case_no: Annotated[str, "The case that was named; empty: none yet."]
    plan: Annotated[ErasurePlan | None, "What it would reach; None: no case was named, or none is."]
    may_ask: Annotated[bool, "May ask."]
    may_approve: Annotated[bool, "May approve what others asked for."]
    fault: Annotated[str, "Why nothing was done; empty: nothing is wrong."]


async def erasures(visit: Visit, fault: str = "", case_no: str = "") -> Response:
    """The orders; with a case number, what the erasure of its applicant would reach."""
    case_no = case_no or visit.request.query_params.get("case", "").strip().upper()[:50]
    ports = visit.ports
    may_ask = (await visit.ask(ports.access.may, visit.actor, "erase_ask", "audit")).allowed
    may_approve = (await visit.ask(ports.access.may, visit.actor, "erase_approve", "audit")).allowed
    if not may_ask and not may_approve:
        await visit.demand("erase_ask", "audit")
    plan = None
    if case_no and may_ask:
        plan = await visit.ask(ports.erasures.plan, case_no)
        fault = fault or ("" if plan else visit.say(N_("没有这个办件")))
    orders: Sequence[ShownErasure] = await visit.ask(ports.erasures.listing, visit.actor)
    grounds = await visit.ask(ports.erasures.grounds)
    page = ErasuresPage(
        title=visit.say(N_("依法删除")),
        orders=tuple(orders),
        states={code: visit.say(words) for code, words in STATES.items()},
        kinds={code: visit.say(words) for code, words in KINDS.items()},
        copies={code: visit.say(words) for code, words in COPIES.items()},
        articles={one.ground: ports.catalogue.cited(one.ground) for one in orders},
        grounds=tuple(grounds),
        case_no=case_no,
        plan=plan,
        may_ask=may_ask,
        may_approve=may_approve,
        fault=fault,
    )
    return await show(visit, page, 409 if fault and visit.request.method == "POST" else 200)


async def ask(visit: Visit) -> Response:
    """Ask that the applicant of a case be erased, or that their data only be stored."""
    case_no = visit.text("case").upper()[:50]
    kind: Kind = "restrict" if visit.text("kind") == "restrict" else "erase"
    fault = await visit.ask(
        visit.ports.erasures.ask, visit.actor, visit.where.ip, case_no, kind, visit.text("ground")
    )
    if fault:
        return await erasures(visit, visit.told(fault), case_no)
    return RedirectResponse("/erasures", 303)


async def approve(visit: Visit) -> Response:
    """Approve what somebody else asked for."""
    return await _settle(visit, True)


async def refuse(visit: Visit) -> Response:
    """Refuse what somebody else asked for."""
    return await _settle(visit, False)


async def _settle(visit: Visit, yes: bool) -> Response:
    settle = visit.ports.erasures.approve if yes else visit.ports.erasures.refuse
    order = visit.request.path_params["order"]
    if yes and (asked := await ask_to_erase(visit, order)):
        return asked
    fault = await visit.ask(settle, visit.actor, visit.where.ip, order)
    if fault:
        return await erasures(visit, fault)
    return RedirectResponse("/erasures", 303)
