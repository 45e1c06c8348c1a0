"""Every sentence that a page can show has its English; every code has its word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from cases.approval import CLOCK_KINDS
from cases.armed import IN_CHINESE
from cases.messages import BODIES
from cases.metrics import METRICS
from cases.state import ENDINGS, Stage
from catalogue.matters import DocumentKind, ProcedureKind, Unit
from forms import metric_words, words

FORMS = Path(words.__file__).parent
METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
KEYWORDS = {"_": None, "N_": None}


def sentences() -> set[str]:
    options = {"templates/**.html": {"newstyle_gettext": "true"}}
    found = extract_from_dir(str(FORMS), method_map=METHODS, options_map=options, keywords=KEYWORDS)
    return {message for _, _, message, _, _ in found if isinstance(message, str) and message}


def english() -> dict[str, str]:
    with (FORMS / "locale" / "en" / "messages.po").open("rb") as source:
        return {str(one.id): str(one.string) for one in read_po(source) if one.id}


def test_every_sentence_has_its_english_and_none_is_left_over() -> None:
    known = english()
    assert sentences() == set(known)
    assert not [chinese for chinese, said in known.items() if not said]


def test_the_english_stands_in_order_and_no_sentence_twice() -> None:
    text = (FORMS / "locale" / "en" / "messages.po").read_text(encoding="utf-8")
    found = re.findall(r'^msgid "(.+)"$', text, flags=re.M)
    assert found == sorted(set(found))


def test_the_english_has_the_same_places_to_fill() -> None:
    holes = re.compile(r"%\(\w+\)s|\{\w+\}")
    for chinese, said in english().items():
        assert sorted(holes.findall(chinese)) == sorted(holes.findall(said)), chinese


def test_no_template_shows_chinese_outside_the_catalogue() -> None:
    for template in (FORMS / "templates").rglob("*.html"):
        text = re.sub(r"{#.*?#}", "", template.read_text(encoding="utf-8"), flags=re.S)
        text = re.sub(r"_\('[^']*'", "", text)
        left = [found for found in re.findall(r"[一-鿿]+", text) if found != "中文"]
        assert not left, (template.name, left)


def test_metrics_are_called_on_pages_what_they_are_called_where_they_are_defined() -> None:
    assert {one.id: one.title for one in METRICS} == metric_words.METRICS
    assert {one.id: one.formula for one in METRICS} == metric_words.METRIC_FORMULAS


def test_every_code_has_its_word() -> None:
    assert set(words.VERBS) == set(BODIES)
    assert set(words.STAGES) == set(get_args(Stage))
    assert set(words.ENDINGS) == set(ENDINGS)
    assert set(words.DOCUMENTS) == set(get_args(DocumentKind))
    assert set(words.PROCEDURES) == set(get_args(ProcedureKind))
    assert set(words.UNITS) == set(get_args(Unit))
    assert set(words.CLOCK) == set(CLOCK_KINDS)
    assert words.FAULTS == IN_CHINESE
