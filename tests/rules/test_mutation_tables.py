"""Limits of tables and scales moved by one: the examples that notice are named, or nobody."""

from __future__ import annotations

from rules.load import PACKS, load_packs, load_text
from rules.mutation_tables import survey_limits
from rules.pack import Pack


def shipped(name: str, *changes: tuple[str, str]) -> Pack:
    text = (PACKS / f"{name}.yaml").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    loaded, faults = load_text(text, f"{name}.yaml", PACKS)
    assert loaded is not None, faults
    return loaded.pack


def test_a_limit_with_an_example_on_either_side_is_noticed_both_ways() -> None:
    found = {
        one.what: one.noticed_by for one in survey_limits(shipped("accidents"), {"accident-grade"})
    }
    assert 1 in found["deaths：30 改为 31"]
    assert 2 in found["deaths：30 改为 29"]


def test_every_limit_of_the_grades_of_accidents_is_noticed() -> None:
    found = survey_limits(shipped("accidents"), {"accident-grade"})
    assert {one.what for one in found if not one.noticed_by} == {
        "deaths：0 改为 -1",
        "serious_injuries：0 改为 -1",
        "direct_loss_10k：0 改为 -1",
    }  # fmt: skip  -- nothing lies below the domain


def test_without_its_example_nobody_notices() -> None:
    example = (
        "      - {given: {deaths: 30, serious_injuries: 0}, rows: [deaths-30],"
        " outcome: {grade: extraordinary}}\n"
    )
    pack = shipped("accidents", (example, ""))
    found = {one.what: one.noticed_by for one in survey_limits(pack, {"accident-grade"})}
    assert found["deaths：30 改为 31"] == ()


def test_what_a_row_gives_is_moved_too() -> None:
    found = {one.what for one in survey_limits(shipped("accidents"), {"accident-approval"})}
    assert found == {
        "第 r1 行 approval_days：30 改为 31", "第 r1 行 approval_days：30 改为 29",
        "第 r2 行 approval_days：15 改为 16", "第 r2 行 approval_days：15 改为 14",
    }  # fmt: skip


def test_a_point_of_a_scale_is_noticed_by_the_rules_that_hang_on_it() -> None:
    found = {one.what: one.noticed_by for one in survey_limits(shipped("traffic"), {"tpi"})}
    assert found["第 2 点：0.3 改为 0.4"]
    assert found["第 2 点：2 改为 3"]
    assert "第 2 点：0.3 改为 0.2" in found
    assert found["第 6 点：1 改为 2"] == ()  # no example lies between the last two points
    assert "第 6 点：1 改为 0" not in found  # values that do not rise are no scale


def test_what_did_not_change_is_not_tried() -> None:
    assert not list(survey_limits(load_packs()["accidents"], {"SGBG-10-2"}))
