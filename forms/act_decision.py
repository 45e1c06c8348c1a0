"""The decision, what follows it (certificate, service) and its revocation, as forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forms.act_acceptance import falsehood
from forms.act_fields import OPINION, sentence_field, word_options
from forms.act_hearings import hearing_record
from forms.act_scene import Scene
from forms.fields import Field, Option
from forms.words import N_


def decide(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        Field(
            "result",
            say(N_("决定")),
            "radios",
            options=word_options("result", ("grant", "refuse", "terminate"), say),
        ),
        sentence_field(
            "reasons",
            say(N_("理由")),
            required=False,
            hint=say(N_("不予许可、终止办理时必填（行政许可法第三十八条）")),
        ),
        sentence_field("conditions", say(N_("附加条件")), required=False),
        Field(
            "valid_until",
            say(N_("有效期至")),
            "date",
            required=False,
            hint=say(N_("不填即无期限")),
        ),
        falsehood(scene),
        *hearing_record(scene),
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


def revoke_licence(scene: Scene) -> Sequence[Field]:
    say = scene.say
    grounds = (
        Option("fraud", say(N_("以欺骗、贿赂等不正当手段取得"))),
        Option("other", say(N_("其他应当或者可以撤销的情形"))),
    )
    return (
        Field("ground", say(N_("事由")), "radios", options=grounds),
        sentence_field("reason", say(N_("撤销的理由"))),
    )


def decide_sentence(scene: Scene, body: Mapping[str, Any]) -> str:
    match body.get("result"):
        case "grant" if scene.matter.result:
            return scene.say(N_("准予许可并颁发《{result}》")).format(result=scene.matter.result)
        case "grant":
            return scene.say(N_("准予许可"))
        case "refuse":
            return scene.say(N_("不予许可，并出具不予行政许可决定书"))
    return scene.say(N_("终止办理本件"))


def certify(scene: Scene) -> Sequence[Field]:
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


def serve(scene: Scene) -> Sequence[Field]:
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
        sentence_field(
            "refusal", say(N_("拒收情况")), required=False, hint=say(N_("留置送达时填写"))
        ),
        Field(
            "witnesses",
            say(N_("见证人")),
            "lines",
            required=False,
            hint=say(N_("每行一人")),
            wide=True,
        ),
    )
