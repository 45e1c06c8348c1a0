"""Accounts and sign-in on a real SQLite store."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, select

from cases.accounts import AccountRefused, Accounts, Happening, Place
from cases.database import open_engine
from cases.messages import Grant
from cases.sign_in import HalfWay, Refused, Session, SignedIn, SignIn, SignInRules
from cases.web_tables import account, attempt, session, web_metadata
from policies.identity import Credentials
from tests.cases.entering import enrolled, signed_in, way_in
from tests.granting import regrant
from tests.stores import lay_out

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
HERE = Place("192.0.2.7", "Chromium")
GOOD = "Correct-Horse-9"
OTHER = "Battery-Staple-7"

CREDENTIALS = Credentials(passes=1, memory_kib=64, lanes=1)
RULES = SignInRules(address_attempts=1000)
"""The address limit has tests of its own."""


class Log(list[Happening]):
    """Takes the place of the log: keeps what was told inside a transaction."""

    def __call__(self, connection: Connection, happening: Happening) -> None:
        assert connection.in_transaction()
        self.append(happening)

    def told(self) -> list[tuple[str, bool, str]]:
        return [(one.act, one.ok, one.why) for one in self]


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
def door(engine: Engine, log: Log) -> SignIn:
    return way_in(engine, CREDENTIALS, log, RULES)


@pytest.fixture
def wang(accounts: Accounts, door: SignIn) -> str:
    """The id of an enrolled clerk with the login `wang` and the password `GOOD`."""
    grants = [Grant(role="window_clerk", department="food")]
    user, code = accounts.create_account("wang", "王芳", "food", at=NOW, by="system", grants=grants)
    assert isinstance(enrolled(door, "wang", code, GOOD, NOW, HERE), SignedIn)
    return user


def _in(found: SignedIn | Refused) -> SignedIn:
    assert isinstance(found, SignedIn), found
    return found


def _out(found: SignedIn | HalfWay | Refused | None) -> Refused:
    assert isinstance(found, Refused), found
    return found


# --- enrolment -----------------------------------------------------------------------------------


def test_the_first_start_makes_the_administrators_once(accounts: Accounts, door: SignIn) -> None:
    made = accounts.first_administrators(NOW)
    assert [login for login, _ in made] == ["sysadmin", "secadmin", "secadmin2", "auditadmin"]
    assert accounts.first_administrators(NOW) == ()
    assert accounts.missing_security_administrator(NOW) == ()
    for login, code in made:
        entered = _in(enrolled(door, login, code, GOOD, NOW, HERE))
        assert [g.role for g in entered.session.actor.grants] == [login.rstrip("2")]


def test_nobody_has_a_password_before_enrolment(accounts: Accounts, door: SignIn) -> None:
    _, code = accounts.create_account("wang", "王芳", "food", at=NOW, by="u:x")
    for password in ("", "wang", code, GOOD):
        assert _out(door.sign_in("wang", password, NOW, HERE)).code == "wrong_password"


def test_a_code_works_once(accounts: Accounts, door: SignIn) -> None:
    _, code = accounts.create_account("wang", "王芳", "food", at=NOW, by="u:x")
    _in(enrolled(door, "wang", code, GOOD, NOW, HERE))
    assert _out(door.enrol("wang", code, OTHER, NOW, HERE)).code == "wrong_code"
    _in(signed_in(door, "wang", GOOD, NOW, HERE))


def test_a_code_used_twice_at_once_works_once(accounts: Accounts, door: SignIn) -> None:
    _, code = accounts.create_account("wang", "王芳", "food", at=NOW, by="u:x")
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(door.enrol, "wang", code, GOOD, NOW, HERE) for _ in range(4)]
        found = [one.result() for one in tries]
    assert sum(isinstance(one, HalfWay) for one in found) == 1


def test_a_code_expires_after_three_days(accounts: Accounts, door: SignIn) -> None:
    _, code = accounts.create_account("wang", "王芳", "food", at=NOW, by="u:x")
    late = NOW + timedelta(hours=72, microseconds=1)
    assert _out(door.enrol("wang", code, GOOD, late, HERE)).code == "wrong_code"
    _in(enrolled(door, "wang", code, GOOD, NOW + timedelta(hours=72), HERE))


def test_a_weak_password_leaves_the_code_good_however_often(
    accounts: Accounts, door: SignIn
) -> None:
    _, code = accounts.create_account("wang", "王芳", "food", at=NOW, by="u:x")
    for _ in range(6):
        assert _out(door.enrol("wang", code, "short", NOW, HERE)).code == "weak_password"
    _in(enrolled(door, "wang", code, GOOD, NOW, HERE))


def test_renewal_ends_password_and_sessions(accounts: Accounts, door: SignIn, wang: str) -> None:
    held = _in(signed_in(door, "wang", GOOD, NOW, HERE))
    code = accounts.renew(wang, "u:admin", NOW)
    assert door.visitor(held.secret, NOW) is None
    assert _out(door.sign_in("wang", GOOD, NOW, HERE)).code == "wrong_password"
    assert _out(door.enrol("wang", code, GOOD, NOW, HERE)).code == "weak_password"
    _in(enrolled(door, "wang", code, OTHER, NOW, HERE))


# --- sign-in and lock-out ------------------------------------------------------------------------


def test_the_right_password_opens_a_session_with_todays_grants(
    accounts: Accounts, door: SignIn, wang: str
) -> None:
    held = _in(signed_in(door, " WANG ", GOOD, NOW, HERE))
    assert held.session.actor.id == wang
    assert held.session.actor.grants == (Grant(role="window_clerk", department="food"),)
    regrant(accounts.engine, wang, [Grant(role="section_clerk", department="fire")], at=NOW)
    seen = door.visitor(held.secret, NOW)
    assert seen is not None and seen.actor.grants[0].role == "section_clerk"


def test_an_unknown_login_hears_what_a_wrong_password_hears(door: SignIn, wang: str) -> None:
    known = [_out(door.sign_in("wang", "x", NOW, HERE)) for _ in range(6)]
    unknown = [_out(door.sign_in("nobody", "x", NOW, HERE)) for _ in range(6)]
    assert known == unknown
    assert known[5].code == "locked"


def test_an_unknown_login_costs_a_hash_too(door: SignIn, wang: str) -> None:
    asked: list[str] = []

    class Counting(Credentials):
        def matches(self, stored: str, password: str) -> bool:
            asked.append(stored)
            return super().matches(stored, password)

    counting = replace(door, secrets=Counting(passes=1, memory_kib=64, lanes=1))
    _out(counting.sign_in("nobody", "x", NOW, HERE))
    assert asked == [""]


def test_five_failures_lock_and_the_lock_ends_by_itself(door: SignIn, wang: str) -> None:
    for n in range(5):
        refused = _out(door.sign_in("wang", "wrong", NOW, HERE))
        assert (refused.locked_until is not None) == (n == 4)
    assert _out(door.sign_in("wang", GOOD, NOW, HERE)).code == "locked"
    almost = NOW + timedelta(minutes=15) - timedelta(seconds=1)
    assert _out(door.sign_in("wang", GOOD, almost, HERE)).code == "locked"
    _in(signed_in(door, "wang", GOOD, NOW + timedelta(minutes=15), HERE))


def test_four_failures_do_not_lock_and_success_forgets_them(door: SignIn, wang: str) -> None:
    for _ in range(3):
        for _ in range(4):
            _out(door.sign_in("wang", "wrong", NOW, HERE))
        _in(signed_in(door, "wang", GOOD, NOW, HERE))


def test_guesses_made_at_once_get_no_extra_attempts(door: SignIn, wang: str) -> None:
    with ThreadPoolExecutor(12) as pool:
        tries = [pool.submit(door.sign_in, "wang", "wrong", NOW, HERE) for _ in range(12)]
        codes = [_out(one.result()).code for one in tries]
    assert codes.count("wrong_password") == 5
    assert codes.count("locked") == 7


def test_an_address_is_locked_whatever_logins_it_tries(door: SignIn, wang: str) -> None:
    strict = replace(door, rules=SignInRules())
    for n in range(5):
        _out(strict.sign_in(f"guess{n}", "wrong", NOW, HERE))
    assert _out(strict.sign_in("wang", GOOD, NOW, HERE)).code == "locked"
    _in(signed_in(strict, "wang", GOOD, NOW, Place("192.0.2.8")))


def test_ones_own_password_does_not_clear_an_address_that_guesses(door: SignIn, wang: str) -> None:
    strict = replace(door, rules=SignInRules())
    for n in range(4):
        _out(strict.sign_in(f"guess{n}", "wrong", NOW, HERE))
    _in(signed_in(strict, "wang", GOOD, NOW, HERE))
    _out(strict.sign_in("guess5", "wrong", NOW, HERE))
    assert _out(strict.sign_in("wang", GOOD, NOW, HERE)).code == "locked"


def test_attempts_are_forgotten_when_their_lock_is_over(engine: Engine, door: SignIn) -> None:
    _out(door.sign_in("nobody", "x", NOW, HERE))
    _out(door.sign_in("another", "x", NOW + timedelta(minutes=16), HERE))
    with engine.connect() as connection:
        assert len(connection.execute(select(attempt)).all()) == 2  # its login and its address


def test_a_hash_of_other_parameters_is_made_anew_at_sign_in(
    engine: Engine, door: SignIn, wang: str
) -> None:
    stronger = replace(door, secrets=Credentials(passes=2, memory_kib=64, lanes=1))
    _in(signed_in(stronger, "wang", GOOD, NOW, HERE))
    with engine.connect() as connection:
        stored = connection.execute(select(account.c.password)).scalar_one()
    assert ",t=2," in stored
    _in(signed_in(stronger, "wang", GOOD, NOW, HERE))


# --- sessions ------------------------------------------------------------------------------------


def test_a_session_ends_when_idle_and_each_page_moves_that_end(door: SignIn, wang: str) -> None:
    held = _in(signed_in(door, "wang", GOOD, NOW, HERE))
    at = NOW
    for _ in range(4):
        at += timedelta(minutes=14)
        assert door.visitor(held.secret, at)
    assert door.visitor(held.secret, at + timedelta(minutes=15)) is None


def test_a_session_ends_after_ten_hours_however_busy(door: SignIn, wang: str) -> None:
    held = _in(signed_in(door, "wang", GOOD, NOW, HERE))
    at = NOW
    while at + timedelta(minutes=12) < NOW + timedelta(hours=10):
        at += timedelta(minutes=12)
        assert door.visitor(held.secret, at)
    assert door.visitor(held.secret, NOW + timedelta(hours=10)) is None


def test_signing_out_ends_this_session_only(door: SignIn, wang: str) -> None:
    one, two = (_in(signed_in(door, "wang", GOOD, NOW, HERE)) for _ in range(2))
    door.sign_out(one.secret, NOW, HERE)
    assert door.visitor(one.secret, NOW) is None
    assert door.visitor(two.secret, NOW)


def test_revocation_ends_all_sessions_at_once(accounts: Accounts, door: SignIn, wang: str) -> None:
    secrets = [_in(signed_in(door, "wang", GOOD, NOW, HERE)).secret for _ in range(3)]
    assert accounts.revoke_sessions(wang, "u:admin", NOW) == 4  # with that of the enrolment
    assert all(door.visitor(secret, NOW) is None for secret in secrets)


def test_a_cookie_nobody_was_given_opens_nothing(engine: Engine, door: SignIn, wang: str) -> None:
    with engine.connect() as connection:
        stored = connection.execute(select(session.c.token, session.c.id)).first()
    assert stored is not None
    for guess in ("", stored.token, stored.id):
        assert door.visitor(guess, NOW) is None


def test_no_secret_stands_in_the_store(
    engine: Engine, accounts: Accounts, door: SignIn, tmp_path: Path
) -> None:
    _, code = accounts.create_account("wang", "王芳", "food", at=NOW, by="u:x")
    _, token = accounts.create_account("portal", "门户", "food", at=NOW, by="u:x", kind="service")
    held = _in(enrolled(door, "wang", code, GOOD, NOW, HERE))
    engine.dispose()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (code, code.replace("-", ""), GOOD, token, held.secret):
        assert secret.encode() not in stored
    assert "王芳".encode() in stored  # the reading finds what is there


# --- passwords -----------------------------------------------------------------------------------


def _held(door: SignIn, password: str = GOOD) -> Session:
    return _in(signed_in(door, "wang", password, NOW, HERE)).session


def test_a_new_password_ends_the_other_sessions(door: SignIn, wang: str) -> None:
    other = _in(signed_in(door, "wang", GOOD, NOW, HERE))
    mine = _in(signed_in(door, "wang", GOOD, NOW, HERE))
    assert door.change_password(mine.session, GOOD, OTHER, NOW, HERE) is None
    assert door.visitor(mine.secret, NOW) and door.visitor(other.secret, NOW) is None
    assert _out(door.sign_in("wang", GOOD, NOW, HERE)).code == "wrong_password"
    _held(door, OTHER)


def test_changing_needs_the_old_password(door: SignIn, wang: str) -> None:
    assert _out(door.change_password(_held(door), "wrong", OTHER, NOW, HERE)).code == (
        "wrong_password"
    )
    _held(door)


def test_the_last_five_passwords_may_not_come_back(door: SignIn, wang: str) -> None:
    used = [GOOD, *(f"Another-Horse-{n}" for n in range(1, 7))]
    for old, new in pairwise(used):
        assert door.change_password(_held(door, old), old, new, NOW, HERE) is None
    held = _held(door, used[-1])
    for former in used[-6:]:
        refused = _out(door.change_password(held, used[-1], former, NOW, HERE))
        assert refused.code == "weak_password"
    assert door.change_password(held, used[-1], used[0], NOW, HERE) is None


def test_a_password_of_ninety_days_must_be_changed(door: SignIn, wang: str) -> None:
    due = NOW + timedelta(days=90)
    assert not _in(signed_in(door, "wang", GOOD, due, HERE)).session.must_change
    late = due + timedelta(seconds=1)
    assert _in(signed_in(door, "wang", GOOD, late, HERE)).session.must_change


# --- accounts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "roles",
    [
        ("sysadmin", "secadmin"),
        ("sysadmin", "auditadmin"),
        ("secadmin", "auditadmin"),
        ("sysadmin", "window_clerk"),
        ("auditadmin", "supervisor"),
        ("secadmin", "catalogue_signer"),
    ],
)
def test_an_administrator_holds_no_second_role(
    roles: tuple[str, ...], accounts: Accounts, wang: str
) -> None:
    grants = [Grant(role=role, department="*") for role in roles]
    with pytest.raises(AccountRefused) as refused:
        regrant(accounts.engine, wang, grants, at=NOW)
    assert refused.value.code == "administrators_apart"
    with pytest.raises(AccountRefused):
        accounts.create_account("li", "李", "", at=NOW, by="system", grants=grants)
    regrant(accounts.engine, wang, grants[:1], at=NOW)


def test_a_label_reaches_the_next_page(accounts: Accounts, door: SignIn, wang: str) -> None:
    held = _in(signed_in(door, "wang", GOOD, NOW, HERE))
    regrant(accounts.engine, wang, clearance=3, compartments=["health"], at=NOW)
    seen = door.visitor(held.secret, NOW)
    assert seen is not None
    assert (seen.actor.clearance, seen.actor.compartments) == (3, ("health",))


@pytest.mark.parametrize("login", ["", "a", "王芳", "a b", "a|b", "-a", "x" * 64])
def test_a_login_outside_the_alphabet_is_refused(login: str, accounts: Accounts) -> None:
    with pytest.raises(AccountRefused):
        accounts.create_account(login, "某", "", at=NOW, by="u:x")


def test_two_spellings_of_a_login_are_one(accounts: Accounts, wang: str) -> None:
    for spelling in ("wang", "WANG", " Wang ", "ｗａｎｇ"):
        with pytest.raises(AccountRefused) as refused:
            accounts.create_account(spelling, "另一人", "", at=NOW, by="u:x")
        assert refused.value.code == "login_taken"


def test_a_closed_account_opens_nothing_and_keeps_its_id(
    accounts: Accounts, door: SignIn, wang: str
) -> None:
    held = _in(signed_in(door, "wang", GOOD, NOW, HERE))
    accounts.close(wang, "u:admin", NOW)
    assert door.visitor(held.secret, NOW) is None
    assert _out(door.sign_in("wang", GOOD, NOW, HERE)).code == "wrong_password"
    found = accounts.find(wang)
    assert found is not None and found.disabled_at == NOW
    with pytest.raises(AccountRefused):
        accounts.renew(wang, "u:admin", NOW)
    assert accounts.names([wang]) == {wang: "王芳"}
    assert accounts.colleagues("food") == ()


def test_a_service_is_known_by_its_token_until_it_is_closed(accounts: Accounts) -> None:
    grants = [Grant(role="service_intake", department="food")]
    user, token = accounts.create_account(
        "portal", "门户", "", at=NOW, by="system", kind="service", grants=grants
    )
    actor = accounts.service(token)
    assert actor is not None and (actor.id, actor.kind) == (user, "service")
    assert accounts.service("") is None and accounts.service(token + "x") is None
    renewed = accounts.renew(user, "u:x", NOW)
    assert accounts.service(token) is None and accounts.service(renewed)
    accounts.close(user, "u:x", NOW)
    assert accounts.service(renewed) is None


def test_a_service_cannot_sign_in_at_the_page(accounts: Accounts, door: SignIn) -> None:
    _, token = accounts.create_account("portal", "门户", "", at=NOW, by="u:x", kind="service")
    _out(door.sign_in("portal", token, NOW, HERE))
    _out(door.enrol("portal", token, GOOD, NOW, HERE))


def test_a_citizens_id_is_the_pseudonym_given(accounts: Accounts) -> None:
    user, _ = accounts.create_account(
        "li", "李", "", at=NOW, by="system", kind="citizen", user_id="citizen:00ff00ff"
    )
    assert user == "citizen:00ff00ff"
    with pytest.raises(AccountRefused):
        accounts.create_account("zhao", "赵", "", at=NOW, by="system", kind="citizen")
    with pytest.raises(AccountRefused):
        accounts.create_account("qian", "钱", "", at=NOW, by="system", user_id="u:chosen")


# --- the log -------------------------------------------------------------------------------------


def test_every_event_is_told_with_its_outcome(
    accounts: Accounts, door: SignIn, log: Log, wang: str
) -> None:
    log.clear()
    held = _in(signed_in(door, "wang", GOOD, NOW, HERE))
    _out(door.sign_in("wang", "wrong", NOW, HERE))
    _out(door.sign_in("nobody", "wrong", NOW, HERE))
    door.change_password(held.session, GOOD, OTHER, NOW, HERE)
    door.sign_out(held.secret, NOW, HERE)
    accounts.close(wang, "u:sys", NOW)
    assert log.told() == [
        ("sign_in_half", True, ""),
        ("sign_in", True, "totp"),
        ("sign_in", False, "wrong_password"),
        ("sign_in", False, "wrong_password"),
        ("password_change", True, ""),
        ("sign_out", True, ""),
        ("account_close", True, ""),
    ]
    assert log[1].session == held.session.id and log[1].place == HERE
    assert [one.account for one in log] == [wang, wang, wang, "", wang, wang, wang]
    assert [one.by for one in log] == [wang, wang, "", "", wang, wang, "u:sys"]


def test_what_cannot_be_told_does_not_happen(engine: Engine, door: SignIn, wang: str) -> None:
    def broken(_connection: Connection, _happening: Happening) -> None:
        raise RuntimeError("the log is away")

    with pytest.raises(RuntimeError):
        replace(door, record=broken).sign_in("wang", GOOD, NOW, HERE)
    with pytest.raises(RuntimeError):
        Accounts(engine, CREDENTIALS, broken).close(wang, "u:x", NOW)
    with engine.connect() as connection:
        assert len(connection.execute(select(session.c.id)).all()) == 1  # the enrolment's
    _in(signed_in(door, "wang", GOOD, NOW, HERE))


def test_the_store_itself_refuses_an_unknown_kind(engine: Engine, wang: str) -> None:
    with engine.connect() as connection:
        row = dict(connection.execute(select(account)).one()._mapping)
    with pytest.raises(Exception, match="CHECK"), engine.begin() as connection:
        connection.execute(insert(account), {**row, "id": "u:2", "login": "b", "kind": "root"})
