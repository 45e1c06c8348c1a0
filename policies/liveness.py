"""Whether the work can still be done: every stage of every matter, and every change of the rules.

A policy that refuses everything would break no invariant. So for each step that a matter needs
there must be a role of people that may do it, and another role for the step that the matter keeps
apart from it. A colleague can be named for any case, so what hangs on being named counts as
possible. Services do not count: the window must stay open when a department's system is down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from catalogue.matters import Matter
from policies.invariants import Finding
from policies.plain import SPANS, Reading, State
from policies.situations import Counterexample, step_in
from policies.vocabulary import ACT_TITLES, ACTS, ROLES

OFFICE = frozenset({"held", "implementing", "involved"})
"""The implementing department, without a task of its own."""
GATHERING = frozenset({"held", "implementing", "involved", "task"})
REVIEWING = frozenset({"held", "involved", "task"})
"""A department with a step of its own."""

_ALWAYS = (
    "file", "supply", "ask_supplement", "accept", "refuse_acceptance", "not_required", "decide",
    "certify", "serve", "reissue", "serve_reissued", "close", "withdraw", "rate", "rectify",
    "call_back", "urge", "return_step", "read", "list", "read_personal", "print",
)  # fmt: skip
"""What every matter with a decision needs of its implementing department."""

_OPEN = ("file", "record_step", "read", "list", "read_personal")
"""What a matter of open steps needs."""

CITY: tuple[tuple[str, str], ...] = (
    ("release", "release_propose"), ("release", "release_sign"),
    ("release", "release_look_ahead"), ("policy", "policy_propose"),
    ("policy", "policy_approve"), ("policy", "policy_read"), ("account", "account_manage"),
    ("account", "account_grant"), ("account", "grant_approve"), ("account", "account_read"),
    ("audit", "audit_read"), ("audit", "audit_verify"),
    ("audit", "audit_names"), ("audit", "case_readers"), ("audit", "erase_ask"),
    ("audit", "erase_approve"), ("dead_letter", "dead_letter_read"),
    ("dead_letter", "dead_letter_mend"), ("census", "census_read"), ("alarms", "alarms_read"),
    ("signal", "signals_read"), ("signal", "signals_plan"),
    ("supervision", "supervise"), ("supervision", "report"), ("payment", "payment_request"),
    ("payment", "payment_read"), ("payment", "payment_review"), ("payment", "payment_pay"),
    ("fund", "fund_open"), ("fund", "fund_allot"), ("fund", "fund_contract"), ("fund", "fund_use"),
    ("warning", "warning_issue"), ("warning", "warning_adjust"), ("warning", "warning_lift"),
    ("warning", "warning_read"), ("plan", "plan_report"), ("plan", "plan_read"),
    ("performance", "performance_plan"), ("performance", "performance_evaluate"),
    ("performance", "performance_confirm"), ("performance", "performance_rectify"),
    ("performance", "performance_object"), ("performance", "performance_read"),
    ("performance", "performance_fiscal"),
    ("duty", "duty_read"), ("duty", "duty_plan"), ("duty", "duty_serve"),
    *(("project", act) for act in ACTS["project"]),
    *(
        ("incident", act)
        for act in ACTS["incident"]
        if act not in ("join", "withdraw_signal")
    ),
)  # fmt: skip
"""What the city needs beside its cases: a lock without a key is a fault."""

TWO_ROLES: tuple[tuple[str, str, str], ...] = (
    ("release", "release_propose", "release_sign"),
    ("audit", "erase_ask", "erase_approve"),
    ("payment", "payment_review", "payment_pay"),
    ("incident", "dispatch", "check"),
    ("incident", "dispatch", "evaluate"),
    ("incident", "acknowledge", "check"),
    ("project", "add_evidence", "pass_gate"),
    ("project", "propose_change", "decide_change"),
)
"""Steps for which two roles must stand ready; two people of one role do for policy and grants."""


@dataclass(frozen=True, slots=True)
class Work:
    """A step that must be possible: what, how near to the case, and for whom if the law says."""

    act: str
    near: frozenset[str]
    what: str
    by: str = ""
    """The only role that counts; empty: any role of people."""


def work_of(matter: Matter) -> tuple[Work, ...]:
    """Return the steps that one matter needs, with what each is for."""
    name = matter.name
    if matter.process == "open":
        return tuple(Work(act, OFFICE, f"「{name}」") for act in _OPEN)
    work = [Work(act, OFFICE, f"「{name}」") for act in _ALWAYS]
    for step in matter.steps:
        act = "inspect" if step.inspectors else "opine"
        near = GATHERING if step.department == matter.department else REVIEWING
        work += (Work(one, near, f"「{name}」的「{step.name}」") for one in ("claim", act))
    lead = matter.lead or matter.department
    near = GATHERING if lead == matter.department else REVIEWING
    work.append(Work("gather", near, f"「{name}」的汇总"))
    return (*work, *_further(matter))


def _further(matter: Matter) -> Iterator[Work]:
    name = f"「{matter.name}」"
    wanted = {
        "pre_review": matter.on_site_pre_review,
        "confirm_receipt": matter.receipt == "confirmation",
        "start_procedure": bool(matter.procedures),
        "end_procedure": bool(matter.procedures),
        "tell_hearing_right": "hearing" in matter.procedures,
        "request_hearing": "hearing" in matter.procedures,
        "notify_hearing": "hearing" in matter.procedures,
        "assign_inspectors": matter.assignment is not None,
        "start_wait": bool({"site_visit", "publicity"} & set(matter.promise_pauses)),
        "end_wait": bool({"site_visit", "publicity"} & set(matter.promise_pauses)),
        "check_afterwards": matter.commitment is not None,
        "revoke_licence": matter.tolerance is not None and matter.tolerance.overdue == "revoked",
    }
    yield from (Work(act, OFFICE, name) for act, needed in wanted.items() if needed)
    if matter.extension is not None:
        yield Work("extend", OFFICE, f"{name}的延长", matter.extension.rank)


def able(reading: Reading, object_type: str, act: str, near: frozenset[str]) -> tuple[str, ...]:
    """Return the roles of people that may do the act so near, to what is not their own."""
    span = SPANS[object_type]
    bit = span.mask((act,))
    named: tuple[frozenset[str], ...] = (frozenset(), frozenset({"assigned"}))
    return tuple(
        role
        for role, known in ROLES.items()
        if "human" in known.kinds
        and any(
            reading.allowed(object_type, (role,), State((near,), scopes)) & bit
            for scopes in named
            if scopes in span.scopes
        )
    )


def stalled(reading: Reading, matters: Iterable[Matter]) -> Finding:
    """Return what of the matters' work nobody could do any more."""
    looked, found = 0, []
    for matter in matters:
        for work in work_of(matter):
            roles = able(reading, "case", work.act, work.near)
            looked += len(ROLES)
            if not roles or (work.by and work.by not in roles):
                found.append(_nobody("case", work.act, work.near, work.what, work.by))
        found += _same_role_only(reading, matter)
    return Finding(
        "alive", "每个事项的每一步仍有人能办，相互分离的两步有不同岗位", "行政许可法第四十二条",
        looked, tuple(found),
    )  # fmt: skip


