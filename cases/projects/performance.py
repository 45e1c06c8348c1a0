"""绩效: a tree of indicators, a score, a coefficient, and what is payable for a year.

Every published figure is rounded half up to its last place, and each step reckons on from the
published figure of the step before it, so that anybody can follow it on paper: the score to 0.01 of
a point, the coefficient to 0.0001, money to one fen. Whole numbers throughout. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field, StrictInt, StringConstraints

from cases.messages import Frozen
from cases.settling import RuleForbids
from catalogue.performance import WHOLE, Coefficients

Branch = Literal["output", "effect", "management"]
BRANCHES: Final[Mapping[Branch, str]] = MappingProxyType(
    {"output": "产出", "effect": "效果", "management": "管理"}
)

MOST_INDICATORS: Final = 200
MOST_FEN: Final = 10**13
"""As of a payment (`cases.payments.MOST_FEN`): one hundred billion yuan."""

Bp = Annotated[StrictInt, Field(ge=0, le=WHOLE)]
"""Ten-thousandths: a weight, a share, a coefficient."""
ScorePoints = Annotated[StrictInt, Field(ge=0, le=WHOLE)]
"""Hundredths of a point, 0 to 10,000."""
FenOrNothing = Annotated[StrictInt, Field(ge=0, le=MOST_FEN)]
KpiCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,7}(\.[0-9]{1,2}){0,3}$")]


class Indicator(Frozen):
    """One line of the tree. A line with lines under it is not scored: it is what they are."""

    code: KpiCode
    """`A`, `A.1`, `A.1.2`: what stands under it begins with its code and a point."""
    branch: Branch
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
    weight_bp: Annotated[StrictInt, Field(gt=0, le=WHOLE)]
    """Of the whole, not of its parent: 1,250 is 12.5 of 100."""
    standard: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""
    """How it is scored."""

    @property
    def parent(self) -> str:
        """Return the code it stands under; empty at the top."""
        return self.code.rpartition(".")[0]


class KpiTree(Frozen):
    """The indicators of one project, and the table by which its score becomes a coefficient."""

    indicators: tuple[Indicator, ...] = Field(min_length=1, max_length=MOST_INDICATORS)

    @property
    def scored(self) -> tuple[Indicator, ...]:
        """Return the lines with nothing under them, in the tree's order."""
        parents = {one.parent for one in self.indicators}
        return tuple(one for one in self.indicators if one.code not in parents)

    def weight_of(self, branch: Branch) -> int:
        """Return what a branch weighs, in basis points."""
        return sum(one.weight_bp for one in self.scored if one.branch == branch)


def insist_whole(tree: KpiTree) -> None:
    """Raise `RuleForbids` unless the weights sum to one hundred at the top and under each line."""
    by_code = {one.code: one for one in tree.indicators}
    if len(by_code) != len(tree.indicators):
        raise RuleForbids("kpi_twice", "指标编号重复", "YCJX-1", "body.indicators")
    for one in tree.indicators:
        above = by_code.get(one.parent)
        if one.parent and above is None:
            raise RuleForbids(
                "kpi_parent", f"{one.code} 没有上级指标 {one.parent}", "YCJX-1", "body.indicators"
            )
        if above is not None and above.branch != one.branch:
            raise RuleForbids(
                "kpi_branch", f"{one.code} 与上级指标不同类", "YCJX-1", "body.indicators"
            )
    for parent in dict.fromkeys(one.parent for one in tree.indicators):
        under = [one for one in tree.indicators if one.parent == parent]
        due = by_code[parent].weight_bp if parent else WHOLE
        found = sum(one.weight_bp for one in under)
        if found != due:
            where = f"{parent} 之下" if parent else "一级指标"
            raise RuleForbids(
                "weights_not_whole",
                f"{where}权重合计 {hundredths(found)}，应为 {hundredths(due)}",
                "YCJX-1",
                "body.indicators",
            )
    missing = [BRANCHES[branch] for branch in BRANCHES if not tree.weight_of(branch)]
    if missing:
        raise RuleForbids(
            "branch_missing", f"缺少{'、'.join(missing)}指标", "YCJX-1", "body.indicators"
        )


