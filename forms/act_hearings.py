"""The hearing: the right to it, its request and its notice, as forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forms.act_fields import colleague_field, sentence_field
from forms.act_scene import Scene
from forms.fields import Field, Option, Posted
from forms.words import N_


def tell_hearing_right(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        sentence_field("interest", say(N_("涉及的重大利益关系"))),
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


def request_hearing(scene: Scene) -> Sequence[Field]:
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
        sentence_field("reason", say(N_("理由")), required=False),
    )  # fmt: skip


def notify_hearing(scene: Scene) -> Sequence[Field]:
    say = scene.say
    return (
        Field(
            "hearing_at",
            say(N_("听证时间")),
            "moment",
            hint=say(N_("至少提前七日通知（行政许可法第四十八条）")),
        ),
        Field("place", say(N_("听证地点")), max_length=200),
        colleague_field(scene, "host", say(N_("听证主持人"))),
        Field("public", say(N_("公开举行")), "check", required=False, values=("true",)),
        sentence_field(
            "announcement",
            say(N_("向社会公告的时间和载体")),
            required=False,
            hint=say(N_("依职权举行的必填（行政许可法第四十六条），其他的必要时公告")),
        ),
    )


def host_name(scene: Scene, posted: Posted) -> dict[str, Any]:
    host = next(iter(posted.get("host", ())), "")
    return {"host_name": dict(scene.colleagues).get(host, host)}


def hearing_record(scene: Scene) -> Sequence[Field]:
    """Return the field that asks how the hearing's record was weighed, where one was held."""
    hearing = scene.view.hearing
    if hearing is None or hearing.held_at is None:
        return ()
    hint = scene.say(N_("准予、不予许可须根据听证笔录作出；请写明如何采纳（行政许可法第四十八条）"))
    return (
        sentence_field(
            "hearing_record", scene.say(N_("听证笔录的采纳")), required=False, hint=hint
        ),
    )
