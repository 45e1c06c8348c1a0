"""What everybody reads of projects, and the programme as the project that carries it out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from cases.plan.figures import expected, light, shown, yellow_from
from cases.project_public import PublicProject
from cases.project_tables import project
from catalogue.kpis import load_kpis
from tests.forms.conftest import Browsers, browser, town
from tests.forms.project_rows import Maker, evidence
from tests.forms.town import ADDRESS, Town

__all__ = ["browser", "town"]

TODAY = date(2026, 11, 27)
LEADER = ("凌领导", "zxb", (("leader", "*"),))
CLERK = ("徐项目", "zxb", (("project_clerk", "zxb"),))


@pytest.fixture(scope="module")
def city(town: Town) -> Town:
    town.settle_in("zuzhang", LEADER)
    town.settle_in("bansheng", CLERK)
    town.today = datetime(2026, 11, 27, 4, tzinfo=UTC)
    return town


@pytest.fixture(scope="module")
def maker(city: Town) -> Iterator[Maker]:
    yield Maker(city.cases, TODAY)


def open_page(town: Town, address: str) -> str:
    with TestClient(town.app(), base_url=ADDRESS) as stranger:
        answer = stranger.get(address)
    assert answer.status_code == 200
    return str(answer.text)


def test_without_a_project_of_it_the_programme_has_its_year_ends_and_a_way_to_open_one(
    city: Town, browser: Browsers
) -> None:
    shown = browser("bansheng").get("/plan").text
    assert "/projects/new?template=programme" in shown and "2026-12-31" in shown
    assert "/projects/new" not in browser("zuzhang").get("/plan").text


def test_the_programme_shows_what_its_project_plans_and_has_reached(
    city: Town, browser: Browsers, maker: Maker
) -> None:
    maker.project(
        "智慧城市建设实施计划",
        [
            evidence("organisation", "成立文件和第一次会议纪要"),
            ("achieve", {"milestone": "organisation", "on": "2026-03-20"}),
            ("forecast", {"milestone": "networks", "on": "2027-02-03"}),
        ],
        template="programme", starts_on="2026-01-01",
    )  # fmt: skip
    page = browser("zuzhang").get("/plan").text
    line = next(row for row in page.split("<tr>") if "领导小组和专项办公室成立并运行" in row)
    assert "2026-04-01" in line and "2026-03-20" in line and "已完成" in line
    late = next(row for row in page.split("<tr>") if "物联网基础网络" in row)
    assert "预计 2027-02-03" in late and "2026-12-27" in late
    (address,) = re.findall(r'href="(/projects/[0-9a-f-]{36})"', page)
    assert browser("zuzhang").get(address).status_code == 200
    public = open_page(city, "/progress")
    assert "2026-03-20" in public and "预计 2027-02-03" in public and address not in public


def test_everybody_reads_number_title_stage_and_counts_of_projects_and_nothing_else(
    city: Town, maker: Maker
) -> None:
    maker.project(
        "滨江路<改造>",
        [("add_risk", {"title": "管线不明", "level": "high"}),
         ("sign_contract", {"operator": "spv1", "number": "XY-1", "signed_on": "2026-11-01",
                            "ends_on": "2051-10-31"})],
        template="concession", regime="concession", user_pays=True, term_years=25,
        starts_on="2026-11-01",
    )  # fmt: skip
    with city.cases.connect() as connection:
        total = connection.execute(select(func.count()).select_from(project)).scalar_one()
    shown, said = open_page(city, "/progress"), f"共 {total} 个项目"
    assert "滨江路&lt;改造&gt;" in shown and said in shown
    for secret in ("管线不明", "spv1", "XY-1", "云川智停", "/projects/"):
        assert secret not in shown
    assert {one.name for one in fields(PublicProject)} == {
        "number", "title", "template", "state", "stage", "milestones", "planned", "achieved",
        "next_on",
    }  # fmt: skip
    assert said in open_page(city, "/progress?page=99999")
    assert said in open_page(city, "/progress?page=x")


def test_the_limits_on_a_number_s_page_are_those_by_which_it_is_judged(
    city: Town, browser: Browsers
) -> None:
    page = browser("zuzhang")
    for code, words in (("fund", "不低于"), ("response", "不超过")):
        kpi = load_kpis().by_code[code]
        asked = expected(kpi, load_kpis().begins_on, TODAY)
        assert asked is not None
        text = page.get(f"/plan/{code}").text
        said = rf"的路径值：{words} {re.escape(shown(asked))} 绿灯，{words} "
        assert re.search(said + re.escape(shown(yellow_from(kpi, asked))), text), code
        assert "<svg" in text


@pytest.mark.parametrize("code", ["fund", "response", "carbon", "living_circle"])
def test_a_value_at_the_limit_is_yellow_and_one_beyond_is_red(code: str) -> None:
    kpi = load_kpis().by_code[code]
    asked = expected(kpi, load_kpis().begins_on, TODAY)
    assert asked is not None
    edge, worse = yellow_from(kpi, asked), (-1 if kpi.direction == "at_least" else 1)
    assert light(kpi, asked, asked) == "green"
    assert light(kpi, edge, asked) == "yellow"
    assert light(kpi, edge + worse * asked / 10**9, asked) == "red"
    assert light(kpi, asked + worse * asked / 10**9, asked) == "yellow"


def test_behind_the_pilot_areas_stand_their_projects_as_far_as_one_may_list_them(
    city: Town, browser: Browsers, maker: Maker
) -> None:
    maker.project("滨江试点区域", [], template="pilot_area", starts_on="2026-06-01")
    page = browser("zuzhang").get("/plan/pilots").text
    assert re.search(r"共 1 件，您可查阅其中 1 件", page)
    (address,) = re.findall(r'href="(/projects/[0-9a-f-]{36})"', page)
    assert browser("zuzhang").get(address).status_code == 200
