"""Who may do what: the one place that every door asks.

In this order, and the first *no* is final: the act is known; the subject is somebody; their
clearance covers the label; no separation of duties stands against it; Casbin allows it by a row.
Whatever goes wrong on the way is a no.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from simpleeval import InvalidExpression  # type: ignore[import-untyped]  # ships no types
from sqlalchemy import ColumnElement, and_, false, not_, or_, true

from cases.database import Bounds
from cases.facts import CaseFacts
from cases.messages import Actor, Command, Grant, Warrant
from cases.seen import Group, Seen
from catalogue.told import Told
from policies import refusing
from policies.engine import Engine, holds
from policies.policy import ANY, Policy, PolicyStale, Row
from policies.scopes import (
    EVERYWHERE,
    OF_GROUPS,
    OF_PERSONS,
    RELATIONS,
    SCOPES,
    Object,
    Reach,
    Subject,
    Thing,
    dominates,
    dominates_sql,
)
from policies.separation import HOST_HEARING, Clash, clash, persons_of, sentence
from policies.vocabulary import ACT_TITLES, ACTS, CITIZEN, OBJECT_TITLES, READING, ROLES, VERBS
from policies.warrants import CLOCK_SKEW, WARRANT_LIFE, WarrantSigner

log = logging.getLogger(__name__)

_IDS = {
    "human": re.compile(r"u:[A-Za-z0-9._:-]{1,120}"),
    "service": re.compile(r"s:[A-Za-z0-9._:-]{1,120}"),
    "citizen": re.compile(r"(?!u:|s:|system$)[A-Za-z0-9._:-]{8,120}"),
}
"""Ids by kind of principal: a closed alphabet, so that no two spellings name one person and nobody
is called like a role or like `system`. A citizen's id is the pseudonym of the applicant."""

_NO_CASE = CaseFacts(id="", matter="", department="")
"""A case of no department: nobody's right reaches it, and the refusal says what is missing."""

_BROKEN = (RuntimeError, InvalidExpression, LookupError, TypeError, ValueError, AttributeError)
"""What Casbin, its matcher or a predicate raise when they cannot answer. It means no."""

DRAFTING = "release_propose"
"""The act for which a department's role reaches its own department's versions only."""

EVERYWHERE_REACH = Reach(True, frozenset())

STALE = "policy_stale"
"""Code of the refusal while it cannot be known which policy is in force."""

MOST_OFFICES = 4
"""Offices that a refusal names: who needs it asks the first."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one question, with what an entry and a refusal page need."""

    allowed: bool
    code: str
    """allowed, unknown_act, not_a_person, label, separation, forbidden, no_right, no_such_task,
    elsewhere, policy_error."""
    policy: str
    at: datetime | None
    row: str = ""
    """The policy row that decided; empty when none allowed or code decided."""
    reason: str = ""
    basis: str = ""
    remedy: str = ""
    """Who could do it, or grant it."""


class AccessDenied(Exception):
    """A *no* of policy: final, shown with `reason` and `remedy`, recorded by the door."""

    def __init__(self, code: str, reason: str, basis: str = "", remedy: str = "") -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.basis = basis
        self.remedy = remedy


