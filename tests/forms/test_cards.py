"""Supervision cards as pages: what a supervisor sees of them, and what may be done about one."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from forms.words import CARD_GROUNDS
from tests.forms.conftest import Browsers
from tests.forms.test_case import accepted, posted
from tests.forms.town import Town


def carded(town: Town, ground: str = "illegal_fee") -> tuple[str, str, str]:
    """Return case number, case id and the number of a card that a supervisor issued."""
    case_no, case_id = accepted(town)
    body = {"ground": ground, "text": "收取复印费二十元"}
    assert town.order("feng", "issue_card", body, case_id).status == "done"
    state = town.queries.state(case_id)
    assert state is not None
    return case_no, case_id, state.cards[-1].number


def test_a_supervisor_issues_a_card_after_a_confirm_page(browser: Browsers, town: Town) -> None:
    case_no, case_id = accepted(town)
    page = browser("feng")
    path = f"/cases/{case_no}/do/issue_card"
    typed = posted(page, path, ground="off_system", text="窗口外收件")
    asked = page.post(path, data=typed)
    assert "发出监察牌" in asked.text
    done = page.post(path, data=typed | {"step": "confirmed"}, follow_redirects=False)
    assert done.status_code == 303
    state = town.queries.state(case_id)
    assert state is not None
    assert (state.cards[0].rule, state.cards[0].level) == ("JC-RP-XT", "red")


def test_the_case_shows_level_rule_article_why_and_department(
    browser: Browsers, town: Town
) -> None:
    case_no, _, number = carded(town)
    shown = browser("feng").get(f"/cases/{case_no}?tab=cards").text
    for part in (
        number, "JC-RP-SF", "<strong>违规收费</strong>", "收取复印费二十元", "市住建局",
        "《云川市政务服务电子监察办法（示例）》第六条", "待书面说明", "监察建议书",
        'class="pill card-red"', "公开说明",
    ):  # fmt: skip
        assert part in shown, part
    assert "红牌" in browser("chen").get(f"/cases/{case_no}").text  # in the head of every tab


def test_a_card_for_nobody_says_that_the_centre_was_told(browser: Browsers, town: Town) -> None:
    case_no, _, _ = carded(town)
    shown = browser("feng").get(f"/cases/{case_no}?tab=cards").text
    assert "无人可送" in shown
    assert "已送电子监察中心" in shown


def test_the_list_is_the_supervisors_alone(browser: Browsers, town: Town) -> None:
    assert browser("feng").get("/cards").status_code == 200
    assert browser("zhou").get("/cards").status_code == 403


def test_the_list_counts_levels_and_filters_by_each(browser: Browsers, town: Town) -> None:
    _, _, red = carded(town)
    _, _, yellow = carded(town, "late_forwarding")
    page = browser("feng")
    everything = page.get("/cards").text
    assert red in everything
    assert yellow in everything
    only = page.get("/cards?level=yellow").text
    assert yellow in only
    assert red not in only
    assert re.search(r"红牌 \(\d+\)", only), "the counts stay those of all levels"
    assert red not in page.get("/cards?department=scjg").text
    assert red not in page.get("/cards?until=2020-01-01").text
    assert red in page.get("/cards?since=2020-01-01&state=due").text
    assert "没有符合条件的监察牌" in page.get("/cards?state=accepted").text


@pytest.mark.parametrize("query", ["level=blue", "since=yesterday", "page=0", "state=x"])
def test_a_filter_that_cannot_be_read_is_left_out(browser: Browsers, query: str) -> None:
    assert browser("feng").get(f"/cards?{query}").status_code == 200


def test_a_head_explains_and_a_supervisor_accepts(browser: Browsers, town: Town) -> None:
    case_no, case_id, number = carded(town)
    head, supervisor = browser("zhou"), browser("feng")
    path = f"/cases/{case_no}/do/explain_card"
    assert f"explain-{number}" in head.get(f"{path}?task=explain-{number}").text
    typed = posted(
        head,
        path,
        task=f"explain-{number}",
        cause="收费公示更新不及时",
        measures="退费并公示",
        step="confirmed",
    )
    assert head.post(path, data=typed, follow_redirects=False).status_code == 303
    shown = supervisor.get(f"/cases/{case_no}?tab=cards").text
    assert "已说明，待审核" in shown
    assert "收费公示更新不及时；退费并公示" in shown
    path = f"/cases/{case_no}/do/review_explanation"
    typed = posted(supervisor, path, card=number, result="accepted", step="confirmed")
    assert supervisor.post(path, data=typed, follow_redirects=False).status_code == 303
    state = town.queries.state(case_id)
    assert state is not None
    assert state.cards[-1].explanation == "accepted"


def test_the_issuer_is_told_that_another_must_revoke(browser: Browsers, town: Town) -> None:
    case_no, _, number = carded(town)
    page = browser("feng")
    path = f"/cases/{case_no}/do/revoke_card"
    typed = posted(page, path, card=number, reason="查明系误报") | {"step": "confirmed"}
    answer = page.post(path, data=typed)
    assert answer.status_code == 422
    assert "发牌的人不得撤销自己发的牌" in answer.text


def test_a_case_without_cards_offers_none_of_their_acts(browser: Browsers, town: Town) -> None:
    case_no, _ = accepted(town)
    shown = browser("feng").get(f"/cases/{case_no}").text
    assert "/do/issue_card" in shown
    for verb in ("revoke_card", "review_explanation", "explain_card"):
        assert f"/do/{verb}" not in shown
    assert "本件没有监察牌" in browser("feng").get(f"/cases/{case_no}?tab=cards").text


def test_notices_reach_the_holder_of_a_role_once(browser: Browsers, town: Town) -> None:
    case_no, _, _ = carded(town)
    shown = browser("zhou").get("/notices").text
    assert shown.count(f"/cases/{case_no}?tab=cards") == 1
    assert "红牌：违规收费" in shown
    assert case_no not in browser("qian").get("/notices").text


def test_every_ground_that_an_order_may_name_has_its_word() -> None:
    from cases.messages import IssueCard

    schema = IssueCard.model_json_schema()
    assert set(schema["properties"]["ground"]["enum"]) == set(CARD_GROUNDS)


def test_papers_of_the_supervision_open_for_it_and_the_organ_the_cases_own_only_for_the_organ(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id, _ = carded(town)
    view = town.queries.case_view(case_id, datetime.now(UTC))
    assert view is not None
    address = f"/cases/{case_no}/documents"
    kinds = {one.kind: f"{address}/{one.id}" for one in view.documents}
    advice, notice = kinds["supervision_advice"], kinds["acceptance_notice"]
    opened = {
        login: [browser(login).get(path).status_code for path in (advice, notice)]
        for login in ("feng", "zhou", "chen")
    }
    assert opened == {"feng": [200, 403], "zhou": [200, 200], "chen": [403, 200]}
    shown = browser("feng").get(f"/cases/{case_no}?tab=documents").text
    assert advice in shown
    assert notice not in shown
    assert "受理通知书" in shown
