"""The apps of the demo city's people: their secrets, in a file of the data folder, and their codes.

Only a demo city has the file. A real person's secret stands nowhere but sealed in the web store.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from cases.database import open_engine, reading
from cases.factor_tables import factor
from cases.web_tables import account
from policies.factors import TOTP_SECONDS, TOTP_WINDOW, FactorArts
from yichuang.settings import Settings

FILE = "demo-codes.json"


class NoDemo(Exception):
    """This is no demo city, or nobody of it has that login. The message says which, in Chinese."""


def keep(settings: Settings, login: str, secret: str) -> None:
    """Keep an app's secret of a demo person, readable by the operator alone."""
    path = _path(settings)
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    fresh = path.with_name(f".{path.name}.new")
    opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        json.dump(known | {login: secret}, file, indent=1)
    fresh.replace(path)


def code_at(secret: str, at: datetime) -> str:
    """Return what the app shows at a moment."""
    return FactorArts("", "").totp_code(secret.encode(), _step(at))


def current(settings: Settings, login: str, now: datetime | None = None) -> tuple[str, int]:
    """Return a code with which that person can sign in now, and the seconds for which it is good.

    The next one where this one was used already; no seconds: not before the next half minute.
    Raises `NoDemo`.
    """
    path = _path(settings)
    if not path.exists():
        raise NoDemo("这里不是演示城市：本命令只认 up --demo 建立的人员")
    secret = json.loads(path.read_text("utf-8")).get(login)
    if secret is None:
        raise NoDemo(f"演示城市里没有登录名 {login}")
    at = now or datetime.now(UTC)
    step = max(_step(at), _used(settings, login) + 1)
    if step > _step(at) + TOTP_WINDOW:
        return "", 0
    left = (step + TOTP_WINDOW + 1) * TOTP_SECONDS - int(at.timestamp())
    return FactorArts("", "").totp_code(secret.encode(), step), left


def _used(settings: Settings, login: str) -> int:
    engine = open_engine(settings.store_url("web"), read_only=True)
    try:
        with reading(engine) as connection:
            found = connection.execute(
                select(factor.c.counter)
                .join(account, account.c.id == factor.c.account_id)
                .where(account.c.login == login, factor.c.kind == "totp")
                .order_by(factor.c.created_at)
                .limit(1)
            ).scalar_one_or_none()
    finally:
        engine.dispose()
    return found or 0


def _step(at: datetime) -> int:
    return int(at.timestamp()) // TOTP_SECONDS


def _path(settings: Settings) -> Path:
    return Path(settings.data) / FILE
