"""更正重发、补发: a document that is wrong or lost is issued again, and served again.

Nothing of what was decided changes: result, conditions in force, the licence's last day and who
holds it stay as they are (行政许可法第八条). What else there is to know of a document — its kind,
its number, whether it is void already — stands in rows; `activities.reissuing` asks them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from cases import messages
from cases.approval import articles
from cases.approval.ending import check_service
from cases.approval.evolving import DECISIONS, evolve
from cases.approval.review import people
from cases.approval.served_again import end_void, open_tasks, task_of_step, unserved
from cases.approval.walk import Walk, instant_of
from cases.messages import Command
from cases.settling import RuleForbids
from cases.state import CaseState, Event
from catalogue.matters import DocumentKind

CORRECTABLE: Mapping[DocumentKind, tuple[str, ...]] = MappingProxyType(
    {
        "receipt": (),
        "supplement_notice": (),
        "acceptance_notice": (),
        "acceptance_refusal": ("reason", "apply_to"),
        "procedure_notice": ("ground",),
        "extension_notice": ("reason",),
        "grant": ("conditions", "hearing_record"),
        "refusal": ("reasons", "hearing_record"),
        "wait_notice": ("reason",),
        "hearing_right_notice": ("interest",),
        "hearing_notice": ("place", "announcement"),
        "deemed_renewal": (),
    }
)
"""Kind of document that may be issued again → the texts of the order that issued it.

Without a text: a correction prints anew what stands in the catalogue now (organ, address, words of
the document). The items of a 补正告知书 are texts of their own (`item_named`), each said whole
anew; what is asked for is told once (行政许可法第三十二条第一款第（四）项), so none is added and
what is awaited stays. Never 有效期, 决定 or the addressee: to change those is another decision. A
record of service proves what happened, and a card's paper is its card's: neither is issued again.
"""


_ITEM: Final = re.compile(r"lacking-([1-9][0-9]{0,2})")
"""Name of the text that says an item of a 补正告知书 anew: its number on the paper, from 1."""


def item_named(n: int) -> str:
    """Return the name of the text for the nth item of a notice, counted from 1."""
    return f"lacking-{n}"


def _item(name: str) -> int:
    """Return which item of a notice a text says anew; 0: none."""
    found = _ITEM.fullmatch(name)
    return int(found[1]) if found else 0


def corrected(body: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of an order with these texts in place of what was typed.

    An item of a notice is said whole anew; how many there are and what each is about stays.
    """
    found = {**body, **{name: text for name, text in texts.items() if not _item(name)}}
    items = [dict(one) for one in found.get("lacking") or ()]
    for name, text in texts.items():
        if 0 < (n := _item(name)) <= len(items):
            items[n - 1] |= {"what": text, "why": ""}
    return {**found, "lacking": items} if items else found


def may_reissue(state: CaseState) -> bool:
    """Whether the case may have a document at all; which it has, only the rows know."""
    return bool(state.plan.documents)


def check_reissue(state: CaseState, command: Command, body: messages.Reissue) -> None:
    if command.backfill:
        raise RuleForbids(
            "not_backfilled",
            "文书只能现在重新出具，不能补录",
            articles.PROCEDURE_OF_LAW,
            "backfill",
        )
    known = next((one for one in state.reissues if one.document == body.document), None)
    if known is not None:
        raise RuleForbids(
            "already_reissued",
            f"这份文书已经在第 {known.step} 步重新出具，现已作废；请对现行的一份办理",
            articles.PROCEDURE_OF_LAW,
            "body.document",
        )
    if body.ground == "loss" and body.texts:
        raise RuleForbids(
            "loss_changes_nothing",
            "遗失补发的内容与原件一致，不得改动；内容有误的请选错误更正",
            articles.VESTED,
            "body.texts",
        )


