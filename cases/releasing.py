"""Orders to the register of versions and their answers: plain values, as `cases.messages` has them.

An order is a `Command` whose verb is one of `BODIES` here and whose `case_id` names the object: a
release's id, or `new_object(kind)` for a text that has no id yet. Policy and its changes are the
security administrators' (object type `policy`); everything else is the catalogue's (`release`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol, assert_never

from pydantic import AwareDatetime, Field

from cases.dossier import MOST_MONTHS
from cases.dossier_rows import SimulationOrder
from cases.messages import Command, Frozen, Text
from cases.projection import json_text
from cases.releases import Check, Proposal
from cases.retiming import RetimingCause

ProposedKind = Literal["matter", "rules", "policy", "calendar", "template"]
"""Kinds that have a gate; a kind without one cannot be proposed."""

LARGEST_TEXT = 500_000
"""Characters of a proposal: in UTF-8 at most 1.5 of the two megabytes that Temporal takes."""


class Propose(Frozen):
    """A text as its author wrote it: YAML, or the rows of the policy."""

    kind: ProposedKind
    text: str = Field(min_length=1, max_length=LARGEST_TEXT)


class Sign(Frozen):
    """The second signature. Without an instant a version counts from its own first day, but never
    from before it is signed; `retroactive` says that an instant in the past is meant."""

    in_force_from: AwareDatetime | None = None
    retroactive: bool = False
    preview: str = ""
    """Digest of the list of what would move, as the signer saw it. A calendar insists on it; where
    rules are signed without, the list is made anew and the entry has its digest."""
    dossier: str = ""
    """Digest of the dossier as the signer saw it; for what must be tried over the past."""


class Endorse(Frozen):
    """The proposer signs the dossier: what the version would have made of the past was seen."""

    dossier: str


class Simulate(Frozen):
    """重放: make the dossier of a proposed version anew."""

    months: int | None = Field(default=None, ge=1, le=MOST_MONTHS)
    """How far back; absent: as the city has set it."""


class LookAhead(Frozen):
    """变动预览: see anew what a version, or taking it back, would move."""

    direction: Literal["apply", "revert"] = "apply"


class AskRevocation(Frozen):
    """Somebody asks that a signed version cease to count, and says why."""

    reason: Text


class Revoke(Frozen):
    """Another person agrees: from now on the version before it counts again."""

    preview: str = ""
    """Digest of the list of what would move back, as the signer saw it."""


class Withdraw(Frozen):
    """The proposal is taken back before anybody signs it."""


PROPOSE, SIGN, WITHDRAW = "release_propose", "release_sign", "release_withdraw"
LOOK_AHEAD = "release_look_ahead"
ENDORSE, SIMULATE = "release_endorse", "release_simulate"
ASK_REVOCATION, REVOKE = "release_ask_revocation", "release_revoke"
BODIES: Mapping[str, type[Frozen]] = MappingProxyType(
    {
        PROPOSE: Propose,
        SIGN: Sign,
        WITHDRAW: Withdraw,
        LOOK_AHEAD: LookAhead,
        ASK_REVOCATION: AskRevocation,
        REVOKE: Revoke,
        ENDORSE: Endorse,
        SIMULATE: Simulate,
        "policy_propose": Propose,
        "policy_approve": Sign,
        "policy_withdraw": Withdraw,
    }
)
"""Verb → body. A policy's three have names of their own, because other people may do them."""

RETIMED_KINDS = frozenset({"calendar", "rules"})
"""Kinds of which some versions move instants of open cases: signed on a preview, and revocable."""
TRIED_KINDS = frozenset({"rules", "matter"})
"""Kinds of which a changed version is tried over the past before it may count."""
CARD_RULES = "supervision"
"""Id of the rule pack that gives cards: the only one that a case has not frozen at its filing."""


def moves_cases(kind: str, name: str) -> bool:
    """Whether another version of that name moves instants of cases that are open already."""
    return kind == "calendar" or (kind == "rules" and name == CARD_RULES)


