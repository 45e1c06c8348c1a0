"""Sign-in, sign-out, the first password and a new one, and the language."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from forms.arriving import arrive, safe_next
from forms.cookies import LANGUAGE_COOKIE, SESSION_COOKIE, WALL_COOKIE, drop_cookie
from forms.entrance_ports import HalfIn, SignInRefused
from forms.fields import Field, Form, Wrong
from forms.rendering import Page
from forms.second_step import MOST_KEPT, Kept, half_in
from forms.showing import show
from forms.stops import SignInFirst, Stop
from forms.visit import Visit
from forms.words import N_
from policies.identity import PasswordRules

_RULES = PasswordRules()


@dataclass(frozen=True)
class SignInPage(Page):
    """Login and password."""

    template: ClassVar[str] = "sign_in.html"

    form: Annotated[Form, "The two fields."]
    next: Annotated[str, "The path to go on to."]
    ended: Annotated[str, "Why the session is over: idle, limit, revoked, half; empty: it is not."]
    kept: Annotated[str, "What was typed when the session ended, packed; may be empty."]
    idle: Annotated[int, "Minutes after which a session without a click is over."]
    hours: Annotated[int, "Hours after which any session is over."]


@dataclass(frozen=True)
class EnrolPage(Page):
    """The one-time code sets the first password."""

    template: ClassVar[str] = "enrol.html"

    form: Annotated[Form, "Login, code, password twice."]


@dataclass(frozen=True)
class PasswordPage(Page):
    """A new password for whoever knows the old one."""

    template: ClassVar[str] = "password.html"

    form: Annotated[Form, "Old password, new password twice."]
    done: Annotated[bool, "The password has just been changed."]


def _password(visit: Visit, name: str, label: str, known: bool = False) -> Field:
    hint = ""
    if not known:
        told = visit.say(N_("至少 {n} 个字符；大写、小写、数字、符号中至少 {m} 类；不含登录名"))
        hint = told.format(n=_RULES.min_length, m=_RULES.min_classes)
    complete = "current-password" if known else "new-password"
    return Field(name, label, "password", hint=hint, autocomplete=complete, max_length=200)


def _login(visit: Visit) -> Field:
    return Field("login", visit.say(N_("登录名")), autocomplete="username", max_length=64)


def _sign_in_form(visit: Visit) -> Form:
    return Form((_login(visit), _password(visit, "password", visit.say(N_("口令")), known=True)))


async def sign_in_page(visit: Visit) -> Response:
    query = visit.request.query_params
    there = safe_next(query.get("next", "/"))
    if visit.visitor is not None:
        return RedirectResponse(there, 303)
    why = "half" if query.get("why") == "half" else ""
    cookie = visit.request.cookies.get(SESSION_COOKIE, "")
    if cookie and not why:
        why = (await visit.ask(visit.ports.entrance.ended, cookie))[0]
    return await show_sign_in(visit, there, why, "")


async def show_sign_in(
    visit: Visit, there: str, why: str, kept: str, status: int = 200, form: Form | None = None
) -> Response:
    """Return the sign-in form, with why the last session is over."""
    options = visit.options
    page = SignInPage(
        visit.say(N_("登录")), form or _sign_in_form(visit), there, why, kept,
        options.session_idle_minutes, options.session_hours,
    )  # fmt: skip
    return await show(visit, page, status)


async def sign_in(visit: Visit) -> Response:
    visit.slow_down("sign_ins")
    login, password = visit.text("login"), str(visit.posted.get("password", ""))
    there, kept = safe_next(visit.text("next")), visit.text("kept")
    answer = await visit.ask(visit.ports.entrance.sign_in, login, password, visit.where)
    if isinstance(answer, HalfIn):
        return await half_in(visit, answer, there, kept)
    form = _sign_in_form(visit)
    login_field = replace(form.fields[0], values=(login,))
    refused = Form(
        (login_field, form.fields[1]), (Wrong(visit.told(answer.reason), login_field.id),)
    )
    return await show_sign_in(visit, there, "", kept, 422, refused)


async def still_here(visit: Visit) -> Response:
    """An empty picture: that a page asks for it is use of the session, told by `staying.js` while
    somebody types or has pressed 继续工作. Who has no session is led to the sign-in page, which is
    no picture."""
    return Response(_NOTHING, media_type="image/svg+xml")


async def sign_out(visit: Visit) -> Response:
    await visit.ask(visit.ports.entrance.sign_out, visit.secret, visit.where)
    response = RedirectResponse("/sign-in", 303)
    drop_cookie(response, SESSION_COOKIE)
    drop_cookie(response, WALL_COOKIE)
    return response


def _enrol_form(visit: Visit) -> Form:
    say = visit.say
    return Form(
        (
            _login(visit),
            Field(
                "code",
                say(N_("一次性注册码")),
                hint=say(N_("由系统管理员当面交付")),
                max_length=100,
            ),
            _password(visit, "new", say(N_("新口令"))),
            _password(visit, "again", say(N_("再输一次"))),
        )
    )


async def enrol_page(visit: Visit) -> Response:
    return await show(visit, EnrolPage(visit.say(N_("首次登记")), _enrol_form(visit)))


async def enrol(visit: Visit) -> Response:
    visit.slow_down("sign_ins")
    form = _enrol_form(visit)
    login, code = visit.text("login"), visit.text("code")
    typed = (replace(form.fields[0], values=(login,)), replace(form.fields[1], values=(code,)))
    fields = (*typed, *form.fields[2:])
    wrong = _new_password_errors(visit)
    if not wrong:
        answer = await visit.ask(
            visit.ports.entrance.enrol, login, code, str(visit.posted.get("new", "")), visit.where
        )
        if isinstance(answer, HalfIn):
            return await half_in(visit, answer, "/", "")
        wrong = {"code": visit.told(answer.reason)}
    page = EnrolPage(visit.say(N_("首次登记")), Form(fields).with_errors(wrong))
    return await show(visit, page, 422)


def _new_password_errors(visit: Visit) -> dict[str, str]:
    new, again = str(visit.posted.get("new", "")), str(visit.posted.get("again", ""))
    if new != again:
        return {"again": visit.say(N_("两次输入的口令不一样"))}
    return {}


def _password_form(visit: Visit) -> Form:
    say = visit.say
    return Form(
        (
            _password(visit, "old", say(N_("现在的口令")), known=True),
            _password(visit, "new", say(N_("新口令"))),
            _password(visit, "again", say(N_("再输一次"))),
        )
    )


async def password_page(visit: Visit) -> Response:
    done = visit.request.query_params.get("done") == "1"
    return await show(visit, PasswordPage(visit.say(N_("修改口令")), _password_form(visit), done))


async def password(visit: Visit) -> Response:
    wrong = _new_password_errors(visit)
    if not wrong:
        old, new = str(visit.posted.get("old", "")), str(visit.posted.get("new", ""))
        refused: SignInRefused | None = await visit.ask(
            visit.ports.entrance.change_password, visit.secret, old, new, visit.where
        )
        if refused is None:
            return RedirectResponse("/password?done=1", 303)
        wrong = {"old": visit.told(refused.reason)}
    form = _password_form(visit).with_errors(wrong)
    return await show(visit, PasswordPage(visit.say(N_("修改口令")), form, False), 422)


async def language(visit: Visit) -> Response:
    """Keep the language for a year and go back."""
    chosen = visit.request.path_params["language"]
    if chosen not in ("zh", "en"):
        raise Stop(404, visit.say(N_("没有这种语言")), "not_found")
    response = RedirectResponse(safe_next(visit.request.query_params.get("next", "/")), 303)
    response.set_cookie(
        LANGUAGE_COOKIE, chosen, max_age=365 * 86_400, path="/", samesite="lax", httponly=True,
        secure=True,
    )  # fmt: skip
    return response


# --- a session that ended while somebody typed ---------------------------------------------------


async def sign_in_first(request: Request, error: Exception) -> Response:
    """Answer `SignInFirst`: the sign-in form, carrying what was typed."""
    assert isinstance(error, SignInFirst)
    visit = await arrive(request)
    why, user = await visit.ask(visit.ports.entrance.ended, request.cookies.get(SESSION_COOKIE, ""))
    kept = Kept(request.url.path, user, tuple(error.posted), error.files)
    packed = kept.packed() if user else ""
    if len(packed) > MOST_KEPT:
        packed = ""
    return await show_sign_in(visit, "/", why or "idle", packed, 401)


_NOTHING = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
