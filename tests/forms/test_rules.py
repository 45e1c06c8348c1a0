"""The rules of the city as pages: a list, and each pack as a lawyer reads it."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest

from forms.rule_pages import RULES_AT_ONCE
from rules.load import load_packs
from tests.forms.conftest import Browsers

PACKS = load_packs()


def test_the_list_names_every_pack_in_force(browser: Browsers) -> None:
    page = browser("editor").get("/rules").text
    for name, pack in PACKS.items():
        assert f'href="/rules/{name}"' in page and pack.definition.title.zh in page


@pytest.mark.parametrize("name", sorted(PACKS))
def test_each_pack_shows_every_rule_with_its_article(browser: Browsers, name: str) -> None:
    shown, waiting, seen = "", [f"/rules/{name}"], set()
    editor = browser("editor")
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        page = editor.get(address)
        assert page.status_code == 200
        shown += page.text
        found = re.findall(rf'href="(/rules/{name}\?[^"#]+)', page.text)
        waiting += [html.unescape(one) for one in found]
    for rule in PACKS[name].definition.rules:
        assert f'id="r-{rule.id}"' in shown
    for table in PACKS[name].definition.tables:
        assert f'id="t-{table.id}"' in shown


def test_a_large_pack_is_divided_by_span_and_page_with_an_index(browser: Browsers) -> None:
    editor = browser("editor")
    day = date(2027, 1, 1)
    page = editor.get(f"/rules/air?day={day}").text
    held = [
        rule
        for rule in PACKS["air"].definition.rules
        if rule.in_force_from <= day and (rule.in_force_until is None or rule.in_force_until > day)
    ]
    assert len(re.findall(r'<section class="card rule"', page)) == RULES_AT_ONCE < len(held)
    assert "2026-03-01 – 2030-12-31" in page and 'aria-current="true"' in page
    for rule in held:
        assert f'#r-{rule.id}"' in page
    whole = page + editor.get(f"/rules/air?day={day}&page=2").text
    assert "PT1H" not in whole and "PT0S" not in whole and "小时 后发出" in whole
    for odd in ("x", "2026-02-30", "1990-01-01", "9999-12-31"):
        assert editor.get(f"/rules/air?day={odd}&page=99999").status_code == 200


def test_codes_are_shown_as_words_in_both_languages(browser: Browsers) -> None:
    editor = browser("editor")
    chinese = editor.get("/rules/noise").text
    assert "昼间超标" in chinese and "黄色" in chinese and "：yellow" not in chinese
    editor.get("/language/en")
    english = editor.get("/rules/noise").text
    assert "above the day limit" in english and "hour" in english and "黄色" not in english


def test_a_rule_shows_sentence_article_example_and_mark(browser: Browsers) -> None:
    page = browser("signer").get("/rules/supervision").text
    for text in ("「已用百分比」达到或超过 75 %", "YCJC", "未核对", "不符合", "有效期"):
        assert text in page or (text == "YCJC" and "《" in page)


def test_an_unknown_pack_is_not_found(browser: Browsers) -> None:
    assert browser("editor").get("/rules/nothing").status_code == 404


def test_in_english_it_reads_in_english(browser: Browsers) -> None:
    editor = browser("editor")
    editor.get("/language/en")
    page = editor.get("/rules/supervision").text
    assert "is at least 75 %" in page and "does not hold" in page
