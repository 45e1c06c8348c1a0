"""The case: what it shows to whom, what may be done, and what is asked once more."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from cases.messages import BODIES, OF_LAW
from forms.acts import ACTS
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import Town


def posted(page: Browser, path: str, **typed: Any) -> dict[str, Any]:
    html = page.get(path).text
    found = {
        name: re.search(rf'name="{name}" value="([^"]+)"', html)[1]  # type: ignore[index]  # there
        for name in ("csrf", "command")
    }
    return found | typed


def accepted(
    town: Town, name: str = "云川建设有限公司", electronic_service: bool = False
) -> tuple[str, str]:
    filed = town.file(name, electronic_service)
    town.order("chen", "accept", {"mode": "plain"}, filed.case_id)
    return filed.case_no, filed.case_id


def decided_upon(
    town: Town, name: str = "云川建设有限公司", electronic_service: bool = False
) -> tuple[str, str]:
    """A case that waits for its decision."""
    case_no, case_id = accepted(town, name, electronic_service)
    inspection = {
        "task": "review-housing", "inspectors": ["甲", "乙"], "place": "现场",
        "inspected_at": town.queries.state(case_id).last_at.isoformat(),  # type: ignore[union-attr]
        "findings": "具备条件。",
    }  # fmt: skip
    town.order("zhao", "inspect", inspection, case_id)
    for who, step in (("zhao", "housing"), ("qian", "planning"), ("sun", "fire")):
        body = {"task": f"review-{step}", "result": "agree", "text": f"{step} 同意"}
        town.order(who, "opine", body, case_id)
    body = {"task": "review-civil-defence", "result": "agree", "text": "人防同意"}
    town.order("li", "opine", body, case_id)
    town.order("zhou", "gather", {"proposal": "grant", "text": "拟准予"}, case_id)
    return case_no, case_id


def test_every_verb_a_person_can_use_has_a_form_and_no_other_has() -> None:
    assert set(ACTS) == set(BODIES) - {"file", *OF_LAW}


def test_personal_data_is_masked_until_a_reason_is_recorded(browser: Browsers, town: Town) -> None:
    case_no = town.file().case_no
    page = browser("chen")
    path = f"/cases/{case_no}"
    assert "王大明" not in page.get(path).text
    before = _acts(town).count("read_personal")
    assert page.post(f"{path}/reveal", data=posted(page, path, reason=" ")).status_code == 422
    asked = {"reason": "核对身份", "purpose": "identify"}
    assert page.post(f"{path}/reveal", data=posted(page, path, **asked)).status_code == 422
    shown = page.post(
        f"{path}/reveal", data=posted(page, path, **asked, fields="applicant.legal_representative")
    )
    assert "王大明" in shown.text
    assert "13900000001" not in shown.text
    assert _acts(town).count("read_personal") == before + 1
    assert _acts(town)[-1] == "read_personal"
    assert '"step":"applicant.legal_representative"' in _all_bodies(town)
    assert "核对身份" not in _all_bodies(town)


def _acts(town: Town) -> list[str]:
    """Return the acts of what was read, in their order."""
    query = text("SELECT body FROM audit_outbox WHERE stream = 'sys:read' ORDER BY pos")
    with town.web.connect() as connection:
        return [orjson.loads(bytes(body))["act"] for body in connection.execute(query).scalars()]


def _all_bodies(town: Town) -> str:
    with town.web.connect() as connection:
        rows = connection.execute(text("SELECT body FROM audit_outbox")).scalars()
        return "".join(bytes(row).decode() for row in rows)


def test_who_may_not_decide_is_not_offered_it_and_cannot(browser: Browsers, town: Town) -> None:
    case_no, _ = decided_upon(town)
    clerk = browser("qian")
    assert "/do/decide" not in clerk.get(f"/cases/{case_no}").text
    refused = clerk.get(f"/cases/{case_no}/do/decide")
    assert refused.status_code == 403
    assert "本行政机关负责人" in refused.text


def test_a_decision_is_stated_on_a_confirm_page_before_it_is_made(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = decided_upon(town)
    head = browser("wu")
    path = f"/cases/{case_no}/do/decide"
    form = posted(head, path, result="grant", conditions="按图施工")
    asked = head.post(path, data=form)
    assert "准予许可并颁发《建筑工程施工许可证》" in asked.text
    assert town.queries.state(case_id).stage == "decision"  # type: ignore[union-attr]
    back = head.post(path, data=form | {"step": "back"})
    assert "按图施工" in back.text
    done = head.post(path, data=form | {"step": "confirmed"})
    assert done.url.path == f"/cases/{case_no}"
    assert "已完成" in done.text
    assert "准予行政许可决定书" in done.text
    again = head.post(path, data=form | {"step": "confirmed"})
    assert again.url.path == f"/cases/{case_no}"
    assert town.queries.state(case_id).stage == "certificate"  # type: ignore[union-attr]


def test_a_refusal_by_law_shows_its_sentence_and_article_beside_the_field(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = decided_upon(town)
    head = browser("wu")
    path = f"/cases/{case_no}/do/decide"
    form = posted(head, path, result="refuse", conditions="无", step="confirmed")
    answer = head.post(path, data=form)
    assert answer.status_code == 422
    assert "须说明理由" in answer.text
    assert "第三十八条" in answer.text
    assert f'value="{form["command"]}"' not in answer.text
    assert "无</textarea>" in answer.text


def test_the_composer_names_every_paper_and_field_and_keeps_the_words(
    browser: Browsers, town: Town
) -> None:
    case_no = town.file().case_no
    page = browser("chen")
    path = f"/cases/{case_no}/do/ask_supplement"
    html = page.get(path).text
    assert "施工图设计文件审查合格书" in html
    assert 'value="site_address"' in html
    form = posted(page, path, lacking=["drawings", "site_address"], supply_within_days="10")
    form |= {"why.drawings": "缺签章", "why.site_address": "写明门牌"}
    asked = page.post(path, data=form)
    assert "只能告知一次" in asked.text
    assert "缺签章" in asked.text
    done = page.post(path, data=form | {"step": "confirmed"})
    assert "待补正" in done.text
    assert "补正告知书" in done.text


def test_the_notice_of_who_reads_english_is_written_in_chinese(
    browser: Browsers, town: Town
) -> None:
    filed = town.file()
    page = browser("chen")
    page.get("/language/en?next=/sign-in")
    path = f"/cases/{filed.case_no}/do/ask_supplement"
    assert "Certificate of drawing review" in page.get(path).text
    form = posted(page, path, lacking=["drawings", "site_address"], supply_within_days="10")
    form |= {"why.drawings": "缺签章", "why.site_address": "写明门牌"}
    page.post(path, data=form | {"step": "confirmed"})
    page.get("/language/zh?next=/sign-in")
    shown = page.get(f"/cases/{filed.case_no}").text
    assert "施工图设计文件审查合格书：缺签章" in shown
    assert "建设地点：写明门牌" in shown
    assert "drawing review" not in shown


def test_a_stale_page_is_told_where_the_case_stands(browser: Browsers, town: Town) -> None:
    filed = town.file()
    page = browser("chen")
    path = f"/cases/{filed.case_no}/do/accept"
    form = posted(page, path, mode="plain")
    town.order("chen", "accept", {"mode": "plain"}, filed.case_id)
    answer = page.post(path, data=form)
    assert answer.status_code == 409
    assert "不能再" in answer.text


def test_claiming_from_the_queue_takes_one_click(browser: Browsers, town: Town) -> None:
    case_no, _ = accepted(town)
    page = browser("qian")
    html = page.get("/team").text
    form = re.search(rf'action="/cases/{case_no}/do/claim">(.*?)</form>', html)
    assert form
    values = dict(re.findall(r'name="(\w+)" value="([^"]+)"', form[1]))
    done = page.post(f"/cases/{case_no}/do/claim", data=values)
    assert done.status_code == 200
    assert case_no in page.get("/").text


@pytest.mark.parametrize(("who", "claims"), [("zhao", False), ("zhou", True)])
def test_one_signs_for_a_task_whose_work_one_may_do(
    browser: Browsers, town: Town, who: str, claims: bool
) -> None:
    case_no, _ = decided_upon(town)
    page, action = browser(who), f'action="/cases/{case_no}/do/claim"'
    assert case_no in page.get("/team").text
    assert (action in page.get("/team").text) == claims
    assert (action in page.get(f"/cases/{case_no}").text) == claims


def test_opinions_stand_side_by_side(browser: Browsers, town: Town) -> None:
    case_no, _ = decided_upon(town)
    html = browser("wu").get(f"/cases/{case_no}").text
    assert html.count('<section class="opinion agree">') == 4


@pytest.mark.parametrize(
    "tab", ["opinions", "timeline", "documents", "clock", "rulings", "nonsense"]
)
def test_every_tab_can_be_shown(browser: Browsers, town: Town, tab: str) -> None:
    case_no, _ = decided_upon(town)
    assert browser("wu").get(f"/cases/{case_no}?tab={tab}").status_code == 200


def test_every_offered_act_has_a_page(browser: Browsers, town: Town) -> None:
    tried = set()
    for case_no in (town.file().case_no, accepted(town)[0], decided_upon(town)[0]):
        for login in ("chen", "zhao", "zhou", "wu"):
            page = browser(login)
            html = page.get(f"/cases/{case_no}").text
            for verb in set(re.findall(rf'href="/cases/{case_no}/do/(\w+)"', html)):
                assert page.get(f"/cases/{case_no}/do/{verb}").status_code == 200, verb
                tried.add(verb)
    assert len(tried) >= 14, tried


def test_a_document_comes_as_a_file_and_its_reading_is_an_entry(
    browser: Browsers, town: Town
) -> None:
    filed = town.file()
    page = browser("chen")
    path = f"/cases/{filed.case_no}/documents/{filed.documents[0].id}"
    answer = page.get(path)
    assert answer.content.startswith(b"%PDF-")
    assert answer.headers["content-disposition"].startswith("attachment;")
    other = town.file()
    assert page.get(f"/cases/{other.case_no}/documents/{filed.documents[0].id}").status_code == 404


def test_the_public_sees_its_case_with_number_and_code_only(browser: Browsers, town: Town) -> None:
    filed = town.file()
    page = browser()
    code = town.queries.public_code(filed.case_id)
    form = {"csrf": page.token("/status"), "case_no": filed.case_no, "code": "ABCDEFGHJKLM"}
    assert page.post("/status", data=form).status_code == 422
    answer = page.post("/status", data=form | {"code": code})
    assert answer.status_code == 200
    assert "新办件" in answer.text
    assert "云川建设" not in answer.text


def test_a_printed_code_tells_whether_the_document_is_ours(browser: Browsers, town: Town) -> None:
    document = town.file().documents[0]
    page = browser()
    assert document.digest in page.get(f"/verify/{document.code}").text
    assert page.get("/verify/AAAABBBBCCCC").status_code == 422


def test_the_clock_shows_each_period_and_the_ledger_of_one(browser: Browsers, town: Town) -> None:
    case_no, _ = accepted(town)
    page = browser("zhou")
    shown = page.get(f"/cases/{case_no}?tab=clock").text
    assert "法定时限" in shown
    assert "承诺时限" in shown
    assert "起算日" in shown
    statutory = page.get(f"/cases/{case_no}?tab=clock&clock=statutory").text
    assert "《中华人民共和国行政许可法》第四十二条第二款" in statutory
    assert "《中华人民共和国民事诉讼法》第八十五条第二款" in statutory
    assert statutory.count('class="counted ahead"') > 40


def test_the_clock_answers_what_had_been_without_a_procedure(browser: Browsers, town: Town) -> None:
    case_no, case_id = accepted(town)
    body = {"kind": "hearing", "ground": "申请人要求听证", "expected_days": 9}
    town.order("zhao", "start_procedure", body, case_id)
    shown = browser("zhou").get(f"/cases/{case_no}?tab=clock&clock=statutory").text
    assert "停表中，到期未定" in shown
    link = re.search(r'href="([^"]*without=[^"]*)"', shown)
    assert link is not None
    asked = browser("zhou").get(link[1].replace("&amp;", "&").partition("#")[0]).text
    assert "若没有这一步" in asked
    assert "不超期 → 不超期" in asked


def test_an_unknown_clock_or_event_in_the_address_shows_what_there_is(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = accepted(town)
    page = browser("zhou")
    shown = page.get(f"/cases/{case_no}?tab=clock&clock=%3Cscript%3E&without=9.9")
    assert shown.status_code == 200
    assert "<script>" not in shown.text


def test_the_organs_head_revokes_a_licence_whose_case_is_archived(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = decided_upon(town)
    served = {"method": "direct", "recipient": "云川建设有限公司"}
    for who, verb, body in (
        ("zhou", "decide", {"result": "grant"}),
        ("zheng", "certify", {"certificate": "建筑工程施工许可证"}),
        ("chen", "serve", served),
        ("chen", "close", {}),
        ("chen", "rate", {"grade": 1}),
    ):
        outcome = town.order(who, verb, body, case_id)
        assert outcome.status == "done", (verb, outcome)
    assert outcome.stage == "ended"
    path = f"/cases/{case_no}/do/revoke_licence"
    assert "/do/revoke_licence" not in browser("zhou").get(f"/cases/{case_no}").text
    head = browser("wu")
    assert path in head.get(f"/cases/{case_no}").text
    body = posted(head, path, ground="other", reason="违反法定程序")
    asked = head.post(path, data=body)
    assert "撤销本件所准予的许可" in asked.text
    done = head.post(path, data={**body, "step": "confirmed"})
    assert "已完成" in done.text and "/do/revoke_licence" not in done.text
    assert "撤销许可" in head.get(f"/cases/{case_no}?tab=timeline").text
    assert town.queries.state(case_id).ending == "revoked"  # type: ignore[union-attr]


def test_what_was_erased_is_said_to_be_erased_and_is_no_error(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = accepted(town, "即将删除有限公司")
    clerk = browser("chen")
    view = town.queries.case_view(case_id, datetime.now(UTC))
    assert view is not None
    paper = f"/cases/{case_no}/documents/{view.documents[0].id}"
    assert clerk.get(paper).status_code == 200
    vault = town.ports.disclosures.vault  # type: ignore[attr-defined]  # the one the pages open with
    vault.destroy(town._subject(case_id))
    shown = clerk.get(f"/cases/{case_no}")
    assert shown.status_code == 200
    assert "（已依法删除）" in shown.text and "即将删除有限公司" not in shown.text
    assert clerk.get(f"/cases/{case_no}?tab=rules").status_code == 200
    gone = clerk.get(paper)
    assert gone.status_code == 410 and "已依法删除" in gone.text


def test_on_a_narrow_screen_what_can_be_done_stands_first_on_the_overview_alone(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = accepted(town)
    chen = browser("chen")
    first = re.compile('<aside class="first-narrow')
    assert first.search(chen.get(f"/cases/{case_no}").text)
    for tab in ("timeline", "documents", "clock"):
        text = chen.get(f"/cases/{case_no}?tab={tab}").text
        assert "<aside" in text and not first.search(text), tab
