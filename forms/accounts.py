"""Accounts: who has one, what it holds, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from starlette.responses import RedirectResponse, Response

from cases.grant_changes import LONGEST_REASON
from cases.messages import Grant
from forms.access_ports import Thing
from forms.account_ports import AccountRow, Change, Holding, Soon
from forms.entrance_ports import SignInRefused
from forms.fields import Field, Form, Option, Wrong
from forms.rendering import Page
from forms.role_words import role_names
from forms.settled_finality import ask_to_close
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_
from policies.vocabulary import CITIZEN, ROLES

NEW_GRANTS = 3
"""Roles that one proposal may add; more need a second proposal."""

STATES = {
    "enrolment": N_("待登记"),
    "active": N_("正常"),
    "closed": N_("停用"),
    "expired": N_("到期停用"),
    "asleep": N_("休眠停用"),
}
WHY = {"expired": N_("即将到期"), "asleep": N_("即将休眠")}
CHANGE_STATES = {
    "proposed": N_("待批准"),
    "approved": N_("已批准"),
    "refused": N_("不批准"),
    "withdrawn": N_("已撤回"),
    "lapsed": N_("账号停用，终止"),
}


@dataclass(frozen=True)
class AccountsPage(Page):
    """Who has an account; a new one-time code is shown on this answer and never again."""

    template: ClassVar[str] = "accounts.html"

    accounts: Annotated[tuple[AccountRow, ...], "All of them."]
    form: Annotated[Form, "A new account."]
    roles: Annotated[Mapping[str, str], "Role → name."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    states: Annotated[Mapping[str, str], "State → words."]
    waiting: Annotated[Mapping[str, str], "Account → the change that waits for approval."]
    soon: Annotated[tuple[Soon, ...], "Those that end by themselves within a week."]
    why: Annotated[Mapping[str, str], "Why it ends → words."]
    code: Annotated[str, "The one-time code or token just made; empty otherwise."]
    code_for: Annotated[str, "Whose code it is."]
    may_manage: Annotated[bool, "May create, renew, close."]


@dataclass(frozen=True)
class AccountPage(Page):
    """One account: what it holds, what is proposed for it, and what was."""

    template: ClassVar[str] = "account.html"

    account: Annotated[AccountRow, "Whose it is."]
    holding: Annotated[Holding, "What it holds now."]
    waiting: Annotated[Change | None, "The change that waits for approval; None: none does."]
    history: Annotated[tuple[Change, ...], "Every change, the newest first."]
    form: Annotated[Form | None, "A new change; None: may not be proposed here and now."]
    roles: Annotated[Mapping[str, str], "Role → name."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    compartments: Annotated[Mapping[str, str], "Compartment → name."]
    states: Annotated[Mapping[str, str], "State of an account → words."]
    change_states: Annotated[Mapping[str, str], "State of a change → words."]
    code: Annotated[str, "The one-time code or token just made; empty otherwise."]
    may_manage: Annotated[bool, "May renew and close this account, and set its term."]
    may_wake: Annotated[bool, "May open it again: it ended by itself."]
    may_approve: Annotated[bool, "May approve or refuse the change that waits."]
    may_withdraw: Annotated[bool, "Has proposed the change that waits."]
    fault: Annotated[str, "Why nothing was done; empty: nothing is wrong."]


# --- the list ------------------------------------------------------------------------------------


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


async def may(visit: Visit, act: str, thing: Thing | str = "account") -> bool:
    """Whether the visitor may; asking leaves no trace."""
    return (await visit.ask(visit.ports.access.may, visit.actor, act, thing)).allowed


async def must_read(visit: Visit) -> None:
    """Let those pass who keep accounts. Raises `Stop` 403."""
    if not await may(visit, "account_manage") and not await may(visit, "account_grant"):
        await visit.demand("account_read", "account")


async def _show_accounts(
    visit: Visit, form: Form, code: str = "", code_for: str = "", status: int = 200
) -> Response:
    rows = await visit.ask(visit.ports.accounts.listing)
    visit.saw_rows(len(rows))
    waiting: Sequence[Change] = await visit.ask(visit.ports.granting.waiting)
    page = AccountsPage(
        title=visit.say(N_("账号")),
        accounts=tuple(rows),
        form=form,
        roles=role_names(visit),
        departments=visit.ports.catalogue.departments(visit.language),
        states={code: visit.say(words) for code, words in STATES.items()},
        waiting={one.account: one.id for one in waiting},
        soon=tuple(await visit.ask(visit.ports.lives.soon)),
        why={code: visit.say(words) for code, words in WHY.items()},
        code=code,
        code_for=code_for,
        may_manage=await may(visit, "account_manage"),
    )
    return await show(visit, page, status)


async def accounts(visit: Visit) -> Response:
    """The list, for those who keep accounts, grant rights or audit both."""
    await must_read(visit)
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
        wrong = typed.with_errors({"login": visit.told(made.reason)})
        return await _show_accounts(visit, wrong, status=422)
    return await _show_accounts(visit, form, made, login)


# --- one account ---------------------------------------------------------------------------------


async def account(visit: Visit) -> Response:
    """One account with everything that it holds and held."""
    await must_read(visit)
    return await show_account(visit, visit.request.path_params["account"])


async def show_account(
    visit: Visit, key: str, *, form: Form | None = None, code: str = "", fault: str = "",
    status: int = 200,
) -> Response:  # fmt: skip
    """Return the page of one account. Raises `Stop` 404."""
    found: AccountRow | None = await visit.ask(visit.ports.accounts.row, key)
    holding: Holding | None = await visit.ask(visit.ports.granting.holding, key)
    if found is None or holding is None:
        raise not_found(visit)
    visit.saw(key, type="account")
    changes: Sequence[Change] = await visit.ask(visit.ports.granting.history, key)
    waiting = next((one for one in changes if one.state == "proposed"), None)
    mine = Thing("account", key, about=key)
    is_open = found.state in ("active", "enrolment")
    if form is None and is_open and waiting is None and await may(visit, "account_grant", mine):
        form = await _change_form(visit, found, holding)
    judged = waiting and Thing("account", waiting.id, about=key, proposed_by=waiting.proposer)
    page = AccountPage(
        title=visit.say(N_("账号 {name}")).format(name=found.name),
        account=found,
        holding=holding,
        waiting=waiting,
        history=tuple(changes),
        form=form,
        roles=role_names(visit),
        departments=visit.ports.catalogue.departments(visit.language),
        compartments=await visit.ask(visit.ports.granting.compartments),
        states={code: visit.say(words) for code, words in STATES.items()},
        change_states={code: visit.say(words) for code, words in CHANGE_STATES.items()},
        code=code,
        may_manage=is_open and await may(visit, "account_manage", mine),
        may_wake=found.state in ("expired", "asleep") and await may(visit, "account_manage", mine),
        may_approve=bool(judged) and await may(visit, "grant_approve", judged or ""),
        may_withdraw=waiting is not None and waiting.proposer == visit.actor.id,
        fault=fault,
    )
    return await show(visit, page, status)


async def change_account(visit: Visit) -> Response:
    """A new code, the end of an account, or its opening again."""
    key, what = visit.request.path_params["account"], visit.text("do")
    await visit.demand("account_manage", Thing("account", key, about=key))
    if what in ("renew", "wake", "rotate"):
        accounts = visit.ports.accounts
        opens = {"wake": visit.ports.lives.wake, "rotate": accounts.rotate}.get(
            what, accounts.renew
        )
        made = await visit.ask(opens, visit.who, key)
        if isinstance(made, str):
            return await show_account(visit, key, code=made)
        return await show_account(visit, key, fault=visit.told(made.reason), status=409)
    refused: SignInRefused | None = None
    if what == "key":
        typed = visit.text("nkey")
        refused = await visit.ask(visit.ports.accounts.set_key, visit.who, key, typed)
    if what == "close":
        if asked := await ask_to_close(visit, key):
            return asked
        refused = await visit.ask(visit.ports.accounts.close, visit.who, key)
    if refused:
        return await show_account(visit, key, fault=visit.told(refused.reason), status=409)
    return RedirectResponse(f"/accounts/{key}", 303)


# --- what it shall hold --------------------------------------------------------------------------


async def _change_form(visit: Visit, found: AccountRow, holding: Holding) -> Form:
    say = visit.say
    departments = visit.ports.catalogue.departments(visit.language)
    names = {code: role.title for code, role in ROLES.items()}
    everywhere = say(N_("全部部门"))

    def named(grant: Grant) -> str:
        where = everywhere if grant.department == "*" else departments.get(grant.department, "")
        return f"{names.get(grant.role, grant.role)} · {where or grant.department}"

    fields = [
        Field("remove", say(N_("收回角色")), "checks", required=False, wide=True, options=tuple(
            Option(f"{one.role}@{one.department}", named(one)) for one in holding.grants)),
    ] if holding.grants else []  # fmt: skip
    roles = tuple(
        Option(code, say(role.title))
        for code, role in ROLES.items()
        if found.kind in role.kinds and code != CITIZEN
    )
    places = (*(Option(c, n) for c, n in departments.items()), Option("*", everywhere))
    for n in range(1, NEW_GRANTS + 1):
        label = say(N_("增加角色 {n}")).format(n=n)
        where = say(N_("任职部门 {n}")).format(n=n)
        fields += [
            Field(f"role{n}", label, "select", required=False, options=roles),
            Field(f"department{n}", where, "select", required=False, options=places,
                  values=(found.department,) if found.department in departments else ()),
        ]  # fmt: skip
    levels = tuple(Option(str(n), say(N_("{n} 级")).format(n=n)) for n in range(1, 5))
    kept: Mapping[str, str] = await visit.ask(visit.ports.granting.compartments)
    fields += [
        Field("clearance", say(N_("许可级别")), "select", options=levels,
              values=(str(holding.clearance),)),
        Field("compartments", say(N_("知悉范围")), "checks", required=False, wide=True,
              options=tuple(Option(code, say(name)) for code, name in kept.items()),
              values=holding.compartments),
        Field("reason", say(N_("理由")), "textarea", wide=True, max_length=LONGEST_REASON,
              hint=say(N_("写明依据：任职文件、岗位调整、合同。不写他人的个人信息。"))),
    ]  # fmt: skip
    return Form(tuple(fields))


def _wanted(form: Form, holding: Holding) -> Holding:
    values = {field.name: field.values for field in form.fields}

    def one(name: str) -> str:
        return next(iter(values.get(name, ())), "").strip()

    gone = set(values.get("remove", ()))
    grants = [g for g in holding.grants if f"{g.role}@{g.department}" not in gone]
    for n in range(1, NEW_GRANTS + 1):
        role, department = one(f"role{n}"), one(f"department{n}")
        if role and department:
            grants.append(Grant(role=role, department=department))
    level = one("clearance")
    return Holding(
        tuple(dict.fromkeys(grants)),
        int(level) if level.isdecimal() and len(level) == 1 else 0,
        tuple(values.get("compartments", ())),
    )


async def propose_change(visit: Visit) -> Response:
    """Propose what an account shall hold; somebody else approves it."""
    key = visit.request.path_params["account"]
    await visit.demand("account_grant", Thing("account", key, about=key))
    found: AccountRow | None = await visit.ask(visit.ports.accounts.row, key)
    holding: Holding | None = await visit.ask(visit.ports.granting.holding, key)
    if found is None or holding is None:
        raise not_found(visit)
    posted = visit.texts()
    empty = await _change_form(visit, found, holding)
    form = Form(tuple(f.filled(posted) for f in empty.fields))
    wrong = {
        f"department{n}": visit.say(N_("请选择任职部门"))
        for n in range(1, NEW_GRANTS + 1)
        if visit.text(f"role{n}") and not visit.text(f"department{n}")
    }
    if not visit.text("reason"):
        wrong["reason"] = visit.say(N_("请写明理由"))
    if wrong:
        return await show_account(visit, key, form=form.with_errors(wrong), status=422)
    wanted = _wanted(form, holding)
    fault: str = await visit.ask(
        visit.ports.granting.propose, visit.who, key, wanted, visit.text("reason")
    )
    if fault:
        form = replace(form, errors=(Wrong(visit.told(fault)),))
        return await show_account(visit, key, form=form, status=422)
    return RedirectResponse(f"/accounts/{key}", 303)
