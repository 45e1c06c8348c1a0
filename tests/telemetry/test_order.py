"""Whatever the order in which readings come: the same windows, the same alarms."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cases.windows import STEPS_MOST
from rules.model import Definition
from rules.pack import Pack
from tests.telemetry.city import (
    ABOVE,
    TRIAL,
    deliver,
    dump,
    found,
    fresh_engine,
    one,
    rules_of,
    store_of,
    trial_packs,
)
from tests.telemetry.independent import alarms

NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A store is made anew for each example: to shrink one takes minutes."""

START = 412_000
"""16:00 UTC of the last day of 2016."""

VALUE = st.one_of(
    st.none(),
    st.sampled_from([0.0, 40.0, 75.0, 75.1, 115.0, 150.0, 150.1, 249.0, 299.9, 300.0, 420.0]),
)


@st.composite
def stories(draw: st.DrawFn) -> tuple[dict[int, float | None], list[list[int]]]:
    """Hours with a value (None: flagged missing), and batches in which they come, some twice."""
    length = draw(st.integers(1, 70))
    base = draw(st.sampled_from([60.0, 160.0, 290.0]))
    values: dict[int, float | None] = {}
    for n in range(length):
        if draw(st.integers(0, 9)) == 0:
            continue  # nothing came of this hour
        odd = draw(st.integers(0, 3)) == 0
        values[START + n] = draw(VALUE) if odd else base
    hours = list(values)
    order = draw(st.permutations(hours)) if draw(st.booleans()) else hours
    again = draw(st.lists(st.sampled_from(hours), max_size=8)) if hours else []
    batches: list[list[int]] = []
    waiting = [*order, *again]
    while waiting:
        size = draw(st.integers(1, 30))
        batches.append(list(waiting[:size]))
        waiting = waiting[size:]
    return values, batches


def reading(hour: int, value: float | None, item: str = "pm25") -> dict[str, object]:
    made = one(item, hour, value)
    return made | {"flag": "missing"} if value is None else made


@settings(
    max_examples=15, deadline=None, phases=NO_SHRINK, suppress_health_check=[HealthCheck.too_slow]
)
@given(stories())
def test_alarms_are_those_of_an_independent_computation_in_any_order(
    story: tuple[dict[int, float | None], list[list[int]]],
) -> None:
    values, batches = story
    with tempfile.TemporaryDirectory() as folder:
        engine = fresh_engine(Path(folder))
        store = store_of(engine)
        for n, batch in enumerate(batches):
            deliver(store, [reading(h, values[h]) for h in batch], first=n + 1)
        hours = {h: None if v is None else Decimal(str(v)) for h, v in values.items()}
        assert found(engine).get(("dongsi", "pm25"), []) == alarms(TRIAL, "pm25", hours, ABOVE)
        store.close()
        engine.dispose()


@settings(
    max_examples=6, deadline=None, phases=NO_SHRINK, suppress_health_check=[HealthCheck.too_slow]
)
@given(stories())
def test_every_row_that_is_derived_is_the_same_in_any_order(
    story: tuple[dict[int, float | None], list[list[int]]],
) -> None:
    values, batches = story
    dumps = []
    for batched in (batches, [list(values)] if values else []):
        with tempfile.TemporaryDirectory() as folder:
            engine = fresh_engine(Path(folder))
            store = store_of(engine)
            for n, batch in enumerate(batched):
                deliver(store, [reading(h, values[h]) for h in batch], first=n + 1)
            dumps.append(dump(engine))
            store.close()
            engine.dispose()
    assert dumps[0] == dumps[1]


def test_a_pack_is_not_asked_of_items_that_its_fields_do_not_know() -> None:
    pack = trial_packs()[0]
    raw = pack.definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    raw["fields"]["item"]["choices"] = ["pm25", "pm10", "o3"]
    chosen = Pack.of(Definition.model_validate(raw))
    rules = rules_of([chosen])
    for number, (item, asked) in enumerate((("pm25", 1), ("quick", 0))):
        subject = rules.subject(number, "dongsi", item, "observed")
        assert len(rules.askers(subject, START)) == asked


@settings(
    max_examples=12, deadline=None, phases=NO_SHRINK, suppress_health_check=[HealthCheck.too_slow]
)
@given(stories(), st.sampled_from(["pm25", "o3", "quick"]))
def test_windows_that_go_on_are_those_that_are_laid_over_the_stored_rows(
    story: tuple[dict[int, float | None], list[list[int]]], item: str
) -> None:
    values, batches = story
    dumps = []
    for steps in (STEPS_MOST, 0):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr("yichuang.reading_store.STEPS_MOST", steps)
            engine = fresh_engine(Path(folder))
            store = store_of(engine)
            for n, batch in enumerate([b for b in (sorted(values)[:40], *batches) if b]):
                said = [reading(h, values[h], item) for h in batch]
                deliver(store, said, first=n + 1)
            dumps.append(dump(engine))
            store.close()
            engine.dispose()
    assert dumps[0] == dumps[1]
