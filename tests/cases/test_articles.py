"""Every *no* of law names its article: for every act, in every stage, of every kind of matter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest

from cases import approval
from cases.approval import articles
from cases.messages import BODIES, OF_LAW
from cases.settling import RuleForbids
from cases.state import CaseState, Stage
from catalogue.load import load_catalogue
from tests.cases.test_approval_total import BODIES_TRIED
from tests.histories.sample import (
    JOINT,
    MONDAY,
    OPEN,
    RENEWAL,
    PlainSettlement,
    body_of_file,
    matter,
    order,
)

LAW = load_catalogue().law
STAGES: tuple[Stage, ...] = get_args(Stage)
AFTER_DECISION = ("certificate", "service", "closing", "rating", "rectification", "call_back",
                  "ended")  # fmt: skip
DISCLOSURE: dict[str, Any] = {
    "法定办结时限": {"时限": 20, "单位": "day", "依据": "XXGK-33-2"},
    "补正告知时限": {"时限": 7, "单位": "day", "依据": "XXGK-30"},
    "送达时限": {"时限": 5, "单位": "day", "依据": "XXGK-40"},
    "延长审批": None,
    "告知承诺": None,
    "容缺受理": None,
}
MATTERS = {
    "licence": {}, "joint": JOINT, "open": OPEN, "renewal": RENEWAL, "disclosure": DISCLOSURE,
}  # fmt: skip
OF_FORM = {"bad_body", "unknown_verb", "wrong_case"}
"""Refusals of an order that says nothing the law could judge."""


def in_stage(stage: Stage, changed: dict[str, Any], result: str = "grant") -> CaseState:
    """Return a case that stands in a stage, with the instants that it has behind it there."""
    form = {"area_m2": 120, "licence_until": "2026-12-31"}
    filing = order("file", body_of_file(form=form))
    state, _ = PlainSettlement(matter(**changed)).walk(None, filing)
    known: dict[str, Any] = {"stage": stage, "timers": ()}
    if stage not in ("pre_review", "received", "supplement"):
        known |= {"accepted_at": MONDAY, "accept_mode": "plain"}
    if stage in AFTER_DECISION:
        known |= {"decided_at": MONDAY, "decision": result, "ending": "granted"}
    return state.model_copy(update=known)


def refusals(state: CaseState) -> list[tuple[str, RuleForbids]]:
    tried = [(verb, body) for verb, bodies in BODIES_TRIED.items() for body in bodies]
    orders = [order(verb, body, at=MONDAY + timedelta(hours=1)) for verb, body in tried]
    orders.append(order("file", body_of_file()))
    orders.append(order("urge", {"text": "快"}, at=MONDAY - timedelta(days=1), backfill=True))
    found = [(one.verb, approval.impossible(state, one)) for one in orders]
    return [(verb, no) for verb, no in found if no is not None]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("kind", MATTERS)
def test_no_act_is_refused_in_any_stage_without_an_article(kind: str, stage: Stage) -> None:
    found = refusals(in_stage(stage, MATTERS[kind]))
    assert [(verb, no.code) for verb, no in found if no.basis not in LAW] == []
    assert {no.code for _, no in found} & OF_FORM == set()
    assert len(found) >= 12


def test_before_there_is_a_case_every_act_names_the_article_of_the_application() -> None:
    for verb in set(BODIES) - {"file", *OF_LAW}:
        no = approval.impossible(None, order(verb, BODIES_TRIED[verb][0]))
        assert no is not None and (no.code, no.basis) == ("not_filed", "XKF-29")


def test_every_verb_has_its_article_in_the_register() -> None:
    plans = [in_stage("review", changed).plan for changed in MATTERS.values()]
    for verb in BODIES:
        assert {articles.broken_by(plan, verb) for plan in plans} <= set(LAW)
        assert verb in articles._OF_VERB


def test_an_article_of_the_licensing_act_is_not_asked_of_a_disclosure() -> None:
    found = refusals(in_stage("service", DISCLOSURE)) + refusals(in_stage("received", DISCLOSURE))
    out_of_place = [no for _, no in found if no.code in ("wrong_stage", "already_decided")]
    named = {no.basis for no in out_of_place if no.basis.startswith("XKF-")}
    assert named <= {articles.SUPERVISION}
    assert {"XXGK-30", "XXGK-33-2", "XXGK-40"} <= {no.basis for no in out_of_place}


OUT_OF_PLACE: list[tuple[str, Stage, str, dict[str, Any], str, str]] = [
    ("a decision before acceptance", "received", "decide", {"result": "grant"},
     "wrong_stage", "XKF-37"),
    ("a second decision where the licence is granted", "service", "decide", {"result": "grant"},
     "already_decided", "XKF-8"),
    ("a second acceptance", "review", "accept", {}, "wrong_stage", "XKF-32-5"),
    ("an acceptance after the decision", "service", "accept", {}, "already_decided", "XKF-32-5"),
    ("a notice after the decision", "closing", "ask_supplement",
     {"lacking": [{"code": "plan", "what": "平面图"}]}, "already_decided", "XKF-32-4"),
    ("a refusal of acceptance after it", "review", "refuse_acceptance", {"reason": "无权"},
     "wrong_stage", "XKF-32-2"),
    ("an opinion before acceptance", "received", "opine",
     {"task": "review-review", "result": "agree", "text": "同意"}, "wrong_stage", "XKF-34-1"),
    ("an inspection before acceptance", "received", "inspect",
     {"task": "review-review", "inspectors": ["甲", "乙"], "place": "现场", "findings": "合格",
      "inspected_at": MONDAY.isoformat()}, "wrong_stage", "XKF-34-3"),
    ("an extension before acceptance", "received", "extend", {"reason": "复杂"},
     "wrong_stage", "XKF-42-1"),
    ("a pause before acceptance", "received", "start_procedure",
     {"kind": "hearing", "ground": "听证", "expected_days": 9}, "wrong_stage", "XKF-45"),
    ("the end of a pause that never began", "review", "end_procedure",
     {"procedure": "hearing-1", "result": "完"}, "no_such_procedure", "XKF-45"),
    ("the end of a wait that never began", "review", "end_wait",
     {"wait": "publicity-1", "result": "完"}, "no_such_wait", "BZ-19"),
    ("a hearing right told before acceptance", "received", "tell_hearing_right",
     {"interest": "相邻权"}, "wrong_stage", "XKF-47a"),
    ("a certificate before the decision", "review", "certify", {"certificate": "证"},
     "wrong_stage", "XKF-39"),
    ("service before the decision", "decision", "serve",
     {"method": "direct", "recipient": "本人"}, "wrong_stage", "XKF-44"),
    ("closing before service", "service", "close", {}, "wrong_stage", "XKF-44"),
    ("a rating before the end", "review", "rate", {"grade": 1}, "wrong_stage", "HCP-2"),
    ("a withdrawal after the grant", "service", "withdraw", {}, "already_decided", "XKF-8"),
    ("a rating of an archived case", "ended", "rate", {"grade": 1}, "case_ended", "HCP-2"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "stage", "verb", "body", "code", "basis"), OUT_OF_PLACE,
    ids=[row[0] for row in OUT_OF_PLACE],
)  # fmt: skip
def test_an_act_out_of_its_place_names_the_article_it_would_break(
    what: str, stage: Stage, verb: str, body: dict[str, Any], code: str, basis: str
) -> None:
    no = approval.impossible(in_stage(stage, {}), order(verb, body))
    assert no is not None and (no.code, no.basis) == (code, basis)


def test_a_refused_application_may_not_be_decided_again_under_the_article_of_decisions() -> None:
    refused = in_stage("service", {}, result="refuse")
    no = approval.impossible(refused, order("decide", {"result": "grant"}))
    assert no is not None and (no.code, no.basis) == ("already_decided", "XKF-37")
