"""Tables, CSV files and DMN models spoilt at random: read, or refused with a place."""

from __future__ import annotations

import copy
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.load import load_text
from rules.tables.dmn import DmnRefused, read_dmn
from rules.tables.dmn_ask import DecisionRefused, decision_value
from rules.tables.files import FileRefused, read_csv
from rules.tables.written import lines_of, pack_parts, report_of
from tests.rules.tables import models
from tests.rules.tables.test_dmn import BKM, GRADE, RATE
from tests.rules.tables.test_in_pack import CSV, PACK

WRITTEN = PACK.replace(
    "    file: level.csv\n",
    "    inputs: [{field: pm}]\n    outputs: [{name: level}]\n"
    "    rows: [['<=35', 优], ['(35..75]', 良], ['>75', 差]]\n",
)
VALUES: list[Any] = [
    None, "", 0, -1, 1.5, 1e300, float("nan"), float("inf"), "null", "-", "not(1)", "[1..", [], {},
    True, [1, 2, 3], {"a": 1}, "2020-01-01", "P", "C+", "O", "C#", "R", "level", "pm", "(0..1)",
    "r1", "default", 9**30, "file.csv", "../x.csv", "x" * 5000,
]  # fmt: skip
CELLS = [
    "", "-", "null", "not(", "[1..", "(a)", "9" * 40, "..", "]1..2[", "&lt;", "for x in y return x",
    "twice(", "10**9999", "sort([1],a)", "[1,2][0.5]", "max([1,&quot;a&quot;])", "modulo(1,0)",
    "?", "{", "@1",
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(value, dict | list):
        return [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [path, *(p for key, item in inner for p in places(item, (*path, key)))]


def spoilt(whole: Any, dice: Random) -> Any:
    whole = copy.deepcopy(whole)
    at = dice.choice([path for path in places(whole) if path and path[0] == "tables"])
    holder = whole
    for key in at[:-1]:
        holder = holder[key]
    if dice.random() < 0.3:
        del holder[at[-1]]
    else:
        holder[at[-1]] = dice.choice(VALUES)
    return whole


@settings(deadline=None, max_examples=150)
@given(st.randoms(use_true_random=False))
def test_a_spoilt_table_loads_or_is_refused_with_its_line(dice: Random) -> None:
    text = yaml.safe_dump(spoilt(yaml.safe_load(WRITTEN), dice), allow_unicode=True)
    loaded, faults = load_text(text, "p.yaml")
    assert (loaded is None) == bool(faults)
    assert all(fault.line and fault.message and fault.remedy for fault in faults)


@settings(deadline=None, max_examples=200)
@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_a_spoilt_csv_is_read_or_refused_with_its_line(dice: Random, times: int) -> None:
    raw = CSV.encode()
    for _ in range(times):
        at = dice.randrange(len(raw))
        more = dice.choice([b",", b'"', b"\n", b"\x00", b"\xff", b"", b"-", b",,,,", b"\r"])
        raw = raw[:at] + more + raw[at + dice.randint(0, 4) :]
    try:
        read_csv(raw)
    except FileRefused as refused:
        assert refused.line >= 1
        assert refused.remedy


@settings(deadline=None, max_examples=150)
@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_a_spoilt_model_is_answered_or_refused(dice: Random, times: int) -> None:
    age = models.input_data("Applicant Age", "number")
    text = models.model(age, BKM, RATE, GRADE).decode()
    for _ in range(times):
        quoted = [n for n, sign in enumerate(text) if sign == '"'][1::2]
        opened = [n for n in range(len(text)) if text.startswith("<text>", n)]
        if dice.random() < 0.6:
            at = dice.choice(opened) + len("<text>")
            text = text[:at] + dice.choice(CELLS) + text[text.index("<", at) :]
        else:
            at = dice.choice(quoted)
            start = text.rindex('"', 0, at) + 1
            text = (
                text[:start] + dice.choice(["", "x", "SUM", "COLLECT", "number", "#"]) + text[at:]
            )
    try:
        model = read_dmn(text.encode())
    except DmnRefused as refused:
        assert refused.remedy
        return
    for name, decision in model.decisions.items():
        try:
            decision_value(model, name, {"Applicant Age": Decimal(18)})
        except DecisionRefused as refused:
            assert str(refused)
        if decision.table is not None:
            assert list(lines_of(decision.table.table))
            assert report_of(decision.table.table)["rows"]
    assert pack_parts(model)


def test_a_decision_without_a_name_is_refused() -> None:
    with pytest.raises(DmnRefused, match="决策没有名字"):
        read_dmn(models.model(GRADE.replace('name="Grade"', 'name=""')))
