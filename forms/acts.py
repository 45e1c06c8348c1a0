"""What a person can do to a case, as forms: the fields of each verb and the body they make.

Whether an act is offered is decided elsewhere (stage ∩ policy); here stands only how it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cases.state import Task
from cases.views import CaseView
from catalogue.matters import Matter
from forms import words
from forms.fields import Field, Option, Posted, schema_fields, schema_values
from forms.words import N_, Language, Say

OPINION = 1000
"""GB/T 39046-2020: opinions are an..1000."""
OTHER = "other"


@dataclass(frozen=True)
class Scene:
    """All that the fields of an act depend on."""

    view: CaseView
    matter: Matter
    department: str
    """The actor's own department."""
    colleagues: tuple[tuple[str, str], ...]
    departments: Mapping[str, str]
    language: Language
    say: Say
    zone: ZoneInfo

    def tasks(self, *kinds: str) -> tuple[Task, ...]:
        """Open tasks of these kinds (all where none is named), the actor's own department first."""
        found = [t for t in self.view.tasks if t.state == "open" and (not kinds or t.kind in kinds)]
        return tuple(sorted(found, key=lambda t: t.department != self.department))

    def task_name(self, task: Task) -> str:
        """Return what the clerk calls a task: the step's name, else the word of its stage."""
        for step in self.matter.steps:
            if step.code == task.step:
                return step.name_en if self.language == "en" and step.name_en else step.name
        if task.kind == "explain":
            return f"{self.say(N_('书面说明'))} {task.key.removeprefix('explain-')}"
        return self.say(TASKS.get(task.key, task.key))


TASKS = {
    "pre_review": N_("预审"),
    "receive": N_("受理审查"),
    "supplement": N_("等待补正"),
    "gather": N_("汇总意见"),
    "decide": N_("作出决定"),
    "certify": N_("制证"),
    "serve": N_("送达"),
    "close": N_("办结"),
    "rectify": N_("差评整改"),
    "call_back": N_("回访"),
}

Fields = Callable[[Scene], Sequence[Field]]
Sentence = Callable[[Scene, Mapping[str, Any]], str]


@dataclass(frozen=True)
class Act:
    """One verb as a form. `consequence` is said above the button; `confirm` asks once more."""

    verb: str
    button: str
    consequence: str = ""
    fields: Fields = lambda scene: ()
    confirm: Sentence | None = None
    parts: Callable[[Scene, Posted], dict[str, Any]] | None = None
    """Parts of the body that are not one field each."""
    main: bool = True
    """False: listed under 其他操作."""


# --- pieces --------------------------------------------------------------------------------------


def _text(name: str, label: str, *, required: bool = True, hint: str = "") -> Field:
    return Field(
        name, label, "textarea", required=required, hint=hint, max_length=OPINION, wide=True
    )


def _options(table: str, codes: Sequence[str], say: Say) -> tuple[Option, ...]:
    return tuple(Option(code, say(words.word(table, code))) for code in codes)


def _task(scene: Scene, *kinds: str, required: bool = True) -> Field:
    tasks = scene.tasks(*kinds)
    options = tuple(
        Option(
            t.key,
            f"{scene.task_name(t)} · {scene.departments.get(t.department, t.department)}",
        )
        for t in tasks
    )
    chosen = (tasks[0].key,) if tasks and required else ()
    return Field("task", scene.say(N_("环节")), "select", required, options=options, values=chosen)


def _colleague(scene: Scene, name: str, label: str, required: bool = True) -> Field:
    options = tuple(Option(code, who) for code, who in scene.colleagues)
    return Field(name, label, "select", required, options=options)


