"""Alarms of the past by two versions of a pack: the stored hours are asked again, and folded again.

The windows of each hour stand in the readings store (`cases.windows`); what they say is asked of
the twin, the machines (`rules.alarms`) go over them from the first hour of the span, idle. An alarm
that stood before that hour is raised in it, by both versions alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Engine, select

from cases.database import reading
from cases.dossier import Change, ChangeKind, DossierSpan, Section
from cases.readings import all_series
from cases.readings_tables import machine, machine_turn, reading_hour
from cases.rulings import Ruling
from cases.windows import WINDOW_COLUMNS
from catalogue.stations import Stations
from rules.alarms import IDLE, Guard, Said, State, Step, Turn, advance, together
from rules.evaluate import evaluate
from rules.pack import Pack
from yichuang.reading_rules import SUBJECT, Machine, ReadingRules, Subject, instant, spoken
from yichuang.simulating import NO_READINGS, Tell

CHUNK_HOURS = 24 * 7
"""Hours read at once: 500 series have 84,000 rows then."""

_SERIES, _HOUR = WINDOW_COLUMNS.index("series"), WINDOW_COLUMNS.index("hour")


class Twin:
    """`yichuang.reading_rules.Answers` by the plain twin."""

    def evaluate(self, pack: Pack, context: Mapping[str, object], at: datetime) -> Ruling:
        return evaluate(pack, context, at)

    def evaluate_many(
        self, pack: Pack, contexts: Sequence[Mapping[str, object]], at: datetime
    ) -> list[Ruling]:
        return [evaluate(pack, context, at) for context in contexts]


@dataclass(frozen=True, slots=True)
class Episode:
    """One alarm of a machine, from its raising to its end in the span."""

    rule: str
    level: str
    cleared_at: int | None


@dataclass(frozen=True)
class AlarmReplay:
    """`yichuang.simulating.Replay` over the store of readings, which is only read."""

    engine: Engine
    stations: Stations
    tell: Tell = lambda *_: None

    def __call__(self, current: Pack | None, proposed: Pack, span: DossierSpan) -> Section:
        """Return the alarms that would have been raised, left out, of another level or length."""
        if proposed.definition.subject != SUBJECT:
            return Section(reason=NO_READINGS)
        first, last = _hour(span.since), _hour(span.until)
        hours, after = self._episodes(proposed, first, last)
        before = {} if current is None else self._episodes(current, first, last)[1]
        counts = {
            "现行版本": len(before),
            "拟议版本": len(after),
            "已发": self._raised(proposed.id, first, last),
        }
        changes = tuple(self._changes(before, after))
        return Section(compared=True, looked_at=hours, counts=counts, changes=changes)

    # --- by one version --------------------------------------------------------------------------

    def _episodes(
        self, pack: Pack, first: int, last: int
    ) -> tuple[int, dict[tuple[Machine, int], Episode]]:
        """Return how many hours of series were asked, and the alarms by machine and raising."""
        fold = _Fold(self.stations, pack, self._subjects(pack))
        for number, rows in self._hours(first, last):
            fold.hour(number, rows)
            if number % 24 == 0:
                self.tell("alarms", fold.asked)
        return fold.asked, fold.episodes

    def _subjects(self, pack: Pack) -> dict[int, Subject]:
        rules = ReadingRules(self.stations, lambda _: (), lambda: [pack], Twin())
        with reading(self.engine) as connection:
            known = all_series(connection)
        found = {}
        for (station, item, kind), number in known.items():
            try:
                found[number] = rules.subject(number, station, item, kind)
            except KeyError:
                continue  # a station or an item that the city has given up since
        return found

    def _hours(self, first: int, last: int) -> Iterator[tuple[int, list[Any]]]:
        """Yield each hour with data and its rows, a week read at a time."""
        columns = [reading_hour.c[name] for name in WINDOW_COLUMNS if name != "is_new"]
        for start in range(first, last + 1, CHUNK_HOURS):
            end = min(start + CHUNK_HOURS - 1, last)
            query = (
                select(*columns)
                .where(reading_hour.c.hour.between(start, end))
                .order_by(reading_hour.c.hour, reading_hour.c.series)
            )
            with reading(self.engine) as connection:
                rows = [(*row, 0) for row in connection.execute(query)]
            for hour, group in groupby(rows, key=lambda row: row[_HOUR]):
                yield hour, list(group)

    def _raised(self, pack: str, first: int, last: int) -> int:
        """Return how many alarms of the pack stand in the store, whatever version raised them."""
        query = (
            select(machine_turn.c.machine)
            .join(machine, machine.c.id == machine_turn.c.machine)
            .where(
                machine.c.pack == pack,
                machine_turn.c.kind == "raised",
                machine_turn.c.at.between(first, last),
            )
        )
        with reading(self.engine) as connection:
            return len(connection.execute(query).all())

    # --- two versions ----------------------------------------------------------------------------

    def _changes(
        self,
        before: Mapping[tuple[Machine, int], Episode],
        after: Mapping[tuple[Machine, int], Episode],
    ) -> Iterator[Change]:
        for key in sorted({*before, *after}, key=lambda one: (one[1], one[0])):
            old, new = before.get(key), after.get(key)
            if old == new:
                continue
            shown = new or old
            assert shown is not None
            (_, _, place, _), raised_at = key
            yield Change(
                kind=_kind(old, new),
                department=self._department(place),
                about=place,
                rule=shown.rule,
                at=instant(raised_at),
                before="" if old is None else _text(old, raised_at),
                after="" if new is None else _text(new, raised_at),
            )

    def _department(self, place: str) -> str:
        for station, known in self.stations.station_by_id.items():
            if f'"{station}"' in place:
                return known.department
        return ""


class _Fold:
    """The machines of one version, hour after hour."""

    def __init__(self, stations: Stations, pack: Pack, subjects: Mapping[int, Subject]) -> None:
        self._pack = pack
        self._subjects = subjects
        self._rules = ReadingRules(
            stations, lambda hour: [(pack, pack.slice_at(instant(hour)))], lambda: [pack], Twin()
        )
        self._wholes: dict[tuple[str, str], Subject] = {
            (s.station, s.kind): s for s in subjects.values() if not s.item
        }
        self._state: dict[Machine, tuple[State, int | None]] = {}
        self.episodes: dict[tuple[Machine, int], Episode] = {}
        self.asked = 0

    def hour(self, hour: int, rows: Sequence[Any]) -> None:
        """Ask what the hour says and let every machine that it feeds go one step."""
        of_item = [
            (subject, row)
            for row in rows
            if (subject := self._subjects.get(row[_SERIES])) is not None and subject.item
        ]
        together_: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
        for subject, row in of_item:
            together_[subject.station, subject.kind][subject.item] = row
        questions: list[tuple[Subject, int, Any]] = [(s, hour, row) for s, row in of_item]
        questions += [
            (whole, hour, found)
            for place, found in together_.items()
            if (whole := self._wholes.get(place)) is not None
        ]
        questions = [one for one in questions if self._rules.askers(one[0], hour)]
        self.asked += len(questions)
        verdicts = self._rules.verdicts(questions)
        self._turn(hour, [(s, v) for (s, _, _), v in zip(questions, verdicts, strict=True)])

    def _turn(self, hour: int, said: Sequence[tuple[Subject, str]]) -> None:
        guards: dict[Machine, dict[str, Guard]] = defaultdict(dict)
        words: dict[Machine, list[Mapping[str, Said]]] = defaultdict(list)
        for subject, verdict in said:
            of_pack = spoken(verdict).get(self._pack.id, {})
            for asker in self._rules.askers(subject, hour):
                for of, some in asker.machines.items():
                    guards[of] |= {guard.rule: guard for guard in some}
                    words[of].append(of_pack)
        for of, found in guards.items():
            state, previous = self._state.get(of, (IDLE, None))
            whole = together(words[of], list(found))
            after, turns = advance(state, previous, Step(hour, tuple(found.values()), whole))
            self._state[of] = (after, hour)
            for turn in turns:
                self._note(of, turn, found)

    def _note(self, of: Machine, turn: Turn, guards: Mapping[str, Guard]) -> None:
        key = (of, turn.raised_at)
        if turn.kind == "cleared":
            known = self.episodes[key]
            self.episodes[key] = Episode(known.rule, known.level, turn.at)
            return
        guard = guards.get(turn.rule)
        level = "" if guard is None else guard.level
        known_level = self.episodes[key].level if key in self.episodes else ""
        self.episodes[key] = Episode(turn.rule, "→".join(filter(None, (known_level, level))), None)


def _kind(old: Episode | None, new: Episode | None) -> ChangeKind:
    if old is None:
        return "raised"
    if new is None:
        return "cleared"
    return "level" if old.level != new.level else "moved"


def _text(one: Episode, raised_at: int) -> str:
    until = "" if one.cleared_at is None else f"{instant(one.cleared_at):%Y-%m-%dT%H:%MZ}"
    return f"{one.level} {instant(raised_at):%Y-%m-%dT%H:%MZ}–{until}"


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // 3600
