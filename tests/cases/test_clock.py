"""The arithmetic of legal periods against known answers, and what must hold for every period."""

import csv
import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.clock import BeyondCalendar, Due, Pause, due_at, working_days_between
from catalogue.load import load_catalogue
from catalogue.matters import Limit, Unit
from catalogue.working_days import NONE

ZONE = "Asia/Shanghai"
CHINA = ZoneInfo(ZONE)
CN = load_catalogue().calendars["cn"]
HOLIDAYS = (
    Path(__file__).parents[3] / "shared/data/holidays_cn/calendar_2007_2026_five_sources.csv.gz"
)


def limit(n: int, unit: Unit = "working_day") -> Limit:
    return Limit(n=n, unit=unit, basis="XKF-42-1")


def noon(text: str) -> datetime:
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, 12, tzinfo=CHINA)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


def due(start: datetime, *limits: Limit, paused: tuple[Pause, ...] = ()) -> Due:
    found = due_at(start, limits, CN, ZONE, paused)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("start", "n", "last"),
    [
        ("2026-01-30", 20, "2026-03-05"),
        ("2026-02-10", 20, "2026-03-16"),
        ("2026-02-13", 5, "2026-02-27"),
        ("2026-02-14", 1, "2026-02-24"),
        ("2026-03-02", 45, "2026-05-08"),
        ("2026-04-29", 5, "2026-05-09"),
        ("2026-09-18", 20, "2026-10-22"),
        ("2026-09-24", 5, "2026-10-09"),
        ("2026-09-30", 10, "2026-10-20"),
        ("2025-01-24", 20, "2025-02-27"),
        ("2026-11-22", 20, "2026-12-18"),
    ],
)
def test_a_deadline_is_the_one_of_the_golden_vectors(start: str, n: int, last: str) -> None:
    found = due(noon(start), limit(n))
    assert (found.day, found.provisional) == (date.fromisoformat(last), False)
    assert found.calendar_version == "chinesecalendar-1.11.0-1"


@pytest.mark.parametrize(
    ("n", "last_start"),
    [
        (5, "2026-12-24"),
        (20, "2026-12-03"),
        (30, "2026-11-19"),
        (45, "2026-10-29"),
        (60, "2026-10-09"),
    ],
)
def test_a_deadline_past_the_published_calendar_is_provisional(n: int, last_start: str) -> None:
    start = noon(last_start)
    assert not due(start, limit(n)).provisional
    assert due(start + timedelta(days=1), limit(n)).provisional


@pytest.mark.parametrize(
    ("year", "days"),
    [(2020, 249), (2021, 250), (2022, 249), (2023, 249), (2024, 251), (2025, 248), (2026, 248)],
)
def test_a_year_has_as_many_working_days_as_its_notice_gave(year: int, days: int) -> None:
    last = date(year, 12, 31).toordinal()
    assert CN.count(last) - CN.count(date(year, 1, 1).toordinal() - 1) == days


def test_a_day_ends_at_the_midnight_after_it_and_is_kept_in_utc() -> None:
    found = due(noon("2026-11-23"), limit(1))
    assert found.at == datetime(2026, 11, 24, 16, tzinfo=UTC)
    assert found.at.tzinfo is UTC


def test_what_arrives_late_on_a_sunday_counts_from_the_next_working_day() -> None:
    assert due(at("2026-11-22T23:59:59"), limit(1)).day == date(2026, 11, 23)


def test_the_zone_decides_which_day_is_day_zero() -> None:
    start = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)  # Monday 00:30 in Beijing
    assert due(start, limit(1)).day == date(2026, 11, 24)


def test_an_extension_runs_on_from_the_end_of_the_period() -> None:
    assert due(noon("2026-01-30"), limit(20), limit(10)) == due(noon("2026-01-30"), limit(30))


def test_eight_weeks_in_amsterdam_end_after_fifty_six_local_days() -> None:
    start = datetime.fromisoformat("2011-10-11 13:42:22+02:00")
    found = due_at(start, [limit(56, "day")], NONE, "Europe/Amsterdam")
    assert found is not None
    assert found.day == date(2011, 12, 6)
    assert found.at == datetime(2011, 12, 6, 23, tzinfo=UTC)
    assert not found.provisional


def test_a_period_on_the_spot_ends_with_the_day() -> None:
    assert due(noon("2026-11-21"), limit(0, "on_the_spot")).day == date(2026, 11, 21)


def test_a_period_on_the_spot_paused_overnight_ends_with_the_day_after_the_pause() -> None:
    pause = (at("2026-11-23T13:00"), at("2026-11-24T10:00"))
    found = due(noon("2026-11-23"), limit(0, "on_the_spot"), paused=(pause,))
    assert found.day == date(2026, 11, 25)


