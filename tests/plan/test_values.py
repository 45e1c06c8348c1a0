"""Numbers of our own against a second, plain reckoning of the same rows; limits from both sides."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Table, create_engine, false, insert, true
from sqlalchemy.types import Boolean, DateTime, Float, Integer, LargeBinary, TypeDecorator

from cases import plan_book, plan_rows, plan_values
from cases.incident_tables import incident
from cases.plan.figures import Figure, last_whole_quarter, quarter_end, quarter_of, standing
from cases.project_tables import project
from cases.tables import case, cases_metadata, clock
from catalogue.kpis import load_kpis
from yichuang import stores

assert stores.MODELS  # every table of the store is in its metadata

KPIS = load_kpis()
ZONE = "Asia/Shanghai"
NOW = datetime(2026, 11, 27, 4, 30, tzinfo=UTC)
TODAY = NOW.astimezone(ZoneInfo(ZONE)).date()
SINCE = NOW - timedelta(days=365)


def filled(table: Table, **given: Any) -> dict[str, Any]:
    """Return a row whose columns that matter to nobody here are filled with something."""
    row: dict[str, Any] = {}
    for column in table.columns:
        kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
        if column.name in given or column.nullable:
            continue
        match kind:
            case Boolean():
                row[column.name] = False
            case Integer() | Float():
                row[column.name] = 1
            case DateTime():
                row[column.name] = NOW
            case LargeBinary():
                row[column.name] = b""
            case _:
                row[column.name] = ""
    return row | given


@pytest.fixture
def store() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    cases_metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def moment(rng: random.Random) -> datetime:
    """Some instant in two years, often just at a limit."""
    if rng.random() < 0.2:
        return rng.choice((SINCE, SINCE - timedelta(microseconds=1), NOW))
    return NOW - timedelta(seconds=rng.randrange(1, 2 * 365 * 86_400))


def some_cases(connection: Connection, rng: random.Random, n: int) -> list[dict[str, Any]]:
    made = []
    for i in range(n):
        one: dict[str, Any] = {
            "matter": f"m{rng.randrange(6)}", "process": rng.choice(("approval",) * 4 + ("open",)),
            "channel": rng.choice(("window", "computer", "mobile", "post")),
            "received_at": moment(rng), "grade": rng.randrange(1, 6),
        }  # fmt: skip
        connection.execute(insert(case).values(filled(case, id=f"c{i}", case_no=f"N{i}", **one)))
        clocks: dict[str, dict[str, Any]] = {}
        for name in ("promised", "statutory", "rating"):
            clocks[name] = {
                "ended_at": rng.choice((None, moment(rng))), "used": rng.choice((None, 1, 7, 20)),
                "ended_by": rng.choice(("decided", "closed", "withdrawn", "rated", "expiry")),
                "limit_unit": rng.choice(("working_day", "on_the_spot", "day")),
                "budget": rng.choice((0, 5, 20)),
            }  # fmt: skip
            values = filled(clock, case_id=f"c{i}", key=name, clock=name, **clocks[name])
            connection.execute(insert(clock).values(values))
        made.append(one | {"clocks": clocks, "id": f"c{i}"})
    return made


def some_incidents(connection: Connection, rng: random.Random, n: int) -> list[dict[str, Any]]:
    made = []
    for i in range(n):
        reported = moment(rng)
        later = [None, *(reported + timedelta(seconds=rng.randrange(0, 5_000)) for _ in range(3))]
        one = {
            "reported_at": reported, "dispatched_at": rng.choice(later),
            "acknowledged_at": rng.choice(later), "closed_at": rng.choice(later),
            "merged_into": rng.choice(("", "", "", "other")),
        }  # fmt: skip
        values = filled(incident, id=f"i{i}", number=f"I{i}", title="x", **one)
        connection.execute(insert(incident).values(values))
        made.append(one)
    return made


def within(at: datetime | None) -> bool:
    return at is not None and SINCE <= at < NOW


def reckoned(cases: Sequence[dict[str, Any]], incidents: Sequence[dict[str, Any]]) -> Any:
    """The same numbers by hand: loops and ifs over what was put into the store."""
    rated = [
        c for c in cases
        if c["clocks"]["rating"]["ended_by"] == "rated"
        and within(c["clocks"]["rating"]["ended_at"])
    ]  # fmt: skip
    good = [c for c in rated if c["grade"] in (1, 2, 3)]
    decided = [
        c["clocks"]["statutory"] for c in cases
        if c["clocks"]["promised"]["ended_by"] in ("decided", "closed")
        and within(c["clocks"]["promised"]["ended_at"])
        and c["clocks"]["statutory"]["limit_unit"] != "day"
        and c["clocks"]["statutory"]["used"] is not None
        and c["clocks"]["statutory"]["budget"]
    ]  # fmt: skip
    came = [c for c in cases if c["process"] == "approval" and within(c["received_at"])]
    matters = {c["matter"] for c in came}
    seconds = []
    for one in incidents:
        if one["merged_into"] or not within(one["reported_at"]):
            continue
        if one["dispatched_at"] is None and NOW - one["reported_at"] < timedelta(minutes=15):
            continue
        signed, closed = one["acknowledged_at"], one["closed_at"]
        ends = signed if signed is not None and signed < NOW else closed
        end = ends if ends is not None and ends < NOW else NOW
        seconds.append(int((end - one["reported_at"]).total_seconds()))
    return {
        "satisfaction": (len(good), len(rated)),
        "approval_time": (sum(s["used"] for s in decided), sum(s["budget"] for s in decided)),
        "online": (
            len({c["matter"] for c in came if c["channel"] in ("computer", "mobile")}),
            len(matters),
        ),
        "window": (len({c["matter"] for c in came if c["channel"] == "window"}), len(matters)),
        "response": (sum(seconds), len(seconds)),
    }


@pytest.mark.parametrize("seed", range(8))
def test_each_number_of_our_own_is_what_a_plain_reckoning_gives(
    store: Connection, seed: int
) -> None:
    rng = random.Random(seed)
    cases, incidents = some_cases(store, rng, 60), some_incidents(store, rng, 40)
    found = plan_values.own_figures(store, KPIS, TODAY, ZONE, NOW)
    expected = reckoned(cases, incidents)
    told = {code: (one.numerator, one.denominator) for code, one in found.items()}
    assert told == {code: both for code, both in expected.items() if both[1]} | {
        "fund": (0, 1), "pilots": (0, 1),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_the_lines_behind_a_number_add_up_to_it(store: Connection, seed: int) -> None:
    rng = random.Random(seed)
    some_cases(store, rng, 40)
    some_incidents(store, rng, 30)
    found = plan_values.own_figures(store, KPIS, TODAY, ZONE, NOW)
    window = plan_values.window_of(TODAY, ZONE, NOW)
    for code in ("satisfaction", "approval_time", "response"):
        page = plan_values.behind(store, KPIS.by_code[code].source, window, true())
        assert page.seen == page.every == len(page.lines) < plan_values.PER_PAGE
        figure = found.get(code, Figure(0, 0, TODAY))
        assert sum(one.amount for one in page.lines) == figure.numerator
        assert sum(one.of for one in page.lines) == figure.denominator


def test_who_may_list_nothing_sees_no_line_and_the_number_all_the_same(store: Connection) -> None:
    some_cases(store, random.Random(1), 40)
    some_incidents(store, random.Random(2), 40)
    window = plan_values.window_of(TODAY, ZONE, NOW)
    for source in (*plan_values.OF_CASES, *plan_values.OF_INCIDENTS):
        nobody = plan_values.behind(store, source, window, false())
        assert nobody.lines == () and nobody.seen == 0 < nobody.every
        some = plan_values.behind(store, source, window, case.c.matter == "m1") if (
            source in plan_values.OF_CASES
        ) else nobody  # fmt: skip
        assert some.seen <= some.every


def test_a_page_of_lines_holds_fifty_and_the_next_the_rest(store: Connection) -> None:
    for i in range(51):
        at = NOW - timedelta(hours=i + 1)
        values = filled(
            incident, id=f"i{i}", number=f"I{i}", reported_at=at, dispatched_at=at, title="x"
        )
        store.execute(insert(incident).values(values))
    window = plan_values.window_of(TODAY, ZONE, NOW)
    first = plan_values.behind(store, "response", window, true())
    second = plan_values.behind(store, "response", window, true(), 2)
    assert (len(first.lines), len(second.lines)) == (50, 1)
    assert {one.number for one in first.lines + second.lines} == {f"I{i}" for i in range(51)}


def test_an_incident_to_which_nobody_was_sent_counts_after_fifteen_minutes(
    store: Connection,
) -> None:
    for i, minutes in enumerate((14, 15)):
        at = NOW - timedelta(minutes=minutes)
        values = filled(incident, id=f"i{i}", number=f"I{i}", reported_at=at)
        store.execute(insert(incident).values(values))
    found = plan_values.own_figures(store, KPIS, TODAY, ZONE, NOW)["response"]
    assert (found.numerator, found.denominator) == (15 * 60, 1)


def test_what_nobody_did_has_no_value_and_a_grey_light(store: Connection) -> None:
    lines = {one.kpi.code: one for one in plan_book.lines(store, KPIS, ZONE, NOW)}
    assert len(lines) == 17
    counted = ("fund", "pilots")
    assert {one.standing.light for code, one in lines.items() if code not in counted} == {"grey"}
    assert lines["fund"].figure == Figure(0, 1, TODAY) and lines["fund"].standing.light == "red"


def test_pilot_areas_are_counted_from_the_projects_without_those_terminated(
    store: Connection,
) -> None:
    for n, (template, stage, since) in enumerate(
        (
            ("pilot_area", "running", NOW - timedelta(days=400)),
            ("pilot_area", "finished", NOW - timedelta(days=2)),
            ("pilot_area", "terminated", NOW - timedelta(days=2)),
            ("pilot_area", "running", NOW + timedelta(days=1)),
            ("government", "running", NOW - timedelta(days=2)),
        )
    ):
        values = filled(
            project, id=f"p{n}", number=f"P{n}", template=template, stage=stage,
            established_at=since, title="x", slippage=0, estimate_fen=0, total_fen=0,
        )  # fmt: skip
        store.execute(insert(project).values(values))
    found = plan_values.own_figures(store, KPIS, TODAY, ZONE, NOW)["pilots"]
    assert (found.numerator, found.denominator) == (2, 1)


def test_the_year_s_counts_for_everybody_are_those_of_the_rows(store: Connection) -> None:
    rng = random.Random(7)
    cases, incidents = some_cases(store, rng, 60), some_incidents(store, rng, 40)
    first = datetime(2026, 1, 1, tzinfo=ZoneInfo(ZONE))
    came = [c for c in cases if c["process"] == "approval" and first <= c["received_at"] < NOW]
    told = [i for i in incidents if not i["merged_into"] and first <= i["reported_at"] < NOW]
    found = plan_values.statistics(store, ZONE, NOW)
    assert found["received"] == len(came)
    assert found["online"] == sum(c["channel"] in ("computer", "mobile") for c in came)
    assert found["incidents"] == len(told)
    assert found["closed"] == sum(i["closed_at"] is not None for i in told)


# --- quarters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "quarter", "last"),
    [
        (date(2026, 1, 1), "2026Q1", "2025Q4"),
        (date(2026, 3, 31), "2026Q1", "2025Q4"),
        (date(2026, 4, 1), "2026Q2", "2026Q1"),
        (date(2026, 12, 31), "2026Q4", "2026Q3"),
    ],
)
def test_a_quarter_ends_with_its_third_month(day: date, quarter: str, last: str) -> None:
    assert quarter_of(day) == quarter and last_whole_quarter(day) == last
    assert quarter_of(quarter_end(quarter)) == quarter
    assert quarter_of(quarter_end(quarter) + timedelta(days=1)) != quarter


def test_a_quarter_is_kept_once_with_every_number_and_shows_in_the_history(
    store: Connection,
) -> None:
    some_incidents(store, random.Random(3), 40)
    end = quarter_end("2026Q3")
    lines = plan_book.snapshot(store, KPIS, ZONE, "2026Q3", end, NOW, "e")
    assert len(lines) == 17 and plan_rows.is_taken(store, "2026Q3")
    kept = {one.kpi: one for one in plan_rows.snapshots(store)}
    figure = plan_values.own_figures(store, KPIS, end, ZONE, NOW)["response"]
    assert (kept["response"].numerator, kept["response"].denominator) == (
        figure.numerator, figure.denominator,
    )  # fmt: skip
    stands = standing(KPIS.by_code["response"], KPIS.begins_on, figure, end)
    assert (kept["response"].value, kept["response"].light) == (stands.value, stands.light)
    (point,) = plan_book.history(store, KPIS, KPIS.by_code["response"])
    assert (point.on, point.value) == (end, stands.value)
    with pytest.raises(Exception, match="append-only"):
        plan_book.snapshot(store, KPIS, ZONE, "2026Q3", end, NOW, "e")
