"""Surface water: the worst single factor decides; the code and the pack say the same."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.evaluate import evaluate
from rules.load import load_packs
from rules.scales import Number
from rules.standards import scales_on
from rules.water import WaterClass, water_class

WATER = load_packs()["water"]
DAY = date(2026, 2, 4)
NOON = datetime(2026, 2, 4, 4, tzinfo=UTC)
SCALES = {
    body: scales_on(WATER.definition, DAY, {"water_body": body}) for body in ("river", "lake")
}


def grade(body: str = "river", **measured: Number | None) -> WaterClass:
    return water_class(SCALES[body], measured)


@pytest.mark.parametrize(
    ("item", "limits"),
    [
        ("codmn", (2, 4, 6, 10, 15)),
        ("cod", (None, 15, 20, 30, 40)),
        ("bod5", (None, 3, 4, 6, 10)),
        ("nh3n", (0.15, 0.5, 1.0, 1.5, 2.0)),
        ("tp", (0.02, 0.1, 0.2, 0.3, 0.4)),
        ("cu", (0.01, None, None, None, 1.0)),
        ("zn", (0.05, None, 1.0, None, 2.0)),
        ("fluoride", (None, None, 1.0, None, 1.5)),
        ("hg", (None, "0.00005", "0.0001", None, "0.001")),
        ("cd", ("0.001", None, None, "0.005", 0.01)),
        ("cn", (0.005, 0.05, None, None, 0.2)),
        ("oil", (None, None, 0.05, 0.5, 1.0)),
    ],
)
def test_each_limit_is_kept_at_it_and_broken_past_it(
    item: str, limits: tuple[Number | None, ...]
) -> None:
    """A None means: the same limit as the next class, so the better class keeps it."""
    for place, limit in enumerate(limits, start=1):
        if limit is None:
            continue
        best = place
        while best > 1 and limits[best - 2] is None:
            best -= 1
        number = Decimal(str(limit))
        assert grade("river", **{item: number}).number == best
        assert grade("river", **{item: number + Decimal("0.0000001")}).number == min(
            (n for n in range(place + 1, 6) if limits[place:n]), default=6
        )


def test_oxygen_is_better_when_there_is_more() -> None:
    found = [grade(do=v).number for v in (7.5, 7.49, 6, 5.99, 5, 4.99, 3, 2.99, 2, 1.99)]
    assert found == [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]
    assert grade(do=6, do_saturation=90).number == 1
    assert grade(do=6, do_saturation=89.9).number == 2


@pytest.mark.parametrize(("ph", "number"), [(6, 1), (9, 1), (5.99, 6), (9.01, 6)])
def test_ph_outside_6_to_9_is_worse_than_v(ph: float, number: int) -> None:
    assert grade(ph=ph, do=9).number == number


def test_phosphorus_is_judged_by_river_or_lake() -> None:
    assert [grade("river", tp=v).number for v in (0.05, 0.2, 0.201)] == [2, 3, 4]
    assert [grade("lake", tp=v).number for v in (0.05, 0.2, 0.201)] == [3, 5, 6]


def test_the_worst_factor_decides_and_missing_ones_do_not_count() -> None:
    found = grade(ph=7, do=None, codmn=5, nh3n=1.2, tp=None)
    assert (found.number, found.name, found.worst) == (4, "Ⅳ", ("nh3n",))
    assert grade(ph=None).name == "--"


def test_nitrogen_temperature_and_bacteria_do_not_count() -> None:
    assert grade(ph=7, tn=9, temperature=30, fecal_coliform=99999).number == 1


Measured = st.dictionaries(
    st.sampled_from("codmn cod bod5 nh3n tp cu zn hg cd oil do ph".split()),
    st.integers(0, 20000).map(lambda n: n / 1000),
    min_size=1,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["river", "lake"]), Measured)
def test_the_pack_answers_as_the_code_does(body: str, measured: dict[str, float]) -> None:
    ruling = evaluate(WATER, {"water_body": body, **measured}, NOON)
    assert ruling.outcome.get("water_class") == water_class(SCALES[body], measured).number
