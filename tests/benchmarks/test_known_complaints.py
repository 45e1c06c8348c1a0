"""A city's target times derived from type and calendar: the rule, and what the city's rows say."""

import csv
import gzip
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.known import KnownUnreadable, complaints, receipt
from benchmarks.known.complaints import HERE, Level, in_office, local_time, target_of

ZONE = "America/New_York"
SHARED = Path(__file__).parents[3] / "shared/data"
COMPLAINTS = SHARED / "complaints_boston311"
BOSTON = complaints.read_hours(HERE / "boston.yaml")
HEADER = ",".join(complaints.NEEDED)

needs_data = pytest.mark.skipif(not COMPLAINTS.is_dir(), reason="no ../shared/data here")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def working(n: int) -> Level:
    return Level(n=n, unit="working_day")


def days(n: int) -> Level:
    return Level(n=n, unit="day")


def file_of(folder: Path, *rows: str) -> Path:
    path = folder / "requests.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", "utf-8")
    return path


# --- the calendar ---


def monday(year: int, month: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(0 - first.weekday()) % 7 + 7 * (nth - 1))


def holidays(year: int) -> set[date]:
    """Return the days off by the words of Massachusetts General Laws c. 4 § 7 cl. 18."""
    fixed = [(1, 1), (7, 4), (11, 11), (12, 25), *([(6, 19)] if year >= 2021 else [])]
    found = {monday(year, 1, 3), monday(year, 2, 3), monday(year, 4, 3)}
    found |= {monday(year, 9, 1), monday(year, 10, 2)}
    found.add(max(date(year, 5, day) for day in range(25, 32) if not date(year, 5, day).weekday()))
    found.add(monday(year, 11, 1) + timedelta(days=24 if monday(year, 11, 1).day < 5 else 17))
    for month, day in fixed:
        one = date(year, month, day)
        found.add(one + timedelta(days=1) if one.weekday() == 6 else one)
    return found


def test_the_days_off_are_those_of_the_statute() -> None:
    years = range(BOSTON.first.year, BOSTON.horizon.year + 1)
    assert set(BOSTON.off) == set().union(*(holidays(year) for year in years))
    assert not BOSTON.on


def test_thanksgiving_is_the_fourth_thursday_also_when_november_begins_with_one() -> None:
    assert date(2018, 11, 22) in BOSTON.off  # 1 November 2018 was a Thursday
    assert date(2019, 11, 28) in BOSTON.off  # 1 November 2019 was a Friday


# --- the rule ---


def test_a_time_of_the_file_is_moved_back_by_the_offset_of_its_season() -> None:
    assert local_time("2020-07-01 04:30:00", ZONE) == at("2020-07-01 08:30")
    assert local_time("2020-01-02 03:30:00", ZONE) == at("2020-01-02 08:30")


@pytest.mark.parametrize(
    ("opened", "counts_from"),
    [
        ("2024-06-03 08:29", "2024-06-03 08:30"),
        ("2024-06-03 08:30", "2024-06-03 08:30"),
        ("2024-06-03 16:59:59", "2024-06-03 16:59:59"),
        ("2024-06-03 17:00", "2024-06-04 08:30"),
        ("2024-05-24 17:30", "2024-05-28 08:30"),  # Friday before Memorial Day
        ("2024-05-27 10:00", "2024-05-28 08:30"),  # Memorial Day itself
    ],
)
def test_a_request_out_of_office_hours_counts_from_the_next_opening(
    opened: str, counts_from: str
) -> None:
    assert in_office(at(opened), BOSTON) == at(counts_from)


@pytest.mark.parametrize(
    ("opened", "level", "target"),
    [
        ("2024-06-03 10:15", working(1), "2024-06-04 10:15"),
        ("2024-05-24 10:15", working(1), "2024-05-28 10:15"),
        ("2024-05-24 20:00", working(1), "2024-05-29 08:30"),
        ("2024-05-24 20:00", days(2), "2024-05-26 20:00"),
        ("2024-03-01 12:00", days(30), "2024-03-31 12:00"),  # across the change of clocks
    ],
)
def test_a_target_is_on_the_clocks_day_at_the_time_of_day_it_began(
    opened: str, level: Level, target: str
) -> None:
    assert target_of(at(opened), level, BOSTON, ZONE) == at(target)