class Access:
    """The policy at work. `departments` maps each department's code to its parent's, or to "".

    Safe to share between threads; `swap` puts another version in force for the next question.
    `newest` is asked at each question which version is in force now; `PolicyStale` from it means
    no, with a sentence; a list, which has no refusal of its own, lets it rise.
    Raises `ValueError` when the departments go round in a circle.
    """

    def __init__(
        self,
        policy: Policy,
        departments: Mapping[str, str],
        signer: WarrantSigner,
        newest: Callable[[], Policy] | None = None,
        *,
        holding: Callable[[], Mapping[str, Mapping[str, int]] | None] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """`holding` counts people by role and department, for refusals that say who could do it
        (None: not known); `names` are the departments' own."""
        self._holding = holding
        self._names = {EVERYWHERE: "全市", **(names or {})}
        self._held = Engine(policy)
        self._newest = newest
        self._below = _below(departments)
        self._signer = signer
        # Closures of grants are remembered, decisions never: they hang on the case's state.
        self._reach = lru_cache(maxsize=4096)(self._work_out_reach)

    @property
    def policy(self) -> Policy:
        return self._engine.policy

    @property
    def _engine(self) -> Engine:
        """The version in force, whole. Two threads may build the same one; either serves."""
        if self._newest is not None and (policy := self._newest()) is not self._held.policy:
            self._held = Engine(policy)
        return self._held

    def _engine_or_denied(self) -> Engine:
        try:
            return self._engine
        except PolicyStale as stale:
            log.exception("policy cannot be confirmed; everything is refused")
            no = _stale(None)
            raise AccessDenied(no.code, no.reason, no.basis, no.remedy) from stale

    def swap(self, policy: Policy) -> None:
        """Put another version in force, whole: a question sees the old one or the new one."""
        self._held = Engine(policy)

    def decide(
        self, actor: Actor, act: str, facts: CaseFacts | Thing, at: datetime, task: str = ""
    ) -> Decision:
        """Return whether the actor may do the act to the object. Never raises for a *no*.

        `task` is the key of the task that the act is about; empty: any open one.
        """
        try:
            engine = self._engine
        except PolicyStale:
            log.exception("policy cannot be confirmed; everything is refused")
            return _stale(at)
        return self._decide(engine, actor, act, _object(facts, task), at)

    def warrant(
        self,
        command: Command,
        facts: CaseFacts,
        at: datetime,
        received_at: datetime | None = None,
    ) -> Warrant:
        """Return the signed permission for exactly this command.

        `received_at` is when the order reached us (a broker's time after an outage; default `at`):
        business time before it needs the right to backfill. Raises `AccessDenied`.
        """
        engine, verb = self._engine_or_denied(), command.verb
        if verb not in VERBS or facts.id != command.case_id:
            raise AccessDenied("unknown_act", f"不能凭策略对本办件「{verb}」")
        thing = _object(facts, _task_of(command))
        decision = self._decide(engine, command.actor, verb, thing, at)
        _insist(decision)
        _keep_host_apart(command, facts)
        self._check_time(engine, command, thing, received_at or at, at)
        return self._signed(command, verb, thing, decision, at)

    def warrant_on(self, command: Command, thing: Thing, act: str, at: datetime) -> Warrant:
        """Return the signed permission for a command to something that is no case.

        `command.case_id` is the thing's id. Raises `AccessDenied`.
        """
        if thing.id != command.case_id:
            raise AccessDenied("unknown_act", f"不能凭策略对本客体「{act}」")
        judged = _object(thing, "")
        decision = self._decide(self._engine_or_denied(), command.actor, act, judged, at)
        _insist(decision)
        return self._signed(command, act, judged, decision, at)

    def again(
        self, command: Command, actor: Actor, about: CaseFacts | Thing, act: str, at: datetime
    ) -> Decision:
        """Return what policy says of a warranted command now, asked for `actor` as they stand.

        Everything that the door asked: the act, a hearing's host, the right to backfill. The
        decision that refuses is returned, else the one on the act.
        """
        try:
            engine = self._engine
        except PolicyStale:
            log.exception("policy cannot be confirmed; nothing is settled")
            return _stale(at)
        thing = _object(about, _task_of(command))
        decision = self._decide(engine, actor, act, thing, at)
        if not decision.allowed or not isinstance(about, CaseFacts):
            return decision
        warrant = command.warrant
        received = warrant.issued_at if warrant else at
        try:
            _keep_host_apart(command, about)
            standing = command.model_copy(update={"actor": actor})
            self._check_time(engine, standing, thing, received, at)
        except AccessDenied as no:
            return Decision(False, no.code, decision.policy, at, "", no.reason, no.basis, no.remedy)
        return decision

    def _signed(
        self, command: Command, act: str, thing: Object, decision: Decision, at: datetime
    ) -> Warrant:
        return self._signer.sign(
            Warrant(
                command_id=command.id,
                command_digest=command.digest(),
                actor=command.actor.id,
                on_behalf=command.actor.on_behalf,
                act=act,
                object_type=thing.type,
                object_id=command.case_id,
                policy=decision.policy,
                row=decision.row,
                role=decision.row.split(", ", 1)[0],
                department=self._department(command.actor, decision.row, thing),
                issued_at=at,
                expires_at=at + WARRANT_LIFE,
                issuer=self._signer.issuer,
            )
        )

    def may(self, actor: Actor, object_type: str, facts: CaseFacts | Thing) -> frozenset[str]:
        """Return every act of the type that the actor may do to the object now (for pages)."""
        try:
            engine = self._engine
        except PolicyStale:
            log.exception("policy cannot be confirmed; everything is refused")
            return frozenset()
        thing = _object(facts, "")
        if thing.type != object_type:
            return frozenset()
        return frozenset(
            act
            for act in ACTS.get(object_type, ())
            if self._decide(engine, actor, act, thing, None).allowed
        )

    def ever(self, actor: Actor, act: str, object_type: str) -> Decision:
        """Return whether there may be objects of the type on which the actor may do the act.

        For menus and forms that have no object yet. Never a permission: ask `decide` or `warrant`
        once there is one.
        """
        try:
            engine = self._engine
        except PolicyStale:
            log.exception("policy cannot be confirmed; everything is refused")
            return _stale(None)
        if object_type in ("payment", "fund", "incident", "duty", "plan", "performance", "project"):
            asked = (
                self._decide(
                    engine, actor, act,
                    _object(Thing(object_type, department=one, departments=(one,)), ""), None,
                )
                for one in self._below
            )  # fmt: skip
            no = self._decide(engine, actor, act, _object(Thing(object_type), ""), None)
            return next((found for found in asked if found.allowed), no)
        if object_type != "case":
            return self._decide(engine, actor, act, _object(Thing(object_type), ""), None)
        subject = self._subject(actor)
        rows = engine.policy.shards.get((object_type, act), ())
        nowhere = Object("case", case=_NO_CASE)
        if subject is not None and rows:
            held = [row for row in rows if row.role in subject.reach]
            forbidding = [row for row in held if row.effect == "deny" and row.scope == "always"]
            if held and not forbidding and any(row.effect == "allow" for row in held):
                return Decision(True, "allowed", engine.policy.version, None, str(held[-1]))
        return self._decide(engine, actor, act, nowhere, None)

    def where(self, actor: Actor, act: str, object_type: str = "case") -> ColumnElement[bool]:
        """Return the condition over `cases.tables.case` under which the actor may read it.

        For `incident`, over `cases.incident_tables.incident`, for `project` likewise. `act` is one
        of `READING`: list, read, read_personal, print; `ValueError` for another, which separations
        would judge too.
        """
        if act not in READING:
            raise ValueError(f"{act} changes something: lists are not filtered by it")
        subject = self._subject(actor)
        if subject is None:
            return false()
        allow: list[ColumnElement[bool]] = []
        deny: list[ColumnElement[bool]] = []
        for row in self._engine.policy.shards[object_type, act]:
            condition = _row_sql(row, subject)
            if condition is not None:
                (allow if row.effect == "allow" else deny).append(condition)
        if not allow:
            return false()
        label = dominates_sql(actor) if object_type == "case" else true()
        return and_(or_(*allow), *(not_(denied) for denied in deny), label)

    def seen(self, actor: Actor, act: str) -> Seen:
        """Return which cases the actor may read, for sums over groups of cases too.

        A row on persons (who holds a case, whose it is, who stands back) tells nothing of a group:
        the cases that name the actor are told by `named`. `act` is one of `READING`.
        """
        where, subject = self.where(actor, act), self._subject(actor)
        if subject is None:
            return Seen(where, lambda _group: False)
        personal: list[ColumnElement[bool]] = []
        allow: list[Reach] = []
        deny = False
        involved: list[Reach] = []
        for row in self._engine.policy.shards["case", act]:
            condition = _row_sql(row, subject)
            if condition is None:
                continue
            if row.scope in OF_PERSONS:
                personal.append(OF_PERSONS[row.scope](subject))
                continue
            reach = EVERYWHERE_REACH if row.department == "held" else subject.reach.get(row.role)
            if row.scope != "always" or row.department not in OF_GROUPS or reach is None:
                return Seen(where)
            if row.effect == "deny":
                if row.department != "held":
                    return Seen(where)
                deny = True
            else:
                (involved if row.department == "involved" else allow).append(reach)

        def covers(group: Group) -> bool:
            if deny or not dominates(actor, group.label_level, _unpacked(group.compartments)):
                return False
            with_tasks = (group.department, *_unpacked(group.departments))
            return any(one.covers(group.department) for one in allow) or any(
                one.covers_any(with_tasks) for one in involved
            )

        return Seen(where, covers, or_(*personal) if personal else None)

    def bounds(self, actor: Actor) -> Bounds:
        """Return what the database may at most let the actor see of cases, incidents and projects;
        see `Bounds`."""
        subject = self._subject(actor)
        if subject is None:
            return Bounds("", "", 0, "")
        shards = self._engine.policy.shards
        rows = [row for act in READING for row in shards.get(("case", act), ())]
        reaches = list(subject.reach.values())
        # A row that asks neither for a department nor for a person reaches all of them.
        everywhere = any(one.everywhere for one in reaches) or any(
            row.effect == "allow" and row.department == "held" and row.scope == "always"
            for row in rows
            if row.role == ANY or row.role in subject.reach
        )
        departments = frozenset().union(*(one.departments for one in reaches))
        return Bounds(
            "*" if everywhere else "|".join(sorted(departments)),
            "|".join(sorted(subject.persons)),
            actor.clearance,
            "|".join(sorted(set(actor.compartments))),
            self._theirs(subject, "incident", "sent"),
            self._theirs(subject, "project", "engaged"),
        )

    def _theirs(self, subject: Subject, object_type: str, relation: str) -> str:
        """Return for which departments' objects some row lets the subject read, where that hangs
        on the relation; `*`: for all."""
        found: frozenset[str] = frozenset()
        for act in READING:
            for row in self._engine.policy.shards.get((object_type, act), ()):
                if row.effect != "allow" or not (row.role == ANY or row.role in subject.reach):
                    continue
                reach = subject.reach.get(row.role)
                if row.department != relation or reach is None or reach.everywhere:
                    return "*"
                found |= reach.departments
        return "|".join(sorted(found))

    def cleared(self, actor: Actor) -> ColumnElement[bool]:
        """Return the condition under which the actor's clearance covers a case's label, and no
        recusal stands: the least that holds for whoever is shown a case, by whatever right."""
        subject = self._subject(actor)
        if subject is None:
            return false()
        recused = SCOPES["recused"].where
        assert recused is not None
        return and_(dominates_sql(actor), not_(recused(subject)))

    # --- one question --------------------------------------------------------------------

    def _decide(
        self, engine: Engine, actor: Actor, act: str, thing: Object, at: datetime | None
    ) -> Decision:
        version = engine.policy.version
        try:
            refusal = self._before_rows(actor, act, thing)
            if refusal is not None:
                code, reason, basis, remedy = refusal
                return Decision(False, code, version, at, "", reason, basis, remedy)
            subject = self._subject(actor)
            assert subject is not None  # _before_rows has refused nobodies
            allowed, row = engine.ask(thing.type, act, subject, thing)
        except _BROKEN:
            log.exception("policy %s could not answer for act %s", version, act)
            return Decision(
                False, "policy_error", version, at, "", refusing.BROKEN, "",
                refusing.MEND,
            )  # fmt: skip
        if allowed and act == DRAFTING and not _drafts_for(subject, row, thing):
            return Decision(
                False, "elsewhere", version, at, row, refusing.ELSEWHERE, "",
                refusing.THEIRS,
            )  # fmt: skip
        if allowed:
            return Decision(True, "allowed", version, at, row)
        refused = _refused(engine.policy, subject, act, thing, row, at)
        if at is None or refused.code != "no_right":
            return refused
        now = self._who_can(engine.policy, act, thing)
        return replace(refused, remedy=Told(refusing.AND_NOW, remedy=refused.remedy, now=now))

    def _who_can(self, policy: Policy, act: str, thing: Object) -> str:
        """Return which offices have somebody who may do it now; empty where that is not known."""
        held = self._holding() if self._holding is not None else None
        if held is None:
            return ""
        found: dict[tuple[str, str], int] = {}
        for row in policy.shards[thing.type, act]:
            if row.effect == "deny":
                continue
            for department, people in sorted(held.get(row.role, {}).items()):
                grant = Grant(role=row.role, department=department)
                reach = self._reach("human", (grant,)).get(row.role)
                if reach is not None and RELATIONS[row.department].holds(reach, thing):
                    found[row.role, department] = people
        if not found:
            return refusing.NOBODY_NOW
        said = (
            Told(refusing.OFFICE, department=self._names.get(department, department),
                 role=ROLES[role].title, n=people)
            for (role, department), people in list(found.items())[:MOST_OFFICES]
        )  # fmt: skip
        return Told(refusing.NOW, offices=tuple(said))

    def _before_rows(
        self, actor: Actor, act: str, thing: Object
    ) -> tuple[str, str, str, str] | None:
        if act not in ACTS.get(thing.type, ()):
            said = Told(
                refusing.UNKNOWN_ACT, type=OBJECT_TITLES.get(thing.type, thing.type),
                act=ACT_TITLES.get(act, act),
            )  # fmt: skip
            return "unknown_act", said, "", ""
        if self._subject(actor) is None:
            return (
                "not_a_person",
                refusing.NOT_A_PERSON,
                "GB/T 22239-2019 8.1.4.2 a",
                "",
            )
        label = thing.case or thing.thing
        assert label is not None
        if not dominates(actor, label.label_level, label.compartments):
            named = Told(refusing.COMPARTMENTS, names=label.compartments)
            said = Told(
                refusing.LABEL, level=label.label_level, named=named if label.compartments else ""
            )
            return "label", said, "GB/T 22239-2019 8.1.4.2 g", refusing.CLEARED_BY
        found = clash(act, persons_of(actor), thing.case) if thing.case else None
        return None if found is None else _separated(found)

    def _check_time(
        self, engine: Engine, command: Command, thing: Object, received: datetime, at: datetime
    ) -> None:
        if command.occurred_at - received > CLOCK_SKEW:
            raise AccessDenied("in_the_future", "业务发生时间在将来，请改为实际时间")
        if command.backfill or received - command.occurred_at > CLOCK_SKEW:
            _insist(self._decide(engine, command.actor, "backfill", thing, at))

    # --- who ---------------------------------------------------------------------------

    def _subject(self, actor: Actor) -> Subject | None:
        pattern = _IDS.get(actor.kind)
        if pattern is None or pattern.fullmatch(actor.id) is None or actor.id in ROLES:
            return None
        if actor.on_behalf and _IDS["human"].fullmatch(actor.on_behalf) is None:
            return None
        persons = frozenset(filter(None, (actor.id, actor.on_behalf)))
        return Subject(actor, persons, self._reach(actor.kind, actor.grants))

    def _work_out_reach(self, kind: str, grants: tuple[Grant, ...]) -> Mapping[str, Reach]:
        held: dict[str, Reach] = {}
        for grant in grants:
            role = ROLES.get(grant.role)
            if role is None or kind not in role.kinds or grant.role == CITIZEN:
                continue
            known = held.get(grant.role, Reach(False, frozenset()))
            below = self._below.get(grant.department, frozenset({grant.department}))
            held[grant.role] = Reach(
                known.everywhere or grant.department == EVERYWHERE, known.departments | below
            )
        if kind == CITIZEN:
            held[CITIZEN] = Reach(False, frozenset())
        return held

    def _department(self, actor: Actor, row: str, thing: Object) -> str:
        """Return the department for which the actor acts: the first grant that the row needs."""
        role, relation = row.split(", ")[:2]
        for grant in actor.grants:
            reach = self._reach(actor.kind, (grant,)).get(role)
            if reach is not None and RELATIONS[relation].holds(reach, thing):
                return actor.department if grant.department == EVERYWHERE else grant.department
        return actor.department


def _drafts_for(subject: Subject, row: str, thing: Object) -> bool:
    """Tell whether the role that allows it is held for the department whose version it is.

    The menu asks before there is a version: then any department will do.
    """
    known = thing.thing
    if known is None or not known.department:
        return True
    reach = subject.reach.get(row.split(", ")[0])
    return reach is not None and (reach.everywhere or reach.covers(known.department))


def _stale(at: datetime | None) -> Decision:
    return Decision(
        False, STALE, "", at, "", refusing.STALE,
        "GB/T 22239-2019 8.1.4.2 e", refusing.LATER,
    )  # fmt: skip


def _object(facts: CaseFacts | Thing, task: str) -> Object:
    if isinstance(facts, CaseFacts):
        return Object("case", case=facts, task=task)
    return Object(facts.type, thing=facts)


def _task_of(command: Command) -> str:
    if command.verb == "gather":
        return "gather"
    named = command.body.get("task", "")
    return named if isinstance(named, str) else ""


def _insist(decision: Decision) -> None:
    if not decision.allowed:
        raise AccessDenied(decision.code, decision.reason, decision.basis, decision.remedy)


def _keep_host_apart(command: Command, facts: CaseFacts) -> None:
    host = command.body.get("host", "")
    if command.verb != "start_procedure" or not host:
        return
    found = clash(HOST_HEARING, (str(host),), facts)
    if found is not None:
        code, reason, basis, remedy = _separated(found)
        raise AccessDenied(code, reason, basis, remedy)


def _separated(found: Clash) -> tuple[str, str, str, str]:
    return "separation", sentence(found), found.basis, refusing.SOMEBODY_ELSE


def _unpacked(text: str) -> tuple[str, ...]:
    """Return the words of a column in which `|` stands around each of them."""
    return tuple(word for word in text.split("|") if word)


def _row_sql(row: Row, subject: Subject) -> ColumnElement[bool] | None:
    """Return the row as a condition on cases, or None when the subject has not its role."""
    scope = SCOPES[row.scope].where
    assert scope is not None  # the parser admits only scopes that fit a case
    if row.role == ANY:
        return scope(subject)
    reach = subject.reach.get(row.role)
    if reach is None:
        return None
    return and_(RELATIONS[row.department].where(reach), scope(subject))


def _refused(
    policy: Policy, subject: Subject, act: str, thing: Object, row: str, at: datetime | None
) -> Decision:
    title, kind = ACT_TITLES[act], OBJECT_TITLES[thing.type]
    rows = policy.shards[thing.type, act]
    for denying in rows:
        if denying.effect == "deny" and str(denying) == row:
            return Decision(
                False, "forbidden", policy.version, at, row, denying.note, "",
                Told(refusing.FORBIDS, row=_named(denying)),
            )  # fmt: skip
    roles = policy.roles_for(thing.type, act)
    doers = tuple(Told(refusing.QUOTED, role=ROLES[role].title) for role in roles)
    remedy = Told(refusing.BY_ROLES, roles=doers) if doers else refusing.BY_NOBODY
    if thing.case is not None and thing.task and thing.task not in thing.case.task_departments:
        reason: str = Told(refusing.NO_TASK, task=thing.task)
        return Decision(False, "no_such_task", policy.version, at, "", reason, "", remedy)
    near = _nearest(rows, subject, thing)
    if near is None:
        reason = Told(refusing.NO_ROLE, act=title, kind=kind)
    else:
        role = ROLES[near[0].role].title
        reason = Told(refusing.NEAR, role=role, act=title, must=near[1], row=_named(near[0]))
    return Decision(False, "no_right", policy.version, at, "", reason, "", remedy)


def _named(row: Row) -> str:
    """Return how a refusal calls the row that stands in the way: its line, and what it says."""
    return Told(refusing.ROW, n=row.line, row=str(row))


def _nearest(rows: Iterable[Row], subject: Subject, thing: Object) -> tuple[Row, str] | None:
    """Return an allowing row whose role the subject has, and the sentence that did not hold."""
    best: tuple[Row, str] | None = None
    for row in rows:
        if row.effect == "deny" or row.role not in subject.reach:
            continue
        if holds(subject, row.role, row.department, thing):
            return row, SCOPES[row.scope].sentence
        best = best or (row, RELATIONS[row.department].sentence)
    return best


def _below(departments: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    """Return each department with itself and all that stand below it."""
    below: dict[str, set[str]] = {code: {code} for code in departments}
    for code in departments:
        above, steps = departments[code], 0
        while above:
            below.setdefault(above, {above}).add(code)
            above, steps = departments.get(above, ""), steps + 1
            if steps > len(departments):
                raise ValueError(f"department {code} stands below itself")
    return {code: frozenset(all_of_them) for code, all_of_them in below.items()}


__all__ = ["Access", "AccessDenied", "Decision", "Thing"]
