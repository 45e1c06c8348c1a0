"""Drafts that save themselves, two versions of one, and files that come piece by piece."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response

from forms.uploading import PIECE
from tests.forms.conftest import Browser, Browsers
from tests.forms.test_grouped_forms import COMPANY, INVESTORS, START, filled

PDF = b"%PDF-1.7 " + b"x" * (PIECE + 1000)


def saved(page: Browser, form: dict[str, Any], /, **changes: Any) -> Response:
    return page.post(START, data={**form, "do": "autosave", **changes})


def opened(page: Browser, draft: str) -> str:
    return page.get(f"{START}?draft={draft}").text


def test_a_form_keeps_itself_and_tells_when(browser: Browsers) -> None:
    page = browser("chen")
    form = filled(page, START, COMPANY | INVESTORS)
    first = saved(page, form)
    assert first.status_code == 200 and first.json()["seen"] == 1
    assert re.fullmatch(r"\d\d:\d\d", first.json()["at"])
    later = {"form.company_name": "改名有限公司"}
    assert saved(page, form, seen="1", **later).json()["seen"] == 2
    text = opened(page, form["draft"])
    assert 'value="改名有限公司"' in text and 'name="seen" value="2"' in text
    assert 'name="form.investors.1.name" type="text" value="云川投资有限公司"' in text


def test_a_saving_whose_answer_was_lost_is_no_clash(browser: Browsers) -> None:
    page = browser("chen")
    form = filled(page, START, COMPANY)
    assert saved(page, form).json()["seen"] == 1
    assert saved(page, form).json()["seen"] == 1


def test_what_a_page_saved_itself_is_no_clash_and_its_late_saving_overwrites_nothing(
    browser: Browsers,
) -> None:
    page, mark = browser("chen"), str(uuid4())
    form = filled(page, START, COMPANY)
    assert saved(page, form, page=f"{mark}.1").json()["seen"] == 1  # its answer never came
    newer = {"form.company_name": "新名有限公司", "seen": "0"}
    assert saved(page, form, page=f"{mark}.2", **newer).json()["seen"] == 2
    late = {"form.company_name": "旧名有限公司", "seen": "0"}
    assert saved(page, form, page=f"{mark}.1", **late).status_code == 409
    assert saved(page, form, page=f"{uuid4()}.9", **late).status_code == 409
    assert 'value="新名有限公司"' in opened(page, form["draft"])
    filed = page.post(
        START, data={**form, **newer, "page": f"{mark}.3", "form.domicile": "云川市商务路99号"}
    )
    assert filed.url.path.startswith("/cases/")


def test_who_saves_second_sees_both_and_chooses_field_by_field(browser: Browsers) -> None:
    page = browser("chen")
    form = filled(page, START, COMPANY)
    saved(page, form)
    mine = {"form.company_name": "甲有限公司", "form.business_scope": "甲范围", "seen": "1"}
    theirs = {"form.company_name": "乙有限公司", "form.email": "b@town.example", "seen": "1"}
    assert saved(page, form, **theirs).status_code == 200
    told = saved(page, form, **mine)
    assert told.status_code == 409 and "没有覆盖" in told.json()["clash"]
    both = page.post(START, data={**form, **mine, "do": "draft"})
    assert both.status_code == 409
    for text in ("甲有限公司", "乙有限公司", "甲范围", "b@town.example"):
        assert text in both.text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', both.text))
    offered = dict(re.findall(r'name="(take\.[^"]+)" value="(\w+)" checked', both.text))
    assert offered == {
        "take.form.company_name": "mine", "take.form.business_scope": "mine",
        "take.form.email": "theirs",
    }  # fmt: skip
    chosen = {**hidden, **offered, "take.form.company_name": "theirs", "do": "merge"}
    after = page.post(START, data=chosen)
    assert after.status_code == 200 and "草稿已保存" in after.text
    for text in ("乙有限公司", "甲范围", "b@town.example"):
        assert text in after.text
    assert "甲有限公司" not in after.text


def test_what_is_saved_while_one_chooses_is_shown_again(browser: Browsers) -> None:
    page = browser("chen")
    form = filled(page, START, COMPANY)
    saved(page, form)
    saved(page, form, **{"form.company_name": "乙有限公司", "seen": "1"})
    saved(page, form, **{"form.company_name": "丙有限公司", "seen": "2"})
    merged = page.post(START, data={**form, "seen": "2", "do": "merge"})
    assert merged.status_code == 409 and "丙有限公司" in merged.text


def test_filing_an_older_page_shows_both_versions_first(browser: Browsers) -> None:
    page = browser("chen")
    form = filled(page, START, COMPANY)
    saved(page, form)
    saved(page, form, **{"form.domicile": "云川市商务路99号", "seen": "1"})
    answer = page.post(START, data={**form, "seen": "1"})
    assert answer.status_code == 409 and "云川市商务路99号" in answer.text
    assert page.post(START, data={**form, "seen": "2"}).url.path.startswith("/cases/")


def test_a_late_saving_never_begins_a_draft_that_was_handed_in(browser: Browsers) -> None:
    page = browser("chen")
    form = filled(page, START, COMPANY)
    saved(page, form)
    assert page.post(START, data={**form, "seen": "1"}).url.path.startswith("/cases/")
    for seen in ("0", "1"):
        assert saved(page, form, seen=seen).status_code == 410
    assert form["draft"] not in page.get("/new").text


def test_a_draft_is_removed_by_its_owner(browser: Browsers) -> None:
    page = browser("chen")
    form = filled(page, START, COMPANY)
    saved(page, form)
    assert form["draft"] in page.get("/new").text
    gone = {"csrf": form["csrf"], "draft": form["draft"]}
    asked = page.post("/new/drafts/remove", data=gone)
    assert "请核对" in asked.text and "其中所写的不能再找回" in asked.text
    assert form["draft"] in page.get("/new").text, "nothing is done by asking"
    page.post("/new/drafts/remove", data=gone | {"step": "confirmed"})
    assert form["draft"] not in page.get("/new").text


# --- files piece by piece ------------------------------------------------------------------------


def sent(page: Browser, csrf: str, piece: bytes | None = None, **texts: Any) -> Response:
    files = None if piece is None else {"piece": ("piece", piece)}
    return page.post("/uploads", data={"csrf": csrf, **texts}, files=files or {"none": ("", b"")})


def test_a_file_comes_in_pieces_and_goes_on_where_it_stopped(browser: Browsers) -> None:
    page = browser("chen")
    form = filled(page, START, COMPANY)
    begun = sent(page, form["csrf"], name="章程.pdf", size=len(PDF)).json()
    file = begun["file"]
    first = sent(page, form["csrf"], PDF[:PIECE], file=file, start=0).json()
    assert first["came"] == PIECE
    again = sent(page, form["csrf"], PDF[:PIECE], file=file, start=0).json()
    assert again["came"] == PIECE
    last = sent(page, form["csrf"], PDF[PIECE:], file=file, start=PIECE).json()
    assert last["name"] == "章程.pdf"
    wrong = {**form, "form.company_name": "", "upload.articles": last["upload"]}
    answer = page.post(START, data=wrong)
    assert answer.status_code == 422 and last["upload"] in answer.text
    filed = page.post(START, data={**form, "upload.articles": last["upload"]})
    case = page.get(f"{filed.url.path}/uploads/{last['upload']}")
    assert filed.url.path.startswith("/cases/") and case.status_code in (200, 404)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("章程.pdf", b"MZ" + b"x" * 100, "只接受 PDF"),
        ("章程.pdf", b"%PDF-1.7 /JavaScript (x)", "PDF 含脚本"),
        ("章程.png", b"%PDF-1.7 x", "后缀与内容不符"),
        ("章程.docx", b"PK\x03\x04 nothing of a package", "只接受 PDF"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused_and_forgotten(
    browser: Browsers, name: str, content: bytes, said: str
) -> None:
    page = browser("chen")
    csrf = filled(page, START, COMPANY)["csrf"]
    file = sent(page, csrf, name=name, size=len(content)).json()["file"]
    answer = sent(page, csrf, content, file=file, start=0)
    assert answer.status_code == 422 and said in answer.json()["refused"]
    assert sent(page, csrf, content, file=file, start=0).status_code == 410


def test_a_file_too_large_is_refused_before_any_of_it_comes(browser: Browsers) -> None:
    page = browser("chen")
    csrf = filled(page, START, COMPANY)["csrf"]
    answer = sent(page, csrf, name="a.pdf", size=20 * 1024 * 1024 + 1)
    assert answer.status_code == 422 and "20 MB" in answer.json()["refused"]
    assert sent(page, csrf, name="a.pdf", size=0).status_code == 422


def test_nobody_else_adds_to_a_file_on_its_way(browser: Browsers) -> None:
    page, other = browser("chen"), browser("huang")
    csrf = filled(page, START, COMPANY)["csrf"]
    file = sent(page, csrf, name="a.pdf", size=20).json()["file"]
    theirs = re.search(r'name="csrf" value="([^"]+)"', other.get("/new").text)
    assert theirs
    assert sent(other, theirs[1], b"%PDF-1.7 x", file=file, start=0).status_code == 410
    assert sent(other, theirs[1], file=file, do="give_up").status_code == 200
    assert sent(page, csrf, b"%PDF-1.7 x", file=file, start=0).json()["came"] == 10
    assert sent(page, csrf, file=file, do="give_up").status_code == 200
    assert sent(page, csrf, b"y", file=file, start=10).status_code == 410
