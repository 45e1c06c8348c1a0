"""Every page context: documented keys == keys the template uses; nothing undefined is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
from jinja2 import StrictUndefined, meta, nodes

import forms.app  # noqa: F401 -- defines every page
from forms.rendering import HERE, Page, environment

TEMPLATES = HERE / "templates"
GIVEN_TO_ALL = {"frame"}


def pages(root: type[Page] = Page) -> Iterator[type[Page]]:
    for page in root.__subclasses__():
        yield page
        yield from pages(page)


def used(template: str) -> set[str]:
    """Return the names that a template, what it extends and what it imports ask of the context."""
    env = environment("zh")
    seen: set[str] = set()
    waiting, names = [template], set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        tree = env.parse((TEMPLATES / one).read_text(encoding="utf-8"))
        names |= meta.find_undeclared_variables(tree) - set(env.globals) - own(tree)
        waiting += [found for found in meta.find_referenced_templates(tree) if found]
    return names


def own(tree: nodes.Template) -> set[str]:
    """Return what a template defines at its top: its blocks see that, but `meta` does not."""
    found = {node.target for node in tree.find_all(nodes.Import)}
    found |= {node.name for node in tree.find_all(nodes.Macro)}
    for node in tree.body:
        if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
            found.add(node.target.name)
    return found


ALL = list(pages())


def test_there_are_pages() -> None:
    assert len(ALL) >= 15


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.__name__)
def test_documented_keys_are_those_the_template_uses(page: type[Page]) -> None:
    assert {field.name for field in fields(page)} == used(page.template) - GIVEN_TO_ALL


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.__name__)
def test_every_key_is_documented_where_it_is_declared(page: type[Page]) -> None:
    assert is_dataclass(page)
    for name, hint in get_type_hints(page, include_extras=True).items():
        if name == "template":
            continue
        assert get_origin(hint) is Annotated, f"{page.__name__}.{name}"
        assert all(isinstance(words, str) and words for words in get_args(hint)[1:])


def test_every_template_belongs_to_a_page_or_is_a_part() -> None:
    parts = {
        "base.html",
        "macros/attach.html",
        "macros/cards.html",
        "macros/citizen.html",
        "macros/clock.html",
        "macros/form.html",
        "macros/incidents.html",
        "macros/moves.html",
        "macros/wall.html",
        "macros/law.html",
        "macros/papers.html",
        "macros/proof.html",
        "macros/plan.html",
        "macros/policy.html",
        "macros/reasons.html",
        "macros/rights.html",
        "macros/running.html",
        "macros/side.html",
        "macros/sharing.html",
        "macros/signing.html",
        "macros/timeline.html",
        "macros/ui.html",
    }
    known = {page.template for page in ALL} | parts
    there = {str(path.relative_to(TEMPLATES)) for path in Path(TEMPLATES).rglob("*.html")}
    assert there == known


def test_an_undefined_name_is_a_fault_in_both_languages() -> None:
    for language in ("zh", "en"):
        env = environment(language)
        assert env.undefined is StrictUndefined
        assert env.autoescape is True


def test_a_key_is_found_before_a_method_of_the_same_name() -> None:
    links = {"clear": "/incidents", "items": "/all", "other": "/other"}
    shown = environment("zh").from_string(
        "{{ links.clear }} {{ links.items }} {{ links.other }} {{ links.get('clear') }}"
    )
    assert shown.render(links=links) == "/incidents /all /other /incidents"
