"""Performance on pages: the tree, a year from scores to what is payable, each for its own people.

Orders are settled by the real activity with the shipped rules: what it refuses is what one reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from cases.projects import performing_messages as m
from forms.performance_fields import FIELDS
from forms.performance_words import SAID, TITLES
from tests.forms.conftest import Browser, Browsers
from tests.forms.project_rows import Maker
from tests.forms.town import Person, Town

PEOPLE: Mapping[str, Person] = {
    "jingban": ("荆经办", "zxb", (("project_clerk", "zxb"),)),
    "fuze": ("符负责", "zxb", (("project_lead", "zxb"),)),
    "pingjia": ("平评价", "pjzx", (("performance_evaluator", "pjzx"),)),
    "liangbian": ("梁两边", "spv1", (("operator", "spv1"), ("performance_evaluator", "spv1"))),
    "yunying": ("云运营", "spv1", (("operator", "spv1"),)),
    "caizheng": ("蔡财政", "czj", (("payment_reviewer", "czj"),)),
    "lingdao": ("凌领导", "gov", (("leader", "*"),)),
    "guankou": ("甘审批", "fgw", (("gate_approver", "fgw"),)),
    "biede": ("别经办", "zjj", (("project_clerk", "zjj"),)),
    "chuangkou": ("吴窗口", "zjj", (("window_clerk", "zjj"),)),
}
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
TREE: Mapping[str, Any] = {
    "i.code": ["A", "A.1", "A.2", "B", "C"],
    "i.branch": ["output", "output", "output", "effect", "management"],
    "i.title": ["产出", "可用率", "处理量", "满意度<高>", "报表"],
    "i.weight": ["50", "30", "20", "30", "20"],
    "i.standard": ["", "每少一个百分点扣二分", "", "", ""],
}
TERMS: Mapping[str, Any] = {
    "operator": "spv1", "since_year": "2026", "until_year": "2045", "table": "linked-2026",
    "availability_fen": "1,000,000.00", "linked_bp": "30", "operation_fen": "200,000",
    "operation_linked_bp": "100",
}  # fmt: skip


@pytest.fixture(scope="module")
def city(town: Town) -> Town:
    for login, who in PEOPLE.items():
        town.settle_in(login, who)
    town.today = datetime(2026, 11, 27, 4, tzinfo=UTC)
    maker = Maker(town.cases, date(2026, 11, 27))
    signed = ("sign_contract", {"operator": "spv1", "number": "XY-2", "signed_on": "2026-01-05",
                                "ends_on": "2045-12-31"})  # fmt: skip
    for title in ("垃圾焚烧", "污水处理", "有轨电车", "供水", "供热", "供暖", "供电"):
        maker.project(title, [signed], template="stock", department="zxb", regime="stock",
                      pay="mixed", procured_before_stop=True, starts_on="2026-01-01")  # fmt: skip
    return town


def place(city: Town, title: str) -> str:
    from cases.database import reading
    from cases.project_tables import project

    with reading(city.cases) as connection:
        query = project.select().where(project.c.title == title)
        return f"/projects/{connection.execute(query).one().id}"


def post(page: Browser, path: str, files: Any = None, **typed: Any) -> Any:
    form = {"csrf": page.token("/projects"), "command": str(uuid4()), "step": "confirmed", **typed}
    return page.post(path, data=form, files=files, follow_redirects=False)


def score(points: str = "70", **typed: Any) -> dict[str, Any]:
    lines = {f"s.{code}.points": points for code in ("A.1", "A.2", "B", "C")}
    said = {f"s.{code}.evidence": "监测报告 12 号" for code in ("A.1", "A.2", "B", "C")}
    return {"year": "2026", **lines, **said, **typed}


def planned(city: Town, browser: Browsers, title: str) -> str:
    """Return the address of a project whose indicators stand."""
    own = place(city, title) + "/performance"
    answer = post(browser("jingban"), f"{own}/plan", **TERMS, **TREE)
    assert answer.status_code == 303, answer.text
    return own


def faults(text: str) -> str:
    found = re.search(r'<div class="errors".*?</div>', text, re.S)
    return found[0] if found else ""


def test_every_order_has_a_form_a_title_and_a_sentence() -> None:
    assert set(FIELDS) == set(TITLES) == set(SAID) == set(m.BODIES)


def test_a_year_goes_from_the_tree_to_what_is_payable_by_four_people(
    city: Town, browser: Browsers
) -> None:
    own = place(city, "垃圾焚烧") + "/performance"
    clerk, lead = browser("jingban"), browser("fuze")
    assert "还没有制定绩效指标" in clerk.get(own).text
    short = {**TREE, "i.weight": ["50", "30", "20", "30", "19"]}
    no = post(clerk, f"{own}/plan", **TERMS, **short)
    assert no.status_code == 422
    assert "一级指标权重合计 99，应为 100（" in faults(no.text)
    assert 'value="19"' in no.text and "满意度&lt;高&gt;" in no.text
    little = post(clerk, f"{own}/plan", **{**TERMS, "linked_bp": "29.99"}, **TREE)
    assert little.status_code == 422 and "绩效挂钩不足 30%" in faults(little.text)
    assert post(clerk, f"{own}/plan", **TERMS, **TREE).status_code == 303
    assert post(clerk, f"{own}/evaluate", **score()).status_code == 403

    scorer = browser("pingjia")
    assert f"{own}/evaluate" in scorer.get(own).text
    bare = post(scorer, f"{own}/evaluate", **score(**{"s.C.evidence": ""}))
    assert bare.status_code == 422 and "C 没有佐证" in faults(bare.text)
    much = post(scorer, f"{own}/evaluate", **score(**{"s.B.points": "100.01"}))
    assert much.status_code == 422 and "B 的得分应是零至一百的数" in faults(much.text)
    proof = {"attach.C": ("月报.pdf", PDF, "application/pdf")}
    typed = score(**{"s.C.evidence": ""})
    asked = post(scorer, f"{own}/evaluate", proof, **typed, step="")
    assert asked.status_code == 200 and "作出 2026 年度的评价，得分 70.00" in asked.text
    for told in ("2026-12-12 以前可以提出异议", "应付 1,075,000.00 元", "扣减 125,000.00 元"):
        assert told in asked.text
    assert "<dt>B 满意度&lt;高&gt;</dt><dd>70 · 监测报告 12 号</dd>" in asked.text
    assert "<dt>C 报表</dt><dd>70 · 月报.pdf</dd>" in asked.text
    assert f"{own}/evaluate" in scorer.get(own).text, "nothing is done by looking"
    kept = re.findall(r'name="(attached.C)" value="([0-9a-f]{32})"', asked.text)
    done = post(scorer, f"{own}/evaluate", **typed, **dict(kept))
    assert done.status_code == 303, done.text
    text = browser("lingdao").get(own).text
    assert ">70</td>" in text and ">0.75</td>" in text
    (file,) = re.findall(rf'href="({own}/files/[0-9a-f]+)">月报.pdf', text)
    assert browser("guankou").get(file).content == PDF
    assert clerk.get(f"{own}/files/{'0' * 32}").status_code == 404

    early = post(lead, f"{own}/confirm", year="2026", ruling="confirm")
    assert early.status_code == 422 and "异议期未满" in faults(early.text)
    operator = browser("yunying")
    page = operator.get(f"{own}/object?year=2026").text
    assert "2026" in page and 'enctype="multipart/form-data"' in page
    asked = post(operator, f"{own}/object", year="2026", ground="监测点位有误", step="")
    assert asked.status_code == 200 and "对 2026 年度的评价提出异议" in asked.text
    assert "有异议，待答复" in asked.text and "<dd>监测点位有误</dd>" in asked.text
    said = post(operator, f"{own}/object", year="2026", ground="监测点位有误")
    assert said.status_code == 303
    mute = post(lead, f"{own}/confirm", year="2026", ruling="confirm")
    assert mute.status_code == 422 and "请答复异议" in faults(mute.text)
    sure = post(lead, f"{own}/confirm", year="2026", ruling="confirm", answer="已复核，点位无误")
    assert sure.status_code == 303
    text = operator.get(own).text
    assert "1,075,000.00" in text and "125,000.00" in text
    assert "监测点位有误" in text and "已复核，点位无误" in text
    project = clerk.get(own.removesuffix("/performance")).text
    assert 'class="radar"' in project and f'href="{own}"' in project


def test_what_is_put_right_and_what_is_looked_at_midway_stand_on_the_page(
    city: Town, browser: Browsers
) -> None:
    own = planned(city, browser, "污水处理")
    clerk, scorer, operator = browser("jingban"), browser("pingjia"), browser("yunying")
    assert post(scorer, f"{own}/evaluate", **score("95")).status_code == 303
    assert post(operator, f"{own}/accept", year="2026").status_code == 303
    past = post(
        clerk, f"{own}/rectify", year="2026", code="B", what="更换滤料", due_on="2026-11-27"
    )
    assert past.status_code == 422 and 'id="f-due_on-fault"' in past.text
    ordered = post(
        clerk, f"{own}/rectify", year="2026", code="B", what="更换滤料", due_on="2026-11-28"
    )
    assert ordered.status_code == 303
    assert f"{own}/rectified?task=1" in operator.get(own).text
    assert f"{own}/rectified" not in clerk.get(own).text
    record = {"attach": ("记录.pdf", PDF, "application/pdf")}
    mended = post(operator, f"{own}/rectified", record, task="1", evidence="更换记录 3 号")
    assert mended.status_code == 303
    assert post(scorer, f"{own}/mid_term", on="2026-11-27", findings="运行平稳").status_code == 303
    text = clerk.get(own).text
    assert "更换记录 3 号" in text and "运行平稳" in text and "已完成" in text
    assert f"{own}/plan" not in text.split('class="columns"')[0], "a year is not confirmed yet"


def test_an_evaluator_who_is_of_the_operator_is_told_the_rule_and_its_source(
    city: Town, browser: Browsers
) -> None:
    own = planned(city, browser, "有轨电车")
    no = post(browser("liangbian"), f"{own}/evaluate", **score())
    assert no.status_code == 422
    assert "评价" in faults(no.text) and "（" in faults(no.text)
    assert "还没有评价" in browser("jingban").get(own).text


FISCAL: Mapping[str, Any] = {
    "base_year": "2025", "budget_fen": "100,000,000", "budget_growth_bp": "0",
    "price_growth_bp": "-1.5", "source": "2025 年决算", "adds_project": "yes",
    "d.kind": ["operation", "equity"], "d.since": ["2026", ""], "d.until": ["2045", ""],
    "d.yearly": ["9,000,000", ""], "d.indexed": ["", ""],
}  # fmt: skip


def test_what_projects_cost_the_budget_is_held_against_its_lines_with_all_others(
    city: Town, browser: Browsers
) -> None:
    one, other = planned(city, browser, "供水"), planned(city, browser, "供热")
    finance = browser("caizheng")
    assert post(browser("jingban"), f"{one}/fiscal", **FISCAL).status_code == 403
    bad = post(finance, f"{one}/fiscal", **{**FISCAL, "d.until": ["45", ""]})
    assert bad.status_code == 422 and "第 1 行" in faults(bad.text)
    back = post(finance, f"{one}/fiscal", **{**FISCAL, "d.until": ["2025", ""]})
    assert back.status_code == 422 and "止年早于起年" in faults(back.text)
    assert post(finance, f"{one}/fiscal", **FISCAL).status_code == 303
    text = browser("lingdao").get(one).text
    assert "最高 9%（2026 年）" in text and "超过 7% 预警线" in text and "-1.5%" in text
    over = {**FISCAL, "d.yearly": ["1,000,000.01", ""]}
    no = post(finance, f"{other}/fiscal", **over)
    assert no.status_code == 422 and "超过 10%" in faults(no.text)
    just = {**FISCAL, "d.yearly": ["1,000,000.00", ""]}
    assert post(finance, f"{other}/fiscal", **just).status_code == 303
    assert "最高 10%" in browser("lingdao").get(other).text
    alone = browser("yunying").get(other).text
    assert "本项目一项" in alone and "最高 1%" in alone and "全部项目（元）" not in alone
    again = post(finance, f"{one}/fiscal", **FISCAL)
    assert again.status_code == 422, "why it is registered anew"


def test_who_has_nothing_to_do_with_it_gets_none_of_it(city: Town, browser: Browsers) -> None:
    own = place(city, "垃圾焚烧") + "/performance"
    assert browser("chuangkou").get(own).status_code == 403
    elsewhere = browser("biede")
    assert elsewhere.get(own).status_code == 200, "a project clerk reads every project"
    assert elsewhere.get(f"{own}/plan").status_code == 403
    assert browser("jingban").get("/projects/none/performance").status_code == 404
    assert browser("jingban").get(f"{own}/nonsense").status_code == 404


def test_more_lines_are_asked_for_without_an_order(city: Town, browser: Browsers) -> None:
    own = place(city, "垃圾焚烧") + "/performance"
    page = browser("jingban")
    many = {**TREE, "i.title": [*TREE["i.title"]], "more": "1"}
    answer = post(page, f"{own}/plan", **TERMS, **many)
    assert answer.status_code == 200
    assert answer.text.count('name="i.code"') == 9
    assert 'value="每少一个百分点扣二分"' in answer.text


def test_the_pages_speak_english(city: Town, browser: Browsers) -> None:
    own = planned(city, browser, "供暖")
    assert post(browser("pingjia"), f"{own}/evaluate", **score()).status_code == 303
    page = browser("lingdao")
    page.get("/language/en?next=/")
    text = page.get(own).text
    for word in ("Performance", "Coefficient", "Payable", "Output"):
        assert word in text, word


def test_nobody_who_settles_there_is_said_so_and_the_id_stays(
    city: Town, browser: Browsers
) -> None:
    own = planned(city, browser, "供电")
    door: Any = city.ports.performances
    door.door.away = True
    try:
        answer = post(
            browser("fuze"), f"{own}/rectify", year="2026", code="B", what="清理",
            due_on="2027-01-01", command="same-id",
        )  # fmt: skip
    finally:
        door.door.away = False
    assert answer.status_code == 503
    assert 'value="same-id"' in answer.text and "清理" in answer.text
