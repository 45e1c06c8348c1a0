"""Each scope and relation says the same in Python and in SQL, on rows of the case tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, delete, insert, select

from cases.database import Instant
from cases.facts import CaseFacts
from cases.incident_tables import incident, incident_unit
from cases.messages import Actor, Grant
from cases.tables import case, case_compartment, cases_metadata, hand, task
from policies.access import Access
from policies.scopes import (
    RELATIONS,
    SCOPES,
    Object,
    Reach,
    Subject,
    Thing,
    dominates,
    dominates_sql,
)
from policies.vocabulary import ACTS, READING, ROLES

PARENTS = {"city": "", "market": "city", "food": "market", "fire": "city"}
PLACES = (*PARENTS, "unknown")
PEOPLE = ("u:a", "u:b", "u:A", "citizen:aaaa")
COMPARTMENTS = ("health", "minors")
NOW = datetime(2026, 11, 23, tzinfo=UTC)

people = st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True).map(tuple)
places = st.sampled_from(PLACES)


@st.composite
def cases(draw: st.DrawFn) -> CaseFacts:
    tasks: dict[str, str] = draw(st.dictionaries(st.sampled_from(("t1", "t2")), places, max_size=2))
    done = draw(st.lists(places, max_size=1))
    return CaseFacts(
        id="c",
        matter="m",
        department=draw(places),
        departments=tuple(dict.fromkeys((*tasks.values(), *done))),
        label_level=draw(st.integers(1, 3)),
        compartments=draw(st.sampled_from(((), ("health",), COMPARTMENTS))),
        closed=draw(st.booleans()),
        applicant=draw(st.sampled_from(PEOPLE)),
        holder=draw(st.sampled_from(("", *PEOPLE))),
        assignees=draw(people) if tasks else (),
        hands={"accept": draw(people), "recused": draw(people)},
        task_departments=tasks,
    )


actors = st.builds(
    Actor,
    id=st.sampled_from(("u:a", "u:b", "u:A")),
    on_behalf=st.sampled_from(("", "u:b")),
    grants=st.lists(
        st.builds(
            Grant, role=st.sampled_from(sorted(ROLES)), department=st.sampled_from(("*", *PLACES))
        ),
        max_size=3,
    ).map(tuple),
    clearance=st.integers(1, 3),
    compartments=st.sampled_from(((), ("health",), COMPARTMENTS)),
)

reaches = st.builds(Reach, st.booleans(), st.frozensets(places, max_size=3))


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    cases_metadata.create_all(engine)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def _default(column: Any) -> Any:
    if column.nullable:
        return None
    if isinstance(column.type, Instant):
        return NOW
    return {str: "", int: 1, bool: False, bytes: b""}[column.type.python_type]


def _filled(table: Any, **values: Any) -> dict[str, Any]:
    return {**{c.name: _default(c) for c in table.c if not c.primary_key}, **values}


def _store(connection: Connection, facts: CaseFacts) -> None:
    for table in (hand, task, case_compartment, case):
        connection.execute(delete(table))
    connection.execute(
        insert(case),
        _filled(
            case,
            id=facts.id,
            case_no="1",
            department=facts.department,
            label_level=facts.label_level,
            is_open=not facts.closed,
            holder=facts.holder,
            subject=facts.applicant,
            is_separated=False,
        ),
    )
    for compartment in facts.compartments:
        connection.execute(
            insert(case_compartment), {"case_id": facts.id, "compartment": compartment}
        )
    signers = "|" + "|".join(facts.assignees) + "|" if facts.assignees else ""
    for key, department in facts.task_departments.items():
        row = _filled(
            task, case_id=facts.id, key=key, department=department, state="open", signers=signers
        )
        connection.execute(insert(task), {**row, "holder": ""})
    for number, department in enumerate(facts.departments):
        row = _filled(task, case_id=facts.id, key=f"done{number}", department=department)
        connection.execute(
            insert(task), {**row, "state": "done", "signers": "|u:b|", "holder": "u:b"}
        )
    for act, persons in facts.hands.items():
        for person in persons:
            connection.execute(insert(hand), {"case_id": facts.id, "act": act, "person": person})


def _found(connection: Connection, condition: Any) -> bool:
    return connection.execute(select(case.c.id).where(condition)).first() is not None


many = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("name", [name for name in SCOPES if "case" in SCOPES[name].types])
@many
@given(actor=actors, facts=cases())
def test_a_scope_is_the_same_in_python_and_sql(
    connection: Connection, name: str, actor: Actor, facts: CaseFacts
) -> None:
    _store(connection, facts)
    persons = frozenset(filter(None, (actor.id, actor.on_behalf)))
    subject, scope = Subject(actor, persons, {}), SCOPES[name]
    assert scope.where is not None
    assert scope.holds(subject, Object("case", case=facts)) == _found(
        connection, scope.where(subject)
    )


@pytest.mark.parametrize("name", [name for name in RELATIONS if "case" in RELATIONS[name].types])
@many
@given(reach=reaches, facts=cases())
def test_a_relation_is_the_same_in_python_and_sql(
    connection: Connection, name: str, reach: Reach, facts: CaseFacts
) -> None:
    _store(connection, facts)
    relation = RELATIONS[name]
    assert relation.holds(reach, Object("case", case=facts)) == _found(
        connection, relation.where(reach)
    )


def _send(connection: Connection, departments: tuple[str, ...]) -> Thing:
    """Put one incident to which these were sent beside another to which everybody was."""
    for table in (incident_unit, incident):
        connection.execute(delete(table))
    for id, sent in (("i", departments), ("other", PLACES)):
        connection.execute(insert(incident), _filled(incident, id=id, number=id))
        for n, department in enumerate(sent):
            row = _filled(incident_unit, incident_id=id, n=n, department=department)
            connection.execute(insert(incident_unit), {**row, "state": "withdrawn"})
    return Thing("incident", "i", departments=tuple(dict.fromkeys(departments)))


def _shown(connection: Connection, condition: Any) -> bool:
    query = select(incident.c.id).where(condition, incident.c.id == "i")
    return connection.execute(query).first() is not None


sent_to = st.lists(places, max_size=3).map(tuple)


@many
@given(reach=reaches, departments=sent_to)
def test_to_be_sent_is_the_same_in_python_and_sql(
    connection: Connection, reach: Reach, departments: tuple[str, ...]
) -> None:
    thing, relation = _send(connection, departments), RELATIONS["sent"]
    assert relation.holds(reach, Object("incident", thing=thing)) == _shown(
        connection, relation.where(reach)
    )


@many
@given(
    actor=actors, departments=sent_to, act=st.sampled_from(sorted(READING & set(ACTS["incident"])))
)
def test_a_list_shows_an_incident_exactly_when_casbin_allows_it(
    connection: Connection,
    access: Access,
    actor: Actor,
    departments: tuple[str, ...],
    act: str,
) -> None:
    thing = _send(connection, departments)
    assert (act in access.may(actor, "incident", thing)) == _shown(
        connection, access.where(actor, act, "incident")
    )


@many
@given(actor=actors, facts=cases())
def test_the_label_is_the_same_in_python_and_sql(
    connection: Connection, actor: Actor, facts: CaseFacts
) -> None:
    _store(connection, facts)
    assert dominates(actor, facts.label_level, facts.compartments) == _found(
        connection, dominates_sql(actor)
    )


@many
@given(actor=actors, facts=cases(), act=st.sampled_from(sorted(READING)))
def test_a_list_shows_a_case_exactly_when_casbin_allows_it(
    connection: Connection, access: Access, actor: Actor, facts: CaseFacts, act: str
) -> None:
    _store(connection, facts)
    assert access.decide(actor, act, facts, NOW).allowed == _found(
        connection, access.where(actor, act)
    )


@pytest.mark.parametrize("signer", ["u:aXb", "u:A_B", "u:a_bc", "xu:a_b", "u:a"])
def test_a_signer_with_nearly_the_same_id_is_somebody_else(
    connection: Connection, signer: str
) -> None:
    facts = CaseFacts(
        id="c",
        matter="m",
        department="food",
        departments=("food",),
        assignees=(signer,),
        task_departments={"t1": "food"},
    )
    _store(connection, facts)
    me = Subject(Actor(id="u:a_b"), frozenset({"u:a_b"}), {})
    them = Subject(Actor(id=signer), frozenset({signer}), {})
    where = SCOPES["assigned"].where
    assert where is not None
    assert not _found(connection, where(me))
    assert _found(connection, where(them))


def test_a_list_that_joins_tasks_of_its_own_asks_the_same(
    connection: Connection, access: Access
) -> None:
    facts = CaseFacts(
        id="c",
        matter="m",
        department="food",
        departments=("fire",),
        task_departments={"t1": "fire"},
    )
    _store(connection, facts)
    brigade = Actor(id="u:a", grants=(Grant(role="section_clerk", department="fire"),))
    other = Actor(id="u:a", grants=(Grant(role="section_clerk", department="planning"),))
    joined = select(case.c.id).join(task, task.c.case_id == case.c.id)
    assert connection.execute(joined.where(access.where(brigade, "list"))).all()
    assert not connection.execute(joined.where(access.where(other, "list"))).all()


def test_nobody_and_administrators_are_shown_no_case(
    connection: Connection, access: Access
) -> None:
    _store(connection, CaseFacts(id="c", matter="m", department="food"))
    for actor in (
        Actor(id="u:a"),
        Actor(id="system", kind="system"),
        Actor(id="u:a", grants=(Grant(role="sysadmin", department="*"),)),
        Actor(
            id="u:a",
            grants=(
                Grant(role="auditadmin", department="*"),
                Grant(role="supervisor", department="*"),
            ),
        ),
    ):
        assert not _found(connection, access.where(actor, "list"))


def test_lists_are_not_filtered_by_acts_that_change_something(access: Access) -> None:
    for act in set(ACTS["case"]) - READING:
        with pytest.raises(ValueError, match="changes something"):
            access.where(Actor(id="u:a"), act)


def test_every_scope_and_relation_has_a_sentence_for_the_assessor() -> None:
    sentences = [scope.sentence for scope in SCOPES.values()]
    sentences += [relation.sentence for relation in RELATIONS.values()]
    assert all(sentences) and len(set(sentences)) == len(sentences)
