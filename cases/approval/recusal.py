"""回避: who has an interest in a case, or a relative with one, does not touch it any more."""

from __future__ import annotations

from cases import messages
from cases.approval import articles
from cases.approval.intake import Rulings
from cases.approval.walk import Walk
from cases.messages import Command
from cases.separations import RECUSED
from cases.settling import RuleForbids
from cases.state import CaseState

HEADS = frozenset({"section_head", "organ_head", "government_head"})
"""Roles that may order another to recuse: the organ decides, on a request or without one
(公务员法第七十七条)."""


def whom(command: Command, body: messages.Recuse) -> str:
    """Return who is to keep away: the person named, else who orders it themself."""
    return body.person or command.actor.id


def check_recuse(state: CaseState, command: Command, body: messages.Recuse) -> None:
    person = whom(command, body)
    if person in state.hands.get(RECUSED, ()):
        raise RuleForbids("already_recused", "此人已经回避", articles.RECUSAL, "body.person")
    warrant = command.warrant
    role = warrant.role if warrant is not None else ""
    if person != command.actor.id and role not in HEADS:
        raise RuleForbids(
            "rank_too_low",
            "令他人回避须由科室负责人或者本行政机关负责人决定",
            articles.RECUSAL_ORDERED,
            "body.person",
        )


def recuse(walk: Walk, command: Command, body: messages.Recuse, rulings: Rulings) -> None:
    ordered = bool(body.person) and body.person != command.actor.id
    walk.emit(
        "recused",
        person=whom(command, body),
        ground=body.ground,
        article=articles.RECUSAL_ORDERED if ordered else articles.RECUSAL,
    )
