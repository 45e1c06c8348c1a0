"""The tab 规则 of a case: each ruling with rules, facts, articles, and the smallest difference."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.forms.conftest import Browsers
from tests.forms.test_cards import carded
from tests.forms.test_case import accepted
from tests.forms.town import Town, TwinRules
from yichuang.rule_orders.again import made_again
from yichuang.rule_orders.explain import explained
from yichuang.stored_rulings import StoredRulings


def rulings(town: Town) -> StoredRulings:
    return StoredRulings(town.queries, TwinRules().pack)


def test_a_case_tells_why_its_rules_said_so(browser: Browsers, town: Town) -> None:
    case_no, _ = accepted(town)
    shown = browser("chen").get(f"/cases/{case_no}?tab=rulings").text
    for part in (
        "《中华人民共和国行政许可法》", "规则所问", "改动最小而结果不同", "SHA-256", "2026.1",
        "✓ 是", "全部事实与版本", "等于",
    ):  # fmt: skip
        assert part in shown, part


def test_the_reasons_are_told_in_english_too(browser: Browsers, town: Town) -> None:
    case_no, _ = accepted(town)
    page = browser("chen")
    page.get("/language/en")
    shown = page.get(f"/cases/{case_no}?tab=rulings").text
    for part in (
        "Smallest change that gives another result",
        "Asked by the rule",
        "Actual",
        "in force",
    ):
        assert part in shown, part


def test_the_reasons_of_a_card_are_those_of_its_ruling(browser: Browsers, town: Town) -> None:
    case_no, case_id, _ = carded(town)
    shown = browser("feng").get(f"/cases/{case_no}?tab=rulings").text
    assert "JC-RP-SF" in shown
    assert any(one.role.startswith("card") for one in rulings(town).of_case(case_id))


def test_every_stored_ruling_is_made_again_as_it_was(town: Town) -> None:
    _, case_id = accepted(town)
    own = rulings(town).of_case(case_id)
    assert len(own) >= 2
    everything = list(rulings(town).all())
    assert [one for one in everything if one.case_id == case_id] == own
    assert [found for one in everything if (found := rulings(town).difference(one))] == []


def test_a_ruling_that_was_altered_is_named_and_its_reasons_are_not_made_up(town: Town) -> None:
    case_no, case_id = accepted(town)
    first = rulings(town).of_case(case_id)[0]
    assert first.ruling is not None
    altered = replace(
        first, ruling=first.ruling.model_copy(update={"outcome": {"acceptance": "x"}})
    )
    found = rulings(town).difference(altered)
    assert found is not None
    assert (found.case_no, found.seq) == (case_no, first.seq)
    with pytest.raises(ValueError, match="expected"):
        rulings(town).why(altered)


def test_a_ruling_by_a_version_that_is_not_here_says_so(town: Town) -> None:
    _, case_id = accepted(town)
    first = replace(rulings(town).of_case(case_id)[0], digest="0" * 64)
    found = rulings(town).difference(first)
    assert found is not None
    assert "0000" in found.why


def test_erased_facts_are_said_to_be_erased(town: Town) -> None:
    _, case_id = accepted(town)
    blind = replace(town.queries, open=lambda items: [None for _ in items])
    found = StoredRulings(blind, TwinRules().pack).of_case(case_id)
    assert [one.ruling for one in found] == [None] * len(found)


def test_the_command_line_tells_the_same_reasons(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    case_no, _ = accepted(town)
    assert explained(rulings(town), case_no, False) == 0
    out = capsys.readouterr().out
    assert "《中华人民共和国行政许可法》" in out
    assert "则 " in out
    assert explained(rulings(town), case_no, True) == 0
    assert {one["pack"] for one in json.loads(capsys.readouterr().out)} >= {"completeness"}
    assert explained(rulings(town), "ZJJ0000000000", False) == 2


def test_every_ruling_of_the_store_is_made_again_by_one_command(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    _, case_id = accepted(town)
    assert made_again(rulings(town), rulings(town).all(), False) == 0
    assert "0 份不同" in capsys.readouterr().out
    first = rulings(town).of_case(case_id)[0]
    assert first.ruling is not None
    altered = replace(first, ruling=first.ruling.model_copy(update={"fired": ()}))
    assert made_again(rulings(town), [altered], True) == 1
    assert json.loads(capsys.readouterr().out)["differences"][0]["seq"] == first.seq
