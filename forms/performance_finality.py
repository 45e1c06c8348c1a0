"""What an order to a project's performance brings about for good, with what may be paid by it, said
before; every other says how it is taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from cases.payments import yuan
from cases.projects import performing_messages as p
from cases.projects.performance import Payable, coefficient_of, payable_for, total_score
from cases.projects.performing import OBJECT_WITHIN
from forms.fields import Form
from forms.for_good import Asking, Standing, said_in
from forms.performance_fields import PerformanceScene, ScoreRow
from forms.performance_views import address_of
from forms.performance_words import STAGES as EVALUATIONS
from forms.project_finality import NOTHING, Said, asking_to
from forms.words import N_

OBJECTION: Final = "YCJX-5"
PAYABLE: Final = "YCJX-3"


def _evaluate(s: PerformanceScene, body: p.Evaluate) -> Said:
    plan, say = s.known.plan, s.visit.say
    table = s.visit.ports.performances.tables().get(plan.table)
    points = {one.code: one.points for one in body.scores}
    if table is None or any(one.code not in points for one in s.known.tree.scored):
        return NOTHING
    score = total_score(s.known.tree, points)
    coefficient = coefficient_of(table, score)
    payable = payable_for(body.year, plan.terms, score, coefficient)
    stands = [
        Standing(say(N_("状态")), "—", say(EVALUATIONS["given"])),
        Standing(say(N_("得分")), "—", f"{score / 100:.2f}"),
        Standing(say(N_("系数")), "—", f"{coefficient / 10000:.4f}"),
    ]
    follows = [
        say(N_("即送达运营方，{day} 以前可以提出异议")).format(day=s.today + OBJECT_WITHIN),
        say(N_("照此确认，本年度应付 {n} 元")).format(n=yuan(payable.amount_fen)),
        *_withheld(s, payable),
        say(N_("不能自行撤回；由确认的人退回，才能重评")),
    ]
    sentence = say(N_("作出 {year} 年度的评价，得分 {n}")).format(
        year=body.year, n=f"{score / 100:.2f}"
    )
    return sentence, stands, follows, (PAYABLE, OBJECTION)


def _object(s: PerformanceScene, body: p.ObjectTo) -> Said:
    one = s.known.of_year(body.year)
    if one is None:
        return NOTHING
    say = s.visit.say
    stands = [
        Standing(say(N_("状态")), say(EVALUATIONS[one.stage]), say(EVALUATIONS["objected"])),
        Standing(say(N_("得分")), f"{one.score / 100:.2f}"),
    ]
    follows = [say(N_("须由确认的人答复以后才能确认；对这次评价只能提出一次异议，也不能再认可"))]
    sentence = say(N_("对 {year} 年度的评价提出异议")).format(year=body.year)
    return sentence, stands, follows, (OBJECTION,)


def _withheld(s: PerformanceScene, payable: Payable) -> list[str]:
    if not payable.withheld_fen:
        return []
    return [s.visit.say(N_("按绩效扣减 {n} 元")).format(n=yuan(payable.withheld_fen))]


def _accept(s: PerformanceScene, body: p.OfYear) -> Said:
    one = s.known.of_year(body.year)
    if one is None:
        return NOTHING
    say = s.visit.say
    stands = [
        Standing(say(N_("状态")), say(EVALUATIONS[one.stage]), say(EVALUATIONS["accepted"])),
        Standing(say(N_("得分")), f"{one.score / 100:.2f}"),
    ]
    follows = [say(N_("不能再对这次评价提出异议"))]
    return say(N_("认可 {year} 年度的评价")).format(year=body.year), stands, follows, (OBJECTION,)


def _confirm(s: PerformanceScene, body: p.Confirm) -> Said:
    one = s.known.of_year(body.year)
    if one is None or body.ruling != "confirm":
        return NOTHING
    say = s.visit.say
    terms = s.known.plans[one.plan - 1].terms
    payable = payable_for(one.year, terms, one.score, one.coefficient_bp)
    amount = say(N_("{n} 元")).format(n=yuan(payable.amount_fen))
    stands = [
        Standing(say(N_("状态")), say(EVALUATIONS[one.stage]), say(EVALUATIONS["confirmed"])),
        Standing(say(N_("得分")), f"{one.score / 100:.2f}"),
        Standing(say(N_("系数")), f"{one.coefficient_bp / 10000:.4f}"),
        Standing(say(N_("本年度应付额")), "—", amount),
    ]
    follows = _withheld(s, payable)
    sentence = say(N_("确认 {year} 年度的评价，应付 {n} 元")).format(
        year=body.year, n=yuan(payable.amount_fen)
    )
    return sentence, stands, follows, (PAYABLE, OBJECTION)


FINAL: Final[Mapping[str, Callable[[PerformanceScene, Any], Said]]] = MappingProxyType(
    {p.EVALUATE: _evaluate, p.OBJECT_TO: _object, p.ACCEPT: _accept, p.CONFIRM: _confirm}
)
TAKEN_BACK: Final[Mapping[str, str]] = MappingProxyType(
    {
        p.PLAN: "adjusted, with the reason; what was evaluated keeps its own",
        p.RECTIFY: "reported as done; a further task may follow",
        p.RECTIFIED: "asked for again by a further task",
        p.MID_TERM: "a further one stands beside it",
        p.FISCAL: "registered anew, with the reason",
    }
)


def asking_of(
    s: PerformanceScene, verb: str, form: Form, body: Mapping[str, Any], command: str,
    scores: Sequence[ScoreRow], kept: Sequence[tuple[str, str]],
) -> Asking | None:  # fmt: skip
    """Return what a checked order to a project's performance brings about; None: it can be taken
    back."""
    told = FINAL.get(verb)
    if told is None:
        return None
    said = told(s, p.BODIES[verb].model_validate(body))
    typed = [*said_in(form), *(_scored(s, one) for one in scores)]
    back = address_of(s.project.project_id)
    return asking_to(s.project, back, said, typed, command, kept)


def _scored(s: PerformanceScene, row: ScoreRow) -> tuple[str, str]:
    """Return one line of the table of scores, to be read once more."""
    parts = (row.points, row.evidence, *(one.name for one in row.taken.files[-1:]))
    return f"{row.one.code} {row.one.title}", " · ".join(part for part in parts if part)
