"""Triggers that keep the rows of a table as they were written, whoever writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import DDL, Table, event

_SQLITE = (
    "CREATE TRIGGER TABLE_no_update BEFORE UPDATE ON TABLE "
    "BEGIN SELECT RAISE(ABORT, 'TABLE is append-only'); END",
    "CREATE TRIGGER TABLE_no_delete BEFORE DELETE ON TABLE "
    "BEGIN SELECT RAISE(ABORT, 'TABLE is append-only'); END",
    # REPLACE deletes without its trigger: the row that would go is looked for first.
    "CREATE TRIGGER TABLE_no_replace BEFORE INSERT ON TABLE "
    "WHEN EXISTS (SELECT 1 FROM TABLE WHERE KEY) "
    "BEGIN SELECT RAISE(ABORT, 'TABLE is append-only'); END",
)


@dataclass(frozen=True)
class AppendOnly:
    """The statements of some tables."""

    sqlite: tuple[str, ...]
    postgresql: tuple[str, ...]

    def of(self, dialect: str) -> tuple[str, ...]:
        return self.sqlite if dialect == "sqlite" else self.postgresql

    def follow(self, table: Table) -> None:
        """Make the triggers whenever `table` is created from its model."""
        for dialect in ("sqlite", "postgresql"):
            for statement in self.of(dialect):
                ddl = DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
                event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


def append_only(name: str, keys: Mapping[str, str]) -> AppendOnly:
    """Return the triggers of tables: `keys` is table → which rows a new row NEW would replace.

    `name` names PostgreSQL's function, one for all of them.
    """
    sqlite = tuple(
        statement.replace("KEY", key).replace("TABLE", table)
        for table, key in keys.items()
        for statement in _SQLITE
    )
    function = (
        f"CREATE OR REPLACE FUNCTION {name}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{name} is append-only'; END $$"
    )
    each = tuple(
        statement
        for table in keys
        for statement in (
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_refuse()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only",
        )
    )
    return AppendOnly(sqlite, (function, *each))