def _lacking_field(scene: Scene) -> Field:
    """The composer of the one-time notice: every material and every form field can be named."""
    say = scene.say
    materials = [
        Option(
            m.code, m.name, say(N_("材料")) + (" · " + say(N_("未收到")) if not m.received else "")
        )
        for m in scene.view.materials
    ]
    fields = [
        Option(f.name.removeprefix("form."), f.label, say(N_("表单项")))
        for f in schema_fields(scene.matter.form, "form", scene.language)
    ]
    missing = tuple(m.code for m in scene.view.materials if m.required and not m.received)
    other = Option(OTHER, say(N_("其他（写明内容）")))
    return Field(
        "lacking",
        say(N_("需要补正的全部内容")),
        "composer",
        hint=say(N_("只能告知一次：把所有需要补正的内容一次勾全，并写明要求。")),
        options=(*materials, *fields, other),
        values=missing,
        wide=True,
    )


def lacking(scene: Scene, posted: Posted) -> dict[str, Any]:
    """Return what the composer says: each thing checked, with why."""
    names = {o.value: o.label for o in _lacking_field(scene).options}
    found = []
    for code in posted.get("lacking", ()):
        if code not in names:
            continue
        why = next(iter(posted.get(f"why.{code}", ())), "").strip()
        what = (why or names[code]) if code == OTHER else names[code]
        found.append({"code": code, "what": what, "why": why})
    return {"lacking": found}


def _corrections(scene: Scene) -> tuple[Field, ...]:
    """Every form field, empty: what stays empty is not changed."""
    say = scene.say
    yes_no = (Option("true", say(N_("是"))), Option("false", say(N_("否"))))
    return tuple(
        replace(f, required=False, values=(), kind="select", options=yes_no)
        if f.kind == "check"
        else replace(f, required=False, values=())
        for f in schema_fields(scene.matter.form, "form", scene.language)
    )


def _corrected(scene: Scene, posted: Posted) -> dict[str, Any]:
    return {"form": schema_values(scene.matter.form, "form", posted)}


def _pre_review(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        Field(
            "result",
            say(N_("预审结果")),
            "radios",
            options=(Option("passed", say(N_("通过"))), Option("returned", say(N_("退回")))),
        ),
        replace(_lacking_field(scene), required=False, values=()),
    )


def _accept(scene: Scene) -> Sequence[Field]:
    say, matter = scene.say, scene.matter
    modes = [Option("plain", say(N_("正常受理")))]
    if matter.tolerance:
        modes.append(Option("tolerant", say(N_("容缺受理"))))
    if matter.commitment:
        modes.append(Option("commitment", say(N_("告知承诺"))))
    if len(modes) == 1:
        return (Field("mode", say(N_("受理方式")), "hidden", values=("plain",)),)
    fields = [Field("mode", say(N_("受理方式")), "radios", options=tuple(modes), values=("plain",))]
    late = tuple(Option(m.code, m.name) for m in matter.materials if m.tolerable)
    if matter.tolerance and late:
        fields.append(
            Field(
                "missing",
                say(N_("容缺材料（待补）")),
                "checks",
                required=False,
                options=late,
                wide=True,
            )
        )
    fields.append(
        _text(
            "undertaking",
            say(N_("申请人承诺")),
            required=False,
            hint=say(N_("容缺受理、告知承诺时必填")),
        )
    )
    return fields


def _transfer(scene: Scene) -> Sequence[Field]:
    return (
        _task(scene),
        _colleague(scene, "to", scene.say(N_("转给"))),
        _text("reason", scene.say(N_("转办理由"))),
    )


def _recuse(scene: Scene) -> Sequence[Field]:
    say = scene.say
    grounds = (
        Option("own_interest", say(N_("涉及本人利害关系"))),
        Option("relative", say(N_("涉及近亲属的利害关系"))),
        Option("other", say(N_("其他可能影响公正的情形"))),
    )
    who = _colleague(scene, "person", say(N_("谁回避")), required=False)
    return (
        replace(who, hint=say(N_("不选即本人回避；令他人回避须由负责人决定"))),
        Field("ground", say(N_("回避事由")), "radios", options=grounds),
        _text("remark", say(N_("说明")), required=False),
    )


