"""A condition reads as sentences: every comparison once, with the field's title and unit."""

from __future__ import annotations

import pytest

from rules.load import load_packs
from rules.model import Leaf, Rule
from rules.sentences import clauses, facts, settings, thresholds
from rules.words import Language

PACKS = load_packs()
SUPERVISION = PACKS["supervision"].definition


def rule_of(name: str) -> Rule:
    return next(one for one in SUPERVISION.rules if one.id == name)


def said(when: object, language: Language = "zh") -> tuple[str, ...]:
    rule = Rule.model_validate(
        {**rule_of("JC-RP-FD").model_dump(by_alias=True, exclude={"when"}), "when": when}
    )
    return clauses(SUPERVISION, rule, language)


def test_a_reminder_reads_as_a_lawyer_would_say_it() -> None:
    found = clauses(SUPERVISION, rule_of("JC-TS-75"))
    assert "「已用百分比」达到或超过 75 %" in found
    assert "并非（「到期前还有几个工作日（含当日）」不超过 1 工作日）" in found
    assert "「正在停表」为 否" in found
    assert "“Share of the limit used” is at least 75 %" in clauses(
        SUPERVISION, rule_of("JC-TS-75"), "en"
    )


@pytest.mark.parametrize(
    ("when", "zh", "en"),
    [
        ({"field": "matter", "op": "exists"}, "有「事项」", "“Matter” is given"),
        ({"field": "matter", "op": "missing"}, "没有「事项」", "“Matter” is not given"),
        (
            {"field": "clock", "op": "in", "value": ["notice", "step"]},
            "为告知时限、环节时限之一",
            "is one of notice, step",
        ),
        (
            {"field": "elapsed_percent", "op": "between", "value": [75, 90]},
            "「已用百分比」在 75 % 与 90 % 之间（含）",
            "is from 75 % to 90 %",
        ),
        (
            {"field": "issued", "op": "any_item", "value": "yellow"},
            "「本时钟已发的级别」有一项为 yellow",
            "has an item that is yellow",
        ),
        (
            {"field": "used", "op": "gt", "of": "limit", "times": 2, "plus": 1},
            "大于 「期限（按其单位）」 × 2 + 1",
            "is more than “The limit in its unit” × 2 + 1",
        ),
        (
            {"any": [{"field": "matter", "op": "exists"},
                     {"field": "used", "op": "lt", "value": 3}]},
            "有「事项」，或者「已用（按其单位）」小于 3",
            "“Matter” is given, or “Used in its unit” is less than 3",
        ),
    ],
)  # fmt: skip
def test_every_operator_has_its_words(when: object, zh: str, en: str) -> None:
    assert zh in said(when)[0] and en in said(when, "en")[0]


def test_thresholds_are_the_comparisons_with_numbers_and_no_other() -> None:
    assert tuple(thresholds(SUPERVISION, rule_of("JC-TS-75"))) == (
        "「已用百分比」达到或超过 75 %",
        "「已用百分比」小于 90 %",
        "「到期前还有几个工作日（含当日）」不超过 1 工作日",
    )


@pytest.mark.parametrize("pack", sorted(PACKS))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_shipped_rule_reads_whole(pack: str, language: Language) -> None:
    definition = PACKS[pack].definition
    for rule in definition.rules:
        text = " ".join(clauses(definition, rule, language))
        assert text
        for one in rule.examples:
            assert len(facts(definition, one.given, language)) == len(one.given)
        assert len(settings(definition, rule, language)) == len(rule.then)


def test_what_a_field_is_compared_with_is_never_lost() -> None:
    leaf = Leaf(field="elapsed_percent", op="gte", value=12.5)
    assert said(leaf.model_dump())[0].endswith("12.5 %")
