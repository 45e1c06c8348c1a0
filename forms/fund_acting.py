"""Orders to the fund and to a payment, each on a form; what is refused comes back with its reason
and source beside the field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import uuid4

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from cases import fund as f
from cases.fund import FundAnswer
from cases.messages import Source
from cases.payment_rows import KeptPayment
from forms.access_ports import Thing
from forms.fields import Field, Form, Option
from forms.for_good import asked_first, goes_back, said_in
from forms.fund_finality import FINAL, FundScene
from forms.fund_words import PATHS, SAID, TITLES
from forms.money_choices import contract_option, project_field
from forms.payments import COMMAND, fen_of
from forms.rendering import Page
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

_YUAN, _WHOLE, _FLAG, _PERCENT = "yuan", "whole", "flag", "percent"
KINDS: Mapping[str, str] = {
    "limit_fen": _YUAN, "amount_fen": _YUAN, "budget_year": _WHOLE, "agreed_days": _WHOLE,
    "sme": _FLAG, "linked": _FLAG, "retention_bp": _PERCENT,
}  # fmt: skip
"""Field of a body → how it is typed; others are texts."""


@dataclass(frozen=True)
class FundActPage(Page):
    """The form of one order."""

    template: ClassVar[str] = "fund_act.html"

    form: Annotated[Form, "All fields, with what was typed and what is wrong."]
    action: Annotated[str, "Where the form goes."]
    command: Annotated[str, "Id of the command: posted again, it is the same order."]
    back: Annotated[str, "Where one came from."]
    said: Annotated[str, "What the order does, one sentence."]


def act(verb: str) -> Callable[[Visit], Any]:
    """Return the page of an order to the fund: the empty form, and what was posted of it."""

    async def page(visit: Visit) -> Response:
        return await _act(visit, verb, None, PATHS[verb], "/fund")

    return page


def step(verb: str) -> Callable[[Visit], Any]:
    """Return the page of a step of a payment."""

    async def page(visit: Visit) -> Response:
        key = visit.request.path_params["payment"]
        one = await visit.ask(visit.ports.payments.find, key)
        if one is None:
            raise not_found(visit)
        asked = Thing(f.PAYMENT, one.id, department=one.department)
        if not (await visit.ask(visit.ports.access.may, visit.actor, verb, asked)).allowed:
            raise not_found(visit, (verb, asked))
        action = PATHS[verb].replace("{payment}", one.id)
        return await _act(visit, verb, one, action, f"/payments/{one.id}")

    return page


async def _act(
    visit: Visit, verb: str, payment: KeptPayment | None, action: str, back: str
) -> Response:
    fields = tuple(await _fields(visit, verb))
    if visit.posted:
        fields = tuple(one.filled(visit.texts()) for one in fields)
    page = FundActPage(
        title=visit.say(TITLES[verb]),
        form=Form(fields),
        action=action,
        command=visit.text("command") if visit.posted else str(uuid4()),
        back=back,
        said=visit.say(SAID[verb]),
    )
    if not visit.posted:
        return await show(visit, page)
    if not COMMAND.fullmatch(page.command):
        raise Stop(400, visit.say(N_("表单不完整，请重新打开页面")), "no_command")
    wrong: dict[str, str] = {}
    body = dict(_typed(visit, page.form, wrong))
    if wrong:
        return await _again(visit, page, wrong)
    if goes_back(visit):
        return await show(visit, page)
    if asked := await _asked(visit, verb, page, payment, body):
        return asked
    thing = "" if payment is None else payment.id
    source = Source(door="web", session=visit.who.session, ip=visit.where.ip)
    answer: FundAnswer = await visit.ask(
        visit.ports.fund.act, visit.actor, source, page.command, verb, thing, body
    )
    if answer.status == "done":
        return RedirectResponse(back, 303)
    if answer.code in ("no_right", "forbidden", "label", "not_a_person"):
        raise Stop(403, visit.told(answer.reason), "no_permission")
    names = {one.name for one in fields}
    place = answer.field.removeprefix("body.")
    article = visit.ports.catalogue.cited(answer.basis) if answer.basis else ""
    said = f"{visit.told(answer.reason)}（{article}）" if article else visit.told(answer.reason)
    # A refusal is the answer to its command for ever: what is mended is another command.
    page = replace(page, command=str(uuid4()))
    return await _again(visit, page, {place if place in names else fields[0].name: said})


async def _asked(
    visit: Visit, verb: str, page: FundActPage, payment: KeptPayment | None, body: dict[str, Any]
) -> Response | None:
    """Return the page before what is for good; None: it was read, or the order says why not."""
    foretell = FINAL.get(verb)
    try:
        f.BODIES[verb].model_validate(body)
    except ValidationError:
        return None
    if foretell is None or await visit.ask(visit.ports.fund.answered, page.command):
        return None
    about = "" if payment is None else f"{payment.number} · {payment.body.payee}"
    scene = FundScene(visit, body, payment, about, page.back, page.command, said_in(page.form))
    asking = await foretell(scene)
    return None if asking is None else await asked_first(visit, asking)


async def _again(visit: Visit, page: FundActPage, wrong: Mapping[str, str]) -> Response:
    return await show(visit, replace(page, form=page.form.with_errors(wrong)), 422)


# --- reading what was typed ----------------------------------------------------------------------


def _typed(visit: Visit, form: Form, wrong: dict[str, str]) -> Iterator[tuple[str, Any]]:
    for field in form.fields:
        text, kind = visit.text(field.name), KINDS.get(field.name, "")
        if kind == _FLAG:
            yield field.name, text == "yes"
        elif not text:
            if field.required:
                wrong[field.name] = visit.say(N_("这一项必须填写"))
        elif kind in READ:
            read, sentence = READ[kind]
            value = read(text)
            if value is None:
                wrong[field.name] = visit.say(sentence)
            else:
                yield field.name, value
        else:
            yield field.name, text


def _yuan(text: str) -> int | None:
    fen = fen_of(text.removeprefix("-"))
    return None if fen is None else -fen if text.startswith("-") else fen


def _points(text: str) -> int | None:
    """Return a percentage as basis points, exactly."""
    match = re.fullmatch(r"(\d{1,2})(?:\.(\d{1,2}))?", text, re.ASCII)
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match else None


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,6}", text, re.ASCII) else None


READ: Mapping[str, tuple[Callable[[str], int | None], str]] = {
    _YUAN: (_yuan, N_("金额应是至多两位小数的数")),
    _PERCENT: (_points, N_("百分比应是至多两位小数的数")),
    _WHOLE: (_whole, N_("应填整数")),
}
"""How a text is read, and what is said where it cannot be."""


# --- fields --------------------------------------------------------------------------------------


async def _fields(visit: Visit, verb: str) -> Iterator[Field]:
    contracts: tuple[Option, ...] = ()
    if verb == f.USE:
        known = await visit.ask(visit.ports.fund.view, visit.actor)
        titles = {money.project: money.title or money.project for money in known.projects}
        contracts = tuple(
            contract_option(one.contract, titles)
            for money in known.projects
            for one in money.contracts
        )
    asked = visit.text("project") if visit.posted else visit.request.query_params.get("project", "")
    projects = (f.ALLOT, f.CONTRACT)
    project = await project_field(visit, asked[:200]) if verb in projects else None
    names = visit.ports.catalogue.departments(visit.language)
    departments = tuple(Option(code, name) for code, name in sorted(names.items()))
    return iter(_of(visit, verb, departments, contracts, project))


def _of(
    visit: Visit,
    verb: str,
    departments: tuple[Option, ...],
    contracts: tuple[Option, ...],
    project: Field | None,
) -> tuple[Field, ...]:
    say = visit.say
    today = datetime.now(visit.zone).date()
    yuan = say(N_("元"))
    year = Field("budget_year", say(N_("预算年度")), "number", values=(str(today.year),))
    projects = (project,) if project is not None else ()
    # Who registers a contract mostly carries the project out; who allots never does.
    own = visit.actor.department if verb == f.CONTRACT else ""
    department = Field(
        "department", say(N_("实施机构")), "select", options=departments, values=(own,)
    )
    amount = Field("amount_fen", say(N_("金额")), "number", unit=yuan)

    def flag(name: str, label: str) -> Field:
        choices = (Option("no", say(N_("否"))), Option("yes", say(N_("是"))))
        return Field(name, label, "radios", options=choices, values=("no",))

    def long(name: str, label: str) -> Field:
        return Field(name, label, "textarea", max_length=1000, wide=True)

    shapes: Mapping[str, tuple[Field, ...]] = {
        f.OPEN: (
            Field("title", say(N_("名称")), max_length=200, double=True),
            Field(
                "limit_fen", say(N_("总额")), "number", unit=yuan,
                hint=say(N_("不超过 500,000,000 元（城市方案）")),
            ),
        ),
        f.ALLOT: (
            *projects, department, year,
            replace(amount, hint=say(N_("调减填负数"))),
            Field("document", say(N_("指标文号")), max_length=200, double=True),
        ),
        f.CONTRACT: (
            *projects, department,
            Field("number", say(N_("合同编号")), max_length=200),
            Field("title", say(N_("合同名称")), max_length=200, double=True),
            Field("payee", say(N_("收款单位")), max_length=200, double=True),
            Field("payee_code", say(N_("统一社会信用代码")), max_length=18),
            amount,
            Field(
                "retention_bp", say(N_("质保金比例")), "number", False, unit="%",
                hint=say(N_("不超过 3%")),
            ),
            flag("sme", say(N_("收款单位是中小企业"))),
            Field("agreed_days", say(N_("约定的付款期限")), "number", False, unit=say(N_("日"))),
            flag("linked", say(N_("按绩效付费"))),
            Field("signed_on", say(N_("签订日")), "date"),
        ),
        f.USE: (
            Field("contract", say(N_("合同")), "select", options=contracts),
            year, amount,
            Field("used_on", say(N_("使用日")), "date"),
            long("purpose", say(N_("用途"))),
        ),
        f.REVIEW: (long("opinion", say(N_("审核意见"))),),
        f.RETURN: (long("reason", say(N_("退回理由"))),),
        f.PAY: (Field("voucher", say(N_("国库支付凭证号")), max_length=200, double=True),),
        f.RELEASE: (Field("voucher", say(N_("国库支付凭证号")), max_length=200, double=True),),
        f.REVERSE: (long("reason", say(N_("冲正理由"))),),
    }  # fmt: skip
    return shapes[verb]
