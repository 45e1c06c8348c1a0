"""Run by Alembic, for whichever store `yichuang.stores` hands in with an open transaction."""

from typing import Any, Literal

from alembic import context

from cases.database import Instant


def render(kind: str, value: Any, _autogenerate: Any) -> str | Literal[False]:
    """Spell our own types as what they are in the database: a migration outlives the code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(value, Instant) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["models"],
    compare_type=True,
    render_item=render,
)
with context.begin_transaction():
    context.run_migrations()
