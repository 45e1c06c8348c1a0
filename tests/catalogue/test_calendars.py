"""Calendars as versions: what a file may say, what a notice makes of it, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from benchmarks import known
from cases.clock import due_at
from catalogue.calendar_file import CalendarFile, Year, written
from catalogue.festivals import statutory
from catalogue.holiday_cn import NotMerged, read_notices, with_changes, with_notices
from catalogue.load import HERE
from catalogue.marks import Fault
from catalogue.matters import Limit, Unit
from catalogue.reading import read_calendar, read_calendar_file, read_calendars
from catalogue.working_days import Calendar, changed_days, first_difference
from yichuang.cli import main

SHIPPED = (HERE / "calendars" / "cn.yaml").read_text("utf-8")
CN = read_calendars({"cn": SHIPPED})["cn"]
PUBLISHED = Path(__file__).parents[3] / "shared/data/holidays_cn"
ZONE = "Asia/Shanghai"


def file_of(text: str) -> CalendarFile:
    found = read_calendar_file(text, "cn.yaml", [])
    assert found is not None
    return found[0]


FILE = file_of(SHIPPED)


def calendar_of(file: CalendarFile, bases: Mapping[str, Calendar] | None = None) -> Calendar:
    faults: list[Fault] = []
    found = read_calendar(written(file), "cn.yaml", faults, bases or {})
    assert found is not None, faults
    return found[0]


def faults_of(text: str, bases: Mapping[str, Calendar] | None = None) -> list[Fault]:
    faults: list[Fault] = []
    read_calendar(text, "cn.yaml", faults, bases or {})
    return faults


def notice(year: int, *days: tuple[str, str, bool], papers: tuple[str, ...] = ("国办",)) -> str:
    listed = [{"name": name, "date": day, "isOffDay": off} for day, name, off in days]
    return json.dumps({"year": year, "papers": papers, "days": listed}, ensure_ascii=False)


def due(calendar: Calendar, start: str, n: int, unit: Unit = "working_day") -> tuple[date, bool]:
    at = datetime.fromisoformat(start).replace(tzinfo=UTC)
    found = due_at(at, [Limit(n=n, unit=unit, basis="XKF-42-1")], calendar, ZONE)
    assert found is not None
    return found.day, found.provisional


NOTICE_2027 = [
    ("2026-12-31", "元旦", True),
    ("2027-01-01", "元旦", True),
    ("2027-01-03", "元旦", False),
    *((f"2027-02-{day:02}", "春节", True) for day in range(5, 12)),
    ("2027-02-20", "春节", False),
    ("2027-04-05", "清明节", True),
    ("2027-05-03", "劳动节", True),
    ("2027-06-09", "端午节", True),
    ("2027-09-15", "中秋节", True),
    *((f"2027-10-{day:02}", "国庆节", True) for day in range(1, 8)),
]
"""A notice as it might be: no real one is out for that year."""


def imported(text: str, file: CalendarFile = FILE, version: str = "next") -> CalendarFile:
    faults: list[Fault] = []
    notices = read_notices(text, "2027.json", faults)
    assert faults == []
    return with_notices(file, notices, version, "test")


# --- the file ------------------------------------------------------------------------------------


def test_a_written_calendar_reads_back_as_it_was() -> None:
    assert file_of(written(FILE)) == FILE


def test_every_day_off_or_worked_in_exchange_says_what_for_and_by_which_notice() -> None:
    assert {*CN.off, *CN.on} <= set(CN.names)
    assert CN.names[date(2026, 2, 14)] == "春节"
    assert set(range(2007, 2027)) <= set(CN.papers)


def test_the_law_gives_as_many_days_as_its_revisions_say() -> None:
    assert [len(statutory(year)) for year in (2007, 2008, 2013, 2014, 2024, 2025, 2026)] == [
        10, 11, 11, 11, 11, 13, 13,
    ]  # fmt: skip
    assert date(2013, 2, 9) in statutory(2013) and date(2014, 1, 30) not in statutory(2014)


@pytest.mark.parametrize(
    ("old", "new", "mark", "message"),
    [
        ("2026-09-27, 2026-10-01, ", "2026-09-27, ", "放假: [2026-01-01", "缺法定节日 2026-10-01"),
        ("放假: [2026-01-01, ", "放假: [", "放假: [2026-01-01", "缺法定节日 2026-01-01"),
        ("  2019:\n", "  1999:\n", "  2004:", "缺 2019 年"),
        ("上班: [2026-01-04", "上班: [2026-02-17, 2026-01-04", "上班: [2026-01-04", "写成了上班"),
        ("上班: [2026-01-04", "上班: [2026-01-04, 2026-01-04", "上班: [2026-01-04", "写了两次"),
    ],
)
def test_a_missing_day_or_year_is_refused_with_line_remedy_and_article(
    old: str, new: str, mark: str, message: str
) -> None:
    lines = SHIPPED.splitlines()
    place = SHIPPED.rindex(old)
    faults = faults_of(SHIPPED[:place] + new + SHIPPED[place + len(old) :])
    hits = [fault for fault in faults if message in fault.message]
    assert hits, faults
    assert all(fault.remedy for fault in faults)
    expected = max(n for n, line in enumerate(lines, 1) if mark in line)
    if message.startswith("缺"):
        assert "FJB-" in hits[0].message
    if "年" not in message[:7]:
        assert abs(hits[0].line - expected) <= 1


def test_a_year_without_any_day_is_refused_by_its_first_missing_holiday() -> None:
    text = SHIPPED.replace("截止: 2026-12-31", "截止: 2027-12-31") + "  2027: {}\n"
    faults = faults_of(text)
    assert faults and all(fault.line == len(text.splitlines()) for fault in faults)
    assert "2027-01-01（元旦）（FJB-2）" in faults[0].message


def test_a_calendar_of_another_country_needs_no_chinese_holiday() -> None:
    text = (
        "名称: boston\n版本: a\n来源: test\n法定节日: 无\n起始: 2026-01-01\n截止: 2026-12-31\n"
        'hours: 1\n作息: ["09:00-17:00"]\n年份:\n  2026: {放假: [2026-07-03]}\n'
    ).replace("hours: 1\n", "")
    calendar = read_calendars({"boston": text})["boston"]
    assert calendar.is_working(date(2026, 10, 1)) and not calendar.is_working(date(2026, 7, 3))
    assert calendar.is_working(date(2027, 1, 1))


# --- hours, overlay ------------------------------------------------------------------------------

OVERLAY = """\
名称: autonomous
版本: "2026.1"
来源: 测试
基准: cn
起始: 2026-01-01
截止: 2026-12-31
作息: ["09:30-13:30", "15:30-19:00"]
年份:
  2026:
    放假: [2026-03-20, 2026-05-27]
    上班: [2026-03-21]
    节名:
      "开斋节": [2026-03-20, 2026-03-21]
