"""Preferences and kept filters: each has their own, and nothing half."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cases.database import open_engine
from cases.habits import (
    CHOICES,
    MOST_FILTERS,
    Habits,
    NoSuchChoice,
    SealedFilter,
    TooManyFilters,
)
from cases.web_tables import web_metadata
from tests.stores import lay_out

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'web.sqlite'}")
    lay_out(opened, web_metadata)
    yield opened
    opened.dispose()


@pytest.fixture
def habits(engine: Engine) -> Habits:
    return Habits(engine)


def test_what_was_never_chosen_is_as_it_comes(habits: Habits) -> None:
    assert habits.preferences("u:a") == {name: values[0] for name, values in CHOICES.items()}


def test_a_choice_is_ones_own_and_the_later_one_counts(habits: Habits) -> None:
    habits.prefer("u:a", {"keys": "off", "page_size": "100"}, NOW)
    habits.prefer("u:a", {"keys": "on"}, NOW + timedelta(minutes=1))
    assert habits.preferences("u:a") == {
        "keys": "on", "go_on": "off", "page_size": "100", "digest": "08:30",
    }  # fmt: skip
    assert habits.preferences("u:b")["page_size"] == "25"


@pytest.mark.parametrize("bad", [{"page_size": "26"}, {"colour": "red"}, {"keys": ""}])
def test_of_choices_with_one_that_is_none_nothing_is_kept(
    habits: Habits, bad: dict[str, str]
) -> None:
    with pytest.raises(NoSuchChoice):
        habits.prefer("u:a", {"go_on": "on", **bad}, NOW)
    assert habits.preferences("u:a")["go_on"] == "off"


def test_a_filter_is_its_owners_only(habits: Habits) -> None:
    kept = SealedFilter("f1", b"sealed", NOW)
    habits.save_filter("u:a", kept)
    assert habits.filters("u:b") == ()
    habits.remove_filter("u:b", "f1")
    assert habits.filters("u:a") == (kept,)
    habits.remove_filter("u:a", "f1")
    assert habits.filters("u:a") == ()


def test_nobody_keeps_more_filters_than_the_limit(habits: Habits) -> None:
    for n in range(MOST_FILTERS):
        habits.save_filter("u:a", SealedFilter(f"f{n}", b"", NOW))
    with pytest.raises(TooManyFilters):
        habits.save_filter("u:a", SealedFilter("one more", b"", NOW))
    habits.save_filter("u:a", SealedFilter("f0", b"again", NOW))
    habits.save_filter("u:b", SealedFilter("f0", b"", NOW))
    assert len(habits.filters("u:a")) == MOST_FILTERS