def _same_role_only(reading: Reading, matter: Matter) -> Iterator[Counterexample]:
    near = {work.act: work.near for work in work_of(matter)}
    for separation in matter.separations:
        acts = [act for act in separation.acts if act in near]
        for first in acts:
            for second in acts[acts.index(first) + 1 :]:
                one = able(reading, "case", first, near[first])
                two = able(reading, "case", second, near[second])
                if one and two and len({*one, *two}) < 2:
                    how = f"「{matter.name}」的{_pair(first, second)}只有同一岗位能办"
                    yield Counterexample(one, (first, second), (), how)


def locked(reading: Reading) -> Finding:
    """Return what nobody could do any more of the city's own rules, accounts and log."""
    found = []
    for object_type, act in CITY:
        near = max(SPANS[object_type].near, key=len)
        if not able(reading, object_type, act, near):
            found.append(_nobody(object_type, act, near, "本市"))
    for object_type, first, second in TWO_ROLES:
        near = max(SPANS[object_type].near, key=len)
        one = able(reading, object_type, first, near)
        two = able(reading, object_type, second, near)
        if one and two and len({*one, *two}) < 2:
            how = f"{_pair(first, second)}只有同一岗位能办"
            found.append(Counterexample(one, (first, second), (), how))
    return Finding(
        "unlocked", "仍有人能改版本与策略、管账号、查日志", "本机关双人复核制度",
        len(CITY) * len(ROLES), tuple(found),
    )  # fmt: skip


def _pair(first: str, second: str) -> str:
    return f"「{ACT_TITLES[first]}」与「{ACT_TITLES[second]}」"


def _nobody(
    object_type: str, act: str, near: frozenset[str], what: str, by: str = ""
) -> Counterexample:
    """Every role of people asks, and is refused."""
    roles = [by] if by else [role for role, known in ROLES.items() if "human" in known.kinds]
    scopes = frozenset({"assigned"}) if object_type == "case" else frozenset()
    steps = tuple(
        step_in(object_type, "human", (role,), State((near,), scopes), act, allowed=False)
        for role in roles
    )
    who = f"「{ROLES[by].title}」" if by else "任何岗位的人"
    how = f"{what}需要「{ACT_TITLES[act]}」（{act}），而{who}都不能办。请保留或补上一行许可"
    return Counterexample((by,) if by else (), (act,), (), how, steps)


__all__ = ["Work", "able", "locked", "stalled", "work_of"]
