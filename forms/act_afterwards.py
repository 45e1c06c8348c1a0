"""After the decision: rating, check of a promise, call-back, as forms."""

from __future__ import annotations

from collections.abc import Sequence

from forms.act_fields import sentence_field, word_options
from forms.act_scene import Scene
from forms.fields import Field, Option
from forms.words import N_


def rate(scene: Scene) -> Sequence[Field]:
    say = scene.say
    channels = ("window", "computer", "mobile", "phone", "other")
    return (
        Field("grade", say(N_("评价")), "radios", options=word_options("grade", "12345", say)),
        sentence_field("text", say(N_("评价内容")), required=False),
        Field(
            "channel",
            say(N_("评价渠道")),
            "select",
            options=word_options("channel", channels, say),
            values=("window",),
        ),
    )


def check_afterwards(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = (
        Option("true", say(N_("属实"))),
        Option("rectify", say(N_("限期整改"))),
        Option("untrue", say(N_("不实"))),
    )
    return (
        Field("result", say(N_("核查结果")), "radios", options=options),
        sentence_field("text", say(N_("核查情况"))),
    )


def call_back(scene: Scene) -> Sequence[Field]:
    return (
        Field("satisfied", scene.say(N_("申请人对整改满意")), "check", required=False),
        sentence_field("text", scene.say(N_("回访记录")), required=False),
    )
