"""Each store's migrations are numbered without a gap and reach what the models say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DatabaseError

from cases.database import open_engine
from tests.postgres.running import running
from yichuang.settings import STORES, Store
from yichuang.stores import MIGRATIONS, MODELS, SchemaAhead, config_of, create_schema, migrate

EVERY_STORE = pytest.mark.parametrize("store", STORES)


@EVERY_STORE
def test_migrations_are_numbered_from_1_without_a_gap(store: Store) -> None:
    files = sorted(path.name for path in (MIGRATIONS / store).glob("*.py"))
    assert [name[:5] for name in files] == [f"{n:04d}_" for n in range(1, len(files) + 1)]
    script = ScriptDirectory.from_config(config_of(store))
    chain = [(one.revision, one.down_revision) for one in script.walk_revisions()]
    numbers = [f"{n:04d}" for n in range(len(files), 0, -1)]
    assert chain == list(zip(numbers, [*numbers[1:], None], strict=True))


@EVERY_STORE
def test_migrations_reach_the_models(store: Store, tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.sqlite'}")
    assert migrate(engine, store)
    assert differences(engine, store) == []


@EVERY_STORE
def test_a_migrated_store_is_left_alone(store: Store, tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.sqlite'}")
    assert migrate(engine, store)
    assert not migrate(engine, store)


def test_a_store_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.sqlite'}")
    migrate(engine, "keys")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaAhead):
        migrate(engine, "keys")


def test_the_log_of_a_migrated_store_is_append_only(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.sqlite'}")
    migrate(engine, "log")
    with engine.begin() as connection:
        triggers = connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        ).scalars()
        assert list(triggers) == ["audit_entry_no_delete", "audit_entry_no_update"]


def test_an_entry_of_the_log_is_not_replaced_through_our_own_engine(tmp_path: Path) -> None:
    """REPLACE deletes without asking a trigger, unless the connection says otherwise."""
    engine = open_engine(f"sqlite:///{tmp_path / 'log.sqlite'}")
    migrate(engine, "log")
    into = "INTO audit_entry VALUES (1, 'e', 's', 1, x'00', "
    with engine.begin() as connection:
        connection.execute(text(f"INSERT {into} x'01')"))
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(text(f"INSERT OR REPLACE {into} x'02')"))


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with running() as address:
        yield address


@pytest.mark.long
@EVERY_STORE
def test_migrations_reach_the_models_on_postgresql(store: Store, postgresql: str) -> None:
    url = in_schema(postgresql, store)
    create_schema(url)
    engine = open_engine(url)
    try:
        assert migrate(engine, store)
        assert differences(engine, store) == []
        assert inspect(engine).default_schema_name == store
    finally:
        engine.dispose()


def in_schema(url: str, store: Store) -> str:
    return f"{url}{'&' if '?' in url else '?'}schema={store}"


def differences(engine: Engine, store: Store) -> list[object]:
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        models: Any = list(MODELS[store])  # Alembic takes a list, its signature does not say so
        return list(compare_metadata(context, models))
