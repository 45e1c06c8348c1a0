"""DMN models: what is read of them, in every version, and what is refused by name and line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rules.tables.dmn import SPACES, DmnRefused, load_dmn, read_dmn
from rules.tables.dmn_ask import DecisionRefused, decision_value
from tests.rules.tables import models

AGE = models.input_data("Applicant Age", "number")
GRADE = models.decision(
    "Grade", ["Applicant Age:number"], ["<output/>"],
    [[">=18", '"adult"'], ["<18", '"child"']], ["i_Applicant Age"],
)  # fmt: skip
RATE = models.decision(
    "Rate", ["Grade:string"], ["<output/>"],
    [['"adult"', "2.5"], ['"child"', "1"]], ["d_Grade"], kind="number",
)  # fmt: skip


@pytest.mark.parametrize("space", SPACES, ids=SPACES.values())
def test_decisions_that_need_one_another_are_answered_in_every_version(space: str) -> None:
    model = read_dmn(models.model(AGE, RATE, GRADE, space=space))
    assert model.version == SPACES[space]
    assert decision_value(model, "Rate", {"Applicant Age": Decimal(18)}) == Decimal("2.5")
    assert decision_value(model, "Grade", {"Applicant Age": Decimal(17)}) == "child"


def one(rows: list[list[str]], attributes: str, *outputs: str, given: str = "3") -> Any:
    text = models.decision("D", ["x:number"], outputs or ["<output/>"], rows, ["i_x"], attributes)
    model = read_dmn(models.model(models.input_data("x", "number"), text))
    return decision_value(model, "D", {"x": Decimal(given)})


ORDERED = '<output><outputValues><text>"a","b"</text></outputValues></output>'
TWO = '<output name="p" typeRef="string"/>', '<output name="q" typeRef="number"/>'


@pytest.mark.parametrize(
    ("attributes", "rows", "output", "answer"),
    [
        ("", [[">1", '"a"']], "<output/>", "a"),
        ('hitPolicy="ANY"', [[">1", '"a"'], [">2", '"a"']], "<output/>", "a"),
        ('hitPolicy="ANY"', [[">1", '"a"'], [">2", '"b"']], "<output/>", None),
        ('hitPolicy="UNIQUE"', [[">1", '"a"'], [">2", '"a"']], "<output/>", None),
        ('hitPolicy="FIRST"', [[">2", '"b"'], [">1", '"a"']], "<output/>", "b"),
        ('hitPolicy="PRIORITY"', [[">2", '"b"'], [">1", '"a"']], ORDERED, "a"),
        ('hitPolicy="RULE ORDER"', [[">2", '"b"'], [">1", '"a"']], ORDERED, ["b", "a"]),
        ('hitPolicy="OUTPUT ORDER"', [[">2", '"b"'], [">1", '"a"']], ORDERED, ["a", "b"]),
        ('hitPolicy="COLLECT"', [[">2", '"b"'], [">9", '"a"']], "<output/>", ["b"]),
        ('hitPolicy="COLLECT" aggregation="COUNT"', [[">2", '"b"'], [">1", '"b"']], "<output/>",
         Decimal(2)),
    ],
)  # fmt: skip
def test_each_hit_policy_answers_as_dmn_says(
    attributes: str, rows: list[list[str]], output: str, answer: Any
) -> None:
    assert one(rows, attributes, output) == answer


@pytest.mark.parametrize(("word", "answer"), [("SUM", "0.3"), ("MIN", "0.1"), ("MAX", "0.2")])
def test_numbers_are_collected_exactly(word: str, answer: str) -> None:
    rows = [[">1", "0.1"], [">2", "0.2"]]
    output = '<output typeRef="number"/>'
    assert one(rows, f'hitPolicy="COLLECT" aggregation="{word}"', output) == Decimal(answer)


def test_several_outputs_are_a_structure() -> None:
    assert one([[">1", '"a"', "7"]], "", *TWO) == {"p": "a", "q": Decimal(7)}
    rows = [[">1", '"a"', "7"], [">2", '"b"', "8"]]
    assert one(rows, 'hitPolicy="COLLECT"', *TWO)[1] == {"p": "b", "q": Decimal(8)}


def test_a_default_stands_in() -> None:
    output = '<output><defaultOutputEntry><text>"z"</text></defaultOutputEntry></output>'
    assert one([[">5", '"a"']], "", output) == "z"


def test_a_value_outside_the_allowed_ones_has_no_answer() -> None:
    text = models.decision("D", ["x:tLevel"], ["<output/>"], [["-", '"a"']], ["i_x"])
    model = read_dmn(
        models.model(models.item("tLevel", "string", '"high","low"'),
                     models.input_data("x", "tLevel"), text)
    )  # fmt: skip
    assert decision_value(model, "D", {"x": "low"}) == "a"
    assert decision_value(model, "D", {"x": "middle"}) is None


def test_a_component_of_a_structure_is_an_input() -> None:
    kind = (
        '<itemDefinition name="tP"><itemComponent name="age"><typeRef>number</typeRef>'
        "</itemComponent></itemDefinition>"
    )
    text = models.decision("D", ["person.age:number"], ["<output/>"], [[">1", '"a"']], ["i_person"])
    model = read_dmn(models.model(kind, models.input_data("person", "tP"), text))
    assert decision_value(model, "D", {"person": {"age": Decimal(2)}}) == "a"
    assert decision_value(model, "D", {"person": {}}) is None


def test_an_empty_input_entry_is_anything() -> None:
    assert one([["", '"a"']], "") == "a"


def test_what_is_not_read_is_refused_by_decision_and_line_and_the_others_are_answered() -> None:
    odd = models.decision(
        "Odd", ["x:number"], ["<output/>"], [[">1", '"a"'], ["x + unknown", '"b"']]
    )
    good = models.decision("Good", ["x:number"], ["<output/>"], [[">1", '"a"']], ["i_x"])
    model = read_dmn(models.model(models.input_data("x", "number"), odd, good))
    given = {"x": Decimal(2)}
    assert decision_value(model, "Good", given) == "a"
    with pytest.raises(DecisionRefused, match="决策 'Odd' 第 5 行: 第 2 行第 1 列: 不认识的名字"):
        decision_value(model, "Odd", given)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ('hitPolicy="BEST"', "hitPolicy 'BEST' 不存在"),
        ('hitPolicy="UNIQUE" aggregation="SUM"', "aggregation 'SUM' 不能用"),
        ('hitPolicy="COLLECT" aggregation="MEAN"', "aggregation 'MEAN' 不能用"),
    ],
)
def test_an_unknown_policy_is_refused_by_name(attributes: str, said: str) -> None:
    with pytest.raises(DecisionRefused, match=said):
        one([[">1", '"a"']], attributes)


def test_decisions_in_a_ring_are_refused() -> None:
    ring = [
        models.decision("A", ["B:string"], ["<output/>"], [["-", '"a"']], ["d_B"]),
        models.decision("B", ["A:string"], ["<output/>"], [["-", '"a"']], ["d_A"]),
    ]
    with pytest.raises(DmnRefused, match="依赖自身"):
        read_dmn(models.model(*ring))


def test_types_in_a_ring_are_refused() -> None:
    ring = models.item("tA", "tB", "1") + models.item("tB", "tA", "1")
    text = models.decision("D", ["x:tA"], ["<output/>"], [["-", '"a"']], ["i_x"])
    with pytest.raises(DmnRefused, match="绕回自身"):
        read_dmn(models.model(ring, models.input_data("x", "tA"), text))


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<definitions xmlns="https://www.omg.org/spec/DMN/20230324/MODEL/" name="&b;"/>"""
FETCH = b"""<!DOCTYPE d SYSTEM "file:///etc/passwd"><d/>"""


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (BOMB, "DOCTYPE"),
        (FETCH, "DOCTYPE"),
        (b"<a>&bomb;</a>", "不是 XML"),
        (b"", "不是 XML"),
        (b"<a>", "不是 XML"),
        (b"\x00\xff\xfe<", "不是 XML"),
        ("<?xml version='1.0' encoding='GBK'?><a>表</a>".encode("gbk"), "不是 XML"),
        (b"<a/>", "不是 DMN"),
        (b'<definitions xmlns="urn:x"/>', "不是 DMN"),
        (b"<a>" * 100 + b"</a>" * 100, "嵌套超过"),
        (b"<a>" + b"<b/>" * 200_001 + b"</a>", "元素超过"),
        (b" " * 5_000_001, "最多 5000000"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_xml_is_refused(raw: bytes, said: str) -> None:
    with pytest.raises(DmnRefused, match=said) as refused:
        read_dmn(raw)
    assert refused.value.remedy


def test_not_a_text_matches_a_missing_value_and_not_a_bound_does_not() -> None:
    """FEEL: a missing value is not equal to a text; comparing it with a bound is an error."""
    for cell, answer in (("not(3)", "a"), ("not(&lt;3)", None), ("not(null)", None)):
        rows = [[cell.replace("&lt;", "<"), '"a"']]
        text = models.decision("D", ["x:number"], ["<output/>"], rows, ["i_x"])
        model = read_dmn(models.model(models.input_data("x", "number"), text))
        assert decision_value(model, "D", {"x": None}) == answer
        table = model.decisions["D"].table
        assert table is not None
        assert decision_value(model, "D", {"x": Decimal(4)}) == ("a")


def test_cells_may_be_expressions_and_go_by_the_same_policies() -> None:
    rows = [["[low..high]", '"in " + string(x)'], [">high", '"above"'], ["-", "null"]]
    text = models.decision("D", ["x + 0:number"], ["<output/>"], rows, ["i_x"], 'hitPolicy="FIRST"')
    inputs = [models.input_data(name, "number") for name in ("x", "low", "high")]
    model = read_dmn(models.model(*inputs, text))
    assert model.decisions["D"].table is None
    for x, answer in (("1", "in 1"), ("9", "above"), ("0", None)):
        given = {"x": Decimal(x), "low": Decimal(1), "high": Decimal(2)}
        assert decision_value(model, "D", given) == answer


def test_an_input_of_a_constant_table_may_be_an_expression() -> None:
    text = models.decision("D", ["x * 2:number"], ["<output/>"], [[">5", '"a"']], ["i_x"])
    model = read_dmn(models.model(models.input_data("x", "number"), text))
    assert model.decisions["D"].table is not None
    assert decision_value(model, "D", {"x": Decimal(3)}) == "a"


BKM = """<businessKnowledgeModel id="b_f" name="twice"><encapsulatedLogic>
<formalParameter name="n" typeRef="number"/>
<literalExpression><text>n * 2</text></literalExpression>
</encapsulatedLogic></businessKnowledgeModel>"""


@pytest.mark.parametrize(
    ("box", "answer"),
    [
        ("<literalExpression><text>twice(x) + 1</text></literalExpression>", Decimal(7)),
        ("<invocation><literalExpression><text>twice</text></literalExpression><binding>"
         '<parameter name="n"/><literalExpression><text>x</text></literalExpression></binding>'
         "</invocation>", Decimal(6)),
        ('<context><contextEntry><variable name="y z"/><literalExpression><text>x + 1</text>'
         "</literalExpression></contextEntry><contextEntry><literalExpression><text>y z * 2</text>"
         "</literalExpression></contextEntry></context>", Decimal(8)),
        ("<list><literalExpression><text>x</text></literalExpression></list>", [Decimal(3)]),
        ('<relation><column name="c"/><row><literalExpression><text>x</text></literalExpression>'
         "</row></relation>", [{"c": Decimal(3)}]),
    ],
    ids=["literal", "invocation", "context", "list", "relation"],
)  # fmt: skip
def test_other_boxes_around_tables_are_read(box: str, answer: Any) -> None:
    decision = f'<decision id="d" name="D"><variable name="D"/>{box}</decision>'
    model = read_dmn(models.model(models.input_data("x", "number"), BKM, decision))
    assert decision_value(model, "D", {"x": Decimal(3)}) == answer


def test_a_hundred_types_of_a_hundred_components_each_are_read_at_once() -> None:
    part = "<itemComponent name='c{}'><typeRef>t{}</typeRef></itemComponent>"
    types = "".join(
        f"<itemDefinition name='t{n}'>{''.join(part.format(m, n + 1) for m in range(100))}"
        "</itemDefinition>"
        for n in range(20)
    )
    model = read_dmn(models.model(types, models.input_data("x", "t0")))
    assert len(model.inputs["x"].components) == 100


SPACE = "http://example.cn/other"
OTHER = f"""<definitions xmlns="{models.V15}" namespace="{SPACE}" name="other">
<itemDefinition name="tP"><itemComponent name="age"><typeRef>number</typeRef></itemComponent>
</itemDefinition>{BKM}
<businessKnowledgeModel id="b_g" name="four times"><encapsulatedLogic>
<formalParameter name="n"/><literalExpression><text>twice(twice(n))</text></literalExpression>
</encapsulatedLogic></businessKnowledgeModel></definitions>"""
HERE = f"""<definitions xmlns="{models.V15}" namespace="http://example.cn/here" name="here">
<import namespace="{SPACE}" name="lib" importType="{models.V15}"/>
<inputData name="p" id="i_p"><variable name="p" typeRef="lib.tP"/></inputData>
<decision id="d" name="D"><variable name="D"/><knowledgeRequirement>
<requiredKnowledge href="{SPACE}#b_g"/></knowledgeRequirement>
<literalExpression><text>lib.four times(p.age)</text></literalExpression>
</decision></definitions>"""


def test_a_model_beside_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "here.dmn").write_text(HERE, "utf-8")
    with pytest.raises(DmnRefused, match="旁边没有要导入的模型"):
        load_dmn(tmp_path / "here.dmn")
    (tmp_path / "broken.dmn").write_text("<", "utf-8")
    (tmp_path / "other.dmn").write_text(OTHER, "utf-8")
    model = load_dmn(tmp_path / "here.dmn")
    assert model.inputs["p"].components["age"].kind == "number"
    assert decision_value(model, "D", {"p": {"age": Decimal(3)}}) == Decimal(12)


