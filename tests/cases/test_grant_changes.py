"""Rights change only as two security administrators agreed: the register, and the store itself."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine, delete, insert, text, update
from sqlalchemy.exc import DBAPIError

from cases.accounts import Account, AccountRefused, Accounts
from cases.database import open_engine
from cases.grant_changes import GrantChange, GrantChanges, Rights, difference
from cases.grant_tables import grant_change
from cases.messages import Grant
from cases.web_tables import account, web_metadata
from policies.identity import Credentials
from tests.cases.test_accounts import Log
from tests.granting import guards, regrant
from tests.stores import lay_out

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CLERK = Grant(role="section_clerk", department="fire")
HEAD = Grant(role="section_head", department="fire")
SECURITY = Grant(role="secadmin", department="*")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'web.sqlite'}")
    lay_out(opened, web_metadata)
    yield opened
    opened.dispose()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def accounts(engine: Engine, log: Log) -> Accounts:
    return Accounts(engine, Credentials(passes=1, memory_kib=64, lanes=1), log)


@pytest.fixture
def changes(engine: Engine, log: Log) -> GrantChanges:
    return GrantChanges(engine, log, lambda _holder, _after: ())


@pytest.fixture
def two(engine: Engine) -> tuple[str, str]:
    """Ids of two security administrators."""
    return guards(engine, NOW)


@pytest.fixture
def wang(accounts: Accounts) -> str:
    return accounts.create_account("wang", "王芳", "fire", at=NOW, by="u:sys")[0]


def held(accounts: Accounts, user: str) -> Rights:
    found = accounts.find(user)
    assert found is not None
    return Rights.of(found)


def found(changes: GrantChanges, key: str) -> GrantChange:
    one = changes.find(key)
    assert one is not None
    return one


def code_of(refused: pytest.ExceptionInfo[AccountRefused]) -> str:
    return refused.value.code


def test_a_proposal_changes_nothing_until_another_approves(
    accounts: Accounts, changes: GrantChanges, two: tuple[str, str], wang: str
) -> None:
    after = Rights((CLERK,), 2, ("health",))
    key = changes.propose(wang, after, "任职文件 2026-7", two[0], NOW)
    assert held(accounts, wang) == Rights((), 1)
    changes.approve(key, two[1], NOW)
    assert held(accounts, wang) == after
    settled = found(changes, key)
    assert (settled.state, settled.proposed_by, settled.settled_by) == ("approved", *two)


def test_who_proposed_does_not_approve_and_does_not_refuse(
    accounts: Accounts, changes: GrantChanges, two: tuple[str, str], wang: str
) -> None:
    key = changes.propose(wang, Rights((CLERK,)), "调岗", two[0], NOW)
    with pytest.raises(AccountRefused) as refused:
        changes.approve(key, two[0], NOW)
    assert code_of(refused) == "own_proposal"
    with pytest.raises(AccountRefused) as refused:
        changes.refuse(key, "不妥", two[0], NOW)
    assert code_of(refused) == "own_proposal"
    assert held(accounts, wang) == Rights(())


def test_nobody_proposes_or_approves_for_himself(
    changes: GrantChanges, two: tuple[str, str]
) -> None:
    with pytest.raises(AccountRefused) as refused:
        changes.propose(two[0], Rights((SECURITY,), 4), "调岗", two[0], NOW)
    assert code_of(refused) == "own_account"
    key = changes.propose(two[1], Rights((SECURITY,), 4), "调岗", two[0], NOW)
    with pytest.raises(AccountRefused) as refused:
        changes.approve(key, two[1], NOW)
    assert code_of(refused) == "own_account"


@pytest.mark.parametrize("role", ["sysadmin", "auditadmin", "section_head", None])
def test_only_security_administrators_propose_and_approve(
    role: str | None, engine: Engine, accounts: Accounts, changes: GrantChanges,
    two: tuple[str, str], wang: str,
) -> None:  # fmt: skip
    grants = [Grant(role=role, department="*")] if role else []
    other, _ = accounts.create_account("li", "李", "", at=NOW, by="system", grants=grants)
    with pytest.raises(AccountRefused) as refused:
        changes.propose(wang, Rights((CLERK,)), "调岗", other, NOW)
    assert code_of(refused) == "not_security"
    key = changes.propose(wang, Rights((CLERK,)), "调岗", two[0], NOW)
    with pytest.raises(AccountRefused) as refused:
        changes.approve(key, other, NOW)
    assert code_of(refused) == "not_security"


def test_of_two_who_approve_at_once_one_wins_and_the_other_is_told_who(
    engine: Engine, accounts: Accounts, changes: GrantChanges, two: tuple[str, str], wang: str
) -> None:
    third, _ = accounts.create_account("san", "三", "", at=NOW, by="system", grants=[SECURITY])
    for level in (2, 3, 4, 2, 3):
        key = changes.propose(wang, Rights((CLERK,), level), "调岗", two[0], NOW)
        together = Barrier(2)

        def approve(by: str, key: str = key, together: Barrier = together) -> str:
            together.wait()
            try:
                changes.approve(key, by, NOW)
            except AccountRefused as refused:
                return refused.reason
            return ""

        with ThreadPoolExecutor(2) as pool:
            said = sorted(pool.map(approve, (two[1], third)))
        winner = found(changes, key).settled_by
        name = {two[1]: "guard-two", third: "三"}[winner]
        assert said == ["", f"这项变更已由{name}批准，请刷新后查看"]
        assert held(accounts, wang).clearance == level


def test_a_second_change_waits_until_the_first_is_settled(
    changes: GrantChanges, two: tuple[str, str], wang: str
) -> None:
    key = changes.propose(wang, Rights((CLERK,)), "调岗", two[0], NOW)
    with pytest.raises(AccountRefused) as refused:
        changes.propose(wang, Rights((HEAD,)), "调岗", two[1], NOW)
    assert code_of(refused) == "change_waits"
    changes.refuse(key, "依据不足", two[1], NOW)
    assert found(changes, key).settled_reason == "依据不足"
    changes.propose(wang, Rights((HEAD,)), "调岗", two[1], NOW)


def test_only_who_proposed_withdraws(
    changes: GrantChanges, two: tuple[str, str], wang: str
) -> None:
    key = changes.propose(wang, Rights((CLERK,)), "调岗", two[0], NOW)
    with pytest.raises(AccountRefused) as refused:
        changes.withdraw(key, two[1], NOW)
    assert code_of(refused) == "not_own"
    changes.withdraw(key, two[0], NOW)
    with pytest.raises(AccountRefused) as refused:
        changes.approve(key, two[1], NOW)
    assert refused.value.reason == "这项变更已由guard-one撤回，请刷新后查看"


def test_the_gate_is_asked_when_it_is_proposed_and_again_before_it_is_approved(
    engine: Engine, log: Log, accounts: Accounts, two: tuple[str, str], wang: str
) -> None:
    faults: list[str] = []
    gated = GrantChanges(engine, log, lambda _holder, _after: tuple(faults))
    key = gated.propose(wang, Rights((CLERK,)), "调岗", two[0], NOW)
    faults.append("两步不得由一人办理")
    with pytest.raises(AccountRefused, match="两步不得由一人办理"):
        gated.approve(key, two[1], NOW)
    assert gated.faults(found(gated, key)) == ("两步不得由一人办理",)
    gated.withdraw(key, two[0], NOW)
    with pytest.raises(AccountRefused, match="两步不得由一人办理"):
        gated.propose(wang, Rights((CLERK,)), "调岗", two[0], NOW)
    assert held(accounts, wang) == Rights(())


def test_a_proposal_of_somebody_who_is_no_longer_security_administrator_is_not_approved(
    accounts: Accounts, changes: GrantChanges, two: tuple[str, str], wang: str
) -> None:
    third, _ = accounts.create_account("san", "三", "", at=NOW, by="system", grants=[SECURITY])
    key = changes.propose(wang, Rights((CLERK,)), "调岗", third, NOW)
    accounts.close(third, "u:sys", NOW)
    with pytest.raises(AccountRefused) as refused:
        changes.approve(key, two[1], NOW)
    assert code_of(refused) == "proposer_gone"
    changes.refuse(key, "提出人已离任", two[1], NOW)


def test_what_waits_for_a_closed_account_ends_with_it(
    accounts: Accounts, changes: GrantChanges, two: tuple[str, str], wang: str
) -> None:
    key = changes.propose(wang, Rights((CLERK,)), "调岗", two[0], NOW)
    accounts.close(wang, "u:sys", NOW)
    assert found(changes, key).state == "lapsed"
    with pytest.raises(AccountRefused):
        changes.approve(key, two[1], NOW)


@pytest.mark.parametrize("after", [Rights(()), Rights((CLERK, CLERK)), Rights((CLERK,), 1, ())])
def test_what_changes_nothing_is_no_change(
    after: Rights, changes: GrantChanges, two: tuple[str, str], wang: str, engine: Engine
) -> None:
    regrant(engine, wang, after.grants, at=NOW) if after.grants else None
    with pytest.raises(AccountRefused) as refused:
        changes.propose(wang, after, "调岗", two[0], NOW)
    assert code_of(refused) == "no_change"


def test_a_change_without_a_reason_is_refused(
    changes: GrantChanges, two: tuple[str, str], wang: str
) -> None:
    with pytest.raises(AccountRefused) as refused:
        changes.propose(wang, Rights((CLERK,)), "  ", two[0], NOW)
    assert code_of(refused) == "no_reason"
    key = changes.propose(wang, Rights((CLERK,)), "调岗", two[0], NOW)
    with pytest.raises(AccountRefused) as refused:
        changes.refuse(key, " ", two[1], NOW)
    assert code_of(refused) == "no_reason"


# --- never too few administrators ----------------------------------------------------------------


def test_the_second_security_administrator_is_neither_closed_nor_regranted(
    accounts: Accounts, changes: GrantChanges, two: tuple[str, str]
) -> None:
    with pytest.raises(AccountRefused) as refused:
        accounts.close(two[0], "u:sys", NOW)
    assert code_of(refused) == "last_administrator"
    third, _ = accounts.create_account("san", "三", "", at=NOW, by="system", grants=[SECURITY])
    key = changes.propose(two[0], Rights((CLERK,)), "调岗", two[1], NOW)
    changes.approve(key, third, NOW)  # two stay
    with pytest.raises(AccountRefused) as refused:
        accounts.close(third, "u:sys", NOW)
    assert code_of(refused) == "last_administrator"


@pytest.mark.parametrize("role", ["sysadmin", "auditadmin"])
def test_the_last_of_the_other_administrators_stays(role: str, accounts: Accounts) -> None:
    grants = [Grant(role=role, department="*")]
    one, _ = accounts.create_account("one", "一", "", at=NOW, by="system", grants=grants)
    with pytest.raises(AccountRefused) as refused:
        accounts.close(one, "u:sys", NOW)
    assert code_of(refused) == "last_administrator"
    accounts.create_account("other", "二", "", at=NOW, by="system", grants=grants)
    accounts.close(one, "u:sys", NOW)


def test_a_city_with_one_security_administrator_is_given_the_second_at_the_start(
    accounts: Accounts,
) -> None:
    assert accounts.missing_security_administrator(NOW) == ()  # nobody at all: the first start's
    accounts.create_account("secadmin", "安", "", at=NOW, by="system", grants=[SECURITY])
    made = accounts.missing_security_administrator(NOW)
    assert [login for login, _ in made] == ["secadmin2"]
    assert accounts.missing_security_administrator(NOW) == ()


# --- what the log is told ------------------------------------------------------------------------


def test_every_step_of_a_change_is_told(
    log: Log, changes: GrantChanges, two: tuple[str, str], wang: str
) -> None:
    log.clear()
    after = Rights((CLERK,), 3, ("health",))
    key = changes.propose(wang, after, "调岗", two[0], NOW)
    changes.approve(key, two[1], NOW)
    second = changes.propose(wang, replace(after, grants=()), "离岗", two[1], NOW)
    changes.refuse(second, "不离岗", two[0], NOW)
    third = changes.propose(wang, replace(after, grants=()), "离岗", two[1], NOW)
    changes.withdraw(third, two[1], NOW)
    assert [(one.act, one.by, one.why) for one in log] == [
        ("grant_proposed", two[0], f"+section_clerk@fire 1>3 +health change:{key}"),
        ("account_grant", two[1], f"section_clerk@fire change:{key}"),
        ("account_label", two[1], f"3 health change:{key}"),
        ("grant_proposed", two[1], f"-section_clerk@fire change:{second}"),
        ("grant_refused", two[0], f"change:{second}"),
        ("grant_proposed", two[1], f"-section_clerk@fire change:{third}"),
        ("grant_withdrawn", two[1], f"change:{third}"),
    ]
    assert {one.account for one in log} == {wang}
    assert not any("调岗" in one.why or "离岗" in one.why for one in log)


def test_the_difference_names_what_comes_and_what_goes() -> None:
    before, after = Rights((CLERK,), 2, ("health",)), Rights((HEAD,), 3, ("minors",))
    said = difference(before, after)
    assert said == "+section_head@fire -section_clerk@fire 2>3 +minors -health"


# --- the store itself ----------------------------------------------------------------------------


def _row(user: str, by: str, **other: object) -> dict[str, object]:
    return {
        "id": "c-1", "account_id": user, "grants_before": [], "grants_after": [["x", "y"]],
        "clearance_before": 1, "clearance_after": 1, "compartments_before": [],
        "compartments_after": [], "reason": "x", "state": "proposed", "proposed_by": by,
        "proposed_at": NOW, "settled_by": "", "settled_reason": "",
    } | other  # fmt: skip


def _refuses(engine: Engine, statement: object, match: str) -> None:
    with pytest.raises(DBAPIError, match=match), engine.begin() as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def test_the_store_refuses_rights_that_nobody_agreed_on(engine: Engine, wang: str) -> None:
    for values in ({"grants": [["sysadmin", "*"]]}, {"clearance": 4}, {"compartments": ["x"]}):
        change = update(account).where(account.c.id == wang).values(values)
        _refuses(engine, change, "two people agreed")


def test_the_store_refuses_to_apply_an_older_agreement_again(
    engine: Engine, accounts: Accounts, wang: str
) -> None:
    regrant(engine, wang, [CLERK], at=NOW)
    regrant(engine, wang, [], at=NOW)
    again = update(account).where(account.c.id == wang).values(grants=[["section_clerk", "fire"]])
    _refuses(engine, again, "two people agreed")


def test_the_store_refuses_an_account_that_begins_with_rights(engine: Engine) -> None:
    row = {
        "id": "u:1", "kind": "human", "login": "x1", "name": "x", "department": "",
        "grants": [["sysadmin", "*"]], "clearance": 1, "compartments": [], "password": "",
        "enrolment": "", "token": "", "created_at": NOW, "created_by": "u:2",
    }  # fmt: skip
    _refuses(engine, insert(account).values(row), "begins without rights")


def test_the_store_refuses_a_change_that_begins_settled_or_with_somebody_else(
    engine: Engine, two: tuple[str, str], wang: str
) -> None:
    begun = insert(grant_change)
    _refuses(engine, begun.values(_row(wang, "u:nobody")), "security administrator")
    settled = _row(wang, two[0], state="approved", settled_by=two[1])
    _refuses(engine, begun.values(settled), "security administrator")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"state": "approved", "settled_by": "PROPOSER"}, "two_people"),
        ({"state": "approved", "settled_by": "HOLDER"}, "by another|nobody_for_himself"),
        ({"state": "approved", "settled_by": "u:nobody"}, "by another"),
        ({"state": "withdrawn", "settled_by": "OTHER"}, "two_people"),
        ({"state": "refused", "settled_by": "OTHER"}, "refused_why"),
        ({"state": "approved"}, "settled|by another"),
        ({"grants_after": [["sysadmin", "*"]]}, "by another"),
        ({"reason": "anders"}, "by another"),
    ],
)
def test_the_store_refuses_a_false_ending(
    values: dict[str, object], match: str, engine: Engine, changes: GrantChanges,
    two: tuple[str, str], wang: str,
) -> None:  # fmt: skip
    key = changes.propose(wang, Rights((CLERK,)), "调岗", two[0], NOW)
    people = {"PROPOSER": two[0], "OTHER": two[1], "HOLDER": wang}
    meant = {name: people.get(str(value), value) for name, value in values.items()}
    ending = update(grant_change).where(grant_change.c.id == key).values(meant)
    _refuses(engine, ending, match)


def test_the_store_keeps_what_has_been_settled(
    engine: Engine, changes: GrantChanges, two: tuple[str, str], wang: str
) -> None:
    key = regrant(engine, wang, [CLERK], at=NOW)
    this = grant_change.c.id == key
    _refuses(engine, update(grant_change).where(this).values(settled_reason="x"), "settled once")
    _refuses(engine, delete(grant_change).where(this), "stays")


def test_the_store_never_gives_an_account_to_somebody_else(engine: Engine, wang: str) -> None:
    this = account.c.id == wang
    _refuses(engine, delete(account).where(this), "never given again")
    for values in ({"id": "u:other"}, {"kind": "service"}, {"created_by": "u:other"}):
        _refuses(engine, update(account).where(this).values(values), "never changes")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM account")).scalar_one() >= 1


def test_the_gate_sees_whom_it_is_about(
    engine: Engine, log: Log, two: tuple[str, str], wang: str
) -> None:
    seen: list[tuple[str, Rights]] = []

    def gate(holder: Account, after: Rights) -> tuple[str, ...]:
        seen.append((holder.id, after))
        return ()

    GrantChanges(engine, log, gate).propose(wang, Rights((CLERK,)), "调岗", two[0], NOW)
    assert seen == [(wang, Rights((CLERK,)))]
