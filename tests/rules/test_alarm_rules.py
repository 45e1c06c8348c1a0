"""What a rule is meant for and what its alarm says: read, refused, compiled, answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from rules.evaluate import again, evaluate
from rules.model import Definition
from rules.pack import Pack, PackRefused
from rules.process import RulesProcess
from rules.validate import problems
from rules.validate_alarms import duration

Make = Callable[..., dict[str, Any]]
Build = Callable[..., Pack]
OVER = {"field": "pm", "op": "gt", "value": 150}
UNDER = {"field": "pm", "op": "lt", "value": 120}
ALARM: dict[str, Any] = {"key": ["st"], "hold": "PT2H", "clear": UNDER, "clear_hold": "PT1H"}


def test_a_rule_speaks_only_of_what_it_applies_to(
    pack_of: Build, engine: RulesProcess, at: datetime
) -> None:
    pack = pack_of(OVER, each=[{"applies_to": {"st": ["a", "b"], "open": [True]}}])
    for station, is_open, holds in [("a", True, True), ("b", True, True), ("c", True, False),
                                    ("a", False, False), (None, True, False)]:  # fmt: skip
        ruling = engine.evaluate(pack, {"pm": 151, "st": station, "open": is_open}, at)
        assert (bool(ruling.fired), ruling.engine) == (holds, "durable_rules")


@pytest.mark.parametrize(
    ("pm", "fired", "cleared"),
    [(151, True, False), (150, False, False), (120, False, False), (119, False, True),
     (None, False, False)],
)  # fmt: skip
def test_an_alarm_ends_by_its_own_condition_and_stands_between(
    pack_of: Build, engine: RulesProcess, at: datetime, pm: int | None, fired: bool, cleared: bool
) -> None:
    pack = pack_of(OVER, each=[{"alarm": ALARM}], subject="reading")
    ruling = engine.evaluate(pack, {"pm": pm, "st": "a"}, at)
    assert (bool(ruling.fired), bool(ruling.cleared)) == (fired, cleared)
    plain = ruling.model_copy(update={"engine": "plain"})
    assert plain == evaluate(pack, {"pm": pm, "st": "a"}, at)
    assert again(pack, ruling) == ruling


@pytest.mark.parametrize(("pm", "cleared"), [(151, False), (150, True), (None, False)])
def test_without_a_condition_of_its_own_an_alarm_ends_when_the_rule_is_false_beyond_doubt(
    pack_of: Build, engine: RulesProcess, at: datetime, pm: int | None, cleared: bool
) -> None:
    pack = pack_of(OVER, each=[{"alarm": {"key": ["st"]}}], subject="incident")
    assert bool(engine.evaluate(pack, {"pm": pm}, at).cleared) is cleared


def test_what_a_rule_does_not_apply_to_does_not_end_its_alarm(pack_of: Build, at: datetime) -> None:
    pack = pack_of(OVER, each=[{"alarm": ALARM, "applies_to": {"st": ["a"]}}], subject="reading")
    assert evaluate(pack, {"pm": 1, "st": "a"}, at).cleared == ("R0",)
    assert evaluate(pack, {"pm": 1, "st": "b"}, at).cleared == ()


def test_a_ruling_without_alarms_is_written_as_before(pack_of: Build, at: datetime) -> None:
    assert "cleared" not in evaluate(pack_of(OVER), {"pm": 1}, at).model_dump_json()
    pack = pack_of(OVER, each=[{"alarm": ALARM}], subject="reading")
    ruling = evaluate(pack, {"pm": 1}, at)
    assert json.loads(ruling.model_dump_json())["cleared"] == ["R0"]
    assert type(ruling).model_validate_json(ruling.model_dump_json()) == ruling


REFUSED: list[tuple[str, dict[str, Any], tuple[str | int, ...], str]] = [
    ("misspelt field of reach", {"applies_to": {"stt": ["a"]}}, ("applies_to", "stt"), "不在"),
    ("wrong type", {"applies_to": {"st": [1]}}, ("applies_to", "st", 0), "不是文本"),
    ("no value", {"applies_to": {"st": []}}, ("applies_to", "st"), "1 到 20"),
    ("21 values", {"applies_to": {"pm": list(range(21))}}, ("applies_to", "pm"), "1 到 20"),
    ("a value twice", {"applies_to": {"pm": [1, 1.0]}}, ("applies_to", "pm"), "重复"),
    ("both truths", {"applies_to": {"open": [True, False]}}, ("applies_to", "open"), "都适用"),
    ("a list", {"applies_to": {"tags": ["a"]}}, ("applies_to", "tags"), "text_list"),
    ("misspelt key", {"alarm": {"key": ["stt"]}}, ("alarm", "key", 0), "不在 fields"),
    ("key of lists", {"alarm": {"key": ["tags"]}}, ("alarm", "key", 0), "不能区分"),
    ("key twice", {"alarm": {"key": ["st", "st"]}}, ("alarm", "key"), "重复"),
    ("hold", {"alarm": {**ALARM, "hold": "2h"}}, ("alarm", "hold"), "不是时长"),
    ("months", {"alarm": {**ALARM, "clear_hold": "P1M"}}, ("alarm", "clear_hold"), "不是时长"),
    ("too long", {"alarm": {**ALARM, "hold": "P367D"}}, ("alarm", "hold"), "长于"),
    ("group", {"alarm": {**ALARM, "precedence_group": "空气"}}, ("alarm", "precedence_group"),
     "不合规"),
    ("no level", {"alarm": {**ALARM, "precedence_group": "air"}}, ("alarm", "precedence_group"),
     "level"),
    ("misspelt clear", {"alarm": {**ALARM, "clear": {"field": "pn", "op": "lt", "value": 1}}},
     ("alarm", "clear", "field"), "'pn'"),
    ("empty clear", {"alarm": {**ALARM, "clear": {"all": []}}}, ("alarm", "clear", "all"), "空的"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "loc", "says"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED]
)
def test_a_fault_of_reach_or_alarm_is_refused_with_its_place(
    pack_dict: Make, rule_dict: Make, change: dict[str, Any], loc: tuple[Any, ...], says: str
) -> None:
    raw = pack_dict([rule_dict(0, OVER, **change)], subject="reading")
    found = problems(Definition.model_validate(raw))
    assert [problem.loc for problem in found] == [("rules", 0, *loc)]
    assert says in found[0].message
    assert found[0].remedy


@pytest.mark.parametrize("subject", ["case", "payment", "project"])
def test_only_readings_and_incidents_raise_alarms(pack_of: Build, subject: str) -> None:
    with pytest.raises(PackRefused, match="不能报警"):
        pack_of(OVER, each=[{"alarm": ALARM}], subject=subject)


def test_an_alarm_without_a_key_is_no_alarm(pack_of: Build) -> None:
    with pytest.raises(ValidationError, match="key"):
        pack_of(OVER, each=[{"alarm": {"key": []}}], subject="reading")


def test_the_end_that_the_engine_cannot_bear_is_refused_at_the_alarm(pack_of: Build) -> None:
    ten = [{"field": "pm", "op": "eq", "value": n} for n in range(10)]
    when = {"all": [{"all": ten}] * 2 + [{"all": ten[:2]}] * 2}
    assert pack_of(when).digest
    with pytest.raises(PackRefused) as refused:
        pack_of({"all": [{"all": ten}, {"all": ten}, {"all": [*ten, *ten]}, {"all": [*ten, *ten]}]},
                each=[{"alarm": {"key": ["st"]}}], subject="reading")  # fmt: skip
    assert {problem.loc for problem in refused.value.problems} == {("rules", 0, "alarm")}


@pytest.mark.parametrize(
    ("text", "length"),
    [("PT0S", timedelta()), ("PT2H", timedelta(hours=2)), ("P1D", timedelta(days=1)),
     ("P1DT1H30M", timedelta(days=1, hours=1, minutes=30))],
)  # fmt: skip
def test_a_duration_is_read_in_days_hours_minutes_and_seconds(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1H", "P1Y", "P1M", "PT1.5H", "-PT1H",
                                  "PT" + "9" * 5000 + "H"])  # fmt: skip
def test_what_has_no_length_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="时长"):
        duration(text)


SHIPPED = {
    "completeness": "5ec5960e0eda713b725521496f129d8bbe2ac0a43e5a720f0548711196f9e897",
    "completeness_disclosure": "c4484651b4a15803bf6ce2ac0f67f4de59fb5e1c2967d7c2fc7b7d4370d7647e",
    "on_the_spot": "5e9ff3f0d08ec5769f2289e26027f95e3f75d9ba4b503589e9de0f63d35b82b5",
    "on_the_spot_disclosure": "e866ce2bd72cfde2e4c339b21ebf210cef3ac94593a9f6b897f1b5383ea3a8f1",
    "routing": "8da461f936b57eb70933dc27c25e2e70710298edfbd6d0a36e847e4458a7f149",
    "supervision": "30bc098ee8fa4e3060f9d9a1bfaf462b6c84e8b66a23b0d4b4d3f7a43311181f",
}
"""Digests of these versions, pinned in cases and signed in the log: the format may grow, they stay.

A pack that is changed gets a new version, and with it another line here."""

AFTERWARDS = {
    "routing": "188c710df64b5a9f81459a2e839661a92380a70b565b575cee509b9ad5d3ab85",
    "supervision": "223826b6c34ec798c7b85bebd73269bd3dc27e98367848ddcdf8271b415da8ba",
}
"""The same of their versions 2026.2, which say on what rests what was not checked."""


def test_a_pack_written_before_the_format_grew_keeps_its_digest(shipped: dict[str, Pack]) -> None:
    found = {name: shipped[name].digest for name in SHIPPED if shipped[name].version == "2026.1"}
    assert found == {name: SHIPPED[name] for name in found}
    assert found
    later = {name: shipped[name].digest for name in AFTERWARDS if name not in found}
    assert later == AFTERWARDS
