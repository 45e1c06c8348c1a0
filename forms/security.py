"""One's own second factors, recovery codes and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from starlette.responses import RedirectResponse, Response

from forms.entrance_ports import FactorKind, KeptFactor, OpenSession
from forms.fields import Form, Wrong
from forms.rendering import Page
from forms.second_step import SetUpPage, set_up_form, shown_factor
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

DONE = {
    "factor": N_("已登记新的第二因素。"),
    "removed": N_("已停用，其他地方的登录已全部退出。"),
    "codes": N_("恢复码已启用，原有的全部作废。"),
    "ended": N_("已结束该会话。"),
    "others": N_("其他地方的登录已全部退出。"),
}


@dataclass(frozen=True)
class SecurityPage(Page):
    """What one signs in with, and where one is signed in."""

    template: ClassVar[str] = "security.html"

    form: Annotated[Form, "No fields; why something was refused."]
    done: Annotated[str, "What has just been done; empty: nothing."]
    factors: Annotated[Sequence[KeptFactor], "Second factors, the oldest first."]
    codes_left: Annotated[int, "Recovery codes that are still good."]
    sessions: Annotated[Sequence[OpenSession], "Open sessions, the one last seen first."]


@dataclass(frozen=True)
class CodesPage(Page):
    """Ten recovery codes, shown once."""

    template: ClassVar[str] = "codes.html"

    codes: Annotated[tuple[str, ...], "The new codes; empty before they are made."]
    first: Annotated[bool, "There are none yet: nothing else opens before."]


async def overview(visit: Visit) -> Response:
    said = DONE.get(visit.request.query_params.get("done", ""), "")
    return await _show(visit, Form(()), visit.say(said) if said else "")


async def _show(visit: Visit, form: Form, done: str, status: int = 200) -> Response:
    entrance, who = visit.ports.entrance, visit.who
    page = SecurityPage(
        title=visit.say(N_("我的安全")),
        form=form,
        done=done,
        factors=await visit.ask(entrance.factors, who),
        codes_left=await visit.ask(entrance.codes_left, who),
        sessions=await visit.ask(entrance.sessions, who),
    )
    return await show(visit, page, status)


async def factor_page(visit: Visit) -> Response:
    return await _show_factor(visit, set_up_form(visit))


async def _show_factor(visit: Visit, form: Form, status: int = 200) -> Response:
    entrance = visit.ports.entrance
    offer = await visit.ask(lambda: entrance.app_offer(visit.secret, half=False))
    if offer is None:
        return RedirectResponse("/sign-in", 303)
    passkey = await visit.ask(lambda: entrance.passkey_offer(visit.secret, half=False))
    title = visit.say(N_("登记第二因素"))
    page = SetUpPage(title, form, offer, passkey, False, "/security/factor", "/security")
    return await show(visit, page, status)


async def add_factor(visit: Visit) -> Response:
    kind, shown = shown_factor(visit)
    refused = await visit.ask(
        visit.ports.entrance.add_factor, visit.secret, kind, shown, visit.text("name"), visit.where
    )
    if refused is None:
        return RedirectResponse("/security?done=factor", 303)
    return await _show_factor(visit, _wrong(visit, kind, visit.told(refused.reason)), 422)


def _wrong(visit: Visit, kind: FactorKind, reason: str) -> Form:
    form = set_up_form(visit)
    named = Form((form.fields[0], replace(form.fields[1], values=(visit.text("name"),))))
    if kind == "passkey":
        return replace(named, errors=(Wrong(reason),))
    return named.with_errors({"code": reason})


async def remove(visit: Visit) -> Response:
    factor = visit.request.path_params["factor"]
    refused = await visit.ask(visit.ports.entrance.remove_factor, visit.secret, factor, visit.where)
    if refused is None:
        return RedirectResponse("/security?done=removed", 303)
    return await _show(visit, Form((), (Wrong(visit.told(refused.reason)),)), "", 422)


async def codes_page(visit: Visit) -> Response:
    return await show(visit, _codes(visit, ()))


def _codes(visit: Visit, codes: tuple[str, ...]) -> CodesPage:
    return CodesPage(visit.say(N_("恢复码")), codes, visit.who.must_keep_codes)


async def make_codes(visit: Visit) -> Response:
    """Make ten codes and show them, this once: no address shows them again."""
    codes = await visit.ask(visit.ports.entrance.new_codes, visit.secret, visit.where)
    return await show(visit, _codes(visit, codes))


async def keep_codes(visit: Visit) -> Response:
    kept = await visit.ask(visit.ports.entrance.keep_codes, visit.secret, visit.where)
    first = visit.who.must_keep_codes
    if not kept:
        return RedirectResponse("/security/codes" if first else "/security", 303)
    return RedirectResponse("/" if first else "/security?done=codes", 303)


async def end_sessions(visit: Visit) -> Response:
    """End one of one's own sessions, or all but this."""
    entrance, chosen = visit.ports.entrance, visit.text("session")
    if not chosen:
        await visit.ask(entrance.end_others, visit.secret, visit.where)
        return RedirectResponse("/security?done=others", 303)
    await visit.ask(entrance.end_session, visit.secret, chosen, visit.where)
    return RedirectResponse("/security?done=ended", 303)
