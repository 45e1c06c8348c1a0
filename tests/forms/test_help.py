"""Every page says what it is for, what comes next, and quotes the article that it rests on."""

from __future__ import annotations

import re

import forms.app  # noqa: F401 -- defines every page
from catalogue.load import HERE, load_catalogue
from forms.help_words import HELP
from forms.rendering import HERE as FORMS
from tests.forms.conftest import Browsers
from tests.forms.town import Town
from tests.house.test_page_contexts import ALL

SENTENCE = 8
"""A help of fewer characters says nothing."""


def test_every_page_has_its_help_and_no_help_is_left_over() -> None:
    framed = {page.template for page in ALL if _is_framed(page.template)}
    assert framed == set(HELP)


def _is_framed(template: str) -> bool:
    """Whether a template stands in the frame where help is; a wall display has nobody to read."""
    return "{% extends 'base.html' %}" in (FORMS / "templates" / template).read_text("utf-8")


def test_help_says_what_the_page_is_for_and_what_to_do() -> None:
    for template, found in HELP.items():
        for said in (found.what, found.then):
            assert len(said) >= SENTENCE and said.endswith("。"), (template, said)
        assert found.what != found.then


def test_every_article_of_help_is_in_the_register() -> None:
    law = load_catalogue(HERE).law
    assert {one for found in HELP.values() for one in found.articles} <= set(law)


def test_the_list_quotes_its_article_with_the_words_of_the_law(browser: Browsers) -> None:
    page = browser("chen").get("/").text
    assert 'href="#page-help"' in page
    assert "《中华人民共和国行政许可法》第四十二条第一款" in page
    assert "二十日内作出行政许可决定" in page


def test_an_act_quotes_the_article_of_its_verb_and_not_another_s(
    town: Town, browser: Browsers
) -> None:
    filed = town.file("云川建设有限公司")
    page = browser("chen").get(f"/cases/{filed.case_no}/do/ask_supplement")
    assert page.status_code == 200
    assert "应当当场或者在五日内一次告知申请人需要补正的全部内容" in page.text


def test_help_works_without_a_script() -> None:
    base = (FORMS / "templates" / "base.html").read_text(encoding="utf-8")
    assert re.search(r'<details class="help[^"]*"><summary>', base)
