"""Which cases a reader of other lists may know of: the log, the census, alarms, previews.

Those lists stand in other stores than the cases, or were made before anybody asked, so that no
condition of SQL can cut them. Each case that they name is asked about here, by the same policy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy import ColumnElement, Engine, not_, or_, select

from cases.database import reading
from cases.messages import Actor
from cases.tables import case
from forms.reader_ports import Purpose
from policies.access import Access

WHOLE: Final[Mapping[Purpose, str]] = {"log": "auditadmin", "census": "sysadmin"}
"""Who sees the whole of what the city keeps, and why no case is opened by it: the auditor reads who
did what, under pseudonyms (GB/T 22239-2019 8.1.5.2 b), the system administrator which timers are
wrong, number and instant alone (8.1.5.1 b)."""

AT_ONCE = 500
"""Ids in one question: SQLite takes 32,766."""


@dataclass(frozen=True)
class CaseReach:
    """Asks policy about cases that a list names."""

    engine: Engine
    """The cases store, which is only read."""
    access: Access

    def hidden(self, actor: Actor, ids: Collection[str], purpose: Purpose) -> frozenset[str]:
        """Return those of these ids that are cases which the reader may not be shown.

        What no case has for its id (an order refused before there was one) hides nothing.
        """
        if self.is_whole(actor, purpose):
            return frozenset()
        where = self.where(actor, purpose)
        found: set[str] = set()
        with reading(self.engine) as connection:
            for some in _batches(sorted(set(ids) - {""})):
                query = select(case.c.id).where(case.c.id.in_(some), not_(where))
                found.update(connection.execute(query).scalars())
        return frozenset(found)

    def is_whole(self, actor: Actor, purpose: Purpose) -> bool:
        role = WHOLE.get(purpose, "")
        return any(grant.role == role for grant in actor.grants)

    def where(self, actor: Actor, purpose: Purpose) -> ColumnElement[bool]:
        """Return the condition over `cases.tables.case` for the purpose."""
        listed = self.access.where(actor, "list")
        if purpose != "look_ahead":
            return listed
        # Who must judge what a version would move is shown it by the policy's own row; what lies
        # above their clearance is counted and not named.
        judges = self.access.ever(actor, "release_look_ahead", "release").allowed
        return or_(listed, self.access.cleared(actor)) if judges else listed


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, AT_ONCE)):
        yield some
