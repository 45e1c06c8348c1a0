"""计划、佐证、关口、完成: how milestones are planned, proved, let pass and reached."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from cases.messages import Command
from cases.projects import messages as m
from cases.projects.state import Given, Milestone, Passed, ProjectState
from cases.projects.step import PROJECT, Known, Step, advanced, insist
from cases.settling import RuleForbids


def people_of(command: Command) -> tuple[str, ...]:
    """Return who acts: the person, and whom they act for."""
    return tuple(sorted({command.actor.id, command.actor.on_behalf} - {""}))


def replan(state: ProjectState, _command: Command, body: m.Replan, known: Known) -> Step:
    """调整计划: the baseline stays as it was; nothing is planned into the past."""
    changed = state
    moved: dict[str, JsonValue] = {}
    for place, one in enumerate(body.plans):
        found = _waiting(state, one.milestone, f"body.plans.{place}.milestone")
        if one.on < known.today:
            raise RuleForbids(
                "in_the_past", "计划日期已经过去，请改为以后的日期", "YCJX-10",
                f"body.plans.{place}.on",
            )  # fmt: skip
        begins = min(found.begins_on, one.on)
        changed = _with(changed, found.id, plan_on=one.on, begins_on=begins)
        moved[found.id] = one.on.isoformat()
    return Step(state=advanced(changed), said={"moved": moved})


def forecast(state: ProjectState, _command: Command, body: m.Forecast, known: Known) -> Step:
    """预计完成: what is expected, beside what is planned."""
    found = _waiting(state, body.milestone, "body.milestone")
    if body.on < known.today:
        raise RuleForbids("in_the_past", "预计日期已经过去", "YCJX-10", "body.on")
    said: dict[str, JsonValue] = {"milestone": found.id, "on": body.on.isoformat()}
    return Step(state=advanced(_with(state, found.id, forecast_on=body.on)), said=said)


def add_evidence(state: ProjectState, command: Command, body: m.AddEvidence, _known: Known) -> Step:
    """提交佐证. The same file does not count twice for one milestone."""
    found = _waiting(state, body.milestone, "body.milestone")
    if body.paper.sha256 in {one.paper.sha256 for one in found.evidence}:
        raise RuleForbids("same_paper", "这份文件已经提交过", "YCJX-10", "body.paper")
    passed = {person for one in found.passes for person in one.by}
    if passed & set(people_of(command)):
        raise RuleForbids("same_person", "已在关口表态的人不得再提交佐证", "YCJX-8")
    given = Given(paper=body.paper, by=people_of(command), at=command.occurred_at)
    said: dict[str, JsonValue] = {"milestone": found.id, "sha256": body.paper.sha256}
    evidence = (*found.evidence, given)
    return Step(state=advanced(_with(state, found.id, evidence=evidence)), said=said)


def pass_gate(state: ProjectState, command: Command, body: m.PassGate, _known: Known) -> Step:
    """关口通过: once per person, never by who gave the papers, never before they are all there."""
    found = _waiting(state, body.milestone, "body.milestone")
    if not found.gate:
        raise RuleForbids("no_gate", "这个里程碑没有关口", "YCJX-8", "body.milestone")
    if found.missing:
        raise RuleForbids(
            "evidence_missing", f"尚缺佐证：{'、'.join(found.missing)}", "YCJX-10", "body.milestone"
        )
    people = set(people_of(command))
    if people & {person for one in found.passes for person in one.by}:
        raise RuleForbids("same_person", "关口由两人办理，您（或者被代理人）已经表态", "YCJX-8")
    if people & {person for one in found.evidence for person in one.by}:
        raise RuleForbids("same_person", "提交佐证的人不得同时把关", "YCJX-8")
    passes = (*found.passes, Passed(by=people_of(command), at=command.occurred_at))
    said: dict[str, JsonValue] = {"milestone": found.id, "passes": len(passes)}
    return Step(state=advanced(_with(state, found.id, passes=passes)), said=said)


def return_gate(state: ProjectState, _command: Command, body: m.ReturnGate, _known: Known) -> Step:
    """关口退回: whoever passed it passes it again in the next round."""
    found = _waiting(state, body.milestone, "body.milestone")
    if not found.gate:
        raise RuleForbids("no_gate", "这个里程碑没有关口", "YCJX-8", "body.milestone")
    changed = _with(state, found.id, passes=(), round=found.round + 1)
    said: dict[str, JsonValue] = {"milestone": found.id, "round": found.round + 1}
    return Step(state=advanced(changed), said=said)


def achieve(state: ProjectState, command: Command, body: m.Achieve, known: Known) -> Step:
    """完成里程碑: what it waits for is reached, its papers are there, its gate was passed."""
    found = _waiting(state, body.milestone, "body.milestone")
    if body.on > known.today:
        raise RuleForbids("in_the_future", "完成日期在将来", "YCJX-10", "body.on")
    for key in found.after:
        before = state.milestone(key)
        if before is None or before.actual_on is None:
            name = before.title if before else key
            raise RuleForbids(
                "not_yet", f"前置里程碑「{name}」尚未完成", "YCJX-10", "body.milestone"
            )
        if body.on < before.actual_on:
            raise RuleForbids(
                "before_dependency", f"早于前置里程碑「{before.title}」的完成日", "YCJX-10",
                "body.on",
            )  # fmt: skip
    if found.missing:
        raise RuleForbids(
            "evidence_missing", f"尚缺佐证：{'、'.join(found.missing)}", "YCJX-10", "body.milestone"
        )
    if found.gate:
        facts: dict[str, JsonValue] = {
            "project": state.project_id, "gate_people": len(found.passes),
        }  # fmt: skip
        insist(known.rules.judge(PROJECT, facts, command.occurred_at), "body.milestone")
        if found.gate_open:
            raise RuleForbids(
                "gate_open", f"关口还差 {found.people - len(found.passes)} 人", "YCJX-8",
                "body.milestone",
            )  # fmt: skip
    changed = _with(state, found.id, actual_on=body.on, forecast_on=None)
    said: dict[str, JsonValue] = {
        "milestone": found.id, "on": body.on.isoformat(), "plan_on": found.plan_on.isoformat(),
    }  # fmt: skip
    return Step(state=advanced(changed), said=said)


def _waiting(state: ProjectState, key: str, place: str) -> Milestone:
    """Return a milestone that is not reached. Raises `RuleForbids`."""
    found = state.milestone(key)
    if found is None:
        raise RuleForbids("unknown_milestone", f"项目没有里程碑「{key}」", "YCJX-10", place)
    if found.achieved:
        raise RuleForbids("achieved_already", f"里程碑「{found.title}」已经完成", "YCJX-10", place)
    return found


def _with(state: ProjectState, key: str, **changed: Any) -> ProjectState:
    """Return the state with one milestone changed; not yet a step."""
    milestones = tuple(
        one.model_copy(update=changed) if one.id == key else one for one in state.milestones
    )
    return state.model_copy(update={"milestones": milestones})