def insist_scored(tree: KpiTree, scores: Iterable[str]) -> None:
    """Raise `RuleForbids` unless each line with nothing under it is scored once, and no other."""
    given = list(scores)
    if len(set(given)) != len(given):
        raise RuleForbids("scored_twice", "同一指标打了两次分", "YCJX-2", "body.scores")
    wanted = {one.code for one in tree.scored}
    unknown, absent = sorted(set(given) - wanted), sorted(wanted - set(given))
    if unknown:
        raise RuleForbids(
            "kpi_unknown", f"没有这些打分指标：{'、'.join(unknown)}", "YCJX-2", "body.scores"
        )
    if absent:
        raise RuleForbids(
            "score_missing", f"还没有打分：{'、'.join(absent)}", "YCJX-2", "body.scores"
        )


def total_score(tree: KpiTree, scores: Mapping[str, int]) -> int:
    """Return the weighted score in hundredths of a point, half up."""
    weighed = sum(one.weight_bp * scores[one.code] for one in tree.scored)
    return half_up(weighed, WHOLE)


def branch_score(tree: KpiTree, scores: Mapping[str, int], branch: Branch) -> int:
    """Return a branch's own score in hundredths of a point, half up: a picture, no money."""
    lines = [one for one in tree.scored if one.branch == branch]
    weighed = sum(one.weight_bp * scores[one.code] for one in lines)
    return half_up(weighed, sum(one.weight_bp for one in lines))


def coefficient_of(table: Coefficients, score: int) -> int:
    """Return the coefficient of a score (hundredths of a point) in basis points, half up.

    Within a band the line runs from its start to the start of the next; the last ends at 100.
    """
    if not 0 <= score <= WHOLE:
        raise ValueError(f"score beyond 0 to 100: {score}")
    at = max(n for n, band in enumerate(table.bands) if band.since <= score)
    band = table.bands[at]
    end = table.bands[at + 1].since if at + 1 < len(table.bands) else WHOLE
    rise = (band.at_to - band.at_from) * (score - band.since)
    return band.at_from + half_up(rise, end - band.since)


class PaymentTerms(Frozen):
    """What the contract owes for one year, and how much of each part hangs on performance."""

    availability_fen: FenOrNothing
    """可用性付费: the year's share of the cost of building."""
    operation_fen: FenOrNothing
    """运营付费."""
    linked_bp: Bp
    """Of the availability, what hangs on performance."""
    operation_linked_bp: Bp = WHOLE
    """Of the operation, what hangs on performance; all, where the contract says nothing."""


class PayablePart(Frozen):
    """One line of what is payable."""

    part: Literal["availability", "operation"]
    due_fen: int
    """By the contract, were the coefficient 1."""
    linked_fen: int
    """Of it, what hangs on performance."""
    payable_fen: int


class Payable(Frozen):
    """What may be paid for a year at most."""

    year: int
    score: int
    """Hundredths of a point."""
    coefficient_bp: int
    parts: tuple[PayablePart, ...]
    amount_fen: int
    withheld_fen: int
    """What the score cost."""


def payable_for(year: int, terms: PaymentTerms, score: int, coefficient_bp: int) -> Payable:
    """Return what is payable for a year: each part's fixed share, and the linked share times k.

    Each product is rounded half up to the fen; the fixed share is what the linked one leaves, so
    that at coefficient 1 the whole is owed to the fen.
    """
    parts = (
        _part("availability", terms.availability_fen, terms.linked_bp, coefficient_bp),
        _part("operation", terms.operation_fen, terms.operation_linked_bp, coefficient_bp),
    )
    amount = sum(one.payable_fen for one in parts)
    return Payable(
        year=year,
        score=score,
        coefficient_bp=coefficient_bp,
        parts=parts,
        amount_fen=amount,
        withheld_fen=sum(one.due_fen for one in parts) - amount,
    )


def _part(
    name: Literal["availability", "operation"], due: int, linked_bp: int, coefficient_bp: int
) -> PayablePart:
    linked = half_up(due * linked_bp, WHOLE)
    return PayablePart(
        part=name,
        due_fen=due,
        linked_fen=linked,
        payable_fen=due - linked + half_up(linked * coefficient_bp, WHOLE),
    )


def half_up(value: int, by: int) -> int:
    """Return value / by, rounded to the nearest whole, halves up; neither is negative."""
    if value < 0 or by <= 0:
        raise ValueError(f"expected 0 ≤ value and 0 < by, found {value} and {by}")
    return (2 * value + by) // (2 * by)


def hundredths(value: int) -> str:
    """Return hundredths as a decimal text without needless zeros: 9900 → 99, 9950 → 99.5."""
    whole, rest = divmod(value, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") if rest else str(whole)
