"""Many cases at once: a dry run that does nothing, a result of each row, and nothing twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest
from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st

from cases.messages import Actor, Outcome, Source
from cases.reception import NotNow, Request
from forms.bulk_rows import MOST_ROWS, NOT_THEIRS, Pick, picked
from tests.forms.conftest import Browser, Browsers
from tests.forms.test_case import accepted
from tests.forms.town import ADDRESS, Town

TASK = "review-housing"


@dataclass
class Cases:
    numbers: list[str]
    ids: list[str]


@pytest.fixture
def cases(town: Town) -> Cases:
    """Three accepted cases, whose review waits in the queue of zjj."""
    made = [accepted(town) for _ in range(3)]
    return Cases([number for number, _ in made], [id for _, id in made])


def holders(town: Town, cases: Cases) -> list[str]:
    found = []
    for id in cases.ids:
        state = town.queries.state(id)
        assert state is not None
        found.append(next(task.holder for task in state.tasks if task.key == TASK))
    return found


def post(page: Browser, **fields: object) -> Response:
    return page.post("/bulk", data={"csrf": page.token("/cases"), "scope": "team", **fields})


def carried(answer: Response) -> dict[str, object]:
    """Return the hidden fields of the page's form, as a browser sends them on."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(
        r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.text.split("<main")[1]
    ):
        found.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def states(answer: Response) -> dict[str, str]:
    """Return number → what the row's pill says."""
    rows = re.findall(r'<tr>\s*<td><span class="pill [a-z]+">([^<]+)</span></td>\s*'
                      r'<td class="number">(?:<a href="[^"]+">)?([^<]+)<', answer.text)  # fmt: skip
    return {number: said for said, number in rows}


def test_ticked_rows_are_tried_then_claimed(town: Town, browser: Browsers, cases: Cases) -> None:
    page = browser("zhao")
    listed = page.get("/team").text
    for number in cases.numbers:
        assert f'name="pick" value="{number}|{TASK}"' in listed
    tried = post(page, verb="claim", pick=[f"{number}|{TASK}" for number in cases.numbers])
    assert states(tried) == dict.fromkeys(cases.numbers, "可以办")
    assert "签收 3 个任务" in tried.text
    assert holders(town, cases) == ["", "", ""]  # a dry run does nothing
    done = page.post("/bulk", data=carried(tried) | {"step": "do"})
    assert states(done) == dict.fromkeys(cases.numbers, "已办")
    assert set(holders(town, cases)) == {town.actor("zhao").id}
    assert "3 件的 3 个任务" in done.text and done.text.count(named(tried)) == 3


def named(tried: Response) -> str:
    """Return what the dry run calls the task, as a cell."""
    (name,) = set(re.findall(r'data-label="任务">([^<]+)</td>', tried.text))
    return f'data-label="任务">{name}</td>'


def test_who_may_not_do_a_task_does_not_sign_for_it_among_many(
    town: Town, browser: Browsers, cases: Cases
) -> None:
    page = browser("zheng")  # makes certificates in the same department
    ticked = post(page, verb="claim", pick=[f"{number}|{TASK}" for number in cases.numbers])
    assert states(ticked) == dict.fromkeys(cases.numbers, "不能办")
    assert ticked.text.count(NOT_THEIRS) == 3 and 'value="do"' not in ticked.text
    pasted = post(page, verb="claim", numbers=cases.numbers[0])
    assert states(pasted) == {cases.numbers[0]: "不能办"} and NOT_THEIRS in pasted.text


def test_the_same_order_sent_twice_is_done_once(
    town: Town, browser: Browsers, cases: Cases
) -> None:
    page = browser("zhao")
    tried = post(page, verb="claim", numbers="\n".join(cases.numbers))
    form = carried(tried) | {"step": "do"}
    page.post("/bulk", data=form)
    before = [town.queries.state(id).seq for id in cases.ids]  # type: ignore[union-attr]
    again = page.post("/bulk", data=form)
    assert states(again) == dict.fromkeys(cases.numbers, "此前已办，未重复")
    assert [town.queries.state(id).seq for id in cases.ids] == before  # type: ignore[union-attr]


def test_what_somebody_took_in_between_is_refused_with_its_reason_and_the_rest_is_done(
    town: Town, browser: Browsers, cases: Cases
) -> None:
    page = browser("zhao")
    tried = post(page, verb="claim", numbers=" ".join(cases.numbers))
    town.order("zhou", "claim", {"task": TASK}, cases.ids[1])
    done = page.post("/bulk", data=carried(tried) | {"step": "do"})
    first, taken, last = cases.numbers
    assert states(done) == {first: "已办", taken: "未办", last: "已办"}
    assert "这项任务已经有人签收；可请其转办" in done.text
    later = post(page, verb="claim", numbers=taken)
    assert states(later) == {taken: "不能办"}
    assert 'value="do"' not in later.text  # nothing is left to confirm


