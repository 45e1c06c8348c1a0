"""审查: tasks of the departments, signers, inspections, special procedures, extension, return."""

from __future__ import annotations

from datetime import timedelta

from cases import messages
from cases.approval import articles
from cases.approval.evolving import task_of
from cases.approval.hearing import HEARING, check_held, held, not_a_reviewer
from cases.approval.intake import Rulings, end_review_if_done, reopen
from cases.approval.waiting import no_pause_open
from cases.approval.walk import Walk, instant_of
from cases.messages import Command
from cases.separations import INSPECTORS_AT_LEAST as OFFICERS_AT_LEAST
from cases.settling import RuleForbids
from cases.state import CaseState, Procedure, Task


def people(command: Command) -> set[str]:
    """Return who acts: the person, and whom they act for."""
    return {who for who in (command.actor.id, command.actor.on_behalf) if who}


def signer_of(command: Command) -> str:
    """Return in whose name an opinion is given: a deputy signs for the colleague."""
    return command.actor.on_behalf or command.actor.id


def open_task(state: CaseState, key: str) -> Task:
    task = task_of(state, key)
    if task is None:
        raise RuleForbids(
            "no_such_task", f"本件没有任务 {key}", articles.PROCEDURE_OF_LAW, "body.task"
        )
    if task.state != "open":
        raise RuleForbids(
            "task_not_open", "这项任务已经办结，请刷新页面", articles.PROCEDURE_OF_LAW, "body.task"
        )
    return task


def _review_task(state: CaseState, key: str) -> Task:
    task = open_task(state, key)
    if task.kind != "review":
        raise RuleForbids("not_a_review", "只有审查环节可以这样办理", articles.REVIEW, "body.task")
    return task


# --- 签收与转办 ---


def any_open(state: CaseState) -> bool:
    """Whether any task is left: in an archived case only what has to be served again."""
    return any(task.state == "open" for task in state.tasks)


def check_claim(state: CaseState, command: Command, body: messages.Claim) -> None:
    task = open_task(state, body.task)
    if task.holder:
        raise RuleForbids(
            "already_claimed", "这项任务已经有人签收；可请其转办", articles.PROCEDURE_OF_LAW
        )
    _not_the_host(state, command, task)


def claim(walk: Walk, command: Command, body: messages.Claim, rulings: Rulings) -> None:
    walk.emit("claimed", task=body.task, holder=signer_of(command))


def check_transfer(state: CaseState, command: Command, body: messages.Transfer) -> None:
    if open_task(state, body.task).holder == body.to:
        raise RuleForbids("same_holder", "任务已在此人名下", articles.PROCEDURE_OF_LAW, "body.to")


def transfer(walk: Walk, command: Command, body: messages.Transfer, rulings: Rulings) -> None:
    task = task_of(walk.state, body.task)
    walk.emit(
        "transferred", task=body.task, holder=body.to, holder_before=task.holder if task else ""
    )


# --- 加签、减签 ---


def added_key(department: str) -> str:
    return f"review-added-{department}"


def check_add_signer(state: CaseState, command: Command, body: messages.AddSigner) -> None:
    task = open_task(state, body.task)
    if bool(body.signer) == bool(body.department):
        raise RuleForbids(
            "signer_or_department",
            "请填写一名加签人员，或者一个加签部门",
            articles.JOINT,
            "body.signer",
        )
    if body.department:
        busy = any(
            t.kind == "review" and t.state == "open" and t.department == body.department
            for t in state.tasks
        )
        if busy:
            raise RuleForbids(
                "already_asked", "该部门正在审查本件", articles.JOINT, "body.department"
            )
        return
    _review_task(state, body.task)
    if body.signer in {*task.signers, *task.added} or _has_opined(task, {body.signer}):
        raise RuleForbids("already_asked", "此人已在签署名单中", articles.JOINT, "body.signer")


