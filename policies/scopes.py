"""Where a role must be held, and on what condition a row holds: the closed registries.

Each name has a Python predicate (Casbin's matcher asks it), an SQL expression (lists are filtered
by it) and a Chinese sentence (an assessor reads it). `tests/policies/test_scopes.py` proves the
two halves equal. Only this module of the room imports column definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sqlalchemy import ColumnElement, Exists, and_, exists, false, func, not_, or_, select, true

from cases.facts import CaseFacts
from cases.incident_tables import incident, incident_unit
from cases.messages import Actor
from cases.project_tables import project
from cases.separations import RECUSED
from cases.tables import case, case_compartment, hand, task

EVERYWHERE = "*"
"""Department of a grant that holds in the whole city."""


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of access that is no case: a release, a dead letter, an account, the policy."""

    type: str
    id: str = ""
    label_level: int = 1
    compartments: tuple[str, ...] = ()
    about: str = ""
    """User id that the thing is about: whose account it is."""
    proposed_by: str = ""
    department: str = ""
    """Code of the department whose thing it is: who pays, whose rota it is; for which unit an
    order speaks."""
    departments: tuple[str, ...] = ()
    """Units that were sent to an incident; who carries a project out and who operates it."""
    hands: tuple[str, ...] = ()
    """Who dispatched or handled it, deputies and whom they act for alike."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The departments in which a role is held, those below them included."""

    everywhere: bool
    departments: frozenset[str]

    def covers(self, department: str) -> bool:
        return self.everywhere or department in self.departments

    def covers_any(self, departments: Collection[str]) -> bool:
        # `everywhere` still needs one department: no task is no task.
        return any(self.covers(department) for department in departments)


@dataclass(frozen=True, slots=True)
class Subject:
    """主体: an actor with what was worked out about them once."""

    actor: Actor
    persons: frozenset[str]
    """The actor and whom they act for."""
    reach: Mapping[str, Reach]
    """Role → where it is held."""


@dataclass(frozen=True, slots=True)
class Object:
    """客体: a case or a thing, with the task that the order names."""

    type: str
    case: CaseFacts | None = None
    thing: Thing | None = None
    task: str = ""
    """Key of a task; empty: any open one."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Where, seen from the object, the role must be held."""

    sentence: str
    holds: Callable[[Reach, Object], bool]
    where: Callable[[Reach], ColumnElement[bool]]
    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Scope:
    """The further condition of a row."""

    sentence: str
    holds: Callable[[Subject, Object], bool]
    where: Callable[[Subject], ColumnElement[bool]] | None
    """None: lists of such objects are not filtered by SQL here."""
    types: frozenset[str] = field(default=frozenset({"case"}))


_ALL = frozenset(
    {
        "case",
        "release",
        "dead_letter",
        "account",
        "policy",
        "audit",
        "census",
        "alarms",
        "supervision",
        "payment",
        "fund",
        "incident",
        "signal",
        "duty",
        "warning",
        "plan",
        "performance",
        "project",
    }
)


def _any_row() -> Exists:
    # Correlated with `case` alone: a list that joins `task` must not lend its row to this question.
    return exists().correlate(case)


