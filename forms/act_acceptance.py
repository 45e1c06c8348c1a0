"""Before a case is accepted: receipt, first look, acceptance or its refusal, as forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from forms.act_fields import sentence_field
from forms.act_papers import lacking_field
from forms.act_scene import Scene
from forms.fields import Field, Option
from forms.words import N_


def pre_review(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        Field(
            "result",
            say(N_("预审结果")),
            "radios",
            options=(Option("passed", say(N_("通过"))), Option("returned", say(N_("退回")))),
        ),
        replace(lacking_field(scene), required=False, values=()),
    )


def accept(scene: Scene) -> Sequence[Field]:
    say, matter = scene.say, scene.matter
    modes = [Option("plain", say(N_("正常受理")))]
    late = tuple(
        Option(m.code, m.name)
        for m in scene.view.materials
        if m.required and m.tolerable and not m.received
    )
    if matter.tolerance and late:
        modes.append(Option("tolerant", say(N_("容缺受理"))))
    if matter.commitment:
        modes.append(Option("commitment", say(N_("告知承诺"))))
    if len(modes) == 1:
        return (Field("mode", say(N_("受理方式")), "hidden", values=("plain",)),)
    fields = [Field("mode", say(N_("受理方式")), "radios", options=tuple(modes), values=("plain",))]
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
        sentence_field(
            "undertaking",
            say(N_("申请人承诺")),
            required=False,
            hint=say(N_("容缺受理、告知承诺时必填")),
        )
    )
    return fields


def confirm_receipt(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = (
        Option("phone", say(N_("电话"))),
        Option("message", say(N_("短信或电子邮件"))),
        Option("in_person", say(N_("当面"))),
        Option("other", say(N_("其他"))),
    )
    return (
        Field("way", say(N_("与申请人确认的方式")), "select", options=options),
        sentence_field("remark", say(N_("备注")), required=False),
    )


def falsehood(scene: Scene) -> Field:
    say = scene.say
    return Field(
        "ground",
        say(N_("特别事由")),
        "select",
        required=False,
        options=(Option("false_materials", say(N_("隐瞒有关情况或者提供虚假材料"))),),
        hint=say(N_("直接关系安全的事项，申请人一年内不得再次申请（行政许可法第七十八条）")),
    )


def refuse_acceptance(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        sentence_field("reason", say(N_("不予受理的理由"))),
        sentence_field("apply_to", say(N_("应向何处申请")), required=False),
        falsehood(scene),
    )
