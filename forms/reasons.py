"""Why the rules of a case said so: facts, comparisons, articles, and the smallest difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from forms.reason_ports import RulingReasons
from forms.visit import Visit
from forms.words import N_
from rules.nearest import SOMETHING_ELSE
from rules.shapes import Title
from rules.why import Compared, Input, Reason, Why
from rules.words import Language, duration, unit_in

OPS = {
    "eq": N_("等于"),
    "ne": N_("不等于"),
    "gt": N_("大于"),
    "gte": N_("不小于"),
    "lt": N_("小于"),
    "lte": N_("不大于"),
    "between": N_("介于"),
    "in": N_("属于"),
    "exists": N_("有值"),
    "missing": N_("没有值"),
    "any_item": N_("有一项"),
    "all_items": N_("每一项"),
}
FAULTS = {
    "erased": N_("申请人数据已销毁，这份裁定的事实不能再看。"),
    "unknown": N_("作出裁定的规则版本不在版本发布中，不能说明。"),
    "altered": N_("重算的结果与存下的不同：请立即校验审计日志。"),
}


NAMED = frozenset({"station", "item", "department", "departments", "unit"})
"""Fields whose values are codes of the catalogue: stations, items, departments."""


@dataclass(frozen=True)
class Said:
    """A name and a value, both in words."""

    name: str
    value: str


@dataclass(frozen=True)
class Comparison:
    """One comparison: `不小于 80 %` beside the value that was found."""

    name: str
    found: str
    asked: str
    holds: bool


@dataclass(frozen=True)
class ReasonLine:
    """One rule that held."""

    rule: str
    title: str
    article: str
    verified: bool
    in_force: str
    note: str
    comparisons: tuple[Comparison, ...]
    then: tuple[Said, ...]


@dataclass(frozen=True)
class Change:
    """One fact of the smallest difference."""

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class ReasonPanel:
    """One ruling. With `fault`, why nothing more can be said of it; the rest is empty then."""

    seq: int
    title: str
    pack: str
    version: str
    digest: str
    engine: str
    at: datetime | None
    fault: str
    inputs: tuple[Said, ...] = ()
    derived: tuple[Said, ...] = ()
    reasons: tuple[ReasonLine, ...] = ()
    outcome: tuple[Said, ...] = ()
    changes: tuple[Change, ...] = ()
    otherwise: tuple[Said, ...] = ()
    is_complete: bool = True


def panels_of(
    visit: Visit, rulings: Sequence[RulingReasons], names: Mapping[str, str] | None = None
) -> tuple[ReasonPanel, ...]:
    """Return the rulings of a case in words, the newest first.

    `names`: code → name of what the catalogue names: departments, stations, monitored items.
    """
    known = dict(visit.ports.catalogue.departments(visit.language))
    newest = sorted(rulings, key=lambda one: one.seq, reverse=True)
    return tuple(_panel(visit, one, known | dict(names or {})) for one in newest)


def _panel(visit: Visit, one: RulingReasons, names: Mapping[str, str]) -> ReasonPanel:
    told = one.why
    if told is None:
        fault = visit.say(FAULTS[one.fault])
        return ReasonPanel(one.seq, one.pack, one.pack, one.version, one.digest, "", None, fault)
    words = _Words(visit, told, names)
    return ReasonPanel(
        seq=one.seq,
        title=words.of(told.pack),
        pack=one.pack,
        version=one.version,
        digest=one.digest,
        engine=told.ruling.engine,
        at=told.at,
        fault="",
        inputs=words.inputs(told.inputs),
        derived=words.inputs(told.derived),
        reasons=tuple(map(words.reason, told.reasons)),
        outcome=words.outcome(told.ruling.outcome),
        changes=tuple(map(words.change, told.changes)),
        otherwise=words.outcome(told.otherwise),
        is_complete=told.nearest.is_complete,
    )


@dataclass(frozen=True)
class _Words:
    visit: Visit
    told: Why
    names: Mapping[str, str]

    def of(self, title: Title) -> str:
        return title.en if self.visit.language == "en" else title.zh

    def _language(self) -> Language:
        return "en" if self.visit.language == "en" else "zh"

    def value(self, value: JsonValue, unit: str = "", field: str = "") -> str:
        """Return a value in words; `field` (or outcome) gives the words of its codes."""
        say, language = self.visit.say, self._language()
        unit_said = unit_in(unit, language)
        match value:
            case None:
                return say(N_("没有值"))
            case bool():
                return say(N_("是")) if value else say(N_("否"))
            case list():
                return say(N_("、")).join(self.value(one, "", field) for one in value) or say(
                    N_("空")
                )
            case int() | float() if unit == "元":
                return f"{value:,.2f} {say(N_('元'))}"
            case float() if value.is_integer():
                return f"{int(value)} {unit_said}".strip()
            case str() if field in NAMED and value in self.names:
                return self.names[value]
            case str() if (title := self.told.words.get(field, {}).get(value)) is not None:
                return self.of(title)
            case str():
                return f"{duration(value, language)} {unit_said}".strip()
            case _:
                return f"{value} {unit_said}".strip()

    def inputs(self, inputs: Sequence[Input]) -> tuple[Said, ...]:
        return tuple(
            Said(self.of(one.title), self.value(one.value, one.unit, one.field)) for one in inputs
        )

    def outcome(self, outcome: Mapping[str, JsonValue]) -> tuple[Said, ...]:
        titles = self.told.outcome_titles
        return tuple(
            Said(self.of(titles[key]) if key in titles else key, self.value(value, "", key))
            for key, value in outcome.items()
        )

    def reason(self, reason: Reason) -> ReasonLine:
        return ReasonLine(
            rule=reason.rule,
            title=self.of(reason.title),
            article=self.visit.ports.catalogue.cited(reason.basis),
            verified=reason.verified,
            in_force=reason.in_force,
            note=self.visit.told(reason.note),
            comparisons=tuple(map(self.comparison, reason.compared)),
            then=self.outcome(reason.then),
        )

    def comparison(self, one: Compared) -> Comparison:
        asked = self.visit.say(OPS[one.op])
        if one.op not in ("exists", "missing"):
            asked = f"{asked} {self.value(one.against, one.unit, one.field)}"
        if one.of is not None:
            asked = f"{asked}（{self.of(one.of)}）"
        if one.is_denied:
            asked = self.visit.say(N_("并非 {asked}")).format(asked=asked)
        found = self.value(one.found, one.unit, one.field)
        return Comparison(self.of(one.title), found, asked, one.holds)

    def change(self, one: Input) -> Change:
        old = next((i.value for i in self.told.inputs if i.field == one.field), None)
        new = self.value(one.value, one.unit, one.field)
        if one.value == SOMETHING_ELSE:
            new = self.visit.say(N_("另一个值"))
        return Change(self.of(one.title), self.value(old, one.unit, one.field), new)