def test_hours_and_minutes_run_through_the_night() -> None:
    assert due(at("2026-11-22T23:30"), limit(2, "hour")).at == at("2026-11-23T01:30")
    assert due(at("2026-11-22T23:50"), limit(15, "minute")).at == at("2026-11-23T00:05")


def test_hours_stand_still_for_exactly_the_pause() -> None:
    pause = (at("2026-11-23T10:00"), at("2026-11-23T10:30"))
    found = due(at("2026-11-23T09:00"), limit(2, "hour"), paused=(pause,))
    assert found.at == at("2026-11-23T11:30")


@pytest.mark.parametrize(
    ("start", "n", "end"),
    [
        ("2026-11-23T09:00", 3, "2026-11-23T12:00"),
        ("2026-11-23T11:00", 2, "2026-11-23T14:00"),
        ("2026-11-23T17:00", 1, "2026-11-24T09:30"),
        ("2026-11-20T17:30", 1, "2026-11-23T10:00"),
        ("2026-05-08T17:30", 1, "2026-05-09T10:00"),
    ],
)
def test_working_hours_run_in_office_hours_only(start: str, n: int, end: str) -> None:
    assert due(at(start), limit(n, "working_hour")).at == at(end)


def test_working_hours_stand_still_while_paused() -> None:
    pause = (at("2026-11-23T11:30"), at("2026-11-23T13:30"))
    found = due(at("2026-11-23T11:00"), limit(1, "working_hour"), paused=(pause,))
    assert found.at == at("2026-11-23T14:00")


def test_a_working_day_with_any_paused_part_is_not_counted() -> None:
    pause = (at("2026-11-24T17:00"), at("2026-11-25T09:00"))
    assert due(noon("2026-11-23"), limit(3), paused=(pause,)).day == date(2026, 11, 30)


def test_a_pause_that_ends_at_midnight_does_not_touch_the_next_day() -> None:
    pause = (at("2026-11-24T09:00"), at("2026-11-25T00:00"))
    assert due(noon("2026-11-23"), limit(1), paused=(pause,)).day == date(2026, 11, 25)


def test_a_pause_on_day_zero_moves_nothing() -> None:
    pause = (at("2026-11-23T13:00"), at("2026-11-23T17:00"))
    assert due(noon("2026-11-23"), limit(1), paused=(pause,)).day == date(2026, 11, 24)


def test_a_pause_on_days_off_moves_nothing() -> None:
    pause = (at("2026-11-28T00:00"), at("2026-11-30T00:00"))
    assert due(noon("2026-11-27"), limit(1), paused=(pause,)).day == date(2026, 11, 30)


def test_an_open_pause_leaves_the_period_without_an_end() -> None:
    opened = ((at("2026-11-25T09:00"), None),)
    assert due_at(noon("2026-11-23"), [limit(3)], CN, ZONE, opened) is None


def test_an_open_pause_after_the_end_changes_nothing() -> None:
    opened: tuple[Pause, ...] = ((at("2026-11-27T00:00"), None),)
    assert due(noon("2026-11-23"), limit(3), paused=opened).day == date(2026, 11, 26)


def test_an_applicants_last_day_moves_off_a_holiday_when_asked() -> None:
    start = noon("2026-09-26")
    plain = due_at(start, [limit(5, "day")], CN, ZONE)
    rolled = due_at(start, [limit(5, "day")], CN, ZONE, roll=True)
    assert plain is not None and rolled is not None
    assert (plain.day, rolled.day) == (date(2026, 10, 1), date(2026, 10, 8))


def test_a_start_before_the_calendar_is_provisional() -> None:
    assert due(noon("2003-12-01"), limit(5)).provisional
    assert not due(noon("2003-12-31"), limit(5)).provisional


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="时区"):
        due_at(datetime(2026, 1, 1), [limit(1)], CN, ZONE)  # noqa: DTZ001  # the flaw under test


def test_a_naive_pause_is_refused() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001  # the flaw under test
    with pytest.raises(ValueError, match="时区"):
        due_at(noon("2026-01-05"), [limit(1)], CN, ZONE, [(naive, None)])


def test_a_pause_that_ends_before_it_began_is_refused() -> None:
    pause = (at("2026-11-25T09:00"), at("2026-11-24T09:00"))
    with pytest.raises(ValueError, match="早于起点"):
        due_at(noon("2026-11-23"), [limit(1)], CN, ZONE, [pause])


def test_no_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="时限"):
        due_at(noon("2026-11-23"), [], CN, ZONE)


def test_a_period_out_of_this_century_is_refused() -> None:
    with pytest.raises(BeyondCalendar):
        due_at(noon("2026-11-23"), [limit(40_000)], CN, ZONE)


@pytest.mark.parametrize(
    ("now", "left"),
    [
        ("2026-11-23T09:00", 3),
        ("2026-11-25T23:59", 1),
        ("2026-11-26T00:00", 0),
        ("2026-11-26T23:59", 0),
        ("2026-11-27T00:00", -1),
        ("2026-11-29T12:00", -1),
        ("2026-11-30T12:00", -2),
    ],
)
def test_days_left_are_zero_on_the_last_day_and_negative_after_it(now: str, left: int) -> None:
    end = due(noon("2026-11-23"), limit(3)).at
    assert working_days_between(at(now), end, CN, ZONE) == left


