"""A rule pack ready to be asked: checked, canonical, with the rules in force at each instant."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from cases.rulings import Fired
from rules.compile import Shards, patterns, shards
from rules.model import Definition, Rule, ScaleSpec, leaves
from rules.plain import Predicate, predicate
from rules.quick import PlainFields
from rules.tables.in_pack import in_force, table_of
from rules.tables.spec import TableSpec
from rules.tables.table import Table
from rules.validate import Problem, context_faults, problems


class PackRefused(ValueError):
    """A pack that may not be used; `problems` say where, why, and what to do."""

    def __init__(self, pack: str, found: list[Problem]) -> None:
        super().__init__(f"{pack}: " + "; ".join(f"{p.loc}: {p.message}" for p in found))
        self.problems = tuple(found)


class ContextRefused(ValueError):
    """A context that does not fit the pack's fields; final, the caller must build it rightly."""

    def __init__(self, pack: str, faults: list[tuple[str, str]]) -> None:
        super().__init__(f"规则包 {pack}: " + "; ".join(f"{name}: {why}" for name, why in faults))
        self.faults = tuple(faults)


def said(rule: Rule, then: Mapping[str, JsonValue]) -> Fired:
    """Return what a ruling says of a rule that held."""
    return Fired(rule=rule.id, title=rule.title.zh, basis=rule.basis, then=dict(then))