def add_signer(walk: Walk, command: Command, body: messages.AddSigner, rulings: Rulings) -> None:
    if body.signer:
        walk.emit("signer_added", task=body.task, signer=body.signer)
        return
    if walk.state.stage == "gather":
        walk.enter("review")
    key = added_key(body.department)
    walk.open_task(
        Task(key=key, step=key, department=body.department, kind="review", opened_at=walk.at)
    )


def check_remove_signer(state: CaseState, command: Command, body: messages.RemoveSigner) -> None:
    task = _review_task(state, body.task)
    if not body.signer:
        if not task.key.startswith("review-added-") or task.opinions:
            raise RuleForbids(
                "not_added", "只能减去加签且尚未提出意见的部门", articles.JOINT, "body.task"
            )
    elif body.signer not in {*task.added, *task.signers}:
        raise RuleForbids("not_a_signer", "此人不在签署名单中", articles.JOINT, "body.signer")
    elif _has_opined(task, {body.signer}):
        raise RuleForbids("already_opined", "此人已经签署，不能减签", articles.JOINT, "body.signer")


def remove_signer(
    walk: Walk, command: Command, body: messages.RemoveSigner, rulings: Rulings
) -> None:
    if not body.signer:
        walk.finish(body.task, "cancelled")
    else:
        walk.emit("signer_removed", task=body.task, signer=body.signer)
        _finish_if_signed(walk, body.task)
    end_review_if_done(walk)


# --- 意见与核查 ---


def _has_opined(task: Task, who: set[str]) -> bool:
    return any(opinion.signer in who for opinion in task.opinions)


def check_opine(state: CaseState, command: Command, body: messages.Opine) -> None:
    task = _review_task(state, body.task)
    who = people(command)
    named = {*task.signers, *task.added}
    if _has_opined(task, who):
        raise RuleForbids("already_opined", "您已对本环节提出意见", articles.REVIEW)
    if task.signers and not who & named:
        raise RuleForbids("not_a_signer", "您不在本环节的签署名单中", articles.REVIEW)
    if task.holder and task.holder not in who and not who & named:
        raise RuleForbids("held_by_other", "本环节已由他人签收；可请其转办", articles.REVIEW)
    if task.inspectors_needed and not task.inspected:
        raise RuleForbids(
            "inspection_missing",
            f"须由 {task.inspectors_needed} 名以上工作人员核查并记录后才能提出意见",
            articles.INSPECTION,
        )
    _not_the_host(state, command, task)


def _not_the_host(state: CaseState, command: Command, task: Task) -> None:
    """Who presides the hearing must not review the case."""
    hosts = {one.host for one in state.procedures if one.host}
    if state.hearing is not None and state.hearing.host:
        hosts.add(state.hearing.host)
    if task.kind == "review" and hosts & people(command):
        raise RuleForbids(
            "same_person", "听证主持人不得是审查本件的工作人员", articles.HEARING_HOST
        )


def opine(walk: Walk, command: Command, body: messages.Opine, rulings: Rulings) -> None:
    walk.emit("opined", task=body.task, signer=signer_of(command), result=body.result)
    _finish_if_signed(walk, body.task)
    end_review_if_done(walk)


def is_signed(task: Task) -> bool:
    """Whether everyone has signed who must: 或签 one of the step, 会签 all; those added always."""
    signed = {opinion.signer for opinion in task.opinions}
    if set(task.added) - signed:
        return False
    if task.signing == "all" and set(task.signers) - signed:
        return False
    return bool(signed - set(task.added))


def _finish_if_signed(walk: Walk, key: str) -> None:
    task = task_of(walk.state, key)
    if task is not None and is_signed(task):
        walk.finish(key)


