"""Filing at the window: nothing typed is lost, nothing is filed twice."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from catalogue.matters import Fee
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import PERMIT_FORM, Town

PATH = "/new/construction-permit"
PDF = b"%PDF-1.7 plan"


def filled(page: Browser, **changes: str) -> dict[str, Any]:
    """Return what a clerk types, with the hidden fields of a fresh form."""
    html = page.get(PATH).text
    hidden = {
        name: re.search(rf'name="{name}" value="([^"]+)"', html)[1]  # type: ignore[index]  # there
        for name in ("csrf", "command", "draft")
    }
    form = {
        f"form.{name}": "true" if value is True else str(value)
        for name, value in PERMIT_FORM.items()
    }
    papers = {
        f"{kind}.{code}": "1"
        for code in (
            "application", "land", "planning-permit", "contract", "drawings", "safety",
            "fire-design", "funds", "insurance",
        )
        for kind in ("originals", "copies")
    }  # fmt: skip
    return {
        **hidden, "do": "file", "applicant.kind": "enterprise",
        "applicant.name": "云川建设有限公司", "applicant.id_type": "USCC",
        "applicant.id_number": "91990100MA0000001X", "applicant.phone": "13900000001",
        "channel": "window", **form, **papers, **changes,
    }  # fmt: skip


def test_a_filing_leads_to_the_case_and_its_receipt(browser: Browsers) -> None:
    page = browser("chen")
    answer = page.post(PATH, data=filled(page), files={"file.drawings": ("图.pdf", PDF)})
    assert answer.status_code == 200, re.findall(r'class="fault".*?<', answer.text)
    assert answer.url.path.startswith("/cases/ZJJ")
    assert "收件凭证" in answer.text
    assert "***.pdf" in answer.text and "图.pdf" not in answer.text


def test_the_form_says_what_is_to_be_paid_or_that_nothing_is(browser: Browsers, town: Town) -> None:
    page = browser("chen")
    assert "不收费" in page.get(PATH).text
    fee = Fee(item="工本费", amount=1005, basis="JZF-7")
    known = town.matters
    town.matters = replace(
        known, matters=tuple(one.model_copy(update={"fees": (fee,)}) for one in known.matters)
    )
    try:
        text = page.get(PATH).text
    finally:
        town.matters = known
    assert "工本费 10.05 元（JZF-7）" in text and "不收费" not in text


def test_a_double_click_files_one_case(browser: Browsers, town: Town) -> None:
    page = browser("chen")
    form = filled(page)
    first = page.post(PATH, data=form, follow_redirects=False)
    second = page.post(PATH, data=form, follow_redirects=False)
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]


def test_what_was_typed_stays_with_each_error_beside_its_field(browser: Browsers) -> None:
    page = browser("chen")
    form = filled(page, **{"form.uscc": "123", "form.phone": "", "applicant.name": "甲<b>乙"})
    answer = page.post(PATH, data=form)
    assert answer.status_code == 422
    assert "<title>错误：" in answer.text
    assert '<a href="#f-form-uscc">“建设单位统一社会信用代码”的格式不对</a>' in answer.text
    assert '<a href="#f-form-phone">请填写“联系电话”</a>' in answer.text
    assert 'value="甲&lt;b&gt;乙"' in answer.text
    assert 'value="云溪小学教学楼"' in answer.text
    assert "autofocus" in answer.text


def test_a_file_stays_kept_while_the_form_is_corrected(browser: Browsers) -> None:
    page = browser("chen")
    wrong = filled(page, **{"form.uscc": "123"})
    answer = page.post(PATH, data=wrong, files={"file.drawings": ("图.pdf", PDF)})
    kept = re.search(r'name="upload.drawings" value="([0-9a-f]{32})"', answer.text)
    assert kept
    right = {**wrong, "form.uscc": PERMIT_FORM["uscc"], "upload.drawings": kept[1]}
    assert "***.pdf" in page.post(PATH, data=right).text


def test_a_draft_comes_back_as_it_was_left(browser: Browsers) -> None:
    page = browser("chen")
    saved = page.post(
        PATH,
        data=filled(page, do="draft", **{"form.uscc": "12", "form.contact": "半截"}),
        files={"file.drawings": ("图.pdf", PDF)},
    )
    assert "草稿已保存" in saved.text
    assert 'value="半截"' in saved.text
    assert "图.pdf" in saved.text
    assert "云川建设有限公司" in page.get("/new").text
    assert "云川建设有限公司" not in browser("zhou").get("/").text


def test_not_now_keeps_the_page_and_the_same_command(browser: Browsers, town: Town) -> None:
    page = browser("chen")
    form = filled(page)
    town.reception.away = True
    answer = page.post(PATH, data=form)
    assert answer.status_code == 503
    assert "系统暂时无法确认" in answer.text
    assert f'value="{form["command"]}"' in answer.text
    town.reception.away = False
    assert page.post(PATH, data=form).url.path.startswith("/cases/")


def test_somebody_elses_upload_cannot_be_handed_in(browser: Browsers) -> None:
    page, other = browser("chen"), browser("chen")
    other.sign_in("chen")
    wrong = filled(page, **{"form.uscc": "1", "upload.drawings": "0" * 32})
    answer = page.post(PATH, data=wrong)
    assert 'name="upload.drawings"' not in answer.text


def test_who_may_not_apply_again_is_told_the_article_and_the_day(
    browser: Browsers, town: Town
) -> None:
    liar = "91990100MA0000077X"
    page = browser("chen")
    filed = page.post(PATH, data=filled(page, **{"applicant.id_number": liar}))
    case_id = town.queries.find_case(filed.url.path.split("/")[-1]) or ""
    lie = {"reason": "土地批准手续系伪造", "ground": "false_materials"}
    assert town.order("chen", "refuse_acceptance", lie, case_id).status == "done"
    form = filled(page, **{"applicant.id_number": liar})
    answer = page.post(PATH, data=form)
    assert answer.status_code == 422
    assert "第七十八条" in answer.text and "起可以申请" in answer.text
    # The refusal is final for its command: what is corrected is another one.
    assert f'name="command" value="{form["command"]}"' not in answer.text
    fresh = re.search(r'name="command" value="([^"]+)"', answer.text)
    assert fresh
    other = {**form, "command": fresh[1], "applicant.id_number": "91990100MA0000078X"}
    assert page.post(PATH, data=other).url.path.startswith("/cases/ZJJ")


def test_who_may_not_file_a_matter_is_told_before_anything_is_typed(
    browser: Browsers, town: Town
) -> None:
    town.settle_in("chi", ("池窗口", "ck", (("window_clerk", "scjg"),)))
    page = browser("chi")
    listed = page.get("/new").text
    assert f'href="{PATH}"' not in listed and 'href="/new/food-operation"' in listed
    assert "您现在不能收" in listed
    answer = page.get(PATH)
    assert answer.status_code == 403 and "收件凭证" not in answer.text


def test_the_level_of_a_matter_is_told_to_a_clerk_whose_level_is_lower(
    browser: Browsers, town: Town
) -> None:
    town.settle_in("low", ("低窗口", "ck", (("window_clerk", "zjj"),)), clearance=1)
    page = browser("low")
    said = "办理的对象要求许可级别 2 级"
    assert said in page.get("/new").text
    assert said in page.get(PATH).text
