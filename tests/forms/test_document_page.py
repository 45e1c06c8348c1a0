"""A document in the browser: shown in place, with what became of it, and how it was served."""

from __future__ import annotations

import re
from typing import Any

import orjson
from sqlalchemy import text

from tests.forms.conftest import Browsers
from tests.forms.test_case import decided_upon, posted
from tests.forms.town import Town

SERVED = {
    "method": "left", "recipient": "欧阳收件", "relation": "法定代表人", "place": "云川市东街 1 号",
    "refusal": "拒绝签收", "witnesses": ["甲", "乙"],
}  # fmt: skip


def served(town: Town, **body: Any) -> tuple[str, str]:
    case_no, case_id = decided_upon(town)
    for who, verb, order in (
        ("zhou", "decide", {"result": "grant"}),
        ("zheng", "certify", {"certificate": "建筑工程施工许可证"}),
        ("chen", "serve", SERVED | body),
    ):
        assert town.order(who, verb, order, case_id).status == "done"
    return case_no, case_id


def document(town: Town, case_no: str, kind: str) -> Any:
    query = text(
        "SELECT d.id, d.number, d.code FROM document d JOIN case_file c ON c.id = d.case_id"
        " WHERE c.case_no = :no AND d.kind = :kind"
    )
    with town.cases.connect() as connection:
        return connection.execute(query, {"no": case_no, "kind": kind}).one()


def prints(town: Town) -> int:
    query = text("SELECT body FROM audit_outbox WHERE stream = 'sys:read'")
    with town.web.connect() as connection:
        bodies = connection.execute(query).scalars().all()
    return sum(1 for body in bodies if orjson.loads(bytes(body))["act"] == "print")


def test_the_page_frames_its_own_file_and_no_other_page_frames_anything(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = served(town)
    one = document(town, case_no, "grant")
    page = browser("chen")
    before = prints(town)
    path = f"/cases/{case_no}/documents/{one.id}"
    answer = page.get(f"{path}/view")
    assert f'data="{path}/inline"' in answer.text and one.number in answer.text
    assert "object-src 'self'; frame-src 'self'" in answer.headers["content-security-policy"]
    assert prints(town) == before
    case = page.get(f"/cases/{case_no}?tab=documents")
    closed = case.headers["content-security-policy"]
    assert "object-src 'none'" in closed and "frame-src" not in closed
    assert f'href="{path}/view"' in case.text
    file = page.get(f"{path}/inline")
    assert file.content.startswith(b"%PDF-")
    assert file.headers["content-disposition"].startswith("inline;")
    assert "frame-ancestors 'self'" in file.headers["content-security-policy"]
    assert prints(town) == before + 1


def test_whoever_may_not_print_gets_neither_page_nor_file(browser: Browsers, town: Town) -> None:
    case_no, _ = served(town)
    one = document(town, case_no, "grant")
    for login in ("jiang", "auditor"):
        for part in ("/view", "/inline", ""):
            answer = browser(login).get(f"/cases/{case_no}/documents/{one.id}{part}")
            assert answer.status_code in (403, 404), (login, part)
    other, _ = served(town)
    for part in ("/view", "/inline"):
        assert browser("chen").get(f"/cases/{other}/documents/{one.id}{part}").status_code == 404


def test_service_is_told_masked_with_its_record(browser: Browsers, town: Town) -> None:
    case_no, _ = served(town)
    record = document(town, case_no, "service_record")
    page = browser("chen")
    html = page.get(f"/cases/{case_no}").text
    for words in ("已送达", "留置送达", "法定代表人", "拒绝签收", "见证人 2 名", record.number):
        assert words in html, words
    assert "欧**件" in html and "欧阳收件" not in html
    path = f"/cases/{case_no}"
    asked = {"reason": "核对签收", "purpose": "deliver", "fields": "service.recipient"}
    shown = page.post(f"{path}/reveal", data=posted(page, path, **asked))
    assert "欧阳收件" in shown.text


def test_the_case_names_the_decision_that_was_served(browser: Browsers, town: Town) -> None:
    case_no, _ = served(town)
    decision = document(town, case_no, "grant")
    html = browser("chen").get(f"/cases/{case_no}").text
    assert re.search(rf"送达的文书</dt><dd[^>]*>{re.escape(decision.number)}<", html)


def test_a_revoked_grant_is_no_longer_called_valid(browser: Browsers, town: Town) -> None:
    case_no, case_id = served(town)
    grant = document(town, case_no, "grant")
    record = document(town, case_no, "service_record")
    stranger = browser()
    assert "现行有效" in stranger.get(f"/verify/{grant.code}").text
    for who, verb, body in (
        ("chen", "close", {}),
        ("chen", "rate", {"grade": 1}),
        ("wu", "revoke_licence", {"ground": "other", "reason": "违反法定程序"}),
    ):
        assert town.order(who, verb, body, case_id).status == "done"
    assert "已经作废" in stranger.get(f"/verify/{grant.code}").text
    assert "现行有效" in stranger.get(f"/verify/{record.code}").text
    html = browser("wu").get(f"/cases/{case_no}?tab=documents").text
    assert html.count("所准予的已撤销") == 1
