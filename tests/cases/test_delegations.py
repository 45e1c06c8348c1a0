"""Delegations on a real store: two people, ninety days, what is still held, and no third person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text, update
from sqlalchemy.exc import DatabaseError

from cases import delegations
from cases.database import open_engine
from cases.delegation_tables import delegation
from cases.delegations import NotOpen
from cases.deputies import Delegation, Deputyship
from cases.messages import Actor, Grant
from cases.web_tables import account
from policies.delegation import delegation_faults
from tests.granting import regrant
from yichuang.stores import migrate

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HEAD = Grant(role="section_head", department="food")
CLERK = Grant(role="section_clerk", department="food")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'web.sqlite'}")
    migrate(opened, "web")
    yield opened
    opened.dispose()


@pytest.fixture
def store(engine: Engine) -> Engine:
    """Three people: u:head holds two roles, u:deputy one, u:third none."""
    with engine.begin() as connection:
        for user, grants in (("u:head", [HEAD, CLERK]), ("u:deputy", [CLERK]), ("u:third", [])):
            connection.execute(insert(account).values(_person(user, grants)))
    return engine


def _person(user: str, grants: Sequence[Grant]) -> dict[str, object]:
    return {
        "id": user, "kind": "human", "login": user[2:], "name": user, "department": "food",
        "grants": [[one.role, one.department] for one in grants], "clearance": 1,
        "compartments": [], "password": "", "enrolment": "", "token": "", "created_at": NOW,
        "created_by": "system",
    }  # fmt: skip


def one(**changed: object) -> Delegation:
    known: dict[str, object] = {
        "id": "d1", "delegator": "u:head", "deputy": "u:deputy", "grants": (HEAD,),
        "reason": "leave", "starts_at": NOW, "ends_at": NOW + 5 * DAY, "proposed_at": NOW,
    }  # fmt: skip
    return Delegation(**(known | changed))  # type: ignore[arg-type]  # fields by name


def agreed(engine: Engine, **changed: object) -> None:
    new = one(**changed)
    with engine.begin() as connection:
        delegations.propose(connection, new)
        delegations.accept(connection, new.id, new.deputy, NOW)


def acting(engine: Engine, at: datetime = NOW, deputy: str = "u:deputy") -> Sequence[Deputyship]:
    with engine.begin() as connection:
        return delegations.deputyships(connection, deputy, at)


def close(engine: Engine, user: str) -> None:
    with engine.begin() as connection:
        connection.execute(update(account).where(account.c.id == user).values(disabled_at=NOW))


# --- who may act -----------------------------------------------------------------------------


def test_a_proposal_alone_lets_nobody_act(store: Engine) -> None:
    with store.begin() as connection:
        delegations.propose(connection, one())
    assert acting(store) == []


def test_an_accepted_delegation_gives_the_delegated_roles_and_no_other(store: Engine) -> None:
    agreed(store)
    assert [(found.delegator, found.grants) for found in acting(store)] == [("u:head", (HEAD,))]


def test_it_runs_from_its_first_moment_and_not_before(store: Engine) -> None:
    agreed(store, starts_at=NOW + DAY)
    assert acting(store, NOW + DAY - timedelta(microseconds=1)) == []
    assert len(acting(store, NOW + DAY)) == 1


def test_it_has_ended_at_its_last_moment(store: Engine) -> None:
    agreed(store)
    assert len(acting(store, NOW + 5 * DAY - timedelta(microseconds=1))) == 1
    assert acting(store, NOW + 5 * DAY) == []


@pytest.mark.parametrize("by", ["u:head", "u:deputy"])
def test_either_ends_it_at_once(store: Engine, by: str) -> None:
    agreed(store)
    with store.begin() as connection:
        delegations.end(connection, "d1", by, NOW, "ended")
    assert acting(store) == []


@pytest.mark.parametrize("user", ["u:head", "u:deputy"])
def test_it_ends_with_either_account(store: Engine, user: str) -> None:
    agreed(store)
    close(store, user)
    assert acting(store) == []


def test_a_role_that_the_delegator_no_longer_holds_is_gone_for_the_deputy_too(
    store: Engine,
) -> None:
    agreed(store, grants=(HEAD, CLERK))
    regrant(store, "u:head", [CLERK])
    assert [found.grants for found in acting(store)] == [(CLERK,)]


def test_it_ends_with_the_delegators_last_delegated_role(store: Engine) -> None:
    agreed(store)
    regrant(store, "u:head", [CLERK])
    assert acting(store) == []


def test_the_same_role_in_another_department_is_not_the_delegated_one(store: Engine) -> None:
    agreed(store)
    regrant(store, "u:head", [Grant(role="section_head", department="market")])
    assert acting(store) == []


@pytest.mark.parametrize("role", ["sysadmin", "secadmin", "auditadmin"])
def test_who_becomes_administrator_acts_for_nobody_any_more(store: Engine, role: str) -> None:
    agreed(store)
    regrant(store, "u:deputy", [Grant(role=role, department="*")])
    assert acting(store) == []


def test_a_deputys_deputy_gets_nothing_of_the_first_delegator(store: Engine) -> None:
    agreed(store)
    # Whatever it says: u:deputy does not hold the role, so there is nothing to pass on.
    agreed(store, id="d2", delegator="u:deputy", deputy="u:third")
    assert acting(store, deputy="u:third") == []


def test_the_actor_has_both_ids_the_delegated_roles_and_the_deputys_own_clearance(
    store: Engine,
) -> None:
    agreed(store)
    own = Actor(id="u:deputy", department="market", grants=(CLERK,), clearance=3)
    actor = acting(store)[0].actor(own, "food")
    assert (actor.id, actor.on_behalf, actor.grants) == ("u:deputy", "u:head", (HEAD,))
    assert (actor.clearance, actor.department) == (3, "food")


def test_nobody_takes_on_the_deputyship_of_another(store: Engine) -> None:
    agreed(store)
    with pytest.raises(ValueError, match="not the deputy"):
        acting(store)[0].actor(Actor(id="u:third"), "food")


# --- transitions -----------------------------------------------------------------------------


def test_only_the_named_deputy_accepts(store: Engine) -> None:
    with store.begin() as connection:
        delegations.propose(connection, one())
    with pytest.raises(NotOpen), store.begin() as connection:
        delegations.accept(connection, "d1", "u:third", NOW)


def test_nothing_is_accepted_twice_or_after_its_end(store: Engine) -> None:
    agreed(store)
    with pytest.raises(NotOpen), store.begin() as connection:
        delegations.accept(connection, "d1", "u:deputy", NOW)
    with store.begin() as connection:
        delegations.propose(connection, one(id="d2"))
        delegations.end(connection, "d2", "u:head", NOW, "withdrawn")
    with pytest.raises(NotOpen), store.begin() as connection:
        delegations.accept(connection, "d2", "u:deputy", NOW)


def test_what_is_over_is_found_with_its_reason(store: Engine) -> None:
    agreed(store)
    agreed(store, id="d2", grants=(CLERK,), ends_at=NOW + 9 * DAY)
    regrant(store, "u:head", [HEAD])
    with store.begin() as connection:
        found = delegations.lapsed(connection, NOW)
        assert [(one.id, why) for one, why in found] == [("d2", "grant")]
        found = delegations.lapsed(connection, NOW + 5 * DAY)
        assert sorted((one.id, why) for one, why in found) == [("d1", "time"), ("d2", "grant")]


# --- what the database itself refuses -------------------------------------------------------


def _sql(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_raw_sql_does_not_make_somebody_their_own_deputy(store: Engine) -> None:
    with pytest.raises(DatabaseError, match="two_people"), store.begin() as connection:
        delegations.propose(connection, one(deputy="u:head"))


def test_ninety_days_are_stored_and_a_day_more_is_not(store: Engine) -> None:
    with store.begin() as connection:
        delegations.propose(connection, one(ends_at=NOW + 90 * DAY))
    with pytest.raises(DatabaseError, match="90 days"), store.begin() as connection:
        delegations.propose(connection, one(id="d2", ends_at=NOW + 91 * DAY))


def test_raw_sql_does_not_insert_an_accepted_delegation(store: Engine) -> None:
    with store.begin() as connection:
        delegations.propose(connection, one())
    columns = ", ".join(column.name for column in delegation.columns)
    chosen = columns.replace("id,", "'d9',", 1)
    chosen = chosen.replace("accepted_by", "deputy").replace("accepted_at", "starts_at")
    with pytest.raises(DatabaseError, match="proposed first"):
        _sql(store, f"INSERT INTO delegation ({columns}) SELECT {chosen} FROM delegation")


def test_raw_sql_does_not_accept_for_somebody_else(store: Engine) -> None:
    with store.begin() as connection:
        delegations.propose(connection, one())
    with pytest.raises(DatabaseError, match="accepted_by_deputy"):
        _sql(store, "UPDATE delegation SET accepted_by = 'u:third', accepted_at = starts_at")


@pytest.mark.parametrize(
    "change",
    [
        "deputy = 'u:third'",
        "delegator = 'u:third'",
        'grants = \'[["organ_head", "food"]]\'',
        "starts_at = proposed_at, ends_at = '2027-11-23 00:00:00.000000'",
        "accepted_by = '', accepted_at = NULL",
    ],
)
def test_raw_sql_does_not_change_what_was_agreed(store: Engine, change: str) -> None:
    agreed(store)
    with pytest.raises(DatabaseError, match=r"does not change|accepted_by_deputy"):
        _sql(store, f"UPDATE delegation SET {change} WHERE id = 'd1'")


def test_raw_sql_does_not_bring_an_ended_delegation_back(store: Engine) -> None:
    agreed(store)
    with store.begin() as connection:
        delegations.end(connection, "d1", "u:head", NOW, "ended")
    with pytest.raises(DatabaseError, match="does not change"):
        _sql(store, "UPDATE delegation SET ended_at = NULL, ended_by = '', why = ''")


def test_raw_sql_does_not_delete_a_delegation(store: Engine) -> None:
    agreed(store)
    with pytest.raises(DatabaseError, match="not deleted"):
        _sql(store, "DELETE FROM delegation")


# --- the gate --------------------------------------------------------------------------------


def faults(**changed: object) -> list[str]:
    known: dict[str, object] = {
        "delegator": "u:head", "deputy": "u:deputy", "delegated": (HEAD,), "held": (HEAD, CLERK),
        "deputy_holds": (CLERK,), "starts_at": NOW, "ends_at": NOW + 5 * DAY, "now": NOW,
    }  # fmt: skip
    return [one.code for one in delegation_faults(**(known | changed))]  # type: ignore[arg-type]  # fields by name


def test_what_may_be_delegated_has_no_fault() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"deputy": "u:head"}, "same_person"),
        ({"delegated": ()}, "nothing"),
        ({"held": (CLERK,)}, "not_held"),
        ({"ends_at": NOW}, "no_time"),
        ({"now": NOW + 5 * DAY}, "over"),
        ({"ends_at": NOW + 90 * DAY + timedelta(seconds=1)}, "too_long"),
        ({"deputy_holds": (Grant(role="secadmin", department="*"),)}, "administrator"),
    ],
)
def test_each_fault_of_a_delegation_is_named(changed: dict[str, object], code: str) -> None:
    assert faults(**changed) == [code]


def test_ninety_days_may_be_delegated() -> None:
    assert faults(ends_at=NOW + 90 * DAY) == []


@pytest.mark.parametrize(
    "role", ["sysadmin", "secadmin", "auditadmin", "catalogue_editor", "catalogue_signer"]
)
def test_no_personal_role_is_delegated(role: str) -> None:
    grant = Grant(role=role, department="*")
    assert faults(delegated=(grant,), held=(grant,)) == ["personal_role"]


def test_a_citizens_or_systems_role_is_not_delegated() -> None:
    for role in ("citizen", "service_intake"):
        grant = Grant(role=role, department="food")
        assert faults(delegated=(grant,), held=(grant,)) == ["not_of_people"]