def test_every_day_of_twenty_years_agrees_with_holiday_cn() -> None:
    if not HOLIDAYS.exists():
        pytest.skip(f"no {HOLIDAYS.name}: ../shared/data is absent")
    days: list[date] = []
    with gzip.open(HOLIDAYS, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wrong = []
    for row in rows:
        day = date.fromisoformat(row["date"])
        off = row["holiday_cn_off"] == "1"
        days.append(day)
        if CN.is_working(day) == off:
            wrong.append(day)
    assert len(days) == 7305
    assert wrong == []


def test_every_deadline_of_twenty_years_is_the_nth_day_counted_one_by_one() -> None:
    first, last = date(2007, 1, 1).toordinal(), date(2026, 12, 31).toordinal()
    working = [o for o in range(first, last + 1) if CN.is_working(date.fromordinal(o))]
    following = 0
    for ordinal in range(first, last + 1):
        while following < len(working) and working[following] <= ordinal:
            following += 1
        start = noon(date.fromordinal(ordinal).isoformat())
        for n in (1, 5, 10, 20, 30, 45, 60):
            if following + n <= len(working):
                found = due(start, limit(n))
                assert found.day.toordinal() == working[following + n - 1]
                assert not found.provisional


# --- properties ---

starts = st.datetimes(datetime(2005, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
units = st.sampled_from(("minute", "hour", "working_hour", "day", "working_day"))
lengths = st.timedeltas(timedelta(0), timedelta(days=12))
gaps = st.timedeltas(timedelta(days=-3), timedelta(days=30))


@st.composite
def closed_pauses(draw: st.DrawFn, start: datetime) -> list[Pause]:
    pauses: list[Pause] = []
    for _ in range(draw(st.integers(0, 4))):
        since = start + draw(gaps)
        pauses.append((since, since + draw(lengths)))
    return pauses


def must(start: datetime, n: int, unit: Unit, paused: list[Pause]) -> datetime:
    found = due_at(start, [limit(n, unit)], CN, ZONE, paused)
    assert found is not None
    return found.at


@given(st.data(), starts, st.integers(1, 60), units)
def test_one_unit_more_is_never_earlier(
    st_data: st.DataObject, start: datetime, n: int, unit: Unit
) -> None:
    paused = st_data.draw(closed_pauses(start))
    assert must(start, n, unit, paused) <= must(start, n + 1, unit, paused)


@given(st.data(), starts, st.integers(1, 60), st.integers(1, 30), units)
def test_two_periods_in_a_row_are_their_sum(
    st_data: st.DataObject, start: datetime, n: int, m: int, unit: Unit
) -> None:
    paused = st_data.draw(closed_pauses(start))
    chained = due_at(start, [limit(n, unit), limit(m, unit)], CN, ZONE, paused)
    assert chained is not None
    assert chained.at == must(start, n + m, unit, paused)


@given(st.data(), starts, st.integers(1, 60), units)
def test_a_pause_more_is_never_earlier(
    st_data: st.DataObject, start: datetime, n: int, unit: Unit
) -> None:
    paused = st_data.draw(closed_pauses(start))
    since = start + st_data.draw(gaps)
    more = [*paused, (since, since + st_data.draw(lengths))]
    assert must(start, n, unit, paused) <= must(start, n, unit, more)


@given(st.data(), starts, st.integers(1, 60), units)
def test_a_pause_split_in_two_changes_nothing(
    st_data: st.DataObject, start: datetime, n: int, unit: Unit
) -> None:
    since = start + st_data.draw(gaps)
    until = since + st_data.draw(lengths)
    middle = since + (until - since) * st_data.draw(st.floats(0, 1))
    whole: list[Pause] = [(since, until)]
    halves: list[Pause] = [(since, middle), (middle, until)]
    assert must(start, n, unit, whole) == must(start, n, unit, halves)


@settings(max_examples=200)
@given(st.data(), starts, st.integers(1, 60))
def test_working_days_are_those_that_a_finger_counts(
    st_data: st.DataObject, start: datetime, n: int
) -> None:
    paused = st_data.draw(closed_pauses(start))
    day, left = start.astimezone(CHINA).date(), n
    while left:
        day += timedelta(days=1)
        opens = datetime(day.year, day.month, day.day, tzinfo=CHINA)
        closes = opens + timedelta(days=1)
        touched = any(
            since < until and since < closes and until > opens
            for since, until in paused
            if until is not None
        )
        left -= CN.is_working(day) and not touched
    found = due_at(start, [limit(n)], CN, ZONE, paused)
    assert found is not None
    assert found.day == day