def _tasked(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the case has such a task, as a set of its own: whoever may see few of a million
    cases is led to them by an index, where a question to each case would ask them all."""
    return case.c.id.in_(select(task.c.case_id).where(*conditions).correlate(None))


# --- relations -------------------------------------------------------------------------------


def _implementing(reach: Reach, thing: Object) -> bool:
    return thing.case is not None and reach.covers(thing.case.department)


def _implementing_sql(reach: Reach) -> ColumnElement[bool]:
    return true() if reach.everywhere else case.c.department.in_(sorted(reach.departments))


def _involved(reach: Reach, thing: Object) -> bool:
    facts = thing.case
    return facts is not None and (
        reach.covers(facts.department) or reach.covers_any(facts.departments)
    )


def _involved_sql(reach: Reach) -> ColumnElement[bool]:
    if reach.everywhere:
        return true()
    return or_(_implementing_sql(reach), _tasked(task.c.department.in_(sorted(reach.departments))))


def _task(reach: Reach, thing: Object) -> bool:
    if thing.case is None:
        return False
    tasks = thing.case.task_departments
    if thing.task:
        return thing.task in tasks and reach.covers(tasks[thing.task])
    return reach.covers_any(tasks.values())


def _task_sql(reach: Reach) -> ColumnElement[bool]:
    mine = true() if reach.everywhere else task.c.department.in_(sorted(reach.departments))
    return _any_row().where(task.c.case_id == case.c.id, task.c.state == "open", mine)


def _paying(reach: Reach, thing: Object) -> bool:
    known = thing.thing
    return known is not None and known.department != "" and reach.covers(known.department)


def _sent(reach: Reach, thing: Object) -> bool:
    known = thing.thing
    if known is None:
        return False
    if known.department:
        return known.department in known.departments and reach.covers(known.department)
    return reach.covers_any(known.departments)


def _sent_sql(reach: Reach) -> ColumnElement[bool]:
    mine = true() if reach.everywhere else incident_unit.c.department.in_(sorted(reach.departments))
    return exists().correlate(incident).where(incident_unit.c.incident_id == incident.c.id, mine)


def _engaged(reach: Reach, thing: Object) -> bool:
    return thing.thing is not None and reach.covers_any(thing.thing.departments)


def _carrying_sql(reach: Reach) -> ColumnElement[bool]:
    return true() if reach.everywhere else project.c.department.in_(sorted(reach.departments))


def _engaged_sql(reach: Reach) -> ColumnElement[bool]:
    if reach.everywhere:
        return true()
    mine = sorted(reach.departments)
    return or_(project.c.department.in_(mine), project.c.operator.in_(mine))


RELATIONS: Mapping[str, Relation] = MappingProxyType(
    {
        "implementing": Relation(
            "在实施主体或其上级任职", _implementing, _implementing_sql, frozenset({"case"})
        ),
        "involved": Relation(
            "在实施主体、有环节的部门或其上级任职", _involved, _involved_sql, frozenset({"case"})
        ),
        "task": Relation(
            "在该（未办结）环节的部门或其上级任职", _task, _task_sql, frozenset({"case"})
        ),
        "paying": Relation(
            "在付款部门或其上级任职",
            _paying,
            lambda _reach: false(),
            frozenset({"payment", "fund"}),
        ),
        "keeping": Relation(
            "在值班表所属部门或其上级任职", _paying, lambda _reach: false(), frozenset({"duty"})
        ),
        "performing": Relation(
            "在实施机构（运营方的命令：运营方）或其上级任职",
            _paying,
            lambda _reach: false(),
            frozenset({"performance"}),
        ),
        "answering": Relation(
            "在负责该指标的部门或其上级任职", _paying, lambda _reach: false(), frozenset({"plan"})
        ),
        "sent": Relation("在被派发单位或其上级任职", _sent, _sent_sql, frozenset({"incident"})),
        "engaged": Relation(
            "在项目的实施机构、运营方或其上级任职", _engaged, _engaged_sql, frozenset({"project"})
        ),
        "carrying": Relation(
            "在项目的实施机构或其上级任职", _paying, _carrying_sql, frozenset({"project"})
        ),
        "held": Relation(
            "在任一部门任职即可", lambda _reach, _thing: True, lambda _reach: true(), _ALL
        ),
    }
)


# --- scopes ----------------------------------------------------------------------------------


def _assigned(subject: Subject, thing: Object) -> bool:
    facts = thing.case
    return facts is not None and (
        facts.holder in subject.persons or not subject.persons.isdisjoint(facts.assignees)
    )


def _assigned_sql(subject: Subject) -> ColumnElement[bool]:
    persons = sorted(subject.persons)
    # Not LIKE: it knows wildcards, and SQLite's sees no difference between `A` and `a`.
    named = (
        func.replace(task.c.signers, f"|{person}|", "") != task.c.signers for person in persons
    )
    is_open = task.c.state == "open"
    # Two sets with an index each: an OR over both would read every open task.
    return or_(
        case.c.holder.in_(persons),
        _tasked(is_open, task.c.holder.in_(persons)),
        _tasked(is_open, task.c.signers != "", or_(*named)),
    )


def _about_me(subject: Subject, thing: Object) -> bool:
    if thing.case is not None:
        return thing.case.applicant in subject.persons
    return thing.thing is not None and thing.thing.about in subject.persons


def _about_me_sql(subject: Subject) -> ColumnElement[bool]:
    return case.c.subject.in_(sorted(subject.persons))


def _recused(subject: Subject, thing: Object) -> bool:
    facts = thing.case
    return facts is not None and not (
        subject.persons.isdisjoint(facts.recused)
        and subject.persons.isdisjoint(facts.hands.get(RECUSED, ()))
    )


def _recused_sql(subject: Subject) -> ColumnElement[bool]:
    return _any_row().where(
        hand.c.case_id == case.c.id,
        hand.c.act == RECUSED,
        hand.c.person.in_(sorted(subject.persons)),
    )


def _closed(_subject: Subject, thing: Object) -> bool:
    return thing.case is not None and thing.case.closed


def _closed_sql(_subject: Subject) -> ColumnElement[bool]:
    return not_(case.c.is_open)


def _handled_by_me(subject: Subject, thing: Object) -> bool:
    return thing.thing is not None and not subject.persons.isdisjoint(thing.thing.hands)


def _proposed_by_me(subject: Subject, thing: Object) -> bool:
    return thing.thing is not None and thing.thing.proposed_by in subject.persons


SCOPES: Mapping[str, Scope] = MappingProxyType(
    {
        "always": Scope("不另设条件", lambda _s, _o: True, lambda _s: true(), _ALL),
        "assigned": Scope("本人（或被代理人）经办、签收或被指定签署", _assigned, _assigned_sql),
        "about_me": Scope(
            "事关本人：是本人的申请、本人的账号",
            _about_me,
            _about_me_sql,
            frozenset({"case", "account"}),
        ),
        "recused": Scope("本人（或被代理人）已回避", _recused, _recused_sql),
        "closed": Scope("办件已终结（归档）", _closed, _closed_sql),
        "handled_by_me": Scope(
            "由本人（或被代理人）派发或者处置",
            _handled_by_me,
            None,
            frozenset({"incident"}),
        ),
        "proposed_by_me": Scope(
            "由本人（或被代理人）提出",
            _proposed_by_me,
            None,
            frozenset({"release", "policy", "account"}),
        ),
    }
)


def _recused_set(subject: Subject) -> ColumnElement[bool]:
    """The same cases as `_recused_sql` tells, led to by an index on who stood back."""
    stood_back = select(hand.c.case_id).where(
        hand.c.act == RECUSED,
        hand.c.person.in_(sorted(subject.persons)),
    )
    return case.c.id.in_(stood_back.correlate(None))


OF_PERSONS: Mapping[str, Callable[[Subject], ColumnElement[bool]]] = MappingProxyType(
    {"assigned": _assigned_sql, "about_me": _about_me_sql, "recused": _recused_set}
)
"""Scopes that hang on whom a case names → the cases that name the subject so, found by an index."""
OF_GROUPS = frozenset({"implementing", "involved", "held"})
"""Relations that hang on the departments of a case alone, whether its tasks are open or not."""


# --- the label -------------------------------------------------------------------------------


def dominates(actor: Actor, level: int, compartments: Collection[str]) -> bool:
    """Tell whether the actor's own clearance covers a label: level and every compartment.

    Code, never a row: no row can switch it off (GB/T 22239-2019 8.1.4.2 g). A deputy's own
    clearance counts, not that of the person they act for.
    """
    return actor.clearance >= level and set(compartments) <= set(actor.compartments)


def dominates_sql(actor: Actor) -> ColumnElement[bool]:
    """Return the same condition over the case tables."""
    outside = _any_row().where(
        case_compartment.c.case_id == case.c.id,
        case_compartment.c.compartment.not_in(sorted(set(actor.compartments))),
    )
    return and_(case.c.label_level <= actor.clearance, not_(outside))


__all__ = ["RECUSED", "RELATIONS", "SCOPES", "Object", "Reach", "Subject", "Thing", "dominates"]
