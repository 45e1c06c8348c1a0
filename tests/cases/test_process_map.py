"""The map against a plain reckoning: what followed what, how often, after how long."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from hypothesis import given, settings
from hypothesis import strategies as st

from cases.process import BEGIN, END, Happened, ProcessMap, mapped, without_rare
from cases.process.layout import laid_out
from cases.process.mapped import MOST_KEPT_WAYS
from cases.process.picture import MapWords, costly, process_svg

AT = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
WORDS = MapWords(act=lambda act: f"<{act}>", span=lambda seconds: f"{seconds:.0f}s")


def thing(name: str, *steps: tuple[str, float], over: bool = True) -> list[Happened]:
    return [Happened(name, act, AT + timedelta(seconds=s), over) for act, s in steps]


def ends(found: ProcessMap) -> dict[tuple[str, str], int]:
    return {(one.source, one.target): one.count for one in found.arrows}


TWO = [
    *thing("1", ("file", 0), ("accept", 60), ("decide", 660), ("close", 720)),
    *thing("2", ("file", 0), ("ask", 30), ("supply", 330), ("accept", 340), over=False),
]


def test_an_arrow_says_how_often_one_step_followed_another_and_after_how_long() -> None:
    found = mapped(TWO)
    assert ends(found) == {
        (BEGIN, "file"): 2, ("file", "accept"): 1, ("accept", "decide"): 1,
        ("decide", "close"): 1, ("close", END): 1, ("file", "ask"): 1, ("ask", "supply"): 1,
        ("supply", "accept"): 1,
    }  # fmt: skip
    (decided,) = [one for one in found.arrows if one.target == "decide"]
    assert (decided.median, decided.nine_in_ten, decided.longest, decided.whole) == (600,) * 4


def test_what_is_under_way_has_no_end() -> None:
    found = mapped(TWO)
    assert (found.things, found.over, found.steps) == (2, 1, 8)
    assert sum(n for (_, target), n in ends(found).items() if target == END) == 1


def test_steps_of_one_thing_follow_their_instants_and_not_their_order_of_arrival() -> None:
    found = mapped(thing("1", ("close", 90), ("file", 0), ("accept", 30)))
    assert [one.act for one in found.boxes] == ["file", "accept", "close"]


def test_nine_in_ten_took_at_most_so_long() -> None:
    steps = [one for n in range(10) for one in thing(str(n), ("a", 0), ("b", 10 * (n + 1)))]
    (arrow,) = [one for one in mapped(steps).arrows if one.is_timed]
    assert (arrow.median, arrow.nine_in_ten, arrow.longest) == (55, 90, 100)


def test_ways_are_counted_of_what_is_over_alone() -> None:
    steps = [
        *thing("1", ("a", 0), ("b", 1)), *thing("2", ("a", 0), ("b", 1)), *thing("3", ("a", 0)),
        *thing("4", ("a", 0), ("c", 1), over=False),
    ]  # fmt: skip
    found = mapped(steps)
    assert [(one.acts, one.count) for one in found.ways] == [(("a", "b"), 2), (("a",), 1)]
    assert (found.different_ways, found.other_ways) == (2, 0)


def test_no_more_ways_are_kept_than_memory_is_given() -> None:
    many = (
        one
        for n in range(MOST_KEPT_WAYS + 5)
        for one in thing(str(n), *((act, n) for act, n in zip(f"{n:b}", range(20), strict=False)))
    )
    found = mapped(many)
    assert (found.different_ways, found.other_ways) == (MOST_KEPT_WAYS, 5)


ACTS = st.sampled_from("abcdefgh")
LIFE = st.tuples(
    st.lists(st.tuples(ACTS, st.integers(0, 500)), min_size=1, max_size=9), st.booleans()
)
LIVES = st.lists(LIFE, min_size=1, max_size=12)


def _steps(lives: Sequence[tuple[list[tuple[str, int]], bool]]) -> list[Happened]:
    return [
        one for n, (steps, over) in enumerate(lives) for one in thing(str(n), *steps, over=over)
    ]


@settings(max_examples=150, deadline=None)
@given(LIVES)
def test_the_map_is_what_a_plain_reckoning_finds(
    lives: list[tuple[list[tuple[str, int]], bool]],
) -> None:
    pairs: Counter[tuple[str, str]] = Counter()
    took: dict[tuple[str, str], list[float]] = {}
    for steps, over in lives:
        ordered = sorted(steps, key=lambda one: one[1])
        acts = [BEGIN, *(act for act, _ in ordered), *([END] if over else [])]
        for n in range(len(acts) - 1):
            pairs[acts[n], acts[n + 1]] += 1
        for n in range(len(ordered) - 1):
            ends_ = ordered[n][0], ordered[n + 1][0]
            took.setdefault(ends_, []).append(ordered[n + 1][1] - ordered[n][1])
    found = mapped(_steps(lives))
    assert ends(found) == pairs
    for one in found.arrows:
        if one.is_timed:
            here = took[one.source, one.target]
            assert one.median == median(here)
            assert one.whole == sum(here)


@settings(max_examples=100, deadline=None)
@given(LIVES, st.sampled_from([50, 80, 95, 100]))
def test_what_is_left_out_is_counted_and_no_box_floats_alone(
    lives: list[tuple[list[tuple[str, int]], bool]], percent: int
) -> None:
    whole = mapped(_steps(lives))
    drawn = without_rare(whole, percent)
    told = sum(one.count for one in whole.arrows)
    assert sum(one.count for one in drawn.arrows) + drawn.left_out_steps == told
    assert sum(one.count for one in drawn.arrows) >= told * percent / 100
    straight = [one for one in whole.arrows if one.source != one.target]
    assert {one.target for one in drawn.arrows} >= {one.target for one in straight}
    assert {one.source for one in drawn.arrows} >= {one.source for one in straight}


@settings(max_examples=100, deadline=None)
@given(LIVES)
def test_nothing_of_a_rank_lies_over_another(
    lives: list[tuple[list[tuple[str, int]], bool]],
) -> None:
    whole = mapped(_steps(lives))
    widths = {BEGIN: 60.0, END: 60.0, **{one.act: 80.0 for one in whole.boxes}}
    words = {(one.source, one.target): 50.0 for one in whole.arrows}
    placed = laid_out(whole, widths, words)
    spots = {id(one): one for one in placed.boxes.values()}
    spots |= {id(one): one for path in placed.paths for one in path.spots}
    ranks: dict[int, list[tuple[float, float]]] = {}
    for one in spots.values():
        ranks.setdefault(one.rank, []).append((one.x - one.width / 2, one.x + one.width / 2))
    for row in ranks.values():
        row.sort()
        assert row[0][0] >= -1e-6 and row[-1][1] <= placed.width + 1e-6
        for (_, right), (left, _) in pairwise(row):
            assert left >= right - 1e-6


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_every_arrow_is_drawn_once_or_told_inside_its_box(
    lives: list[tuple[list[tuple[str, int]], bool]],
) -> None:
    whole = mapped(_steps(lives))
    picture = process_svg(whole, WORDS)
    drawn = picture.count('marker-end="')
    loops = sum(1 for one in whole.arrows if one.source == one.target)
    assert drawn == len(whole.arrows) - loops
    assert picture.count("重复") == loops
    assert picture.count('rx="5"') == len(whole.boxes)


def test_words_are_escaped_and_no_style_or_script_stands_in_the_picture() -> None:
    picture = process_svg(mapped(TWO), WORDS, {("file", "accept"): '/process?a=1&b="2"'})
    assert "&lt;accept&gt;" in picture and "<accept>" not in picture
    assert 'href="/process?a=1&amp;b=&quot;2&quot;"' in picture
    assert "style=" not in picture and "<script" not in picture


def test_the_arrows_that_cost_most_time_are_marked() -> None:
    steps = [*TWO, *thing("3", ("file", 0), ("accept", 5000))]
    assert ("file", "accept") in costly(mapped(steps))
    assert re.search(r"▲ 2 次", process_svg(mapped(steps), WORDS))


def test_what_leads_back_is_dashed() -> None:
    back = [*thing("1", ("a", 0), ("b", 1), ("a", 2), ("b", 3), ("c", 4))]
    assert process_svg(mapped(back), WORDS).count("stroke-dasharray") == 1
    forward = thing("1", ("a", 0), ("b", 1), ("c", 2))
    assert process_svg(mapped(forward), WORDS).count("stroke-dasharray") == 0


def test_what_was_done_mostly_leads_down_wherever_its_boxes_stand_on_average() -> None:
    rarely = thing("0", ("b", 0), ("x", 1), ("x", 2), ("x", 3), ("a", 4))
    mostly = [one for n in range(1, 6) for one in thing(str(n), ("a", 0), ("b", 1))]
    whole = mapped([*rarely, *mostly])
    drawn = process_svg(whole, WORDS)
    boxes = {one.act: 60.0 for one in whole.boxes} | {BEGIN: 60.0, END: 60.0}
    words = {(one.source, one.target): 50.0 for one in whole.arrows}
    placed = laid_out(whole, boxes, words)
    assert placed.boxes["a"].rank < placed.boxes["b"].rank
    assert drawn.count("stroke-dasharray") == 1
