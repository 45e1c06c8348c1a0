"""An organ's own words of a document: what they may name, must say, and can never do."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_args

import pytest

from activities import document_facts as facts
from activities.document_facts import KINDS
from activities.document_samples import SAMPLES
from activities.documents import html_for
from activities.layout import environment
from activities.wordings import (
    WORDS,
    WordingFaulty,
    is_worded,
    paragraphs,
    wording_faults,
    wording_problems,
)
from catalogue.load import load_catalogue
from catalogue.marks import Loc, Marked
from catalogue.matters import DocumentKind, Wording

GRANT = """你（单位）申请的{{ 事项 }}（{{ 办件编号 }}），{{ 受理日期 }}受理。
依照{{ 依据 }}，准予{{ 办理活动 }}。
{% if 有效期 %}有效期至{{ 有效期 }}。{% endif %}
{% if 附加要求 %}请注意：{{ 附加要求 }}{% endif %}
{% if 结果 %}{{ 送达期限 }}内送达{{ 结果 }}。{% endif %}
{% if 听证笔录 %}{{ 听证日期 }}听证：{{ 听证笔录 }}{% endif %}
"""


def changed(kind: DocumentKind, **given: object) -> Any:
    """Return the sample of a kind with other facts."""
    sample: Any = SAMPLES[kind]
    return replace(sample, **given)


def whole(kind: DocumentKind) -> str:
    """Return the shortest words of a kind that say all that must be said."""
    words = WORDS[kind]
    lines = [f"{name}：{{{{ {name} }}}}" for name in sorted(words.always)]
    lines += [f"{{% if {n} %}}{{{{ {n} }}}}{{% endif %}}" for n in sorted(words.where_given)]
    return "\n".join(lines)


@pytest.mark.parametrize("kind", WORDS)
def test_every_name_tells_something_of_every_kind_it_is_offered_for(kind: DocumentKind) -> None:
    words, given = WORDS[kind], SAMPLES[kind]
    assert words.always <= set(words.names) and words.where_given <= set(words.names)
    assert all(isinstance(tell(given), str) for tell in words.names.values())
    assert not wording_problems(kind, whole(kind))
    said = "\n".join(paragraphs(kind, whole(kind), given))
    assert all(words.names[name](given) in said for name in words.always)


@pytest.mark.parametrize("kind", WORDS)
def test_no_fact_of_a_kind_is_out_of_reach(kind: DocumentKind) -> None:
    """Each field of the facts changes what some name says; but for the page's own."""
    own = {"title", "code", "verify_address", "sealed", "anew", "deemed", "missing", "missing_by",
           "overdue", "undertaking", "required"}  # fmt: skip
    given: Any = SAMPLES[kind]
    before = {name: tell(given) for name, tell in WORDS[kind].names.items()}
    for one in fields(KINDS[kind]):
        if one.name in own:
            continue
        value = getattr(given, one.name)
        other: object = "别的"
        if isinstance(value, bool):
            other = not value
        elif isinstance(value, tuple):
            other = ()
        elif isinstance(value, facts.Remedies):
            other = replace(value, review_first=not value.review_first)
        otherwise = changed(kind, **{one.name: other})
        after = {name: tell(otherwise) for name, tell in WORDS[kind].names.items()}
        assert after != before, one.name


def test_own_words_stand_in_the_document_between_letterhead_and_signature() -> None:
    html = html_for("grant", SAMPLES["grant"], GRANT)
    assert "请注意：不得超出核准的经营项目。" in html
    assert "本决定依法公开" not in html  # the shipped words are gone
    assert "云川市市场监督管理局" in html and "核验码" in html


def test_a_value_is_text_and_never_markup_or_template() -> None:
    hostile = changed("grant", addressee="<script>", conditions="{{ 机关 }}{% if %}<b>")
    html = html_for("grant", hostile, GRANT)
    assert "{{ 机关 }}{% if %}&lt;b&gt;" in html and "<b>" not in html


def test_remedies_are_the_shipped_ones_to_the_letter() -> None:
    for first in (True, False):
        given = changed("refusal", remedies=facts.Remedies("甲", "乙", first))
        module: Any = environment().get_template("pieces.html").module
        assert WORDS["refusal"].names["救济途径"](given) == str(
            module.remedies(given.remedies, "本决定")
        )


