"""The examination: opinions, inspections and their gathering, as forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from forms.act_fields import sentence_field, task_field, word_options
from forms.act_scene import Scene
from forms.fields import Field
from forms.words import N_


def opine(scene: Scene) -> Sequence[Field]:
    say = scene.say
    field = task_field(scene, "review")
    if any(one.inspectors_needed and not one.inspected for one in scene.tasks("review")):
        field = replace(
            field, hint=say(N_("须现场核查的环节，先填写现场核查笔录（行政许可法第三十四条）"))
        )
    return (
        field,
        Field(
            "result",
            say(N_("审查结论")),
            "radios",
            options=word_options("result", ("agree", "disagree", "needs_supplement"), say),
        ),
        sentence_field("text", say(N_("审查意见"))),
        sentence_field("conditions", say(N_("附加条件")), required=False),
    )


def inspect(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        task_field(scene, "review"),
        Field(
            "inspectors",
            say(N_("核查人员")),
            "lines",
            hint=say(N_("每行一人，须两人以上（行政许可法第三十四条）")),
            wide=True,
        ),
        Field("place", say(N_("核查地点")), max_length=200),
        Field("inspected_at", say(N_("核查时间")), "moment"),
        sentence_field("findings", say(N_("核查情况"))),
    )


def gather(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        Field(
            "proposal",
            say(N_("拟办意见")),
            "radios",
            options=word_options("result", ("grant", "refuse"), say),
        ),
        sentence_field("text", say(N_("汇总说明"))),
    )


def assign_inspectors(scene: Scene) -> Sequence[Field]:
    say = scene.say
    hint = say(N_("每行一人，须两人以上（行政许可法第五十五条）"))
    return (
        Field("inspectors", say(N_("检验、检测、检疫人员")), "lines", hint=hint, wide=True),
        sentence_field("remark", say(N_("备注")), required=False),
    )
