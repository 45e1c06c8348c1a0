"""What stops a clock: special procedures and waits, as forms."""

from __future__ import annotations

from collections.abc import Sequence

from forms import words
from forms.act_fields import colleague_field, sentence_field, word_options
from forms.act_scene import Scene
from forms.fields import Field, Option
from forms.words import N_


def start_procedure(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        Field(
            "kind",
            say(N_("特别程序")),
            "select",
            options=word_options("procedure", scene.matter.procedures, say),
        ),
        Field(
            "expected_days",
            say(N_("预计所需天数")),
            "number",
            hint=say(N_("书面告知申请人（行政许可法第四十五条）")),
            low="1",
            high="365",
        ),
        colleague_field(scene, "host", say(N_("听证主持人")), required=False),
        sentence_field("ground", say(N_("理由"))),
    )


def end_procedure(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = tuple(
        Option(p.id, say(words.word("procedure", p.kind)))
        for p in scene.view.procedures
        if p.ended_at is None
    )
    first = tuple(o.value for o in options[:1])
    return (
        Field("procedure", say(N_("特别程序")), "select", options=options, values=first),
        sentence_field("result", say(N_("结果"))),
        _cancelled(scene),
    )


def _cancelled(scene: Scene) -> Field:
    hint = scene.say(N_("听证申请人撤回等，特别程序没有进行"))
    return Field("cancelled", scene.say(N_("已取消，没有进行")), "check", required=False, hint=hint)


def start_wait(scene: Scene) -> Sequence[Field]:
    say = scene.say
    grounds = tuple(
        one for one in ("site_visit", "publicity") if one in scene.matter.promise_pauses
    )
    return (
        Field("ground", say(N_("停表事由")), "select", options=word_options("pause", grounds, say)),
        Field(
            "expected_days",
            say(N_("预计所需天数")),
            "number",
            hint=say(N_("书面告知申请人；只停承诺时限，法定时限照常计算")),
            low="1",
            high="365",
        ),
        sentence_field("reason", say(N_("理由"))),
    )


def end_wait(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = tuple(
        Option(one.id, say(words.word("pause", one.ground)))
        for one in scene.view.waits
        if one.ended_at is None
    )
    first = tuple(o.value for o in options[:1])
    return (
        Field("wait", say(N_("停表事由")), "select", options=options, values=first),
        sentence_field("result", say(N_("结果"))),
    )


def pause(scene: Scene, disallowed: bool) -> Field:
    """The pauses of the case, of which supervision holds these for unlawful or does not."""
    say = scene.say
    options = tuple(
        Option(name, f"{say(words.word('pause', ground))} · {name}")
        for name, ground in scene.view.pauses.items()
        if (name in scene.view.disallowed) == disallowed
    )
    return Field("pause", say(N_("停表")), "select", options=options)
