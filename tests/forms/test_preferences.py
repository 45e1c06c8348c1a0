"""How somebody wants their pages: keys, the next task, and what is announced of it."""

from __future__ import annotations

import re

import pytest

from forms.around import CONTENT_POLICY, SCRIPTED_POLICY
from tests.forms.conftest import Browser, Browsers
from tests.forms.test_case import accepted, posted
from tests.forms.town import Town

TASK = "review-housing"


def prefer(page: Browser, **chosen: str) -> int:
    form = {"csrf": page.token("/preferences"), **chosen}
    return int(page.post("/preferences", data=form, follow_redirects=False).status_code)


def test_a_choice_is_kept_for_the_account_in_every_session(browser: Browsers) -> None:
    page = browser("zhao")
    assert prefer(page, keys="off", go_on="off", page_size="50") == 303
    shown = browser("zhao").get("/preferences").text
    for name, value in (("keys", "off"), ("go_on", "off"), ("page_size", "50")):
        assert f'name="{name}" value="{value}" checked' in shown
    assert 'name="keys" value="on" checked' in browser("zhou").get("/preferences").text


def test_of_choices_with_one_that_is_none_nothing_changes(browser: Browsers) -> None:
    page = browser("qian")
    assert prefer(page, keys="off", page_size="7") == 422
    assert 'name="keys" value="on" checked' in page.get("/preferences").text


def test_who_switched_the_keys_off_is_sent_no_script(browser: Browsers) -> None:
    page = browser("sun")
    on = page.get("/deputies")
    assert "/static/keys.js" in on.text
    assert on.headers["content-security-policy"] == SCRIPTED_POLICY
    prefer(page, keys="off")
    for path in ("/preferences", "/password", "/me"):
        off = page.get(path)
        assert "keys.js" not in off.text
        assert off.headers["content-security-policy"] == CONTENT_POLICY
    prefer(page, keys="on")


def test_every_key_is_listed_with_what_it_does(browser: Browsers) -> None:
    shown = browser("chen").get("/preferences").text
    assert [
        one for one in "/ J K X G I T A ? Enter".split() if f"<kbd>{one}</kbd>" not in shown
    ] == []
    assert 'href="/preferences" data-key="?"' in shown


def claimed(town: Town, login: str) -> list[str]:
    found = []
    for _ in range(2):
        number, id = accepted(town)
        town.order(login, "claim", {"task": TASK}, id)
        found.append(number)
    return found


OPINION = {"task": TASK, "result": "agree", "text": "同意"}
INSPECTED = {"task": TASK, "inspectors": "甲\n乙", "place": "现场", "findings": "具备条件。"}


def opined(town: Town, page: Browser, number: str) -> str:
    """Finish the task of a case; return where the browser is led."""
    state = town.queries.state(town.queries.find_case(number) or "")
    assert state is not None and state.last_at is not None
    inspection = {**INSPECTED, "inspectors": ["甲", "乙"],
                  "inspected_at": state.last_at.isoformat()}  # fmt: skip
    town.order("zhao", "inspect", inspection, state.case_id)
    path = f"/cases/{number}/do/opine"
    answer = page.post(
        path, data=posted(page, path, **OPINION, step="confirmed"), follow_redirects=False
    )
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_one_stays_with_the_finished_case_unless_one_wants_to_go_on(
    town: Town, browser: Browsers
) -> None:
    first, _ = claimed(town, "zhao")
    page = browser("zhao")
    prefer(page, go_on="off")
    assert re.fullmatch(rf"/cases/{first}\?done=[\w-]+", opined(town, page, first))


def test_the_next_task_opens_and_says_which_was_finished_and_which_this_is(
    town: Town, browser: Browsers
) -> None:
    first, second = claimed(town, "zhao")
    page = browser("zhao")
    prefer(page, go_on="on")
    where = opined(town, page, first)
    assert "?after=" in where and f"/cases/{first}" not in where
    shown = page.get(where).text
    here = where.split("?")[0].removeprefix("/cases/")
    banner = re.search(r'<div class="banner" role="status"[^>]*autofocus>(.*?)</div>', shown)
    assert banner and f"已办完 {first}。" in banner[1] and f"这是下一件：{here}。" in banner[1]
    assert f"<title>下一件 · {here}" in shown
    assert second  # one of the two that are left comes first; which, their periods say


def test_an_act_that_finishes_nothing_leads_nowhere_else(town: Town, browser: Browsers) -> None:
    first, _ = claimed(town, "zhao")
    page = browser("zhao")
    prefer(page, go_on="on")
    path = f"/cases/{first}/do/urge"
    form = posted(page, path, text="请抓紧")
    answer = page.post(path, data=form, follow_redirects=False)
    assert answer.headers["location"].startswith(f"/cases/{first}?done=")


@pytest.mark.parametrize("login", ["zhou", "huang"])
def test_anothers_command_or_a_made_up_one_is_told_of_only_where_one_may_know_the_case(
    town: Town, browser: Browsers, login: str
) -> None:
    number, id = accepted(town)
    outcome = town.order("zhao", "claim", {"task": TASK}, id)
    own = accepted(town)[0]
    page = browser("chen")
    assert "已办完" not in page.get(f"/cases/{own}?after=nothing").text
    stranger = browser(login)
    shown = stranger.get(f"/cases/{own}?after={outcome.command_id}")
    assert (number in shown.text) == (login == "zhou")
