"""Which documents a step issues."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from pydantic import JsonValue

from cases.messages import Command
from cases.settling import DocumentWish
from cases.state import CaseState, Event
from catalogue.matters import DocumentKind

_ISSUED_BY: MappingProxyType[str, DocumentKind] = MappingProxyType(
    {
        "filed": "receipt",
        "noticed": "supplement_notice",
        "accepted": "acceptance_notice",
        "deemed_accepted": "acceptance_notice",
        "acceptance_refused": "acceptance_refusal",
        "found_not_required": "acceptance_refusal",
        "procedure_started": "procedure_notice",
        "extended": "extension_notice",
        "served": "service_record",
        "reissue_served": "service_record",
        "wait_started": "wait_notice",
        "hearing_right_told": "hearing_right_notice",
        "hearing_notified": "hearing_notice",
        "deemed_renewed": "deemed_renewal",
    }
)
BY_LAW: frozenset[DocumentKind] = frozenset(
    {
        "procedure_notice", "extension_notice", "wait_notice", "hearing_right_notice",
        "hearing_notice", "deemed_renewal",
    }
)  # fmt: skip
"""Written whenever the step is taken, whatever the matter lists: the law itself asks for them
(行政许可法第四十二、四十五、四十七、四十八、五十条)."""
_DECISIONS: MappingProxyType[str, DocumentKind] = MappingProxyType(
    {"grant": "grant", "refuse": "refusal"}
)


def document_wishes(
    before: CaseState | None, command: Command, events: Sequence[Event], after: CaseState
) -> tuple[DocumentWish, ...]:
    """Return the documents of one step, in the order of its events.

    A backfilled step issues none: its papers were issued when it happened. `facts` are the
    event's own, free of personal data; the template takes words and names from the command.
    """
    if command.backfill:
        return ()
    wishes = []
    for event in events:
        if event.kind == "card_issued" and event.data.get("document"):
            # Of the city's supervision, not of the matter: no matter lists it.
            wishes.append(
                DocumentWish.model_validate(
                    {
                        "kind": event.data["document"],
                        "department": event.data.get("organ", after.plan.department),
                        "facts": {**event.data, "event": event.kind, "at": event.at.isoformat()},
                    }
                )
            )
            continue
        if event.kind == "reissued":
            if event.data.get("kind"):  # nothing to print where no store was asked
                wishes.append(
                    DocumentWish.model_validate(
                        {
                            "kind": event.data["kind"],
                            "department": event.data.get("department", after.plan.department),
                            "facts": {**event.data, "event": event.kind},
                        }
                    )
                )
            continue
        kind = _kind_of(event)
        if kind is not None and (kind in after.plan.documents or kind in BY_LAW):
            facts: dict[str, JsonValue] = {"event": event.kind, "at": event.at.isoformat()}
            wishes.append(
                DocumentWish(
                    kind=kind, department=after.plan.department, facts={**event.data, **facts}
                )
            )
    return tuple(wishes)


def _kind_of(event: Event) -> DocumentKind | None:
    if event.kind == "decided":
        if event.data.get("by_law"):
            return None
        return _DECISIONS.get(str(event.data["result"]))
    if event.data.get("again"):
        return None
    return _ISSUED_BY.get(event.kind)