def test_shipped_words_stand_where_another_article_speaks() -> None:
    deemed = changed("acceptance_notice", deemed=True, missing=())
    assert not is_worded("acceptance_notice", deemed)
    assert not is_worded("acceptance_notice", SAMPLES["acceptance_notice"])  # materials to follow
    plain = changed("acceptance_notice", missing=())
    assert is_worded("acceptance_notice", plain)
    assert not is_worded("acceptance_refusal", changed("acceptance_refusal", required=False))
    assert html_for("acceptance_notice", deemed, "x") == html_for("acceptance_notice", deemed)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("{{ 7 * 7 }}", "不能用的写法"),
        ("{{ ''.__class__.__mro__ }}", "不能用的写法"),
        ("{{ 机关.__class__ }}", "不能用的写法"),
        ("{{ 机关['a'] }}", "不能用的写法"),
        ("{{ cycler() }}", "不能用的写法"),
        ("{{ 机关 | upper }}", "不能用的写法"),
        ("{{ self }}", "没有「self」"),
        ("{% for x in 机关 %}{% endfor %}", "不能用的写法"),
        ("{% include '/etc/passwd' %}", "不能用的写法"),
        ("{% import 'pieces.html' as p %}", "不能用的写法"),
        ("{% extends 'base.html' %}", "不能用的写法"),
        ("{% set x = 1 %}", "不能用的写法"),
        ("{% if 机关 == 'x' %}a{% endif %}", "只能写一个名称"),
        ("{% if 机关 %}a{% elif 文号 %}b{% endif %}", "只能写一个名称"),
        ("{{ 机关", "花括号"),
        ("{% if 机关 %}", "花括号"),
        ("{{ " + "(" * 4000 + " }}", "套得太深"),
        ("{% if 机关 %}" * 300 + "{% endif %}" * 300, "套得太深"),
        ("{{ 税号 }}", "没有「税号」"),
        ("机关\u202e", "U+202E"),
    ],
)
def test_what_could_act_is_refused_and_never_run(body: str, word: str) -> None:
    problems = wording_problems("grant", body)
    assert any(word in one for one in problems), problems
    if word not in ("U+202E",):
        with pytest.raises(WordingFaulty):
            paragraphs("grant", body, SAMPLES["grant"])


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("{{ 依据 }}", "有关规定", "缺少 {{ 依据 }}"),
        ("准予{{ 办理活动 }}", "{% if 依据 %}准予{{ 办理活动 }}{% endif %}", "不能放在条件里"),
        ("{{ 附加要求 }}", "见附件", "缺少 {{ 附加要求 }}"),
        ("{% if 附加要求 %}", "{% if 有效期 %}", "缺少 {{ 附加要求 }}"),
        ("{{ 听证笔录 }}", "", "缺少 {{ 听证笔录 }}"),
    ],
)
def test_what_the_law_wants_said_cannot_be_left_out(old: str, new: str, word: str) -> None:
    assert not wording_problems("grant", GRANT)
    assert old in GRANT
    assert any(word in one for one in wording_problems("grant", GRANT.replace(old, new)))


def test_forms_and_tables_are_not_worded() -> None:
    for kind in set(get_args(DocumentKind)) - set(WORDS):
        assert wording_problems(kind, "x")


def test_faults_name_kind_twice_kind_not_issued_and_line() -> None:
    food = load_catalogue().matter("food-operation", "2026.1")
    twice = Wording(kind="grant", body=GRANT)
    matter = food.model_copy(
        update={
            "wordings": (twice, twice, Wording(kind="hearing_notice", body="{{ 税号 }}")),
        }
    )
    lines: dict[Loc, int] = {
        ("文书正文", 1, "文书"): 7,
        ("文书正文", 2, "文书"): 9,
        ("文书正文", 2, "正文"): 10,
    }
    found = wording_faults(matter, Marked("m.yaml", {}, lines))
    assert {(one.line, one.message[:4]) for one in found} >= {
        (7, "同一种文"), (9, "本事项不"), (10, "这里没有"),
    }  # fmt: skip
