"""The colours of the pages: each stands once as a token, or once by day and once by night where the
two differ, and every pair that meets is told apart as WCAG 2.2 asks (1.4.3: text 4.5 to 1; 1.4.11:
what one acts by 3 to 1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

import pytest

from cases import charts
from cases.incidents import map as city_map
from cases.projects import gantt
from forms.rendering import STATIC

CSS = (STATIC / "page.css").read_text(encoding="utf-8")
PLAIN = re.sub(r"/\*.*?\*/", "", CSS, flags=re.S)
DARK = "@media screen and (prefers-color-scheme: dark)"

TEXT, ACTED = 4.5, 3.0

GROUNDS = ("ground", "surface", "sunken", "hovered", "chosen", "fresh")
WORDS = ("ink", "ink-soft", "link", "danger", "brand")
"""Text that stands on any ground of the page: a row under the pointer, a chosen one, a new one."""
LEVELS = ("level-red", "level-orange", "level-yellow", "level-blue", "ok", "warn")
"""Words of levels and states, in tables and cards."""
MARKS = ("line-strong", "run", "stand", "over", "noted", "warn-line", "land-border", *LEVELS)
"""Borders of controls, bars and lines of pictures: what one must see to understand or act."""


WALL = ("wall-ink", "wall-soft", "wall-red", "wall-orange", "wall-yellow", "wall-blue")
"""Words on the wall; they are read from across a room."""
ACROSS = 7.0
"""1.4.6, the enhanced contrast."""


def tokens(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]{6})\s*;", block))


def _block(after: str) -> str:
    """Return what stands between the first `:root {` after some text and its end."""
    rest = PLAIN[PLAIN.index(after) :]
    return rest[rest.index(":root {") : rest.index("}")]


ALIKE, DAY = map(tokens, re.findall(r":root \{([^}]*)\}", PLAIN[: PLAIN.index(DARK)]))
NIGHT = tokens(_block(DARK))
THEMES: Mapping[str, Mapping[str, str]] = {
    "light": {**ALIKE, **DAY},
    "dark": {**ALIKE, **NIGHT},
    "print": {**ALIKE, **DAY, **tokens(_block("@media print"))},
}


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2, definition of the same name)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio (WCAG 2.2), 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def rules() -> list[tuple[str, str]]:
    """Return selector and declarations of every rule, the blocks of tokens left out."""
    found = re.findall(r"([^{}]+)\{([^{}]*)\}", PLAIN)
    return [(name.strip(), said) for name, said in found if not name.strip().endswith(":root")]


def pairs() -> set[tuple[str, str]]:
    """Return text and ground of every rule that says both."""
    found = set()
    for _, said in rules():
        ink = re.search(r"(?:^|[;\s])color:\s*var\(--([\w-]+)\)", said)
        ground = re.search(r"background(?:-color)?:\s*var\(--([\w-]+)\)", said)
        if ink and ground:
            found.add((ink[1], ground[1]))
    return found


def test_the_arithmetic_knows_the_two_ends_and_a_published_pair() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#123456", "#123456") == pytest.approx(1)
    # G18 of the W3C's techniques: #767676 is the lightest grey that passes on white.
    assert contrast("#767676", "#ffffff") >= TEXT > contrast("#777777", "#ffffff")


def test_no_rule_names_a_colour_but_the_tokens_do() -> None:
    for selector, said in rules():
        plain = re.sub(r"\[[^\]]*\]", "", selector)
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", said), (plain, said)
        named = re.findall(
            r"(?:color|background|fill|stroke)\s*:\s*(white|black|red|gr[ae]y)", said
        )
        assert not named, (plain, named)


def test_every_token_that_is_used_is_there_and_each_has_its_colour_by_night() -> None:
    used = set(re.findall(r"var\(--([\w-]+)\)", PLAIN))
    known = set(re.findall(r"--([\w-]+):", PLAIN))
    assert used <= known
    assert set(DAY) == set(NIGHT)
    assert {*ALIKE, *DAY} <= used


def test_a_colour_that_is_alike_by_day_and_by_night_stands_once() -> None:
    assert not set(ALIKE) & set(DAY)
    assert not [name for name in DAY if DAY[name] == NIGHT[name]]


@pytest.mark.parametrize("theme", THEMES)
def test_every_text_is_told_apart_from_every_ground_it_may_stand_on(theme: str) -> None:
    colours = THEMES[theme]
    met = {*product(WORDS, GROUNDS), *product(LEVELS, ("surface", "hovered")), *pairs()}
    weak = {
        (ink, ground, round(found, 2))
        for ink, ground in met
        if (found := contrast(colours[ink], colours[ground])) < TEXT
    }
    assert not weak
    assert len(pairs()) > 15  # the sheet is read, not passed by


@pytest.mark.parametrize("theme", THEMES)
def test_what_one_acts_by_and_the_lines_of_pictures_are_told_apart(theme: str) -> None:
    colours = THEMES[theme]
    weak = {
        (mark, ground, round(found, 2))
        for mark, ground in product(MARKS, ("surface",))
        if (found := contrast(colours[mark], colours[ground])) < ACTED
    }
    # The focus is two rings around the control: yellow, and ink about it. One always stands out.
    for ground in (*GROUNDS, "top"):
        rings = (contrast(colours[one], colours[ground]) for one in ("focus", "ink"))
        if max(rings) < ACTED:
            weak.add(("focus", ground, 0))
    assert not weak


def test_every_colour_of_a_picture_takes_the_page_s_own_on_a_page() -> None:
    drawn = {
        charts.INK, charts.SOFT, charts.RULE, *charts.COLOURS, gantt.PLAN, gantt.DONE,
        gantt.EXPECTED, gantt.CRITICAL, gantt.TODAY, *city_map.COLOURS.values(), "#fff",
    }  # fmt: skip
    for name in ("fill", "stroke"):
        known = set(re.findall(rf'\[{name}="(#\w+)"\] \{{ {name}: var', CSS))
        assert drawn <= known, (name, drawn - known)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_wall_is_dark_by_day_too_and_read_from_across_the_room(theme: str) -> None:
    colours = THEMES[theme]
    for ground in ("wall", "wall-card"):
        assert luminance(colours[ground]) < 0.02
        for ink in WALL:
            assert contrast(colours[ink], colours[ground]) >= ACROSS, (ink, ground)
    assert contrast(colours["wall-ink"], colours["wall-alarm"]) >= ACROSS
