"""The forms of orders to incidents: what was typed becomes the body, a no comes back with why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cases.incidents.messages import INCIDENT_BODIES, INCIDENT_VERBS
from cases.incidents.state import Stage
from forms.incident_fields import FIELDS
from forms.incident_words import KEYS, VERBS
from tests.forms.conftest import Browser, Browsers
from tests.forms.incident_rows import made, put
from tests.forms.town import Town

CHIEF = ("赵指挥", "zhzx", (("duty_officer", "zhzx"), ("commander", "zhzx"), ("arbiter", "zhzx")))
GAS = ("刘燃气", "rq", (("unit_duty", "rq"),))
WATER = ("马水务", "sw", (("unit_duty", "sw"),))
CHECK = ("倪核查", "jdzx", (("evaluator", "jdzx"),))


@pytest.fixture(scope="module")
def people(town: Town) -> Town:
    for login, who in (("chief", CHIEF), ("liu", GAS), ("ma", WATER), ("ni", CHECK)):
        town.settle_in(login, who)
    return town


@pytest.fixture(autouse=True)
def quiet(people: Town) -> Iterator[None]:
    people.incident_door.answer, people.incident_door.away = {"status": "done"}, False
    people.incident_door.orders.clear()
    yield


_made = iter(range(100, 10_000))


def one(town: Town, stage: Stage, type: str = "gas_leak") -> str:
    found = made(
        next(_made), town.incidents.kinds[type], town.incidents.grid, datetime.now(UTC), stage
    )
    put(town.cases, [found])
    return found.incident_id


def post(page: Browser, incident: str, verb: str, **typed: Any) -> Any:
    path = f"/incidents/{incident}/do/{verb}"
    form = {"csrf": page.token("/incidents"), "command": f"c-{incident}-{verb}", **typed}
    return page.post(path, data=form, follow_redirects=False)


def test_every_order_of_a_person_has_a_form_a_word_and_its_own_key() -> None:
    ours = set(INCIDENT_VERBS) - {"report", "join", "withdraw_signal"}
    assert set(FIELDS) == ours
    assert set(INCIDENT_BODIES) <= set(VERBS)
    never_together = {
        frozenset({"grade", "regrade"}),
        frozenset({"start_response", "adjust_response"}),
    }
    by_key: dict[str, set[str]] = {}
    for verb, key in KEYS.items():
        by_key.setdefault(key, set()).add(verb)
    shared = {frozenset(verbs) for verbs in by_key.values() if len(verbs) > 1}
    assert shared == never_together
    assert not set(KEYS.values()) & {"J", "K", "N", "Q", "H"}


def test_a_grade_is_ordered_with_its_figures(people: Town, browser: Browsers) -> None:
    page, incident = browser("chief"), one(people, "verified")
    text = page.get(f"/incidents/{incident}/do/grade").text
    assert "死亡30人以上，或者重伤100人以上，或者直接经济损失1亿元以上" in text
    answer = post(page, incident, "grade", level="serious", deaths="3", injured="12",
                  loss_yuan="20,000,000", ground="初步核查")  # fmt: skip
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"/incidents/{incident}?done=")
    figures = {"level": "serious", "deaths": 3, "injured": 12, "loss_yuan": 20_000_000}
    assert people.incident_door.orders == [(incident, "grade", {**figures, "ground": "初步核查"})]


def test_a_figure_that_is_none_is_told_beside_its_field_and_kept(
    people: Town, browser: Browsers
) -> None:
    page, incident = browser("chief"), one(people, "verified")
    answer = post(page, incident, "grade", level="none", deaths="三")
    assert answer.status_code == 422
    assert 'id="f-deaths-fault"' in answer.text
    assert 'value="三"' in answer.text
    assert people.incident_door.orders == []


def test_a_dispatch_proposes_who_is_responsible_and_why(people: Town, browser: Browsers) -> None:
    page, incident = browser("chief"), one(people, "graded")
    text = page.get(f"/incidents/{incident}/do/dispatch").text
    assert "责任清单" in text
    answer = post(page, incident, "dispatch", units=["rq", "xfjy"], lead="rq", more="gd",
                  task="先断气", ground="")  # fmt: skip
    assert answer.status_code == 303
    ((_, _, body),) = people.incident_door.orders
    sent = [(one["department"], one["lead"], one["task"]) for one in body["units"]]
    assert sent == [("rq", True, "先断气"), ("xfjy", False, "先断气"), ("gd", False, "先断气")]


def test_one_press_acknowledges_for_the_own_unit_and_leads_back_to_the_board(
    people: Town, browser: Browsers
) -> None:
    page, incident = browser("liu"), one(people, "dispatched")
    answer = post(page, incident, "acknowledge", department="rq", back="board")
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents")
    assert people.incident_door.orders == [(incident, "acknowledge", {"department": "rq"})]


def test_a_unit_does_not_act_for_another_nor_where_it_was_not_sent(
    people: Town, browser: Browsers
) -> None:
    incident = one(people, "dispatched")
    assert post(browser("liu"), incident, "acknowledge", department="sw").status_code == 403
    assert post(browser("ma"), incident, "acknowledge", department="sw").status_code == 404
    assert people.incident_door.orders == []


def test_a_unit_reports_as_itself_and_never_as_the_command_centre(
    people: Town, browser: Browsers
) -> None:
    incident = one(people, "handling")
    unit = browser("liu")
    offered = unit.get(f"/incidents/{incident}").text
    assert f"/incidents/{incident}/do/progress?department=rq" in offered
    assert f'/incidents/{incident}/do/progress"' not in offered
    assert post(unit, incident, "progress", text="已关阀").status_code == 403
    assert post(unit, incident, "progress", text="已关阀", department="rq").status_code == 303
    assert post(browser("chief"), incident, "progress", text="现场已封控").status_code == 303
    assert [body.get("department") for _, _, body in people.incident_door.orders] == ["rq", ""]


def test_a_refusal_of_a_dispatch_wants_ground_and_evidence(people: Town, browser: Browsers) -> None:
    page, incident = browser("liu"), one(people, "dispatched")
    answer = post(page, incident, "refuse_dispatch", department="rq", evidence="产权图")
    assert answer.status_code == 422
    people.incident_door.answer = {
        "status": "refused", "code": "evidence_missing", "reason": "退单须附证据",
        "basis": "YCYX-15", "field": "body.evidence",
    }  # fmt: skip
    answer = post(page, incident, "refuse_dispatch", department="rq", ground="not_ours")
    assert answer.status_code == 422
    assert 'id="f-evidence-fault"' in answer.text
    assert "退单须附证据（" in answer.text


def test_a_response_is_started_with_level_matter_end_and_measures(
    people: Town, browser: Browsers
) -> None:
    page, incident = browser("chief"), one(people, "dispatched")
    answer = post(page, incident, "start_response", level="3", matter="燃气泄漏",
                  expected_until="2026-12-01T08:00", measures="疏散", plan="")  # fmt: skip
    assert answer.status_code == 303
    ((_, _, body),) = people.incident_door.orders
    assert body["level"] == 3
    assert body["expected_until"] == "2026-12-01T08:00:00+08:00"


def test_when_the_answer_is_away_the_same_form_asks_the_same_again(
    people: Town, browser: Browsers
) -> None:
    page, incident = browser("chief"), one(people, "reported")
    people.incident_door.away = True
    answer = post(page, incident, "verify", true="true", ground="")
    assert answer.status_code == 503
    assert f'name="command" value="c-{incident}-verify"' in answer.text


def test_an_evaluator_is_not_offered_what_the_centre_does_and_the_other_way_round(
    people: Town, browser: Browsers
) -> None:
    incident = one(people, "dispatched")
    theirs = browser("ni").get(f"/incidents/{incident}").text
    assert f"/incidents/{incident}/do/dispatch" not in theirs
    assert (
        f"/incidents/{incident}/do/dispatch" in browser("chief").get(f"/incidents/{incident}").text
    )
    assert browser("ni").get(f"/incidents/{incident}/do/dispatch").status_code == 403


@pytest.mark.parametrize(
    ("verb", "stage", "typed", "login"),
    [
        ("verify", "reported", {"true": "false", "ground": "现场没有此事"}, "chief"),
        ("archive", "closed", {"text": "归档"}, "ni"),
        ("close", "checked", {"text": "办结"}, "chief"),
    ],
)
def test_what_is_for_good_is_asked_once_more_and_ordered_once(
    people: Town, browser: Browsers, verb: str, stage: Stage, typed: dict[str, str], login: str
) -> None:
    page, incident = browser(login), one(people, stage)
    asked = post(page, incident, verb, **typed)
    assert asked.status_code == 200
    assert "请核对" in asked.text and ("个人信息" in asked.text or "不能重新办理" in asked.text)
    assert people.incident_door.orders == []
    back = post(page, incident, verb, step="back", **typed)
    assert back.status_code == 200
    assert people.incident_door.orders == []
    assert post(page, incident, verb, step="confirmed", **typed).status_code == 303
    assert len(people.incident_door.orders) == 1


def test_what_can_be_mended_is_not_asked_twice(people: Town, browser: Browsers) -> None:
    answer = post(browser("chief"), one(people, "reported"), "verify", true="true", ground="")
    assert answer.status_code == 303
