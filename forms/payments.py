"""付费申请: asked on a form, listed, and each with why it may be paid or not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import urlencode
from uuid import uuid4

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from cases.fund import LATE, PAY, REVIEW, late_interest
from cases.fund_rows import Claim, KeptContract
from cases.messages import Source
from cases.payment_rows import PER_PAGE, KeptPayment
from cases.payments import (
    FEN_IN_YUAN,
    OBJECT,
    OWN_FIELDS,
    PaymentAnswer,
    RequestPayment,
    Verdict,
    first_fault,
)
from forms.access_ports import Thing
from forms.case import download
from forms.fields import Field, Form, Option
from forms.fund_words import PATHS, STAGE_WORDS, TITLES, TURNS
from forms.money_choices import contract_option, milestone_field, project_field
from forms.reasons import ReasonPanel, panels_of
from forms.rendering import Page
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_
from rules.model import FieldSpec
from rules.pack import Pack

OUTCOMES = {"may_pay": N_("可以支付"), "stopped": N_("停付")}
MINE, WAITING = "mine", N_("待我办理")
"""Said in the address: only what waits for the reader."""
COMMAND = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@dataclass(frozen=True)
class StopShown:
    """One rule that stops a payment."""

    rule: str
    title: str
    article: str


@dataclass(frozen=True)
class StepShown:
    """One step of a payment's life."""

    title: str
    person: str
    at: datetime
    said: str
    """Opinion, reason or voucher."""
    entry: str


@dataclass(frozen=True)
class LateShown:
    """What waiting has cost by today, of a payment that is past its last day and not made."""

    days: int
    interest_fen: int | None
    """None: another rate was agreed."""
    article: str
    retained: bool
    """Something of it is kept back, was not due, and bears none."""


