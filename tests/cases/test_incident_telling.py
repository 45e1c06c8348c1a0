"""What the rows hold, told in the office's words with limits and reasons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cases.incidents.chains import RECIPIENTS
from cases.incidents.messages import INCIDENT_VERBS
from cases.incidents.place import Place
from cases.incidents.state import (
    IncidentState,
    Lesson,
    Limits,
    Refusal,
    Report,
    Response,
    Rung,
    Unit,
)
from cases.incidents.story import late, measures
from cases.incidents.telling import ACTS, Told, Words, story_of
from catalogue.load import load_catalogue

CATALOGUE = load_catalogue()
T0 = datetime(2026, 11, 26, 14, 2, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


LIMITS = Limits(
    graded=3, dispatched=5, acknowledged=10, again=5, arrive=30, forget=15, digest="d" * 64,
    articles={"graded": "YCYX-7", "arrive": "ZZDT-43"},
    rungs=(
        Rung(key="50", minutes=7.5, told=("duty_officer",), article="YCYX-7"),
        Rung(key="100", minutes=15, told=("commander",), article="CSFA-15"),
    ),
)  # fmt: skip
STATE = IncidentState(
    incident_id="i1", number="云突〔2026〕000001号", seq=9, stage="on_site", type="lift_trapped",
    domain="accident", title="学府大厦二号梯困人",
    place=Place(lon=112.45, lat=33.145, address="学府路30号", district="yunxi",
                cell="990102002001004"),
    level="orange", grade="ordinary", occurred_at=T0, reported_at=T0, updated_at=at(20),
    verified_at=at(1), graded_at=at(2), dispatched_at=at(6), acknowledged_at=at(16),
    arrived_at=at(25), limits=LIMITS,
    units=(
        Unit(department="xfjy", lead=True, state="on_site", dispatched_at=at(6), n=1, rung=1,
             acknowledged_at=at(16), arrived_at=at(25), why="ZR-2001"),
        Unit(department="scjg", lead=False, state="dispatched", dispatched_at=at(6), n=2),
    ),
    refusals=(Refusal(department="xfjy", ground="not_ours", at=at(8), by="u:1"),),
    reports=(Report(chain="unit_head", to="county_department", minutes=60, article="SGBG-9",
                    starts_at=T0, due_at=at(60)),),
    lessons=(Lesson(id="l1", department="scjg", due_on="2026-12-31", due_at=at(9999)),),
    response=Response(matter="电梯困人", level=4, expected_until=at(200), measures="m",
                      started_at=at(5)),
)  # fmt: skip
TOLD = (
    Told(T0, "report", "章值班", text="五楼"),
    Told(at(7.5), "timer_fired", key="rung:50"),
    Told(at(8), "refuse_dispatch", "罗救援", "xfjy", "附图", ground="not_ours"),
    Told(at(11), "timer_fired", department="xfjy", key="again:1"),
    Told(at(12), "timer_fired", key="report_soon:unit_head:1"),
    Told(at(13), "start_response", "雷指挥", act="start", matter="电梯困人", level=4,
         expected_until=at(200), text="破拆"),
)  # fmt: skip


def test_codes_become_words_and_the_three_axes_stay_apart() -> None:
    story = story_of(STATE, TOLD, Words(text="两人被困"), CATALOGUE)
    assert (story.type_name, story.domain_name, story.stage) == ("电梯困人", "事故灾难", "到场")
    assert (story.level, story.grade, story.response) == ("orange", "一般", "四级响应")
    assert (story.district, story.cell) == ("云溪区", "学府街道第4网格")
    assert [one.name for one in story.units] == ["市消防救援支队", "市市场监管局"]
    assert (story.units[0].refusals, story.units[1].refusals) == (1, 0)


def test_what_no_law_grades_has_no_grade() -> None:
    crowd = STATE.model_copy(update={"type": "crowd", "domain": "security", "grade": "none"})
    assert story_of(crowd, (), Words(), CATALOGUE).grade == ""


def test_an_ended_response_is_none() -> None:
    assert STATE.response is not None
    ended = STATE.model_copy(
        update={"response": STATE.response.model_copy(update={"ended_at": at(30)})}
    )
    assert story_of(ended, (), Words(), CATALOGUE).response == ""


def test_each_stage_has_its_limit_from_the_packs_and_the_promise_is_the_commanders_rung() -> None:
    story = story_of(STATE, TOLD, Words(), CATALOGUE)
    limits = {one.key: one.limit for one in story.stages}
    assert limits["graded"] == timedelta(minutes=3)
    assert limits["response"] == timedelta(minutes=15)
    assert limits["arrive"] == timedelta(minutes=30)
    assert limits["finish"] is None
    basis = {one.key: one.basis for one in story.stages}
    assert basis["arrive"] == "《枣庄市电梯安全条例》第四十三条"
    assert [one.title for one in late(measures(story, at(26)))] == [
        "派发", "签收", "响应（首个签收）",
    ]  # fmt: skip


def test_a_lateness_is_explained_by_refusal_reminder_and_escalation() -> None:
    story = story_of(STATE, TOLD, Words(), CATALOGUE)
    found = {one.title: one.why for one in measures(story, at(26))}
    assert found["签收"] == "升级告知；市消防救援支队退单；市消防救援支队再次催告"


def test_timers_and_refusals_are_told_in_words() -> None:
    story = story_of(STATE, TOLD, Words(), CATALOGUE)
    said = [(one.what, one.text) for one in story.timeline]
    assert said[1] == ("升级告知", "无人签收，告知值班员")
    assert said[2] == ("退单", "不属本单位职责；附图")
    assert said[3] == ("再次催告", "未签收")
    assert said[4] == ("信息报告期限过半（事故发生单位负责人）", "")


def test_reports_lessons_and_responses_are_told() -> None:
    words = Words(lessons={"l1": ("逐台核查", "")}, kept_reason="证据")
    story = story_of(STATE, TOLD, words, CATALOGUE)
    assert story.reports[0].to == f"事故发生单位负责人 → {RECIPIENTS['county_department']}"
    assert (story.lessons[0].text, story.lessons[0].department) == ("逐台核查", "市市场监管局")
    (act,) = story.responses
    assert (act.act, act.matter, act.level, act.measures) == ("start", "电梯困人", 4, "破拆")
    assert story.kept_personal == ""
    kept = STATE.model_copy(update={"kept_personal": "2027-01-01"})
    assert story_of(kept, TOLD, words, CATALOGUE).kept_personal == "证据"


@pytest.mark.parametrize("verb", INCIDENT_VERBS)
def test_every_order_has_a_word(verb: str) -> None:
    assert verb in ACTS