@dataclass(frozen=True, slots=True)
class Verbs:
    """What the acts on a kind are called, and what object policy judges them by."""

    object_type: str
    propose: str
    sign: str
    withdraw: str
    warranted: Mapping[str, str]
    """Verb → the act that policy is asked for: who may propose may take back."""


def verbs_of(kind: str) -> Verbs:
    """Return the words for a kind of release."""
    if kind == "policy":
        names = ("policy", "policy_propose", "policy_approve", "policy_withdraw")
    else:
        names = ("release", PROPOSE, SIGN, WITHDRAW)
    thing, propose, sign, withdraw = names
    warranted = {propose: propose, sign: sign, withdraw: propose}
    if kind in RETIMED_KINDS:
        # Who may propose may ask that it cease to count; who may sign may agree.
        warranted |= {LOOK_AHEAD: LOOK_AHEAD, ASK_REVOCATION: propose, REVOKE: sign}
    if kind in TRIED_KINDS:
        warranted |= {ENDORSE: propose, SIMULATE: LOOK_AHEAD}
    return Verbs(thing, propose, sign, withdraw, warranted)


Later = Sign | Withdraw | LookAhead | AskRevocation | Revoke | Endorse | Simulate
"""Orders to a version that is in the register."""


def verb_of(kind: str, body: Later) -> str:
    """Return the verb of an order to a version of that kind."""
    verbs = verbs_of(kind)
    match body:
        case Sign():
            return verbs.sign
        case Withdraw():
            return verbs.withdraw
        case LookAhead():
            return LOOK_AHEAD
        case AskRevocation():
            return ASK_REVOCATION
        case Revoke():
            return REVOKE
        case Endorse():
            return ENDORSE
        case Simulate():
            return SIMULATE
        case _:
            assert_never(body)


def order_digest(command: Command) -> str:
    """Return SHA-256 (hex) of what is ordered, of what and by whom; not when or from where."""
    said = [command.verb, command.case_id, command.body, command.actor.id]
    return hashlib.sha256(json_text(said).encode()).hexdigest()


def new_object(kind: str) -> str:
    """Return the object of a proposal: there is no release yet."""
    return f"new:{kind}"


class ReleaseOrder(Frozen):
    """An order as its workflow hands it to the activity."""

    command: Command
    admitted_at: AwareDatetime
    """When Temporal took it in: a warrant's expiry is judged by this instant."""


class ReleaseAnswer(Frozen):
    """What came of an order; the same command gets the same one."""

    command_id: str
    order_digest: str
    status: Literal["done", "refused"]
    release: str = ""
    """Id of the version it is about."""
    state: Literal["", "proposed", "blocked", "active", "withdrawn", "revoked"] = ""
    in_force_from: AwareDatetime | None = None
    findings: tuple[str, ...] = ()
    """What the gate found, each with file, line and remedy."""
    preview: str = ""
    """Digest of the list of what would move, where one was made."""
    moves: str = ""
    """How many would, in one sentence."""
    retiming: RetimingCause | None = None
    """What the order has set going: open cases derive their instants again."""
    simulation: SimulationOrder | None = None
    """What is to be tried over the past now."""
    dossier: str = ""
    """Digest of the dossier, where one was made."""
    code: str = ""
    reason: str = ""
    basis: str = ""


class Unreadable(Exception):
    """A text of which the gate cannot even tell which version of what it is."""

    def __init__(self, findings: tuple[str, ...]) -> None:
        super().__init__("；".join(findings))
        self.findings = findings


class Gate(Protocol):
    """What every version of a kind must pass before anybody may sign it."""

    def __call__(self, text: str) -> Proposal:
        """Return the proposal with each check's findings. Raises `Unreadable`."""
        ...


__all__ = [
    "BODIES",
    "AskRevocation",
    "Check",
    "Endorse",
    "Gate",
    "Later",
    "LookAhead",
    "Proposal",
    "Propose",
    "ReleaseAnswer",
    "ReleaseOrder",
    "Revoke",
    "Sign",
    "Simulate",
    "Unreadable",
    "Withdraw",
    "moves_cases",
    "new_object",
    "order_digest",
    "verb_of",
    "verbs_of",
]
