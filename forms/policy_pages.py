"""权限策略: the rows as an assessor reads them; a proposal with its proof and what it changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from starlette.responses import RedirectResponse, Response

from cases.releases import Check
from forms.access_ports import Thing
from forms.fields import Field, Form, Option
from forms.policy_ports import PolicyInForce, PolicyProposal
from forms.release_ports import Release
from forms.rendering import Page
from forms.settled_finality import ask_to_sign
from forms.showing import not_found, show
from forms.signing import since_of
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_, Say
from policies.decision_table import OWN
from policies.differences import Difference, difference
from policies.explaining import LABEL, SEPARATION
from policies.policy import ANY, Row
from policies.scopes import RELATIONS, SCOPES
from policies.vocabulary import ACT_TITLES, ACTS, OBJECT_TITLES, ROLES

LARGEST_TEXT = 200_000
"""Characters of a proposed policy: four times the shipped one."""


@dataclass(frozen=True)
class RowShown:
    """One row of the policy in words."""

    line: int
    who: str
    where: str
    what: str
    act: str
    when: str
    allow: bool
    note: str


@dataclass(frozen=True)
class RoleLine:
    """What the policy says of one role, counted."""

    role: str
    title: str
    kinds: tuple[str, ...]
    allows: int
    denies: int
    people: int
    types: tuple[str, ...]
    """Words of the object types that some row allows it."""


@dataclass(frozen=True)
class MovedShown:
    """A decision that a proposal moves."""

    gains: bool
    sentence: str
    people: int


@dataclass(frozen=True)
class PolicyPage(Page):
    """The policy in force."""

    template: ClassVar[str] = "policy.html"

    version: Annotated[str, "Digest over model and rows."]
    since: Annotated[datetime, "Since when it counts."]
    count: Annotated[int, "How many rows it has."]
    roles: Annotated[tuple[RoleLine, ...], "Every role, in the order of the vocabulary."]
    rows: Annotated[tuple[RowShown, ...], "Those asked for; none when nothing is."]
    filters: Annotated[tuple[Field, ...], "Role, object type, act."]
    asked: Annotated[bool, "Rows were asked for."]
    first: Annotated[tuple[str, ...], "What stands before every row."]
    versions: Annotated[tuple[Release, ...], "Versions in the register, newest first."]
    may_propose: Annotated[bool, "May propose a change."]


@dataclass(frozen=True)
class PolicyFormPage(Page):
    """A change of the policy, to be written."""

    template: ClassVar[str] = "policy_new.html"

    form: Annotated[Form, "The whole text."]


@dataclass(frozen=True)
class PolicyProposalPage(Page):
    """One version: what the gate proved of it, and what it changes."""

    template: ClassVar[str] = "policy_proposal.html"

    release: Annotated[Release, "The version."]
    gate: Annotated[tuple[Check, ...], "Every check of the gate."]
    failed: Annotated[tuple[Check, ...], "Those that found something."]
    gone: Annotated[tuple[RowShown, ...], "Rows in force that it does not have."]
    come: Annotated[tuple[RowShown, ...], "Rows that are new."]
    moved: Annotated[tuple[MovedShown, ...], "Whose decisions move."]
    decisions: Annotated[int, "How many decisions about roles and pairs of roles move."]
    compared: Annotated[int, "Of how many."]
    own: Annotated[tuple[str, ...], "Lines of the decision table that the text carries."]
    may_approve: Annotated[bool, "This person may approve it: somebody else proposed it."]
    may_withdraw: Annotated[bool, "This person proposed it and may take it back."]


async def _may(visit: Visit, act: str, thing: Thing | str) -> bool:
    return (await visit.ask(visit.ports.access.may, visit.actor, act, thing)).allowed


# --- the policy in force ---------------------------------------------------------------------


async def policy(visit: Visit) -> Response:
    """The policy by roles, or the rows that were asked for."""
    known: PolicyInForce = await visit.ask(visit.ports.policies.in_force)
    people: Mapping[str, int] = await visit.ask(visit.ports.policies.holders)
    params = visit.request.query_params
    wanted = {name: params.get(name, "") for name in ("role", "type", "act")}
    asked = any(wanted.values()) or "all" in params
    rows = [row for row in known.policy.rows if asked and _wanted(row, wanted)]
    versions: Sequence[Release] = await visit.ask(visit.ports.releases.listing)
    page = PolicyPage(
        title=visit.say(N_("权限策略")),
        version=known.policy.version,
        since=known.since,
        count=len(known.policy.rows),
        roles=tuple(_role_line(role, known.policy.rows, people, visit.say) for role in ROLES),
        rows=tuple(row_shown(row, visit.say) for row in rows),
        filters=_filters(visit, wanted),
        asked=asked,
        first=(visit.say(LABEL), visit.say(SEPARATION)),
        versions=tuple(one for one in versions if one.kind == "policy"),
        may_propose=await _may(visit, "policy_propose", "policy"),
    )
    return await show(visit, page)


def _wanted(row: Row, wanted: Mapping[str, str]) -> bool:
    return (
        wanted["role"] in ("", row.role)
        or row.role == ANY  # what is forbidden to everybody is forbidden to this role
    ) and (
        wanted["type"] in ("", row.object_type)
        and (wanted["act"] in ("", row.act) or row.act == ANY)
    )


def _filters(visit: Visit, wanted: Mapping[str, str]) -> tuple[Field, ...]:
    say = visit.say
    acts = ACTS.get(wanted["type"], tuple(ACT_TITLES))
    choices: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("role", say(N_("角色")), {role: known.title for role, known in ROLES.items()}),
        ("type", say(N_("客体")), dict(OBJECT_TITLES)),
        ("act", say(N_("动作")), {act: ACT_TITLES[act] for act in acts if act in ACT_TITLES}),
    )
    return tuple(
        Field(
            name,
            label,
            "select",
            required=False,
            values=(wanted[name],),
            options=tuple(Option(value, say(word)) for value, word in words.items()),
        )
        for name, label, words in choices
    )


def _role_line(role: str, rows: Iterable[Row], people: Mapping[str, int], say: Say) -> RoleLine:
    known, mine = ROLES[role], [row for row in rows if row.role == role]
    types = dict.fromkeys(row.object_type for row in mine if row.effect == "allow")
    return RoleLine(
        role=role,
        title=say(known.title),
        kinds=tuple(sorted(known.kinds)),
        allows=sum(row.effect == "allow" for row in mine),
        denies=sum(row.effect == "deny" for row in mine),
        people=people.get(role, 0),
        types=tuple(say(OBJECT_TITLES[one]) for one in types),
    )


def row_shown(row: Row, say: Say) -> RowShown:
    """Return a row in the reader's words; its note is the policy's own text."""
    return RowShown(
        line=row.line,
        who=say(N_("任何人") if row.role == ANY else ROLES[row.role].title),
        where="—" if row.department == "held" else say(RELATIONS[row.department].sentence),
        what=say(OBJECT_TITLES[row.object_type]),
        act=say(N_("一切动作") if row.act == ANY else ACT_TITLES[row.act]),
        when="—" if row.scope == "always" else say(SCOPES[row.scope].sentence),
        allow=row.effect == "allow",
        note=row.note,
    )


# --- a change --------------------------------------------------------------------------------


def _text_form(visit: Visit, text: str) -> Form:
    hint = visit.say(N_("一行一条；改一项权利，还须用 #? 开头的行同时改判定表"))
    label = visit.say(N_("策略全文"))
    typed = Field(
        "text", label, "textarea", values=(text,), hint=hint, wide=True, max_length=LARGEST_TEXT
    )
    return Form((typed,))


async def new_policy(visit: Visit) -> Response:
    """The text in force, to be changed."""
    known: PolicyInForce = await visit.ask(visit.ports.policies.in_force)
    page = PolicyFormPage(title=visit.say(N_("提出策略变更")), form=_text_form(visit, known.text))
    return await show(visit, page)


async def propose_policy(visit: Visit) -> Response:
    """Have a text proved; what cannot be read comes back as it was typed, with every fault."""
    text = visit.text("text")
    form = _text_form(visit, text)
    if not text.strip():
        told = visit.say(N_("请填写“{label}”")).format(label=form.fields[0].label)
        return await _again(visit, form, told)
    made = await visit.ask(visit.ports.releases.propose, visit.who, "policy", text)
    if isinstance(made, str):
        return await _again(visit, form, made)
    return RedirectResponse(f"/policy/{made.id}", 303)


async def _again(visit: Visit, form: Form, told: str) -> Response:
    page = PolicyFormPage(
        title=visit.say(N_("提出策略变更")), form=form.with_errors({"text": told})
    )
    return await show(visit, page, 422)


# --- a proposal ------------------------------------------------------------------------------


async def _named(visit: Visit) -> tuple[Release, PolicyProposal]:
    wanted = visit.request.path_params["release"]
    known: Sequence[Release] = await visit.ask(visit.ports.releases.listing)
    release = next((one for one in known if one.id == wanted and one.kind == "policy"), None)
    found: PolicyProposal | None = await visit.ask(visit.ports.policies.proposal, wanted)
    if release is None or found is None:
        raise not_found(visit)
    return release, found


def _as_thing(one: Release) -> Thing:
    return Thing("policy", one.id, proposed_by=one.proposed_by)


async def proposal(visit: Visit) -> Response:
    """What the gate proved of a version, and what it would change today."""
    release, found = await _named(visit)
    known: PolicyInForce = await visit.ask(visit.ports.policies.in_force)
    people: Mapping[str, int] = await visit.ask(visit.ports.policies.holders)
    changed: Difference = await visit.ask(difference, known.policy, found.policy)
    waiting = release.state in ("proposed", "blocked")
    approving = await _may(visit, "policy_approve", _as_thing(release))
    page = PolicyProposalPage(
        title=visit.say(N_("策略变更")),
        release=release,
        gate=found.gate,
        failed=tuple(one for one in found.gate if not one.passed),
        gone=tuple(row_shown(row, visit.say) for row in changed.gone),
        come=tuple(row_shown(row, visit.say) for row in changed.come),
        moved=tuple(
            MovedShown(one.way == "gains", one.sentence(), people.get(one.role, 0))
            for one in changed.moved
        ),
        decisions=changed.decisions,
        compared=changed.asked,
        own=tuple(
            line.removeprefix(OWN).strip()
            for line in found.text.splitlines()
            if line.startswith(OWN)
        ),
        may_approve=release.state == "proposed" and approving,
        may_withdraw=waiting and release.proposed_by == visit.actor.id,
    )
    return await show(visit, page)


async def approve_policy(visit: Visit) -> Response:
    """The second person's approval; the gate has passed it, and the worker looks once more."""
    release, _ = await _named(visit)
    await visit.demand("policy_approve", _as_thing(release))
    since = since_of(visit)
    if asked := await ask_to_sign(visit, release, f"/policy/{release.id}"):
        return asked
    sign = visit.ports.releases.sign
    refused = await visit.ask(sign, visit.who, release.id, "", "", since)
    if refused:
        raise Stop(409, refused, "not_signed")
    return RedirectResponse(f"/policy/{release.id}", 303)


async def withdraw_policy(visit: Visit) -> Response:
    """Take one's own proposal back."""
    release, _ = await _named(visit)
    await visit.demand("policy_propose", _as_thing(release))
    refused = await visit.ask(visit.ports.releases.withdraw, visit.who, release.id)
    if refused:
        raise Stop(409, refused, "not_withdrawn")
    return RedirectResponse("/policy", 303)


__all__ = [
    "approve_policy",
    "new_policy",
    "policy",
    "proposal",
    "propose_policy",
    "row_shown",
    "withdraw_policy",
]
