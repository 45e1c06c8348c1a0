"""Unusual access: the rules of `rules/packs/access.yaml` over what the log says that people do.

Runs in the web, which owns the index of the log. A finding is raised once, stands until the rule's
own condition clears it, and each turn is an entry; what it means is for a supervisor to find out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import orjson
from sqlalchemy import Connection, Engine, select

from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.logstore import LogReader
from audit.outbox import record
from audit.shards import holding
from cases import access_findings, approval, tables
from cases.access_findings import DAY, HOUR, PAUSING, WEEK, Acted, Finding
from cases.case_view import clock_event_of
from cases.clocks.periods import periods
from cases.database import reading
from cases.state import CaseState
from cases.supervision import Clock
from catalogue.working_days import Calendar
from rules.evaluate import evaluate
from rules.pack import Pack

PACK: Final = "access"
STREAM: Final = "sys:access"
RAISED: Final = "anomaly_raised"
CLEARED: Final = "anomaly_cleared"
LATE_DAYS: Final = 1
"""A pause with so many working days left is one shortly before the deadline, as the pack says."""
SPANS: Final[Mapping[str, timedelta]] = {
    "reads_hour": HOUR, "denied_hour": HOUR, "late_pauses_week": WEEK,
}  # fmt: skip
"""How far back a fact looks; any other a day."""
NOBODY = {"system", "unknown"}


@dataclass(frozen=True, slots=True)
class AccessWatch:
    """Looks at what people do. `web` holds the index of the log, `log` the entries themselves."""

    web: Engine
    log: Engine
    cases: Engine
    pack: Callable[[], Pack | None]
    """The version in force; None: no such pack is signed."""
    calendars: Callable[[], Mapping[str, Calendar]]
    people: Callable[[], Mapping[str, str]]
    """Pseudonym of each person's account → name; services and strangers are not judged."""
    now: Callable[[], datetime]
    zone: str = "Asia/Shanghai"

    def look(self) -> tuple[list[str], list[str]]:
        """Raise what is unusual now and clear what is not; return the ids raised and cleared."""
        pack, now = self.pack(), self.now()
        if pack is None:
            return [], []
        with reading(self.web) as connection:
            facts = access_findings.windows(connection, now, self.zone)
            exports = access_findings.acted(connection, ["export"], now - DAY, now)
            pauses = access_findings.acted(connection, PAUSING, now - WEEK, now)
            standing = access_findings.standing(connection)
        for name, counted in (
            ("export_lines_day", self._exported(exports)),
            ("late_pauses_week", self._late(pauses)),
        ):
            for who, n in counted.items():
                facts.setdefault(who, {})[name] = n
        people = self.people()
        asked = {who for who in facts if who in people} | {one.who for one in standing}
        raised, cleared = [], []
        with self.web.begin() as connection:
            for who in sorted(asked - NOBODY):
                new, gone = self._judge(connection, pack, who, facts.get(who, {}), standing, now)
                raised += new
                cleared += gone
        return raised, cleared

    def _judge(
        self,
        connection: Connection,
        pack: Pack,
        who: str,
        counted: Mapping[str, int],
        standing: Sequence[Finding],
        now: datetime,
    ) -> tuple[list[str], list[str]]:
        known = {name: 0 for name, spec in pack.definition.fields.items() if spec.type == "number"}
        context = pack.select({**known, **counted, "person": who})
        ruling = evaluate(pack, context, now)
        mine = {one.rule: one for one in standing if one.who == who}
        raised, cleared = [], []
        for fired in ruling.fired:
            if fired.rule in mine:
                continue
            span = max(SPANS.get(name, DAY) for name, n in counted.items() if n)
            entries = access_findings.entries_of(connection, who, now - span, now)
            one = Finding(str(uuid4()), fired.rule, who, pack.digest, dict(counted), entries, now)
            access_findings.put(connection, one)
            record(connection, _entry(RAISED, one, pack, now))
            raised.append(one.id)
        for rule in ruling.cleared:
            if rule in mine and access_findings.clear(connection, mine[rule].id, now):
                record(connection, _entry(CLEARED, mine[rule], pack, now))
                cleared.append(mine[rule].id)
        return raised, cleared

    def _exported(self, exports: Sequence[Acted]) -> dict[str, int]:
        """Return per person how many lines left the house, as the entries themselves say."""
        found: dict[str, int] = {}
        for one in exports:
            with holding(self.log, one.entry_id) as connection:
                entry = LogReader(connection).entry(one.entry_id)
                lines = orjson.loads(entry.body)["obj"].get("step", "0") if entry else "0"
                found[one.who] = found.get(one.who, 0) + int(lines)
        return found

    def _late(self, pauses: Sequence[Acted]) -> dict[str, int]:
        """Return per person how many pauses began with a working day or less left."""
        found: dict[str, int] = {}
        calendars = self.calendars()
        with reading(self.cases) as connection:
            for one in pauses:
                left = _left_at(connection, one, calendars)
                if left is not None and left <= LATE_DAYS:
                    found[one.who] = found.get(one.who, 0) + 1
        return found


def _left_at(connection: Connection, one: Acted, calendars: Mapping[str, Calendar]) -> int | None:
    """Return the fewest working days that any clock of the case had left when it was paused."""
    state, told = tables.state, tables.clock_event
    text = connection.execute(select(state.c.state).where(state.c.case_id == one.case_id)).scalar()
    if text is None:
        return None
    plan = CaseState.model_validate_json(text).plan
    rows = connection.execute(
        select(told).where(told.c.case_id == one.case_id).order_by(told.c.seq, told.c.n)
    )
    events = [clock_event_of(row) for row in rows]
    after = one.at + timedelta(days=1)
    lefts = []
    for period in periods(approval.clock_rules(plan), events):
        clock = Clock.of(period, calendars[plan.calendar], plan.zone, after)
        left = clock.left_at_last_pause(one.at) if clock.in_days else None
        if left is not None:
            lefts.append(left)
    return min(lefts, default=None)


def _entry(act: str, one: Finding, pack: Pack, at: datetime) -> EntryDraft:
    return EntryDraft(
        id=entry_id(UUID(one.id), act),
        stream=STREAM,
        at=at,
        who=Who("system", "system"),
        act=act,
        obj=What("anomaly", one.id, one.rule),
        why=f"{pack.id} {pack.version}",
        where=Where(svc="web"),
    )
