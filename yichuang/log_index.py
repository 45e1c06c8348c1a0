"""Where steps stand in the log: what the pages show beside a step as its leaf's index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select

from audit.shards import closed_shards, shard_engine
from audit.tables import audit_entry
from cases.database import reading
from cases.tables import document, step

AT_ONCE = 500
"""Bound variables per statement."""


@dataclass(frozen=True)
class LogIndex:
    """Looks entries up in the log store. `cases` is needed to find a document's step."""

    log: Engine
    cases: Engine

    def leaves(self, entries: Sequence[str]) -> Mapping[str, int]:
        """Return the leaf index (from 0) of each entry that the sequencer has numbered.

        The index is that of the entry's own shard; closed ones are looked through only for what the
        open one has not.
        """
        found = _leaves(self.log, entries)
        if len(found) == len(entries):
            return found
        with reading(self.log) as connection:
            shards = closed_shards(connection)
        for shard in reversed(shards):
            engine = shard_engine(self.log, shard)
            try:
                found |= _leaves(engine, [one for one in entries if one not in found])
            finally:
                engine.dispose()
        return found

    def leaf_of_document(self, document_id: str) -> int | None:
        """Return the leaf index of the step that issued a document; None before it is numbered."""
        query = (
            select(step.c.entry_id)
            .join(
                document,
                (document.c.case_id == step.c.case_id) & (document.c.seq == step.c.seq),
            )
            .where(document.c.id == document_id)
        )
        with reading(self.cases) as connection:
            entry = connection.execute(query).scalar()
        return None if entry is None else self.leaves([entry]).get(entry)


def _leaves(log: Engine, entries: Sequence[str]) -> dict[str, int]:
    table = audit_entry.c
    found: dict[str, int] = {}
    with reading(log) as connection:
        for start in range(0, len(entries), AT_ONCE):
            chosen = list(entries[start : start + AT_ONCE])
            query = select(table.entry_id, table.seq).where(table.entry_id.in_(chosen))
            found |= {row.entry_id: row.seq for row in connection.execute(query)}
    return found
