"""变更、临时接管、提前终止、移交、办结: what interrupts a project, and how it ends."""

from __future__ import annotations

from typing import Any, Final

from pydantic import JsonValue

from cases.messages import Command
from cases.projects import messages as m
from cases.projects.founding import years_until
from cases.projects.reaching import people_of
from cases.projects.state import Change, ProjectState, SteppedIn, TestResult
from cases.projects.step import PROJECT, Known, Step, Tell, advanced, duties_of, insist, leads
from cases.settling import RuleForbids

REAPPROVE: Final = "approve_again"
"""The duty that the pack `project` sets on a change of site or scope (GBH115-4)."""


def propose_change(
    state: ProjectState, command: Command, body: m.ProposeChange, known: Known
) -> Step:
    """提出变更: what the rules forbid is refused at once, what they demand stands on it."""
    _insist_running(state)
    facts: dict[str, JsonValue] = {"project": state.project_id, "regime": state.regime}
    if body.kind == "operator":
        _insist_operator(state, body, known)
        facts["operator_changes"] = not body.selected_anew
    if body.kind in ("site", "scope"):
        facts["site_or_scope_changes"] = True
    if body.kind == "term":
        if body.ends_on is None or state.signed_on is None:
            raise RuleForbids(
                "no_term", "请写明新的终止日期；尚无协议的项目没有期限可变", "GBH115-2",
                "body.ends_on",
            )  # fmt: skip
        facts["term_years"] = float(years_until(state.signed_on, body.ends_on))
    judged = known.rules.judge(PROJECT, facts, command.occurred_at)
    insist(judged, "body.kind")
    one = Change(
        id=str(len(state.changes) + 1), kind=body.kind, state="proposed", at=command.occurred_at,
        by=people_of(command), ground=body.ground, ends_on=body.ends_on, operator=body.operator,
        selected_anew=body.selected_anew, duties=duties_of(judged),
    )  # fmt: skip
    said: dict[str, JsonValue] = {"change": one.id, "kind": one.kind, "duties": list(one.duties)}
    told = Tell(recipient=leads(state), kind="project", key=f"change:{one.id}")
    return Step(state=advanced(state, changes=(*state.changes, one)), said=said, told=(told,))


def _insist_operator(state: ProjectState, body: m.ProposeChange, known: Known) -> None:
    if body.operator not in known.departments or body.operator == state.operator:
        raise RuleForbids(
            "unknown_department", "请写明另一个已登记的运营方", "GBH115-3", "body.operator"
        )


def decide_change(
    state: ProjectState, command: Command, body: m.DecideChange, _known: Known
) -> Step:
    """批准变更, by somebody else than who proposed it."""
    place = "body.change"
    found = next((one for one in state.changes if one.id == body.change), None)
    if found is None or found.state != "proposed":
        raise RuleForbids("unknown_change", "没有这一项待批准的变更", "GBH115-4", place)
    if set(people_of(command)) & set(found.by):
        raise RuleForbids("same_person", "提出变更的人不得自己批准", "YCJX-8", place)
    if not body.approve:
        return _decided(state, found, {}, state="refused")
    if REAPPROVE in found.duties and not body.document:
        raise RuleForbids(
            "approve_again", "地点、规模变更须重新报批，请写明批准文号", "GBH115-4", "body.document"
        )
    _insist_running(state)
    changed: dict[str, Any] = {}
    if found.kind == "term" and found.ends_on is not None and state.signed_on is not None:
        changed |= {
            "ends_on": found.ends_on, "term_years": years_until(state.signed_on, found.ends_on)
        }  # fmt: skip
    if found.kind == "operator":
        changed["operator"] = found.operator
    return _decided(state, found, changed, state="approved", document=body.document)


def _decided(before: ProjectState, found: Change, changed: dict[str, Any], **decided: Any) -> Step:
    changes = tuple(
        one.model_copy(update=decided) if one.id == found.id else one for one in before.changes
    )
    said: dict[str, JsonValue] = {"change": found.id, "kind": found.kind, **decided}
    return Step(state=advanced(before, changes=changes, **changed), said=said)


# --- 临时接管、终止 -------------------------------------------------------------------------------


def step_in(state: ProjectState, command: Command, body: m.StepIn, known: Known) -> Step:
    """临时接管: somebody else runs it for a while."""
    _insist_running(state)
    if not state.operator:
        raise RuleForbids("no_operator", "项目还没有运营方，无从接管", "GBH115-5")
    if state.stepped_in:
        raise RuleForbids("stepped_in_already", "已在接管中", "GBH115-5")
    if body.by not in known.departments or body.by == state.operator:
        raise RuleForbids("unknown_department", "请写明接管的部门", "GBH115-5", "body.by")
    one = SteppedIn(by=body.by, since=command.occurred_at)
    told = Tell(recipient=leads(state), kind="project", key=f"step_in:{len(state.step_ins)}")
    return Step(
        state=advanced(state, step_ins=(*state.step_ins, one)), said={"by": body.by}, told=(told,)
    )