def test_numbers_are_pasted_as_they_come_and_each_row_says_why_not(
    town: Town, browser: Browsers, cases: Cases
) -> None:
    number, other, _ = cases.numbers
    page = browser("zhao")
    pasted = f"{number.lower()}，{number}\t{other}\r\n不是编号 ZJJ-2026-999999；"
    tried = post(page, verb="claim", numbers=pasted)
    found = states(tried)
    assert found[number] == found[other] == "可以办"
    assert found["ZJJ-2026-999999"] == found["不是编号"] == "不能办"
    assert tried.text.count("没有这个办件，或您无权查看") == 2
    assert "共 4 件，2 个任务可以办，2 行不能办" in tried.text


def test_a_case_one_may_not_know_of_is_answered_like_none(
    town: Town, browser: Browsers, cases: Cases
) -> None:
    stranger = browser("huang")  # of another organ: not even the number
    number = cases.numbers[0]
    tried = post(stranger, verb="claim", numbers=f"{number} ZJJ-2026-999999")
    assert tried.text.count("没有这个办件，或您无权查看") == 2
    assert "建筑工程施工许可" not in tried.text.split("<main")[1]
    forged = {"csrf": stranger.token("/cases"), "verb": "claim", "step": "do",
              "row": f"{number}|{TASK}", "order": str(uuid4())}  # fmt: skip
    done = stranger.post("/bulk", data=forged)
    assert states(done) == {number: "未办"} and "没有这个办件" in done.text
    assert holders(town, cases)[0] == ""


@pytest.mark.parametrize(
    ("numbers", "said"),
    [("", "请先勾选办件，或者粘贴办件编号"), (" ,;\n", "请先勾选办件"),
     (" ".join(f"ZJJ-2026-{n:06d}" for n in range(MOST_ROWS + 1)), "最多 200 件，现在是 201 件")],
)  # fmt: skip
def test_none_or_too_many_are_told_and_what_was_pasted_is_kept(
    browser: Browsers, numbers: str, said: str
) -> None:
    page = browser("zhao")
    answer = post(page, verb="claim", numbers=numbers)
    assert answer.status_code == 422 and said in answer.text
    assert '<a href="#f-numbers">' in answer.text and "<title>错误：" in answer.text
    assert numbers.strip() in answer.text


def test_two_hundred_rows_are_one_order(browser: Browsers) -> None:
    page = browser("zhao")
    numbers = " ".join(f"ZJJ-2026-{n:06d}" for n in range(800_000, 800_000 + MOST_ROWS))
    answer = post(page, verb="claim", numbers=numbers)
    assert answer.status_code == 200 and len(states(answer)) == MOST_ROWS


def test_what_the_act_asks_is_asked_before_and_checked(
    town: Town, browser: Browsers, cases: Cases
) -> None:
    page = browser("zhao")
    post_claim = carried(post(page, verb="claim", numbers=" ".join(cases.numbers)))
    page.post("/bulk", data=post_claim | {"step": "do"})
    asked = post(page, verb="transfer", pick=[f"{number}|{TASK}" for number in cases.numbers])
    form = carried(asked)
    assert form["pick"] == [f"{number}|{TASK}" for number in cases.numbers]
    wrong = page.post("/bulk", data=form | {"to": "u:nobody", "reason": " "})
    assert wrong.status_code == 422
    assert "不在可选之列" in wrong.text and "转办理由" in wrong.text
    zhou = town.actor("zhou").id
    tried = page.post("/bulk", data=form | {"to": zhou, "reason": "外出学习"})
    assert states(tried) == dict.fromkeys(cases.numbers, "可以办")
    assert "周科长" in tried.text and "外出学习" in tried.text
    back = page.post("/bulk", data=carried(tried) | {"step": "back"})
    assert "外出学习" in back.text and carried(back)["pick"] == form["pick"]
    done = page.post("/bulk", data=carried(tried) | {"step": "do"})
    assert states(done) == dict.fromkeys(cases.numbers, "已办")
    assert set(holders(town, cases)) == {zhou}


def test_the_same_order_with_other_words_is_another_order(
    town: Town, browser: Browsers, cases: Cases
) -> None:
    page = browser("zhao")
    form = carried(post(page, verb="urge", numbers=cases.numbers[0])) | {"step": "try"}
    tried = carried(page.post("/bulk", data=form | {"numbers": cases.numbers[0], "text": "请抓紧"}))
    first = page.post("/bulk", data=tried | {"step": "do"})
    second = page.post("/bulk", data=tried | {"step": "do", "text": "请今日办结"})
    assert states(first) == states(second) == {cases.numbers[0]: "已办"}