@dataclass(frozen=True)
class Slice:
    """The rules of one pack in force at one time, in the order (priority, place in the file)."""

    key: str
    """Names the compiled form: digest of the pack and number of the slice."""
    rules: tuple[Rule, ...]
    predicates: tuple[Predicate, ...] = field(repr=False)
    scales: tuple[ScaleSpec, ...] = field(default=(), repr=False)
    tables: tuple[Table, ...] = field(default=(), repr=False)
    """Decision tables in force; their rows are matched with the rules."""

    def indices(self, context: Mapping[str, Any]) -> dict[str, JsonValue]:
        """Return what the scales give for a context as admitted, by derived field."""
        read = {
            scale.gives: scale.scale.number(context[scale.field])
            for scale in self.scales
            if scale.field in context and scale.applies(context)
        }
        return {name: index for name, index in read.items() if index is not None}

    @cached_property
    def rows(self) -> tuple[Rule, ...]:
        """Every row of every table, as the rule that matches it."""
        return tuple(rule for table in self.tables for rule in table.rules)

    @cached_property
    def _places(self) -> Mapping[str, tuple[int, Rule]]:
        return {rule.id: (place, rule) for place, rule in enumerate(self.rules)}

    def in_order(self, ids: Iterable[str]) -> list[Rule]:
        """Return the rules among these ids, by priority and place; other names are left out."""
        places = self._places
        return [
            rule
            for _, rule in sorted((places[one] for one in ids if one in places), key=itemgetter(0))
        ]

    @cached_property
    def patterns(self) -> tuple[tuple[str, Predicate], ...]:
        """What is asked of a fact, by name: each rule, what ends its alarm, each row of a table."""
        clears = (pattern for rule in self.rules if rule.alarm for pattern in patterns(rule)[1:])
        return (
            *((rule.id, holds) for rule, holds in zip(self.rules, self.predicates, strict=True)),
            *((pattern.name, predicate(pattern.whole)) for pattern in clears),
            *((row.id, predicate(row.when)) for row in self.rows),
        )

    @cached_property
    def fired(self) -> Mapping[str, Fired]:
        """Rule id → what is said of it when it holds, where that is always the same."""
        return {
            rule.id: said(rule, rule.then)
            for rule in self.rules
            if not any(isinstance(value, dict) for value in rule.then.values())
        }

    @cached_property
    def shards(self) -> Shards:
        """The rule sets for durable_rules, and which of them a fact is asked of."""
        return shards((*self.rules, *self.rows))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The rule sets for durable_rules, one JSON text per shard."""
        return self.shards.texts


@dataclass(frozen=True)
class Pack:
    """One version of one rule pack. Make it with `of` or `from_stored`: both check it."""

    definition: Definition
    stored: str
    """Canonical JSON: kept with a case, it gives the same pack for ever."""
    digest: str
    """SHA-256 (hex) of `stored`."""

    @classmethod
    def of(cls, definition: Definition) -> Pack:
        """Return the pack. Raises `PackRefused` when the validator finds anything."""
        plain = definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        stored = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return cls._checked(definition, stored)

    @classmethod
    def from_stored(cls, stored: str) -> Pack:
        """Return the pack of a canonical text, whose digest is that of exactly this text.

        Raises `pydantic.ValidationError` or `PackRefused` when the text is not a pack.
        """
        return cls._checked(Definition.model_validate_json(stored), stored)

    @classmethod
    def _checked(cls, definition: Definition, stored: str) -> Pack:
        if found := problems(definition):
            raise PackRefused(definition.pack, found)
        return cls(definition, stored, hashlib.sha256(stored.encode()).hexdigest())

    @property
    def id(self) -> str:
        return self.definition.pack

    @property
    def version(self) -> str:
        return self.definition.version

    @cached_property
    def derived(self) -> tuple[str, ...]:
        """Names of the fields that the rules set themselves."""
        return tuple(name for name, spec in self.definition.fields.items() if spec.derived)

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The decision tables of every day, in the order of the file."""
        return tuple(table_of(self.definition, spec) for spec in self.definition.tables)

    @cached_property
    def _slices(self) -> tuple[tuple[datetime, ...], tuple[Slice, ...]]:
        definition = self.definition
        dated: list[Rule | ScaleSpec | TableSpec] = [
            *definition.rules,
            *definition.scales,
            *definition.tables,
        ]
        days = {one.in_force_from for one in dated}
        days |= {one.in_force_until for one in dated if one.in_force_until is not None}
        ordered = sorted(days)
        zone = ZoneInfo(self.definition.zone)
        starts = tuple(datetime.combine(day, time.min, zone) for day in ordered)
        slices = tuple(self._slice(n, day) for n, day in enumerate([None, *ordered]))
        return starts, slices

    def _slice(self, number: int, day: date | None) -> Slice:
        held = [rule for rule in self.definition.rules if day is not None and _in_force(rule, day)]
        held.sort(key=lambda rule: rule.priority)
        return Slice(
            f"{self.digest}:{number}",
            tuple(held),
            tuple(predicate(rule.condition) for rule in held),
            tuple(s for s in self.definition.scales if day is not None and s.in_force(day)),
            tables=tuple(t for t in self.tables if day is not None and in_force(t.spec, day)),
        )

    def slice_at(self, at: datetime) -> Slice:
        """Return the rules in force at an aware instant; a day begins in the pack's zone."""
        starts, slices = self._slices
        return slices[bisect_right(starts, at)]

    def slices(self) -> tuple[Slice, ...]:
        """Return every set of rules that is in force together at some time."""
        return self._slices[1]

    def largest(self, *fields: str) -> float:
        """Return the largest number that any rule compares one of these fields with; 0: none."""
        found = [
            value
            for rule in self.definition.rules
            for leaf in leaves(rule.condition)
            if leaf.field in fields
            for value in (leaf.value if isinstance(leaf.value, list) else [leaf.value])
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]
        return max(found, default=0)

    def select(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the facts that this pack has as input fields."""
        fields = self.definition.fields
        return {k: v for k, v in facts.items() if k in fields and not fields[k].derived}

    @cached_property
    def _plain(self) -> PlainFields:
        return PlainFields.of(self.definition)

    def admit(self, context: Mapping[str, object]) -> dict[str, JsonValue]:
        """Return the context without nulls and empty lists. Raises `ContextRefused`."""
        plain = self._plain
        # Most contexts are short texts and numbers in range: one look at each value is enough.
        if plain.required <= context.keys() and all(
            name in plain.fits and plain.fits[name](value) for name, value in context.items()
        ):
            return dict(context)  # type: ignore[arg-type]
        if faults := context_faults(self.definition, context):
            raise ContextRefused(self.id, faults)
        admitted: dict[str, Any] = {}
        for name, value in context.items():
            if isinstance(value, list | tuple):
                if value:
                    admitted[name] = list(value)
            elif value is not None:
                admitted[name] = value
        return admitted


def _in_force(rule: Rule, day: date) -> bool:
    return rule.in_force_from <= day and (rule.in_force_until is None or day < rule.in_force_until)
