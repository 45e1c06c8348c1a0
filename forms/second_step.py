"""Between the password and the session: the second factor, or registering the first one."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from forms.arriving import safe_next
from forms.cookies import HALF_COOKIE, come_in, keep_cookie
from forms.entrance_ports import AppOffer, FactorKind, HalfIn, SignedIn, SignInRefused
from forms.fields import Field, Form, Wrong
from forms.posting import shown_proof
from forms.proving import Ways, proof_errors, ways_of
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

HALF_SECONDS = 15 * 60
"""How long the browser keeps the half-way cookie; the row behind it ends no later."""
MOST_KEPT = 512 * 1024
"""Bytes of what somebody had typed when their session ended, carried through sign-in."""


@dataclass(frozen=True)
class Kept:
    """What somebody was about to send when their session ended."""

    to: str
    who: str
    """The account whose session it was; nobody else gets it."""
    fields: tuple[tuple[str, str], ...]
    files: bool

    def packed(self) -> str:
        text = json.dumps([self.to, self.who, self.fields, self.files], ensure_ascii=False)
        return base64.b64encode(text.encode()).decode()


def unpacked(text: str) -> Kept | None:
    """Return what a sign-in form carried along; None for nothing, or what is not readable."""
    if not text or len(text) > 2 * MOST_KEPT:
        return None
    try:
        to, who, fields, files = json.loads(base64.b64decode(text, validate=True))
        pairs = tuple((str(name), str(value)) for name, value in fields)
    except (ValueError, TypeError):
        return None
    plain = safe_next(str(to))
    return Kept(plain, str(who), pairs, bool(files)) if plain == to else None


@dataclass(frozen=True)
class SecondPage(Page):
    """The second factor of somebody whose password was right."""

    template: ClassVar[str] = "second.html"

    form: Annotated[Form, "No fields; what was wrong with the proof that was shown."]
    ways: Annotated[Ways, "How one may prove it."]
    who: Annotated[str, "The name of whose password it was."]
    next: Annotated[str, "The path to go on to."]
    kept: Annotated[str, "What was typed when the session ended, packed; may be empty."]


@dataclass(frozen=True)
class SetUpPage(Page):
    """The first second factor: an app's, or a passkey."""

    template: ClassVar[str] = "set_up.html"

    form: Annotated[Form, "The code that the app shows, and a name for it."]
    offer: Annotated[AppOffer, "The picture and the secret for the app."]
    passkey: Annotated[str, "What the browser needs to make a passkey (JSON); empty: none here."]
    first: Annotated[bool, "Somebody's first factor, before any session."]
    action: Annotated[str, "Where it is sent."]
    next: Annotated[str, "The path to go on to."]


@dataclass(frozen=True)
class ResumePage(Page):
    """What somebody was about to send is still there."""

    template: ClassVar[str] = "resume.html"

    kept: Annotated[Kept, "What it was, and where to."]
    labels: Annotated[tuple[str, ...], "What stands in it, shortened, to recognise it."]


async def _half(visit: Visit) -> HalfIn | None:
    secret = visit.request.cookies.get(HALF_COOKIE, "")
    return await visit.ask(visit.ports.entrance.half_way, secret) if secret else None


def _over(visit: Visit) -> Response:
    there = safe_next(visit.request.query_params.get("next", "/"))
    return RedirectResponse(f"/sign-in?why=half&next={quote(there)}", 303)


async def half_in(visit: Visit, answer: HalfIn, there: str, kept: str) -> Response:
    """Go on from a right password: to the second factor, or to registering the first one."""
    step = "second" if answer.kinds else "set-up"
    if kept and answer.kinds:
        response = await _show_second(visit, answer, "", there, kept)
    else:
        response = RedirectResponse(f"/sign-in/{step}?next={quote(there)}", 303)
    keep_cookie(response, HALF_COOKIE, answer.secret, HALF_SECONDS)
    return response


async def second_page(visit: Visit) -> Response:
    half = await _half(visit)
    if half is None:
        return _over(visit)
    there = safe_next(visit.request.query_params.get("next", "/"))
    if not half.kinds:
        return RedirectResponse(f"/sign-in/set-up?next={quote(there)}", 303)
    return await _show_second(visit, half, "", there, "")


