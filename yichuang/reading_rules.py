"""What the signed rules say of an hour of a series: packs with `subject: reading`, in batches.

A pack with a field `item` is asked of each series, one without it of each station as a whole. The
version in force at the hour decides. Equal cells (`rules.verdicts`) are asked once; the answer
comes from the rules process, with the twin behind it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from cases.rulings import Ruling
from cases.windows import MICRO, WINDOW_COLUMNS
from catalogue.stations import HOURS_OF_A_DAY, HOURS_OF_EIGHT, Stations
from rules.alarms import Guard, Said
from rules.evaluate import NoRuling
from rules.model import Condition, Rule, leaves
from rules.pack import ContextRefused, Pack, Slice
from rules.verdicts import Cells, Judge, cells, decided

_log = logging.getLogger("yichuang.telemetry")

SUBJECT = "reading"
CODES: Mapping[Said, str] = {"held": "h", "unknown": "u", "neither": "n"}
"""How a verdict spells what a rule said; a rule that says `clear` is left out."""
_SAID: Mapping[str, Said] = {"h": "held", "u": "unknown", "n": "neither"}

_AT = {name: index for index, name in enumerate(WINDOW_COLUMNS)}
Row = Sequence[Any]
Value = Callable[[Row], Any]


def _micro(column: str) -> Value:
    index = _AT[column]

    def value(row: Row) -> Any:
        found = row[index]
        return None if found is None else found / MICRO

    return value


def _mean(total: str, count: str, needed: int) -> Value:
    of, by = _AT[total], _AT[count]

    def value(row: Row) -> Any:
        n, s = row[by], row[of]
        if n < needed:
            return None
        return ((2 * s + n) // (2 * n) if s >= 0 else -((-2 * s + n) // (2 * n))) / MICRO

    return value


def _plain(column: str) -> Value:
    index = _AT[column]
    return lambda row: row[index]


FEATURES: Mapping[str, Value] = {
    "value": _micro("last"),
    "count_1h": _plain("n"),
    "valid_1h": _plain("valid"),
    "mean_1h": _micro("mean"),
    "max_1h": _micro("most"),
    "min_1h": _micro("least"),
    "mean_8h": _mean("s8", "n8", HOURS_OF_EIGHT),
    "valid_8h": _plain("n8"),
    "mean_24h": _mean("s24", "n24", HOURS_OF_A_DAY),
    "valid_24h": _plain("n24"),
    "max_8h_mean": _micro("most8"),
    "hours_above": _plain("above"),
    "rate": _micro("rate"),
    "gap_hours": _plain("gap"),
    "flag": lambda row: row[_AT["flag"]] or "ok",
}
"""Fields of an item's context that the windows give; absent (None) where a window is invalid."""

_OF_STATION = {"1h": "mean_1h", "8h": "mean_8h", "24h": "mean_24h", "value": "value"}
"""Last word of a station field (`pm25_24h`) → the item's feature."""

OF_THE_HOUR = ("hour", "month")


@lru_cache(maxsize=1 << 15)
def local(hour: int, zone: str) -> tuple[int, int]:
    """Return the hour of the day and the month at an hour, in a zone."""
    moment = datetime.fromtimestamp(hour * 3600, ZoneInfo(zone))
    return moment.hour, moment.month


def instant(hour: int) -> datetime:
    """Return the instant at which an hour begins."""
    return datetime.fromtimestamp(hour * 3600, UTC)


class Answers(Protocol):
    """What is asked of the rules process (`rules.process.RulesProcess`)."""

    def evaluate(self, pack: Pack, context: Mapping[str, object], at: datetime) -> Ruling: ...

    def evaluate_many(
        self, pack: Pack, contexts: Sequence[Mapping[str, object]], at: datetime
    ) -> list[Ruling]: ...


Machine = tuple[str, str, str, str]
"""(pack, precedence group or rule, key as JSON, observed or forecast)"""


@dataclass(frozen=True)
class Subject:
    """A series as the rules see it: `item` empty for the station as a whole."""

    id: int
    station: str
    item: str
    kind: Literal["observed", "forecast"]
    facts: Mapping[str, str]
    """What is the same in each of its contexts."""
    items: tuple[str, ...] = ()
    """Of a station: what it measures."""

    @property
    def features(self) -> Mapping[str, Value]:
        """Return the fields that differ from hour to hour."""
        return FEATURES if self.item else _station_features(self.items)