def _add_signer(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = tuple(Option(code, name) for code, name in scene.departments.items())
    return (
        _task(scene, "review", "gather"),
        _colleague(scene, "signer", say(N_("加签人员")), required=False),
        Field("department", say(N_("或加签部门")), "select", required=False, options=options),
        _text("reason", say(N_("加签理由"))),
    )


def _remove_signer(scene: Scene) -> Sequence[Field]:
    names = dict(scene.colleagues)
    options = tuple(
        Option(code, names.get(code, code)) for t in scene.tasks() for code in t.signers
    )
    return (
        _task(scene, "review", "gather"),
        Field("signer", scene.say(N_("减签人员")), "select", required=False, options=options),
        _text("reason", scene.say(N_("减签理由"))),
    )


def _opine(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        _task(scene, "review"),
        Field(
            "result",
            say(N_("审查结论")),
            "radios",
            options=_options("result", ("agree", "disagree", "needs_supplement"), say),
        ),
        _text("text", say(N_("审查意见"))),
        _text("conditions", say(N_("附加条件")), required=False),
    )


def _inspect(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        _task(scene, "review"),
        Field(
            "inspectors",
            say(N_("核查人员")),
            "lines",
            hint=say(N_("每行一人，须两人以上（行政许可法第三十四条）")),
            wide=True,
        ),
        Field("place", say(N_("核查地点")), max_length=200),
        Field("inspected_at", say(N_("核查时间")), "moment"),
        _text("findings", say(N_("核查情况"))),
    )


def _gather(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        Field(
            "proposal",
            say(N_("拟办意见")),
            "radios",
            options=_options("result", ("grant", "refuse"), say),
        ),
        _text("text", say(N_("汇总说明"))),
    )


def _start_procedure(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        Field(
            "kind",
            say(N_("特别程序")),
            "select",
            options=_options("procedure", scene.matter.procedures, say),
        ),
        Field(
            "expected_days",
            say(N_("预计所需天数")),
            "number",
            hint=say(N_("书面告知申请人（行政许可法第四十五条）")),
            low="1",
            high="365",
        ),
        _colleague(scene, "host", say(N_("听证主持人")), required=False),
        _text("ground", say(N_("理由"))),
    )


def _end_procedure(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = tuple(
        Option(p.id, say(words.word("procedure", p.kind)))
        for p in scene.view.procedures
        if p.ended_at is None
    )
    first = tuple(o.value for o in options[:1])
    return (
        Field("procedure", say(N_("特别程序")), "select", options=options, values=first),
        _text("result", say(N_("结果"))),
        _cancelled(scene),
    )


def _cancelled(scene: Scene) -> Field:
    hint = scene.say(N_("听证申请人撤回等，特别程序没有进行"))
    return Field("cancelled", scene.say(N_("已取消，没有进行")), "check", required=False, hint=hint)


def _start_wait(scene: Scene) -> Sequence[Field]:
    say = scene.say
    grounds = tuple(
        one for one in ("site_visit", "publicity") if one in scene.matter.promise_pauses
    )
    return (
        Field("ground", say(N_("停表事由")), "select", options=_options("pause", grounds, say)),
        Field(
            "expected_days",
            say(N_("预计所需天数")),
            "number",
            hint=say(N_("书面告知申请人；只停承诺时限，法定时限照常计算")),
            low="1",
            high="365",
        ),
        _text("reason", say(N_("理由"))),
    )


def _end_wait(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = tuple(
        Option(one.id, say(words.word("pause", one.ground)))
        for one in scene.view.waits
        if one.ended_at is None
    )
    first = tuple(o.value for o in options[:1])
    return (
        Field("wait", say(N_("停表事由")), "select", options=options, values=first),
        _text("result", say(N_("结果"))),
    )


def _pause(scene: Scene, disallowed: bool) -> Field:
    """The pauses of the case, of which supervision holds these for unlawful or does not."""
    say = scene.say
    options = tuple(
        Option(name, f"{say(words.word('pause', ground))} · {name}")
        for name, ground in scene.view.pauses.items()
        if (name in scene.view.disallowed) == disallowed
    )
    return Field("pause", say(N_("停表")), "select", options=options)


def _tell_hearing_right(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        _text("interest", say(N_("涉及的重大利益关系"))),
        Field(
            "parties",
            say(N_("利害关系人")),
            "lines",
            required=False,
            hint=say(N_("每行一人；申请人不必填")),
            wide=True,
            personal=True,
        ),
    )


def _request_hearing(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = (
        Option("applicant", say(N_("申请人"))),
        Option("interested_party", say(N_("利害关系人"))),
    )
    return (
        Field("by", say(N_("提出人")), "radios", options=options, values=("applicant",)),
        Field(
            "requester", say(N_("利害关系人姓名或名称")), required=False, max_length=200,
            personal=True,
        ),
        _text("reason", say(N_("理由")), required=False),
    )  # fmt: skip


def _notify_hearing(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        Field(
            "hearing_at",
            say(N_("听证时间")),
            "moment",
            hint=say(N_("至少提前七日通知（行政许可法第四十八条）")),
        ),
        Field("place", say(N_("听证地点")), max_length=200),
        _colleague(scene, "host", say(N_("听证主持人"))),
        Field("public", say(N_("公开举行")), "check", required=False, values=("true",)),
        _text(
            "announcement",
            say(N_("向社会公告的时间和载体")),
            required=False,
            hint=say(N_("依职权举行的必填（行政许可法第四十六条），其他的必要时公告")),
        ),
    )


def _host_name(scene: Scene, posted: Posted) -> dict[str, Any]:
    host = next(iter(posted.get("host", ())), "")
    return {"host_name": dict(scene.colleagues).get(host, host)}


def _assign_inspectors(scene: Scene) -> Sequence[Field]:
    say = scene.say
    hint = say(N_("每行一人，须两人以上（行政许可法第五十五条）"))
    return (
        Field("inspectors", say(N_("检验、检测、检疫人员")), "lines", hint=hint, wide=True),
        _text("remark", say(N_("备注")), required=False),
    )


def _confirm_receipt(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = (
        Option("phone", say(N_("电话"))),
        Option("message", say(N_("短信或电子邮件"))),
        Option("in_person", say(N_("当面"))),
        Option("other", say(N_("其他"))),
    )
    return (
        Field("way", say(N_("与申请人确认的方式")), "select", options=options),
        _text("remark", say(N_("备注")), required=False),
    )


def _return_step(scene: Scene) -> Sequence[Field]:
    say = scene.say
    stages = ("received", "review", "gather")
    reviews = tuple(
        Option(t.key, scene.task_name(t)) for t in scene.view.tasks if t.kind == "review"
    )
    return (
        Field("to", say(N_("退回到")), "radios", options=_options("stage", stages, say)),
        Field(
            "tasks",
            say(N_("重新审查的环节")),
            "checks",
            required=False,
            hint=say(N_("退回审查时用；不选则全部重审")),
            options=reviews,
            wide=True,
        ),
        _text("reason", say(N_("退回理由"))),
    )


def _decide(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        Field(
            "result",
            say(N_("决定")),
            "radios",
            options=_options("result", ("grant", "refuse", "terminate"), say),
        ),
        _text(
            "reasons",
            say(N_("理由")),
            required=False,
            hint=say(N_("不予许可、终止办理时必填（行政许可法第三十八条）")),
        ),
        _text("conditions", say(N_("附加条件")), required=False),
        Field(
            "valid_until",
            say(N_("有效期至")),
            "date",
            required=False,
            hint=say(N_("不填即无期限")),
        ),
        _falsehood(scene),
        *_hearing_record(scene),
        *_told(scene),
    )


def _told(scene: Scene) -> Sequence[Field]:
    say = scene.say
    hint = say(N_("直接关系他人重大利益的必填：告知了谁，其意见如何（行政许可法第三十六条）"))
    return (
        Field(
            "told_interested",
            say(N_("告知利害关系人")),
            "textarea",
            required=False,
            hint=hint,
            max_length=OPINION,
            wide=True,
            personal=True,
        ),
        Field("told_on", say(N_("告知之日")), "date", required=False),
    )


def _hearing_record(scene: Scene) -> Sequence[Field]:
    """Return the field that asks how the hearing's record was weighed, where one was held."""
    hearing = scene.view.hearing
    if hearing is None or hearing.held_at is None:
        return ()
    hint = scene.say(N_("准予、不予许可须根据听证笔录作出；请写明如何采纳（行政许可法第四十八条）"))
    return (_text("hearing_record", scene.say(N_("听证笔录的采纳")), required=False, hint=hint),)


def _falsehood(scene: Scene) -> Field:
    say = scene.say
    return Field(
        "ground",
        say(N_("特别事由")),
        "select",
        required=False,
        options=(Option("false_materials", say(N_("隐瞒有关情况或者提供虚假材料"))),),
        hint=say(N_("直接关系安全的事项，申请人一年内不得再次申请（行政许可法第七十八条）")),
    )


def _refuse_acceptance(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        _text("reason", say(N_("不予受理的理由"))),
        _text("apply_to", say(N_("应向何处申请")), required=False),
        _falsehood(scene),
    )


def _revoke_licence(scene: Scene) -> Sequence[Field]:
    say = scene.say
    grounds = (
        Option("fraud", say(N_("以欺骗、贿赂等不正当手段取得"))),
        Option("other", say(N_("其他应当或者可以撤销的情形"))),
    )
    return (
        Field("ground", say(N_("事由")), "radios", options=grounds),
        _text("reason", say(N_("撤销的理由"))),
    )


def _decide_sentence(scene: Scene, body: Mapping[str, Any]) -> str:
    match body.get("result"):
        case "grant" if scene.matter.result:
            return scene.say(N_("准予许可并颁发《{result}》")).format(result=scene.matter.result)
        case "grant":
            return scene.say(N_("准予许可"))
        case "refuse":
            return scene.say(N_("不予许可，并出具不予行政许可决定书"))
    return scene.say(N_("终止办理本件"))


def _fixed(sentence: str) -> Sentence:
    return lambda scene, _body: scene.say(sentence)


def _certify(scene: Scene) -> Sequence[Field]:
    say = scene.say
    named = (scene.matter.result,) if scene.matter.result else ()
    return (
        Field("certificate", say(N_("证照名称")), max_length=200, values=named),
        Field("number", say(N_("证照编号")), required=False, max_length=50),
    )


METHODS = {
    "direct": N_("直接送达"),
    "left": N_("留置送达"),
    "electronic": N_("电子送达"),
    "post": N_("邮寄送达"),
    "entrusted": N_("委托送达"),
    "public_notice": N_("公告送达"),
}
"""民事诉讼法第八十七条以下."""


def _serve(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = tuple(Option(code, say(label)) for code, label in METHODS.items())
    return (
        Field("method", say(N_("送达方式")), "select", options=options, values=("direct",)),
        Field("recipient", say(N_("收件人")), max_length=200, personal=True),
        Field(
            "relation",
            say(N_("与受送达人关系")),
            required=False,
            max_length=100,
            values=(say(N_("本人")),),
        ),
        Field(
            "served_at",
            say(N_("送达时间")),
            "moment",
            required=False,
            hint=say(N_("不填即现在")),
        ),
        Field("place", say(N_("送达地点")), required=False, max_length=200),
        _text("refusal", say(N_("拒收情况")), required=False, hint=say(N_("留置送达时填写"))),
        Field(
            "witnesses",
            say(N_("见证人")),
            "lines",
            required=False,
            hint=say(N_("每行一人")),
            wide=True,
        ),
    )


def _rate(scene: Scene) -> Sequence[Field]:
    say = scene.say
    channels = ("window", "computer", "mobile", "phone", "other")
    return (
        Field("grade", say(N_("评价")), "radios", options=_options("grade", "12345", say)),
        _text("text", say(N_("评价内容")), required=False),
        Field(
            "channel",
            say(N_("评价渠道")),
            "select",
            options=_options("channel", channels, say),
            values=("window",),
        ),
    )


def _copy_to(scene: Scene) -> Sequence[Field]:
    options = tuple(Option(code, who) for code, who in scene.colleagues)
    return (
        Field("to", scene.say(N_("抄送给")), "checks", options=options, wide=True),
        _text("text", scene.say(N_("说明")), required=False),
    )


def _check_afterwards(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = (
        Option("true", say(N_("属实"))),
        Option("rectify", say(N_("限期整改"))),
        Option("untrue", say(N_("不实"))),
    )
    return (
        Field("result", say(N_("核查结果")), "radios", options=options),
        _text("text", say(N_("核查情况"))),
    )


def _call_back(scene: Scene) -> Sequence[Field]:
    return (
        Field("satisfied", scene.say(N_("申请人对整改满意")), "check", required=False),
        _text("text", scene.say(N_("回访记录")), required=False),
    )


def _words(*named: tuple[str, str, bool]) -> Fields:
    """Fields that are all plain sentences: name, label, required."""
    return lambda s: [_text(name, s.say(label), required=must) for name, label, must in named]


def _record_step(scene: Scene) -> Sequence[Field]:
    return (
        Field("step", scene.say(N_("环节名称")), max_length=200),
        Field("handler", scene.say(N_("经办人")), required=False, max_length=200),
        Field("group", scene.say(N_("经办组")), required=False, max_length=200),
        _text("remark", scene.say(N_("备注")), required=False),
    )


# --- supervision cards ---------------------------------------------------------------------------


def _card(scene: Scene, *states: str) -> Field:
    """The choice of a card that stands in one of these states; all that stand where none is."""
    cards = [
        one
        for one in scene.view.cards
        if (one.state in states if states else one.state != "revoked")
    ]
    options = tuple(
        Option(one.number, f"{scene.say(words.word('card_level', one.level))} · {one.title}",
               one.number)
        for one in cards
    )  # fmt: skip
    chosen = (options[0].value,) if len(options) == 1 else ()
    return Field("card", scene.say(N_("监察牌")), "select", options=options, values=chosen)


def _issue_card(scene: Scene) -> Sequence[Field]:
    say = scene.say
    departments = tuple(Option(code, name) for code, name in scene.departments.items())
    return (
        Field("ground", say(N_("事由")), "radios",
              options=_options("card_ground", tuple(words.CARD_GROUNDS), say)),
        Field("department", say(N_("责任部门")), "select", required=False, options=departments,
              hint=say(N_("不选即实施部门"))),
        _text("text", say(N_("监察情况"))),
    )  # fmt: skip


def _revoke_card(scene: Scene) -> Sequence[Field]:
    return (_card(scene), _text("reason", scene.say(N_("撤销理由"))))


def _explain_card(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        _task(scene, "explain"),
        _text("cause", say(N_("原因"))),
        _text("measures", say(N_("整改措施"))),
    )


def _review_explanation(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        _card(scene, "given"),
        Field("result", say(N_("审核结果")), "radios",
              options=(Option("accepted", say(N_("采纳"))), Option("returned", say(N_("退回"))))),
        _text("text", say(N_("审核意见")), required=False, hint=say(N_("退回时必填"))),
    )  # fmt: skip


ACTS: Mapping[str, Act] = {
    act.verb: act
    for act in (
        Act(
            "confirm_receipt",
            N_("确认收到"),
            N_("自双方确认之日起计算期限。"),
            _confirm_receipt,
        ),
        Act("pre_review", N_("提交预审结果"), fields=_pre_review, parts=lacking),
        Act(
            "accept",
            N_("受理并出具受理通知书"),
            N_("自受理之日起计算办理时限。"),
            _accept,
        ),
        Act(
            "ask_supplement",
            N_("出具补正告知书"),
            N_("依法只能一次性告知；补正期间停止计时。"),
            lambda s: (
                _lacking_field(s),
                Field(
                    "supply_within_days",
                    s.say(N_("补正期限（日）")),
                    "number",
                    values=("30",),
                    low="1",
                    high="365",
                ),
            ),
            _fixed(N_("出具一次性补正告知书（只能告知一次）")),
            lacking,
        ),
        Act(
            "supply",
            N_("收下补正内容"),
            fields=lambda s: (
                Field("materials", s.say(N_("补交材料")), "materials", required=False, wide=True),
                *_corrections(s),
            ),
            parts=_corrected,
        ),
        Act(
            "correct_on_spot",
            N_("保存更正"),
            N_("只填写要更正的项目，留空的项目不变。"),
            _corrections,
            parts=_corrected,
        ),
        Act(
            "refuse_acceptance",
            N_("出具不予受理决定书"),
            "",
            _refuse_acceptance,
            _fixed(N_("不予受理，并出具不予受理决定书")),
        ),
        Act(
            "not_required",
            N_("告知不需许可"),
            "",
            _words(("reason", N_("理由"), True)),
            _fixed(N_("不受理：本事项无需许可")),
        ),
        Act("claim", N_("签收"), fields=lambda s: (_task(s),)),
        Act("opine", N_("提交审查意见"), fields=_opine),
        Act("inspect", N_("提交核查笔录"), fields=_inspect),
        Act("gather", N_("提交汇总意见"), fields=_gather),
        Act(
            "decide",
            N_("下一步：核对决定"),
            N_("决定作出后不能撤销，请先核对。"),
            _decide,
            _decide_sentence,
        ),
        Act("certify", N_("登记制证"), fields=_certify),
        Act("serve", N_("登记送达"), fields=_serve),
        Act("close", N_("办结归档"), fields=_words(("remark", N_("备注"), False))),
        Act("rate", N_("提交评价"), fields=_rate),
        Act(
            "rectify",
            N_("提交整改情况"),
            fields=_words(("cause", N_("原因"), True), ("measures", N_("整改措施"), True)),
        ),
        Act("call_back", N_("提交回访记录"), fields=_call_back),
        Act("check_afterwards", N_("提交核查结果"), fields=_check_afterwards),
        Act(
            "revoke_licence",
            N_("下一步：核对撤销"),
            N_(
                "以欺骗、贿赂等不正当手段取得、且直接关系安全的，三年内不得再次申请（行政许可法第七十九条）。"
            ),
            _revoke_licence,
            _fixed(N_("撤销本件所准予的许可")),
            main=False,
        ),
        Act(
            "start_procedure",
            N_("启动并停表"),
            N_("自启动之日起法定时限停表。"),
            _start_procedure,
            main=False,
        ),
        Act("end_procedure", N_("结束并复表"), fields=_end_procedure, main=False),
        Act(
            "start_wait",
            N_("启动停表"),
            N_("只停承诺时限，并出具所需时间告知书；法定时限照常计算。"),
            _start_wait,
            main=False,
        ),
        Act("end_wait", N_("结束停表"), fields=_end_wait, main=False),
        Act(
            "tell_hearing_right",
            N_("出具听证权利告知书"),
            N_("申请人、利害关系人五日内可以要求听证；期满前不能作出决定。"),
            _tell_hearing_right,
            main=False,
        ),
        Act(
            "request_hearing",
            N_("登记听证申请"),
            N_("自登记之日起二十个工作日内须组织听证。"),
            _request_hearing,
            main=False,
        ),
        Act(
            "notify_hearing",
            N_("出具听证通知书"),
            fields=_notify_hearing,
            parts=_host_name,
            main=False,
        ),
        Act("assign_inspectors", N_("登记指派"), fields=_assign_inspectors, main=False),
        Act(
            "disallow_pause",
            N_("认定停表不当"),
            N_("时限按没有停表重新计算；认定只有一次，并记入日志。"),
            lambda s: (_pause(s, disallowed=False), _text("reason", s.say(N_("理由")))),
            _fixed(N_("认定这次停表不当，时限按没有停表重新计算")),
            main=False,
        ),
        Act(
            "restore_pause",
            N_("撤销认定"),
            N_("认定与撤销都留在记录中。"),
            lambda s: (_pause(s, disallowed=True), _text("reason", s.say(N_("理由")))),
            _fixed(N_("撤销停表不当的认定，恢复这次停表")),
            main=False,
        ),
        Act(
            "extend",
            N_("批准延期"),
            N_("只能延期一次，并须书面告知申请人理由。"),
            _words(("reason", N_("延期理由"), True)),
            _fixed(N_("批准延期一次，并出具延期决定通知书")),
            main=False,
        ),
        Act("transfer", N_("转办"), fields=_transfer, main=False),
        Act("add_signer", N_("加签"), fields=_add_signer, main=False),
        Act("remove_signer", N_("减签"), fields=_remove_signer, main=False),
        Act("return_step", N_("退回"), fields=_return_step, main=False),
        Act(
            "explain_card",
            N_("提交书面说明"),
            N_("书面说明一经提交，由电子监察审核。"),
            _explain_card,
        ),
        Act(
            "review_explanation",
            N_("提交审核结果"),
            fields=_review_explanation,
        ),
        Act(
            "issue_card",
            N_("发牌"),
            N_("级别由监察规则按事由确定；黄牌、红牌同时出具文书，并须限期书面说明。"),
            _issue_card,
            _fixed(N_("发出监察牌，并出具督办单或者监察建议书")),
            main=False,
        ),
        Act(
            "revoke_card",
            N_("撤销"),
            N_("牌本身不会改动；撤销另记一项，并须说明理由。"),
            _revoke_card,
            _fixed(N_("撤销这张监察牌")),
            main=False,
        ),
        Act(
            "urge",
            N_("发送催办"),
            fields=lambda s: (_task(s, required=False), _text("text", s.say(N_("催办内容")))),
            main=False,
        ),
        Act("copy_to", N_("抄送"), fields=_copy_to, main=False),
        Act(
            "recuse",
            N_("回避"),
            N_("回避后不能再查看、办理本件，名下的任务退回队列由他人办理；不能撤销。"),
            _recuse,
            _fixed(N_("登记回避，此人不能再接触本件")),
            main=False,
        ),
        Act(
            "withdraw",
            N_("登记撤回"),
            "",
            _words(("reason", N_("撤回理由"), False)),
            _fixed(N_("按申请人的意思撤回申请，本件终结")),
            main=False,
        ),
        Act("record_step", N_("记录环节"), fields=_record_step),
    )
}
"""Every verb of `cases.messages.BODIES` that a person can use on a case that exists."""


def body_of(act: Act, scene: Scene, posted: Posted) -> dict[str, Any]:
    """Return the JSON body that the posted fields make; unreadable values stay for the check."""
    body: dict[str, Any] = {}
    for field in act.fields(scene):
        if field.name.startswith("form.") or field.kind in ("composer", "materials"):
            continue
        value = _value(field, [text.strip() for text in posted.get(field.name, ())], scene.zone)
        if value not in (None, "", []):
            body[field.name] = value
    if act.parts:
        body.update(act.parts(scene, posted))
    return body


def _value(field: Field, texts: Sequence[str], zone: ZoneInfo) -> Any:
    text = texts[0] if texts else ""
    match field.kind:
        case "check":
            return text == "true"
        case "checks":
            return list(texts)
        case "lines":
            return [line.strip() for line in text.splitlines() if line.strip()]
        case "moment":
            return _instant(text, zone)
        case "number":
            return int(text) if text.isdecimal() and len(text) < 10 else text
    return text


def _instant(text: str, zone: ZoneInfo) -> str:
    """Return a typed local moment as ISO 8601 with the city's offset; else the text as it is."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
    except ValueError:
        return text
