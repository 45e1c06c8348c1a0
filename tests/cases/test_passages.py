"""What a step changed is told from its events alone, and nothing personal with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cases.passages import Passages, kinds_of

NOBODY_HIDES: frozenset[str] = frozenset({"area"})


def event(kind: str, **data: Any) -> Mapping[str, Any]:
    return {"kind": kind, "data": data}


def due(key: str, at: str) -> Mapping[str, Any]:
    return {"key": key, "due_at": at}


def test_a_stage_is_told_once_from_before_the_step_to_after_it() -> None:
    walk = Passages(stage="received")
    (found,) = walk.through(
        "accept", [event("stage_entered", stage="x"), event("stage_entered", stage="review")], {},
        NOBODY_HIDES,
    )  # fmt: skip
    assert (found.what, found.before, found.after) == ("stage", "received", "review")
    assert walk.through("urge", [event("urged", task="x")], {}, NOBODY_HIDES) == ()


def test_a_period_that_moved_is_told_and_a_new_one_is_not() -> None:
    walk = Passages()
    first = [event("timers_set", timers=[due("statutory", "2026-12-20T16:00:00Z")])]
    assert walk.through("accept", first, {}, NOBODY_HIDES) == ()
    assert walk.through("pause", [event("timers_set", timers=[])], {}, NOBODY_HIDES) == ()
    later = [event("timers_set", timers=[due("statutory", "2026-12-29T16:00:00Z")])]
    (moved,) = walk.through("resume", later, {}, NOBODY_HIDES)
    assert moved.due_before is not None and moved.due_after is not None
    assert (moved.due_after - moved.due_before).days == 9


def test_whoever_stands_back_is_taken_off_the_tasks_that_are_theirs_alone() -> None:
    walk = Passages()
    walk.through("claim", [event("claimed", task="a", holder="u:1")], {}, NOBODY_HIDES)
    walk.through("claim", [event("claimed", task="b", holder="u:2")], {}, NOBODY_HIDES)
    (gone,) = walk.through("recuse", [event("recused", person="u:1")], {}, NOBODY_HIDES)
    assert (gone.of, gone.before, gone.after) == ("a", "u:1", "")


def test_a_transfer_says_who_had_it() -> None:
    walk = Passages()
    handed = event("transferred", task="a", holder="u:2", holder_before="u:1")
    (one,) = walk.through("transfer", [handed], {}, NOBODY_HIDES)
    assert (one.before, one.after) == ("u:1", "u:2")


def test_a_corrected_field_shows_both_values_only_where_they_are_not_personal() -> None:
    walk = Passages()
    filed = {"form": {"area": 3, "home": "东街一号"}}
    assert walk.through("file", [], filed, NOBODY_HIDES) == ()
    put_right = {"form": {"area": 4, "home": "西街二号", "same": None}}
    area, home = walk.through("correct_on_spot", [], put_right, NOBODY_HIDES)
    assert (area.before, area.after) == ("3", "4")
    assert (home.of, home.before, home.after) == ("home", "", "")


def test_a_step_may_stand_under_several_filters() -> None:
    assert kinds_of("decide", "u:1", True, True) == ("decision", "document", "clock")
    assert kinds_of("timer_fired", "system", False, True) == ("clock", "system")
    assert kinds_of("claim", "u:1", False, False) == ()
