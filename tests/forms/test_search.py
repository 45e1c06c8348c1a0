"""The search: a number leads to its case, and no name stands in an address."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.kept_words import keep, kept
from tests.forms.conftest import Browsers
from tests.forms.town import Town

NAME = "云川长虹置业有限公司"


@pytest.fixture(scope="module")
def number(town: Town) -> str:
    """The number of one case of that applicant among several of others."""
    for _ in range(3):
        town.file()
    return town.file(NAME).case_no


def test_a_number_leads_to_its_case(browser: Browsers, number: str) -> None:
    page = browser("chen")
    form = {"csrf": page.token("/"), "text": f" {number} "}
    answer = page.post("/find", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{number}")


def test_a_name_finds_its_cases_and_stands_in_no_address(browser: Browsers, number: str) -> None:
    page = browser("chen")
    answer = page.post("/find", data={"csrf": page.token("/"), "text": NAME, "state": "open"})
    assert number in answer.text
    assert answer.text.count('class="number"><a href="/cases/ZJJ') == 1
    assert f'value="{NAME}"' in answer.text  # still in the field
    addresses = [str(answer.url), *_links(answer.text)]
    assert any("kept=" in one and "state=" in one for one in addresses)
    assert not [one for one in addresses if NAME in one or "%E4%BA%91" in one]
    assert number in page.get(str(answer.url)).text


@pytest.mark.parametrize("typed", ["139 0000 0001", "+86-13900000001", "91990100MA0000001X"])
def test_a_telephone_or_a_whole_number_finds_all_cases_of_its_owner(
    browser: Browsers, number: str, typed: str
) -> None:
    page = browser("chen")
    answer = page.post("/find", data={"csrf": page.token("/"), "text": typed})
    assert number in answer.text and answer.text.count('class="number"><a href="/cases/ZJJ') > 1
    assert "13900000001" not in str(answer.url) and "91990100" not in str(answer.url)
    other = page.post("/find", data={"csrf": page.token("/"), "text": typed[:-1] + "9"})
    assert 'class="number"><a href="/cases/ZJJ' not in other.text


def test_another_session_cannot_read_what_was_searched_for(browser: Browsers, number: str) -> None:
    page = browser("chen")
    answer = page.post("/find", data={"csrf": page.token("/"), "text": NAME})
    elsewhere = browser("chen").get(str(answer.url))
    assert elsewhere.status_code == 200
    assert f'value="{NAME}"' not in elsewhere.text


@given(words=st.text(max_size=100), key=st.text(), other=st.text())
def test_words_open_under_their_key_alone(words: str, key: str, other: str) -> None:
    sealed = keep(words, key)
    assert kept(sealed, key) == words
    assert kept(sealed[:-2] + "AA", key) == ""
    if other != key:
        assert kept(sealed, other) == ""
    assert sealed.isascii()


def _links(text: str) -> list[str]:
    return re.findall(r'href="([^"]*)"', text)
