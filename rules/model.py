"""Rule packs as values: what a lawyer writes in YAML, before anything is compiled.

The conditions are those of the reference page on durable_rules §2.2: one flat typed context, no
joins, no regular expressions, no string ordering. Shapes are checked here; what the engine could
not bear is refused in `rules.validate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag

from rules.scales import Scale
from rules.shapes import Frozen as _Frozen
from rules.shapes import Title as Title
from rules.tables.spec import TableSpec

FieldType = Literal["text", "number", "boolean", "text_list", "number_list"]
Op = Literal[
    "eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "exists", "missing",
    "any_item", "all_items",
]  # fmt: skip
Subject = Literal["case", "reading", "incident", "payment", "project", "access"]
ALARMING: frozenset[Subject] = frozenset({"reading", "incident", "access"})
"""Subjects about which rules may raise alarms."""
Scalar = str | int | float | bool
Value = Scalar | list[str] | list[int | float]
"""One value of a context field; a list has items of one type."""

Written = int | float | str
"""A number as a pack has it; text where it needs more digits than YAML keeps."""

AT = "at"
"""Key under which a ruling keeps the instant it was asked for; no field may have this name."""


class FieldSpec(_Frozen):
    """One field of the context.

    `required`: a context without it is refused. `derived`: set by the rules themselves, never by
    the caller; the pack is asked again until it no longer changes.
    """

    type: FieldType
    title: Title
    unit: str = ""
    choices: tuple[str, ...] = ()
    """Allowed texts; empty: any."""
    required: bool = False
    derived: bool = False
    words: dict[str, Title] = Field(default_factory=dict)
    """Code → what people call it, for texts that are codes."""


class OutcomeSpec(_Frozen):
    """One key that rules may set, and how several settings become one.

    `first`: the rule with the lowest priority number, then the one written first. `union`: all
    items of all lists, in that same order, each once. `max`, `min`: of numbers.
    """

    type: FieldType
    title: Title
    merge: Literal["first", "union", "max", "min"] = "first"
    choices: tuple[str, ...] = ()
    required: bool = False
    """A context for which no rule sets this key has no ruling: `NoRuling`."""
    words: dict[str, Title] = Field(default_factory=dict)
    """Code → what people call it, for texts that are codes."""
    stops: bool = False
    """A payment for which this key says anything may not be paid (`cases.payments`)."""


class Leaf(_Frozen):
    """One comparison. A comparison on a missing field is false; its `not` is true.

    With `of`: compare with `of * times + plus`, another number of the same context.
    """

    field: str
    op: Op
    value: JsonValue = None
    of: str = ""
    times: int | float = 1
    plus: int | float = 0
    item_op: Literal["eq", "ne", "gt", "gte", "lt", "lte"] = "eq"


class All(_Frozen):
    """True when every part is."""

    all: tuple[Condition, ...]


class AnyOf(_Frozen):
    """True when at least one part is."""

    any: tuple[Condition, ...]


class Not(_Frozen):
    """True when the part is false, a missing field included."""

    not_: Condition = Field(alias="not")

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


_SHAPES = {"all": "All", "any": "AnyOf", "not": "Not", "not_": "Not"}


def _shape(raw: Any) -> str:
    if isinstance(raw, BaseModel):
        return type(raw).__name__
    if isinstance(raw, dict):
        for key, shape in _SHAPES.items():
            if key in raw:
                return shape
    return "Leaf"


Condition = Annotated[
    Annotated[All, Tag("All")]
    | Annotated[AnyOf, Tag("AnyOf")]
    | Annotated[Not, Tag("Not")]
    | Annotated[Leaf, Tag("Leaf")],
    Discriminator(_shape),
]


CLEAR = "~clear"
"""Ends the name under which the engine knows what ends a rule's alarm; no rule id has a tilde."""


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Yield every comparison of a condition."""
    match condition:
        case All():
            for part in condition.all:
                yield from leaves(part)
        case AnyOf():
            for part in condition.any:
                yield from leaves(part)
        case Not():
            yield from leaves(condition.not_)
        case Leaf():
            yield condition
        case _:
            assert_never(condition)


class Example(_Frozen):
    """A context for which the rule must hold, or must not, on a day (in the pack's zone)."""

    given: dict[str, JsonValue]
    holds: bool
    day: date | None = None
    """Absent: the rule's first day."""
    outcome: dict[str, JsonValue] = Field(default_factory=dict)
    """What the whole pack must answer at least."""


class Alarm(_Frozen):
    """What makes a rule raise an alarm, and what ends it. Durations are ISO 8601, by event time."""

    key: tuple[str, ...] = Field(min_length=1)
    """Fields of the context that tell one alarm from another: the same values, the same alarm."""
    hold: str = "PT0S"
    """The rule has to hold so long, without a break, before the alarm is raised."""
    clear: Condition | None = None
    """What ends the alarm; absent: `when` is false beyond doubt (`rules.strict`)."""
    clear_hold: str = "PT0S"
    """`clear` has to hold so long, without a break, before the alarm ends."""
    precedence_group: str = ""
    """Of the alarms of one group and key only the highest level stands; empty: the rule alone."""
    forecast: bool = False
    """True: the rule is about forecast readings; the observed ones are not asked."""


class Rule(_Frozen):
    """One rule: when it holds, what it sets, and the article it rests on."""

    id: str
    title: Title
    basis: str = Field(min_length=1)
    """Id of an article in the law register."""
    in_force_from: date
    in_force_until: date | None = None
    """The first day on which it no longer holds; absent: still in force."""
    priority: int = 500
    """0 … 1000, lower first."""
    applies_to: dict[str, tuple[Scalar, ...]] = Field(default_factory=dict)
    """Field → the values for which the rule is meant; and-ed with `when`."""
    when: Condition
    then: dict[str, JsonValue] = Field(default_factory=dict)
    """Outcome key → constant, or `{field: name}` for the value of a field of the context."""
    examples: tuple[Example, ...]
    alarm: Alarm | None = None
    """Only in packs about readings or incidents."""
    verified: bool = True
    """False: the text of the article has not been checked against its official publication."""
    note: str = ""

    @cached_property
    def gates(self) -> tuple[Leaf, ...]:
        """`applies_to` as conditions; a missing field is none of the values."""
        return tuple(
            Leaf(field=name, op="eq", value=values[0])
            if len(values) == 1
            else Leaf(field=name, op="in", value=list(values))
            for name, values in self.applies_to.items()
        )

    @cached_property
    def condition(self) -> Condition:
        """`applies_to` and `when`: all that has to be true."""
        return All(all=(*self.gates, self.when)) if self.applies_to else self.when


class ScaleSpec(_Frozen):
    """A scale as written: a number of the context gives a derived one (`rules.scales.Scale`).

    It is read before the rules are asked; of what it gives no rule is the author.
    """

    id: str
    field: str
    gives: str
    """A derived number of the pack."""
    basis: str = Field(min_length=1)
    in_force_from: date
    in_force_until: date | None = None
    applies_to: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Text field → the values for which the scale is the right one; a missing field is none."""
    points: tuple[tuple[Written, Written], ...]
    """[value, index], or for steps [limit, class]."""
    shape: Literal["linear", "steps", "falling_steps"] = "linear"
    above: Literal["cap", "extend", "none"] = "cap"
    beyond: Written | None = None
    """The index past the last point; it takes the place of `above`."""
    decimals: int | None = Field(default=None, ge=0, le=9)
    """Digits after the point that the value keeps (GB/T 8170) before anything else."""
    rounding: Literal["exact", "up"] = "exact"
    verified: bool = True
    note: str = ""

    @cached_property
    def scale(self) -> Scale:
        """Return it ready to be read. Raises `ValueError` for points that are no scale."""
        return Scale.of(
            self.points,
            self.above,
            decimals=self.decimals,
            rounding=self.rounding,
            shape=self.shape,
            beyond=self.beyond,
        )

    def in_force(self, day: date) -> bool:
        """Tell whether it holds on a day in the pack's zone."""
        return self.in_force_from <= day and (
            self.in_force_until is None or day < self.in_force_until
        )

    def applies(self, context: Mapping[str, object]) -> bool:
        """Tell whether it is the right one for a context."""
        return all(context.get(name) in allowed for name, allowed in self.applies_to.items())


class Definition(_Frozen):
    """A rule pack as written."""

    pack: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")
    title: Title
    subject: Subject = "case"
    """What one context describes."""
    version: str = Field(pattern=r"^\d{4}\.\d+$")
    zone: str = "Asia/Shanghai"
    """Zone in which the effective dates begin."""
    fields: dict[str, FieldSpec]
    outcome: dict[str, OutcomeSpec]
    scales: tuple[ScaleSpec, ...] = ()
    """Read before the rules, which see what they give as fields."""
    tables: tuple[TableSpec, ...] = ()
    """Decision tables; their rows are matched with the rules."""
    rules: tuple[Rule, ...] = Field(min_length=1)


All.model_rebuild()
AnyOf.model_rebuild()
Not.model_rebuild()
Alarm.model_rebuild()
Rule.model_rebuild()
Definition.model_rebuild()