def test_a_row_whose_target_is_a_minute_off_is_a_difference(tmp_path: Path) -> None:
    rows = [
        f"{n},2024-06-03 06:15:00,2024-06-04 06:15:00,2024-06-03 07:00:00,ONTIME,CE Collection"
        for n in range(complaints.ENOUGH)
    ]
    rows[0] = rows[0].replace("06-04 06:15:00", "06-04 06:16:00")
    rows[1] = rows[1].replace("06-04 06:15:00", "06-04 06:15:59")
    found = complaints.run(file_of(tmp_path, *rows))
    assert (found.cases, found.equal) == (25, 24)
    assert found.differences[0].startswith("0 CE Collection: ours 2024-06-04 10:15:00")


def test_rows_without_target_or_limit_and_thin_types_are_left_out_and_counted(
    tmp_path: Path,
) -> None:
    path = file_of(
        tmp_path,
        "1,2024-06-03 06:15:00,,2024-06-03 07:00:00,ONTIME,CE Collection",
        "2,2024-06-03 06:15:00,2024-06-04 06:15:00,2024-06-03 07:00:00,ONTIME,Bed Bugs",
        "3,2024-06-03 06:15:00,2024-06-04 06:15:00,2024-06-03 07:00:00,ONTIME,CE Collection",
    )
    found = complaints.run(path)
    assert (found.cases, found.equal) == (0, 0)
    assert found.report["left_out"] == {
        "no_target": 1,
        "type_without_a_limit": 1,
        "types_of_fewer_than_25_rows": 1,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("OPEN_DT,TYPE\n", "第 1 行缺少列"),
        (f"{HEADER}\n1,soon,,,ONTIME,x\n", "第 2 行读不懂"),
        (f"{HEADER}\n", "没有一行"),
    ],
)
def test_a_file_that_is_no_such_data_set_is_refused_with_its_line(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "requests.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(KnownUnreadable, match=said):
        complaints.run(path)


# --- what the city's own rows say ---


@needs_data
def test_calendar_day_types_and_working_day_types_have_the_citys_target() -> None:
    found = complaints.run(COMPLAINTS)
    types = found.report["types"]
    assert isinstance(types, list)
    rows = {row["type"]: (row["equal"], row["rows"]) for row in types if isinstance(row, dict)}
    least = {
        "Traffic Signal Inspection": 95 / 95,
        "Tree Maintenance Requests": 88 / 88,
        "Unshoveled Sidewalk": 35 / 36,
        "Rodent Activity": 73 / 82,
        "Illegal Dumping": 1.0,
        "Parking Enforcement": 0.97,
    }
    for name, share in least.items():
        equal, size = rows[name]
        assert isinstance(equal, int) and isinstance(size, int)
        assert equal >= share * size, name
    assert found.equal >= 0.96 * found.cases


@needs_data
def test_no_row_of_a_calendar_day_type_that_the_readmes_rule_gets_right_is_missed() -> None:
    types = complaints.run(COMPLAINTS).report["types"]
    assert isinstance(types, list)
    rules = {row["type"]: row["by_readme_rule"] for row in types if isinstance(row, dict)}
    told = {name: rule for name, rule in rules.items() if isinstance(rule, dict)}
    assert set(complaints.PUBLISHED) == set(told)
    assert [name for name, rule in told.items() if rule["not_ours"]] == []


@needs_data
def test_the_citys_verdict_is_reproduced_from_its_target_and_nearly_always_from_ours() -> None:
    report = complaints.run(COMPLAINTS).report
    given, ours = report["verdict_from_the_given_target"], report["verdict_from_our_target"]
    assert isinstance(given, dict) and isinstance(ours, dict)
    assert given["equal"] == given["rows"]
    assert isinstance(ours["equal"], int) and isinstance(ours["rows"], int)
    assert ours["equal"] >= 0.99 * ours["rows"]


@needs_data
def test_the_citys_target_is_never_an_input(tmp_path: Path) -> None:
    """With every target a day later, not one is met any more."""
    (source,) = COMPLAINTS.glob("*.csv.gz")
    with gzip.open(source, "rt", encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["TYPE"] == "Traffic Signal Inspection"]
    assert complaints.run(_written(tmp_path, rows)).different == 0
    for row in rows:
        row["TARGET_DT"] = str(at(row["TARGET_DT"]) + timedelta(days=1))
    assert complaints.run(_written(tmp_path, rows)).equal == 0


def _written(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / "requests.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@needs_data
def test_the_authoritys_deadline_is_met_in_as_many_permit_cases_as_had_neither_extension_nor_stop(
) -> None:  # fmt: skip
    found = receipt.run(SHARED / "permits_receipt")
    assert (found.cases, found.equal) == (1434, 1080)
    assert found.report == {"equal_if_extended": 58}