async def _show_second(
    visit: Visit, half: HalfIn, reason: str, there: str, kept: str, status: int = 200
) -> Response:
    entrance = visit.ports.entrance
    asked = await visit.ask(lambda: entrance.asked(half.secret, half=True))
    page = SecondPage(
        visit.say(N_("登录 · 第二步")), proof_errors(reason), ways_of(half.kinds, asked, True),
        half.name, there, kept,
    )  # fmt: skip
    return await show(visit, page, status)


async def second(visit: Visit) -> Response:
    visit.slow_down("sign_ins")
    there, kept = safe_next(visit.text("next")), visit.text("kept")
    half, proof = await _half(visit), shown_proof(visit.posted)
    if half is None:
        return _over(visit)
    if proof is None:
        reason = visit.say(N_("请输入动态码，或者换一种方式验证"))
        return await _show_second(visit, half, reason, there, kept, 422)
    answer = await visit.ask(visit.ports.entrance.prove, half.secret, proof, visit.where)
    if isinstance(answer, SignInRefused):
        if answer.over:
            return _over(visit)
        return await _show_second(visit, half, visit.told(answer.reason), there, kept, 422)
    return come_in(visit, answer, await _go_on(visit, answer, there, unpacked(kept)))


async def _go_on(visit: Visit, answer: SignedIn, there: str, kept: Kept | None) -> Response:
    visitor = answer.visitor
    if visitor.must_change:
        return RedirectResponse("/password", 303)
    if kept is None or visitor.must_keep_codes or kept.who != visitor.actor.id:
        return RedirectResponse(there, 303)
    visit.secret, visit.visitor = answer.secret, visitor
    labels = tuple(value[:40] for _, value in kept.fields if len(value.strip()) > 1)[:6]
    return await show(visit, ResumePage(visit.say(N_("继续刚才的操作")), kept, labels))


# --- the first factor ----------------------------------------------------------------------------


def set_up_form(visit: Visit) -> Form:
    """Return the fields by which an app proves that it has the secret."""
    return Form(
        (
            Field(
                "code", visit.say(N_("应用里显示的六位动态码")), autocomplete="one-time-code",
                max_length=10,
            ),
            Field(
                "name", visit.say(N_("给它起个名字")), required=False, max_length=60,
                hint=visit.say(N_("例如：我的手机")),
            ),
        )
    )  # fmt: skip


async def set_up_page(visit: Visit) -> Response:
    half = await _half(visit)
    if half is None:
        return _over(visit)
    there = safe_next(visit.request.query_params.get("next", "/"))
    if half.kinds:
        return RedirectResponse(f"/sign-in/second?next={quote(there)}", 303)
    return await _show_set_up(visit, half, set_up_form(visit), there)


async def _show_set_up(
    visit: Visit, half: HalfIn, form: Form, there: str, status: int = 200
) -> Response:
    entrance = visit.ports.entrance
    offer = await visit.ask(lambda: entrance.app_offer(half.secret, half=True))
    if offer is None:
        return _over(visit)
    passkey = await visit.ask(lambda: entrance.passkey_offer(half.secret, half=True))
    page = SetUpPage(
        visit.say(N_("登记第二因素")), form, offer, passkey, True, "/sign-in/set-up", there
    )
    return await show(visit, page, status)


def shown_factor(visit: Visit) -> tuple[FactorKind, str]:
    """Return what kind of factor was posted to be registered, and its first use."""
    made = visit.text("made")
    return ("passkey", made) if made else ("totp", visit.text("code"))


async def set_up(visit: Visit) -> Response:
    visit.slow_down("sign_ins")
    there, half = safe_next(visit.text("next")), await _half(visit)
    if half is None:
        return _over(visit)
    kind, shown = shown_factor(visit)
    answer = await visit.ask(
        visit.ports.entrance.set_up, half.secret, kind, shown, visit.text("name"), visit.where
    )
    if isinstance(answer, SignInRefused):
        if answer.over:
            return _over(visit)
        form = _refilled(visit, kind, visit.told(answer.reason))
        return await _show_set_up(visit, half, form, there, 422)
    return come_in(visit, answer, await _go_on(visit, answer, there, None))


def _refilled(visit: Visit, kind: FactorKind, reason: str) -> Form:
    form = set_up_form(visit)
    code, name = form.fields
    filled = Form((code, replace(name, values=(visit.text("name"),))))
    if kind == "passkey":
        return replace(filled, errors=(Wrong(reason),))
    return filled.with_errors({"code": reason})
