"""The stores on a real PostgreSQL: a server per session, a database of five schemas per test.

The test modules of this folder take the tests of the SQLite half as they are (`the_tests_of`) and
give them these stores; what differs between the two databases has tests of its own.
"""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, make_url, text

from cases.database import open_engine
from policies.warrants import WarrantSigner
from tests.activities.conftest import PRIVATE, Town
from tests.postgres.running import running
from yichuang.settings import STORES, Store
from yichuang.stores import create_schema, migrate

Stores = Mapping[Store, Engine]


def the_tests_of(
    module: str, *, without: Sequence[str] = (), only: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the tests and fixtures of another module, for this one's namespace.

    `without` names what is about SQLite itself, and the fixtures that the caller replaces; `only`
    the tests that ask the stores something of their own, where the rest would be said twice.
    """
    there = vars(importlib.import_module(module))
    missing = {*without, *only} - set(there)
    assert not missing, f"{module} no longer has {missing}"
    return {
        name: value
        for name, value in there.items()
        if name not in without
        and (
            (name.startswith("test_") and (not only or name in only))
            or type(value).__name__ == "FixtureFunctionDefinition"
        )
    }


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL that ends with the session."""
    with running() as address:
        yield address


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """The name of a database with five migrated schemas and no row, to be copied."""
    _command(server, "CREATE DATABASE migrated")
    for store in STORES:
        url = _in(server, "migrated", store)
        create_schema(url)
        engine = open_engine(url)
        migrate(engine, store)
        engine.dispose()
    return "migrated"


@pytest.fixture
def open_named(server: str, template: str) -> Iterator[Callable[[Store], Engine]]:
    """Open a store of a fresh database by name; a second opening is another engine of it."""
    database = f"city_{uuid.uuid4().hex[:8]}"
    # A copy of pages takes a tenth of what migrating anew would.
    _command(server, f"CREATE DATABASE {database} TEMPLATE {template}")
    opened: list[Engine] = []

    def open_one(store: Store) -> Engine:
        opened.append(open_engine(_in(server, database, store)))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.dispose()
    _command(server, f"DROP DATABASE {database} WITH (FORCE)")


def _in(server: str, database: str, store: Store) -> str:
    url = make_url(server).set(database=database).update_query_dict({"schema": store})
    return url.render_as_string(hide_password=False)


def _command(server: str, statement: str) -> None:
    admin = open_engine(server)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    admin.dispose()


@pytest.fixture
def stores(open_named: Callable[[Store], Engine]) -> Stores:
    """All five stores, empty."""
    return {store: open_named(store) for store in STORES}


@pytest.fixture
def town(open_named: Callable[[Store], Engine]) -> Town:
    """The small city of the activities' tests, settling on PostgreSQL."""
    signer = WarrantSigner("web", Ed25519PrivateKey.from_private_bytes(PRIVATE))
    return Town(open_named("cases"), open_named("keys"), signer)
