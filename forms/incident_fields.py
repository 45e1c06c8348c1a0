"""The fields of each order to an incident, and the body that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cases.incidents.messages import REFUSAL_GROUNDS
from cases.incidents.routing import Routed
from cases.incidents.state import IncidentState
from forms.fields import Field, Option, Posted
from forms.incident_words import REPORTING
from forms.routing_words import why_sent
from forms.visit import Visit
from forms.words import N_

CRITERIA: Mapping[str, str] = {
    "extraordinary": N_("死亡30人以上，或者重伤100人以上，或者直接经济损失1亿元以上"),
    "major": N_("死亡10至29人，或者重伤50至99人，或者损失5000万元以上不足1亿元"),
    "serious": N_("死亡3至9人，或者重伤10至49人，或者损失1000万元以上不足5000万元"),
    "ordinary": N_("死亡不足3人，重伤不足10人，损失不足1000万元"),
    "none": N_("法律不分级的事件，或者没有伤亡损失的日常事件"),
}
"""生产安全事故报告和调查处理条例第三条 (SGBG-3); 以上 includes the number itself, 第四十五条."""

GRADE_WORDS: Mapping[str, str] = {
    "extraordinary": N_("特别重大（Ⅰ）"),
    "major": N_("重大（Ⅱ）"),
    "serious": N_("较大（Ⅲ）"),
    "ordinary": N_("一般（Ⅳ）"),
    "none": N_("不分级"),
}

GROUND_WORDS: Mapping[str, str] = {
    "not_ours": N_("不属本单位职责"),
    "not_our_area": N_("不在本单位辖区"),
    "duplicate": N_("与在办事件重复"),
    "done_already": N_("事前已经处置完毕"),
    "wrong_place": N_("位置有误，现场没有此事"),
}
assert set(GROUND_WORDS) == set(REFUSAL_GROUNDS)


@dataclass(frozen=True)
class ActScene:
    """What the fields of an order depend on."""

    visit: Visit
    state: IncidentState
    department: str
    routed: Sequence[Routed]
    departments: Mapping[str, str]
    draft: str
    reads_cases: bool = True
    """Whether this person may list any case."""


def _text(
    visit: Visit, name: str, label: str, required: bool, value: str = "", hint: str = ""
) -> Field:
    return Field(
        name, visit.say(label), "textarea", required, visit.say(hint) if hint else "", wide=True,
        values=(value,) if value else (),
    )  # fmt: skip


def _hidden(name: str, value: str) -> Field:
    return Field(name, "", "hidden", False, values=(value,))


def _yes_no(visit: Visit, name: str, label: str, yes: str, no: str) -> Field:
    options = (Option("true", visit.say(yes)), Option("false", visit.say(no)))
    return Field(name, visit.say(label), "radios", True, options=options, values=("true",))


def _verify(s: ActScene) -> Sequence[Field]:
    return (
        _yes_no(s.visit, "true", N_("核实结果"), N_("属实"), N_("不实")),
        _text(s.visit, "ground", N_("说明"), False, hint=N_("不实的，须写明何以不实")),
    )


def _grade(s: ActScene) -> Sequence[Field]:
    say, state = s.visit.say, s.state
    options = tuple(
        Option(code, say(words), say(CRITERIA[code])) for code, words in GRADE_WORDS.items()
    )
    before = (state.grade,) if state.grade else ()
    return (
        Field("level", say(N_("事件等级")), "radios", True, options=options, values=before,
              wide=True),
        Field("deaths", say(N_("死亡")), "number", False, values=(str(state.deaths),),
              unit=say(N_("人"))),
        Field("injured", say(N_("重伤")), "number", False, say(N_("包括急性工业中毒")),
              values=(str(state.injured),), unit=say(N_("人"))),
        Field("loss_yuan", say(N_("直接经济损失")), "number", False, values=(str(state.loss_yuan),),
              unit=say(N_("元"))),
        _text(s.visit, "ground", N_("研判依据"), state.graded_at is not None),
    )  # fmt: skip


def _dispatch(s: ActScene) -> Sequence[Field]:
    say, sent = s.visit.say, {one.department for one in s.state.active}
    proposed = [one for one in s.routed if one.department not in sent]
    lead = s.state.lead
    options = tuple(
        Option(
            one.department,
            s.departments.get(one.department, one.department),
            why_sent(s.visit, one),
        )
        for one in proposed
    )
    every = tuple(Option(code, name) for code, name in s.departments.items() if code not in sent)
    first = next((one.department for one in proposed if one.lead), "")
    fields = []
    if options:
        fields.append(
            Field("units", say(N_("建议派发的单位")), "checks", False,
                  say(N_("依责任清单，理由写在后面")), options=options,
                  values=tuple(one.department for one in proposed), wide=True)
        )  # fmt: skip
    return (
        *fields,
        Field("lead", say(N_("牵头单位")), "select", lead is None,
              say(N_("有且只有一个")), options=every,
              values=(first,) if first and lead is None else ()),
        Field("more", say(N_("另派单位")), "select", False, options=every),
        _text(s.visit, "task", N_("任务要求"), False),
        _text(s.visit, "ground", N_("说明"), False),
    )  # fmt: skip


def _refuse(s: ActScene) -> Sequence[Field]:
    options = tuple(Option(code, s.visit.say(words)) for code, words in GROUND_WORDS.items())
    return (
        _hidden("department", s.department),
        Field("ground", s.visit.say(N_("退单理由")), "radios", True,
              s.visit.say(N_("退单计数，时钟不停；再次退单由仲裁员裁定，裁定不得再退")),
              options=options, wide=True),
        _text(s.visit, "evidence", N_("证据"), False,
              hint=N_("写明现场所见、权属等，或者附照片、文件；至少有一样")),
    )  # fmt: skip


def _arbitrate(s: ActScene) -> Sequence[Field]:
    say, disputed = s.visit.say, s.state.disputed
    options = (Option("stands", say(N_("维持派发"))), Option("moves", say(N_("改派"))))
    every = tuple(Option(code, name) for code, name in s.departments.items())
    return (
        _hidden("department", disputed.department if disputed else ""),
        Field("ruling", say(N_("裁定")), "radios", True,
              say(N_("裁定即时生效，不得再退；以后同类事件照此派发")), options=options),
        Field("to", say(N_("改派给")), "select", False, options=every),
        _text(s.visit, "ground", N_("裁定理由"), True),
    )  # fmt: skip


def _of_unit(label: str, required: bool) -> Callable[[ActScene], Sequence[Field]]:
    def fields(s: ActScene) -> Sequence[Field]:
        return (_hidden("department", s.department), _text(s.visit, "text", label, required))

    return fields


def _check(s: ActScene) -> Sequence[Field]:
    return (
        _yes_no(s.visit, "passed", N_("核查结果"), N_("通过"), N_("返工")),
        _text(s.visit, "ground", N_("说明"), False, hint=N_("返工的，须写明理由")),
    )


def _only_text(label: str) -> Callable[[ActScene], Sequence[Field]]:
    def fields(s: ActScene) -> Sequence[Field]:
        return (_text(s.visit, "text", label, False),)

    return fields


def _evaluate(s: ActScene) -> Sequence[Field]:
    marks = tuple(Option(str(n), str(n)) for n in (5, 4, 3, 2, 1))
    scores = [
        Field(f"scores.{one.department}", s.departments.get(one.department, one.department),
              "select", True, s.visit.say(N_("5 最好")), options=marks)
        for one in s.state.active
    ]  # fmt: skip
    return (*scores, _text(s.visit, "text", N_("评价意见"), False))


def _respond(s: ActScene) -> Sequence[Field]:
    say, running = s.visit.say, s.state.response
    kind = s.visit.ports.incidents.kinds.get(s.state.type)
    levels = tuple(
        Option(str(n), say(words))
        for n, words in (
            (1, N_("一级响应")), (2, N_("二级响应")), (3, N_("三级响应")), (4, N_("四级响应")),
        )
    )  # fmt: skip
    matter = running.matter if running else s.state.title
    before = (str(running.level),) if running else ()
    return (
        Field("level", say(N_("响应级别")), "radios", True, options=levels, values=before,
              wide=True),
        Field("matter", say(N_("响应事项")), "text", True, values=(matter,), double=True,
              max_length=500),
        Field("expected_until", say(N_("预计期限")), "moment", True),
        Field("plan", say(N_("应急预案")), "text", False,
              values=(kind.plan,) if kind is not None and kind.plan else ()),
        _text(s.visit, "measures", N_("应急处置措施"), True),
    )  # fmt: skip


def _report_up(s: ActScene) -> Sequence[Field]:
    waiting = tuple(
        Option(
            one.chain,
            f"{s.visit.say(REPORTING.get(one.chain, one.chain))} → "
            f"{s.visit.say(REPORTING.get(one.to, one.to))}",
        )
        for one in s.state.reports
        if one.sent_at is None
    )
    return (
        Field("chain", s.visit.say(N_("哪一级报告")), "select", True, options=waiting,
              values=(waiting[0].value,) if waiting else (), double=True),
        Field("text", s.visit.say(N_("报告内容")), "lines", True,
              s.visit.say(N_("已按现有情况起草，请核对后上报")),
              values=(s.draft,) if s.draft else (), wide=True),
    )  # fmt: skip


def _merge(s: ActScene) -> Sequence[Field]:
    return (
        Field("into", s.visit.say(N_("并入哪一件")), "text", True, s.visit.say(N_("事件编号")),
              max_length=64),
        _text(s.visit, "ground", N_("说明"), False),
    )  # fmt: skip


def _of_case(s: ActScene) -> Sequence[Field]:
    """`case`: the number that is asked for, or that the page from which one comes has named."""
    named = s.visit.request.query_params.get("case", "")[:64]
    return (
        Field("case", s.visit.say(N_("办件编号")), "text", True,
              s.visit.say(N_("您有权查看的办件；填完整的编号")) if s.reads_cases else _ask_whom(s),
              values=(named,) if named else (), double=True, max_length=64),
        _text(s.visit, "ground", N_("理由"), True,
              hint=N_("办件与本事件有什么关系，或者为什么没有关系；记入日志，能看本事件的人都看得到")),
    )  # fmt: skip


def _ask_whom(s: ActScene) -> str:
    """Who can do it in place of somebody who may know of no case."""
    sent = [one.department for one in s.state.units]
    names = "、".join(s.departments.get(one, one) for one in dict.fromkeys(sent))
    if not names:
        return s.visit.say(
            N_(
                "您的岗位看不到办件，不能独自关联。本件还没有派发：派给办件所在的单位以后，"
                "请该单位既值守又办理办件的人，从办件页“关联突发事件”办理"
            )
        )
    return s.visit.say(
        N_(
            "您的岗位看不到办件，不能独自关联。请已派单位（{units}）中既值守又办理办件的人，"
            "从办件页“关联突发事件”办理；可以用“续报”告诉他办件编号"
        )
    ).format(units=names)


def _keep(s: ActScene) -> Sequence[Field]:
    return (
        _text(s.visit, "reason", N_("保留理由"), True,
              hint=N_("事件结束即销毁所取得的个人信息；确需保留的，写明理由和期限")),
        Field("until", s.visit.say(N_("保留到")), "date", True),
    )  # fmt: skip


def _lesson(s: ActScene) -> Sequence[Field]:
    every = tuple(Option(code, name) for code, name in s.departments.items())
    return (
        _text(s.visit, "text", N_("要做什么"), True),
        Field("department", s.visit.say(N_("责任单位")), "select", True, options=every),
        Field("due_on", s.visit.say(N_("完成期限")), "date", True),
    )


def _finish(s: ActScene) -> Sequence[Field]:
    left = tuple(
        Option(one.id, f"{s.departments.get(one.department, one.department)} · {one.due_on}")
        for one in s.state.lessons
        if one.done_at is None and one.department == s.department
    )
    return (
        _hidden("department", s.department),
        Field("lesson", s.visit.say(N_("哪一项")), "select", True, options=left,
              values=(left[0].value,) if left else ()),
        _text(s.visit, "text", N_("完成情况"), True),
    )  # fmt: skip


FIELDS: Mapping[str, Callable[[ActScene], Sequence[Field]]] = {
    "verify": _verify,
    "grade": _grade,
    "regrade": _grade,
    "dispatch": _dispatch,
    "acknowledge": lambda s: (_hidden("department", s.department),),
    "refuse_dispatch": _refuse,
    "arbitrate": _arbitrate,
    "set_out": _of_unit(N_("出动情况"), False),
    "arrive": _of_unit(N_("现场情况"), False),
    "progress": _of_unit(N_("续报内容"), True),
    "answer": _of_unit(N_("处置结果"), True),
    "check": _check,
    "close": _only_text(N_("办结意见")),
    "evaluate": _evaluate,
    "archive": _only_text(N_("归档说明")),
    "start_response": _respond,
    "adjust_response": _respond,
    "end_response": _only_text(N_("解除说明")),
    "report_up": _report_up,
    "merge": _merge,
    "keep_personal": _keep,
    "add_lesson": _lesson,
    "finish_lesson": _finish,
    "link_case": _of_case,
    "unlink_case": _of_case,
}
"""Verb → its fields."""

NUMBERS = frozenset({"deaths", "injured", "loss_yuan"})
YES_NO = frozenset({"true", "passed"})


def body_of(s: ActScene, verb: str, fields: Sequence[Field], texts: Posted) -> dict[str, Any]:
    """Return the order's body as the typed words say it; what cannot be read stays as it is."""
    said = {one.name: next(iter(texts.get(one.name, ())), "").strip() for one in fields}
    if verb == "dispatch":
        return _dispatch_body(said, texts)
    if verb == "evaluate":
        scores = {name.partition(".")[2]: _number(v) for name, v in said.items()
                  if name.startswith("scores.") and v}  # fmt: skip
        return {"scores": scores, "text": said["text"]}
    body: dict[str, Any] = {}
    for name, value in said.items():
        if name in NUMBERS:
            body[name] = _number(value or "0")
        elif name in YES_NO:
            body[name] = value == "true" if value in ("true", "false") else None
        elif verb in ("start_response", "adjust_response") and name == "level":
            body[name] = _number(value or "0")
        elif name == "expected_until":
            body[name] = _moment(s.visit, value)
        else:
            body[name] = value
    return body


def _number(text: str) -> Any:
    plain = text.replace(",", "").replace("，", "")
    return int(plain) if plain.isdecimal() and len(plain) < 16 else text


def _moment(visit: Visit, text: str) -> Any:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text or None
    return (found if found.tzinfo else found.replace(tzinfo=visit.zone)).isoformat()


def _dispatch_body(said: Mapping[str, str], texts: Posted) -> dict[str, Any]:
    chosen = [*texts.get("units", ()), said["lead"], said["more"]]
    lead = said["lead"]
    units = [
        {"department": one, "lead": one == lead, "task": said["task"]}
        for one in dict.fromkeys(chosen)
        if one
    ]
    return {"units": units, "ground": said["ground"]}
