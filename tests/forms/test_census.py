"""The page of the census: who sees it, what it says when all is well and when it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete

from cases import census, leases
from cases.armed import Fault
from cases.census import Looked
from cases.census_view import LEASE, CensusView, as_json, census_view, shortly
from cases.database import reading
from cases.tables import census as census_table
from cases.tables import lease
from tests.forms.conftest import Browsers
from tests.forms.town import Town
from yichuang.commands.census import lines

NONE: dict[str, Any] = {"count": 0, "p50": 0.0, "p95": 0.0, "max": 0.0}
SAID: dict[str, Any] = {
    "watched": 7,
    "waiting": 5,
    "unproven": 0,
    "late_hour": NONE,
    "late_day": NONE,
}
ZONE = ZoneInfo("Asia/Shanghai")

Taken = Callable[..., CensusView]


@pytest.fixture(autouse=True)
def untaken(town: Town) -> None:
    """The town serves every test of the room: no census was taken yet."""
    with town.cases.begin() as connection:
        connection.execute(delete(census_table))
        connection.execute(delete(lease))


@pytest.fixture
def taken(town: Town) -> Taken:
    """Note a census of so many seconds ago, with these faults by case; return the view of now."""

    def take(
        *wrong: tuple[str, Fault], seconds: float = 5, now: datetime | None = None, **more: Any
    ) -> CensusView:
        now = now or datetime.now(UTC)
        at = now - timedelta(seconds=seconds)
        with town.cases.begin() as connection:
            looks = [Looked(case, 1, at, fault=fault, fault_since=at) for case, fault in wrong]
            connection.execute(delete(census_table))
            census.save(connection, looks)
            leases.take(connection, LEASE, "w", at, timedelta(minutes=1))
            leases.note(connection, LEASE, "w", at, SAID | more)
        with reading(town.cases) as connection:
            return census_view(connection, now)

    return take


@pytest.mark.parametrize(("login", "status"), [("feng", 200), ("sysadmin", 200), ("chen", 403)])
def test_the_page_is_for_supervisors_and_the_system_administrator(
    browser: Browsers, login: str, status: int
) -> None:
    assert browser(login).get("/census").status_code == status


def test_before_the_first_round_the_page_says_so(browser: Browsers) -> None:
    assert "还没有对过账" in browser("sysadmin").get("/census").text


def test_when_all_is_well_the_page_shows_0_0(browser: Browsers, taken: Taken) -> None:
    assert taken().is_well
    page = browser("sysadmin").get("/census").text
    assert "0/0" in page and "定时器不符的办件" not in page


def test_a_wrong_case_is_named_with_its_fault(browser: Browsers, taken: Taken) -> None:
    view = taken(("c1", "unarmed"), ("c2", "stray"))
    assert not view.is_well
    page = browser("sysadmin").get("/census").text
    assert "1/1" in page and "c1" in page and "有待响的时刻而没有定时器" in page
    assert 'href="/cases/c1"' not in page  # no way into cases for the system administrator


def test_a_supervisor_finds_a_link_to_the_case(browser: Browsers, taken: Taken) -> None:
    taken(("c1", "unarmed"))
    assert 'href="/cases/c1"' in browser("feng").get("/census").text


def test_the_page_is_there_in_english(browser: Browsers, taken: Taken) -> None:
    taken(("c1", "wedged"))
    reader = browser("sysadmin")
    reader.get("/language/en")
    assert "The workflow task fails again and again" in reader.get("/census").text


def test_a_census_is_of_now_for_a_minute(taken: Taken) -> None:
    now = datetime.now(UTC)
    assert taken(seconds=60, now=now).is_well
    later = now + timedelta(hours=1)
    assert not taken(seconds=60.001, now=later).is_fresh


def test_what_is_away_is_told_and_nothing_is_well_then(browser: Browsers, taken: Taken) -> None:
    since = datetime.now(UTC).isoformat()
    view = taken(away="没有进程在领取任务", away_since=since)
    assert not view.is_well
    assert "没有进程在领取任务" in shortly(view)
    assert "没有进程在领取任务" in browser("sysadmin").get("/census").text


def test_one_sentence_names_the_first_cases_and_is_empty_when_all_is_well(taken: Taken) -> None:
    assert shortly(taken()) == ""
    said = shortly(taken(*[(f"c{n}", "unarmed") for n in range(7)]))
    assert "7/0" in said and "c4等" in said and "c5" not in said


def test_the_command_says_the_same_in_words_and_in_json(taken: Taken) -> None:
    view = taken(("c1", "late"))
    said = "\n".join(lines(view, ZONE))
    assert "1/0" in said and "c1  定时器过时未响" in said
    told = json.loads(json.dumps(as_json(view)))
    assert (told["well"], told["unarmed"], told["stray"], told["overdue"]) == (False, 1, 0, 0)
    assert [(one["case_no"], one["fault"]) for one in told["cases"]] == [("c1", "late")]