def check_inspect(state: CaseState, command: Command, body: messages.Inspect) -> None:
    task = _review_task(state, body.task)
    needed = max(task.inspectors_needed, OFFICERS_AT_LEAST)
    if len(set(body.inspectors)) < needed:
        raise RuleForbids(
            "too_few_inspectors",
            f"核查须有 {needed} 名以上工作人员，现填 {len(set(body.inspectors))} 名",
            articles.INSPECTION,
            "body.inspectors",
        )
    if body.inspected_at > instant_of(state, command):
        raise RuleForbids(
            "in_the_future", "核查时间晚于现在", articles.INSPECTION, "body.inspected_at"
        )
    if state.received_at is not None and body.inspected_at < state.received_at:
        raise RuleForbids(
            "before_receipt", "核查时间早于收件时间", articles.INSPECTION, "body.inspected_at"
        )
    _not_the_host(state, command, task)


def inspect(walk: Walk, command: Command, body: messages.Inspect, rulings: Rulings) -> None:
    walk.emit(
        "inspected",
        task=body.task,
        officers=len(set(body.inspectors)),
        inspected_at=body.inspected_at.isoformat(),
        article=articles.INSPECTION,
    )


# --- 汇总 ---


def gather(walk: Walk, command: Command, body: messages.Gather, rulings: Rulings) -> None:
    walk.emit("gathered", proposal=body.proposal)
    walk.enter("decision")


# --- 特别程序与延期 ---


def check_start_procedure(
    state: CaseState, command: Command, body: messages.StartProcedure
) -> None:
    if body.kind not in state.plan.procedures:
        raise RuleForbids(
            "procedure_not_allowed", "本事项没有这种特别程序", articles.PROCEDURE, "body.kind"
        )
    if any(one.kind == body.kind and one.ended_at is None for one in state.procedures):
        raise RuleForbids("procedure_open", "同种特别程序正在进行", articles.PROCEDURE, "body.kind")
    not_a_reviewer(state, body.host)


def start_procedure(
    walk: Walk, command: Command, body: messages.StartProcedure, rulings: Rulings
) -> None:
    number = 1 + sum(one.kind == body.kind for one in walk.state.procedures)
    procedure = Procedure(
        id=f"{body.kind}-{number}",
        kind=body.kind,
        started_at=walk.at,
        expected_until=walk.at + timedelta(days=body.expected_days),
        host=body.host,
    )
    walk.emit(
        "procedure_started",
        procedure=procedure.model_dump(mode="json"),
        ground=procedure.kind,
        name=procedure.id,
        expected_days=body.expected_days,
        article=articles.PROCEDURE,
    )


def check_end_procedure(state: CaseState, command: Command, body: messages.EndProcedure) -> None:
    running = [one.id for one in state.procedures if one.ended_at is None]
    if body.procedure not in running:
        raise RuleForbids(
            "no_such_procedure",
            f"没有正在进行的特别程序 {body.procedure}",
            articles.PROCEDURE,
            "body.procedure",
        )
    if _kind_of(state, body.procedure) == HEARING and not body.cancelled:
        check_held(state, instant_of(state, command))


def end_procedure(
    walk: Walk, command: Command, body: messages.EndProcedure, rulings: Rulings
) -> None:
    kind = _kind_of(walk.state, body.procedure)
    walk.emit(
        "procedure_ended",
        procedure=body.procedure,
        kind=kind,
        ground=kind,
        name=body.procedure,
        article=articles.PROCEDURE,
    )
    if kind == HEARING:
        held(walk, body.cancelled)


def _kind_of(state: CaseState, procedure: str) -> str:
    return next(one.kind for one in state.procedures if one.id == procedure)


# --- 指派检验、检测、检疫人员 ---

INSPECTORS_AT_LEAST = 2
"""行政许可法第五十五条第二款: 两名以上工作人员."""


def awaits_inspectors(state: CaseState) -> bool:
    return state.plan.assignment is not None and not state.inspectors_assigned