def test_models_that_import_one_another_in_a_ring_are_refused(tmp_path: Path) -> None:
    back = f'<import namespace="http://example.cn/here" name="b" importType="{models.V15}"/>'
    (tmp_path / "here.dmn").write_text(HERE, "utf-8")
    (tmp_path / "other.dmn").write_text(OTHER.replace("<itemDef", back + "<itemDef", 1), "utf-8")
    with pytest.raises(DmnRefused, match="绕回自身"):
        load_dmn(tmp_path / "here.dmn")


def test_a_chain_of_a_thousand_decisions_is_refused() -> None:
    chain = [
        models.decision(
            f"D{n}", [f"D{n + 1}:string"], ["<output/>"], [["-", '"a"']], [f"d_D{n + 1}"]
        )
        for n in range(1000)
    ]
    last = models.decision("D1000", ["x:number"], ["<output/>"], [["-", '"a"']], ["i_x"])
    with pytest.raises(DmnRefused, match="链条"):
        read_dmn(models.model(models.input_data("x", "number"), last, *chain))


def test_an_input_that_is_a_list_is_asked_as_feel_asks_it() -> None:
    kind = (
        '<itemDefinition name="tL" isCollection="true"><typeRef>string</typeRef></itemDefinition>'
    )
    rows = [['list contains(?, "a")', '"has"'], ["-", '"has not"']]
    text = models.decision("D", ["x:tL"], ["<output/>"], rows, ["i_x"], 'hitPolicy="FIRST"')
    model = read_dmn(models.model(kind, models.input_data("x", "tL"), text))
    assert decision_value(model, "D", {"x": ["b", "a"]}) == "has"
    assert decision_value(model, "D", {"x": ["b"]}) == "has not"
