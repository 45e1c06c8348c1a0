"""The pages of the plan: read by the office, reported by who answers, and open to everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from cases.messages import Grant
from cases.plan_tables import plan_report
from cases.tables import case
from catalogue.load import load_catalogue
from forms.suggest import TOPICS
from tests.forms.conftest import Browser, Browsers, browser, town
from tests.forms.town import ADDRESS, Town
from tests.granting import regrant
from yichuang.service_seeds import OFFICE, seed_city

__all__ = ["browser", "town"]

DAY = (date.today() - timedelta(days=30)).isoformat()  # noqa: DTZ011 -- any day not long ago
FORM = {"on": DAY, "numerator": "10000", "denominator": "10000", "note": "",
        "evidence": "抽检表.pdf", "sha256": "a" * 64}  # fmt: skip


@pytest.fixture(autouse=True)
def office(town: Town) -> Iterator[None]:
    """Let one report for the city's cleaning and one lead, for one test: the town serves all."""
    before = {login: town.accounts.find(town.ids[login]) for login in ("jiang", "gaojian")}
    regrant(town.web, town.ids["jiang"], [Grant(role="plan_reporter", department="cgj")])
    regrant(town.web, town.ids["gaojian"], [Grant(role="leader", department="gov")])
    yield
    for login, account in before.items():
        assert account is not None
        regrant(town.web, town.ids[login], account.grants)


def post(page: Browser, address: str, form: dict[str, str], command: str = "") -> tuple[int, str]:
    data = form | {"csrf": page.token(address), "command": command or str(uuid4())}
    answer = page.post(address.split("?")[0], data=data, follow_redirects=False)
    return answer.status_code, answer.text


def reports(town: Town) -> list[object]:
    with town.cases.connect() as connection:
        return list(connection.execute(select(plan_report.c.id, plan_report.c.revision)))


def test_who_answers_reports_corrects_and_the_leader_sees_it(town: Town, browser: Browsers) -> None:
    page = browser("jiang")
    assert "/plan/waste/report" in page.get("/plan").text
    before = len(reports(town))
    status, _ = post(page, "/plan/waste/report", FORM, "the-same")
    assert status == 303
    assert post(page, "/plan/waste/report", FORM, "the-same")[0] == 303
    assert len(reports(town)) == before + 1
    shown = page.get("/plan/waste").text
    assert "100 %" in shown and "抽检表.pdf" in shown and "绿灯" in shown
    status, again = post(page, "/plan/waste/report", FORM)
    assert status == 422 and "更正须写明所更正的填报" in again
    (link,) = re.findall(r'href="(/plan/waste/report\?corrects=[0-9a-f-]+)"', shown)
    corrects = {"corrects": link.partition("=")[2], "numerator": "100"}
    status, again = post(page, link, FORM | corrects)
    assert status == 422 and "理由" in again
    assert post(page, link, FORM | corrects | {"note": "重复计算"})[0] == 303
    shown = browser("gaojian").get("/plan/waste").text
    assert "1 %" in shown and "已更正" in shown and "红灯" in shown
    assert "/plan/waste/report" not in shown


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"numerator": "10001"}, "numerator"),
        ({"numerator": "-1"}, "numerator"),
        ({"numerator": "1.5"}, "numerator"),
        ({"denominator": "0"}, "denominator"),
        ({"on": "2025-12-30"}, "on"),
        ({"on": "2999-01-01"}, "on"),
        ({"on": ""}, "on"),
        ({"sha256": "abc"}, "sha256"),
        ({"evidence": ""}, "evidence"),
    ],
)
def test_what_cannot_be_comes_back_beside_its_field(
    town: Town, browser: Browsers, changes: dict[str, str], field: str
) -> None:
    before = reports(town)
    status, shown = post(browser("jiang"), "/plan/waste/report", FORM | changes)
    assert status == 422 and f'id="f-{field}-fault"' in shown
    assert reports(town) == before


def test_another_s_number_and_one_of_our_own_have_no_form(browser: Browsers) -> None:
    page = browser("jiang")
    for address in ("/plan/carbon/report", "/plan/response/report", "/plan/no-such"):
        assert page.get(address).status_code == 404
    assert browser("gaojian").get("/plan/waste/report").status_code == 404


def test_everybody_reads_the_progress_and_nobody_s_name(town: Town) -> None:
    with TestClient(town.app(), base_url=ADDRESS) as stranger:
        shown = stranger.get("/progress")
        assert shown.status_code == 200
        assert shown.text.count('class="pill') >= 17
        for words in ("突发事件响应", "阶段四", "今年以来", "智慧城市建设方案"):
            assert words in shown.text
        assert "/plan/" not in shown.text and "/cases/" not in shown.text
        assert stranger.get("/plan", follow_redirects=False).status_code == 303
        english = stranger.get("/language/en?next=/progress", follow_redirects=True)
        assert english.status_code in (200, 404)


def test_behind_a_number_stand_only_the_cases_that_its_reader_may_list(
    town: Town, browser: Browsers
) -> None:
    town.file()
    with town.cases.connect() as connection:
        numbers = set(connection.execute(select(case.c.case_no)).scalars())
    assert numbers
    shown = browser("gaojian").get("/plan/window").text
    assert not [one for one in numbers if one in shown]
    assert re.search(r"共 \d+ 件，您可查阅其中 0 件", shown)


SUGGESTION = {"topic": "交通出行", "content": "请增设公交站 <b>", "name": "何市民", "phone": ""}