def end_step_in(state: ProjectState, command: Command, _body: m.EndStepIn, _known: Known) -> Step:
    """结束接管: the operator runs it again."""
    if not state.stepped_in:
        raise RuleForbids("not_stepped_in", "没有正在进行的接管", "GBH115-5")
    last = state.step_ins[-1].model_copy(update={"until": command.occurred_at})
    return Step(state=advanced(state, step_ins=(*state.step_ins[:-1], last)))


def terminate(state: ProjectState, _command: Command, body: m.Terminate, known: Known) -> Step:
    """提前终止: what was not reached is not waited for any more; it is handed over all the same."""
    _insist_running(state)
    if body.on > known.today:
        raise RuleForbids("in_the_future", "终止日期在将来", "GBH115-5", "body.on")
    told = Tell(recipient=leads(state), kind="project", key="terminated")
    said: dict[str, JsonValue] = {
        "ground": body.ground, "on": body.on.isoformat(), "compensation_fen": body.compensation_fen,
    }  # fmt: skip
    return Step(
        state=advanced(
            state, stage="terminated", termination=body.ground, terminated_on=body.on,
            compensation_fen=body.compensation_fen,
        ),
        said=said, told=(told,),
    )  # fmt: skip


# --- 移交、办结 -----------------------------------------------------------------------------------


def list_assets(state: ProjectState, _command: Command, body: m.ListAssets, _known: Known) -> Step:
    """资产清单."""
    _insist_not_handed(state)
    said: dict[str, JsonValue] = {"assets": len(body.assets), "sha256": body.paper.sha256}
    return Step(state=advanced(state, assets=body.assets), said=said)


def record_test(state: ProjectState, _command: Command, body: m.RecordTest, known: Known) -> Step:
    """移交测试."""
    _insist_not_handed(state)
    if body.on > known.today:
        raise RuleForbids("in_the_future", "测试日期在将来", "", "body.on")
    one = TestResult(name=body.name, passed=body.passed, on=body.on)
    said: dict[str, JsonValue] = {"passed": body.passed, "on": body.on.isoformat()}
    return Step(state=advanced(state, tests=(*state.tests, one)), said=said)


def hand_over(state: ProjectState, _command: Command, body: m.HandOver, known: Known) -> Step:
    """移交: with a list of what there is, and tests of which the last of each name was passed."""
    _insist_not_handed(state)
    if not state.assets:
        raise RuleForbids("no_assets", "没有资产清单，请先登记资产清单", "GBH115-5")
    if not state.tests:
        raise RuleForbids("no_tests", "没有移交测试，请先登记测试结果", "GBH115-5")
    last = {one.name: one.passed for one in state.tests}
    failed = sorted(name for name, passed in last.items() if not passed)
    if failed:
        raise RuleForbids("test_failed", f"移交测试「{failed[0]}」未通过，须整改后重测", "GBH115-5")
    if body.to not in known.departments:
        raise RuleForbids("unknown_department", "没有这个部门", "", "body.to")
    if body.on > known.today:
        raise RuleForbids("in_the_future", "移交日期在将来", "", "body.on")
    said: dict[str, JsonValue] = {"to": body.to, "on": body.on.isoformat()}
    return Step(
        state=advanced(state, stage="handed_over", handed_to=body.to, handed_on=body.on), said=said
    )


def finish(state: ProjectState, _command: Command, _body: m.Finish, _known: Known) -> Step:
    """项目办结: handed over, or (without operator) every milestone reached, or terminated so."""
    if state.stage != "handed_over" and state.operator:
        raise RuleForbids("not_handed_over", "有运营方的项目须先移交，再办结", "GBH115-5")
    if state.stage == "running":
        waiting = [one for one in state.milestones if not one.achieved]
        if waiting:
            raise RuleForbids("milestones_open", f"里程碑「{waiting[0].title}」尚未完成", "YCJX-10")
    return Step(state=advanced(state, stage="finished"))


def _insist_running(state: ProjectState) -> None:
    if state.stage != "running":
        raise RuleForbids("not_running", "项目已经移交、终止或者办结")


def _insist_not_handed(state: ProjectState) -> None:
    if state.stage not in ("running", "terminated"):
        raise RuleForbids("not_running", "项目已经移交或者办结")
