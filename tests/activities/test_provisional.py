"""Past the last notice a deadline is provisional, and every place that shows it says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select, true

from activities.alarming import Alarms
from activities.indexing import BlindIndex
from cases import alarms
from cases.database import reading
from cases.messages import case_id_for
from cases.queries import Desk, Queries
from cases.tables import outbox
from cases.views import WorklistQuery
from catalogue.load import HERE, Catalogue
from catalogue.reading import read_calendars
from catalogue.working_days import NONE, Calendar
from tests.activities.conftest import Town, food, recorded, small_city
from yichuang.calendar_watch import CalendarWatch, missing_year
from yichuang.unsealing import opener

CN = read_calendars({"cn": (HERE / "calendars" / "cn.yaml").read_text("utf-8")})["cn"]
DECEMBER = datetime(2026, 12, 10, 1, 0, tzinfo=UTC)
"""Twenty working days from here end in 2027; five do not."""
WINDOW = Desk(("u:window", "u:rev"), ("scjg",))
SCHEMA = Path(__file__).parents[2] / "docs" / "api" / "schemas" / "case.event.v1.json"


def with_steps() -> Catalogue:
    """The small city by the real calendar: its check within five working days."""
    limit = {"时限": 5, "单位": "working_day", "依据": "xkf-42"}
    step = {"环节编码": "check", "环节名称": "审查", "办理部门": "scjg", "环节时限": limit}
    matter = food(日历="cn", 办理环节=(step,))
    return replace(small_city(), matters=(matter, recorded()), calendars={"cn": CN, "none": NONE})


@pytest.fixture
def december(town: Town) -> Town:
    town.matters, town.start = with_steps(), DECEMBER
    state = town.filed()
    town.settle(state, town.order("accept", {"mode": "plain"}, by="u:a"))
    return town


def queries(town: Town) -> Queries:
    index = BlindIndex(town.engine, town.sealer)
    return Queries(town.engine, opener(town.vault), index.sought, {"cn": CN})


def test_a_line_of_a_list_says_what_is_so_of_its_own_period(december: Town) -> None:
    asked = WorklistQuery(scope="team")
    team = queries(december).worklist(true(), WINDOW, asked, DECEMBER)
    assert [(row.due_clock, row.provisional) for row in team.rows] == [("step:review-check", False)]
    view = queries(december).case_view(case_id_for("test", "c1"), DECEMBER)
    assert view is not None
    assert {timer.key: timer.provisional for timer in view.timers} == {
        "step:review-check": False, "promised": False, "statutory": True,
    }  # fmt: skip


def test_a_step_that_runs_past_the_notices_says_so_although_the_case_has_an_earlier_end(
    town: Town,
) -> None:
    city = with_steps()
    limit = {"时限": 30, "单位": "working_day", "依据": "xkf-42"}
    step = {"环节编码": "check", "环节名称": "审查", "办理部门": "scjg", "环节时限": limit}
    town.matters = replace(city, matters=(food(日历="cn", 办理环节=(step,)),))
    town.start = DECEMBER
    state = town.filed()
    town.settle(state, town.order("accept", {"mode": "plain"}, by="u:a"))
    found = queries(town)
    team = found.worklist(true(), WINDOW, WorklistQuery(scope="team"), DECEMBER).rows[0]
    whole = found.worklist(true(), WINDOW, WorklistQuery(scope="all"), DECEMBER).rows[0]
    assert (team.due_clock, team.provisional) == ("step:review-check", True)
    assert (whole.due_clock, whole.provisional) == ("promised", False)


def test_the_public_status_and_every_event_say_so(town: Town) -> None:
    city = with_steps()
    limit = {"时限": 20, "单位": "working_day", "依据": "xkf-42"}
    town.matters = replace(city, matters=(food(日历="cn", 承诺办结时限=limit),))
    town.start = DECEMBER
    state = town.filed()
    town.settle(state, town.order("accept", {"mode": "plain"}, by="u:a"))
    with reading(town.engine) as connection:
        events = [
            orjson.loads(text)
            for text in connection.execute(select(outbox.c.event).order_by(outbox.c.pos)).scalars()
        ]
    validator = Draft202012Validator(orjson.loads(SCHEMA.read_bytes()))
    assert [list(validator.iter_errors(event["data"])) for event in events] == [[], []]
    assert [
        (one["data"]["due_clock"], one["data"]["due_at"], one["data"]["provisional"])
        for one in events
    ] == [
        ("notice", "2026-12-17T16:00:00Z", False),
        ("promised", "2027-01-08T16:00:00Z", True),
    ]
    code = town.sealer.code("case", case_id_for("test", "c1"))
    status = queries(town).public_status(state.case_no, code)
    assert status is not None and status.provisional


def test_a_case_without_a_period_tells_no_instant(december: Town) -> None:
    state = december.filed("c2", matter="recorded")
    december.settle(state, december.order("withdraw", {"reason": "不办了"}, case="c2"))
    with reading(december.engine) as connection:
        last = connection.execute(select(outbox.c.event).order_by(outbox.c.pos.desc())).scalars()
        told = orjson.loads(last.first() or "")["data"]
    assert (told["due_at"], told["provisional"]) == (None, False)


# --- the alarm -----------------------------------------------------------------------------------


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("today", "year"),
    [
        (date(2026, 11, 30), None),
        (date(2026, 12, 1), 2027),
        (date(2026, 12, 31), 2027),
        (date(2027, 1, 1), 2027),
        (date(2028, 3, 1), 2027),
    ],
)
def test_the_next_year_is_missing_from_the_first_of_december_on(
    today: date, year: int | None
) -> None:
    assert missing_year(CN, today) == year


def test_a_calendar_without_notices_never_misses_one() -> None:
    assert missing_year(NONE, date(2026, 12, 1)) is None


class Loaded:
    """A city whose calendar and clock the test moves."""

    def __init__(self, town: Town) -> None:
        self.now = at("2026-11-30T15:59:59")
        self.calendar: Calendar = CN
        self.watch = CalendarWatch(
            town.engine,
            Alarms("demo", "https://city.invalid/schemas"),
            lambda: replace(with_steps(), calendars={"cn": self.calendar, "none": NONE}),
            lambda: self.now,
        )


def test_the_alarm_sounds_on_the_first_of_december_in_the_city_and_ends_with_the_notice(
    december: Town,
) -> None:
    city = Loaded(december)
    assert city.watch.look() == ([], [])
    city.now = at("2026-11-30T16:00:00")  # midnight in Beijing
    assert city.watch.look() == (["calendar_missing:cn:2027"], [])
    assert city.watch.look() == ([], [])
    with reading(december.engine) as connection:
        (kept,) = alarms.open_alarms(connection)
    assert kept.alarm.detail["provisional_deadlines"] == 1
    assert kept.alarm.detail["provisional_cases"] == 1
    city.calendar = replace(CN, version="2027", horizon=date(2027, 12, 31))
    assert city.watch.look() == ([], ["calendar_missing:cn:2027"])
    assert city.watch.look() == ([], [])