def suggest(client: TestClient, form: dict[str, str], command: str = "") -> tuple[int, str]:
    shown = client.get("/suggest").text
    (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', shown)
    (fresh,) = re.findall(r'name="command" value="([^"]+)"', shown)
    data = form | {"csrf": csrf, "command": command or fresh}
    answer = client.post("/suggest", data=data, headers={"origin": ADDRESS})
    return answer.status_code, answer.text


def test_anybody_files_a_suggestion_once_and_asks_after_it_by_number_and_code(
    town: Town,
) -> None:
    seed_city(town.accounts, datetime.now(UTC))
    key = str(uuid4())
    with TestClient(town.app(), base_url=ADDRESS) as stranger:
        status, shown = suggest(stranger, SUGGESTION, key)
        assert status == 200 and "已收到您的建议" in shown, re.findall('fault">([^<]+)', shown)
        number, code = re.findall(r'<dd class="(?:number|mono)">([^<]+)</dd>', shown)
        assert number in suggest(stranger, SUGGESTION, key)[1]
        page = stranger.get("/status").text
        (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', page)
        asked = {"case_no": number, "code": code, "csrf": csrf}
        told = stranger.post("/status", data=asked, headers={"origin": ADDRESS}).text
        assert "市民建议" in told
    with town.cases.connect() as connection:
        query = select(case).where(case.c.matter == "citizen-suggestion")
        (row,) = connection.execute(query).all()
    assert (row.case_no, row.department, row.channel) == (number, "zxb", "computer")


@pytest.mark.parametrize(
    "changes", [{"topic": ""}, {"topic": "天气"}, {"content": "好"}, {"name": ""}, {"phone": "12"}]
)
def test_a_suggestion_that_says_nothing_comes_back(town: Town, changes: dict[str, str]) -> None:
    seed_city(town.accounts, datetime.now(UTC))
    with TestClient(town.app(), base_url=ADDRESS) as stranger:
        status, shown = suggest(stranger, SUGGESTION | changes)
    assert status == 422 and "已收到" not in shown


def test_the_topics_and_the_office_are_those_of_the_matter() -> None:
    matter = load_catalogue().matter_in_force("citizen-suggestion", date(2026, 12, 1))
    properties = matter.form["properties"]
    assert isinstance(properties, dict) and isinstance(properties["topic"], dict)
    assert properties["topic"]["enum"] == list(TOPICS) and matter.department == OFFICE


def answered(town: Town, number: str) -> None:
    """Carry a suggestion to its end, as the office does."""
    case_id = town.queries.find_case(number)
    assert case_id is not None
    for who, role, verb, body in (
        ("zxchuang", "window_clerk", "accept", {}),
        ("zxban", "section_clerk", "opine",
         {"task": "review-answer", "result": "agree", "text": "已列入计划。"}),
        ("zxzhang", "section_head", "decide", {"result": "grant"}),
        ("zxzheng", "certificate_desk", "certify",
         {"certificate": "市民建议答复书", "number": f"DF-{number}"}),
        ("zxchuang", "window_clerk", "serve", {"method": "direct", "recipient": "何市民"}),
        ("zxchuang", "window_clerk", "close", {}),
    ):  # fmt: skip
        if who not in town.ids:
            town.settle_in(who, (who, "zxb", ((role, "zxb"),)))
        town.order(who, verb, dict(body), case_id)


def rate(client: TestClient, typed: dict[str, str], command: str = "") -> tuple[int, str]:
    shown = client.get("/suggest/rate").text
    (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', shown)
    (fresh,) = re.findall(r'name="command" value="([^"]+)"', shown)
    data = {"text": "", "step": "confirmed"} | typed | {"csrf": csrf, "command": command or fresh}
    answer = client.post("/suggest/rate", data=data, headers={"origin": ADDRESS})
    return answer.status_code, answer.text


def test_whoever_holds_number_and_code_rates_the_answer_once_it_was_given(town: Town) -> None:
    seed_city(town.accounts, datetime.now(UTC))
    with TestClient(town.app(), base_url=ADDRESS) as stranger:
        _, shown = suggest(stranger, SUGGESTION)
        number, code = re.findall(r'<dd class="(?:number|mono)">([^<]+)</dd>', shown)
        typed = {"case_no": number, "code": code, "grade": "4", "text": "没有答到点上"}
        status, early = rate(stranger, typed)
        assert status == 422 and "还没有办结" in early
        answered(town, number)
        for wrong in ({"code": "AAAAAAAAAAAA"}, {"grade": ""}, {"grade": "6"}, {"case_no": "X"}):
            assert rate(stranger, typed | wrong)[0] == 422
        key = str(uuid4())
        status, done = rate(stranger, typed, key)
        assert status == 200 and "已收到您的评价" in done, re.findall('fault">([^<]+)', done)
        status, again = rate(stranger, typed)
        assert status == 422 and "已经评价过" in again
        public = stranger.get("/progress").text
    assert "评价 1 条，满意 0 条" in public
    with town.cases.connect() as connection:
        row = connection.execute(select(case).where(case.c.case_no == number)).one()
    assert (row.grade, row.stage) == (4, "rectification")


def test_another_case_s_number_and_code_rate_nothing(town: Town) -> None:
    seed_city(town.accounts, datetime.now(UTC))
    filed = town.file()
    code = town.queries.public_code(filed.case_id)
    typed = {"case_no": filed.case_no, "code": code or "", "grade": "1"}
    with TestClient(town.app(), base_url=ADDRESS) as stranger:
        status, shown = rate(stranger, typed)
    assert status == 422 and "没有这样的建议" in shown
