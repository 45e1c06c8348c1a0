"""A page that says no says what to do next, the same for what is not there and what is hidden."""

from __future__ import annotations

from forms.showing import NEXT
from tests.forms.conftest import Browsers
from tests.forms.town import Town


def test_a_clerk_is_told_what_to_do_about_what_is_not_there_or_hidden(
    town: Town, browser: Browsers
) -> None:
    page = browser("chen")
    answers = [page.get("/cases/NOSUCH"), page.get("/no-such-page")]
    for answer in answers:
        assert answer.status_code == 404
        assert NEXT[404] in answer.text


def test_a_stranger_is_sent_to_what_strangers_may_do(browser: Browsers) -> None:
    answer = browser().get("/no-such-page")
    assert answer.status_code == 404
    assert "凭编号和查询码" in answer.text and NEXT[404] not in answer.text


def test_a_form_without_its_token_says_how_to_go_on(browser: Browsers) -> None:
    answer = browser("chen").post("/find", data={"text": "x"})
    assert answer.status_code == 403
    assert NEXT[403] in answer.text


def test_a_role_that_lacks_is_named_with_who_grants_it(browser: Browsers) -> None:
    answer = browser("chen").get("/accounts")
    assert answer.status_code == 403
    assert "安全管理员" in answer.text