@dataclass(frozen=True)
class PaymentsPage(Page):
    """The requests that one may see."""

    template: ClassVar[str] = "payments.html"

    payments: Annotated[tuple[KeptPayment, ...], "One page of them, the newest first."]
    states: Annotated[
        Sequence[tuple[str, str, bool]],
        "Address, word with how many where it is known, whether it is listed.",
    ]
    outcomes: Annotated[Mapping[str, str], "Outcome → word."]
    stages: Annotated[Mapping[str, str], "Payment → its stage in words, where it names a contract."]
    projects: Annotated[Mapping[str, str], "Project → number and title, of those that there are."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    waited_for: Annotated[bool, "Only those that wait for the reader are listed."]
    may_request: Annotated[bool, "May ask for money somewhere."]
    page: Annotated[int, "Number of the page, from 1."]
    pages: Annotated[int, "How many pages."]
    following: Annotated[Mapping[str, str], "Addresses of the pages before and after; empty: none."]


@dataclass(frozen=True)
class PaymentPage(Page):
    """One request with its reasons."""

    template: ClassVar[str] = "payment.html"

    one: Annotated[KeptPayment, "The request."]
    project: Annotated[str, "Number and title of its project, or what was typed."]
    milestone: Annotated[str, "Title of its milestone; empty: none is named."]
    verdict: Annotated[Verdict, "What follows from its rulings."]
    stops: Annotated[tuple[StopShown, ...], "The rules that stop it."]
    outcome: Annotated[str, "The outcome in words."]
    department: Annotated[str, "Name of the department that pays."]
    person: Annotated[str, "Who asked, by name where it is known."]
    reasons: Annotated[tuple[ReasonPanel, ...], "Why each pack said so."]
    claim: Annotated[Claim | None, "Contract, milestone and steps; None: no contract is named."]
    stage: Annotated[str, "Its stage in words; empty: no contract is named."]
    steps: Annotated[tuple[StepShown, ...], "What was done with it, in order."]
    may: Annotated[tuple[tuple[str, str], ...], "Address and word of each step one may do now."]
    late: Annotated[LateShown | None, "Days past the last day, and interest, by today; None: none."]


@dataclass(frozen=True)
class NewPaymentPage(Page):
    """The form."""

    template: ClassVar[str] = "new_payment.html"

    form: Annotated[Form, "All fields, with what was typed and what is wrong."]
    contracts: Annotated[
        tuple[tuple[str, str], ...], "Address and name of each contract that one may begin from."
    ]
    general: Annotated[tuple[Field, ...], "Fields of every request."]
    packs: Annotated[tuple[tuple[str, tuple[Field, ...]], ...], "Pack title → fields it asks."]
    command: Annotated[str, "Id of the command: posted again, it is the same request."]


# --- the list ------------------------------------------------------------------------------------


async def listing(visit: Visit) -> Response:
    """The list; those that wait for the reader, and stopped ones, apart."""
    query = visit.request.query_params
    outcome = query.get("outcome", "")
    turn = query.get("turn") == MINE
    outcome = outcome if outcome in OUTCOMES and not turn else ""
    asked = query.get("page", "1")
    page = max(1, int(asked)) if asked.isdecimal() and len(asked) < 8 else 1
    ports = visit.ports.payments
    waiting = await visit.ask(ports.waiting, visit.actor, page)
    if turn:
        found, total = waiting or ((), 0)
    else:
        found, total = await visit.ask(ports.listing, visit.actor, outcome, page)
    visit.saw_rows(len(found))
    reached = await visit.ask(visit.ports.fund.stages, [one.id for one in found])
    words = {code: visit.say(word) for code, word in OUTCOMES.items()}
    states = [
        (_address(code), f"{word} ({total})" if code == outcome and not turn else word,
         code == outcome and not turn)
        for code, word in ({"": visit.say(N_("全部"))} | words).items()
    ]  # fmt: skip
    if waiting is not None or turn:
        how_many = waiting[1] if waiting else 0
        states.insert(0, (_address(turn=True), f"{visit.say(WAITING)} ({how_many})", turn))
    pages = max(1, -(-total // PER_PAGE))
    following = {
        name: _address(outcome, number, turn=turn) if 1 <= number <= pages else ""
        for name, number in (("before", page - 1), ("after", page + 1))
    }
    shown = PaymentsPage(
        title=visit.say(N_("付费申请")),
        payments=tuple(found),
        states=states,
        outcomes=words,
        stages={one: visit.say(STAGE_WORDS[stage]) for one, stage in reached.items()},
        projects=await visit.ask(visit.ports.projects.names, {one.project for one in found}),
        departments=visit.ports.catalogue.departments(visit.language),
        waited_for=turn,
        may_request=bool(await visit.ask(ports.may_request, visit.actor)),
        page=page,
        pages=pages,
        following=following,
    )
    return await show(visit, shown)


def _address(outcome: str = "", page: int = 1, *, turn: bool = False) -> str:
    query = {
        "turn": MINE if turn else "",
        "outcome": outcome,
        "page": str(page) if page > 1 else "",
    }
    said = urlencode({name: value for name, value in query.items() if value})
    return f"/payments?{said}" if said else "/payments"


# --- one request ---------------------------------------------------------------------------------


async def _found(visit: Visit) -> KeptPayment:
    """Return the request of the address. Raises `Stop` 404 where the reader may not read it."""
    one: KeptPayment | None = await visit.ask(
        visit.ports.payments.find, visit.request.path_params["payment"]
    )
    if one is None:
        raise not_found(visit)
    asked = Thing(OBJECT, one.id, department=one.department)
    if not (await visit.ask(visit.ports.access.may, visit.actor, "payment_read", asked)).allowed:
        raise not_found(visit, ("payment_read", asked))
    return one


async def receipt(visit: Visit) -> Response:
    """Hand out the receipt of one step: what proves to anybody that it stands in the log."""
    one = await _found(visit)
    claim: Claim | None = await visit.ask(visit.ports.fund.claim, one.id)
    steps = {step.entry_id for step in claim.steps.values()} if claim else set()
    entry = visit.text("entry")
    if entry not in {one.entry_id, *steps}:
        raise not_found(visit)
    thing = Thing(OBJECT, one.id, department=one.department)
    file = await visit.ask(visit.ports.receipts.of_entry, visit.actor, visit.where, thing, entry)
    if file is None:
        raise Stop(409, visit.say(N_("这一步还没有写入日志，请过几秒再试")), "not_yet")
    return download(file)


async def payment(visit: Visit) -> Response:
    """One request: what was asked, what the rules made of it, and why."""
    one = await _found(visit)
    visit.saw(one.id)
    rulings = await visit.ask(visit.ports.payments.reasons, one)
    panels = tuple(sorted(panels_of(visit, rulings), key=lambda panel: panel.pack))
    titles = {line.rule: line.title for panel in panels for line in panel.reasons}
    stops = tuple(
        StopShown(
            stop.rule, titles.get(stop.rule, stop.title), visit.ports.catalogue.cited(stop.basis)
        )
        for stop in one.verdict.stops
    )
    people = dict(await visit.ask(visit.ports.reader.colleagues, ""))
    claim = await visit.ask(visit.ports.fund.claim, one.id)
    names = await visit.ask(visit.ports.projects.names, [one.project])
    shown = PaymentPage(
        title=f"{visit.say(N_('付费申请'))} {one.number}",
        one=one,
        project=names.get(one.project, one.project),
        milestone=await _milestone(visit, one.project, claim.milestone if claim else ""),
        verdict=one.verdict,
        stops=stops,
        outcome=visit.say(OUTCOMES[one.verdict.outcome]),
        department=visit.ports.catalogue.departments(visit.language).get(
            one.department, one.department
        ),
        person=people.get(one.actor, one.actor),
        reasons=panels,
        claim=claim,
        stage=visit.say(STAGE_WORDS[claim.stage]) if claim else "",
        steps=tuple(_steps(visit, claim, people)) if claim else (),
        may=tuple([step async for step in _next(visit, one, claim)]) if claim else (),
        late=_late(visit, one, claim) if claim else None,
    )
    return await show(visit, shown)


def _late(visit: Visit, one: KeptPayment, claim: Claim) -> LateShown | None:
    today, due_on = datetime.now(visit.zone).date(), one.verdict.due_on
    if due_on is None or today <= due_on or claim.stage not in ("requested", "reviewed"):
        return None
    bp = claim.contract.retention_bp
    interest = late_interest(one.body, one.verdict, bp, today)
    return LateShown((today - due_on).days, interest, visit.ports.catalogue.cited(LATE), bp > 0)


async def _milestone(visit: Visit, project: str, key: str) -> str:
    state = await visit.ask(visit.ports.projects.known, project)
    found = state.milestone(key) if state is not None else None
    if found is None:
        return key
    return found.english or found.title if visit.language == "en" else found.title


def _steps(visit: Visit, claim: Claim, people: Mapping[str, str]) -> Iterator[StepShown]:
    for one in sorted(claim.steps.values(), key=lambda step: step.recorded_at):
        said = next((str(value) for value in one.body.values() if value), "")
        yield StepShown(
            visit.say(TITLES[one.verb]), people.get(one.actor, one.actor), one.recorded_at, said,
            one.entry_id,
        )  # fmt: skip


async def _next(visit: Visit, one: KeptPayment, claim: Claim) -> AsyncIterator[tuple[str, str]]:
    """Yield the steps that are in turn, for who may do them and has done none that is apart."""
    me = visit.actor.id
    thing = Thing(OBJECT, one.id, department=one.department)
    for verb in TURNS[claim.stage]:
        others = {person for act, person in claim.hands.items() if act != verb}
        apart = verb in (REVIEW, PAY) and me in others
        if apart or verb in claim.steps or (verb == REVIEW and one.verdict.outcome != "may_pay"):
            continue
        if (await visit.ask(visit.ports.access.may, visit.actor, verb, thing)).allowed:
            yield PATHS[verb].replace("{payment}", one.id), visit.say(TITLES[verb])


# --- asking --------------------------------------------------------------------------------------


async def new(visit: Visit) -> Response:
    """The empty form."""
    return await show(visit, await _page(visit, str(uuid4())))


async def request(visit: Visit) -> Response:
    """Have a request judged; what cannot be comes back with the reasons beside the fields."""
    command = visit.text("command")
    if not COMMAND.fullmatch(command):
        raise Stop(400, visit.say(N_("表单不完整，请重新打开页面")), "no_command")
    page = await _page(visit, command)
    packs = await visit.ask(visit.ports.payments.packs)
    wrong: dict[str, str] = {}
    raw = _body(visit, packs, wrong)
    if wrong:
        return await _again(visit, page, wrong)
    try:
        body = RequestPayment.model_validate(raw)
    except ValidationError as faults:
        path, said = first_fault(faults.errors(include_url=False, include_input=False))
        name = _field_name(path)
        label = next((f.label for f in page.form.fields if f.name == name), path)
        sentence = said.removeprefix("Value error, ") if "Value error" in said else ""
        text = sentence or visit.say(N_("“{label}”填写有误")).format(label=label)
        return await _again(visit, page, {name: text})
    source = Source(door="web", session=visit.who.session, ip=visit.where.ip)
    answer: PaymentAnswer = await visit.ask(
        visit.ports.payments.request, visit.actor, source, command, body
    )
    if answer.status == "refused":
        if answer.code in ("no_right", "forbidden", "label", "not_a_person"):
            raise Stop(403, visit.told(answer.reason), "no_permission")
        place = _field_name(answer.field.removeprefix("body."))
        article = visit.ports.catalogue.cited(answer.basis) if "-" in answer.basis else ""
        said = f"{visit.told(answer.reason)}（{article}）" if article else visit.told(answer.reason)
        # A refusal is the answer to its command for ever: what is mended is another command.
        return await _again(visit, replace(page, command=str(uuid4())), {place: said})
    return RedirectResponse(f"/payments/{answer.payment}", 303)


async def _again(visit: Visit, page: NewPaymentPage, wrong: Mapping[str, str]) -> Response:
    form = page.form.with_errors(wrong)
    fields = {f.name: f for f in form.fields}
    return await show(
        visit,
        replace(
            page,
            form=form,
            general=tuple(fields[f.name] for f in page.general),
            packs=tuple((title, tuple(fields[f.name] for f in some)) for title, some in page.packs),
        ),
        422,
    )


async def _page(visit: Visit, command: str) -> NewPaymentPage:
    packs = await visit.ask(visit.ports.payments.packs)
    mine = await visit.ask(visit.ports.payments.may_request, visit.actor)
    names = visit.ports.catalogue.departments(visit.language)
    options = tuple(Option(code, names.get(code, code)) for code in sorted(mine))
    signed = await visit.ask(visit.ports.fund.contracts, visit.actor)
    titles = await visit.ask(visit.ports.projects.names, {one.project for one in signed})
    contracts = tuple(contract_option(one, titles) for one in signed)
    begun = _begun(visit, signed)
    project = await project_field(visit, begun["project"])
    milestone = await milestone_field(visit, begun["project"], begun["milestone"])
    general = tuple(_general(visit, options, contracts, packs, begun, project, milestone))
    asked = tuple(
        (_title(visit, pack), tuple(_facts(visit, pack))) for _, pack in sorted(packs.items())
    )
    if visit.posted:
        texts = visit.texts()
        general = tuple(f.filled(texts) for f in general)
        asked = tuple((title, tuple(f.filled(texts) for f in some)) for title, some in asked)
    every = (*general, *(f for _, some in asked for f in some))
    return NewPaymentPage(
        title=visit.say(N_("提出付费申请")),
        form=Form(every),
        contracts=tuple(
            (f"/payments/new?{urlencode({'contract': one.id})}", contract_option(one, titles).label)
            for one in signed
        )
        if not begun["contract"]
        else (),
        general=general,
        packs=asked,
        command=command,
    )


def _begun(visit: Visit, signed: Sequence[KeptContract]) -> dict[str, str]:
    """Return what the form begins with: what the address or the form says, else the contract."""
    asked = visit.text if visit.posted else lambda key: visit.request.query_params.get(key, "")
    begun = {key: asked(key)[:200] for key in ("project", "contract", "milestone")}
    held = next((one for one in signed if one.id == begun["contract"]), None)
    known = {} if held is None else {
        "project": held.project, "department": held.department, "payee": held.payee,
        "payee_code": held.payee_code,
    }  # fmt: skip
    return {"department": "", "payee": "", "payee_code": "", **begun, **known}


def _general(
    visit: Visit,
    departments: tuple[Option, ...],
    contracts: tuple[Option, ...],
    packs: Mapping[str, Pack],
    begun: Mapping[str, str],
    project: Field,
    milestone: Field,
) -> Iterator[Field]:
    say = visit.say
    paying = begun["department"] or (departments[0].value if len(departments) == 1 else "")
    year = str(datetime.now(visit.zone).year)
    yield Field("department", say(N_("付款部门")), "select", options=departments, values=(paying,))
    yield project
    yield Field(
        "contract",
        say(N_("合同")),
        "select",
        False,
        options=contracts,
        values=(begun["contract"],),
        hint=say(N_("写明合同的，方可审核和支付；基金的红线由系统按账本问")),
        double=True,
    )
    yield milestone
    yield Field("payee", say(N_("收款单位")), max_length=200, double=True, values=(begun["payee"],))
    yield Field(
        "payee_code", say(N_("统一社会信用代码")), max_length=18, values=(begun["payee_code"],)
    )
    yield Field("amount", say(N_("申请金额")), "number", unit=say(N_("元")))
    yield Field("budget_year", say(N_("预算年度")), "number", values=(year,))
    yield Field("paid_before", say(N_("本项目此前已拨付")), "number", False, unit=say(N_("元")))
    yield Field("purpose", say(N_("用途")), "textarea", max_length=1000, wide=True)
    yield Field(
        "delivered_on",
        say(N_("交付、验收合格或者结算之日")),
        "date",
        False,
        hint=say(N_("应付中小企业款项的必填：付款期限自这一日起算")),
    )
    yield Field(
        "packs",
        say(N_("依哪些规则裁定")),
        "checks",
        False,
        options=tuple(Option(name, _title(visit, pack)) for name, pack in sorted(packs.items())),
        wide=True,
    )


def _title(visit: Visit, pack: Pack) -> str:
    title = pack.definition.title
    return title.en if visit.language == "en" else title.zh


def _facts(visit: Visit, pack: Pack) -> Iterator[Field]:
    for name, spec in pack.definition.fields.items():
        if spec.derived or name in OWN_FIELDS:
            continue
        label = spec.title.en if visit.language == "en" else spec.title.zh
        yield Field(
            f"f.{pack.id}.{name}",
            label,
            _kind(spec),
            False,
            options=tuple(_options(visit, spec)),
            max_length=200,
            unit=visit.say(spec.unit) if spec.unit else "",
        )


def _kind(spec: FieldSpec) -> Any:
    if spec.type == "boolean" or spec.choices:
        return "select"
    return "number" if spec.type == "number" else "text"


def _options(visit: Visit, spec: FieldSpec) -> Iterator[Option]:
    if spec.type == "boolean":
        yield Option("true", visit.say(N_("是")))
        yield Option("false", visit.say(N_("否")))
    for code in spec.choices:
        title = spec.words.get(code)
        said = code if title is None else (title.en if visit.language == "en" else title.zh)
        yield Option(code, said)


# --- reading what was typed ----------------------------------------------------------------------


def fen_of(text: str) -> int | None:
    """Return a sum typed in yuan as fen, commas and spaces aside; None: it is no such sum."""
    plain = re.sub(r"[,，\s]", "", text)
    match = re.fullmatch(r"(\d{1,15})(?:\.(\d{1,2}))?", plain, re.ASCII)
    if match is None:
        return None
    return int(match[1]) * FEN_IN_YUAN + int((match[2] or "").ljust(2, "0"))


def _body(visit: Visit, packs: Mapping[str, Pack], wrong: dict[str, str]) -> dict[str, Any]:
    """Return the body as JSON would have it; what cannot be read stands in `wrong`."""
    say = visit.say
    raw: dict[str, Any] = {
        name: visit.text(name)
        for name in (
            "department", "project", "purpose", "payee", "payee_code", "contract", "milestone"
        )
    }  # fmt: skip
    for field in ("department", "project", "purpose", "payee", "payee_code", "amount"):
        if not visit.text(field):
            wrong[field] = say(N_("这一项必须填写"))
    for field, key in (("amount", "amount_fen"), ("paid_before", "paid_before_fen")):
        if text := visit.text(field):
            raw[key] = _sum(visit, field, text, wrong)
    year = visit.text("budget_year")
    raw["budget_year"] = int(year) if re.fullmatch(r"\d{4}", year, re.ASCII) else 0
    if not raw["budget_year"]:
        wrong["budget_year"] = say(N_("预算年度应是四位数字"))
    if day := visit.text("delivered_on"):
        raw["delivered_on"] = day
    chosen = [name for name in visit.texts().get("packs", ()) if name in packs]
    if not chosen and not raw["contract"]:
        wrong["packs"] = say(N_("请至少选择一个规则包"))
    raw["facts"] = {name: dict(_typed(visit, packs[name], wrong)) for name in chosen}
    return raw


def _typed(visit: Visit, pack: Pack, wrong: dict[str, str]) -> Iterator[tuple[str, Any]]:
    for name, spec in pack.definition.fields.items():
        field = f"f.{pack.id}.{name}"
        text = visit.text(field)
        if spec.derived or name in OWN_FIELDS or not text:
            continue
        if spec.unit == "元":
            yield f"{name.removesuffix('_yuan')}_fen", _sum(visit, field, text, wrong)
        elif spec.type == "number":
            yield name, _number(visit, field, text, wrong)
        elif spec.type == "boolean":
            yield name, text == "true"
        else:
            yield name, text


def _sum(visit: Visit, field: str, text: str, wrong: dict[str, str]) -> int:
    fen = fen_of(text)
    if fen is None:
        wrong[field] = visit.say(N_("金额应是不为负的数，至多两位小数"))
    return fen or 0


def _number(visit: Visit, field: str, text: str, wrong: dict[str, str]) -> int | float:
    if re.fullmatch(r"\d{1,15}", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"\d{1,15}\.\d{1,10}", text, re.ASCII):
        return float(text)
    wrong[field] = visit.say(N_("应是不为负的数"))
    return 0


def _field_name(path: str) -> str:
    """Return the field of the form for a place in the body."""
    parts = path.split(".")
    if parts[0] == "facts" and len(parts) > 2:
        name = parts[2]
        return (
            f"f.{parts[1]}.{name.removesuffix('_fen')}_yuan"
            if name.endswith("_fen")
            else (f"f.{parts[1]}.{name}")
        )
    return {"amount_fen": "amount", "paid_before_fen": "paid_before", "facts": "packs"}.get(
        parts[0], parts[0]
    )
