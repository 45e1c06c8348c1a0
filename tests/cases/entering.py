"""Both steps of sign-in over a store, for every test that needs a session or an app's code."""

from __future__ import annotations

from datetime import datetime

import pyotp
from sqlalchemy import Engine, update

from audit.tables import keys_metadata
from audit.vault import SubjectVault
from cases.accounts import Place, Recorder, Secrets
from cases.factor_tables import factor
from cases.factors import Factors, Proof
from cases.sign_in import HalfWay, Refused, SignedIn, SignIn, SignInRules
from policies.factors import FactorArts
from yichuang.way_in import SealedFactors

ORIGIN = "https://town.test"


def way_in(
    engine: Engine, secrets: Secrets, record: Recorder, rules: SignInRules | None = None
) -> SignIn:
    """Return the real way in over a store that may lack the table of keys."""
    keys_metadata.create_all(engine)
    vault = SealedFactors(SubjectVault(engine, b"m" * 32), str)
    factors = Factors(engine, secrets, FactorArts("云川市", ORIGIN), vault)
    return SignIn(engine, secrets, record, factors, rules or SignInRules())


def second_code(door: SignIn, user: str, at: datetime) -> str:
    """Return what the person's app shows now. That a code of this half minute was used is forgotten
    first: tests sign in more often than people do."""
    with door.engine.begin() as connection:
        connection.execute(
            update(factor)
            .where(factor.c.account_id == user, factor.c.kind == "totp")
            .values(counter=0)
        )
    (_, secret), *_ = door.factors.opened(user)
    return pyotp.TOTP(secret.decode()).at(at)


def both_steps(
    door: SignIn, half: HalfWay | Refused, at: datetime, place: Place
) -> SignedIn | Refused:
    """Go from a right password to a session, registering an app if there is none."""
    if isinstance(half, Refused):
        return half
    user = half.account.id
    if door.factors.listing(user):
        code = second_code(door, user, at)
        return door.prove(half.secret, Proof("totp", code), at, place)
    secret = door.factors.offer_app(half.account, half.owner, at).secret
    shown = pyotp.TOTP(secret).at(at)
    opened = door.set_up(half.secret, "totp", shown, "手机", at, place)
    if isinstance(opened, SignedIn):
        door.new_codes(opened.session, at, place)
        door.keep_codes(opened.session, at, place)
    return opened


def enrolled(
    door: SignIn, login: str, code: str, password: str, at: datetime, place: Place
) -> SignedIn | Refused:
    """Come in for the first time: one-time code, password, app, recovery codes."""
    return both_steps(door, door.enrol(login, code, password, at, place), at, place)


def signed_in(
    door: SignIn, login: str, password: str, at: datetime, place: Place
) -> SignedIn | Refused:
    """Sign in by both steps."""
    return both_steps(door, door.sign_in(login, password, at, place), at, place)
