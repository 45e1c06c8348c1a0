"""What may be done to many cases at once, and what each act asks, as fields of one form.

Only acts that settle nothing about an application, and look the same for every case: who decides
decides one case at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from cases.messages import BODIES
from forms import words
from forms.act_fields import OPINION, word_options
from forms.fields import Field, Form, Option, pydantic_sentence
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class People:
    """Whom and which departments an act may name."""

    colleagues: tuple[Option, ...]
    departments: tuple[Option, ...]


Fields = Callable[[Visit, People], Sequence[Field]]


@dataclass(frozen=True)
class BulkAct:
    """One act on many cases. `about_task`: it is about one open task of each."""

    verb: str
    button: str
    """On the list, beside the ticked rows."""
    sentence: str
    """What the button of the last page brings about, for {n} rows."""
    fields: Fields = lambda visit, people: ()
    about_task: bool = False


def _sentence(visit: Visit, name: str, label: str, required: bool = True) -> Field:
    return Field(
        name, visit.say(label), "textarea", required=required, max_length=OPINION, wide=True
    )


def _transfer(visit: Visit, people: People) -> Sequence[Field]:
    to = Field("to", visit.say(N_("转给")), "select", options=people.colleagues)
    return (to, _sentence(visit, "reason", N_("转办理由")))


def _copy_to(visit: Visit, people: People) -> Sequence[Field]:
    to = Field("to", visit.say(N_("抄送给")), "checks", options=people.colleagues, wide=True)
    return (to, _sentence(visit, "text", N_("说明"), required=False))


def _issue_card(visit: Visit, people: People) -> Sequence[Field]:
    say = visit.say
    grounds = word_options("card_ground", tuple(words.CARD_GROUNDS), say)
    return (
        Field("ground", say(N_("事由")), "radios", options=grounds),
        Field("department", say(N_("责任部门")), "select", required=False,
              options=people.departments, hint=say(N_("不选即实施部门"))),
        _sentence(visit, "text", N_("监察情况")),
    )  # fmt: skip


BULK: Mapping[str, BulkAct] = {
    one.verb: one
    for one in (
        BulkAct("claim", N_("签收"), N_("签收 {n} 个任务"), about_task=True),
        BulkAct("transfer", N_("转办…"), N_("转办 {n} 个任务"), _transfer, about_task=True),
        BulkAct(
            "urge",
            N_("催办…"),
            N_("发送催办，共 {n} 件"),
            lambda visit, people: (_sentence(visit, "text", N_("催办内容")),),
        ),
        BulkAct(
            "issue_card",
            N_("督办发牌…"),
            N_("对 {n} 件发出监察牌，并出具督办单或者监察建议书"),
            _issue_card,
        ),
        BulkAct("copy_to", N_("抄送…"), N_("抄送 {n} 件"), _copy_to),
        BulkAct(
            "close",
            N_("办结归档…"),
            N_("办结并归档 {n} 件"),
            lambda visit, people: (_sentence(visit, "remark", N_("备注"), required=False),),
        ),
    )
}
"""Every act that many cases can have at once."""


async def offered(visit: Visit) -> tuple[BulkAct, ...]:
    """Return the acts that policy lets the visitor do on some case."""
    found = []
    for act in BULK.values():
        verdict = await visit.ask(visit.ports.access.may, visit.actor, act.verb, "case")
        if verdict.allowed:
            found.append(act)
    return tuple(found)


async def people_of(visit: Visit) -> People:
    """Return whom an act may name; one's own colleagues stand first."""
    everybody = await visit.ask(visit.ports.reader.colleagues, "")
    own = {
        code for code, _ in await visit.ask(visit.ports.reader.colleagues, visit.actor.department)
    }
    named = sorted(everybody, key=lambda one: (one[0] not in own, one[1]))
    departments = visit.ports.catalogue.departments(visit.language)
    return People(
        tuple(Option(code, name) for code, name in named),
        tuple(Option(code, name) for code, name in departments.items()),
    )


async def form_of(visit: Visit, act: BulkAct, posted: bool) -> Form:
    """Return the act's fields, with what was posted."""
    fields = tuple(act.fields(visit, await people_of(visit)))
    return Form(tuple(f.filled(visit.texts()) for f in fields) if posted else fields)


def body_of(form: Form) -> dict[str, Any]:
    """Return the body that the fields make, without the task, which is each row's own."""
    body: dict[str, Any] = {}
    for field in form.fields:
        texts = [text.strip() for text in field.values if text.strip()]
        if texts:
            body[field.name] = texts if field.kind == "checks" else texts[0]
    return body


def faults_of(visit: Visit, act: BulkAct, form: Form, body: Mapping[str, Any]) -> dict[str, str]:
    """Return a sentence for each field that is wrong, by its name."""
    wrong: dict[str, str] = {}
    labels = {f.name: f.label for f in form.fields}
    for field in form.fields:
        offered = {option.value for option in field.options}
        if field.options and not {v for v in field.values if v} <= offered:
            wrong[field.name] = visit.say(N_("“{label}”不在可选之列")).format(label=field.label)
    try:
        BODIES[act.verb].model_validate({**body, "task": "any"} if act.about_task else body)
    except ValidationError as faults:
        for fault in faults.errors():
            name = str(fault["loc"][0]) if fault["loc"] else ""
            label = labels.get(name, name)
            wrong.setdefault(name, pydantic_sentence(fault, label, visit.say))
    return wrong
