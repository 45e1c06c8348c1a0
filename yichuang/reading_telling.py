"""What is told of alarms: the row, the append-only event, the log's entry, the event for NATS.

Each time the history of an alarm becomes another, one or more things are told: `raised`, `updated`
(another rule stands, or a clearing did not hold), `cleared`, and `withdrawn`, when late readings
show that it never was. The newest stands; the older ones stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection

from audit.entry import EntryDraft, RuleRef, What, Where, Who, digest_of, entry_id
from audit.outbox import record_many
from cases import reading_alarms
from cases.messages import NAMESPACE
from cases.projection import json_text
from cases.reading_alarms import TurnRow
from cases.rulings import Ruling
from catalogue.stations import Stations
from rules.model import Rule
from rules.pack import Pack
from yichuang.reading_machines import Fold
from yichuang.reading_rules import Machine, ReadingRules, Subject, instant

STREAM = "sys:readings"
"""The stream of every reading alarm's entries. Only the readings store has it."""
WITHDRAWN = "withdrawn"

LEVELS_ZH = {"blue": "蓝色", "yellow": "黄色", "orange": "橙色", "red": "红色"}

Find = Callable[[Fold, int, str], tuple[Subject, Any] | None]
"""Given a machine, an hour and a rule, the series that said so and its window row or rows."""


@dataclass(frozen=True)
class Told:
    """One thing told of one alarm."""

    alarm_id: str
    machine: int
    kind: str
    """raised, updated, cleared or withdrawn."""
    turn: TurnRow
    now: TurnRow
    """The turn that says what the alarm is at this point: rule and level."""
    cleared_at: int | None
    pack: Pack | None
    rule: Rule | None
    ruling: Ruling | None
    subject: Subject
    key: Machine


def alarm_id(machine: Machine, raised_at: int) -> str:
    """Return the id of the alarm that a machine raised at an hour, the same for ever."""
    return str(uuid5(NAMESPACE, "\n".join(("reading-alarm", *machine, str(raised_at)))))


