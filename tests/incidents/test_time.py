"""Every instant of an incident on a skipping server: who is told, what is late, each once."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

import pytest

from tests.incidents.town import COMMANDER, DUTY, SIGNALS, WATER, Town, actor
from yichuang.incident_door import incident_id_for

LADDER = (
    (7.5, "duty:zhzx"), (12.0, "leader:zhzx"), (15.0, "r:commander:*"),
    (22.5, "r:government_head:*"),
)  # fmt: skip
"""50, 80, 100 and 150 % of fifteen minutes → who is told when nobody was sent."""


def rung(town: Town, incident: str) -> set[str]:
    return {one.removeprefix("rung:") for one in town.state(incident).passed if "rung:" in one}


async def test_each_rung_of_the_ladder_is_told_once_and_at_its_minute(town: Town) -> None:
    incident = await town.reported()
    since = town.state(incident).reported_at
    before = 0.0
    for place, (minutes, who) in enumerate(LADDER):
        await town.sleep(minutes - before - 0.2)
        assert len(rung(town, incident)) == place
        await town.sleep(0.4)
        assert len(rung(town, incident)) == place + 1
        assert ("escalated", who) in town.told(incident)
        before = minutes + 0.2
    await town.sleep(60)
    told = Counter(town.told(incident))
    assert told["escalated", "r:government_head:*"] == told["escalated", "leader:zhzx"] == 1
    late = {one.key: (one.due_at - since).total_seconds() / 60 for one in town.state(incident).late}
    assert late == {
        "graded": 3, "dispatched": 5, "acknowledged": 10, "rung:100": 15, "arrive": 60,
    }  # fmt: skip


async def test_who_acknowledges_ends_the_ladder(town: Town) -> None:
    incident = await town.sent("sw")
    await town.sleep(5.2)
    # Five minutes unsigned from the dispatch: unit and leader are rung again, once.
    told = Counter(town.told(incident))
    assert told["rung_again", "duty:sw"] == told["rung_again", "leader:sw"] == 1
    assert town.state(incident).units[0].rung == 1
    await town.sleep(3)
    assert rung(town, incident) == {"50"}
    await town.done(WATER, incident, "acknowledge", {"department": "sw"})
    await town.sleep(30)
    assert rung(town, incident) == {"50"}
    assert [one.key for one in town.state(incident).late] == []


async def test_a_unit_that_does_not_sign_has_its_own_leader_told(town: Town) -> None:
    incident = await town.sent("sw")
    await town.sleep(12.2)
    assert ("escalated", "leader:sw") in town.told(incident)
    assert ("escalated", "leader:zhzx") not in town.told(incident)


async def test_an_acknowledged_and_forgotten_incident_rings_again_and_again(town: Town) -> None:
    incident = await town.sent("sw")
    await town.done(WATER, incident, "acknowledge", {"department": "sw"})
    await town.sleep(60.5)
    assert Counter(town.told(incident))["forgotten", "duty:sw"] == 1
    assert ("forgotten", "leader:sw") not in town.told(incident)
    await town.sleep(60)
    told = Counter(town.told(incident))
    assert (told["forgotten", "duty:sw"], told["forgotten", "leader:sw"]) == (2, 1)
    await town.done(WATER, incident, "progress", {"department": "sw", "text": "正在抢修"})
    assert town.state(incident).units[0].forgotten == 0
    await town.sleep(59)
    assert Counter(town.told(incident))["forgotten", "duty:sw"] == 2


@pytest.mark.parametrize(
    ("kind", "grade", "chain"),
    [
        (
            "construction_accident",
            {"level": "major", "deaths": 10},
            {"unit_head": 60, "county_department": 180, "city_department": 300,
             "province_department": 420},
        ),
        (
            "construction_accident",
            {"level": "ordinary", "deaths": 1},
            {"unit_head": 60, "county_department": 180},
        ),
        (
            "epidemic",
            {"level": "serious"},
            {"finder": 120, "county_department": 240, "county_government": 360,
             "city_government": 480, "province_government": 540},
        ),
        (
            "animal_epidemic",
            {"level": "serious"},
            {"county_department": 120, "province_department": 180, "province_government": 420},
        ),
        ("water_pollution", {"level": "serious"}, {"county_department": 240}),
        ("water_pollution", {"level": "major"}, {"county_department": 120}),
    ],
)  # fmt: skip
async def test_every_link_of_a_reporting_chain_is_due_and_told(
    town: Town, kind: str, grade: dict[str, object], chain: dict[str, int]
) -> None:
    incident = await town.reported(type=kind)
    await town.done(DUTY, incident, "verify", {"true": True})
    await town.done(DUTY, incident, "grade", grade)
    state = town.state(incident)
    due = {
        one.chain: (one.due_at - state.reported_at).total_seconds() / 60 for one in state.reports
    }
    assert due == chain
    await town.sleep(max(chain.values()) + 1)
    missed = {one.key.split(":")[1] for one in town.state(incident).late if "report:" in one.key}
    assert missed == set(chain)
    assert Counter(town.told(incident))["report_due", "r:commander:*"] == len(chain)


async def test_a_report_in_time_is_not_late_and_the_next_level_counts_from_it(town: Town) -> None:
    incident = await town.reported(type="construction_accident")
    await town.done(DUTY, incident, "verify", {"true": True})
    await town.done(DUTY, incident, "grade", {"level": "serious", "deaths": 3})
    await town.sleep(20)
    sent = {"chain": "unit_head", "text": "三人死亡，正在救援"}
    await town.done(DUTY, incident, "report_up", sent)
    assert await town.refused(DUTY, incident, "report_up", sent) == "reported_up_already"
    first, second, *_ = town.state(incident).reports
    assert first.sent_at is not None
    assert round((second.due_at - first.sent_at).total_seconds()) == 120 * 60
    await town.sleep(100)
    assert not [one for one in town.state(incident).late if one.key.startswith("report:")]


async def test_figures_and_grade_must_agree_and_may_change_within_the_laws_days(
    town: Town,
) -> None:
    incident = await town.reported(type="construction_accident")
    await town.done(DUTY, incident, "verify", {"true": True})
    wrong = {"level": "ordinary", "deaths": 3}
    assert await town.refused(DUTY, incident, "grade", wrong) == "grade_differs"
    await town.done(DUTY, incident, "grade", {"level": "ordinary", "deaths": 2})
    anew = {"level": "serious", "deaths": 3, "ground": "一名伤员死亡"}
    await town.sleep(30 * 24 * 60)
    await town.done(COMMANDER, incident, "regrade", anew)
    assert town.state(incident).grade == "serious"
    await town.sleep(24 * 60)
    more = {"level": "major", "deaths": 10, "ground": "?"}
    assert await town.refused(COMMANDER, incident, "regrade", more) == "regrade_over"


async def test_a_red_report_of_a_kind_that_is_sent_at_once_is_dispatched_by_itself(
    town: Town,
) -> None:
    incident = incident_id_for(str(uuid4()))
    body = {
        "type": "gas_leak", "title": "燃气泄漏", "level": "red", "signal_ids": ["r1"],
        "place": {"lon": 112.47, "lat": 33.13},
    }  # fmt: skip
    await town.done(SIGNALS, incident, "report", body)
    state = town.state(incident)
    assert state.stage == "dispatched" and state.lead is not None and state.urgent
    assert ("dispatched", f"duty:{state.lead.department}") in town.told(incident)
    # It still has to be verified and graded, and its limits go on.
    await town.sleep(3.2)
    assert [one.key for one in town.state(incident).late] == ["graded"]
    await town.done(DUTY, incident, "verify", {"true": True})
    await town.done(DUTY, incident, "grade", {"level": "none"})
    assert town.state(incident).stage == "dispatched"


async def test_personal_data_is_kept_only_with_reason_and_day(town: Town) -> None:
    incident = await town.graded()
    assert await town.refused(DUTY, incident, "keep_personal", {"until": "2100-01-01"}) == (
        "ground_missing"
    )
    assert await town.refused(DUTY, incident, "keep_personal", {"reason": "诉讼"}) == "day_missing"
    kept = {"reason": "涉及诉讼", "until": "2100-01-01"}
    await town.done(DUTY, incident, "keep_personal", kept)
    assert town.state(incident).kept_personal == "2100-01-01"


async def test_another_department_neither_reads_nor_acknowledges(town: Town) -> None:
    incident = await town.sent("sw")
    stranger = actor("waibu", "unit_duty", "gd")
    assert await town.refused(stranger, incident, "acknowledge", {"department": "sw"}) == "no_right"
    assert await town.refused(stranger, incident, "acknowledge", {"department": "gd"}) == "no_right"
