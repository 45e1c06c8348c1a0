"""A department drafts a matter in the browser, sees it, and sends it through the gate."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response

from catalogue.load import canonical
from catalogue.matters import Matter
from catalogue.reading import read_matter
from forms.designer import next_version
from forms.designer_changes import differences
from forms.designer_sheet import TABLES, Unwritten, box_of, reopened, sheet_of, written
from forms.designer_sheet import kept as kept_sheet
from tests.forms.conftest import Browser, Browsers
from tests.forms.designs import CODE, Desk, registered
from tests.forms.town import Town


def begun(visitor: Browser, do: str = "change", matter: str = CODE) -> str:
    """Begin a draft and return its address."""
    form = {"csrf": visitor.token("/designer"), "matter": matter, "do": do}
    answer = visitor.post("/designer", data=form, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def kept(visitor: Browser, draft: str, do: str = "save", **changes: str) -> Response:
    """Post the desk as it stands with some boxes changed."""
    desk = Desk(visitor.get(draft).text)
    answer: Response = visitor.post(
        draft, data={**desk.posted(**changes), "do": [do]}, follow_redirects=False
    )
    return answer


def sent(visitor: Browser, draft: str) -> Response:
    desk = Desk(visitor.get(f"{draft}/changes").text)
    answer: Response = visitor.post(f"{draft}/send", data=desk.posted(), follow_redirects=False)
    return answer


# --- the sheet -----------------------------------------------------------------------------------


def test_a_matter_laid_out_and_written_again_is_the_same_matter(town: Town) -> None:
    for matter in town.matters.matters:
        if matter.process == "approval":
            # As it is shipped, and as the register gives it back: there keys are sorted.
            for one in (matter, Matter.model_validate_json(canonical(matter))):
                made = written(sheet_of(one))
                found = read_matter(made.text, "m.yaml", [])
                assert found is not None
                assert canonical(found[0]) == canonical(matter), matter.code


def test_a_groups_columns_keep_their_order_through_the_register(town: Town) -> None:
    matter = town.matters.matter("enterprise-start", "2026.1")
    back = Matter.model_validate_json(canonical(matter))
    columns: dict[str, Any] = back.form["properties"]["investors"]["items"]  # type: ignore[index,call-overload,assignment]
    assert list(columns["properties"]) == ["name", "id_number", "sum_wan", "manner", "due_on"]
    sheet = sheet_of(back)
    rows = sheet.tables["parts"]
    rows.insert(0, rows.pop(4))  # the day first: neither required nor sorted any more
    found = read_matter(written(sheet).text, "m.yaml", [])
    assert found is not None
    again = sheet_of(Matter.model_validate_json(canonical(found[0]))).tables["parts"]
    assert [row["key"] for row in again] == ["due_on", "name", "id_number", "sum_wan", "manner"]


def test_what_a_group_asks_for_is_changed_in_boxes_and_told_there(town: Town) -> None:
    sheet = sheet_of(town.matters.matter("enterprise-start", "2026.1"))
    rows = sheet.tables["parts"]
    assert {row["group"] for row in rows} == {"investors"}
    new = {"group": "investors", "key": "nation", "title": "国籍", "en": "Nationality",
           "type": "choice", "choices": "中国\n其他", "required": "true"}  # fmt: skip
    rows.insert(1, new)
    made = written(sheet)
    found = read_matter(made.text, "m.yaml", [])
    assert found is not None
    before = town.matters.matter("enterprise-start", "2026.1")
    moved = {one.where for one in differences(before, found[0])}
    title = "股东（发起人、合伙人）出资情况"
    assert f"表单 · 字段 · {title} · 每项 · 字段 · 国籍 · 名称" in moved
    place = ("表单", "properties", "investors", "items", "properties")
    assert box_of((*place, "nation"), made) == "parts.1.key"
    assert box_of((*place, "sum_wan", "x-en"), made) == "parts.3.en"
    group = [row["key"] for row in sheet.tables["fields"]].index("investors")
    last = ("表单", "properties", "investors", "maxItems")
    assert box_of(last, made) == f"fields.{group}.high"


def test_a_row_of_no_group_is_told_and_not_lost(town: Town) -> None:
    sheet = sheet_of(town.matters.matter("enterprise-start", "2026.1"))
    sheet.tables["parts"][2]["group"] = "elsewhere"
    with pytest.raises(Unwritten, match="elsewhere") as told:
        written(sheet)
    assert told.value.box == "parts.2.group"


def test_a_row_that_the_boxes_cannot_show_whole_stays_as_it_is_written(town: Town) -> None:
    matter = town.matters.matter("enterprise-start", "2026.1")
    form: dict[str, Any] = json.loads(json.dumps(matter.form))
    form["properties"]["investors"]["items"]["title"] = "股东"
    sheet = sheet_of(matter.model_copy(update={"form": form}))
    assert sheet.tables["parts"] == []
    (row,) = [one for one in sheet.tables["fields"] if one["key"] == "investors"]
    assert row["type"] == "raw" and "sum_wan" in row["extra"]


def test_a_draft_of_an_older_desk_opens(town: Town) -> None:
    sheet = kept_sheet(sheet_of(town.matters.matter(CODE, "2026.1")))
    del sheet["tables"]["parts"]
    assert reopened(sheet).tables["parts"] == []


def test_a_fault_is_told_at_its_box(town: Town) -> None:
    sheet = sheet_of(town.matters.matter(CODE, "2026.1"))
    sheet.tables["materials"].insert(1, dict.fromkeys(TABLES["materials"], ""))  # an empty row
    made = written(sheet)
    assert box_of(("申请材料", 1, "原件份数"), made) == "materials.2.originals"
    assert box_of(("申请材料",), made) == "materials"
    assert box_of(("办理环节", 0, "环节时限", "依据"), made) == "steps.0.basis"
    assert box_of(("法定办结时限", "单位"), made) == "statutory.unit"
    assert box_of(("表单", "properties", "uscc", "pattern"), made) == "fields.1.pattern"
    assert box_of(("表单", "allOf", 0, "if"), made) == "conditions"
    assert box_of(("职责分离", 0), made) == "rest"
    assert box_of((), made) == "rest"


def test_differences_name_the_part_in_words(town: Town) -> None:
    before = town.matters.matter(CODE, "2026.1")
    assert differences(before, before) == ()
    sheet = sheet_of(before)
    sheet.tables["materials"][3]["tolerable"] = ""
    sheet.tables["fields"][0]["high"] = "100"
    rows = sheet.tables["fields"]
    rows[:] = [row for row in rows if row["key"] != "licence_years"]
    sheet.one["promised.n"] = "8"
    found = read_matter(written(sheet).text, "m.yaml", [])
    assert found is not None
    moved = {one.where: one for one in differences(before, found[0])}
    assert (moved["承诺办结时限 · 时限"].before, moved["承诺办结时限 · 时限"].after) == ("10", "8")
    assert moved["申请材料 · 从业人员健康证明 · 可容缺"].after == "否"
    assert moved["表单 · 字段 · 经营者名称 · 最多字数"].after == "100"
    assert moved["表单 · 字段 · 申请有效期（年） · 类型"].way == "gone"


def test_the_next_version_is_the_first_that_is_free() -> None:
    assert next_version(("2026.1", "2026.3", "2025.9"), 2026) == "2026.2"
    assert next_version((), 2027) == "2027.1"


# --- the pages -----------------------------------------------------------------------------------


def test_a_draft_is_changed_looked_at_and_sent(town: Town, browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor)
    desk = Desk(editor.get(draft).text).posted()
    number = len([name for name in desk if re.fullmatch(r"fields\.\d+\.key", name)])
    assert kept(editor, draft, "add.fields").status_code == 303
    row = f"fields__{number}__"
    changes = {row + "key": "menu", row + "title": "主要菜品", row + "en": "Dishes",
               row + "type": "long", row + "required": "true", "promised__n": "8",
               "advice": "请先预约。", "words.grant": ""}  # fmt: skip
    assert kept(editor, draft, "check", **changes).headers["location"].endswith("?check")
    assert "检查通过" in editor.get(f"{draft}?check").text
    look = editor.get(f"{draft}/form").text
    assert "主要菜品" in look and "不会收件" in look
    said = editor.get(f"{draft}/changes").text
    assert "主要菜品" in said and "承诺办结时限 · 时限" in said and "提交检查" in said
    town.releases.texts.clear()
    answer = sent(editor, draft)
    assert answer.status_code == 303, answer.text
    (text,) = town.releases.texts
    found = read_matter(text, "m.yaml", [])
    assert found is not None
    matter = found[0]
    assert matter.promised.n == 8 and matter.advice == "请先预约。"
    assert matter.form["properties"]["menu"]["maxLength"] == 1000  # type: ignore[index,call-overload]
    assert editor.get(draft).status_code == 404  # the draft is gone with the sending


def test_a_group_is_made_in_boxes_and_seen_as_the_window_would(browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor)
    number = len([one for one in Desk(editor.get(draft).text).posted() if one.endswith(".key")])
    kept(editor, draft, "add.fields")
    row = f"fields__{number}__"
    group = {row + "key": "cooks", row + "title": "厨师名单", row + "en": "Cooks",
             row + "type": "group"}  # fmt: skip
    kept(editor, draft, "add.parts", **group)
    inside = {"parts__0__group": "cooks", "parts__0__key": "name", "parts__0__title": "厨师姓名",
              "parts__0__en": "Name", "parts__0__required": "true"}  # fmt: skip
    kept(editor, draft, "check", **inside)
    assert "没有写最多几行" in editor.get(f"{draft}?check").text
    kept(editor, draft, "check", **{row + "high": "5"})
    assert "检查通过" in editor.get(f"{draft}?check").text
    look = editor.get(f"{draft}/form").text
    assert "厨师名单" in look and "厨师姓名" in look
    # The group is called otherwise: its rows are told, and stay what they are.
    kept(editor, draft, "check", **{row + "key": "chefs"})
    told = editor.get(f"{draft}?check").text
    assert "没有标识为「cooks」" in told and "没有这个字段（cooks）" in told
    assert Desk(told).posted()["parts.0.group"] == ["cooks"]


def test_rows_are_added_moved_and_dropped_without_a_script(browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor)

    def codes() -> list[str]:
        boxes = Desk(editor.get(draft).text).posted()
        return [boxes[n][0] for n in sorted(boxes) if re.fullmatch(r"materials\.\d\.code", n)]

    first = codes()
    place = kept(editor, draft, "down.materials.0").headers["location"]
    assert place.endswith("#row-materials-1")
    assert codes() == [first[1], first[0], *first[2:]]
    kept(editor, draft, "drop.materials.1")
    assert codes() == [first[1], *first[2:]]
    for odd in ("up.materials.0", "drop.materials.999", "up.elsewhere.1", "add.", "drop.steps.x"):
        assert kept(editor, draft, odd).status_code == 303
    assert codes() == [first[1], *first[2:]]


def test_faults_are_shown_at_their_boxes_and_nothing_is_sent(town: Town, browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor)
    changes = {"statutory__basis": "XKF-999", "fields__0__title": "", "version": "2026.x",
               "materials__0__name": "<script>alert(1)</script>"}  # fmt: skip
    kept(editor, draft, **changes)
    page = editor.get(f"{draft}?check")
    assert page.status_code == 422
    # A version that is none hides what stands between the files: told first, alone.
    assert "版本" in page.text and 'href="#f-version"' in page.text
    kept(editor, draft, version="2026.9")
    page = editor.get(f"{draft}?check")
    for target in ("f-statutory-basis", "f-fields-0-title"):
        assert f'href="#{target}"' in page.text and f'id="{target}-fault"' in page.text
    assert "法条「XKF-999」不在法条登记簿内" in page.text
    assert "<script>alert" not in page.text and "&lt;script&gt;alert" in page.text
    town.releases.texts.clear()
    desk = Desk(editor.get(f"{draft}/changes").text)
    forced = {**desk.posted(), "csrf": editor.token(draft), "rev": "2"}  # kept twice
    assert editor.post(f"{draft}/send", data=forced).status_code == 422
    assert town.releases.texts == []


def test_a_version_that_is_taken_is_told_before_it_is_sent(town: Town, browser: Browsers) -> None:
    registered(town, "2026.4")
    editor = browser("editor")
    draft = begun(editor)
    kept(editor, draft, version="2026.4")
    page = editor.get(f"{draft}?check")
    assert page.status_code == 422 and "版本 2026.4 已经登记过，请改用" in page.text


def test_what_two_windows_type_is_both_kept(browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor)
    stale = Desk(editor.get(draft).text).posted(phone="0990-2222222")
    kept(editor, draft, phone="0990-1111111")
    answer = editor.post(draft, data={**stale, "do": ["save"]}, follow_redirects=False)
    other = answer.headers["location"]
    assert other != draft and "两份都在" in editor.get(other).text
    assert "0990-1111111" in editor.get(draft).text and "0990-2222222" in editor.get(other).text


def test_the_desk_keeps_itself_while_one_types(browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor)
    page = "0f2b5c9e-0000-4000-8000-000000000001"
    desk = Desk(editor.get(draft).text)

    def by_itself(n: int, phone: str, seen: object) -> Response:
        said = {"seen": str(seen), "page": f"{page}.{n}", "do": "autosave"}
        answer: Response = editor.post(draft, data={**desk.posted(phone=phone), **said})
        return answer

    first = by_itself(1, "0990-1111111", desk.posted()["seen"][0])
    assert first.status_code == 200 and first.json()["at"]
    # Its answer is lost: the page sends what it saw before, and is known again by its mark.
    second = by_itself(2, "0990-2222222", desk.posted()["seen"][0])
    assert second.status_code == 200 and second.json()["seen"] > first.json()["seen"]
    assert by_itself(1, "0990-1111111", first.json()["seen"]).status_code == 409  # comes late
    shown = editor.get(draft).text
    assert "0990-2222222" in shown and "0990-1111111" not in shown
    assert "data-kept-state" in shown and "draft.js" in shown


def test_another_window_that_keeps_itself_writes_over_nothing(browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor)
    stale = Desk(editor.get(draft).text).posted(phone="0990-2222222")
    kept(editor, draft, phone="0990-1111111")
    told = editor.post(draft, data={**stale, "do": "autosave"})
    assert told.status_code == 409 and "两份都在" in told.json()["clash"]
    assert "0990-1111111" in editor.get(draft).text
    # The button then keeps it beside the other, and the page says in what the two differ.
    into = editor.post(draft, data={**stale, "do": "save"}, follow_redirects=False)
    both = editor.get(into.headers["location"]).text
    assert "0990-1111111" in both and "0990-2222222" in both and f'href="{draft}"' in both


def test_a_desk_that_was_dropped_is_not_begun_again(browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor)
    typed = Desk(editor.get(draft).text).posted(phone="0990-2222222")
    token = editor.token(draft)
    editor.post(f"{draft}/drop", data={"csrf": token, "step": "confirmed"})
    late = editor.post(draft, data={**typed, "do": "autosave"})
    assert late.status_code == 410 and "已经提交或删除" in late.json()["gone"]
    assert editor.get(draft).status_code == 404


def test_what_was_seen_is_what_is_sent(town: Town, browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor)
    kept(editor, draft, phone="0990-1111111")
    seen = Desk(editor.get(f"{draft}/changes").text).posted()
    kept(editor, draft, phone="0990-3333333")
    town.releases.texts.clear()
    answer = editor.post(f"{draft}/send", data=seen)
    assert answer.status_code == 422 and "草稿在别处又改过" in answer.text
    assert town.releases.texts == []


@pytest.mark.parametrize(
    ("box", "text", "word"),
    [
        ("rest", "职责分离: " + "[" * 200, "套了"),
        ("rest", "a: &a [x]\nb: *a", "锚点"),
        ("rest", "标识: other", "请从这里删去"),
        ("rest", "- 一", "请写成"),
        ("rest", "没有的要素: 1", "没有「没有的要素」这个要素"),
        ("form_rest", "patternProperties: {'(a+)+': {}}", "重复"),
        ("fields.0.extra", "$ref: file:///etc/passwd", "$ref"),
        ("fields.0.pattern", "(a*)*", "重复"),
        ("fields.0.key", "Bad Key!", ""),
        ("words.grant", "{{ ''.__class__ }}", "不能用的写法"),
        ("words.grant", "{% for x in 机关 %}{% endfor %}", "不能用的写法"),
        ("words.grant", "准予。", "缺少 {{ 依据 }}"),
    ],
)  # fmt: skip
def test_hostile_boxes_are_faults_and_are_kept_as_typed(
    browser: Browsers, box: str, text: str, word: str
) -> None:
    editor = browser("editor")
    draft = begun(editor)
    desk = Desk(editor.get(draft).text).posted()
    editor.post(draft, data={**desk, box: [text], "do": ["save"]})
    page = editor.get(f"{draft}?check")
    assert Desk(page.text).posted()[box] == [text]
    if word:
        assert page.status_code == 422
        assert word in page.text
    assert editor.get(f"{draft}/changes").status_code in (200, 422)
    assert editor.get(f"{draft}/form").status_code in (200, 422)


def test_a_document_is_shown_as_pdf_in_the_draft_s_own_words(browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor)
    own = "准予{{ 事项 }}，{{ 办理活动 }}，依照{{ 依据 }}。\n" + "".join(
        f"{{% if {name} %}}{name}：{{{{ {name} }}}}{{% endif %}}\n"
        for name in ("附加要求", "有效期", "结果", "听证笔录")
    )
    desk = Desk(editor.get(draft).text).posted()
    editor.post(draft, data={**desk, "words.grant": [own], "do": ["save"]})
    answer = editor.get(f"{draft}/papers/grant")
    assert answer.headers["content-type"] == "application/pdf"
    assert "准予食品经营许可，行政许可，依照" in answer.text
    assert editor.get(f"{draft}/papers/nothing").status_code == 404


def test_a_new_matter_begins_in_another_s_likeness_without_its_name(browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor, "new")
    boxes = Desk(editor.get(draft).text).posted()
    assert boxes["code"] == boxes["name"] == [""] and boxes["version"][0].endswith(".1")
    assert boxes["fields.0.key"] == ["operator_name"]
    page = editor.get(f"{draft}?check")
    assert page.status_code == 422 and 'href="#f-code"' in page.text


def test_a_draft_is_its_author_s_alone_and_no_case_s(town: Town, browser: Browsers) -> None:
    editor = browser("editor")
    draft = begun(editor)
    for login, status in (("signer", 403), ("chen", 403), ("sysadmin", 403)):
        assert browser(login).get(draft).status_code == status
    town.settle_in("editor2", ("编制二", "sp", (("catalogue_editor", "*"),)))
    assert browser("editor2").get(draft).status_code == 404
    assert browser("editor2").get(f"/designer/{uuid4()}").status_code == 404
    clerk = town.actor("chen")
    values = {"applicant.name": ["x"]}
    town.ports.drafts.save(clerk, "of-a-case", CODE, "食品", values, 0)  # type: ignore[arg-type]
    assert "/designer/of-a-case" not in editor.get("/designer").text


# --- a version in the register -------------------------------------------------------------------


def test_the_signer_reads_what_changes_and_signs(town: Town, browser: Browsers) -> None:
    one = registered(town)
    signer = browser("signer")
    assert f'href="/releases/{one}"' in signer.get("/releases").text
    page = signer.get(f"/releases/{one}").text
    assert "咨询电话" in page and "0990-1234567" in page and "事项目录核对" in page
    assert f'action="/releases/{one}/sign"' in page
    assert "经营者名称" in signer.get(f"/releases/{one}/form").text
    assert signer.get(f"/releases/{one}/papers/grant").headers["content-type"] == "application/pdf"
    own = browser("editor").get(f"/releases/{one}").text
    assert f'action="/releases/{one}/sign"' not in own
    assert f'action="/releases/{one}/withdraw"' in own


def test_a_version_that_must_be_tried_leads_to_its_dossier(town: Town, browser: Browsers) -> None:
    one = registered(town, "2026.8")
    town.releases.releases = [
        replace(row, needs_dossier=True) if row.id == one else row for row in town.releases.releases
    ]
    page = browser("signer").get(f"/releases/{one}").text
    assert f'href="/releases/{one}/dossier"' in page
    assert f'action="/releases/{one}/sign"' not in page


def test_what_is_no_matter_s_version_has_no_page(browser: Browsers) -> None:
    assert browser("signer").get(f"/releases/{uuid4()}").status_code == 404


# --- whose matter it is --------------------------------------------------------------------------


def test_a_department_drafts_its_own_matters_and_no_other_s(town: Town, browser: Browsers) -> None:
    town.settle_in("caibian", ("蔡编制", "scjg", (("catalogue_editor", "scjg"),)))
    own = browser("caibian")
    desk = own.get("/designer").text
    assert 'value="food-operation"' in desk and 'value="construction-permit"' not in desk
    form = {"csrf": own.token("/designer"), "matter": "construction-permit", "do": "change"}
    refused = own.post("/designer", data=form)
    assert refused.status_code == 403 and "本部门" in refused.text
    draft = begun(own)
    kept(own, draft, department="zjj")
    page = own.get(f"{draft}?check")
    assert page.status_code == 422 and "只能编制本部门的事项" in page.text
    town.releases.texts.clear()
    desk_of_changes = {"csrf": own.token(draft), "rev": "1"}
    assert own.post(f"{draft}/send", data=desk_of_changes).status_code == 403
    assert town.releases.texts == []
