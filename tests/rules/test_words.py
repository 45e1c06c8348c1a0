"""What a page shows of a rule are words: every code of every shipped pack has its two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import JsonValue

from rules.model import Condition, Leaf, leaves
from rules.pack import Pack
from rules.tables.in_pack import table_of
from rules.words import common, duration, words_for

NAMED_ELSEWHERE = {"item", "station", "rgb", "region", "matter", "department"}
"""Fields whose values the catalogue names (stations, city), or that are no words (a colour)."""


def texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def used(pack: Pack) -> Iterator[tuple[str, str]]:
    """Yield (field or outcome, code) of everything that a pack compares or sets as a text."""
    whole = pack.definition
    for name, field in whole.fields.items():
        yield from ((name, code) for code in field.choices)
    for name, outcome in whole.outcome.items():
        yield from ((name, code) for code in outcome.choices)
    rows = [row for table in whole.tables for row in table_of(whole, table).rules]
    for rule in (*whole.rules, *rows):
        yield from of_condition(rule.condition)
        for name, value in rule.then.items():
            yield from ((name, code) for code in texts(value))


def of_condition(condition: Condition) -> Iterator[tuple[str, str]]:
    for leaf in leaves(condition):
        assert isinstance(leaf, Leaf)
        yield from ((leaf.field, code) for code in texts(leaf.value))


def test_every_code_of_every_shipped_pack_has_its_words(shipped: dict[str, Pack]) -> None:
    lacking = {
        (pack.id, name, code)
        for pack in shipped.values()
        for name, code in used(pack)
        if name not in NAMED_ELSEWHERE and code not in words_for(pack.definition, name)
    }
    assert lacking == set()


def test_no_word_is_for_a_code_that_nobody_uses(shipped: dict[str, Pack]) -> None:
    known = {pair for pack in shipped.values() for pair in used(pack)}
    spare = {(n, c) for n, some in common().items() for c in some if (n, c) not in known}
    assert len(spare) <= 40, sorted(spare)


def test_a_pack_s_own_word_comes_before_the_common_one(shipped: dict[str, Pack]) -> None:
    card = words_for(shipped["supervision"].definition, "level")["yellow"]
    alarm = words_for(shipped["air"].definition, "level")["yellow"]
    assert (card.zh, alarm.zh) == ("黄牌", "黄色")


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("PT2H", "2 小时", "2 hours"),
        ("PT1H", "1 小时", "1 hour"),
        ("PT1H30M", "1 小时 30 分钟", "1 hour 30 minutes"),
        ("P1D", "1 日", "1 day"),
        ("P2W", "2 周", "2 weeks"),
        ("PT0S", "0 秒", "0 seconds"),
        ("P0DT0H", "0 小时", "0 hours"),
        ("P", "P", "P"),
        ("PT", "PT", "PT"),
        ("PM10", "PM10", "PM10"),
        ("yellow", "yellow", "yellow"),
    ],
)
def test_a_duration_is_spelled_out_and_nothing_else_is(text: str, zh: str, en: str) -> None:
    assert (duration(text), duration(text, "en")) == (zh, en)
