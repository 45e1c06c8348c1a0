"""A dead letter's page: what it was, and what became of it once it was sent again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cases.messages import Outcome
from forms.letter_ports import DeadLetter
from tests.forms.conftest import Browsers
from tests.forms.town import Town

LETTER = DeadLetter(
    "7", "cmd.demo.zjj.portal.case.file", datetime.now(UTC), "没有这个字段", "data.body.x",
    "replayed", "{}", "u:ji", datetime.now(UTC),
)  # fmt: skip
DONE = Outcome(command_id="m", case_id="c", status="done", case_no="ZJJ-7")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "还没有结果"),
        (DONE, "ZJJ-7"),
        (DONE.model_copy(update={"status": "refused", "reason": "本件已经办结"}), "本件已经办结"),
    ],
)
def test_a_letter_that_was_sent_again_says_what_came_of_it(
    browser: Browsers, town: Town, answer: Outcome | None, said: str
) -> None:
    town.letters.letters["7"] = replace(LETTER, answer=answer)
    page = browser("intake").get("/letters/7").text
    assert said in page.partition("重放的结果")[2]


def test_the_number_of_the_case_is_a_link_for_who_may_open_cases_alone(
    browser: Browsers, town: Town
) -> None:
    town.letters.letters["7"] = replace(LETTER, answer=DONE)
    assert 'href="/cases/ZJJ-7"' not in browser("intake").get("/letters/7").text
    town.settle_in("both", ("双岗位", "zjj", (("intake_operator", "zjj"), ("window_clerk", "zjj"))))
    assert 'href="/cases/ZJJ-7"' in browser("both").get("/letters/7").text


def test_a_letter_that_waits_says_nothing_of_an_outcome(browser: Browsers, town: Town) -> None:
    town.letters.letters["7"] = replace(LETTER, state="open")
    assert "重放的结果" not in browser("intake").get("/letters/7").text
