"""Accounts end at their term and when nobody signs in, and are reviewed each quarter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from cases.account_life import ASLEEP_AFTER, WARNED_BEFORE, AccountLife
from cases.accounts import DEFAULT_LOGINS, Account, AccountRefused, Accounts
from cases.database import open_engine
from cases.grant_changes import GrantChanges, Rights
from cases.messages import Grant
from cases.review_tables import account_review
from cases.web_tables import account, session, web_metadata
from policies.identity import Credentials
from tests.cases.test_accounts import Log
from tests.granting import guards
from tests.stores import lay_out

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CREDENTIALS = Credentials(passes=1, memory_kib=64, lanes=1)


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
    return Accounts(engine, CREDENTIALS, log)


@pytest.fixture
def life(engine: Engine, log: Log) -> AccountLife:
    return AccountLife(engine, log, "Asia/Shanghai")


@pytest.fixture
def wang(accounts: Accounts) -> str:
    return accounts.create_account("wang", "王芳", "fire", at=NOW, by="u:sys")[0]


def found(accounts: Accounts, user: str) -> Account:
    one = accounts.find(user)
    assert one is not None
    return one


def code_of(refused: pytest.ExceptionInfo[AccountRefused]) -> str:
    return refused.value.code


def test_an_account_is_good_until_its_term_and_no_longer(
    accounts: Accounts, life: AccountLife, wang: str
) -> None:
    until = NOW + timedelta(days=30)
    life.set_term(wang, until, "u:sys", NOW)
    assert life.end_due(until - SECOND) == ()
    assert [(one.account.id, one.why) for one in life.end_due(until)] == [(wang, "expired")]
    ended = found(accounts, wang)
    assert (ended.disabled_at, ended.disabled_why) == (until, "expired")
    assert life.end_due(until) == ()


def test_ninety_days_without_a_sign_in_put_an_account_to_sleep(
    engine: Engine, accounts: Accounts, life: AccountLife, wang: str
) -> None:
    signed_in = NOW + timedelta(days=10)
    with engine.begin() as connection:
        mine = account.c.id == wang
        connection.execute(update(account).where(mine).values(last_sign_in_at=signed_in))
    assert life.end_due(signed_in + ASLEEP_AFTER - SECOND) == ()
    (ended,) = life.end_due(signed_in + ASLEEP_AFTER)
    assert (ended.account.id, ended.why) == (wang, "asleep")
    assert found(accounts, wang).disabled_why == "asleep"


def test_who_never_came_falls_asleep_counted_from_the_first_day(
    life: AccountLife, wang: str
) -> None:
    assert life.end_due(NOW + ASLEEP_AFTER - SECOND) == ()
    assert [one.account.id for one in life.end_due(NOW + ASLEEP_AFTER)] == [wang]


def test_a_service_does_not_sleep_and_expires(accounts: Accounts, life: AccountLife) -> None:
    user, _ = accounts.create_account("portal", "门户", "", at=NOW, by="u:sys", kind="service")
    assert life.end_due(NOW + 2 * ASLEEP_AFTER) == ()
    until = NOW + 3 * ASLEEP_AFTER
    life.set_term(user, until, "u:sys", NOW)
    assert [one.account.id for one in life.end_due(until)] == [user]


def test_the_week_before_warns_and_the_day_before_that_does_not(
    life: AccountLife, wang: str
) -> None:
    asleep = NOW + ASLEEP_AFTER
    assert life.soon(asleep - WARNED_BEFORE - SECOND) == ()
    (one,) = life.soon(asleep - WARNED_BEFORE)
    assert (one.account.id, one.why, one.at) == (wang, "asleep", asleep)


def test_the_last_administrators_are_warned_of_and_not_locked_out(
    engine: Engine, accounts: Accounts, life: AccountLife
) -> None:
    accounts.first_administrators(NOW)
    late = NOW + ASLEEP_AFTER
    assert {one.account.login for one in life.end_due(late) if one.spared} == {
        "sysadmin", "secadmin", "secadmin2", "auditadmin",
    }  # fmt: skip
    assert len(life.soon(late)) == 4
    grants = [Grant(role="secadmin", department="*")]
    accounts.create_account("third", "三", "", at=late, by="system", grants=grants)
    ended = [one.account.login for one in life.end_due(late) if not one.spared]
    assert ended == ["secadmin"]  # one is enough too many, and no second goes


def test_what_ended_by_itself_is_opened_again_with_a_new_code(
    accounts: Accounts, life: AccountLife, engine: Engine, log: Log, wang: str
) -> None:
    late = NOW + ASLEEP_AFTER
    life.end_due(late)
    code = life.wake(accounts, wang, "u:sys", late)
    assert code
    opened = found(accounts, wang)
    assert opened.disabled_at is None and opened.disabled_why == ""
    assert life.end_due(late + ASLEEP_AFTER - SECOND) == ()
    assert life.end_due(late + ASLEEP_AFTER)


def test_what_was_closed_is_not_opened_again(
    accounts: Accounts, life: AccountLife, wang: str
) -> None:
    with pytest.raises(AccountRefused) as refused:
        life.wake(accounts, wang, "u:sys", NOW)
    assert code_of(refused) == "not_asleep"
    accounts.close(wang, "u:sys", NOW)
    with pytest.raises(AccountRefused) as refused:
        life.wake(accounts, wang, "u:sys", NOW)
    assert code_of(refused) == "not_asleep"


def test_what_waits_for_an_account_that_ends_lapses(
    engine: Engine, log: Log, life: AccountLife, wang: str
) -> None:
    one, _ = guards(engine, NOW)
    changes = GrantChanges(engine, log, lambda _holder, _after: ())
    rights = Rights((Grant(role="section_clerk", department="fire"),))
    key = changes.propose(wang, rights, "调岗", one, NOW)
    life.set_term(wang, NOW + SECOND, "u:sys", NOW)
    life.end_due(NOW + SECOND)
    settled = changes.find(key)
    assert settled is not None and (settled.state, settled.settled_by) == ("lapsed", "system")


@pytest.mark.parametrize("until", [NOW, NOW - SECOND])
def test_a_term_that_has_passed_is_refused(until: datetime, life: AccountLife, wang: str) -> None:
    with pytest.raises(AccountRefused) as refused:
        life.set_term(wang, until, "u:sys", NOW)
    assert code_of(refused) == "past_term"


def test_nobody_sets_his_own_term_wakes_or_reviews_himself(
    accounts: Accounts, life: AccountLife, wang: str
) -> None:
    for act in (
        lambda: life.set_term(wang, None, wang, NOW),
        lambda: life.wake(accounts, wang, wang, NOW),
        lambda: life.review(wang, "kept", wang, NOW),
    ):
        with pytest.raises(AccountRefused) as refused:
            act()
        assert code_of(refused) == "own_account"


# --- reviews -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "quarter"),
    [
        (datetime(2026, 12, 31, 15, 59, tzinfo=UTC), "2026Q4"),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), "2027Q1"),
        (datetime(2026, 3, 31, 15, 59, tzinfo=UTC), "2026Q1"),
        (datetime(2026, 3, 31, 16, 0, tzinfo=UTC), "2026Q2"),
    ],
)
def test_a_quarter_turns_at_midnight_in_legal_time(
    at: datetime, quarter: str, life: AccountLife
) -> None:
    assert life.quarter(at) == quarter


def test_an_account_is_reviewed_once_a_quarter_with_what_it_held(
    accounts: Accounts, life: AccountLife, log: Log
) -> None:
    grants = [Grant(role="section_clerk", department="fire")]
    li, _ = accounts.create_account(
        "li", "李", "fire", at=NOW, by="system", grants=grants, clearance=2
    )
    life.review(li, "kept", "u:sec", NOW)
    with pytest.raises(AccountRefused) as refused:
        life.review(li, "removal", "u:sec2", NOW)
    assert code_of(refused) == "reviewed"
    life.review(li, "kept", "u:sec", NOW + timedelta(days=60))
    (one,) = life.reviews("2026Q4")
    assert (one.account, one.result, one.held) == (li, "kept", "section_clerk@fire 2")


def test_the_store_keeps_reviews_and_refuses_one_of_oneself(
    engine: Engine, life: AccountLife, wang: str
) -> None:
    life.review(wang, "kept", "u:sec", NOW)
    row = {
        "account_id": wang, "quarter": "2027Q1", "result": "kept", "held": "", "reviewed_by": wang,
        "reviewed_at": NOW,
    }  # fmt: skip
    for statement, match in (
        (update(account_review).values(result="removal"), "stays as it was"),
        (delete(account_review), "stays as it was"),
        (insert(account_review).values(row), "not_oneself"),
    ):
        with pytest.raises(DBAPIError, match=match), engine.begin() as connection:
            connection.execute(statement)


# --- names, entries, sessions --------------------------------------------------------------------


@pytest.mark.parametrize("login", sorted(DEFAULT_LOGINS))
def test_no_account_has_a_name_that_is_nobodys(login: str, accounts: Accounts) -> None:
    with pytest.raises(AccountRefused) as refused:
        accounts.create_account(login, "某", "", at=NOW, by="u:sys")
    assert code_of(refused) == "default_login"


def test_every_turn_of_an_accounts_life_is_told(
    accounts: Accounts, life: AccountLife, log: Log, wang: str
) -> None:
    log.clear()
    term = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)  # midnight that ends 30 November in Beijing
    life.set_term(wang, term, "u:sys", NOW)
    life.end_due(term)
    life.wake(accounts, wang, "u:sys", term)
    life.set_term(wang, None, "u:sys", term)
    life.review(wang, "kept", "u:sec", term)
    life.end_due(term + ASLEEP_AFTER)
    assert [(one.act, one.by, one.why) for one in log] == [
        ("account_term", "u:sys", "2026-11-30"),
        ("account_expire", "system", ""),
        ("account_wake", "u:sys", ""),
        ("account_renew", "u:sys", ""),
        ("account_term", "u:sys", "none"),
        ("account_review", "u:sec", "2026Q4 kept 1"),
        ("account_sleep", "system", ""),
    ]


def test_sessions_and_the_code_of_an_account_end_with_it(
    engine: Engine, accounts: Accounts, life: AccountLife, wang: str
) -> None:
    row = {
        "id": "s1", "token": "t", "account_id": wang, "csrf": "", "address": "", "agent": "",
        "created_at": NOW, "seen_at": NOW, "ends_at": NOW + timedelta(hours=10),
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(session).values(row))
    life.set_term(wang, NOW + SECOND, "u:sys", NOW)
    life.end_due(NOW + SECOND)
    with engine.connect() as connection:
        assert connection.execute(select(session.c.revoked_at)).scalar_one() == NOW + SECOND
        code = select(account.c.enrolment).where(account.c.id == wang)
        assert connection.execute(code).scalar_one() == ""
