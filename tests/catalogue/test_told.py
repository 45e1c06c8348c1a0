"""A sentence that remembers its template: Chinese everywhere, and said anew for who asks."""

from __future__ import annotations

import copy
import json
import pickle

import orjson

from catalogue.told import Told, in_words

ENGLISH = {
    "您是{role}，须{what}": "You are {role}: {what}",
    "窗口": "at the window",
    "找{who}": "ask {who}",
    "甲": "A",
}
NESTED = Told("您是{role}，须{what}", role="窗口", what=Told("找{who}", who=("甲", "{乙}")))


def test_it_is_the_chinese_text_wherever_it_goes() -> None:
    words = "您是窗口，须找甲、{乙}"
    assert words == NESTED and f"{NESTED}。" == f"{words}。"
    for sent in (
        json.loads(json.dumps(NESTED)),
        orjson.loads(orjson.dumps(NESTED)),
        pickle.loads(pickle.dumps(NESTED)),
        copy.deepcopy(NESTED),
    ):
        assert type(sent) is str and sent == words


def test_another_language_says_template_and_parts_anew() -> None:
    def say(text: str) -> str:
        return ENGLISH.get(text, text)

    assert in_words(NESTED, say, ", ") == "You are at the window: ask A, {乙}"
    assert in_words("甲", say, ", ") == "A"
    assert in_words("", lambda _text: "a header of a file", ", ") == ""
    assert in_words(Told("第 {n} 行", n=3), say, ", ") == "第 3 行"
