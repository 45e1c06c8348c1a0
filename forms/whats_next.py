"""Where a case stands, as the applicant reads it: the way it goes, what comes next, by when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cases.views import PublicStatus
from forms.words import N_, Say

AFTER: Final[Mapping[str, str]] = {
    "pre_review": N_("正在预审；有问题会一次告知您全部需要补正的内容。"),
    "received": N_("材料已收到，正在决定是否受理；需要补正的会一次告知。"),
    "supplement": N_("请按下面所列补正；补正期间不计入办理时限。"),
    "review": N_("已受理，各部门正在审查，您不用做什么。"),
    "gather": N_("各部门的意见正在汇总，您不用做什么。"),
    "decision": N_("正在作决定，您不用做什么。"),
    "certificate": N_("已经决定，正在制作证件。"),
    "service": N_("文书已经做好，将向您送达。"),
    "closing": N_("已经送达，正在办结。"),
    "rating": N_("已经办结，请您评价这次办理。"),
    "rectification": N_("您的差评已经转交整改，整改后会回访您。"),
    "call_back": N_("整改已经完成，工作人员将回访您。"),
    "ended": N_("已经归档。"),
}
"""What comes next, as the applicant reads it."""

WAY: Final[Sequence[tuple[str, frozenset[str]]]] = (
    (N_("提交"), frozenset({"pre_review"})),
    (N_("受理"), frozenset({"received", "supplement"})),
    (N_("审查"), frozenset({"review", "gather"})),
    (N_("决定"), frozenset({"decision", "certificate"})),
    (N_("送达"), frozenset({"service", "closing"})),
    (N_("评价"), frozenset({"rating", "rectification", "call_back"})),
)
"""The steps of the way and the stages in each, in order."""

TURNED_AWAY: Final = frozenset({"not_accepted", "not_required", "withdrawn", "terminated"})
"""Endings before the way is at its end."""


@dataclass(frozen=True)
class OnTheWay:
    """One step of the way."""

    label: str
    state: Literal["done", "now", "later"]


def way_of(status: PublicStatus, say: Say) -> tuple[OnTheWay, ...]:
    """Return the steps with where the case is; none of a case that was turned away or withdrawn."""
    if status.ending in TURNED_AWAY:
        return ()
    return tuple(_way(status.stage, say))


def _way(stage: str, say: Say) -> Iterator[OnTheWay]:
    here = next((n for n, (_, stages) in enumerate(WAY) if stage in stages), len(WAY))
    for n, (label, _) in enumerate(WAY):
        yield OnTheWay(say(label), "done" if n < here else "now" if n == here else "later")


def after(status: PublicStatus, say: Say) -> str:
    """Return what comes next in plain words; empty where the ending has said it."""
    if status.ending in TURNED_AWAY or status.stage not in AFTER:
        return ""
    return say(AFTER[status.stage])