class Telling:
    """Tells of alarms for one city."""

    def __init__(self, city: str, schemas: str, stations: Stations, rules: ReadingRules) -> None:
        """`schemas`: where the schemas stand, an address without trailing slash."""
        self._city = city
        self._schemas = schemas
        self._stations = stations
        self._rules = rules

    def what(self, fold: Fold, turns: Sequence[TurnRow], find: Find) -> list[Told]:
        """Return what has to be told of a fold. `turns`: all of the machine, with the fold."""
        told: list[Told] = []
        before, after = set(fold.before), set(fold.turns)
        touched = {turn.raised_at for turn in before ^ after}
        for raised_at in sorted(touched):
            new = [turn for turn in turns if turn.raised_at == raised_at]
            if not new:
                gone = [turn for turn in fold.before if turn.raised_at == raised_at]
                told += self._one(fold, WITHDRAWN, gone[-1], gone[-1], None, find)
                continue
            added = [turn for turn in new if turn in after - before]
            for turn in added or [new[-1]]:
                upto = [one for one in new if one.at <= turn.at]
                kind = turn.kind if turn in added or turn.kind == "cleared" else "updated"
                cleared = turn.at if turn.kind == "cleared" else None
                told += self._one(fold, kind, turn, upto[-1], cleared, find)
        return told

    def _one(
        self, fold: Fold, kind: str, turn: TurnRow, now: TurnRow, cleared: int | None, find: Find
    ) -> list[Told]:
        found = find(fold, turn.at, turn.rule)
        if found is None:  # withdrawn because the hour itself is gone: cannot be, rows are kept
            raise LookupError(f"no series speaks for {fold.machine} at hour {turn.at}")
        subject, row = found
        pack, rule, ruling = self._rules.explain(subject, fold.machine[0], turn.rule, row, turn.at)
        return [
            Told(
                alarm_id(fold.machine, turn.raised_at), fold.number, kind, turn, now, cleared,
                pack, rule, ruling, subject, fold.machine,
            )
        ]  # fmt: skip

    def write(self, connection: Connection, told: Sequence[Told], at: datetime) -> None:
        """Write rows, events, entries and messages. Never commits."""
        entries: list[tuple[EntryDraft, tuple[()]]] = []
        for one in told:
            row = self._row(connection, one, at)
            ruling = "" if one.ruling is None else one.ruling.model_dump_json()
            turn = TurnRow(one.turn.at, one.kind, one.turn.raised_at, row["rule"], row["level"])
            number = reading_alarms.add_event(connection, one.alarm_id, one.kind, turn, ruling, at)
            entries.append((self._entry(one, row, number, ruling, at), ()))
            event_id = str(uuid5(NAMESPACE, f"reading-alarm\n{one.alarm_id}\n{number}"))
            subject = f"evt.{self._city}.{row['department']}.alarm.{one.kind}"
            event = json_text(self._event(one, row, event_id, at))
            reading_alarms.announce(connection, event_id, subject, event, at)
        if entries:
            record_many(connection, entries)

    def _row(self, connection: Connection, one: Told, at: datetime) -> dict[str, Any]:
        known = reading_alarms.alarm_at(connection, one.machine, one.turn.raised_at)
        changing: dict[str, Any] = {
            "updated_at": one.turn.at,
            "cleared_at": one.cleared_at,
            "withdrawn": int(one.kind == WITHDRAWN),
            "level": one.now.level,
            "rule": one.now.rule,
            "changed_at": at,
        }
        if one.rule is not None and one.pack is not None:
            changing |= {
                "title": one.rule.title.zh, "basis": one.rule.basis, "pack": one.pack.id,
                "version": one.pack.version, "digest": one.pack.digest,
            }  # fmt: skip
        if known is not None:
            reading_alarms.change_alarm(connection, one.alarm_id, changing)
            return {**known, **changing}
        facts = one.subject.facts
        row = {
            "title": "", "basis": "", "pack": one.key[0], "version": "", "digest": "",
            **changing,
            "id": one.alarm_id,
            "machine": one.machine,
            "raised_at": one.turn.raised_at,
            "station": one.subject.station,
            "item": one.subject.item,
            "kind": one.subject.kind,
            "department": facts.get("department", ""),
            "district": facts.get("district", ""),
            "recorded_at": at,
        }  # fmt: skip
        reading_alarms.put_alarm(connection, row)
        return row

    def _entry(
        self, one: Told, row: dict[str, Any], number: int, ruling: str, at: datetime
    ) -> EntryDraft:
        reference = None
        if one.pack is not None:
            reference = RuleRef(one.pack.id, one.pack.version, one.pack.digest)
        return EntryDraft(
            id=entry_id(UUID(one.alarm_id), f"{one.kind}#{number}"),
            stream=STREAM,
            at=at,
            who=Who("system", "system", org=row["department"] or None),
            act=f"alarm_{one.kind}",
            obj=What("reading_alarm", one.alarm_id),
            why=row["basis"] or row["rule"],
            where=Where(svc="telemetry"),
            after=digest_of(ruling.encode()),
            rule=reference,
            occurred_at=instant(one.turn.at),
        )

    def _event(self, one: Told, row: dict[str, Any], event_id: str, at: datetime) -> dict[str, Any]:
        cleared = row["cleared_at"]
        return {
            "specversion": "1.0",
            "id": event_id,
            "source": f"/dept/{row['department']}",
            "type": f"cn.{self._city}.alarm.{one.kind}.v1",
            "subject": one.alarm_id,
            "time": _utc(at),
            "datacontenttype": "application/json",
            "dataschema": f"{self._schemas}/alarm.v1.json",
            "data": {
                "id": one.alarm_id,
                "key": ":".join(("reading", *one.key)),
                "kind": "reading",
                "case_id": "",
                "department": row["department"],
                "text": self.text(one.subject, row["level"], row["title"]),
                "detail": {
                    "station": row["station"], "item": row["item"], "readings": row["kind"],
                    "level": row["level"], "rule": row["rule"], "basis": row["basis"],
                    "pack": row["pack"], "version": row["version"], "digest": row["digest"],
                    "happened_at": _utc(instant(one.turn.at)),
                    "withdrawn": bool(row["withdrawn"]),
                },
                "raised_at": _utc(instant(row["raised_at"])),
                "cleared_at": None if cleared is None else _utc(instant(cleared)),
            },
        }  # fmt: skip

    def text(self, subject: Subject, level: str, title: str) -> str:
        """Return one Chinese sentence about an alarm."""
        station = self._stations.station_by_id[subject.station].zh
        item = f"{self._stations.item_by_id[subject.item].zh}" if subject.item else ""
        where = f"{station}{item}" + ("（预报）" if subject.kind == "forecast" else "")
        return f"{where}：{title}（{LEVELS_ZH.get(level, level or '提示')}）"


def _utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