@lru_cache(maxsize=1024)
def _station_features(items: tuple[str, ...]) -> Mapping[str, Value]:
    def of(item: str, value: Value) -> Value:
        def found(rows: Any) -> Any:
            row = rows.get(item)
            return None if row is None else value(row)

        return found

    return {
        f"{item}_{word}": of(item, FEATURES[feature])
        for item in items
        for word, feature in _OF_STATION.items()
    }


@dataclass
class Asker:
    """One pack's rules of one time, ready for one subject."""

    pack: Pack
    rules: Slice
    judges: tuple[Judge, ...]
    machines: Mapping[Machine, tuple[Guard, ...]]
    features: tuple[Value, ...]
    """What the cells need, in their order."""
    of_hour: tuple[tuple[int, int], ...]
    """Which of them are of the hour: place → place in `OF_THE_HOUR`."""
    cells: Cells
    facts: Mapping[str, str]
    all_features: Mapping[str, Value]
    answers: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def cell(self, row: Any, hour: int) -> tuple[Any, ...]:
        """Return the cell of an hour."""
        values = [value(row) for value in self.features]
        if self.of_hour:
            of_hour = local(hour, self.pack.definition.zone)
            for place, part in self.of_hour:
                values[place] = of_hour[part]
        return self.cells.of(values)

    def context(self, row: Any, hour: int) -> dict[str, object]:
        """Return the whole context of an hour, as far as the pack has fields for it."""
        fact: dict[str, Any] = dict(self.facts)
        for name, value in self.all_features.items():
            found = value(row)
            if found is not None:
                fact[name] = found
        return self.pack.select(fact | self._hour(hour))

    def said(self, ruling: Ruling | None, context: Mapping[str, object]) -> str:
        """Return what the rules say in a verdict's spelling: `"pack":{"rule":"h"}` or nothing."""
        if ruling is None:
            codes = {judge.rule.id: "u" for judge in self.judges}
        else:
            fact = {
                **context,
                **self.rules.indices(context),
                **{k: v for k, v in ruling.outcome.items() if k in self.pack.derived},
            }
            codes = {
                judge.rule.id: CODES[said]
                for judge in self.judges
                if (said := judge.said_of(fact, ruling)) != "clear"
            }
        return f"{json.dumps(self.pack.id)}:{json.dumps(codes)}" if codes else ""

    def _hour(self, hour: int) -> dict[str, int]:
        return dict(zip(OF_THE_HOUR, local(hour, self.pack.definition.zone), strict=True))


@lru_cache(maxsize=1 << 14)
def spoken(verdict: str) -> Mapping[str, Mapping[str, Said]]:
    """Return what a stored verdict says: pack → rule → said; `clear` is left out."""
    if not verdict:
        return {}
    return {
        pack: {rule: _SAID[code] for rule, code in said.items()}
        for pack, said in json.loads(verdict).items()
    }


PacksAt = Callable[[int], Sequence[tuple[Pack, Slice]]]
"""The packs about readings and their rules in force at an hour."""


