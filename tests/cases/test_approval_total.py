"""Whatever is ordered, in whatever order: either a *no*, or a state on which everything answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases import approval
from cases.clocks import ledger, periods
from cases.messages import BODIES, OF_LAW
from cases.settling import RuleForbids
from cases.state import ENDINGS, CaseState, Event
from catalogue.working_days import NONE
from tests.histories.sample import (
    JOINT,
    MONDAY,
    OPEN,
    RENEWAL,
    PlainSettlement,
    body_of_file,
    clock_of,
    matter,
    order,
    timers,
)
from workflows.approval import timer_command

_TASKS = ("review-review", "review-planning", "review-fire", "gather", "decide", "serve",
          "review-added-health", "receive")  # fmt: skip
_PEOPLE = ("u:a", "u:b", "u:c")
BODIES_TRIED: dict[str, list[dict[str, Any]]] = {
    "pre_review": [
        {"result": "passed"},
        {"result": "returned", "lacking": [{"code": "plan", "what": "?"}]},
    ],
    "ask_supplement": [{"lacking": [{"code": "plan", "what": "平面图"}]}],
    "supply": [{"materials": [{"code": "plan"}]}, {"form": {"area_m2": 3}}],
    "correct_on_spot": [{"form": {"area_m2": 5}}],
    "accept": [
        {},
        {"mode": "tolerant", "undertaking": "补齐"},
        {"mode": "commitment", "undertaking": "符合"},
    ],
    "refuse_acceptance": [{"reason": "不属于职权"}],
    "not_required": [{"reason": "无需"}],
    "claim": [{"task": task} for task in _TASKS],
    "transfer": [{"task": task, "to": "u:b", "reason": "出差"} for task in _TASKS],
    "add_signer": [{"task": task, "signer": "u:c", "reason": "会同"} for task in _TASKS[:3]]
    + [
        {"task": task, "department": "health", "reason": "涉及卫生"}
        for task in ("review-review", "gather")
    ],
    "remove_signer": [{"task": task, "signer": "u:c", "reason": "减签"} for task in _TASKS[:3]]
    + [{"task": "review-added-health", "reason": "减签"}],
    "opine": [
        {"task": task, "result": result, "text": "意见"}
        for task in _TASKS[:3] + _TASKS[6:7]
        for result in ("agree", "needs_supplement")
    ],
    "inspect": [
        {
            "task": "review-fire",
            "inspectors": ["甲", "乙"],
            "place": "现场",
            "inspected_at": MONDAY.isoformat(),
            "findings": "合格",
        }
    ],
    "gather": [{"proposal": "grant", "text": "建议准予"}],
    "start_procedure": [
        {"kind": "hearing", "ground": "依申请", "expected_days": 9, "host": "u:c"},
        {"kind": "testing", "ground": "依职权", "expected_days": 9},
    ],
    "end_procedure": [
        {"procedure": "hearing-1", "result": "完"},
        {"procedure": "testing-1", "result": "完"},
    ],
    "start_wait": [
        {"ground": ground, "reason": "核查", "expected_days": 9}
        for ground in ("site_visit", "publicity")
    ],
    "end_wait": [{"wait": "site_visit-1", "result": "完"}, {"wait": "publicity-1", "result": "完"}],
    "disallow_pause": [
        {"pause": pause, "reason": "无依据"}
        for pause in ("hearing-1", "testing-1", "site_visit-1", "supplement")
    ],
    "restore_pause": [
        {"pause": pause, "reason": "查明"} for pause in ("hearing-1", "site_visit-1")
    ],
    "tell_hearing_right": [{"interest": "重大利益"}],
    "request_hearing": [{}, {"by": "interested_party", "requester": "王五"}],
    "notify_hearing": [
        {
            "hearing_at": (MONDAY + timedelta(days=days)).isoformat(),
            "place": "听证室",
            "host": "u:c",
            "host_name": "周主持",
            "announcement": "市政府网站",
        }
        for days in (9, 60)
    ],
    "assign_inspectors": [{"inspectors": ["甲", "乙"]}],
    "confirm_receipt": [{"way": "phone"}],
    "extend": [{"reason": "复杂"}],
    "return_step": [{"to": to, "reason": "重办"} for to in ("received", "review", "gather")],
    "decide": [{"result": result, "reasons": "依法"} for result in ("grant", "refuse", "terminate")]
    + [
        {"result": result, "reasons": "依法", "hearing_record": "笔录所载意见已逐条采纳"}
        for result in ("grant", "refuse")
    ]
    + [{"result": "refuse", "reasons": "虚假", "ground": "false_materials"}],
    "certify": [{"certificate": "许可证"}],
    "serve": [{"method": "direct", "recipient": "本人"}],
    "reissue": [
        {"document": f"{n}" * 36, "ground": ground, "reason": "查明"}
        for n, ground in enumerate(("correction", "loss"))
    ],
    "serve_reissued": [
        {"of_step": step, "method": "direct", "recipient": "本人"} for step in range(2, 40)
    ],
    "close": [{}],
    "rate": [{"grade": 2}, {"grade": 5}],
    "rectify": [{"cause": "慢", "measures": "改"}],
    "call_back": [{"satisfied": True}, {"satisfied": False}],
    "withdraw": [{}],
    "urge": [{"text": "请抓紧"}, {"task": "decide", "text": "请抓紧"}],
    "copy_to": [{"to": ["u:b"]}],
    "recuse": [{"ground": "own_interest"}, {"person": "u:c", "ground": "relative"}],
    "check_afterwards": [
        {"result": result, "text": "核查"} for result in ("true", "rectify", "untrue")
    ],
    "revoke_licence": [{"ground": ground, "reason": "查实"} for ground in ("fraud", "other")],
    "record_step": [{"step": "T02"}],
    "issue_card": [{"ground": "other", "text": "转报迟延"}],
    "revoke_card": [{"card": "JC20260302AAAAAAAAAA", "reason": "误发"}],
    "explain_card": [
        {"task": "explain-JC20260302AAAAAAAAAA", "cause": "人手不足", "measures": "增派"}
    ],
    "review_explanation": [{"card": "JC20260302AAAAAAAAAA", "result": "accepted"}],
}


def test_every_verb_is_tried_here() -> None:
    assert set(BODIES_TRIED) == set(BODIES) - {"file", *OF_LAW}


_orders = st.lists(
    st.tuples(
        st.sampled_from([(verb, body) for verb, bodies in BODIES_TRIED.items() for body in bodies]),
        st.sampled_from(_PEOPLE),
        st.sampled_from([0.0, 0.1, 1.0, 6.0, 30.0]),
    ),
    max_size=40,
)
_likely = st.lists(st.integers(min_value=0, max_value=10_000), max_size=40)
_WAITS = {"承诺时限停表": ["hearing", "supplement", "site_visit", "publicity"]}
_CONFIRM = {
    "收到规则": "confirmation", "时限起算": "receipt",
    "检验指派时限": {"时限": 5, "单位": "day", "依据": "XKF-55"},
}  # fmt: skip
_matters = st.sampled_from(
    [{}, JOINT, OPEN, {"办件类型": "on_the_spot"}, {"容缺受理": None}, RENEWAL, _WAITS, _CONFIRM]
)
_channels = st.sampled_from(["window", "computer"])


def assert_answers(state: CaseState, events: tuple[Event, ...]) -> None:
    """Every question to a state has an answer, and what must hold of any state holds."""
    assert {event.kind for event in events} <= approval.KINDS
    assert CaseState.model_validate_json(state.model_dump_json()) == state
    assert approval.timers_set(state, timers(state, clock_of(state)), MONDAY) == ()
    assert_ledgers(state)
    approval.document_wishes(None, order("urge", {"text": "?"}), events, state)
    approval.pending_timers(state)
    for verb, bodies in BODIES_TRIED.items():
        for body in bodies[:1]:
            approval.impossible(state, order(verb, body, at=state.last_at or MONDAY))
    open_ones = [task for task in state.tasks if task.state == "open"]
    if state.stage == "ended":
        assert not open_ones
        assert state.ending in ENDINGS
        assert set(approval.actions(state)) <= {"revoke_licence", "reissue", "serve_reissued"}
        assert timers(state, clock_of(state)) == ()
    elif state.plan.process == "approval" and state.stage != "rating":
        # Somebody always has something to do, and somebody is always named for it.
        assert open_ones
        assert all(task.department for task in open_ones)
    assert len({task.key for task in state.tasks}) == len(state.tasks)


def assert_ledgers(state: CaseState) -> None:
    """Every period of every state has its account, and each instant is the end of one."""
    clock = clock_of(state)
    until = (state.last_at or MONDAY) + timedelta(days=90)
    due = {}
    for period in periods(approval.clock_rules(state.plan), clock):
        found = ledger(period, NONE, state.plan.zone, until)
        assert found.used + found.left == found.budget
        assert found.rows
        due[period.key] = found.due.at if found.due else None
    assert {timer.key: timer.due_at for timer in state.timers}.items() <= due.items()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(_orders, _matters, _channels)
def test_any_sequence_of_orders_refuses_or_leaves_a_state_that_answers(
    orders: list[Any], changed: dict[str, Any], channel: str
) -> None:
    settlement = PlainSettlement(matter(**changed))
    filing = body_of_file(channel=channel, materials=[{"code": "form"}])
    filing["form"] |= {"licence_until": "2026-04-01"}
    state, events = settlement.walk(None, order("file", filing))
    assert_answers(state, events)
    at = MONDAY
    for number, ((verb, body), who, days) in enumerate(orders):
        at += timedelta(days=days)
        command = order(verb, body, at=at, who=who, role="organ_head", name=f"{number}")
        try:
            after, events = settlement.walk(state, command)
        except RuleForbids:
            continue
        assert after.seq == state.seq + 1
        state = after
        assert_answers(state, events)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(_likely, _matters, _channels)
def test_any_walk_of_possible_orders_leaves_a_state_that_answers(
    choices: list[int], changed: dict[str, Any], channel: str
) -> None:
    """Only possible orders are drawn, so that the walk goes deep; timers ring among them."""
    settlement = PlainSettlement(matter(**changed))
    filing = body_of_file(channel=channel, materials=[{"code": "form"}])
    filing["form"] |= {"licence_until": "2026-04-01"}
    state, _ = settlement.walk(None, order("file", filing))
    at = MONDAY
    for number, choice in enumerate(choices):
        at += timedelta(hours=1 + choice % 7)
        possible = [
            order(verb, body, at=at, who=who, role="organ_head", name=f"{number}")
            for verb in approval.actions(state)
            for body in BODIES_TRIED[verb]
            for who in _PEOPLE
        ]
        rings = [timer_command("case-1", timer) for timer in approval.pending_timers(state)[:1]]
        possible = [one for one in possible + rings if approval.impossible(state, one) is None]
        if not possible:
            break
        command = possible[choice % len(possible)]
        at = max(at, command.occurred_at)
        try:
            state, events = settlement.walk(state, command)
        except RuleForbids:
            continue  # time alone changed the case before the order came
        assert_answers(state, events)
