"""Signing in from the command line, by both steps, as the person does at the page."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from cases.accounts import Place
from cases.database import open_engine
from cases.factors import Proof
from cases.messages import Actor
from cases.sign_in import HalfWay, Refused, SignIn
from yichuang import joining, way_in
from yichuang.settings import Settings

SHORT_CODE = 10
"""Up to so many characters it is an app's code; a recovery code has sixteen and more."""


class NotLetIn(Exception):
    """Login, password or second factor is wrong, or the account is locked. The message says which,
    in Chinese."""


@dataclass(frozen=True)
class Person:
    """Who is signed in, and the session that entries name."""

    actor: Actor
    session: str


@contextmanager
def as_person(settings: Settings, login: str, place: Place, *, stdin: bool) -> Iterator[Person]:
    """Sign in, and out again at the end; both are entries. Raises `NotLetIn`.

    Asks for the password, then for a code of the app or a recovery code: at the terminal, or, with
    `stdin`, one line each.
    """
    password = _asked("口令：", stdin)
    web = open_engine(settings.store_url("web"))
    keys = open_engine(settings.store_url("keys"), read_only=True)
    try:
        sealer = joining.sealer_of(settings, joining.vault_of(settings, keys))
        entrance = way_in.sign_in_of(settings, web, sealer)
        half = entrance.sign_in(login, password, datetime.now(UTC), place)
        if isinstance(half, Refused):
            raise NotLetIn(half.reason)
        yield from _second_step(entrance, half, place, stdin)
    finally:
        web.dispose()
        keys.dispose()


def _second_step(entrance: SignIn, half: HalfWay, place: Place, stdin: bool) -> Iterator[Person]:
    if not entrance.factors.listing(half.account.id):
        raise NotLetIn("还没有登记第二因素，请先在网页上登录一次")
    code = _asked("动态码或恢复码：", stdin).strip()
    proof = Proof("totp" if len(code) <= SHORT_CODE else "recovery", code)
    opened = entrance.prove(half.secret, proof, datetime.now(UTC), place)
    if isinstance(opened, Refused):
        raise NotLetIn(opened.reason)
    try:
        if opened.session.must_change:
            raise NotLetIn("口令已过期，请先在网页上修改")
        if opened.session.must_keep_codes:
            raise NotLetIn("还没有恢复码，请先在网页上登录一次")
        yield Person(opened.session.actor, opened.session.id)
    finally:
        entrance.sign_out(opened.secret, datetime.now(UTC), place)


def _asked(what: str, stdin: bool) -> str:
    typed = sys.stdin.readline() if stdin else getpass.getpass(what)
    return typed.rstrip("\n")
