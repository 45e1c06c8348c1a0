"""The seven stores: what tables each has, and how one is brought to the newest schema.

Each store has a tree of numbered migrations of its own in migrations/<store>/; a store knows by
itself (table alembic_version) which of them it has had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, text

from audit.tables import keys_metadata, log_metadata, outbox_metadata
from cases import (  # noqa: F401 -- they join the metadata of their store
    apart_tables,
    cap_tables,
    card_tables,
    delegation_tables,
    delivery_tables,
    duty_tables,
    factor_tables,
    fund_tables,
    grant_tables,
    incident_ends,
    incident_lines,
    incident_tables,
    index_tables,
    notice_tables,
    paper_tables,
    payment_tables,
    performance_tables,
    plan_tables,
    project_tables,
    proved_workflows,
    reconcile_tables,
    release_tables,
    retiming_tables,
    review_tables,
    tally_tables,
    warning_tables,
    window_tables,
)
from cases.database import open_engine, schema_of
from cases.gateway_tables import gateway_metadata
from cases.readings_tables import readings_metadata
from cases.signal_tables import signals_metadata
from cases.tables import cases_metadata
from cases.web_tables import web_metadata
from yichuang.settings import CHECKOUT, Store

MIGRATIONS = CHECKOUT / "migrations"

MODELS: Mapping[Store, Sequence[MetaData]] = MappingProxyType(
    {
        "cases": (cases_metadata, outbox_metadata),
        "web": (web_metadata, outbox_metadata, keys_metadata),
        "gateway": (gateway_metadata, outbox_metadata, keys_metadata),
        "readings": (readings_metadata, outbox_metadata),
        "signals": (signals_metadata, outbox_metadata, keys_metadata),
        "log": (log_metadata, outbox_metadata),
        "keys": (keys_metadata,),
    }
)
"""The tables of each store. Whoever commits entries has the log's outbox beside its own rows; a
door seals what only it keeps (drafts, uploads, dead letters) under keys in its own store."""

_LOCK = 0x79696368
"""Advisory lock (PostgreSQL) under which one process migrates at a time."""


class SchemaAhead(Exception):
    """The store was migrated by a newer version of this program; this one must not write to it."""


def config_of(store: Store) -> Config:
    """Return Alembic's configuration for one store's tree."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("version_locations", str(MIGRATIONS / store))
    config.set_main_option("path_separator", "os")
    config.attributes["models"] = list(MODELS[store])
    return config


def migrate(engine: Engine, store: Store) -> bool:
    """Bring the store to the newest schema; return whether anything had to be done.

    One transaction: a crash leaves the old schema. Raises `SchemaAhead`, `StoreUnwritable`.
    """
    config = config_of(store)
    newest = ScriptDirectory.from_config(config).get_current_head()
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        now = MigrationContext.configure(connection).get_current_revision()
        if now == newest:
            return False
        if now is not None and now > (newest or ""):
            raise SchemaAhead(f"{store} 库的版本是 {now}，本程序只到 {newest}：请用新版程序")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def create_schema(url: str) -> None:
    """Make the PostgreSQL schema that the URL names, if it is not there; nothing for SQLite."""
    schema = schema_of(url)
    if not schema:
        return
    engine = open_engine(url)
    with engine.begin() as connection:
        # Looked for first: IF NOT EXISTS too asks for the right to make schemas, which a store's
        # own role of the large form has not.
        there = text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
        if connection.scalar(there, {"name": schema}) is None:
            quoted = engine.dialect.identifier_preparer.quote(schema)
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {quoted}"))
    engine.dispose()


def let_in(engine: Engine, role: str) -> None:
    """Let a database role of PostgreSQL into a store's schema, to read what it is shown there.

    What every role may read is only what a migration grants (`web`: office_holder). Raises
    `ProgrammingError` where the store's own role may not say so; nothing for SQLite.
    """
    if engine.dialect.name != "postgresql":
        return
    quote = engine.dialect.identifier_preparer.quote
    with engine.begin() as connection:
        if role == connection.execute(text("SELECT current_user")).scalar_one():
            return
        schema = connection.execute(text("SELECT current_schema()")).scalar_one()
        connection.execute(text(f"GRANT USAGE ON SCHEMA {quote(schema)} TO {quote(role)}"))


PAGE_TABLES = (
    "case_file", "case_compartment", "case_state", "card", "card_mark", "clock", "clock_event",
    "clock_share", "case_index", "document", "hand", "index_key", "material", "matter_version",
    "notification", "opinion", "ruling", "step", "tally", "tally_mark", "tally_state",
    "tally_sum", "task", "timer",
)  # fmt: skip
"""What lists, boards and the page of a case read; of these all but the catalogue's versions, the
names of index keys and the state of kept sums have row-level security."""


INCIDENT_TABLES = (
    "incident", "incident_case", "incident_change", "incident_event", "incident_paper",
    "incident_signal", "incident_unit",
)  # fmt: skip
"""What the board and the page of an incident read; all have row-level security."""


PROJECT_TABLES = ("project", "project_event", "project_milestone")
"""What lists, dashboard and the page of a project read; all have row-level security."""


def open_to_pages(engine: Engine, role: str) -> None:
    """Let the role of the pages read what lists, cases, incidents and projects are made of, cut to
    each reader's bounds.

    Raises `ProgrammingError` where there is no such role; nothing for SQLite.
    """
    if engine.dialect.name != "postgresql":
        return
    let_in(engine, role)
    quote = engine.dialect.identifier_preparer.quote
    with engine.begin() as connection:
        tables = ", ".join((*PAGE_TABLES, *INCIDENT_TABLES, *PROJECT_TABLES))
        connection.execute(text(f"GRANT SELECT ON {tables} TO {quote(role)}"))
        connection.execute(text(f"REVOKE ALL ON whole_reader, notice FROM {quote(role)}"))


def revision_of(connection: Connection) -> str | None:
    """Return which migration the store has reached, None for an empty store."""
    return MigrationContext.configure(connection).get_current_revision()
