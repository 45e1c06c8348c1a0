"""What a citizen does with a case of theirs until its end: withdraw, collect, look, leave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from httpx2 import Response
from sqlalchemy import select
from starlette.testclient import TestClient

from cases.citizens import subject_of
from cases.plan_values import own_figures
from cases.tables import case
from cases.web_tables import citizen
from catalogue.kpis import load_kpis
from forms.citizen_ports import Paper
from forms.cookies import CITIZEN_COOKIE
from tests.forms.online import come_in, filed, hidden
from tests.forms.test_case import decided_upon
from tests.forms.test_citizens import bodies_of, city_issuer
from tests.forms.town import ADDRESS, Town


@pytest.fixture
def browser(city: Town) -> Iterator[TestClient]:
    with TestClient(city.app(), base_url=ADDRESS, follow_redirects=False) as client:
        yield client


def of_wang(city: Town, agreed: bool) -> tuple[str, str]:
    """Return number and id of a case of 王小明, decided and certified: what is left is service."""
    with city.web.connect() as connection:
        (me,) = connection.execute(
            select(citizen.c.id).where(citizen.c.subject == subject_of(city_issuer(city), "wang"))
        ).scalars()
    number, case_id = decided_upon(city, "丁公司", electronic_service=agreed)
    city.order("zhou", "decide", {"result": "grant"}, case_id)
    city.order("zheng", "certify", {"certificate": "建筑工程施工许可证", "number": "S1"}, case_id)
    assert city.citizens.store.files(me, case_id, datetime.now(UTC))
    return number, case_id


def stage(city: Town, case_id: str) -> str:
    with city.cases.connect() as connection:
        return str(connection.execute(select(case.c.stage).where(case.c.id == case_id)).scalar())


def decision(page: str) -> str | None:
    found = re.search(r'href="([^"]+/papers/[^"]+)">准予行政许可决定书', page)
    return found and found[1]


def test_collecting_what_was_agreed_to_be_served_on_line_serves_it_once(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    number, case_id = of_wang(city, agreed=True)
    page = browser.get(f"/mine/{number}").text
    assert "文书等您领取" in page and "尚未送达" in page and decision(page) is None
    sent = {"csrf": hidden(page, "csrf"), "command": hidden(page, "command")}
    asked = browser.post(f"/mine/{number}/collect", data=sent, headers={"origin": ADDRESS})
    assert asked.status_code == 200 and "期限从现在起算" in asked.text
    assert stage(city, case_id) == "service", "nothing is served by asking"
    sent["step"] = "confirmed"
    there = [
        browser.post(f"/mine/{number}/collect", data=sent, headers={"origin": ADDRESS})
        for _ in range(2)
    ]
    done = [one.headers.get("location") for one in there]
    assert done == [f"/mine/{number}?done=serve", f"/mine/{number}?done=collected"]
    assert stage(city, case_id) == "closing"
    page = browser.get(there[0].headers["location"]).text
    assert "视为已经送达" in page and "文书等您领取" not in page and "送达回证" in page
    paper = decision(page)
    assert paper is not None
    before = len(bodies_of(city))
    answer = browser.get(paper)
    assert answer.status_code == 200 and answer.content.startswith(b"%PDF-")
    assert answer.headers["content-disposition"].startswith("attachment")
    new = [one for one in bodies_of(city)[before:] if one["obj"]["type"] == "case"]
    assert [(one["act"], one["who"]["kind"], one["obj"]["id"]) for one in new] == [
        ("print", "citizen", case_id)
    ]
    view = city.queries.case_view(case_id, datetime.now(UTC))
    assert view is not None
    served = [one for one in view.timeline if one.verb == "serve"]
    assert len(served) == 1


def test_what_was_issued_again_is_collected_once_and_never_unseen(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    number, case_id = of_wang(city, agreed=True)

    def collect(page: str, **more: str) -> Response:
        sent = {name: hidden(page, name) for name in ("csrf", "command", "of_step")} | more
        return browser.post(f"/mine/{number}/collect", data=sent, headers={"origin": ADDRESS})

    first = browser.get(f"/mine/{number}").text
    assert collect(first, step="confirmed").status_code == 303
    (former,) = [one for one in _papers(city, case_id) if one.kind == "grant"]
    lost = {"document": former.id, "ground": "loss", "reason": "申请人声明遗失"}
    assert city.order("wu", "reissue", lost, case_id).status == "done"
    stale = collect(first, step="confirmed")
    assert stale.status_code == 409 and "文书已经重新出具" in stale.text
    assert "文书等您领取" in browser.get("/mine").text
    page = browser.get(f"/mine/{number}").text
    assert "文书等您领取" in page and decision(page) is not None, "the void one stays open"
    assert "期限从现在起算" in first and "期限从现在起算" not in page, "they ran already"
    asked = collect(page).text
    assert "起算的期限，不因更正、补发自动重新计算" in asked and "从现在起算" not in asked
    there = [collect(page, step="confirmed").headers["location"] for _ in range(2)]
    assert there == [f"/mine/{number}?done={one}" for one in ("serve_reissued", "collected")]
    shown = [browser.get(one).text for one in there]
    assert "您已经领取文书，视为已经送达" in shown[0] and "文书已经送达，可以下载" in shown[1]
    assert "文书等您领取" not in shown[1] and "第 2 版" in shown[1]
    assert "文书等您领取" not in browser.get("/mine").text
    view = city.queries.case_view(case_id, datetime.now(UTC))
    assert view is not None
    assert len([one for one in view.timeline if one.verb == "serve_reissued"]) == 1


def test_without_consent_nothing_is_collected_and_no_address_opens_the_decision(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    number, case_id = of_wang(city, agreed=False)
    page = browser.get(f"/mine/{number}").text
    assert "文书等您领取" not in page and "尚未送达" in page
    assert "文书等您领取" not in browser.get("/mine").text
    (waits,) = [p for p in _papers(city, case_id) if p.waits]
    answer = browser.get(f"/mine/{number}/papers/{waits.id}")
    assert answer.status_code == 409 and "还没有送达" in answer.text
    sent = {"csrf": hidden(page, "csrf"), "command": str(uuid4())}
    answer = browser.post(f"/mine/{number}/collect", data=sent, headers={"origin": ADDRESS})
    assert answer.status_code == 422 and "没有同意电子送达" in answer.text
    assert stage(city, case_id) == "service"


def _papers(city: Town, case_id: str) -> list[Paper]:
    found = city.citizens.beyond(case_id)
    assert found is not None
    return list(found.papers)


def test_a_paper_of_another_case_or_of_the_supervision_is_not_there(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    number = filed(browser)
    other, other_id = decided_upon(city, "戊公司")
    for one in _papers(city, other_id):
        assert browser.get(f"/mine/{number}/papers/{one.id}").status_code == 404
        assert browser.get(f"/mine/{other}/papers/{one.id}").status_code == 404


def test_a_case_is_withdrawn_from_a_page_that_says_what_it_does(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    number = filed(browser)
    assert f"/mine/{number}/withdraw" in browser.get(f"/mine/{number}").text
    page = browser.get(f"/mine/{number}/withdraw").text
    assert "终止办理" in page and "重新申请" in page
    sent = {"csrf": hidden(page, "csrf"), "command": hidden(page, "command"), "reason": "不开了"}
    there = [
        browser.post(f"/mine/{number}/withdraw", data=sent, headers={"origin": ADDRESS})
        for _ in range(2)
    ]
    assert [one.headers.get("location") for one in there] == [f"/mine/{number}?done=withdraw"] * 2
    page = browser.get(f"/mine/{number}").text
    assert "已撤回" in page and f"/mine/{number}/withdraw" not in page
    assert browser.get(f"/mine/{number}/withdraw").headers["location"] == f"/mine/{number}"


def test_what_is_decided_is_not_withdrawn(city: Town, browser: TestClient) -> None:
    come_in(browser)
    number, case_id = of_wang(city, agreed=True)
    page = browser.get(f"/mine/{number}").text
    sent = {"csrf": hidden(page, "csrf"), "command": str(uuid4())}
    answer = browser.post(f"/mine/{number}/withdraw", data=sent, headers={"origin": ADDRESS})
    assert answer.status_code == 422 and "已经作出决定" in answer.text
    assert stage(city, case_id) == "service"


def test_the_code_on_the_page_leads_to_where_the_case_stands(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    number = filed(browser)
    page = browser.get(f"/mine/{number}").text
    assert "<svg" in page and 'class="qr"' in page
    with city.cases.connect() as connection:
        code = connection.execute(
            select(case.c.public_code).where(case.c.case_no == number)
        ).scalar_one()
    with TestClient(city.app(), base_url=ADDRESS, follow_redirects=False) as stranger:
        found = stranger.get(f"/status/{number}/{code}")
        assert found.status_code == 200 and number in found.text and "正在预审" in found.text
        assert "云川小馆" not in found.text and "王小明" not in found.text
        assert stranger.get(f"/status/{number}/{code[::-1]}").status_code == 422


def test_by_when_and_what_comes_next_is_told(city: Town, browser: TestClient) -> None:
    come_in(browser)
    number, _ = of_wang(city, agreed=True)
    page = browser.get(f"/mine/{number}").text
    assert "最迟到什么时候" in page and "送达时限" in page
    assert re.search(r'<li class="now" aria-current="step">送达', page)
    assert re.search(r'<li class="done">决定', page)


def test_the_head_of_every_page_knows_the_citizen_and_offers_no_office(browser: TestClient) -> None:
    assert 'href="/sign-in"' in browser.get("/guides").text
    come_in(browser)
    for path in ("/guides", "/mine", "/status", "/apply/food-operation", "/nothing-there"):
        page = browser.get(path).text
        assert 'href="/sign-in"' not in page and "王小明" in page, path
    page = browser.get("/mine").text
    browser.post("/mine/sign-out", data={"csrf": hidden(page, "csrf")}, headers={"origin": ADDRESS})
    assert 'href="/sign-in"' in browser.get("/guides").text


def test_signing_out_ends_the_session_here_and_leads_to_the_providers_own_end(
    browser: TestClient,
) -> None:
    come_in(browser)
    kept = browser.cookies[CITIZEN_COOKIE]
    page = browser.get("/mine").text
    answer = browser.post(
        "/mine/sign-out", data={"csrf": hidden(page, "csrf")}, headers={"origin": ADDRESS}
    )
    assert answer.headers["location"] == "/mine/signed-out"
    assert 'href="/mine/leave"' in browser.get("/mine/signed-out").text
    browser.cookies.set(CITIZEN_COOKIE, kept)
    assert browser.get("/mine").status_code == 303
    there = urlsplit(browser.get("/mine/leave").headers["location"])
    asked = parse_qs(there.query)
    assert there.path == "/oauth2/end_session"
    assert asked["post_logout_redirect_uri"] == [f"{ADDRESS}/mine/signed-out"]
    assert asked["client_id"] == ["yichuang"]


def test_what_is_filed_on_line_makes_its_matter_one_that_is_done_on_line(
    city: Town, browser: TestClient
) -> None:
    come_in(browser)
    filed(browser)
    city.file()
    now, zone = datetime.now(UTC), "Asia/Shanghai"
    with city.cases.connect() as connection:
        found = own_figures(
            connection, load_kpis(), now.astimezone(ZoneInfo(zone)).date(), zone, now
        )
    # 食品经营许可 came on line, 建筑工程施工许可 only to the window.
    assert (found["online"].numerator, found["online"].denominator) == (1, 2)
