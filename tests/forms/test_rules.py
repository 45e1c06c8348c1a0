"""The rules of the city as pages: a list, and each pack as a lawyer reads it."""

from __future__ import annotations

import pytest

from rules.load import load_packs
from tests.forms.conftest import Browsers

PACKS = load_packs()


def test_the_list_names_every_pack_in_force(browser: Browsers) -> None:
    page = browser("editor").get("/rules").text
    for name, pack in PACKS.items():
        assert f'href="/rules/{name}"' in page and pack.definition.title.zh in page


@pytest.mark.parametrize("name", sorted(PACKS))
def test_each_pack_shows_every_rule_with_its_article(browser: Browsers, name: str) -> None:
    page = browser("editor").get(f"/rules/{name}")
    assert page.status_code == 200
    for rule in PACKS[name].definition.rules:
        assert f'id="r-{rule.id}"' in page.text
    for table in PACKS[name].definition.tables:
        assert f'id="t-{table.id}"' in page.text


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
