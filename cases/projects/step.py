"""What goes into a step of a project beside state and order, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal, Protocol

from pydantic import JsonValue

from cases.payments import Stop
from cases.projects.state import ProjectState
from cases.settling import RuleForbids
from catalogue.project_templates import ProjectTemplate

PROJECT: Final = "project"
RED_LINES: Final = "ppp"
"""The rule packs that are asked of a project (rules/packs/project.yaml, ppp.yaml)."""

TellKind = Literal["milestone", "security", "capital", "project"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a pack said to some facts."""

    outcome: Mapping[str, JsonValue] = field(default_factory=dict)
    stops: tuple[Stop, ...] = ()
    """The rules that forbid it, each with its article."""
    bases: tuple[str, ...] = ()
    """Articles of all rules that held."""


class Rules(Protocol):
    """The packs in force at an instant."""

    def judge(self, pack: str, facts: Mapping[str, JsonValue], at: datetime) -> Judged:
        """Return what the pack says. Raises `RuleForbids` where the city has none in force."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the machine must be told: it looks nothing up."""

    rules: Rules
    today: date
    """The city's day of the order's instant."""
    end_of: Callable[[date], datetime]
    """The instant at which a day of the city ends (24:00)."""
    template: ProjectTemplate | None = None
    """Of a project that is just established; None: there is no such template."""
    number: str = ""
    departments: frozenset[str] = frozenset()
    """Codes of the city's departments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Whom to tell what, once under its key."""

    recipient: str
    kind: TellKind
    key: str
    fields: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One order carried out."""

    state: ProjectState
    told: tuple[Tell, ...] = ()
    said: Mapping[str, JsonValue] = field(default_factory=dict)
    """What of the order stands in the event: codes, figures, days; no typed text."""


def advanced(state: ProjectState, **changed: Any) -> ProjectState:
    """Return the state one step later."""
    return state.model_copy(update={"seq": state.seq + 1, **changed})


def insist(judged: Judged, place: str) -> None:
    """Refuse what a rule forbids, in the rule's own words. Raises `RuleForbids`."""
    if judged.stops:
        first = judged.stops[0]
        reasons = "、".join(first.reasons)
        raise RuleForbids(first.rule, f"{first.title}（{reasons}）", first.basis, place)


def duties_of(judged: Judged) -> tuple[str, ...]:
    """Return what the rules demand."""
    found = judged.outcome.get("duties", [])
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def leads(state: ProjectState) -> str:
    """Return who is told of a project: the leads of the office that runs it."""
    return "r:project_lead:*"


def clerks(state: ProjectState) -> str:
    """Return who does the daily work on it."""
    return "r:project_clerk:*"
