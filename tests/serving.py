"""Services with accounts in a web store, for tests of what asks who a NATS user is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine

from cases.accounts import Accounts, Happening
from cases.database import open_engine
from cases.messages import Grant
from policies.identity import Credentials
from yichuang.services import Services
from yichuang.stores import migrate

CREDENTIALS = Credentials(passes=1, memory_kib=8, lanes=1)


def _untold(_connection: Connection, _happening: Happening) -> None:
    """For a test that is not about what is told."""


def accounts_of(engine: Engine) -> Accounts:
    return Accounts(engine, CREDENTIALS, _untold)


def web_store(folder: Path) -> Engine:
    """Return a migrated web store in a folder."""
    engine = open_engine(f"sqlite:///{folder / 'web.sqlite'}")
    migrate(engine, "web")
    return engine


def services_of(folder: Path, departments: Mapping[str, Sequence[str]]) -> Services:
    """Return services of a new web store that take in for these departments."""
    engine = web_store(folder)
    for n, (name, codes) in enumerate(departments.items()):
        grants = [Grant(role="service_intake", department=one) for one in codes]
        key = "U" + "ABCDEFGHIJ"[n] * 55
        accounts_of(engine).seed_service(name, grants, key, datetime.now(UTC))
    return Services(engine)
