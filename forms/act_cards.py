"""Supervision cards as forms."""

from __future__ import annotations

from collections.abc import Sequence

from forms import words
from forms.act_fields import sentence_field, task_field, word_options
from forms.act_scene import Scene
from forms.fields import Field, Option
from forms.words import N_


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


def issue_card(scene: Scene) -> Sequence[Field]:
    say = scene.say
    departments = tuple(Option(code, name) for code, name in scene.departments.items())
    return (
        Field("ground", say(N_("事由")), "radios",
              options=word_options("card_ground", tuple(words.CARD_GROUNDS), say)),
        Field("department", say(N_("责任部门")), "select", required=False, options=departments,
              hint=say(N_("不选即实施部门"))),
        sentence_field("text", say(N_("监察情况"))),
    )  # fmt: skip


def revoke_card(scene: Scene) -> Sequence[Field]:
    return (_card(scene), sentence_field("reason", scene.say(N_("撤销理由"))))


def explain_card(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        task_field(scene, "explain"),
        sentence_field("cause", say(N_("原因"))),
        sentence_field("measures", say(N_("整改措施"))),
    )


def review_explanation(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        _card(scene, "given"),
        Field("result", say(N_("审核结果")), "radios",
              options=(Option("accepted", say(N_("采纳"))), Option("returned", say(N_("退回"))))),
        sentence_field("text", say(N_("审核意见")), required=False, hint=say(N_("退回时必填"))),
    )  # fmt: skip
