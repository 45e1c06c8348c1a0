"""Taking batches of readings: windows, rules, alarms, then one transaction.

What is new is laid out beside the store, the windows and the rules' answers are worked out from
it, and only then the write transaction begins: readings, windows, alarms, entries and events are
committed together or not at all. A batch that comes again finds its readings there and changes
nothing.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from audit.entry import EntryDraft, Who
from audit.outbox import record
from cases import reading_alarms, readings
from cases.database import intend
from cases.readings import BatchRow, DeadReading, SeriesKey
from cases.windows import (
    MICRO,
    STEPS_MOST,
    WINDOW_COLUMNS,
    NewReading,
    NextReading,
    Series,
    Windows,
)
from catalogue.stations import Stations
from yichuang.message_log import READINGS, TAKEN, covering
from yichuang.reading_machines import Changed, Fold, Machines
from yichuang.reading_rules import ReadingRules, Subject
from yichuang.reading_telling import Find, Telling, Told
from yichuang.readings import Parsed, Refused, Taken

_VERDICT = WINDOW_COLUMNS.index("verdict")
_NEW = WINDOW_COLUMNS.index("is_new")


@dataclass
class Delivery:
    """One message on its way into the store."""

    stream_seq: int
    subject: str
    parsed: Parsed
    taken: int = 0
    repeated: int = 0
    corrected: int = 0
    conflicts: list[Refused] = field(default_factory=list)

    @property
    def refused(self) -> list[Refused]:
        """Return what is refused of it: in itself, and against what the store has."""
        return [*self.parsed.refused, *self.conflicts]

    def begin(self) -> None:
        """Forget what an attempt that was rolled back had counted."""
        self.taken = self.repeated = self.corrected = 0
        self.conflicts = []


@dataclass
class _Laid:
    """What came of laying a batch out."""

    series: dict[int, Series] = field(default_factory=dict)
    old: list[tuple[Any, ...]] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    whole: list[tuple[int, int, str]] = field(default_factory=list)
    folds: list[Fold] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    newest: dict[int, int] = field(default_factory=dict)
    """Series → newest hour, of those that change."""


class ReadingStore:
    """The one writer of a readings store. Not for several threads at once.

    After any exception it must be thrown away and made anew: its copies may be ahead of the store.
    """

    def __init__(
        self,
        engine: Engine,
        stations: Stations,
        rules: ReadingRules,
        telling: Telling,
        is_changed: Callable[[], bool] = lambda: False,
    ) -> None:
        """Read the series and machines there are; keeps one connection until `close`.

        `is_changed`: whether other rule versions are signed than when it was asked last.
        """
        self._is_changed = is_changed
        self._stations = stations
        self._rules = rules
        self._telling = telling
        self._connection = engine.connect()
        self._windows = Windows(self._connection)
        intend(self._connection, to_write=False)
        self._windows.prepare()
        with self._connection.begin():
            self._known = readings.all_series(self._connection)
            self._batch = readings.last_batch(self._connection)
            self._newest = readings.newest_hours(self._connection)
            self._machines = Machines(self._connection, rules)
        self._series: dict[int, Series] = {}
        self._subjects: dict[int, Subject] = {}
        self._fresh: dict[SeriesKey, int] = {}
        self._next = max(self._known.values(), default=0) + 1
        for key, number in self._known.items():
            self._learn(key, number)

    def close(self) -> None:
        self._connection.close()

    def take(self, deliveries: Sequence[Delivery], at: datetime) -> list[Told]:
        """Take messages in the order of the stream, in one transaction; return what is told of
        alarms. `at` is the instant of recording. Counts and refusals are noted on the deliveries.

        Raises `sqlalchemy.exc.IntegrityError` when another writer was faster.
        """
        if self._is_changed():
            self._rules.forget()
            self._machines.forget_members()
        with _without_collecting():
            return self._take(deliveries, at)

    def _take(self, deliveries: Sequence[Delivery], at: datetime) -> list[Told]:
        intend(self._connection, to_write=False)
        with self._connection.begin():
            laid = self._lay_out(deliveries)
        intend(self._connection, to_write=True)
        with self._connection.begin():
            self._write(deliveries, laid, at)
        self._batch += len(deliveries)
        self._newest |= laid.newest
        self._fresh.clear()
        self._machines.kept(laid.folds)
        return laid.told

    # --- reading only ----------------------------------------------------------------------------

    def _lay_out(self, deliveries: Sequence[Delivery]) -> _Laid:
        laid = _Laid()
        for delivery in deliveries:
            delivery.begin()
        rows = self._one_per_key(deliveries, laid)
        known = self._windows.stage(laid.series.values(), *self._divided(rows))
        self._against_stored(rows, known, laid)
        if not rows:
            return laid
        found = self._windows.windows()
        for row in found:  # by series and hour
            laid.newest[row[0]] = max(row[1], self._newest.get(row[0], row[1]))
        hours = [(self._subjects[row[0]], row[1], row) for row in found]
        verdicts = self._rules.verdicts(hours)
        judged = []
        for (subject, hour, row), verdict in zip(hours, verdicts, strict=True):
            if row[_NEW] or verdict != row[_VERDICT]:
                laid.changed.append(Changed(subject, hour, row[_VERDICT], verdict))
                if verdict != row[_VERDICT]:
                    judged.append((verdict, subject.id, hour))
        self._windows.judged(judged)
        by_place = {(row[0], row[1]): row for row in found}
        self._stations_whole(hours, by_place, laid)
        self._machines.place(self._subjects.values())
        laid.folds = self._machines.refold(self._connection, laid.changed)
        find = self._context_of(by_place, laid)
        for fold in laid.folds:
            laid.told += self._telling.what(fold, self._machines.turns(fold), find)
        return laid

    def _one_per_key(
        self, deliveries: Sequence[Delivery], laid: _Laid
    ) -> dict[tuple[int, int], tuple[Taken, Delivery]]:
        rows: dict[tuple[int, int], tuple[Taken, Delivery]] = {}
        numbers = self._known
        for delivery in deliveries:
            for one in delivery.parsed.taken:
                number = numbers.get(one[1])
                if number is None:
                    number = self._number(one[1])
                key = (number, one[2])
                if key in rows:
                    self._meet(rows, key, one, delivery, laid)
                else:
                    rows[key] = (one, delivery)
                    delivery.taken += 1
        for number in {series for series, _ in rows}:
            laid.series[number] = self._series[number]
        return rows

    def _divided(
        self, rows: dict[tuple[int, int], tuple[Taken, Delivery]]
    ) -> tuple[list[NewReading], list[NextReading]]:
        """Return what has to be laid over the stored rows, and what goes on from the newest."""
        instants: dict[int, list[int]] = {}
        for number, at in rows:
            instants.setdefault(number, []).append(at)
        laid: list[NewReading] = []
        going_on: list[NextReading] = []
        for number, own in instants.items():
            own.sort()
            newest = self._newest.get(number)
            first = own[0] // 3600 if newest is None else newest + 1
            if own[-1] // 3600 - first == len(own) - 1 < STEPS_MOST and all(
                at // 3600 == hour for hour, at in enumerate(own, first)
            ):
                going_on += [
                    (step, number, first + step, at, *rows[number, at][0][3:])
                    for step, at in enumerate(own)
                ]
            else:
                laid += [(number, at, *rows[number, at][0][3:]) for at in own]
        return laid, going_on

    def _meet(
        self,
        rows: dict[tuple[int, int], tuple[Taken, Delivery]],
        key: tuple[int, int],
        one: Taken,
        delivery: Delivery,
        laid: _Laid,
    ) -> None:
        """Two readings of one batch under one key: the higher revision stands."""
        first, _ = rows[key]
        if one[3:] == first[3:]:
            delivery.repeated += 1
        elif one[5] == first[5]:
            delivery.conflicts.append(_conflict(one, first[3], first[4]))
        else:
            delivery.corrected += 1
            lower, higher = (first, one) if one[5] > first[5] else (one, first)
            laid.old.append((*key, lower[5], lower[3], lower[4], self._batch + 1))
            if higher is one:
                rows[key] = (one, delivery)

    def _against_stored(
        self,
        rows: dict[tuple[int, int], tuple[Taken, Delivery]],
        known: dict[tuple[int, int], tuple[Any, ...]],
        laid: _Laid,
    ) -> None:
        """Take away what the store has already, and note what is replaced."""
        gone = []
        for key, (value, flag, revision, batch) in known.items():
            one, delivery = rows[key]
            if one[5] > revision:
                delivery.taken -= 1
                delivery.corrected += 1
                laid.old.append((*key, revision, value, flag, batch))
                continue
            delivery.taken -= 1
            gone.append(key)
            if one[3:] == (value, flag, revision):
                delivery.repeated += 1
            elif one[5] == revision:
                delivery.conflicts.append(_conflict(one, value, flag))
            else:
                delivery.corrected += 1
                laid.old.append((*key, one[5], one[3], one[4], self._batch + 1))
        for key in gone:
            del rows[key]
        self._windows.forget(gone)

    def _stations_whole(
        self,
        hours: Sequence[tuple[Subject, int, Any]],
        by_place: dict[tuple[int, int], Any],
        laid: _Laid,
    ) -> None:
        """Ask the packs that look at a station as a whole, and note where they say otherwise."""
        known = self._known
        wholes = {(known[s.station, "", s.kind], hour): None for s, hour, _ in hours}
        asked = {
            (number, hour): self._subjects[number]
            for number, hour in wholes  # in the order in which they came
            if self._rules.askers(self._subjects[number], hour)
        }
        if not asked:
            return
        wanted = [
            (member, hour)
            for (_, hour), whole in asked.items()
            for item in whole.items
            if (member := self._known.get((whole.station, item, whole.kind))) is not None
            and (member, hour) not in by_place
        ]
        stored = self._windows.stored([*wanted, *asked])
        both = stored | by_place
        questions = [
            (whole, hour, self._rows_of(whole, hour, both)) for (_, hour), whole in asked.items()
        ]
        for (whole, hour, _), verdict in zip(
            questions, self._rules.verdicts(questions), strict=True
        ):
            before = stored.get((whole.id, hour))
            if before is None or before[_VERDICT] != verdict:
                laid.whole.append((whole.id, hour, verdict))
                said = "" if before is None else before[_VERDICT]
                laid.changed.append(Changed(whole, hour, said, verdict))

    def _rows_of(
        self, whole: Subject, hour: int, rows: dict[tuple[int, int], Any]
    ) -> dict[str, Any]:
        found = {}
        for item in whole.items:
            number = self._known.get((whole.station, item, whole.kind))
            if number is not None and (number, hour) in rows:
                found[item] = rows[number, hour]
        return found

    def _context_of(self, by_place: dict[tuple[int, int], Any], laid: _Laid) -> Find:
        """Return how a told turn finds who said so, with the whole context of the hour."""
        now: dict[int, dict[int, str]] = {}
        for one in laid.changed:
            now.setdefault(one.hour, {})[one.subject.id] = one.now

        def find(fold: Fold, hour: int, rule: str) -> tuple[Subject, Any] | None:
            members = self._machines.members(fold.machine)
            verdicts = dict(now.get(hour, {}))
            others = [one.id for one in members if one.id not in verdicts]
            if others:
                stored = reading_alarms.verdicts(self._connection, others, hour, hour)
                verdicts |= {series: verdict for _, series, verdict in stored}
            present = [one for one in members if one.id in verdicts]
            if not present:
                return None
            chosen = next((s for s in present if f'"{rule}": "h"' in verdicts[s.id]), present[0])
            return chosen, self._row(chosen, hour, by_place)

        return find

    def _row(self, subject: Subject, hour: int, by_place: dict[tuple[int, int], Any]) -> Any:
        if subject.item:
            row = by_place.get((subject.id, hour))
            return row or self._windows.stored([(subject.id, hour)])[subject.id, hour]
        members = [
            (number, hour)
            for item in subject.items
            if (number := self._known.get((subject.station, item, subject.kind))) is not None
        ]
        rows = self._windows.stored(members) | {k: by_place[k] for k in members if k in by_place}
        return self._rows_of(subject, hour, rows)

    # --- writing ---------------------------------------------------------------------------------

    def _write(self, deliveries: Sequence[Delivery], laid: _Laid, at: datetime) -> None:
        connection = self._connection
        first = self._batch + 1
        readings.note_batches(connection, first, [_noted(one) for one in deliveries], at)
        record(connection, _messages(first, deliveries, at))
        readings.new_series(connection, self._fresh)
        readings.bury(connection, [dead for one in deliveries for dead in buried(one)], at)
        self._windows.keep_old(laid.old)
        if laid.series:
            self._windows.take(first)
        self._windows.take_whole(laid.whole)
        reading_alarms.new_machines(connection, self._machines.fresh)
        for fold in laid.folds:
            reading_alarms.write_fold(connection, fold.row)
        self._telling.write(connection, laid.told, at)

    # --- series ----------------------------------------------------------------------------------

    def _number(self, key: SeriesKey) -> int:
        """Give a series a number, and its station as a whole one too."""
        station, _, kind = key
        for one in (key, (station, "", kind)):
            if one not in self._known:
                self._known[one] = self._fresh[one] = self._next
                self._learn(one, self._next)
                self._next += 1
        return self._known[key]

    def _learn(self, key: SeriesKey, number: int) -> None:
        station, item, kind = key
        if station not in self._stations.station_by_id:
            return  # no longer in the catalogue: its readings stay, nothing is asked of them
        self._subjects[number] = self._rules.subject(number, station, item, kind)
        if item and item in self._stations.item_by_id:
            spec = self._stations.item_by_id[item]
            above = None if spec.above is None else round(spec.above * MICRO)
            self._series[number] = Series(
                number, station, item, kind, spec.needed, above, spec.eight
            )


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Keep the collector of cycles from walking through the thousands of rows of a batch, which
    have none: it took a third of the time of a batch (2026-11-26)."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def buried(delivery: Delivery) -> list[DeadReading]:
    """Return the refused readings of a message as the store keeps them."""
    return [
        DeadReading(
            delivery.stream_seq, one.place, hashlib.sha256(one.body.encode()).hexdigest(),
            delivery.subject, one.field, one.reason, one.remedy, one.body,
        )
        for one in delivery.refused
    ]  # fmt: skip


def _messages(first: int, deliveries: Sequence[Delivery], at: datetime) -> EntryDraft:
    """Return the one entry of a batch: its lines are the rows of `batch` with these numbers."""
    lines = [
        (first + place, one.stream_seq, one.parsed.event_id, one.taken, one.repeated,
         one.corrected, len(one.refused))
        for place, one in enumerate(deliveries)
    ]  # fmt: skip
    span = f"{first}-{first + len(lines) - 1}"
    who = Who("system", "system")
    return covering(READINGS, TAKEN, lines, at, who=who, svc="telemetry", span=span)


def _noted(one: Delivery) -> BatchRow:
    return BatchRow(
        one.stream_seq, one.subject, one.parsed.event_id, one.taken, one.repeated, one.corrected,
        len(one.refused),
    )  # fmt: skip


def _conflict(one: Taken, value: int | None, flag: str) -> Refused:
    kept = "空" if value is None else f"{value / MICRO:g}"
    said = "空" if one[3] is None else f"{one[3] / MICRO:g}"
    return Refused(
        one[0], f"data.readings[{one[0]}].value",
        f"同一站、项目、时刻已有读数 {kept}（{flag or 'ok'}），这里是 {said}",
        "更正读数请把 revision 加 1 再发送", f"{one[1][0]} {one[1][1]} {said}",
    )  # fmt: skip


__all__ = ["Connection", "Delivery", "ReadingStore", "buried"]