class ReadingRules:
    """Asks the rules of hours. Keeps what was answered as long as the same versions count."""

    def __init__(
        self,
        stations: Stations,
        packs_at: PacksAt,
        all_packs: Callable[[], Sequence[Pack]],
        answers: Answers,
    ) -> None:
        """`all_packs`: every signed version of every pack about readings."""
        self._stations = stations
        self._packs_at = packs_at
        self._all_packs = all_packs
        self._answers = answers
        self._askers: dict[tuple[int, str], Asker | None] = {}
        self._asked: dict[tuple[int, str], tuple[Asker, ...]] = {}
        self._in_force: dict[int, str] = {}
        """Hour → which rules are in force in it, in one word."""
        self._feeds: dict[int, frozenset[Machine]] = {}

    def forget(self) -> None:
        """Say that other versions are signed than before."""
        self._feeds.clear()
        self._asked.clear()
        self._in_force.clear()

    def subject(self, number: int, station: str, item: str, kind: str) -> Subject:
        """Return a series as the rules see it. Raises `KeyError` for an unknown station."""
        place = self._stations.station_by_id[station]
        facts = {
            "station": station,
            "kind": kind,
            "station_kind": place.kind,
            "department": place.department,
            "district": place.district,
            "zone_class": place.zone_class,
        }
        if item:
            facts |= {"item": item, "unit": self._stations.item_by_id[item].unit}
        facts = {name: value for name, value in facts.items() if value}
        shown: Literal["observed", "forecast"] = "forecast" if kind == "forecast" else "observed"
        return Subject(number, station, item, shown, facts, () if item else place.items)

    def askers(self, subject: Subject, hour: int) -> tuple[Asker, ...]:
        """Return the packs that have something to say of a subject at an hour."""
        word = self._in_force.get(hour)
        if word is None:
            word = " ".join(rules.key for _, rules in self._packs_at(hour))
            self._in_force[hour] = word
        found = self._asked.get((subject.id, word))
        if found is None:
            found = tuple(
                asker
                for pack, rules in self._packs_at(hour)
                if (asker := self._asker(pack, rules, subject)) is not None
            )
            self._asked[subject.id, word] = found
        return found

    def _asker(self, pack: Pack, rules: Slice, subject: Subject) -> Asker | None:
        key = (subject.id, rules.key)
        if key not in self._askers:
            self._askers[key] = asker_of(pack, rules, subject)
        return self._askers[key]

    def feeds(self, subject: Subject) -> frozenset[Machine]:
        """Return the machines whose steps a subject's hours are, at any time."""
        if subject.id not in self._feeds:
            found: set[Machine] = set()
            for pack in self._all_packs():
                for rules in pack.slices():
                    asker = asker_of(pack, rules, subject)
                    found |= set(asker.machines) if asker else set()
            self._feeds[subject.id] = frozenset(found)
        return self._feeds[subject.id]

    def verdicts(self, hours: Sequence[tuple[Subject, int, Any]]) -> list[str]:
        """Return the verdict of each (subject, hour, window row or rows by item)."""
        parts: list[list[tuple[Asker, tuple[Any, ...]]]] = []
        open_questions: dict[tuple[int, tuple[Any, ...]], tuple[Asker, Any, int]] = {}
        for subject, hour, row in hours:
            asked = []
            for asker in self.askers(subject, hour):
                cell = asker.cell(row, hour)
                asked.append((asker, cell))
                if cell not in asker.answers:
                    open_questions.setdefault((id(asker), cell), (asker, row, hour))
            parts.append(asked)
        self._ask([(asker, cell, row, hour)
                   for (_, cell), (asker, row, hour) in open_questions.items()])  # fmt: skip
        return [_joined([asker.answers[cell] for asker, cell in asked]) for asked in parts]

    def _ask(self, questions: Sequence[tuple[Asker, tuple[Any, ...], Any, int]]) -> None:
        """Answer every cell, one question to the process per set of rules."""
        together: dict[str, list[tuple[Asker, tuple[Any, ...], dict[str, object], int]]] = {}
        for asker, cell, row, hour in questions:
            one = (asker, cell, asker.context(row, hour), hour)
            together.setdefault(asker.rules.key, []).append(one)
        for asked in together.values():
            pack, at = asked[0][0].pack, instant(asked[0][3])
            try:
                rulings: list[Ruling | None] = list(
                    self._answers.evaluate_many(pack, [context for _, _, context, _ in asked], at)
                )
            except (ContextRefused, NoRuling):
                rulings = [self.ruling(pack, context, hour) for _, _, context, hour in asked]
            for (asker, cell, context, _), ruling in zip(asked, rulings, strict=True):
                asker.answers[cell] = asker.said(ruling, context)

    def ruling(self, pack: Pack, context: Mapping[str, object], hour: int) -> Ruling | None:
        """Return the whole ruling at an hour, None where the pack cannot say anything of it."""
        try:
            return self._answers.evaluate(pack, context, instant(hour))
        except (ContextRefused, NoRuling) as no:
            _log.error("pack %s has no answer to a reading of %s: %s", pack.id, instant(hour), no)
            return None

    def explain(
        self, subject: Subject, pack: str, rule: str, row: Any, hour: int
    ) -> tuple[Pack | None, Rule | None, Ruling | None]:
        """Return pack, rule and ruling behind what was said of an hour; None: out of force."""
        for asker in self.askers(subject, hour):
            if asker.pack.id == pack:
                found = next((one for one in asker.rules.rules if one.id == rule), None)
                context = asker.context(row, hour)
                return asker.pack, found, self.ruling(asker.pack, context, hour)
        return None, None, None


