"""Citizens: in by a real OpenID provider, apply on line, see and supply what is theirs alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from sqlalchemy import select, text
from starlette.routing import Route
from starlette.testclient import TestClient

from cases.citizens import IDLE, subject_of
from cases.reception import NotNow
from cases.tables import case
from cases.web_tables import citizen, citizen_case, citizen_session
from forms.citizen import ENTRY_COOKIE
from forms.citizen_routes import citizen_routes
from forms.cookies import CITIZEN_COOKIE
from tests.forms.online import (
    FOOD,
    NEEDED,
    WANG,
    come_in,
    filed,
    hidden,
    papers,
    send,
    way_back,
)
from tests.forms.test_case import decided_upon
from tests.forms.town import ADDRESS, Town

ENTRANCES = ("/mine/sign", "/mine/go", "/mine/callback", "/mine/leave")


@pytest.fixture
def browser(city: Town) -> Iterator[TestClient]:
    with TestClient(city.app(), base_url=ADDRESS, follow_redirects=False) as client:
        yield client


def test_nobody_applies_where_the_city_has_no_identity_provider(town: Town) -> None:
    with TestClient(town.app(), base_url=ADDRESS) as client:
        assert "还没有接入统一身份认证" in client.get("/mine").text
        assert "/apply/" not in client.get("/guides/food-operation").text


def test_a_page_of_citizens_asks_for_the_sign_in_and_leads_back(browser: TestClient) -> None:
    there = browser.get("/apply/food-operation")
    assert there.headers["location"] == "/mine/sign-in?next=/apply/food-operation"
    assert "/mine/go?next=/apply/food-operation" in browser.get(there.headers["location"]).text
    come_in(browser, there="/apply/food-operation")
    page = browser.get("/apply/food-operation").text
    assert "王小明" in page and "1101**********1234" in page and WANG["id_number"] not in page


@pytest.mark.parametrize(
    "route",
    [one for one in citizen_routes(1) if not str(one.path).startswith(ENTRANCES)],
    ids=lambda one: f"{sorted(one.methods)[-1]} {one.path}",
)
def test_nothing_of_citizens_opens_without_their_session(
    city: Town, browser: TestClient, route: Route
) -> None:
    path = route.path.format(matter="food-operation", case_no="X", paper="Y")
    verb = "POST" if "POST" in (route.methods or ()) else "GET"
    csrf = hidden(browser.get("/status").text, "csrf") if verb == "POST" else ""
    answer = browser.request(verb, path, data={"csrf": csrf}, headers={"origin": ADDRESS})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/mine/sign-in?")


def test_what_the_provider_says_stands_sealed_and_the_cookie_as_a_digest(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    with city.web.connect() as connection:
        people = connection.execute(select(citizen)).all()
        tokens = connection.execute(select(citizen_session.c.token)).scalars().all()
    assert people and tokens
    for one in people:
        assert "王小明".encode() not in one.sealed and "wang" not in one.subject
    assert browser.cookies[CITIZEN_COOKIE] not in tokens
    come_in(browser)
    with city.web.connect() as connection:
        assert len(connection.execute(select(citizen)).all()) == len(people)


@pytest.mark.parametrize("sub", ["nobody"])
def test_whom_the_provider_does_not_name_is_not_let_in(browser: TestClient, sub: str) -> None:
    answer = browser.get(way_back(browser, sub))
    assert answer.status_code == 422 and "没有给出您的姓名" in answer.text
    assert CITIZEN_COOKIE not in browser.cookies


def test_a_sign_in_that_another_browser_began_is_refused(city: Town, browser: TestClient) -> None:
    back = way_back(browser, "wang")
    with TestClient(city.app(), base_url=ADDRESS, follow_redirects=False) as other:
        assert other.get(back).status_code == 422
        other.get("/mine/go")  # it has a secret of its own, and it is not the one
        answer = other.get(back)
        assert answer.status_code == 422 and "同一个浏览器" in answer.text
        assert CITIZEN_COOKIE not in other.cookies
    assert browser.get(back).status_code == 303


@pytest.mark.parametrize("changed", ["state", "code"])
def test_a_changed_answer_is_refused(browser: TestClient, changed: str) -> None:
    back = way_back(browser, "wang")
    query = {name: value for name, (value,) in parse_qs(urlsplit(back).query).items()}
    query[changed] = query[changed][:-2] + "xx"
    answer = browser.get("/mine/callback", params=query)
    assert answer.status_code == 422
    assert CITIZEN_COOKIE not in browser.cookies


def test_a_code_is_good_once(browser: TestClient) -> None:
    back = way_back(browser, "wang")
    secret = browser.cookies[ENTRY_COOKIE]
    assert browser.get(back).status_code == 303
    browser.cookies.clear()
    browser.cookies.set(ENTRY_COOKIE, secret)
    assert browser.get(back).status_code == 422


def test_a_session_ends_when_it_is_not_used_and_when_one_signs_out(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    secret = browser.cookies[CITIZEN_COOKIE]
    now = datetime.now(UTC)
    assert city.citizens.store.find(secret, now + IDLE - timedelta(minutes=1)) is not None
    assert city.citizens.store.find(secret, now + 3 * IDLE) is None
    page = browser.get("/mine").text
    browser.post("/mine/sign-out", data={"csrf": hidden(page, "csrf")}, headers={"origin": ADDRESS})
    assert city.citizens.find(secret) is None


# --- applying ------------------------------------------------------------------------------------


def test_a_citizen_files_for_a_company_as_its_agent_and_finds_the_case_again(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    number = filed(browser)
    with city.cases.connect() as connection:
        (row,) = connection.execute(select(case).where(case.c.case_no == number)).all()
    assert (row.channel, row.department, row.stage) == ("computer", "scjg", "pre_review")
    asked = [one for one in city.reception.asked if one.verb == "file"][-1]
    assert asked.body["agent"]["name"] == "王小明"
    assert asked.body["applicant"]["id_number"] == FOOD["applicant.id_number"]
    assert {one["code"] for one in asked.body["materials"]} == {
        "application", "premises", "safety-rules",
    }  # fmt: skip
    page = browser.get(f"/mine/{number}?done=file").text
    assert "申请已经提交" in page and row.public_code in page and "正在预审" in page
    assert number in browser.get("/mine").text


def test_the_same_form_sent_twice_is_one_case(city: Town, browser: TestClient) -> None:
    come_in(browser)
    page = browser.get("/apply/food-operation").text
    sent = FOOD | {"csrf": hidden(page, "csrf"), "command": hidden(page, "command"), "do": "file"}
    there = [
        browser.post("/apply/food-operation", data=sent, files=NEEDED, headers={"origin": ADDRESS})
        for _ in range(2)
    ]
    assert there[0].headers["location"] == there[1].headers["location"]


def test_a_crash_between_the_order_and_its_answer_leaves_the_case_theirs(
    city: Town, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    come_in(browser)
    page = browser.get("/apply/food-operation").text
    sent = FOOD | {"csrf": hidden(page, "csrf"), "command": hidden(page, "command"), "do": "file"}
    known = set(re.findall("云[^<〕]*〔[^<]*", browser.get("/mine").text))
    real = city.reception.handle

    async def cut_off(*given: Any) -> Any:
        await real(*given)
        raise NotNow("cut off")

    monkeypatch.setattr(city.reception, "handle", cut_off)
    answer = browser.post(
        "/apply/food-operation", data=sent, files=NEEDED, headers={"origin": ADDRESS}
    )
    assert answer.status_code == 503 and "重试不会重复办理" in answer.text
    assert "云川小馆有限公司" in answer.text and "已上传" in answer.text
    with city.web.connect() as connection:
        mine = connection.execute(select(citizen_case.c.case_id)).scalars().all()
    with city.cases.connect() as connection:
        numbers = (
            connection.execute(select(case.c.case_no).where(case.c.id.in_(mine))).scalars().all()
        )
    shown = browser.get("/mine").text
    assert numbers and all(one in shown for one in numbers) and len(numbers) > len(known) - 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"own.phone": ""}, "这一项必须填写"),
        ({"applicant.name": ""}, "这一项必须填写"),
        ({"applicant.kind": "government"}, "这一项填写有误"),
        ({"form.phone": "12"}, "联系电话"),
        ({"form.floor_area_m2": "-1"}, "经营场所面积"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field_and_what_was_typed_is_kept(
    browser: TestClient, changed: dict[str, str], said: str
) -> None:
    come_in(browser)
    answer = send(browser, "/apply/food-operation", FOOD | changed, NEEDED)
    assert answer.status_code == 422 and said in answer.text
    assert "云川市人民大道88号一层" in answer.text and answer.text.count("✓ 已上传") == len(NEEDED)


def test_who_applies_for_themselves_is_asked_for_no_organisation(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    own = {name: text for name, text in FOOD.items() if not name.startswith("applicant.")}
    empty = send(browser, "/apply/food-operation", {"applicant.kind": "natural_person"})
    assert empty.status_code == 422
    assert 'href="#f-applicant-id_number"' not in empty.text
    own["applicant.kind"] = "natural_person"
    done = send(browser, "/apply/food-operation", own, NEEDED)
    assert done.status_code == 303, re.findall("<li>(.+?)</li>", done.text)
    asked = [one for one in city.reception.asked if one.verb == "file"][-1].body
    assert "agent" not in asked
    assert asked["applicant"] == {
        "kind": "natural_person", "name": "王小明", "id_type": "111",
        "id_number": WANG["id_number"], "phone": "13900000001",
    }  # fmt: skip


def test_a_paper_that_must_be_there_is_asked_for(browser: TestClient) -> None:
    come_in(browser)
    answer = send(browser, "/apply/food-operation", FOOD, papers("application", "premises"))
    assert answer.status_code == 422
    assert 'href="#f-file-safety-rules"' in answer.text and "请上传电子文件" in answer.text


def test_a_draft_is_kept_and_gone_on_with(browser: TestClient) -> None:
    come_in(browser)
    answer = send(browser, "/apply/food-operation", FOOD | {"do": "draft"}, papers("application"))
    assert answer.status_code == 303
    again = browser.get(answer.headers["location"]).text
    assert (
        "草稿已保存" in again and "云川市人民大道88号一层" in again and "application.pdf" in again
    )
    assert "食品经营许可" in browser.get("/mine").text


def test_nobody_opens_a_case_or_a_draft_of_another(city: Town, browser: TestClient) -> None:
    come_in(browser)
    number = filed(browser)
    draft = send(browser, "/apply/food-operation", FOOD | {"do": "draft"}).headers["location"]
    with TestClient(city.app(), base_url=ADDRESS, follow_redirects=False) as other:
        come_in(other, "li")
        assert other.get(f"/mine/{number}").status_code == 404
        assert number not in other.get("/mine").text
        assert "云川小馆" not in other.get(draft).text
        for verb in ("supply", "rate"):
            page = other.get("/mine").text
            form = {"csrf": hidden(page, "csrf"), "grade": "1"}
            answer = other.post(f"/mine/{number}/{verb}", data=form, headers={"origin": ADDRESS})
            assert answer.status_code == 404


def test_what_the_notice_asks_for_is_shown_and_handed_in(city: Town, browser: TestClient) -> None:
    come_in(browser)
    number = filed(browser)
    case_id = city.queries.find_case(number)
    assert case_id is not None
    lacking = [{"code": "health-cert", "what": "从业人员健康证明", "why": "三名厨师的"}]
    city.order("chen", "pre_review", {"result": "passed"}, case_id)
    asked = {"lacking": lacking, "supply_within_days": 30}
    city.order("chen", "ask_supplement", asked, case_id)
    page = browser.get(f"/mine/{number}").text
    assert "需要您补正" in page and "三名厨师的" in page and "请在这一天之前补正" in page
    assert "请您补正" in browser.get("/mine").text
    empty = send(browser, f"/mine/{number}/supply", {})
    assert empty.status_code == 422 and "请至少上传一份" in empty.text
    done = send(browser, f"/mine/{number}/supply", {}, papers("health-cert"))
    assert done.status_code == 303, done.text
    state = city.queries.state(case_id)
    assert state is not None and "health-cert" in state.handed_in and state.stage == "received"


def asked_for(city: Town, number: str, *lacking: tuple[str, str]) -> str:
    """Let the office ask for these; return the case."""
    case_id = city.queries.find_case(number)
    assert case_id is not None
    city.order("chen", "pre_review", {"result": "passed"}, case_id)
    asked = [{"code": code, "what": what, "why": "请更正"} for code, what in lacking]
    city.order("chen", "ask_supplement", {"lacking": asked, "supply_within_days": 30}, case_id)
    return case_id


def test_the_fields_that_the_notice_names_are_corrected_and_no_others(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    number = filed(browser)
    case_id = asked_for(
        city, number, ("id_number", "负责人身份证号码"), ("items", "经营项目"),
        ("floor_area_m2", "面积"),
    )  # fmt: skip
    page = browser.get(f"/mine/{number}").text
    names = set(re.findall(r'name="(form\.\w+)"', page))
    assert names == {"form.id_number", "form.items", "form.floor_area_m2"}
    assert 'value="86.5"' in page and 'value="110105199003071234"' in page, "one's own words"
    path, same = f"/mine/{number}/supply", {
        "form.id_number": "110105199003071234", "form.items": "热食类食品制售",
        "form.floor_area_m2": "86.5",
    }  # fmt: skip
    nothing = send(browser, path, same)
    assert nothing.status_code == 422 and "请更正所列的项目" in nothing.text
    bad = send(browser, path, same | {"form.floor_area_m2": "很大"})
    assert bad.status_code == 422 and "应是数字" in bad.text and 'value="很大"' in bad.text
    other = same | {"form.floor_area_m2": "90", "form.operator_name": "别的名字"}
    done = send(browser, path, other)
    assert done.status_code == 303, done.text
    view = city.ports.reader.case(city.actor("chen"), case_id)
    assert view is not None
    assert (view.form["floor_area_m2"], view.form["operator_name"]) == (90, "云川小馆有限公司")
    page = browser.get(f"/mine/{number}").text
    left = set(re.findall(r'name="(form\.\w+)"', page))
    assert left == {"form.id_number", "form.items"}, "what was corrected is asked no more"
    last = same | {"form.id_number": "110105199003071242", "form.items": "冷食类食品制售"}
    assert send(browser, path, last).status_code == 303
    state = city.queries.state(case_id)
    assert state is not None and state.stage == "received"


def test_a_closed_case_is_rated_by_whose_it_is(city: Town, browser: TestClient) -> None:
    come_in(browser)
    with city.web.connect() as connection:
        (me,) = connection.execute(
            select(citizen.c.id).where(citizen.c.subject == subject_of(city_issuer(city), "wang"))
        ).scalars()
    number, case_id = decided_upon(city, "丙公司")
    city.order("zhou", "decide", {"result": "grant"}, case_id)
    city.order("zheng", "certify", {"certificate": "建筑工程施工许可证", "number": "S1"}, case_id)
    city.order("chen", "serve", {"method": "direct", "recipient": "丙公司"}, case_id)
    city.order("chen", "close", {}, case_id)
    assert city.citizens.store.files(me, case_id, datetime.now(UTC))
    assert "请您评价" in browser.get(f"/mine/{number}").text
    assert send(browser, f"/mine/{number}/rate", {}).status_code == 422
    done = send(
        browser, f"/mine/{number}/rate", {"grade": "2", "text": "很快", "step": "confirmed"}
    )
    assert done.status_code == 303, done.text
    with city.cases.connect() as connection:
        grade = connection.execute(select(case.c.grade).where(case.c.id == case_id)).scalar_one()
    assert grade == 2


def test_reading_ones_own_case_is_an_entry(city: Town, browser: TestClient) -> None:
    come_in(browser)
    number = filed(browser)
    before = len(bodies_of(city))
    browser.get(f"/mine/{number}")
    new = bodies_of(city)[before:]
    (read,) = [one for one in new if one["act"] == "read"]
    assert read["who"]["kind"] == "citizen" and read["who"]["id"] != "unknown"
    signed = [one for one in bodies_of(city) if one["act"] == "sign_in"]
    assert {one["obj"]["type"] for one in signed if one["who"]["kind"] == "citizen"} == {"citizen"}


def bodies_of(city: Town) -> list[dict[str, Any]]:
    with city.web.connect() as connection:
        rows = (
            connection.execute(text("SELECT body FROM audit_outbox ORDER BY rowid")).scalars().all()
        )
    return [orjson.loads(bytes(one)) for one in rows]


def city_issuer(city: Town) -> str:
    assert city.citizens.provider is not None
    return city.citizens.provider.issuer
