"""Forms with conditions and repeating groups, without script: at the window and when corrected."""

from __future__ import annotations

import re
from typing import Any

import pytest
from httpx2 import Response

from tests.forms.conftest import Browser, Browsers
from tests.forms.town import Town, company

START = "/new/enterprise-start"
FOOD = "/new/food-operation"
COMPANY = {
    "form.company_name": "云川市清泉科技有限公司", "form.company_kind": "有限责任公司",
    "form.registered_capital_wan": "100", "form.domicile": "云川市商务路18号二层",
    "form.business_scope": "软件开发", "form.legal_representative": "李四",
    "form.id_number": "110105194912310025", "form.phone": "13800000000",
    "form.shareholders": "2",
}  # fmt: skip
INVESTORS = {
    "form.investors": ["0", "1"],
    "form.investors.0.name": "张三丰", "form.investors.0.id_number": "110105194912310025",
    "form.investors.0.sum_wan": "60", "form.investors.0.manner": "货币",
    "form.investors.1.name": "云川投资有限公司", "form.investors.1.id_number": "91990100MA0000001X",
    "form.investors.1.sum_wan": "40", "form.investors.1.manner": "知识产权",
}  # fmt: skip
KITCHEN = {
    "form.operator_name": "云川市清泉餐饮有限公司", "form.uscc": "91990100MA00000000",
    "form.legal_representative": "张三", "form.id_number": "110105194912310025",
    "form.phone": "13800000000", "form.premises_address": "云川市商务路18号一层",
    "form.business_kind": "餐饮服务经营者", "form.items": ["热食类食品制售"],
    "form.floor_area_m2": "120",
}  # fmt: skip


def filled(page: Browser, path: str, form: dict[str, Any], **changes: Any) -> dict[str, Any]:
    html = page.get(path).text
    hidden = {
        name: re.search(rf'name="{name}" value="([^"]+)"', html)[1]  # type: ignore[index]  # there
        for name in ("csrf", "command", "draft")
    }
    papers = {f"originals.{code}": "1" for code in re.findall(r'name="originals\.([\w-]+)"', html)}
    return {
        **hidden, **papers, "do": "file", "channel": "window",
        "applicant.kind": "enterprise", "applicant.name": "云川投资有限公司",
        "applicant.id_type": "USCC", "applicant.id_number": "91990100MA0000001X",
        "applicant.phone": "13900000001", **form, **changes,
    }  # fmt: skip


def rows_of(answer: Response) -> list[str]:
    return re.findall(r'name="form\.investors\.(\d+)\.name"', answer.text)


def test_rows_are_added_and_removed_by_buttons_and_nothing_typed_is_lost(browser: Browsers) -> None:
    page = browser("chen")
    form = filled(page, START, COMPANY | INVESTORS, do="add:form.investors")
    files = {"file.articles": ("章程.pdf", b"%PDF-1.7 articles")}
    more = page.post(START, data=form, files=files)
    assert more.status_code == 200 and rows_of(more) == ["0", "1", "2"]
    assert 'value="张三丰"' in more.text and "章程.pdf" in more.text
    kept = re.search(r'name="upload.articles" value="([0-9a-f]{32})"', more.text)
    assert kept
    fewer = page.post(
        START, data={**form, "upload.articles": kept[1], "do": "remove:form.investors.0"}
    )
    assert rows_of(fewer) == ["0"]
    assert "张三丰" not in fewer.text and 'value="云川投资有限公司"' in fewer.text
    assert kept[1] in fewer.text


def test_enter_never_presses_the_button_that_removes_a_row(browser: Browsers) -> None:
    html = browser("chen").get(START).text
    form = html[html.index('<form method="post" action="/new/') :]
    first = re.search(r"<button[^>]*>", form)
    assert first and 'value="file"' in first[0]


def test_a_case_with_rows_is_filed_and_its_page_shows_them_masked(browser: Browsers) -> None:
    page = browser("chen")
    answer = page.post(START, data=filled(page, START, COMPANY | INVESTORS))
    assert answer.url.path.startswith("/cases/"), re.findall(r'class="fault".*?<', answer.text)
    table = answer.text[answer.text.index("认缴出资额") :][:1500]
    assert "<td>***</td>" in table and "<td>60</td>" in table and "知识产权" in table
    assert "张三丰" not in answer.text


def test_a_fault_in_a_row_is_linked_from_the_summary(browser: Browsers) -> None:
    page = browser("chen")
    form = filled(page, START, COMPANY | INVESTORS, **{"form.investors.1.sum_wan": "四十"})
    answer = page.post(START, data=form)
    assert answer.status_code == 422
    assert '<a href="#f-form-investors-1-sum_wan">' in answer.text
    assert 'value="四十"' in answer.text


@pytest.mark.parametrize(
    ("changes", "name", "sentence"),
    [
        ({"form.online_business": "true"}, "online_address", "请填写“网络经营的网址或平台名称”"),
        ({"form.diners": "80"}, "diners", "“供餐人数”在这种情况下不填，请清空"),
        ({"form.business_kind": "集中用餐单位食堂"}, "school_canteen", "请填写“单位食堂类别”"),
    ],
)
def test_a_condition_is_judged_by_the_server(
    browser: Browsers, changes: dict[str, str], name: str, sentence: str
) -> None:
    page = browser("chen")
    answer = page.post(FOOD, data=filled(page, FOOD, KITCHEN | changes))
    assert answer.status_code == 422
    assert f'<a href="#f-form-{name}">{sentence}</a>' in answer.text


def test_without_script_each_condition_stands_in_words(browser: Browsers) -> None:
    text = browser("chen").get(FOOD).text
    assert "如勾选了“是否网络经营”，则须填写；否则不填。" in text
    assert "如“主体业态”为“集中用餐单位食堂”，则须填写；否则不填。" in text


def test_a_correction_that_tears_the_form_apart_is_refused_with_the_field(town: Town) -> None:
    form: dict[str, Any] = {name.removeprefix("form."): value for name, value in KITCHEN.items()}
    form |= {"floor_area_m2": 120, "items": ["热食类食品制售"], "online_business": False}
    matter = next(one for one in town.matters.matters if one.code == "food-operation")
    papers = [{"code": m.code, "originals": 1} for m in matter.materials]
    filed = town.order(
        "chen",
        "file",
        {
            "matter": matter.code,
            "version": matter.version,
            "applicant": company("云川市清泉餐饮有限公司"),
            "form": form,
            "materials": papers,
        },
    )
    with pytest.raises(AssertionError, match=r"form_torn.*请填写“网络经营的网址或平台名称”"):
        town.order("chen", "correct_on_spot", {"form": {"online_business": True}}, filed.case_id)
    right = {"online_business": True, "online_address": "云川外卖平台 · 清泉"}
    assert town.order("chen", "correct_on_spot", {"form": right}, filed.case_id).status == "done"
