"""Accounts: who has one, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from starlette.responses import RedirectResponse, Response

from forms.fields import Field, Form, Option, Wrong
from forms.guard import Visit
from forms.ports import AccountRow, SignInRefused, Thing
from forms.rendering import Page
from forms.showing import show
from forms.words import N_


@dataclass(frozen=True)
class AccountsPage(Page):
    """Who has an account; a new one-time code is shown on this answer and never again."""

    template: ClassVar[str] = "accounts.html"

    accounts: Annotated[tuple[AccountRow, ...], "All of them."]
    form: Annotated[Form, "A new account."]
    roles: Annotated[Mapping[str, str], "Role → name."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    code: Annotated[str, "The one-time code or token just made; empty otherwise."]
    code_for: Annotated[str, "Whose code it is."]
    may_manage: Annotated[bool, "May create, renew, close."]
    may_grant: Annotated[bool, "May grant and revoke roles."]


async def _may(visit: Visit, act: str, thing: str) -> bool:
    return (await visit.ask(visit.ports.access.may, visit.actor, act, thing)).allowed


def _account_form(visit: Visit) -> Form:
    say = visit.say
    departments = visit.ports.catalogue.departments(visit.language).items()
    return Form(
        (
            Field("login", say(N_("登录名")), max_length=64),
            Field("name", say(N_("姓名")), max_length=100),
            Field("department", say(N_("部门")), "select",
                  options=tuple(Option(code, name) for code, name in departments)),
            Field("kind", say(N_("账号类型")), "select", values=("human",), options=(
                Option("human", say(N_("人员"))), Option("service", say(N_("业务系统"))))),
        )
    )  # fmt: skip


async def _show_accounts(
    visit: Visit, form: Form, code: str = "", code_for: str = "", status: int = 200
) -> Response:
    rows = await visit.ask(visit.ports.accounts.listing)
    visit.saw_rows(len(rows))
    page = AccountsPage(
        title=visit.say(N_("账号")),
        accounts=tuple(rows),
        form=form,
        roles=visit.ports.catalogue.roles(),
        departments=visit.ports.catalogue.departments(visit.language),
        code=code,
        code_for=code_for,
        may_manage=await _may(visit, "account_manage", "account"),
        may_grant=await _may(visit, "account_grant", "account"),
    )
    return await show(visit, page, status)


async def accounts(visit: Visit) -> Response:
    """The list, for those who manage accounts and for those who grant roles."""
    if not await _may(visit, "account_grant", "account"):
        await visit.demand("account_manage", "account")
    return await _show_accounts(visit, _account_form(visit))


async def create_account(visit: Visit) -> Response:
    """Create an account; its code is in this answer only, which no cache keeps."""
    form = _account_form(visit)
    typed = Form(tuple(replace(f, values=(visit.text(f.name),)) for f in form.fields))
    empty = {
        f.name: visit.say(N_("请填写“{label}”")).format(label=f.label)
        for f in typed.fields
        if not f.value
    }
    if empty:
        return await _show_accounts(visit, typed.with_errors(empty), status=422)
    login, name, department, kind = (f.value for f in typed.fields)
    made = await visit.ask(visit.ports.accounts.create, visit.who, login, name, department, kind)
    if isinstance(made, SignInRefused):
        wrong = typed.with_errors({"login": made.reason})
        return await _show_accounts(visit, wrong, status=422)
    return await _show_accounts(visit, form, made, login)


async def change_account(visit: Visit) -> Response:
    """A new code, or the end of an account."""
    account, what = visit.request.path_params["account"], visit.text("do")
    await visit.demand("account_manage", Thing("account", account, about=account))
    if what == "renew":
        made = await visit.ask(visit.ports.accounts.renew, visit.who, account)
        if isinstance(made, str):
            return await _show_accounts(visit, _account_form(visit), made, account)
        return await _refused(visit, made)
    if what == "close":
        refused = await visit.ask(visit.ports.accounts.close, visit.who, account)
        if refused:
            return await _refused(visit, refused)
    return RedirectResponse("/accounts", 303)


async def grant_role(visit: Visit) -> Response:
    """Give a role in a department, or take it away."""
    account = visit.request.path_params["account"]
    await visit.demand("account_grant", Thing("account", account, about=account))
    port = visit.ports.accounts
    change = port.revoke if visit.text("do") == "revoke" else port.grant
    refused: SignInRefused | None = await visit.ask(
        change, visit.who, account, visit.text("role"), visit.text("department") or "*"
    )
    if refused:
        return await _refused(visit, refused)
    return RedirectResponse("/accounts", 303)


async def _refused(visit: Visit, refused: SignInRefused) -> Response:
    form = _account_form(visit)
    form = replace(form, errors=(Wrong(refused.reason),))
    return await _show_accounts(visit, form, status=422)
