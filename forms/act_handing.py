"""Who works on a case: transfer, added signers, return, recusal, copies, as forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from forms.act_fields import colleague_field, sentence_field, task_field, word_options
from forms.act_scene import Scene
from forms.fields import Field, Option
from forms.words import N_


def transfer(scene: Scene) -> Sequence[Field]:
    return (
        task_field(scene),
        colleague_field(scene, "to", scene.say(N_("转给"))),
        sentence_field("reason", scene.say(N_("转办理由"))),
    )


def recuse(scene: Scene) -> Sequence[Field]:
    say = scene.say
    grounds = (
        Option("own_interest", say(N_("涉及本人利害关系"))),
        Option("relative", say(N_("涉及近亲属的利害关系"))),
        Option("other", say(N_("其他可能影响公正的情形"))),
    )
    who = colleague_field(scene, "person", say(N_("谁回避")), required=False)
    return (
        replace(who, hint=say(N_("不选即本人回避；令他人回避须由负责人决定"))),
        Field("ground", say(N_("回避事由")), "radios", options=grounds),
        sentence_field("remark", say(N_("说明")), required=False),
    )


def add_signer(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = tuple(Option(code, name) for code, name in scene.departments.items())
    return (
        task_field(scene, "review", "gather"),
        colleague_field(scene, "signer", say(N_("加签人员")), required=False),
        Field("department", say(N_("或加签部门")), "select", required=False, options=options),
        sentence_field("reason", say(N_("加签理由"))),
    )


def remove_signer(scene: Scene) -> Sequence[Field]:
    names = dict(scene.colleagues)
    options = tuple(
        Option(code, names.get(code, code)) for t in scene.tasks() for code in t.signers
    )
    return (
        task_field(scene, "review", "gather"),
        Field("signer", scene.say(N_("减签人员")), "select", required=False, options=options),
        sentence_field("reason", scene.say(N_("减签理由"))),
    )


def return_step(scene: Scene) -> Sequence[Field]:
    say = scene.say
    stages = ("received", "review", "gather")
    reviews = tuple(
        Option(t.key, scene.task_name(t)) for t in scene.view.tasks if t.kind == "review"
    )
    return (
        Field("to", say(N_("退回到")), "radios", options=word_options("stage", stages, say)),
        Field(
            "tasks",
            say(N_("重新审查的环节")),
            "checks",
            required=False,
            hint=say(N_("退回审查时用；不选则全部重审")),
            options=reviews,
            wide=True,
        ),
        sentence_field("reason", say(N_("退回理由"))),
    )


def copy_to(scene: Scene) -> Sequence[Field]:
    options = tuple(Option(code, who) for code, who in scene.colleagues)
    return (
        Field("to", scene.say(N_("抄送给")), "checks", options=options, wide=True),
        sentence_field("text", scene.say(N_("说明")), required=False),
    )


def record_step(scene: Scene) -> Sequence[Field]:
    return (
        Field("step", scene.say(N_("环节名称")), max_length=200),
        Field("handler", scene.say(N_("经办人")), required=False, max_length=200),
        Field("group", scene.say(N_("经办组")), required=False, max_length=200),
        sentence_field("remark", scene.say(N_("备注")), required=False),
    )