def test_every_line_of_a_page_is_chosen_by_one_tick(browser: Browsers, cases: Cases) -> None:
    page = browser("zhao")
    on_page = [f"{number}|{TASK}" for number in cases.numbers]
    assert states(post(page, verb="claim", whole="1", on_page=on_page)) == dict.fromkeys(
        cases.numbers, "可以办"
    )
    assert post(page, verb="claim", on_page=on_page).status_code == 422  # none was ticked


@pytest.mark.parametrize("verb", ["issue_card", "decide", "nothing", ""])
def test_an_act_that_is_not_theirs_or_not_for_many_is_refused(
    town: Town, browser: Browsers, cases: Cases, verb: str
) -> None:
    page = browser("zhao")
    fields = {"ground": "other", "text": "x", "step": "do", "order": str(uuid4())}
    answer = post(page, verb=verb, row=cases.numbers[0], **fields)
    assert answer.status_code == 422 and 'href="#f-verb"' in answer.text
    assert not town.queries.state(cases.ids[0]).cards  # type: ignore[union-attr]


def test_a_supervisor_issues_cards_on_many_cases(
    town: Town, browser: Browsers, cases: Cases
) -> None:
    page = browser("feng")
    fields = {"ground": "late_forwarding", "text": "转报迟延", "step": "try"}
    tried = post(page, verb="issue_card", numbers=" ".join(cases.numbers), **fields)
    assert "对 3 件发出监察牌" in tried.text
    done = page.post("/bulk", data=carried(tried) | {"step": "do"})
    assert states(done) == dict.fromkeys(cases.numbers, "已办")
    assert all(town.queries.state(id).cards for id in cases.ids)  # type: ignore[union-attr]


def test_what_cannot_be_confirmed_is_tried_again_under_the_same_ids(
    town: Town, browser: Browsers, cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = browser("zhao")
    tried = post(page, verb="claim", numbers=" ".join(cases.numbers))
    reception = AwayFor(town, cases.numbers[1])
    monkeypatch.setattr(town, "ports", replace(town.ports, reception=reception))
    elsewhere = Browser(town.app(), base_url=ADDRESS, headers={"origin": ADDRESS})
    elsewhere.town = town
    elsewhere.sign_in("zhao")
    form = carried(tried) | {"csrf": elsewhere.token("/cases"), "step": "do"}
    half = elsewhere.post("/bulk", data=form)
    first, lost, last = cases.numbers
    assert states(half) == {first: "已办", lost: "不确定", last: "已办"}
    again = carried(half)
    assert again["row"] == f"{lost}|{TASK}"
    done = elsewhere.post("/bulk", data=again | {"step": "do"})
    assert states(done) == {lost: "此前已办，未重复"}  # it had been settled: the answer was lost
    assert set(holders(town, cases)) == {town.actor("zhao").id}


class AwayFor:
    """The town's reception; of one case, once, the answer is lost after it was settled."""

    def __init__(self, town: Town, number: str) -> None:
        self.inner, self.number = town.reception, number

    async def handle(
        self, actor: Actor, source: Source, requests: Sequence[Request]
    ) -> tuple[Outcome, ...]:
        answers = await self.inner.handle(actor, source, requests)
        if requests[0].case_no == self.number:
            self.number = ""
            raise NotNow("the answer was lost")
        return answers


def test_the_chosen_lines_leave_as_a_file(town: Town, browser: Browsers, cases: Cases) -> None:
    page = browser("zhao")
    answer = post(page, verb="export", pick=cases.numbers[:2])
    assert answer.headers["content-type"].startswith("text/csv")
    assert all(number in answer.text for number in cases.numbers[:2])
    assert cases.numbers[2] not in answer.text
    hidden = post(browser("huang"), verb="export", pick=cases.numbers[:2])
    assert not [number for number in cases.numbers if number in hidden.text]
    assert post(page, verb="export").status_code == 422


def test_two_people_who_send_the_same_order_give_two_orders(
    town: Town, browser: Browsers, cases: Cases
) -> None:
    form = {"verb": "claim", "step": "do", "order": str(uuid4()),
            "row": [f"{number}|{TASK}" for number in cases.numbers]}  # fmt: skip
    zhao = browser("zhao")
    assert set(states(post(zhao, **form)).values()) == {"已办"}
    assert set(states(post(browser("zhou"), **form)).values()) == {"未办"}
    assert set(holders(town, cases)) == {town.actor("zhao").id}


@given(st.lists(st.text(max_size=90), max_size=20), st.text(max_size=500))
def test_whatever_is_pasted_becomes_numbers_of_a_length_each_once(
    ticked: list[str], pasted: str
) -> None:
    found = picked(ticked, pasted)
    assert len(set(found)) == len(found)
    assert all(0 < len(one.number) <= 64 and len(one.task) <= 64 for one in found)


def test_what_travels_in_a_form_comes_back_the_same() -> None:
    for pick in (Pick("ZJJ-2026-000001"), Pick("ZJJ-2026-000001", "review-housing")):
        assert picked([pick.text], "") == (pick,)