"""


def test_a_department_works_by_its_own_hours_on_the_same_days() -> None:
    file = FILE.model_copy(update={"department_hours": {"rf": ("08:00-16:00",)}})
    calendar = calendar_of(file)
    assert calendar.of("rf").hours == ((time(8), time(16)),)
    assert calendar.of("scjg") is calendar
    nine = "2026-11-23T01:00:00"  # Monday 09:00 in Beijing
    in_general = due_at(
        datetime.fromisoformat(nine).replace(tzinfo=UTC),
        [Limit(n=8, unit="working_hour", basis="XKF-42-1")], calendar, ZONE,
    )  # fmt: skip
    theirs = due_at(
        datetime.fromisoformat(nine).replace(tzinfo=UTC),
        [Limit(n=8, unit="working_hour", basis="XKF-42-1")], calendar.of("rf"), ZONE,
    )  # fmt: skip
    assert in_general is not None and theirs is not None
    assert in_general.at - theirs.at == timedelta(minutes=30)


def test_an_overlay_adds_its_days_to_its_base_and_says_both_versions() -> None:
    both = read_calendars({"autonomous": OVERLAY, "cn": SHIPPED})
    local = both["autonomous"]
    assert local.version == f"2026.1+{CN.version}"
    assert list(changed_days(both["cn"], local)) == [
        date(2026, 3, 20), date(2026, 3, 21), date(2026, 5, 27),
    ]  # fmt: skip
    assert local.names[date(2026, 10, 1)] == "国庆节"
    assert not local.is_known(date(2025, 12, 31).toordinal(), date(2026, 1, 5).toordinal())


def test_an_overlay_may_not_make_a_national_holiday_a_working_day() -> None:
    text = OVERLAY.replace("上班: [2026-03-21]", "上班: [2026-03-21, 2026-10-01]")
    assert any("写成了上班" in fault.message for fault in faults_of(text, {"cn": CN}))


@pytest.mark.parametrize("base", ["nowhere", "autonomous"])
def test_an_overlay_lies_over_a_calendar_that_is_none_itself(base: str) -> None:
    local = read_calendars({"autonomous": OVERLAY, "cn": SHIPPED})
    faults = faults_of(OVERLAY.replace("基准: cn", f"基准: {base}"), local)
    assert [fault.line for fault in faults] == [4]
    assert "FJB-4" in faults[0].message and "cn" in faults[0].remedy


# --- past the horizon ----------------------------------------------------------------------------


def test_past_the_notices_the_laws_own_holidays_are_guessed_off_and_nothing_else() -> None:
    guessed = [
        day
        for n in range(365)
        if (day := date(2027, 1, 1) + timedelta(days=n)).weekday() < 5 and not CN.is_working(day)
    ]
    assert guessed == [day for day in statutory(2027) if day.weekday() < 5]
    assert due(CN, "2026-12-30T02:00:00", 2) == (date(2027, 1, 4), True)


# --- notices -------------------------------------------------------------------------------------


def test_the_published_notices_make_the_shipped_calendar_on_every_day() -> None:
    path = PUBLISHED / "holiday-cn_2007_2027.json"
    if not path.exists():
        pytest.skip(f"no {path.name}: ../shared/data is absent")
    faults: list[Fault] = []
    notices = read_notices(path.read_text("utf-8"), path.name, faults)
    assert [fault.message[:6] for fault in faults] == ["2027 年"]
    calendar = calendar_of(with_notices(FILE, notices, "again", "test"))
    assert list(changed_days(CN, calendar)) == []
    assert (calendar.first, calendar.horizon) == (CN.first, CN.horizon)
    assert len(calendar.papers[2020]) == 2


def test_a_year_whose_notice_is_not_out_is_refused_and_not_read_as_monday_to_friday() -> None:
    faults: list[Fault] = []
    assert read_notices(notice(2027, papers=()), "2027.json", faults) == []
    assert "FJB-7" in faults[0].message and "XKF-82" in faults[0].message
    assert faults[0].remedy


def test_a_notice_moves_the_horizon_and_the_december_before_it() -> None:
    file = imported(notice(2027, *NOTICE_2027))
    calendar = calendar_of(file)
    assert calendar.horizon == date(2027, 12, 31)
    assert CN.is_working(date(2026, 12, 31)) and not calendar.is_working(date(2026, 12, 31))
    assert file.years[2026].names["元旦"][-1] == date(2026, 12, 31)
    assert due(CN, "2026-12-18T02:00:00", 10) == (date(2027, 1, 4), True)
    assert due(calendar, "2026-12-18T02:00:00", 10) == (date(2027, 1, 4), False)


def test_the_decembers_of_a_loaded_year_are_not_lost_by_loading_the_year_before() -> None:
    file = imported(notice(2027, *NOTICE_2027))
    again = notice(2026, ("2026-01-01", "元旦", True))
    with pytest.raises(NotMerged, match="2027"):
        imported(again, file)


def test_a_notice_of_a_later_year_leaves_no_hole() -> None:
    with pytest.raises(NotMerged, match="缺 2027 年"):
        imported(notice(2028, ("2028-01-01", "元旦", True)))


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ([("2027-01-01", "元旦", True), ("2027-01-01", "元旦", False)], "重复"),
        ([("2028-01-01", "元旦", True)], "既不在"),
        ([("2026-11-30", "元旦", True)], "既不在"),
        ([("2027-02-30", "春节", True)], "date"),
    ],
)
def test_a_day_that_cannot_be_is_named_with_its_line(
    days: list[tuple[str, str, bool]], message: str
) -> None:
    text = json.dumps(json.loads(notice(2027, *days)), indent=0, ensure_ascii=False)
    faults: list[Fault] = []
    assert read_notices(text, "2027.json", faults) == []
    assert message in faults[0].message
    assert "date" in text.splitlines()[faults[0].line - 1] or faults[0].line > 5


@pytest.mark.parametrize("text", ["", "[", "{}", '{"year": 2027}', '{"years": {}}', "[1]", "7"])
def test_what_is_no_notice_is_refused(text: str) -> None:
    faults: list[Fault] = []
    assert read_notices(text, "x.json", faults) == []
    assert faults


# --- changes in the past -------------------------------------------------------------------------


def as_announced_in_2019() -> CalendarFile:
    """2020 as the notice of 2019-11-21 had it: 春节 to 30 January, 19 January and 1 February on."""
    days = [
        day
        for day in (date(2020, 1, 24) + timedelta(days=n) for n in range(10))
        if day > date(2020, 1, 30)
    ]
    year = FILE.years[2020]
    names = {
        name: tuple(day for day in listed if day not in days) for name, listed in year.names.items()
    }
    names["春节"] = (*names["春节"], date(2020, 2, 1))
    changed = Year(
        off=tuple(day for day in year.off if day not in days),
        on=tuple(sorted({*year.on, date(2020, 2, 1)})),
        names=names,
        papers=year.papers[:1],
    )
    return FILE.model_copy(
        update={"version": "2019-notice", "years": {**FILE.years, 2020: changed}}
    )


def test_the_extension_of_2020_is_a_change_in_the_past_of_the_calendar_before_it() -> None:
    before = as_announced_in_2019()
    extension = [date(2020, 1, 31), date(2020, 2, 1), date(2020, 2, 2)]
    after = with_changes(before, "2020-extension", extension, (), "春节", "国办发明电〔2020〕1号")
    old, new = calendar_of(before), calendar_of(after)
    assert list(changed_days(old, new)) == [date(2020, 1, 31), date(2020, 2, 1)]
    assert list(changed_days(new, CN)) == []
    assert first_difference(old, new) == date(2020, 1, 31)
    assert new.papers[2020][-1] == "国办发明电〔2020〕1号"
    assert due(old, "2020-01-20T02:00:00", 5) == (date(2020, 2, 1), False)
    assert due(new, "2020-01-20T02:00:00", 5) == (date(2020, 2, 4), False)


def test_two_calendars_differ_first_where_days_hours_or_knowledge_do() -> None:
    assert first_difference(CN, CN) is None
    later = calendar_of(imported(notice(2027, *NOTICE_2027[1:])))
    assert first_difference(CN, later) == date(2026, 12, 31)
    hours = calendar_of(FILE.model_copy(update={"hours": ("08:00-12:00",)}))
    assert first_difference(CN, hours) == date(1990, 1, 1)


# --- the commands --------------------------------------------------------------------------------


def test_the_known_calendar_has_no_difference() -> None:
    if not PUBLISHED.exists():
        pytest.skip("../shared/data is absent")
    for name in ("calendar_2007_2026_five_sources.csv.gz", "holiday-cn_2007_2027.json"):
        found = known.run("calendar", PUBLISHED / name)
        assert (found.cases, found.different) == (7305 * 7, 0)


def test_a_table_that_says_otherwise_is_told_apart(tmp_path: Path) -> None:
    days = [date(2026, 5, 1) + timedelta(days=n) for n in range(31)]
    rows = [f"{day},{int(day.weekday() > 4)}" for day in days]
    path = tmp_path / "table.csv"
    path.write_text("date,my_off\n" + "\n".join(rows), "utf-8")
    assert known.run("calendar", path).different > 0
    path.write_text("day,off\n", "utf-8")
    with pytest.raises(known.KnownUnreadable):
        known.run("calendar", path)


def test_the_command_writes_a_version_that_differs_by_the_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YICHUANG_DATA", str(tmp_path / "none"))
    source, out = tmp_path / "2027.json", tmp_path / "next.yaml"
    source.write_text(notice(2027, *NOTICE_2027), "utf-8")
    assert main(["calendar", "import", str(source), "--out", str(out)]) == 0
    assert main(["calendar", "diff", str(out), "--json"]) == 0
    said = capsys.readouterr().out
    assert "截止 2027-12-31" in said and '"date": "2026-12-31"' in said
    source.write_text(notice(2027, papers=()), "utf-8")
    out.unlink()
    assert main(["calendar", "import", str(source), "--out", str(out)]) == 1
    assert not out.exists()
    assert "2027 年一天也没有" in capsys.readouterr().err
    arguments = ["calendar", "change", "--off", "2026-12-28", "--for", "国葬日", "--paper", "国办"]
    assert main([*arguments, "--out", str(out)]) == 0
    assert main(["calendar", "diff", str(out)]) == 0
    assert "2026-12-28 改为放假 国葬日" in capsys.readouterr().out
    assert main(["calendar", "show", "--year", "2027"]) == 0
    assert "（暂定）" in capsys.readouterr().out
