"""The page of the responsibility table: who is sent here, why, and what rulings taught."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cases.incident_lines import Ruled, learn
from cases.messages import Grant
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import Town
from tests.granting import regrant

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def officer_of(town: Town) -> None:
    """Zhao is a duty officer of the command centre."""
    regrant(town.web, town.ids["zhao"], [Grant(role="duty_officer", department="zhzx")])


@pytest.fixture
def officer(browser: Browsers) -> Browser:
    return browser("zhao")


def row(page: str, name: str) -> str:
    """Return the line of one kind."""
    return next(
        line for line in page.split("<tr>") if line.startswith(f'<td class="nowrap">{name}</td>')
    )


def test_who_is_sent_in_a_street_is_told_with_reason_and_article(officer: Browser) -> None:
    page = officer.get("/responsibility?street=jd2").text
    gas = row(page, "燃气泄漏")
    for words in ("燃气集团", "市消防救援支队、学府街道", "责任清单 ZR-2002", "城镇燃气管理条例"):
        assert words in gas
    assert "部件先属主后属地" in row(page, "路灯不亮")
    assert "学府街道</td>" in row(page, "暴露垃圾")


def test_without_a_street_an_event_goes_to_whose_business_it_is(officer: Browser) -> None:
    page = officer.get("/responsibility?street=nowhere").text
    assert "市城管局</td>" in row(page, "暴露垃圾")
    assert "还没有裁定" in page


def test_what_a_ruling_taught_stands_below_and_in_the_line(officer: Browser, town: Town) -> None:
    taught = Ruled(
        "i1", "云突〔2026〕000007号", "c1", "waste_dump", "jd4", "cgj", "moves", "u:zhong", AT
    )
    with town.cases.begin() as connection:
        learn(connection, taught)
    page = officer.get("/responsibility?street=jd4").text
    line = row(page, "暴露垃圾")
    assert "市城管局</td>" in line
    assert "云突〔2026〕000007号的派单仲裁裁定" in line
    assert page.count("云突〔2026〕000007号") == 2
    elsewhere = officer.get("/responsibility?street=jd2").text
    assert "学府街道</td>" in row(elsewhere, "暴露垃圾")


def test_kinds_have_english_names(officer: Browser) -> None:
    officer.get("/language/en", follow_redirects=False)
    page = officer.get("/responsibility?street=jd2").text
    assert ">Gas Group<" in row(page, "Gas leak")


def test_who_has_no_incidents_does_not_see_it(browser: Browsers) -> None:
    page = browser("huang")
    assert page.get("/responsibility").status_code == 403
    assert "/responsibility" not in page.get("/").text
