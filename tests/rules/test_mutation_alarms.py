"""What ends an alarm, and how long it has to hold, is falsified like the rest of its rule."""

from __future__ import annotations

from rules.load import load_text
from rules.model import Rule
from rules.mutation import survey
from rules.pack import Pack

TEXT = """\
pack: trial
title: {zh: 试验, en: Trial}
version: "2026.1"
subject: reading
fields:
  station: {type: text, title: {zh: 站点, en: Station}}
  pm: {type: number, title: {zh: 浓度, en: Concentration}}
outcome:
  level: {type: text, choices: [yellow, red], title: {zh: 级别, en: Level}}
rules:
  - id: R1
    title: {zh: 高, en: High}
    basis: XKF-26
    in_force_from: 2020-01-01
    when: {field: pm, op: gt, value: 150}
    then: {level: red}
    alarm:
      key: [station]
      hold: PT2H
      clear: {field: pm, op: lt, value: 120}
    examples:
      - {given: {station: a, pm: 151}, holds: true}
      - {given: {station: a, pm: 150}, holds: false}
EXAMPLES"""


def pack(*values: int) -> Pack:
    more = "".join(f"      - {{given: {{station: a, pm: {v}}}, holds: false}}\n" for v in values)
    loaded, faults = load_text(TEXT.replace("EXAMPLES", more), "a.yaml")
    assert loaded is not None, faults
    return loaded.pack


def found(whole: Pack) -> dict[str, tuple[int, ...]]:
    return {
        one.what: one.noticed_by for one in survey(whole, ["R1"]) if one.kind in ("clear", "hold")
    }


def test_a_moved_end_is_noticed_by_the_example_that_stands_between() -> None:
    bare, near = found(pack()), found(pack(120, 119))
    up, down = (f"解除条件 pm lt 120：120 改为 {n}" for n in (121, 119))
    turned = "解除条件 pm lt 120：比较改为 lte"
    assert bare[up] == bare[down] == bare[turned] == ()
    assert near[up] == (3,) and near[down] == (4,) and near[turned] == (3,)


def test_a_moved_duration_is_listed_and_noticed_by_nobody() -> None:
    held = {what: by for what, by in found(pack(120, 119)).items() if "改为 PT" in what}
    assert held == {
        "持续 PT2H 改为 PT3H": (), "持续 PT2H 改为 PT1H": (), "解除条件持续 PT0S 改为 PT1H": (),
    }  # fmt: skip


def test_a_rule_without_an_alarm_has_none_of_them(shipped: dict[str, Pack]) -> None:
    rule: Rule = shipped["fund"].definition.rules[0]
    kinds = {one.kind for one in survey(shipped["fund"], [rule.id])}
    assert "threshold" in kinds and not kinds & {"clear", "hold"}