def _joined(texts: Sequence[str]) -> str:
    said = [text for text in texts if text]
    return "{" + ",".join(said) + "}" if said else ""


# --- from a rule to its asker --------------------------------------------------------------------


def asker_of(pack: Pack, rules: Slice, subject: Subject) -> Asker | None:
    """Return the asker of a pack's rules for a subject; None where none of them is about it."""
    fields = pack.definition.fields
    if ("item" in fields) != bool(subject.item):
        return None
    for name, fact in subject.facts.items():
        if name in fields and fields[name].choices and fact not in fields[name].choices:
            return None  # the pack does not know such an item or zone: it is not about this subject
    judges: list[Judge] = []
    machines: dict[Machine, list[Guard]] = {}
    for order, rule in enumerate(rules.rules):
        alarm = rule.alarm
        if alarm is None or alarm.forecast != (subject.kind == "forecast"):
            continue
        if not _applies(rule, subject):
            continue
        judges.append(Judge(rule, decided(rule.condition)))
        machines.setdefault(_machine(pack, rule, subject), []).append(_guard(rule, order))
    if not judges:
        return None
    features = {name: value for name, value in subject.features.items() if name in fields}
    cut = _cells(pack, judges, features, subject)
    return Asker(
        pack, rules, tuple(judges), {key: tuple(found) for key, found in machines.items()},
        tuple(features.get(name, _absent) for name in cut.names),
        tuple((place, OF_THE_HOUR.index(name))
              for place, name in enumerate(cut.names) if name in OF_THE_HOUR),
        cut, subject.facts, features,
    )  # fmt: skip


def _absent(_row: Row) -> None:
    """A field that no window gives."""


def _applies(rule: Rule, subject: Subject) -> bool:
    """Whether what never changes about the subject lets the rule apply."""
    return all(
        name not in subject.facts or subject.facts[name] in values
        for name, values in rule.applies_to.items()
    )


def _cells(
    pack: Pack, judges: Sequence[Judge], features: Mapping[str, Value], subject: Subject
) -> Cells:
    conditions: list[Condition] = [judge.rule.condition for judge in judges]
    conditions += [j.rule.alarm.clear for j in judges if j.rule.alarm and j.rule.alarm.clear]
    derived = set(pack.derived)
    if any(leaf.field in derived or leaf.of in derived
           for condition in conditions for leaf in leaves(condition)):  # fmt: skip
        # What is derived may hang on any input: each context is a cell of its own.
        inputs = [name for name in (*features, *OF_THE_HOUR) if name in pack.definition.fields]
        return Cells((), tuple(sorted(inputs)))
    return cells(conditions, subject.facts)


def _machine(pack: Pack, rule: Rule, subject: Subject) -> Machine:
    assert rule.alarm is not None
    key = [subject.facts.get(name, "") for name in rule.alarm.key]
    group = rule.alarm.precedence_group or rule.id
    return pack.id, group, json.dumps(key, ensure_ascii=False), subject.kind


def _guard(rule: Rule, order: int) -> Guard:
    assert rule.alarm is not None
    return Guard(
        rule.id, str(rule.then.get("level", "")), rule.priority * 10_000 + order,
        _hours(rule.alarm.hold), _hours(rule.alarm.clear_hold),
    )  # fmt: skip


_DURATION = TypeAdapter(timedelta)


def _hours(duration: timedelta | str) -> int:
    """Return a duration in whole hours, a part of one rounded up."""
    span = _DURATION.validate_python(duration)
    return -(-span // timedelta(hours=1))


__all__ = ["Asker", "Machine", "PacksAt", "ReadingRules", "Subject", "instant", "spoken"]
