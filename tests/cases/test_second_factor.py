"""Second factors, recovery codes and half-way sign-ins on a real SQLite store."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, select, text

from audit.vault import UnknownSubject
from cases.accounts import Accounts
from cases.database import open_engine
from cases.factor_tables import factor, recovery_code
from cases.factors import Proof
from cases.sign_in import HalfWay, Refused, Session, SignedIn, SignIn, SignInRules, owner_of
from cases.web_tables import web_metadata
from tests.cases.entering import second_code, signed_in
from tests.cases.soft_passkey import SoftPasskey
from tests.cases.test_accounts import GOOD, HERE, NOW, Log, accounts, door, log, wang
from tests.stores import lay_out

__all__ = ["accounts", "door", "log", "wang"]

SOON = NOW + timedelta(minutes=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'web.sqlite'}")
    lay_out(opened, web_metadata)
    yield opened
    opened.dispose()


def _half(door: SignIn) -> HalfWay:
    found = door.sign_in("wang", GOOD, NOW, HERE)
    assert isinstance(found, HalfWay)
    return found


def _session(door: SignIn) -> Session:
    found = signed_in(door, "wang", GOOD, NOW, HERE)
    assert isinstance(found, SignedIn)
    return found.session


def _refused(found: object) -> str:
    assert isinstance(found, Refused), found
    return found.code


def _code(door: SignIn, user: str) -> Proof:
    return Proof("totp", second_code(door, user, NOW))


def _with_passkey(door: SignIn, key: SoftPasskey) -> Session:
    held = _session(door)
    options = door.factors.offer_passkey(held.account, owner_of(held), NOW)
    assert door.add_factor(held, "passkey", key.make(options), "钥匙", NOW, HERE) is None
    return held


def _use(door: SignIn, key: SoftPasskey) -> SignedIn | Refused:
    half = _half(door)
    options = door.factors.ask(half.account.id, half.owner, NOW)
    return door.prove(half.secret, Proof("passkey", key.use(options)), NOW, HERE)


# --- half-way ------------------------------------------------------------------------------------


def test_a_password_alone_is_no_session(door: SignIn, wang: str) -> None:
    half = _half(door)
    assert door.visitor(half.secret, NOW) is None


def test_a_half_way_sign_in_ends_after_a_quarter_of_an_hour(door: SignIn, wang: str) -> None:
    half = _half(door)
    almost = NOW + timedelta(minutes=15) - timedelta(microseconds=1)
    assert door.half_way(half.secret, almost) is not None
    assert door.half_way(half.secret, NOW + timedelta(minutes=15)) is None


def test_a_half_way_sign_in_becomes_one_session_only(door: SignIn, wang: str) -> None:
    half = _half(door)
    assert isinstance(door.prove(half.secret, _code(door, wang), NOW, HERE), SignedIn)
    assert _refused(door.prove(half.secret, _code(door, wang), NOW, HERE)) == "half_over"


def test_the_session_is_proved_at_the_moment_of_the_second_factor(door: SignIn, wang: str) -> None:
    assert _session(door).proved_at == NOW


# --- one-time codes of an app --------------------------------------------------------------------


def test_a_code_of_the_app_is_good_once(door: SignIn, wang: str) -> None:
    proof = _code(door, wang)
    assert isinstance(door.prove(_half(door).secret, proof, NOW, HERE), SignedIn)
    assert _refused(door.prove(_half(door).secret, proof, NOW, HERE)) == "wrong_second"


def test_a_code_used_by_many_at_once_opens_one_session(door: SignIn, wang: str) -> None:
    proof, halves = _code(door, wang), [_half(door) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(door.prove, one.secret, proof, NOW, HERE) for one in halves]
        found = [one.result() for one in tries]
    assert sum(isinstance(one, SignedIn) for one in found) == 1


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_phone_may_be_one_step_off(door: SignIn, wang: str, steps: int, good: bool) -> None:
    shown = second_code(door, wang, NOW + timedelta(seconds=30 * steps))
    found = door.prove(_half(door).secret, Proof("totp", shown), NOW, HERE)
    assert isinstance(found, SignedIn) is good


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "-12345"])
def test_what_is_no_code_proves_nothing(door: SignIn, wang: str, typed: str) -> None:
    assert _refused(door.prove(_half(door).secret, Proof("totp", typed), NOW, HERE))


def test_the_apps_secret_stands_in_the_store_only_sealed(
    engine: Engine, door: SignIn, wang: str
) -> None:
    ((_, secret),) = door.factors.opened(wang)
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            for row in connection.execute(text(f"SELECT * FROM {table}")):
                assert secret not in repr(tuple(row)).encode()
                assert not any(isinstance(v, bytes) and secret in v for v in row)


def test_a_sealed_secret_of_another_account_does_not_open(
    engine: Engine, accounts: Accounts, door: SignIn, wang: str
) -> None:
    other, _ = accounts.create_account("li", "李", "food", at=NOW, by="u:x")
    with engine.begin() as connection:
        connection.execute(factor.update().values(account_id=other))
    with pytest.raises(UnknownSubject):
        door.factors.opened(other)


# --- lock-out counts both factors ----------------------------------------------------------------


def test_five_wrong_codes_lock_though_the_password_was_right_each_time(
    door: SignIn, wang: str
) -> None:
    for _ in range(5):
        assert _refused(door.prove(_half(door).secret, Proof("totp", "000000"), NOW, HERE))
    assert _refused(door.sign_in("wang", GOOD, NOW, HERE)) == "locked"


def test_four_wrong_codes_do_not_lock(door: SignIn, wang: str) -> None:
    half = _half(door)
    for _ in range(4):
        assert _refused(door.prove(half.secret, Proof("totp", "000000"), NOW, HERE))
    assert isinstance(door.prove(half.secret, _code(door, wang), NOW, HERE), SignedIn)


def test_wrong_codes_of_many_logins_lock_the_address(
    accounts: Accounts, door: SignIn, wang: str
) -> None:
    strict = replace(door, rules=SignInRules(attempts=20))
    half = strict.sign_in("wang", GOOD, NOW, HERE)
    assert isinstance(half, HalfWay)
    for _ in range(5):
        strict.prove(half.secret, Proof("totp", "000000"), NOW, HERE)
    assert _refused(strict.sign_in("nobody", "x", NOW, HERE)) == "locked"


# --- passkeys ------------------------------------------------------------------------------------


def test_a_passkey_opens_a_session(door: SignIn, wang: str) -> None:
    key = SoftPasskey()
    _with_passkey(door, key)
    assert isinstance(_use(door, key), SignedIn)


def test_what_a_passkey_said_once_proves_nothing_again(door: SignIn, wang: str) -> None:
    key = SoftPasskey()
    _with_passkey(door, key)
    half = _half(door)
    said = key.use(door.factors.ask(wang, half.owner, NOW))
    assert isinstance(door.prove(half.secret, Proof("passkey", said), NOW, HERE), SignedIn)
    again = _half(door)
    door.factors.ask(wang, again.owner, NOW)
    assert _refused(door.prove(again.secret, Proof("passkey", said), NOW, HERE)) == "wrong_second"


def test_a_challenge_is_good_for_five_minutes(door: SignIn, wang: str) -> None:
    key = SoftPasskey()
    _with_passkey(door, key)
    half = _half(door)
    said = Proof("passkey", key.use(door.factors.ask(wang, half.owner, NOW)))
    assert _refused(door.prove(half.secret, said, NOW + timedelta(minutes=5), HERE))


@pytest.mark.parametrize(
    "flaw",
    [
        {"origin": "https://evil.test"},
        {"rp_id": "evil.test"},
        {"verifies": False},
        {"key": SoftPasskey().key},
        {"id": b"another" * 4},
    ],
    ids=["origin", "place", "nobody verified", "key", "name"],
)
def test_a_passkey_with_a_flaw_proves_nothing(
    door: SignIn, wang: str, flaw: dict[str, object]
) -> None:
    key = SoftPasskey()
    _with_passkey(door, key)
    assert _refused(_use(door, replace(key, **flaw))) == "wrong_second"  # type: ignore[arg-type]


def test_a_copied_passkey_is_told_by_its_counter(door: SignIn, log: Log, wang: str) -> None:
    key = SoftPasskey(counter=5)
    _with_passkey(door, key)
    copied = replace(key, counter=4)
    assert _refused(_use(door, copied)) == "cloned_passkey"
    assert ("sign_in", False, "cloned_passkey") in log.told()


def test_a_passkey_of_another_account_proves_nothing(
    accounts: Accounts, door: SignIn, wang: str
) -> None:
    key = SoftPasskey()
    _with_passkey(door, key)
    _, code = accounts.create_account("li", "李", "food", at=NOW, by="u:x")
    half = door.enrol("li", code, "Other-Person-77", NOW, HERE)
    assert isinstance(half, HalfWay)
    said = Proof("passkey", key.use('{"challenge": "AAAA"}'))
    assert _refused(door.prove(half.secret, said, NOW, HERE)) == "wrong_second"


def test_an_address_without_a_name_has_no_passkeys(door: SignIn, wang: str) -> None:
    arts = replace(door.factors.arts, origin="http://127.0.0.1:8000")  # type: ignore[type-var]
    numeric = replace(door, factors=replace(door.factors, arts=arts))
    held = _session(numeric)
    assert numeric.factors.offer_passkey(held.account, owner_of(held), NOW) == ""


# --- the first factor ----------------------------------------------------------------------------


def test_who_has_only_the_password_cannot_add_a_factor_beside_another(
    door: SignIn, wang: str
) -> None:
    half = _half(door)
    key = SoftPasskey()
    options = door.factors.offer_passkey(half.account, half.owner, NOW)
    found = door.set_up(half.secret, "passkey", key.make(options), "", NOW, HERE)
    assert _refused(found) == "factor_there"
    assert len(door.factors.listing(wang)) == 1


def test_a_first_factor_may_be_a_passkey(accounts: Accounts, door: SignIn) -> None:
    _, code = accounts.create_account("li", "李", "food", at=NOW, by="u:x")
    half = door.enrol("li", code, GOOD, NOW, HERE)
    assert isinstance(half, HalfWay)
    key = SoftPasskey()
    options = door.factors.offer_passkey(half.account, half.owner, NOW)
    opened = door.set_up(half.secret, "passkey", key.make(options), "", NOW, HERE)
    assert isinstance(opened, SignedIn) and opened.session.must_keep_codes


def test_a_wrong_first_code_registers_nothing(accounts: Accounts, door: SignIn) -> None:
    user, code = accounts.create_account("li", "李", "food", at=NOW, by="u:x")
    half = door.enrol("li", code, GOOD, NOW, HERE)
    assert isinstance(half, HalfWay)
    door.factors.offer_app(half.account, half.owner, NOW)
    assert _refused(door.set_up(half.secret, "totp", "000000", "", NOW, HERE)) == "wrong_second"
    assert door.factors.listing(user) == ()


def test_the_last_factor_stays(door: SignIn, wang: str) -> None:
    held = _session(door)
    (only,) = door.factors.listing(wang)
    assert _refused(door.remove_factor(held, only.id, NOW, HERE)) == "last_factor"
    assert len(door.factors.listing(wang)) == 1


def test_removing_a_factor_is_an_entry_and_ends_the_other_sessions(
    door: SignIn, log: Log, wang: str
) -> None:
    other = signed_in(door, "wang", GOOD, NOW, HERE)
    assert isinstance(other, SignedIn)
    held = _with_passkey(door, SoftPasskey())
    app = next(one for one in door.factors.listing(wang) if one.kind == "totp")
    assert door.remove_factor(held, app.id, NOW, HERE) is None
    assert ("factor_remove", True, "totp") in log.told()
    assert door.visitor(other.secret, NOW) is None


def test_nobody_removes_anothers_factor(accounts: Accounts, door: SignIn, wang: str) -> None:
    held = _with_passkey(door, SoftPasskey())
    _, code = accounts.create_account("li", "李", "food", at=NOW, by="u:x")
    half = door.enrol("li", code, "Other-Person-77", NOW, HERE)
    assert isinstance(half, HalfWay)
    key = SoftPasskey()
    options = door.factors.offer_passkey(half.account, half.owner, NOW)
    li = door.set_up(half.secret, "passkey", key.make(options), "", NOW, HERE)
    assert isinstance(li, SignedIn)
    mine = door.factors.listing(held.account.id)[0]
    assert _refused(door.remove_factor(li.session, mine.id, NOW, HERE)) == "not_found"


# --- recovery codes ------------------------------------------------------------------------------


def test_each_of_ten_recovery_codes_is_good_once(door: SignIn, wang: str) -> None:
    codes = door.new_codes(_session(door), NOW, HERE)
    assert len(set(codes)) == 10
    for one in codes:
        proof = Proof("recovery", one)
        assert isinstance(door.prove(_half(door).secret, proof, NOW, HERE), SignedIn)
        assert _refused(door.prove(_half(door).secret, proof, NOW, HERE)) == "wrong_second"
    assert door.factors.codes_left(wang) == 0


def test_a_recovery_code_is_read_as_people_write_it(door: SignIn, wang: str) -> None:
    code = door.new_codes(_session(door), NOW, HERE)[0]
    typed = code.lower().replace("-", " ").replace("0", "o")
    assert isinstance(door.prove(_half(door).secret, Proof("recovery", typed), NOW, HERE), SignedIn)


def test_new_codes_end_the_former_ones(door: SignIn, wang: str) -> None:
    held = _session(door)
    old = door.new_codes(held, NOW, HERE)[0]
    door.new_codes(held, NOW, HERE)
    assert _refused(door.prove(_half(door).secret, Proof("recovery", old), NOW, HERE))


def test_recovery_codes_stand_in_the_store_only_as_digests(
    engine: Engine, door: SignIn, wang: str
) -> None:
    codes = door.new_codes(_session(door), NOW, HERE)
    with engine.connect() as connection:
        kept = repr(connection.execute(select(recovery_code)).all())
    assert not any(one in kept or one.replace("-", "") in kept for one in codes)


# --- once more, and lost -------------------------------------------------------------------------


def test_a_new_proof_gives_the_session_a_new_secret_and_ends_the_old_one(
    door: SignIn, wang: str
) -> None:
    held = signed_in(door, "wang", GOOD, NOW, HERE)
    assert isinstance(held, SignedIn)
    again = door.prove_again(held.session, Proof("totp", second_code(door, wang, SOON)), SOON, HERE)
    assert isinstance(again, SignedIn)
    assert again.session.id == held.session.id and again.session.csrf == held.session.csrf
    assert again.session.proved_at == SOON
    assert door.visitor(held.secret, SOON) is None
    assert door.visitor(again.secret, SOON) is not None


def test_wrong_new_proofs_lock_and_are_entries(door: SignIn, log: Log, wang: str) -> None:
    held = _session(door)
    for _ in range(5):
        assert _refused(door.prove_again(held, Proof("totp", "000000"), NOW, HERE))
    assert _refused(door.prove_again(held, Proof("totp", "000000"), NOW, HERE)) == "locked"
    assert ("step_up", False, "wrong_second") in log.told()


def test_renewal_forgets_every_factor_code_and_half_way_sign_in(
    accounts: Accounts, door: SignIn, wang: str
) -> None:
    codes = door.new_codes(_session(door), NOW, HERE)
    half = _half(door)
    accounts.renew(wang, "u:admin", NOW)
    assert door.factors.listing(wang) == () and door.factors.codes_left(wang) == 0
    assert _refused(door.prove(half.secret, Proof("recovery", codes[0]), NOW, HERE)) == "half_over"


def test_a_session_says_why_it_is_over(door: SignIn, wang: str) -> None:
    secrets = []
    for _ in range(3):
        held = signed_in(door, "wang", GOOD, NOW, HERE)
        assert isinstance(held, SignedIn)
        secrets.append(held.secret)
    door.sign_out(secrets[0], NOW, HERE)
    assert door.sessions.ended(secrets[0], NOW) == ("revoked", wang)
    assert door.sessions.ended(secrets[1], NOW + timedelta(minutes=15)) == ("idle", wang)
    assert door.sessions.ended(secrets[2], NOW + timedelta(hours=10)) == ("limit", wang)
    assert door.sessions.ended("nobody's", NOW) == ("", "")


def test_one_ends_ones_own_sessions_and_nobody_elses(
    accounts: Accounts, door: SignIn, wang: str
) -> None:
    mine, other = (signed_in(door, "wang", GOOD, NOW, HERE) for _ in range(2))
    assert isinstance(mine, SignedIn) and isinstance(other, SignedIn)
    assert len(door.listing(wang, NOW)) == 3
    assert door.sessions.end_one(mine.session, other.session.id, NOW, HERE)
    assert door.visitor(other.secret, NOW) is None
    stranger = replace(mine.session, account=replace(mine.session.account, id="u:other"))
    assert not door.sessions.end_one(stranger, mine.session.id, NOW, HERE)
    assert door.sessions.end_others(mine.session, NOW, HERE) == 1
    assert door.visitor(mine.secret, NOW) is not None
