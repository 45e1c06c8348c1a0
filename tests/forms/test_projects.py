"""Projects on pages: list, one, orders as forms, dashboard, files; each cut to its reader."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from cases import fund_rows
from cases.fund import Sums
from cases.projects.messages import PROJECT_BODIES, PROJECT_VERBS
from forms.project_fields import FIELDS
from forms.project_words import DUTIES, VERBS
from rules.load import load_packs
from tests.forms.conftest import Browser, Browsers
from tests.forms.entering import aged
from tests.forms.project_rows import TEMPLATES, Maker, evidence
from tests.forms.town import Town

CLERK = ("徐项目", "zxb", (("project_clerk", "zxb"),))
APPROVER = ("甘审批", "fgw", (("gate_approver", "fgw"),))
LEADER = ("凌领导", "zxb", (("leader", "*"),))
LEAD = ("傅负责", "zxb", (("project_lead", "zxb"),))
OPERATOR = ("于运营", "spv1", (("operator", "spv1"),))
NOBODY = ("吴窗口", "zjj", (("window_clerk", "zjj"),))
TODAY = date(2026, 11, 27)
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


@pytest.fixture(scope="module")
def city(town: Town) -> Town:
    people = {
        "bansheng": CLERK,
        "guankou": APPROVER,
        "zuzhang": LEADER,
        "yunfang": OPERATOR,
        "fuzeren": LEAD,
        "chuang9": NOBODY,
    }
    for login, who in people.items():
        town.settle_in(login, who)
    town.today = datetime(2026, 11, 27, 4, tzinfo=UTC)
    maker = Maker(town.cases, TODAY)
    maker.project("滨江路改造", [("add_risk", {"title": "管线不明", "level": "high"})])
    maker.project("智慧<灯>杆", [
        evidence("proposal", "项目建议书批复"),
        ("forecast", {"milestone": "feasibility", "on": "2027-03-01"}),
        ("approve_estimate", {"estimate_fen": 1_000_000_05, "design_fen": 1_000_000_05,
                              "document": "云发改〔2026〕1号"}),
    ], starts_on="2026-11-01")  # fmt: skip
    maker.project("污水处理厂", [
        ("sign_contract", {"operator": "spv1", "number": "XY-1", "signed_on": "2026-11-01",
                           "ends_on": "2051-10-31"}),
    ], template="concession", regime="concession", user_pays=True, term_years=25,
        starts_on="2026-11-01")  # fmt: skip
    return town


@pytest.fixture(autouse=True)
def quiet(city: Town) -> Iterator[None]:
    city.project_door.answer, city.project_door.away = {"status": "done"}, False
    city.project_door.orders.clear()
    yield


def address(page: Browser, title: str) -> str:
    text: str = page.get("/projects", params={"text": title}).text
    return text.split('<td class="number"><a href="')[1].split('"')[0]


def post(page: Browser, path: str, files: Any = None, **typed: Any) -> Any:
    form = {"csrf": page.token("/projects"), "command": f"c-{path}", "step": "confirmed", **typed}
    return page.post(path, data=form, files=files, follow_redirects=False)


@pytest.mark.parametrize("pack", ["project", "ppp"])
def test_every_duty_that_the_rules_may_set_has_a_word(pack: str) -> None:
    rules = load_packs()[pack].definition.rules
    set_by = [one.then.get("duties", []) for one in rules]
    duties = {str(duty) for found in set_by if isinstance(found, list) for duty in found}
    assert duties and duties <= DUTIES.keys()


def test_every_order_of_a_person_has_a_form_and_a_word() -> None:
    assert set(FIELDS) == set(PROJECT_VERBS)
    assert set(PROJECT_BODIES) == set(VERBS)


@pytest.mark.parametrize("verb", sorted(set(PROJECT_VERBS) - {"establish"}))
def test_every_field_of_a_form_is_a_place_in_the_body(city: Town, verb: str) -> None:
    from forms.project_fields import ActScene, takes_paper

    state = city.ports.projects.known(_id(city, "污水处理厂"))
    fields = FIELDS[verb](ActScene(_Says(), state, {}, TODAY))  # type: ignore[arg-type]
    known = set(PROJECT_BODIES[verb].model_fields)
    typed = {one.name.partition(".")[0] for one in fields} | ({"paper"} & known)
    needed = {n for n, one in PROJECT_BODIES[verb].model_fields.items() if one.is_required()}
    assert typed <= known
    assert needed <= typed
    assert takes_paper(verb) == ("paper" in known)


class _Says:
    language = "zh"

    def say(self, text: str) -> str:
        return text


def _id(city: Town, title: str) -> str:
    from cases.database import reading
    from cases.project_tables import project

    with reading(city.cases) as connection:
        query = project.select().where(project.c.title == title)
        return str(connection.execute(query).one().id)


# --- the list ------------------------------------------------------------------------------------


def test_the_list_tells_lateness_next_milestone_and_money(city: Town, browser: Browsers) -> None:
    text = browser("zuzhang").get("/projects").text
    assert text.index("滨江路改造") < text.index("智慧&lt;灯&gt;杆")
    assert "严重滞后 (2)" in text
    assert "1,000,000.05" in text or "1000000.05" in text


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("regime=concession", {"污水处理厂"}),
        ("slippage=red", {"滨江路改造", "智慧&lt;灯&gt;杆"}),
        ("slippage=none", {"污水处理厂"}),
        ("text=灯", {"智慧&lt;灯&gt;杆"}),
        ("stage=terminated", set()),
        ("regime=nonsense&slippage=purple", {"滨江路改造", "智慧&lt;灯&gt;杆", "污水处理厂"}),
    ],
)
def test_the_filters_stand_in_the_address(
    city: Town, browser: Browsers, query: str, titles: set[str]
) -> None:
    text = browser("zuzhang").get(f"/projects?{query}").text
    every = ("滨江路改造", "智慧&lt;灯&gt;杆", "污水处理厂")
    assert {one for one in every if f"<strong>{one}" in text} == titles


def test_every_link_of_the_list_leads_somewhere(city: Town, browser: Browsers) -> None:
    page = browser("zuzhang")
    text = page.get("/projects?regime=concession").text
    for one in re.findall(r'href="([^"#]*)"', text.split('id="main"')[1]):
        assert one.startswith("/"), one
        assert page.get(one.replace("&amp;", "&")).status_code == 200, one


def test_an_operator_sees_its_own_project_alone(city: Town, browser: Browsers) -> None:
    page = browser("yunfang")
    text = page.get("/projects").text
    assert "污水处理厂" in text
    assert "滨江路改造" not in text
    assert page.get(f"/projects/{_id(city, '滨江路改造')}").status_code == 404
    assert page.get(f"/projects/{_id(city, '污水处理厂')}").status_code == 200


def test_who_has_nothing_to_do_with_projects_gets_none_of_it(city: Town, browser: Browsers) -> None:
    page, own = browser("chuang9"), _id(city, "污水处理厂")
    for path in ("/projects", "/dashboard", "/projects.xlsx", "/projects/new",
                 "/dashboard/report?quarter=2026Q4", f"/projects/{own}",
                 f"/projects/{own}/milestones.xlsx", f"/projects/{own}/do/forecast"):  # fmt: skip
        assert page.get(path).status_code == 403, path


# --- one project ---------------------------------------------------------------------------------


def test_a_project_shows_its_progress_papers_and_what_can_be_done(
    city: Town, browser: Browsers
) -> None:
    page = browser("bansheng")
    text = page.get(address(page, "灯")).text
    assert text.count('class="row"') == len(TEMPLATES["government"].steps)
    assert "✓ 项目建议书批复" in text
    assert "○ 可研批复" in text
    assert "/do/forecast?for=feasibility" in text
    assert "/do/pass_gate" not in text, "a clerk passes no gate"
    assert "/do/pass_gate?for=proposal" in browser("guankou").get(address(page, "灯")).text


def test_its_money_is_a_link_for_who_may_read_the_fund_once_there_is_any(
    city: Town, browser: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = browser("bansheng")
    there = address(page, "灯")
    assert "/fund/projects/" not in page.get(there).text
    monkeypatch.setattr(fund_rows, "sums", lambda *_: Sums(0, 5_000_000, 0, 0, 0, 0))
    text = page.get(there).text
    assert f'href="/fund{there}"' in text and "50,000.00" in text
    assert "/fund/projects/" not in browser("guankou").get(there).text


def test_the_page_speaks_english(city: Town, browser: Browsers) -> None:
    page = browser("bansheng")
    own = address(page, "灯")
    page.get("/language/en?next=/")
    text = page.get(own).text
    assert "Feasibility study" in text
    assert "Critical path" in text


def test_an_order_becomes_its_body(city: Town, browser: Browsers) -> None:
    page = browser("bansheng")
    own = address(page, "灯")
    answer = post(page, f"{own}/do/forecast", milestone="feasibility", on="2027-04-01",
                  reason="评审推迟")  # fmt: skip
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{own}?done=")
    ((_, verb, body),) = city.project_door.orders
    assert verb == "forecast"
    assert body == {"milestone": "feasibility", "on": "2027-04-01", "reason": "评审推迟"}


def test_money_is_typed_in_yuan_and_ordered_in_fen(city: Town, browser: Browsers) -> None:
    page = browser("bansheng")
    own = address(page, "灯")
    assert (
        post(page, f"{own}/do/set_cost", total_fen="999,999.05", reason="招标").status_code == 303
    )
    assert city.project_door.orders[0][2]["total_fen"] == 999_999_05
    wrong = post(page, f"{own}/do/set_cost", total_fen="1.005", reason="x")
    assert wrong.status_code == 422
    assert 'id="f-total_fen-fault"' in wrong.text
    assert 'value="1.005"' in wrong.text
    minus = post(page, f"{own}/do/set_cost", total_fen="-1", reason="x")
    assert minus.status_code == 422


def test_only_days_that_were_changed_are_replanned(city: Town, browser: Browsers) -> None:
    page = browser("bansheng")
    own = address(page, "灯")
    state = city.ports.projects.known(own.rpartition("/")[2])
    assert state is not None
    days = {f"plans.{one.id}": one.plan_on.isoformat() for one in state.milestones}
    days["plans.tender"] = "2028-01-01"
    assert post(page, f"{own}/do/replan", ground="变更", **days).status_code == 303
    assert city.project_door.orders[0][2] == {
        "ground": "变更", "plans": [{"milestone": "tender", "on": "2028-01-01"}],
    }  # fmt: skip


def test_evidence_is_kept_and_named_by_its_digest(city: Town, browser: Browsers) -> None:
    page = browser("bansheng")
    own = address(page, "灯")
    form = {"csrf": page.token("/projects"), "command": "c-file", "milestone": "feasibility",
            "paper.name": "可研批复"}  # fmt: skip
    bare = page.post(f"{own}/do/add_evidence", data=form, follow_redirects=False)
    assert (bare.status_code, city.project_door.orders) == (422, [])
    assert '文件<span class="must">必填' in bare.text
    (field,) = re.findall(r'<input type="file"[^>]*>', bare.text)
    assert " multiple" not in field
    files = {"attach": ("批复.pdf", PDF, "application/pdf")}
    answer = page.post(f"{own}/do/add_evidence", data=form, files=files, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    ((project_id, _, body),) = city.project_door.orders
    upload = body["paper"]["upload"]
    assert upload
    found = page.get(f"/projects/{project_id}/papers/{upload}")
    assert found.content == PDF
    assert browser("yunfang").get(f"/projects/{project_id}/papers/{upload}").status_code == 404


def test_a_no_comes_back_with_rule_and_source_beside_its_field(
    city: Town, browser: Browsers
) -> None:
    page = browser("bansheng")
    city.project_door.answer = {
        "status": "refused", "reason": "期限超过四十年", "basis": "GBH115-1",
        "field": "body.term_years",
    }  # fmt: skip
    text = page.get("/projects/new?template=concession").text
    assert "国办函〔2023〕115号" in text or "公开竞争选择特许经营者" in text
    answer = post(page, "/projects/new", template="concession", title="某某大桥",
                  department="zxb", regime="concession", user_pays="true", mode="bot", pay="user",
                  term_years="41", starts_on="2027-01-01")  # fmt: skip
    assert answer.status_code == 422
    fault = answer.text.split('id="f-term_years-fault">')[1].split("</p>")[0]
    assert fault.startswith("期限超过四十年（")
    assert fault != "期限超过四十年（GBH115-1）", "the source is named in words"
    assert city.project_door.orders[0][2]["term_years"] == 41


def test_a_new_project_begins_with_its_template(city: Town, browser: Browsers) -> None:
    page = browser("bansheng")
    text = page.get("/projects/new").text
    for key in TEMPLATES:
        assert f"/projects/new?template={key}" in text
    answer = post(page, "/projects/new", template="government", title="体育馆", department="zxb",
                  regime="government", mode="other", pay="government", starts_on="2027-01-01",
                  leaves_out=["tender"], feasibility_fen="3000")  # fmt: skip
    assert answer.status_code == 303
    ((_, verb, body),) = city.project_door.orders
    assert (verb, body["leaves_out"], body["feasibility_fen"]) == ("establish", ["tender"], 300_000)


def test_what_is_not_theirs_is_no_form(city: Town, browser: Browsers) -> None:
    page = browser("bansheng")
    own = address(page, "灯")
    assert page.get(f"{own}/do/pass_gate?for=proposal").status_code == 403
    assert post(page, f"{own}/do/terminate", ground="agreed").status_code == 403
    assert city.project_door.orders == []


@pytest.mark.parametrize("verb", ["terminate", "hand_over"])
def test_what_ends_a_project_for_good_asks_once_more_who_it_is(
    city: Town, browser: Browsers, verb: str
) -> None:
    page = browser("fuzeren")
    path = f"{address(page, '滨江路')}/do/{verb}"
    assert page.get(path, follow_redirects=False).status_code == 200
    aged(city, "fuzeren", proved_at=timedelta(minutes=16))
    asked = page.get(path, follow_redirects=False)
    assert asked.headers["location"].startswith(f"/prove?act={verb}&next=/projects/")
    other = path.replace(verb, "propose_change")
    assert page.get(other, follow_redirects=False).status_code == 200


def test_nobody_who_settles_there_is_said_so(city: Town, browser: Browsers) -> None:
    page = browser("bansheng")
    city.project_door.away = True
    own = address(page, "灯")
    answer = post(page, f"{own}/do/add_risk", title="x", level="low")
    assert answer.status_code == 503
    assert 'value="x"' in answer.text


# --- dashboard, files ----------------------------------------------------------------------------


def test_the_leader_sees_lateness_overdue_milestones_and_risks(
    city: Town, browser: Browsers
) -> None:
    text = browser("zuzhang").get("/dashboard").text
    overdue = text.split('id="h-overdue"')[1].split("</section>")[0]
    assert "滨江路改造" in overdue
    assert "智慧" not in overdue
    assert "管线不明" in text.split('id="h-risks"')[1].split("</section>")[0]
    coming = text.split('id="h-coming"')[1].split("</section>")[0]
    assert "项目建议书" in coming


def sheets(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        strings = ElementTree.fromstring(file.read("xl/sharedStrings.xml"))
        return ["".join(one.itertext()) for one in strings]


def test_the_list_is_a_spreadsheet_of_what_one_may_list(city: Town, browser: Browsers) -> None:
    everything = sheets(browser("zuzhang").get("/projects.xlsx").content)
    assert {"滨江路改造", "智慧<灯>杆", "污水处理厂"} <= set(everything)
    assert {"滨江路改造", "污水处理厂"} & set(
        sheets(browser("yunfang").get("/projects.xlsx").content)
    ) == {"污水处理厂"}
    narrowed = sheets(browser("zuzhang").get("/projects.xlsx?regime=concession").content)
    assert "滨江路改造" not in narrowed


def test_a_project_is_a_spreadsheet(city: Town, browser: Browsers) -> None:
    page = browser("bansheng")
    found = page.get(f"{address(page, '灯')}/milestones.xlsx")
    assert found.headers["content-disposition"].startswith("attachment")
    assert {"可行性研究报告", "项目建议书批复", "里程碑", "立项"} <= set(sheets(found.content))


def test_the_quarterly_report_is_an_entry_and_a_file(city: Town, browser: Browsers) -> None:
    page = browser("zuzhang")
    found = page.get("/dashboard/report?quarter=2026Q4")
    assert found.status_code == 200
    assert "项目季报" in found.headers["content-disposition"] or found.content
    assert page.get("/dashboard/report?quarter=2031Q1").status_code == 404


# --- what is for good is asked once more ---------------------------------------------------------


def test_an_end_is_asked_once_more_and_keeps_the_file(city: Town, browser: Browsers) -> None:
    page = browser("fuzeren")
    own = address(page, "污水")
    path, files = f"{own}/do/terminate", {"attach": ("协议.pdf", PDF, "application/pdf")}
    typed = {"ground": "agreed", "on": TODAY.isoformat(), "compensation_fen": "120000.5",
             "reason": "双方同意", "paper.name": "提前终止协议"}  # fmt: skip
    asked = post(page, path, step="", files=files, **typed)
    assert asked.status_code == 200 and city.project_door.orders == []
    for words in ("请核对", "补偿 120,000.50 元", "进行中", "已提前终止", "双方协商"):
        assert words in asked.text, words
    kept = re.findall(r'name="attached" value="([^"]+)"', asked.text)
    assert len(kept) == 1, "the file is chosen once"
    back = post(page, path, step="back", attached=kept[0], **typed)
    assert "双方同意</textarea>" in back.text and "协议.pdf" in back.text
    assert post(page, path, attached=kept[0], **typed).status_code == 303
    ((_, verb, body),) = city.project_door.orders
    assert verb == "terminate" and body["compensation_fen"] == 12_000_050
    assert body["paper"]["upload"] == kept[0]


def test_what_can_be_mended_is_not_asked_twice(city: Town, browser: Browsers) -> None:
    page = browser("bansheng")
    own = address(page, "污水")
    answer = post(page, f"{own}/do/set_cost", step="", total_fen="1", reason="招标")
    assert answer.status_code == 303


def test_of_a_long_history_all_but_the_newest_ten_are_folded_and_yet_on_paper(
    city: Town, browser: Browsers
) -> None:
    days = [f"2027-03-{day:02d}" for day in range(1, 13)]
    Maker(city.cases, TODAY, after=500).project(
        "历史很长的", [("forecast", {"milestone": "feasibility", "on": day}) for day in days],
        starts_on="2026-11-01",
    )  # fmt: skip
    page = browser("bansheng")
    text = page.get(address(page, "历史很长的")).text
    seen, folded = text[text.index('id="h-told"') :].split('<details class="prints-whole">')
    folded = folded[: folded.index("</details>")]
    assert seen.count("<li>") == 10 and folded.count("<li>") == len(days) + 1 - 10
    assert "更早的 3 步" in folded and days[-1] in seen and days[0] in folded
    assert "prints-whole" not in page.get(address(page, "灯")).text
    css = page.get("/static/page.css").text
    assert re.search(r"\.prints-whole::details-content \{ content-visibility: visible", css)
