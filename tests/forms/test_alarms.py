"""The pages of alarms of readings: who sees them, what they say, what was refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, insert, update

from cases.readings_tables import (
    batch,
    dead_reading,
    reading_alarm,
    reading_alarm_event,
    reading_hour,
    series,
)
from rules.evaluate import evaluate
from rules.load import example_instant, load_packs
from tests.forms.conftest import Browsers
from tests.forms.town import Town

NOW = datetime(2026, 11, 26, 4, tzinfo=UTC)
HOUR = int(NOW.timestamp()) // 3600
RULING = (
    '{"pack":"x","version":"2026.1","digest":"d","engine":"durable_rules",'
    '"context":{"mean_24h":251.5,"at":"2026-11-26T04:00:00+00:00"}}'
)
Alarmed = Callable[..., str]


@pytest.fixture(autouse=True)
def quiet(town: Town) -> Iterator[None]:
    """The town serves every test of the room."""
    yield
    with town.readings.begin() as connection:
        for table in (
            reading_alarm, reading_alarm_event, reading_hour, series, batch, dead_reading,
        ):  # fmt: skip
            connection.execute(delete(table))


@pytest.fixture
def alarmed(town: Town) -> Alarmed:
    """Put one alarm into the store; return its id."""

    def put(
        name: str = "a1", *, level: str = "red", cleared: int | None = None, **more: int
    ) -> str:
        with town.readings.begin() as connection:
            connection.execute(
                insert(reading_alarm).values(
                    id=name, machine=len(name), raised_at=HOUR - 5,
                    updated_at=HOUR, cleared_at=cleared, withdrawn=more.get("withdrawn", 0),
                    level=level, rule="day-red", title="日均值<过高>", basis="GBT39046-T11",
                    pack="x", version="2026.1", digest="d", station="north-gate", item="pm25",
                    kind="observed", department="sthj", district="yunxi", recorded_at=NOW,
                    changed_at=NOW,
                )
            )  # fmt: skip
            connection.execute(
                insert(reading_alarm_event).values(
                    alarm_id=name, n=1, kind="raised", at=HOUR - 5, level=level, rule="day-red",
                    ruling=RULING, recorded_at=NOW,
                )
            )  # fmt: skip
        return name

    return put


@pytest.mark.parametrize(("login", "status"), [("feng", 200), ("chen", 403), ("sysadmin", 403)])
def test_the_list_is_for_supervisors_and_heads(browser: Browsers, login: str, status: int) -> None:
    assert browser(login).get("/alarms").status_code == status


def test_before_the_first_reading_the_page_says_so(browser: Browsers) -> None:
    page = browser("feng").get("/alarms").text
    assert "还没有收到读数" in page and "没有这样的警报：" in page


def test_an_open_alarm_is_listed_with_level_in_words_station_rule_and_article(
    browser: Browsers, alarmed: Alarmed
) -> None:
    alarmed()
    page = browser("feng").get("/alarms").text
    assert "红色" in page and "北门站" in page and "日均值&lt;过高&gt;" in page
    assert "政务服务平台基础数据规范" in page and 'href="/alarms/a1"' in page


def test_a_filter_stands_in_the_address_and_leaves_the_others_out(
    browser: Browsers, alarmed: Alarmed
) -> None:
    alarmed("a1")
    alarmed("b22", level="yellow")
    alarmed("c333", cleared=HOUR - 1)
    alarmed("d4444", withdrawn=1)
    reader = browser("feng")

    def listed(query: str) -> set[str]:
        page = reader.get(f"/alarms?{query}").text
        names = ("a1", "b22", "c333", "d4444")
        return {name for name in names if f'href="/alarms/{name}"' in page}

    assert listed("") == {"a1", "b22"}
    assert listed("state=open&level=yellow") == {"b22"}
    assert listed("state=cleared") == {"c333"}
    assert listed("state=withdrawn") == {"d4444"}
    assert listed("state=all") == {"a1", "b22", "c333", "d4444"}
    assert listed("station=yunxi-park") == set()
    assert listed("state=nonsense&level=nonsense&page=x") == {"a1", "b22"}


def test_an_alarm_says_why_with_its_values_and_draws_its_hours(
    browser: Browsers, alarmed: Alarmed, town: Town
) -> None:
    alarmed()
    with town.readings.begin() as connection:
        connection.execute(
            insert(series).values(id=1, station="north-gate", item="pm25", kind="observed")
        )
        connection.execute(
            insert(reading_hour),
            [
                {
                    "series": 1, "hour": HOUR - n, "n": 1, "valid": 1, "flag": "",
                    "mean": None if n == 3 else 200_000_000 + n, "last": 251_500_000, "n8": 0,
                    "s8": 0, "n24": 0, "s24": 0, "verdict": "",
                }
                for n in range(9)
            ],
        )  # fmt: skip
    page = browser("feng").get("/alarms/a1").text
    assert "251.5" in page and "<svg" in page and "发出时的数值" in page


def test_an_alarm_that_is_not_there_is_not_found(browser: Browsers) -> None:
    assert browser("feng").get("/alarms/nobody").status_code == 404


def test_a_refused_reading_is_listed_with_reason_and_remedy(browser: Browsers, town: Town) -> None:
    with town.readings.begin() as connection:
        connection.execute(
            insert(dead_reading).values(
                stream_seq=1, place=3, digest="d", subject="tel.demo.sthj.portal.readings",
                field="data.readings[3].value", reason="nan 不是数", remedy="写数", body="<x>",
                at=NOW,
            )
        )  # fmt: skip
    page = browser("intake").get("/alarms/dead").text
    assert "data.readings[3].value" in page and "写数" in page and "&lt;x&gt;" in page


def test_the_pages_are_there_in_english(browser: Browsers, alarmed: Alarmed) -> None:
    alarmed()
    reader = browser("feng")
    reader.get("/language/en")
    page = reader.get("/alarms").text
    assert "Alarms of readings" in page and "North Gate" in page and ">Red<" in page
    assert "What was said" in reader.get("/alarms/a1").text
    reader.get("/language/zh")


def test_an_alarm_gives_its_rule_its_comparisons_and_the_smallest_difference(
    browser: Browsers, alarmed: Alarmed, town: Town
) -> None:
    pack = load_packs()["air"]
    rule = next(one for one in pack.definition.rules if one.alarm and one.in_force_until is None)
    example = next(one for one in rule.examples if one.holds)
    ruling = evaluate(pack, example.given, example_instant(pack, rule, example))
    alarmed()
    with town.readings.begin() as connection:
        connection.execute(
            update(reading_alarm_event).values(rule=rule.id, ruling=ruling.model_dump_json())
        )
    page = browser("feng").get("/alarms/a1").text
    for part in (rule.title.zh, "规则所问", "改动最小而结果不同", pack.digest[:16]):
        assert part in page, part
    altered = ruling.model_copy(update={"fired": ()})
    with town.readings.begin() as connection:
        connection.execute(update(reading_alarm_event).values(ruling=altered.model_dump_json()))
    assert "重算的结果与存下的不同" in browser("feng").get("/alarms/a1").text


def test_an_alarm_of_a_whole_station_has_a_chart_of_each_of_its_items(
    browser: Browsers, town: Town, alarmed: Alarmed
) -> None:
    alarmed()
    with town.readings.begin() as connection:
        connection.execute(update(reading_alarm).values(item=""))
        known = [(1, "pm25", "observed"), (2, "no2", "observed"), (3, "", "observed"),
                 (4, "o3", "forecast")]  # fmt: skip
        connection.execute(
            insert(series),
            [
                {"id": n, "station": "north-gate", "item": item, "kind": kind}
                for n, item, kind in known
            ],
        )
        connection.execute(
            insert(reading_hour),
            [
                {
                    "series": number, "hour": HOUR - n, "n": 1, "valid": 1, "flag": "",
                    "mean": 80_000_000 + n, "last": 80_000_000, "n8": 0, "s8": 0, "n24": 0,
                    "s24": 0, "verdict": "",
                }
                for number in (1, 2, 4)
                for n in range(6)
            ],
        )  # fmt: skip
    page = browser("feng").get("/alarms/a1").text
    assert page.count("<svg") == 2 and "细颗粒物" in page and "二氧化氮 (µg/m³)" in page
    assert "臭氧" not in page
