"""市民建议: a suggestion filed by anybody without a session; its number and code are shown once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Final
from uuid import uuid4

from starlette.responses import Response

from cases.messages import Outcome, Source
from cases.reception import NotNow, Request
from forms.disclosure_ports import Shown
from forms.fields import Field, Form, Option, Wrong
from forms.for_good import Asking, asked_first, goes_back, said_in
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import GRADES, N_

MATTER: Final = "citizen-suggestion"
TOPICS: Final = (
    N_("政务服务"), N_("交通出行"), N_("生态环境"), N_("社区生活"), N_("医疗教育"),
    N_("城市安全"), N_("数字产业"), N_("其他"),
)  # fmt: skip
"""As the form of the matter has them; a test holds both together."""
COMMAND = re.compile(r"[0-9a-f-]{36}")
PHONE = re.compile(r"1[3-9][0-9]{9}")


@dataclass(frozen=True)
class SuggestPage(Page):
    """The form; and once it was filed, how to ask after it."""

    template: ClassVar[str] = "suggest.html"

    form: Annotated[Form, "What is suggested, and by whom."]
    command: Annotated[str, "Id of the filing: posted again, it is the same suggestion."]
    case_no: Annotated[str, "Number of the filed suggestion; empty: not yet filed."]
    code: Annotated[str, "The code that goes with the number."]


async def suggest(visit: Visit) -> Response:
    """GET shows the form, POST files it: nothing that was typed stands in an address."""
    matters = {one.code for one in visit.ports.catalogue.matters()}
    sender = await visit.ask(visit.ports.suggestions.sender) if MATTER in matters else None
    if sender is None:
        raise not_found(visit)
    form = Form(tuple(_fields(visit)))
    page = SuggestPage(visit.say(N_("提一条市民建议")), form, str(uuid4()), "", "")
    if not visit.posted:
        return await show(visit, page)
    visit.slow_down("questions")
    texts = visit.texts()
    form = Form(tuple(one.filled(texts) for one in form.fields))
    kept = visit.text("command")
    page = replace(page, form=form, command=kept if COMMAND.fullmatch(kept) else page.command)
    if wrong := dict(_wrong(visit)):
        return await show(visit, replace(page, form=form.with_errors(wrong)), 422)
    request = Request(
        id=f"suggest:{page.command}", verb="file", body=_body(visit),
        reference=f"suggest:{page.command}",
    )  # fmt: skip
    source = Source(door="web", ip=visit.where.ip)
    try:
        (outcome,) = await visit.ports.reception.handle(sender, source, (request,))
    except NotNow:
        said = visit.say(N_("系统暂时无法确认，请用同一页面重试；重试不会重复办理。"))
        return await show(visit, replace(page, form=_failed(form, said)), 503)
    return await _answered(visit, page, outcome)


async def _answered(visit: Visit, page: SuggestPage, outcome: Outcome) -> Response:
    if outcome.status == "refused":
        # A refusal is final for its id: what is corrected now is another command.
        fresh = replace(
            page, form=_failed(page.form, visit.told(outcome.reason)), command=str(uuid4())
        )
        return await show(visit, fresh, 422)
    code = await visit.ask(visit.ports.reader.public_code, outcome.case_id)
    return await show(visit, replace(page, case_no=outcome.case_no, code=code))


@dataclass(frozen=True)
class RateSuggestionPage(Page):
    """The form of a rating; and once it was taken, thanks."""

    template: ClassVar[str] = "suggest_rate.html"

    form: Annotated[Form, "Number, code, grade, and why."]
    command: Annotated[str, "Id of the rating: posted again, it is the same one."]
    done: Annotated[bool, "It was taken."]


async def rate(visit: Visit) -> Response:
    """Rate the answer to a suggestion, for whoever holds its number and code."""
    sender = await visit.ask(visit.ports.suggestions.sender)
    if sender is None:
        raise not_found(visit)
    page = RateSuggestionPage(
        visit.say(N_("评价对建议的答复")), Form(tuple(_rating(visit))), str(uuid4()), False
    )
    if not visit.posted:
        return await show(visit, page)
    visit.slow_down("questions")
    texts = visit.texts()
    kept = visit.text("command")
    page = replace(
        page, form=Form(tuple(one.filled(texts) for one in page.form.fields)),
        command=kept if COMMAND.fullmatch(kept) else page.command,
    )  # fmt: skip
    say = visit.say
    if visit.text("grade") not in GRADES:
        wrong = {"grade": say(N_("这一项必须填写"))}
        return await show(visit, replace(page, form=page.form.with_errors(wrong)), 422)
    found = await visit.ask(
        visit.ports.reader.public_status, visit.text("case_no"), visit.text("code")
    )
    facts = None if found is None else await visit.ask(visit.ports.reader.find, found.case_no)
    if facts is None or facts.matter != MATTER:
        return await show(visit, _refused(page, say(N_("没有这样的建议，请核对编号和查询码"))), 422)
    visit.seen = Shown("read", "case", facts.id)
    if facts.stage != "rating":
        return await show(visit, _refused(page, say(N_("还没有办结，或者已经评价过"))), 422)
    if goes_back(visit):
        return await show(visit, page)
    sentence = say(N_("提交评价（只能评价一次）"))
    asking = Asking(
        sentence, visit.text("case_no"), "/suggest", said_in(page.form), command=page.command
    )  # fmt: skip
    if asked := await asked_first(visit, asking):
        return asked
    body = {"grade": int(visit.text("grade")), "text": visit.text("text"), "channel": "computer"}
    request = Request(id=f"suggest:{page.command}", verb="rate", body=body, case_id=facts.id)
    source = Source(door="web", ip=visit.where.ip)
    try:
        (outcome,) = await visit.ports.reception.handle(sender, source, (request,))
    except NotNow:
        said = say(N_("系统暂时无法确认，请用同一页面重试；重试不会重复办理。"))
        return await show(visit, replace(page, form=_failed(page.form, said)), 503)
    if outcome.status == "refused":
        return await show(visit, _refused(page, visit.told(outcome.reason)), 422)
    return await show(visit, replace(page, done=True))


def _refused(page: RateSuggestionPage, said: str) -> RateSuggestionPage:
    """Return the page with a *no*: what is corrected now is another command."""
    return replace(page, form=_failed(page.form, said), command=str(uuid4()))


def _rating(visit: Visit) -> Iterator[Field]:
    say = visit.say
    options = tuple(Option(one, say(word)) for one, word in GRADES.items())
    yield Field("case_no", say(N_("办件编号")), max_length=64)
    yield Field("code", say(N_("查询码")), max_length=64)
    yield Field("grade", say(N_("评价")), "select", options=options)
    yield Field("text", say(N_("意见")), "textarea", required=False, max_length=1000, wide=True)


def _failed(form: Form, said: str) -> Form:
    return replace(form, errors=(Wrong(said, form.fields[0].id),))


def _fields(visit: Visit) -> Iterator[Field]:
    say = visit.say
    options = tuple(Option(one, say(one)) for one in TOPICS)
    yield Field("topic", say(N_("建议所涉方面")), "select", options=options)
    yield Field("content", say(N_("建议内容")), "textarea", max_length=1000, wide=True)
    yield Field("place", say(N_("所涉地点")), required=False, max_length=200, double=True)
    yield Field("name", say(N_("姓名或名称")), max_length=200)
    yield Field("phone", say(N_("手机号码")), required=False, max_length=11)


def _wrong(visit: Visit) -> Iterator[tuple[str, str]]:
    say = visit.say
    for name in ("topic", "content", "name"):
        if not visit.text(name):
            yield name, say(N_("这一项必须填写"))
    if visit.text("topic") and visit.text("topic") not in TOPICS:
        yield "topic", say(N_("这一项填写有误"))
    if 0 < len(visit.text("content")) < 4 or len(visit.text("content")) > 1000:
        yield "content", say(N_("请写四个字以上、一千字以内"))
    if visit.text("phone") and not PHONE.fullmatch(visit.text("phone")):
        yield "phone", say(N_("这一项填写有误"))


def _body(visit: Visit) -> dict[str, Any]:
    typed = {name: visit.text(name) for name in ("topic", "content", "place", "phone")}
    return {
        "matter": MATTER,
        "channel": "computer",
        "applicant": {
            "kind": "natural_person",
            "name": visit.text("name"),
            "phone": visit.text("phone"),
        },
        "form": {name: text for name, text in typed.items() if text},
        "materials": [{"code": "suggestion", "originals": 1}],
        "electronic_service": True,
    }
