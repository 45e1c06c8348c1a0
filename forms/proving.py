"""A second factor, asked for at sign-in and again before what cannot be taken back.

The same three ways everywhere: a code of the app, a passkey (the only one that needs script), or a
recovery code. What somebody has typed before they are asked travels along and is sent on with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from forms import log_words
from forms.arriving import arrive, safe_next
from forms.cookies import NEW_SECRET
from forms.entrance_ports import FactorKind
from forms.fields import Form, Wrong
from forms.rendering import Page
from forms.showing import show
from forms.stops import ProveFirst
from forms.visit import Visit
from forms.words import N_, VERBS
from policies.vocabulary import ACT_TITLES


def act_word(act: str) -> str:
    """Return an act in the office's words; empty for none that is known."""
    return VERBS.get(act) or log_words.ACTS.get(act) or ACT_TITLES.get(act, "")


@dataclass(frozen=True)
class Ways:
    """By what somebody can prove who they are."""

    app: bool
    """They have an app that shows codes."""
    passkey: str
    """What the browser needs to use a passkey (JSON); empty where there is none."""
    codes: bool
    """They may use a recovery code."""


@dataclass(frozen=True)
class ProvePage(Page):
    """The second factor once more, before an act that cannot be taken back."""

    template: ClassVar[str] = "prove.html"

    form: Annotated[Form, "No fields; what was wrong with the proof that was shown."]
    ways: Annotated[Ways, "How one may prove it."]
    action: Annotated[str, "Where the proof, and what was typed, is sent."]
    hidden: Annotated[tuple[tuple[str, str], ...], "Everything typed, as it travels on."]
    what: Annotated[str, "The act that needs it, in words; may be empty."]
    files: Annotated[bool, "Files were chosen, which must be chosen again."]
    minutes: Annotated[int, "How long a proof is good."]


def proof_errors(reason: str) -> Form:
    """Return a form without fields that says what was wrong; nothing for no reason."""
    return Form((), (Wrong(reason, "proof-code"),) if reason else ())


def ways_of(kinds: frozenset[FactorKind], asked: str, codes: bool) -> Ways:
    return Ways("totp" in kinds, asked, codes)


async def _page(visit: Visit, action: str, wanted: ProveFirst) -> ProvePage:
    entrance = visit.ports.entrance
    kinds = frozenset(one.kind for one in await visit.ask(entrance.factors, visit.who))
    asked = await visit.ask(lambda: entrance.asked(visit.secret, half=False))
    left = await visit.ask(entrance.codes_left, visit.who)
    return ProvePage(
        title=visit.say(N_("再次验证身份")),
        form=proof_errors(wanted.reason),
        ways=ways_of(kinds, asked, left > 0),
        action=action,
        hidden=tuple(wanted.posted),
        what=visit.say(act_word(wanted.act)),
        files=wanted.files,
        minutes=visit.options.step_up_minutes,
    )


async def prove_page(visit: Visit) -> Response:
    """Ask for a proof before a form is opened."""
    query = visit.request.query_params
    wanted = ProveFirst(query.get("act", "")[:40])
    wanted.posted = [("next", safe_next(query.get("next", "/")))]
    return await show(visit, await _page(visit, "/prove", wanted))


async def prove(visit: Visit) -> Response:
    """Go on: the proof itself was taken, or refused, before this."""
    if not visit.request.scope.get(NEW_SECRET):
        raise ProveFirst("", visit.say(N_("请输入动态码，或者换一种方式验证")))
    return RedirectResponse(safe_next(visit.text("next")), 303)


async def prove_first(request: Request, error: Exception) -> Response:
    """Answer `ProveFirst`: nothing typed is lost, whether it was a page or a form."""
    assert isinstance(error, ProveFirst)
    visit = await arrive(request)
    url = request.url
    here = url.path + (f"?{url.query}" if url.query else "")
    if visit.visitor is None:
        return RedirectResponse(f"/sign-in?next={quote(here)}", 303)
    if request.method in ("GET", "HEAD"):
        return RedirectResponse(f"/prove?act={quote(error.act)}&next={quote(here)}", 303)
    status = 422 if error.reason else 403
    return await show(visit, await _page(visit, here, error), status)