def check_assign_inspectors(
    state: CaseState, command: Command, body: messages.AssignInspectors
) -> None:
    if state.plan.assignment is None:
        raise RuleForbids(
            "assignment_not_asked", "本事项不需要指派检验、检测、检疫人员", articles.INSPECTORS
        )
    if len(set(body.inspectors)) < INSPECTORS_AT_LEAST:
        raise RuleForbids(
            "too_few_inspectors",
            f"须指派两名以上工作人员，现填 {len(set(body.inspectors))} 名",
            state.plan.assignment.basis,
            "body.inspectors",
        )
    if state.inspectors_assigned:
        raise RuleForbids("already_assigned", "已经指派", state.plan.assignment.basis)


def assign_inspectors(
    walk: Walk, command: Command, body: messages.AssignInspectors, rulings: Rulings
) -> None:
    assert walk.state.plan.assignment is not None  # check_assign_inspectors
    walk.emit(
        "inspectors_assigned",
        officers=len(set(body.inspectors)),
        article=walk.state.plan.assignment.basis,
    )


def check_extend(state: CaseState, command: Command, body: messages.Extend) -> None:
    extension = state.plan.extension
    if extension is None:
        raise RuleForbids("extension_not_allowed", "本事项不能延期", articles.EXTENSION)
    if state.extended:
        raise RuleForbids("second_extension", "本件已经延期一次，不能再延期", extension.basis)
    if state.accepted_at is None:
        raise RuleForbids("not_accepted_yet", "本件尚未受理，期限没有起算", extension.basis)
    at = instant_of(state, command)
    statutory = next((t for t in state.timers if t.key == "statutory"), None)
    if "statutory" in state.passed or (statutory is not None and at >= statutory.due_at):
        raise RuleForbids("expired", "法定期限已经届满，不能再延期", extension.basis)
    ranks = {grant.role for grant in command.actor.grants}
    if command.warrant is not None:
        ranks.add(command.warrant.role)
    if extension.rank not in ranks:
        who = {"organ_head": "本行政机关负责人", "government_head": "本级人民政府负责人"}
        raise RuleForbids("rank_too_low", f"延期须经{who[extension.rank]}批准", extension.basis)


def extend(walk: Walk, command: Command, body: messages.Extend, rulings: Rulings) -> None:
    extension = walk.state.plan.extension
    assert extension is not None  # check_extend
    walk.emit(
        "extended",
        n=extension.n,
        unit=extension.unit,
        rank=extension.rank,
        article=extension.basis,
    )


# --- 退回环节 ---


def check_return_step(state: CaseState, command: Command, body: messages.ReturnStep) -> None:
    order = ("received", "review", "gather", "decision")
    if state.stage in order and order.index(body.to) >= order.index(state.stage):
        raise RuleForbids("not_earlier", "只能退回到更早的环节", articles.DECISION, "body.to")
    reviews = {task.key for task in state.tasks if task.kind == "review"}
    if body.to == "gather" and len(reviews) < 2:
        raise RuleForbids("no_such_step", "本件没有汇总环节", articles.DECISION, "body.to")
    if body.to == "review" and not reviews:
        raise RuleForbids("no_such_step", "本件没有审查环节", articles.DECISION, "body.to")
    if set(body.tasks) - reviews:
        raise RuleForbids("no_such_task", "要退回的任务不存在", articles.DECISION, "body.tasks")
    no_pause_open(state, "退回")


def return_step(walk: Walk, command: Command, body: messages.ReturnStep, rulings: Rulings) -> None:
    walk.emit("returned", to=body.to, tasks=list(body.tasks))
    if body.to == "received":
        walk.finish_all("cancelled")
        walk.enter("received")
    elif body.to == "gather":
        walk.enter("gather")
    else:
        chosen = set(body.tasks)
        reviews = [t for t in walk.state.tasks if t.kind == "review" and t.state == "done"]
        walk.enter("review")
        reopen(walk, {t.step for t in reviews if not chosen or t.key in chosen})
