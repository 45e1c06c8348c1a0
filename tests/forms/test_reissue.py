"""A document that is wrong or lost is issued again in the browser: asked once more, told to all."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from typing import Any

from pypdf import PdfReader
from sqlalchemy import text

from activities.press import PressFailed
from activities.stamping import Stamps
from forms.app import application
from forms.ports import Options
from tests.forms.conftest import Browser, Browsers
from tests.forms.test_case import accepted, posted
from tests.forms.test_document_page import served
from tests.forms.test_for_good import send
from tests.forms.town import ADDRESS, HOST, Town
from yichuang.web_beside import AWAY
from yichuang.web_ports import WebReader

SERVED = {"method": "direct", "recipient": "欧阳收件"}


def grants(town: Town, case_no: str) -> list[Any]:
    query = text(
        "SELECT d.id, d.number, d.code, d.seq FROM document d JOIN case_file c ON c.id = d.case_id"
        " WHERE c.case_no = :no AND d.kind = 'grant' ORDER BY d.seq"
    )
    with town.cases.connect() as connection:
        return list(connection.execute(query, {"no": case_no}).all())


def lines_of(html: str, case_no: str) -> list[str]:
    """Return the rows of a list that are about the case."""
    rows = (one.split("</tr>")[0] for one in html.split("<tr")[1:])
    return [one for one in rows if case_no in one]


def ask(page: Browser, path: str, **typed: Any) -> Any:
    return send(page, path, posted(page, path, **typed))


def test_a_correction_is_confirmed_shown_with_both_versions_and_served_again(
    town: Town, browser: Browsers
) -> None:
    case_no, _ = served(town)
    (first,) = grants(town, case_no)
    page, path = browser("wu"), f"/cases/{case_no}/do/reissue"
    form = posted(
        page, path, document=first.id, ground="correction", reason="条件写错一字",
        **{"texts.conditions": "施工期间围挡"},
    )  # fmt: skip
    asked = send(page, path, form)
    assert f"{first.number} 作废，重新出具第 2 版" in asked.text and "施工期间围挡" in asked.text
    assert len(grants(town, case_no)) == 1, "nothing is done by looking"
    assert send(page, path, form, "confirmed").status_code == 303
    former, newer = grants(town, case_no)
    html = page.get(f"/cases/{case_no}?tab=documents").text
    assert f"已由 {newer.number} 代替" in html and "第 2 版" in html and "待再次送达" in html
    shown = page.get(f"/cases/{case_no}/documents/{former.id}/view").text
    assert "这份文书已经作废" in shown and f"现行的是 {newer.number}" in shown
    shown = page.get(f"/cases/{case_no}/documents/{newer.id}/view").text
    assert f"代替 {former.number}" in shown and "错误更正" in shown

    stranger = browser()
    told = stranger.get(f"/verify/{former.code}").text
    assert "已经作废" in told and f"已由 {newer.number} 代替" in told
    assert "现行有效" in stranger.get(f"/verify/{newer.code}").text

    desk, again = browser("zheng"), f"/cases/{case_no}/do/serve_reissued"
    rows = lines_of(desk.get("/team").text, case_no)
    forms = [dict(re.findall(r'name="(\w+)" value="([^"]*)"', row)) for row in rows]
    assert len({one["command"] for one in forms}) == len(rows) == 2, "closing, and serving again"
    (at,) = (n for n, row in enumerate(rows) if "再次送达" in row)
    wanted = {name: forms[at][name] for name in ("csrf", "command", "task")}
    assert "已完成" in desk.post(f"/cases/{case_no}/do/claim", data=wanted).text
    (row,) = lines_of(desk.get("/").text, case_no)
    assert "再次送达" in row
    form = posted(desk, again, of_step=str(newer.seq), **SERVED)
    assert "登记重新出具的文书送达" in send(desk, again, form).text
    assert send(desk, again, form, "confirmed").status_code == 303
    html = desk.get(f"/cases/{case_no}").text
    assert re.search(rf"送达的文书</dt><dd[^>]*>{re.escape(newer.number)}<", html)
    assert re.search(rf"送达的文书</dt><dd[^>]*>{re.escape(former.number)}<", html)
    assert "待再次送达" not in desk.get(f"/cases/{case_no}?tab=documents").text
    assert case_no not in desk.get("/").text


def test_a_copy_of_the_void_one_bears_a_stamp_and_the_valid_one_is_as_it_was_issued(
    town: Town, browser: Browsers
) -> None:
    case_no, case_id = served(town)
    (first,) = grants(town, case_no)
    page = browser("wu")
    path = f"/cases/{case_no}/documents"
    as_issued = page.get(f"{path}/{first.id}/inline").content
    body = {"document": first.id, "ground": "loss", "reason": "申请人登报声明遗失"}
    assert town.order("wu", "reissue", body, case_id).status == "done"
    _, newer = grants(town, case_no)
    for way in ("", "/inline"):
        copy = page.get(f"{path}/{first.id}{way}").content
        assert copy != as_issued and len(PdfReader(BytesIO(copy)).pages) == 1
    valid = page.get(f"{path}/{newer.id}").content
    assert newer.number.encode() in valid


def test_while_the_press_is_away_a_void_copy_is_asked_for_again_and_a_valid_one_handed_out(
    town: Town,
) -> None:
    case_no, case_id = served(town)
    (first,) = grants(town, case_no)
    body = {"document": first.id, "ground": "loss", "reason": "申请人登报声明遗失"}
    assert town.order("wu", "reissue", body, case_id).status == "done"
    _, newer = grants(town, case_no)

    def late(_html: str) -> bytes:
        raise PressFailed("文书排版进程没有答复")

    reader = town.ports.reader
    assert isinstance(reader, WebReader)
    ports = replace(town.ports, reader=replace(reader, stamps=Stamps(late)))
    page = Browser(application(ports, Options("云川市", ADDRESS, (HOST,)), AWAY), base_url=ADDRESS)
    page.town = town
    page.sign_in("wu")
    answer = page.get(f"/cases/{case_no}/documents/{first.id}")
    assert answer.status_code == 503 and "请稍后刷新本页" in answer.text
    assert page.get(f"/cases/{case_no}/documents/{newer.id}").status_code == 200


def test_what_the_law_forbids_stands_beside_its_field_and_keeps_what_was_typed(
    town: Town, browser: Browsers
) -> None:
    case_no, _ = served(town)
    (first,) = grants(town, case_no)
    page, path = browser("wu"), f"/cases/{case_no}/do/reissue"
    form = posted(
        page, path, document=first.id, ground="loss", reason="登报声明遗失",
        **{"texts.conditions": "另加一项"},
    )  # fmt: skip
    asked = send(page, path, form)
    assert asked.status_code == 422
    assert "遗失补发的内容与原件一致" in asked.text
    assert "登报声明遗失</textarea>" in asked.text and "另加一项</textarea>" in asked.text
    assert len(grants(town, case_no)) == 1


def test_only_heads_of_the_deciding_department_reissue(town: Town, browser: Browsers) -> None:
    case_no, _ = served(town)
    for login, may in (("wu", True), ("chen", False), ("zheng", False), ("zhao", False)):
        html = browser(login).get(f"/cases/{case_no}").text
        assert (f"/cases/{case_no}/do/reissue" in html) is may, login


def test_who_decided_is_told_that_another_must_correct(town: Town, browser: Browsers) -> None:
    case_no, _ = served(town)
    (first,) = grants(town, case_no)
    page, path = browser("zhou"), f"/cases/{case_no}/do/reissue"
    form = posted(
        page, path, document=first.id, ground="correction", reason="写错",
        **{"texts.conditions": "围挡"},
    )  # fmt: skip
    answer = send(page, path, form, "confirmed")
    assert "请由其他负责人办理" in answer.text
    assert len(grants(town, case_no)) == 1


def test_where_no_document_is_ready_the_page_says_so(town: Town, browser: Browsers) -> None:
    page, said = browser("wu"), "还没有出具好的文书可以更正或者补发"
    with_one, (without, case_id) = served(town)[0], accepted(town)
    with town.cases.begin() as connection:  # printing lags behind the order
        connection.execute(text("DELETE FROM document WHERE case_id = :id"), {"id": case_id})
    assert said in page.get(f"/cases/{without}/do/reissue").text
    assert "还没有出具好的文书" in page.get(f"/cases/{without}?tab=documents").text
    assert said not in page.get(f"/cases/{with_one}/do/reissue").text


def test_items_of_a_notice_are_worded_anew_and_the_page_says_that_none_is_added(
    town: Town, browser: Browsers
) -> None:
    filed = town.file("补正更正有限公司")
    (code, name), *_ = [
        (one.code, one.name)
        for matter in town.ports.catalogue.matters()
        if matter.code == "construction-permit"
        for one in matter.materials
    ]
    lacking = [{"code": code, "what": name, "why": "缺一夜"}]
    told = town.order("chen", "ask_supplement", {"lacking": lacking}, filed.case_id)
    assert told.status == "done"
    page, path = browser("wu"), f"/cases/{filed.case_no}/do/reissue"
    html = page.get(path).text
    assert f"现为：{name}（缺一夜）。只改文字差错，不得增加" in html
    assert 'name="texts.lacking-2"' not in html
    (notice,) = [one for one in told.documents if one.kind == "supplement_notice"]
    form = posted(
        page, path, document=notice.id, ground="correction", reason="错字",
        **{"texts.lacking-1": f"{name}，缺一页"},
    )  # fmt: skip
    assert send(page, path, form, "confirmed").status_code == 303
    html = page.get(f"/cases/{filed.case_no}").text
    assert f"{name}，缺一页" in html.split("一次性告知的内容")[1] and "缺一夜" not in html
