"""The performance of a project: an order and what stands → what stands afterwards. Pure.

指标 → 评价 → 送达(异议十五日) → 异议/认可 → 答复 → 确认(应付额) → 整改. Who evaluates is never of
the operator, and who confirms has not evaluated. A *no* is `RuleForbids` with its article.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from cases.messages import Actor, Command, Frozen
from cases.projects import performing_messages as m
from cases.projects.fiscal import MOST_YEARS, Duty, curve, reaching
from cases.projects.performance import (
    KpiTree,
    branch_score,
    coefficient_of,
    hundredths,
    insist_scored,
    insist_whole,
    payable_for,
    total_score,
)
from cases.projects.performing_state import (
    Evaluation,
    Performance,
    Task,
    duties_of,
    months_between,
)
from cases.settling import RuleForbids
from catalogue.performance import Coefficients

OBJECT_WITHIN: Final = timedelta(days=15)
"""异议期 (YCJX-5)."""
EVIDENCE_AT_LEAST: Final = 4
"""Characters of evidence in words, where no file is named."""
MOST_TASKS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSeen:
    """What the project's own rows say of it: its performance may say nothing else."""

    regime: m.Regime
    department: str
    operator: str
    """Empty: nobody has signed yet."""
    pay: str = ""
    """Who pays: user, government or mixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the machine must be told: it looks nothing up."""

    at: datetime
    project: ProjectSeen | None
    """None: there is no such project."""
    today: date
    """In Beijing."""
    tables: Mapping[str, Coefficients]
    departments: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question to a rule pack before the order is carried out."""

    pack: str
    facts: Mapping[str, JsonValue]
    field: str = ""
    """Which field of the order what is forbidden stands in; empty: in none alone."""


def questions(
    state: Performance | None,
    command: Command,
    body: Frozen,
    project: ProjectSeen | None = None,
    others: Sequence[Duty] = (),
) -> tuple[Asked, ...]:
    """Return what the packs are asked of an order; whatever they forbid is refused.

    `others`: what all other projects cost the budget.
    """
    if isinstance(body, m.Plan):
        return tuple(_of_plan(command, body))
    if state is None:
        return ()
    if isinstance(body, m.Fiscal):
        return (_of_fiscal(command, body, project, others),)
    if isinstance(body, m.Evaluate):
        return (Asked(pack="project", facts=_apart(state, command)),)
    if isinstance(body, m.Confirm):
        found = state.of_year(body.year)
        evaluated = found is not None and bool(_people(command.actor) & {*found.evaluators})
        facts: dict[str, JsonValue] = {
            "project": state.project,
            "confirmer_evaluated": evaluated,
        }
        return (Asked(pack="project", facts=facts),)
    return ()


def _of_plan(command: Command, body: m.Plan) -> list[Asked]:
    project: dict[str, JsonValue] = {"project": command.case_id}
    yuan = body.terms.availability_fen / 100
    asked = [
        Asked(
            pack="project",
            facts={**project, "regime": body.regime, "availability_yuan": yuan},
            field="body.terms.availability_fen",
        )
    ]
    if body.regime == "stock":
        share = body.terms.linked_bp / 100
        linked = {**project, "regime": "stock", "performance_share_percent": share}
        asked.append(Asked(pack="ppp", facts=linked, field="body.terms.linked_bp"))
    return asked


def _of_fiscal(
    command: Command, body: m.Fiscal, project: ProjectSeen | None, others: Sequence[Duty]
) -> Asked:
    """Ask of the highest share of any year. Raises `RuleForbids` for years no curve can have."""
    _insist_years(body)
    on = body.assumptions
    years = curve([*reaching(others, on), *duties_of(command.case_id, body)], on)
    facts: dict[str, JsonValue] = {
        "project": command.case_id,
        "fiscal_share_percent": max(one.share_percent for one in years),
        "adds_project": body.adds_project,
    }
    if project is not None and project.pay:
        facts["pay"] = project.pay
    return Asked(pack="ppp", facts=facts, field="body.lines")


def _insist_years(body: m.Fiscal) -> None:
    base = body.assumptions.base_year
    for one in body.lines:
        if one.until < one.since:
            raise RuleForbids("years", "止年早于起年", "CZHT-10", "body.lines")
        if one.until - base >= MOST_YEARS:
            said = f"自基年起最多 {MOST_YEARS} 年"
            raise RuleForbids("years_beyond", said, "CZHT-10", "body.lines")


def _apart(state: Performance, command: Command) -> dict[str, JsonValue]:
    actor, warrant = command.actor, command.warrant
    departments = {actor.department, warrant.department if warrant else ""}
    departments |= {grant.department for grant in actor.grants if grant.role == "operator"}
    return {
        "project": state.project,
        "evaluator_is_operator": bool(_people(actor) & {*state.operators}),
        "evaluator_of_operator": state.plan.operator in departments,
    }


def _people(actor: Actor) -> set[str]:
    return {actor.id, actor.on_behalf} - {""}


# --- every order ---------------------------------------------------------------------------------


def perform(
    state: Performance | None, command: Command, body: Frozen, around: Around
) -> Performance:
    """Return what stands once the order is carried out. Raises `RuleForbids`."""
    if isinstance(body, m.Plan):
        return _plan(state, command, body, around)
    if state is None:
        raise RuleForbids("not_planned", "这个项目还没有绩效指标，请先制定", "YCJX-1", "case_id")
    done = _DOING[command.verb](state, command, body, around)
    operators = set(done.operators)
    if command.verb in m.BY_OPERATOR:
        _insist_not_evaluator(state, command)
        operators |= _people(command.actor)
    return done.model_copy(update={"seq": state.seq + 1, "operators": tuple(sorted(operators))})


def _insist_not_evaluator(state: Performance, command: Command) -> None:
    scored = {one for each in state.evaluations for one in each.evaluators}
    if _people(command.actor) & scored:
        raise RuleForbids("evaluator_is_operator", "评价过本项目的人不得代运营方办理", "YCJX-4")


def _plan(state: Performance | None, command: Command, body: m.Plan, around: Around) -> Performance:
    insist_whole(KpiTree(indicators=body.indicators))
    if body.until_year < body.since_year:
        raise RuleForbids("years", "止年早于起年", "YCJX-1", "body.until_year")
    for key, code in (("department", body.department), ("operator", body.operator)):
        if code not in around.departments:
            raise RuleForbids("unknown_department", f"没有这个部门：{code}", "", f"body.{key}")
    if body.department == body.operator:
        raise RuleForbids("one_side", "实施机构不得就是运营方", "YCJX-4", "body.operator")
    _insist_same_project(body, around.project)
    if body.table not in around.tables:
        raise RuleForbids("unknown_table", f"没有系数表：{body.table}", "YCJX-3", "body.table")
    if state is None:
        return Performance(project=command.case_id, seq=1, plans=(body,))
    if not body.reason:
        raise RuleForbids("reason_missing", "调整指标须写明理由", "YCJX-1", "body.reason")
    waiting = [one.year for one in state.evaluations if one.stage not in ("confirmed", "returned")]
    if waiting:
        raise RuleForbids(
            "evaluation_open", f"{waiting[0]} 年的评价尚未确认，不得调整指标", "YCJX-1"
        )
    return state.model_copy(update={"seq": state.seq + 1, "plans": (*state.plans, body)})


def _insist_same_project(body: m.Plan, project: ProjectSeen | None) -> None:
    """Raise `RuleForbids` where a plan says of the project what its own rows do not."""
    if project is None:
        raise RuleForbids("unknown_project", "没有这个项目，请先立项", "YCJX-1", "case_id")
    if body.regime != project.regime:
        as_is = m.REGIMES[project.regime]
        raise RuleForbids(
            "regime_differs", f"项目按「{as_is}」立项，指标写的是「{m.REGIMES[body.regime]}」",
            "YCJX-1", "body.regime",
        )  # fmt: skip
    if body.department != project.department:
        raise RuleForbids("department_differs", "不是项目的实施机构", "YCJX-1", "body.department")
    if project.operator and body.operator != project.operator:
        raise RuleForbids("operator_differs", "不是协议的运营方", "YCJX-4", "body.operator")


def _evaluate(
    state: Performance, command: Command, body: m.Evaluate, around: Around
) -> Performance:
    plan, before = state.plan, state.of_year(body.year)
    if not plan.since_year <= body.year <= plan.until_year:
        raise RuleForbids(
            "year_outside", f"指标适用于 {plan.since_year} 至 {plan.until_year} 年", "YCJX-1",
            "body.year",
        )  # fmt: skip
    if body.year > around.today.year:
        raise RuleForbids("year_ahead", "还没有到这一年", "CZJX-1", "body.year")
    if before is not None and before.stage != "returned":
        raise RuleForbids("evaluated", f"{body.year} 年已经评价", "CZJX-1", "body.year")
    insist_scored(state.tree, [one.code for one in body.scores])
    for one in body.scores:
        if len(one.evidence) < EVIDENCE_AT_LEAST and one.digest is None:
            raise RuleForbids("evidence_missing", f"{one.code} 没有佐证", "YCJX-2", "body.scores")
    points = {one.code: one.points for one in body.scores}
    score = total_score(state.tree, points)
    made = Evaluation(
        year=body.year,
        n=before.n + 1 if before is not None else 1,
        plan=len(state.plans),
        stage="given",
        seq=state.seq + 1,
        branches=_branches(state.tree, points),
        score=score,
        coefficient_bp=coefficient_of(around.tables[plan.table], score),
        given_at=around.at,
        evaluators=tuple(sorted(_people(command.actor))),
        object_until=around.at + OBJECT_WITHIN,
    )
    return state.model_copy(update={"evaluations": (*state.evaluations, made)})


def _branches(tree: KpiTree, points: Mapping[str, int]) -> tuple[int, int, int]:
    return (
        branch_score(tree, points, "output"),
        branch_score(tree, points, "effect"),
        branch_score(tree, points, "management"),
    )


def _object(state: Performance, _command: Command, body: m.ObjectTo, around: Around) -> Performance:
    one = _of(state, body.year, "given")
    if around.at > one.object_until:
        raise RuleForbids("too_late", "异议期已过", "YCJX-5", "body.year")
    if not body.ground:
        raise RuleForbids("ground_missing", "异议须写明理由", "YCJX-5", "body.ground")
    return _changed(state, one, stage="objected", ground=body.ground)


def _accept(state: Performance, _command: Command, body: m.OfYear, _around: Around) -> Performance:
    return _changed(state, _of(state, body.year, "given"), stage="accepted")


def _confirm(state: Performance, command: Command, body: m.Confirm, around: Around) -> Performance:
    one = _of(state, body.year, "given", "objected", "accepted")
    if one.stage == "given" and body.ruling == "confirm" and around.at <= one.object_until:
        raise RuleForbids("objection_open", "异议期未满，运营方也没有认可", "YCJX-5", "body.year")
    if (one.stage == "objected" or body.ruling == "again") and not body.answer:
        raise RuleForbids(
            "answer_missing", "请答复异议，或者写明退回的理由", "YCJX-5", "body.answer"
        )
    if body.ruling == "again":
        return _changed(state, one, stage="returned", answer=body.answer)
    terms = state.plans[one.plan - 1].terms
    payable = payable_for(one.year, terms, one.score, one.coefficient_bp)
    return _changed(
        state, one, stage="confirmed", answer=body.answer, confirmed_at=around.at, payable=payable
    )


def _rectify(state: Performance, _command: Command, body: m.Rectify, around: Around) -> Performance:
    one = _of(state, body.year, "given", "objected", "accepted", "confirmed")
    tree = KpiTree(indicators=state.plans[one.plan - 1].indicators)
    if body.code not in {each.code for each in tree.scored}:
        raise RuleForbids("kpi_unknown", "没有这项打分指标", "YCJX-6", "body.code")
    if not body.what:
        raise RuleForbids("text_missing", "请写明整改什么", "YCJX-6", "body.what")
    if body.due_on <= around.today:
        raise RuleForbids("due_passed", "整改期限须在今天之后", "YCJX-6", "body.due_on")
    if len(state.tasks) >= MOST_TASKS:
        raise RuleForbids("too_many", f"整改任务最多 {MOST_TASKS} 项", "YCJX-6")
    task = Task(
        id=len(state.tasks) + 1, year=body.year, code=body.code, what=body.what, due_on=body.due_on
    )
    return state.model_copy(update={"tasks": (*state.tasks, task)})


def _rectified(
    state: Performance, _command: Command, body: m.Rectified, around: Around
) -> Performance:
    found = next((one for one in state.tasks if one.id == body.task), None)
    if found is None or found.done_at is not None:
        raise RuleForbids("no_such_task", "没有这项未完成的整改任务", "YCJX-6", "body.task")
    if len(body.evidence) < EVIDENCE_AT_LEAST:
        raise RuleForbids("evidence_missing", "整改完成须附佐证", "YCJX-6", "body.evidence")
    done = found.model_copy(update={"done_at": around.at, "evidence": body.evidence})
    tasks = tuple(done if one.id == done.id else one for one in state.tasks)
    return state.model_copy(update={"tasks": tasks})


def _mid_term(
    state: Performance, _command: Command, body: m.MidTerm, around: Around
) -> Performance:
    last = mid_term_since(state)
    if body.on > around.today or body.on < last:
        raise RuleForbids("day_wrong", "评估日须在上次评估之后、今天或以前", "CZJX-2", "body.on")
    if len(body.findings) < EVIDENCE_AT_LEAST:
        raise RuleForbids("text_missing", "请写明评估结论", "CZJX-2", "body.findings")
    return state.model_copy(update={"mid_terms": (*state.mid_terms, body.on)})


def _fiscal(state: Performance, _command: Command, body: m.Fiscal, around: Around) -> Performance:
    if body.assumptions.base_year > around.today.year:
        said = "基年不得晚于今年"
        raise RuleForbids("year_ahead", said, "CZHT-10", "body.assumptions.base_year")
    if state.fiscal is not None and not body.reason:
        raise RuleForbids("reason_missing", "重新登记须写明理由", "CZHT-10", "body.reason")
    kept = body.model_copy(update={"attached": ()})
    return state.model_copy(update={"fiscal": kept})


_DOING: Final[Mapping[str, Callable[[Performance, Command, Any, Around], Performance]]] = (
    MappingProxyType(
        {
            m.EVALUATE: _evaluate, m.OBJECT_TO: _object, m.ACCEPT: _accept, m.CONFIRM: _confirm,
            m.RECTIFY: _rectify, m.RECTIFIED: _rectified, m.MID_TERM: _mid_term,
            m.FISCAL: _fiscal,
        }
    )
)  # fmt: skip


def _of(state: Performance, year: int, *stages: str) -> Evaluation:
    found = state.of_year(year)
    if found is None or found.stage not in stages:
        raise RuleForbids("wrong_stage", f"{year} 年没有处于这一环节的评价", "YCJX-5", "body.year")
    return found


def _changed(state: Performance, one: Evaluation, /, **changed: Any) -> Performance:
    fresh = one.model_copy(update=changed)
    evaluations = tuple(
        fresh if (each.year, each.n) == (one.year, one.n) else each for each in state.evaluations
    )
    return state.model_copy(update={"evaluations": evaluations})


# --- what falls due ------------------------------------------------------------------------------


def mid_term_since(state: Performance) -> date:
    """Return the day from which the three to five years run."""
    begins = date(state.plans[0].since_year, 1, 1)
    return max((begins, *state.mid_terms))


def due_facts(state: Performance, today: date, zone: ZoneInfo) -> dict[str, JsonValue]:
    """Return what the pack `project` is asked day by day: how long nobody has evaluated.

    The months run from the last evaluation that was given, or from the first day of the first year;
    after the last year nothing falls due.
    """
    facts: dict[str, JsonValue] = {"project": state.project}
    if today.year > state.plan.until_year or today < date(state.plans[0].since_year, 1, 1):
        return facts
    given = [one.given_at.astimezone(zone).date() for one in state.evaluations]
    since = max((date(state.plans[0].since_year, 1, 1), *given))
    facts["months_since_evaluation"] = max(0, months_between(since, today))
    facts["months_since_mid_term"] = max(0, months_between(mid_term_since(state), today))
    return facts


def said_of(command: Command, body: Frozen, state: Performance) -> dict[str, JsonValue]:
    """Return what of an order its event says: codes and figures, no typed text."""
    said: dict[str, JsonValue] = {"verb": command.verb}
    year = getattr(body, "year", None)
    one = state.of_year(year) if isinstance(year, int) else None
    if one is not None:
        said |= {
            "year": one.year, "stage": one.stage, "score": hundredths(one.score),
            "coefficient_bp": one.coefficient_bp,
            "payable_fen": one.payable.amount_fen if one.payable else None,
        }  # fmt: skip
    return said
