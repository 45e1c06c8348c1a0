"""立项、概算、协议、资本金: how a project begins, and what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from pydantic import JsonValue

from cases.messages import Command
from cases.payments import yuan
from cases.projects import messages as m
from cases.projects.schedule import Span, laid_out
from cases.projects.state import REGIMES, Capital, Milestone, ProjectState, StageOf
from cases.projects.step import (
    PROJECT,
    RED_LINES,
    Known,
    Step,
    advanced,
    duties_of,
    insist,
)
from cases.settling import RuleForbids
from catalogue.project_templates import ProjectTemplate, TemplateStep

FEN_IN_YUAN: Final = 100


def establish(command: Command, body: m.Establish, known: Known) -> Step:
    """Open a project. Raises `RuleForbids`: a rule, a circle, a template that is not its own."""
    template = known.template
    if template is None:
        raise RuleForbids(
            "unknown_template", f"没有项目模板「{body.template}」", "YCJX-10", "body.template"
        )
    if body.department not in known.departments:
        raise RuleForbids(
            "unknown_department", f"没有这个部门：{body.department}", "", "body.department"
        )
    duties = _insist_regime(command, body, template, known)
    milestones = _milestones(body, template)
    ends_on = anniversary(body.starts_on, body.term_years) if body.term_years else None
    planned = {one.milestone: one.on for one in body.plans}
    unknown = sorted(planned.keys() - {one.id for one in milestones})
    if unknown:
        raise RuleForbids(
            "unknown_milestone", f"没有里程碑「{unknown[0]}」", "YCJX-10", "body.plans"
        )
    spans = laid_out(
        milestones, body.starts_on, planned, ends_on,
        frozenset(one.id for one in milestones if one.end),
    )  # fmt: skip
    at = command.occurred_at
    state = ProjectState(
        project_id=command.case_id,
        number=known.number,
        seq=1,
        stage="running",
        template=template.id,
        title=body.title,
        department=body.department,
        sector=body.sector,
        mode=body.mode,
        pay=body.pay,
        library_code=body.library_code,
        regime=body.regime,
        term_years=body.term_years,
        starts_on=body.starts_on,
        ends_on=ends_on,
        feasibility_fen=body.feasibility_fen,
        duties=duties,
        stages=tuple(StageOf(id=one.id, title=one.zh, english=one.en) for one in template.stages),
        milestones=tuple(_dated(one, spans[one.id]) for one in milestones),
        year=known.today.year,
        established_at=at,
        updated_at=at,
    )
    said: dict[str, JsonValue] = {
        "template": template.id, "regime": body.regime, "department": body.department,
        "milestones": len(milestones), "duties": list(duties),
    }  # fmt: skip
    return Step(state=state, said=said)


def _insist_regime(
    command: Command, body: m.Establish, template: ProjectTemplate, known: Known
) -> tuple[str, ...]:
    """Return what the rules demand of such a project. Raises `RuleForbids`."""
    facts: dict[str, JsonValue] = {
        "project": command.case_id,
        "regime": body.regime,
        "procured_before_stop": body.procured_before_stop,
        "user_pays": body.user_pays,
    }
    if body.regime == "stock":
        facts["started_by_2024"] = body.started_by_2024
    if body.term_years:
        facts["term_years"] = float(body.term_years)
    judged = known.rules.judge(PROJECT, facts, command.occurred_at)
    insist(judged, "body.term_years")
    applies = judged.outcome.get("applies")
    if applies is not None and applies != body.regime:
        basis = judged.bases[0] if judged.bases else ""
        words = {str(code): word for code, word in REGIMES.items()}
        raise RuleForbids(
            "wrong_regime",
            f"按所填情况应当适用「{words.get(str(applies), applies)}」，"
            f"不是「{words[body.regime]}」；请核对是否使用者付费、何时完成采购，或者另选模板",
            basis, "body.regime",
        )  # fmt: skip
    if template.regime and template.regime != body.regime:
        raise RuleForbids(
            "wrong_template", f"模板「{template.title.zh}」不用于这一制度的项目", template.basis,
            "body.template",
        )  # fmt: skip
    return duties_of(judged)


def _milestones(body: m.Establish, template: ProjectTemplate) -> list[Milestone]:
    known = {one.id for one in template.steps}
    for place, key in enumerate(body.leaves_out):
        if key not in known:
            raise RuleForbids(
                "unknown_milestone", f"模板没有步骤「{key}」", "YCJX-10", f"body.leaves_out.{place}"
            )
    left_out = frozenset(body.leaves_out)
    found = [_of_step(one, template, left_out) for one in template.steps if one.id not in left_out]
    ids = {one.id for one in found}
    stages = {one.id for one in template.stages}
    for place, new in enumerate(body.milestones):
        _insist_new(new, ids, stages, f"body.milestones.{place}")
        ids.add(new.id)
        found.append(_of_new(new, body.starts_on))
    if len(found) > m.MOST_MILESTONES:
        raise RuleForbids(
            "too_many", f"里程碑不得多于 {m.MOST_MILESTONES} 个", "YCJX-10", "body.milestones"
        )
    return found


def _insist_new(new: m.NewMilestone, ids: set[str], stages: set[str], place: str) -> None:
    if new.id in ids:
        raise RuleForbids("same_milestone", f"已有里程碑「{new.id}」", "YCJX-10", f"{place}.id")
    if new.stage not in stages:
        raise RuleForbids("unknown_stage", f"没有阶段「{new.stage}」", "YCJX-10", f"{place}.stage")


def _of_step(one: TemplateStep, template: ProjectTemplate, left_out: frozenset[str]) -> Milestone:
    """Return a step as a milestone; for one that is left out, what that waited for is waited for.

    Its days are set when all are laid out.
    """
    day = date(2000, 1, 1)
    after = _through(one.after, {step.id: step.after for step in template.steps}, left_out)
    return Milestone(
        id=one.id, stage=one.stage, title=one.zh, english=one.en, days=one.days, after=after,
        needs=one.needs, gate=one.gate, people=one.people, pays=one.pays, end=one.end,
        begins_on=day, baseline_on=day, plan_on=day,
    )  # fmt: skip


def _through(
    after: tuple[str, ...], waits: Mapping[str, tuple[str, ...]], left_out: frozenset[str]
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for key in after:
        below = _through(waits[key], waits, left_out) if key in left_out else (key,)
        found |= dict.fromkeys(below)
    return tuple(found)


def _of_new(new: m.NewMilestone, day: date) -> Milestone:
    return Milestone(
        id=new.id, stage=new.stage, title=new.title, english="", days=new.days, after=new.after,
        needs=new.needs, gate=new.gate, pays=new.pays, added=True,
        begins_on=day, baseline_on=day, plan_on=day,
    )  # fmt: skip


def _dated(one: Milestone, span: Span) -> Milestone:
    return one.model_copy(
        update={"begins_on": span.begins_on, "baseline_on": span.plan_on, "plan_on": span.plan_on}
    )


def add_milestone(
    state: ProjectState, _command: Command, body: m.AddMilestone, _known: Known
) -> Step:
    """增设里程碑."""
    new = body.milestone
    _insist_new(
        new, {one.id for one in state.milestones}, {one.id for one in state.stages},
        "body.milestone",
    )  # fmt: skip
    if len(state.milestones) >= m.MOST_MILESTONES:
        raise RuleForbids("too_many", f"里程碑不得多于 {m.MOST_MILESTONES} 个", "YCJX-10")
    made = [*state.milestones, _of_new(new, state.starts_on)]
    # Those that stand keep their days; only the new one is laid out.
    fixed = {one.id: one.plan_on for one in state.milestones}
    spans = laid_out(made, state.starts_on, fixed | ({new.id: body.on} if body.on else {}))
    made[-1] = _dated(made[-1], spans[new.id])
    said: dict[str, JsonValue] = {"milestone": new.id, "on": spans[new.id].plan_on.isoformat()}
    return Step(state=advanced(state, milestones=tuple(made)), said=said)


# --- 概算、投资 -----------------------------------------------------------------------------------


def approve_estimate(
    state: ProjectState, command: Command, body: m.ApproveEstimate, known: Known
) -> Step:
    """核定概算. What exceeds the feasibility study by more than a tenth was reported first."""
    facts: dict[str, JsonValue] = {"project": state.project_id}
    if state.feasibility_fen:
        over = body.design_fen - state.feasibility_fen
        facts["over_estimate_percent"] = over * 100 / state.feasibility_fen
    judged = known.rules.judge(RED_LINES, facts, command.occurred_at)
    duties = duties_of(judged)
    if duties and not body.reported:
        raise RuleForbids(
            "report_first", "初步设计概算超过投资估算百分之十，应当先向投资主管部门报告",
            judged.bases[0] if judged.bases else "ZFTZ-12", "body.reported",
        )  # fmt: skip
    said: dict[str, JsonValue] = {
        "estimate_fen": body.estimate_fen, "design_fen": body.design_fen,
        "before_fen": state.estimate_fen, "duties": list(duties),
    }  # fmt: skip
    return Step(
        state=advanced(
            state, estimate_fen=body.estimate_fen, estimate_document=body.document,
            duties=tuple(dict.fromkeys((*state.duties, *duties))),
        ),
        said=said,
    )  # fmt: skip


def set_cost(state: ProjectState, command: Command, body: m.SetCost, known: Known) -> Step:
    """登记总投资: never above what was approved."""
    if not state.estimate_fen:
        raise RuleForbids("no_estimate", "概算尚未核定，请先核定概算", "ZFTZ-23", "body.total_fen")
    facts: dict[str, JsonValue] = {
        "project": state.project_id,
        "total_yuan": body.total_fen / FEN_IN_YUAN,
        "approved_yuan": state.estimate_fen / FEN_IN_YUAN,
    }
    insist(known.rules.judge(RED_LINES, facts, command.occurred_at), "body.total_fen")
    said: dict[str, JsonValue] = {"total_fen": body.total_fen, "before_fen": state.total_fen}
    return Step(state=advanced(state, total_fen=body.total_fen), said=said)


# --- 协议、资本金 ---------------------------------------------------------------------------------


def sign_contract(
    state: ProjectState, command: Command, body: m.SignContract, known: Known
) -> Step:
    """签订协议. Its term, and the days that bidders had, are asked of the rules."""
    if state.signed_on is not None:
        raise RuleForbids("signed_already", "协议已经登记，变更请走变更程序", "GBH115-3")
    if body.operator not in known.departments:
        raise RuleForbids("unknown_department", "没有这个单位", "", "body.operator")
    if body.operator == state.department:
        raise RuleForbids("one_side", "实施机构不得就是运营方", "YCJX-4", "body.operator")
    if body.signed_on > known.today:
        raise RuleForbids("in_the_future", "签订日期在将来", "", "body.signed_on")
    if body.ends_on <= body.signed_on:
        raise RuleForbids("ends_before", "终止日期早于签订日期", "", "body.ends_on")
    years = years_until(body.signed_on, body.ends_on)
    facts: dict[str, JsonValue] = {
        "project": state.project_id, "regime": state.regime, "term_years": float(years),
    }  # fmt: skip
    insist(known.rules.judge(PROJECT, facts, command.occurred_at), "body.ends_on")
    _insist_tender(state, command, body, known)
    planned = {one.id: one.plan_on for one in state.milestones if not one.end}
    spans = laid_out(
        state.milestones, state.starts_on, planned, body.ends_on,
        frozenset(one.id for one in state.milestones if one.end),
    )  # fmt: skip
    milestones = tuple(
        _dated(one, spans[one.id]) if one.end and not one.achieved else one
        for one in state.milestones
    )
    said: dict[str, JsonValue] = {
        "operator": body.operator, "ends_on": body.ends_on.isoformat(), "years": years,
    }  # fmt: skip
    return Step(
        state=advanced(
            state, operator=body.operator, contract_no=body.number, signed_on=body.signed_on,
            ends_on=body.ends_on, term_years=years, milestones=milestones,
            capital=tuple(Capital(due=one) for one in body.capital),
        ),
        said=said,
    )  # fmt: skip


def _insist_tender(
    state: ProjectState, command: Command, body: m.SignContract, known: Known
) -> None:
    given = {
        "tender_days": body.tender_days, "sale_days": body.sale_days,
        "candidate_days": body.candidate_days,
    }  # fmt: skip
    facts: dict[str, JsonValue] = {"project": state.project_id}
    facts |= {key: days for key, days in given.items() if days}
    if len(facts) > 1:
        insist(known.rules.judge(RED_LINES, facts, command.occurred_at), "body.tender_days")


def pay_capital(state: ProjectState, _command: Command, body: m.PayCapital, known: Known) -> Step:
    """资本金到位, in one or several payments, never more than is owed."""
    if body.item >= len(state.capital):
        raise RuleForbids("unknown_capital", "协议没有这一项资本金", "GBH84-1", "body.item")
    one = state.capital[body.item]
    if body.paid_on > known.today:
        raise RuleForbids("in_the_future", "到位日期在将来", "", "body.paid_on")
    paid = one.paid_fen + body.amount_fen
    if paid > one.due.amount_fen:
        rest = one.due.amount_fen - one.paid_fen
        raise RuleForbids(
            "too_much", f"超过应缴数额，尚欠 {yuan(rest)} 元", "GBH84-1", "body.amount_fen"
        )
    capital = list(state.capital)
    capital[body.item] = one.model_copy(update={"paid_fen": paid, "paid_on": body.paid_on})
    said: dict[str, JsonValue] = {"item": body.item, "amount_fen": body.amount_fen}
    return Step(state=advanced(state, capital=tuple(capital)), said=said)


def anniversary(day: date, years: int) -> date:
    """Return the same day so many years later; 29 February becomes 1 March where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def years_until(since: date, until: date) -> int:
    """Return a term in whole years, a year that is begun counted as one: `until` is its last day.

    From 1 January 2026 to 31 December 2065 are forty.
    """
    years = until.year - since.year
    while anniversary(since, years) <= until:
        years += 1
    while years > 1 and anniversary(since, years - 1) > until:
        years -= 1
    return years