def check_document(
    state: CaseState, command: Command, body: messages.Reissue, kind: str, items: int = 0
) -> DocumentKind:
    """Return the kind of the document, which may be issued again by this person and so.

    `items`: how many a 补正告知书 has. To name one more would be to ask a second time.

    Raises `RuleForbids` where it may not: what only the rows tell was asked before.
    """
    found: DocumentKind | None = next((one for one in CORRECTABLE if one == kind), None)
    if found is None:
        raise RuleForbids(
            "not_reissued",
            "送达回证、监察文书记录的是已经发生的事，不能重新出具",
            articles.PROCEDURE_OF_LAW,
            "body.document",
        )
    if body.ground == "loss":
        return found
    texts = CORRECTABLE[found]
    added = [name for name in body.texts if _item(name) > items]
    if added and found == "supplement_notice":
        raise RuleForbids(
            "second_notice",
            f"原告知书只有 {items} 项，不能增加：需要补正的内容只能一次性告知，更正只改文字差错",
            articles.NOTICE,
            f"body.texts.{added[0]}",
        )
    if found == "supplement_notice":
        texts = tuple(name for name in body.texts if _item(name))
    wrong = [name for name in body.texts if name not in texts]
    if wrong:
        raise RuleForbids(
            "not_correctable",
            f"这种文书不能更正 {'、'.join(wrong)}：更正只改文字差错，"
            "不得改变决定的结果、有效期和当事人",
            articles.VESTED,
            f"body.texts.{wrong[0]}",
        )
    if CORRECTABLE[found] and not body.texts:
        raise RuleForbids(
            "nothing_corrected",
            "请写明更正后的文字；内容没有差错的，请选遗失补发",
            articles.PROCEDURE_OF_LAW,
            "body.texts",
        )
    if found in DECISIONS:
        _apart(state, command)
    return found


def _apart(state: CaseState, command: Command) -> None:
    """Refuse who decided, or may not decide: where a matter keeps deciding apart, it takes a second
    person to correct what one has signed alone."""
    who = people(command)
    for separation in state.plan.separations:
        if "decide" not in separation.acts:
            continue
        for act in separation.acts:
            if who & set(state.hands.get(act, ())):
                raise RuleForbids(
                    "same_person",
                    "作出决定的人和依法不得作出决定的人，都不能独自更正决定书，请由其他负责人办理",
                    separation.basis,
                    "actor",
                )


def reissue(
    walk: Walk, command: Command, body: messages.Reissue, rulings: Mapping[str, Any]
) -> None:
    walk.emit(
        "reissued",
        document=body.document,
        step=walk.state.seq + 1,
        ground=body.ground,
        texts=sorted(body.texts),
        article=articles.PROCEDURE_OF_LAW,
    )


def to_serve(state: CaseState, command: Command, decided: tuple[Event, ...]) -> tuple[Event, ...]:
    """Return what follows once the rows have said which document it is: a task to serve it, and no
    more one to serve what it replaces. `state`: before `decided`."""
    for event in decided:
        state = evolve(state, event)
    walk = Walk.of(state, command)
    end_void(walk)
    open_tasks(walk)
    return tuple(walk.events)


def check_serve_reissued(state: CaseState, command: Command, body: messages.ServeReissued) -> None:
    waiting = next((one for one in unserved(state) if one.step == body.of_step), None)
    if waiting is None:
        raise RuleForbids(
            "nothing_to_serve",
            f"第 {body.of_step} 步没有重新出具而待送达的文书；尚未送达过的决定书请按送达办理",
            articles.DELIVERY,
            "body.of_step",
        )
    check_service(state, command, body, waiting.at)


def serve_reissued(
    walk: Walk, command: Command, body: messages.ServeReissued, rulings: Mapping[str, Any]
) -> None:
    served_at = body.served_at or instant_of(walk.state, command)
    walk.emit(
        "reissue_served",
        step=body.of_step,
        method=body.method,
        served_at=served_at.isoformat(),
        article=walk.state.plan.delivery.basis,
    )
    walk.finish(task_of_step(body.of_step))
