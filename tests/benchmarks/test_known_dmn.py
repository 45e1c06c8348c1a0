"""Published results of DMN models: all of level 2 equal, and a wrong one is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.known import KnownUnreadable, dmn

SHARED = Path(__file__).parents[3] / "shared/data/dmn_tck_tables"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data here")

MODEL = """<definitions xmlns="https://www.omg.org/spec/DMN/20230324/MODEL/" name="m">
<inputData id="i" name="Years of Work">
<variable name="Years of Work" typeRef="number"/></inputData>
<decision id="d" name="Pay"><variable name="Pay" typeRef="number"/>
<informationRequirement><requiredInput href="#i"/></informationRequirement>
<decisionTable hitPolicy="COLLECT" aggregation="SUM">
<input><inputExpression typeRef="number"><text>Years of Work</text></inputExpression></input>
<output/>
<rule><inputEntry><text>&gt;1</text></inputEntry><outputEntry><text>98.83</text></outputEntry></rule>
<rule><inputEntry><text>&gt;2</text></inputEntry><outputEntry><text>150.21</text></outputEntry></rule>
</decisionTable></decision></definitions>"""
TESTS = """<testCases xmlns="http://www.omg.org/spec/DMN/20160719/testcase"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><modelName>m.dmn</modelName>
<testCase id="001">
<inputNode name="Years of Work"><value xsi:type="xsd:decimal">3</value></inputNode>
<resultNode name="Pay" type="decision"><expected><value xsi:type="xsd:decimal">{}</value></expected>
</resultNode></testCase></testCases>"""


def folder(tmp_path: Path, published: str, model: str = MODEL) -> Path:
    (tmp_path / "m.dmn").write_text(model, "utf-8")
    (tmp_path / "m-test-01.xml").write_text(TESTS.format(published), "utf-8")
    return tmp_path


def test_a_result_that_is_published_is_ours_too(tmp_path: Path) -> None:
    known = dmn.run(folder(tmp_path, "249.04"))
    assert (known.cases, known.equal) == (1, 1)
    assert known.report["matched_by_engine"] == 1


def test_a_value_without_a_type_is_read_as_the_model_declares_it(tmp_path: Path) -> None:
    path = folder(tmp_path, "249.04")
    file = path / "m-test-01.xml"
    file.write_text(file.read_text("utf-8").replace(' xsi:type="xsd:decimal"', ""), "utf-8")
    assert dmn.run(path).equal == 1


def test_a_result_that_differs_is_named(tmp_path: Path) -> None:
    known = dmn.run(folder(tmp_path, "249.05"))
    assert (known.cases, known.equal) == (1, 0)
    assert "m-test-01.xml 001: Pay: 得 249.04, 公布 249.05" in known.differences[0]


def test_a_model_that_cannot_be_read_is_a_difference_that_says_why(tmp_path: Path) -> None:
    known = dmn.run(folder(tmp_path, "1", MODEL.replace("&gt;2", "years(x) &gt; 2")))
    assert known.equal == 0
    assert "不支持" in known.differences[0]
    broken = dmn.run(folder(tmp_path, "1", "<!DOCTYPE x []><x/>"))
    assert "DOCTYPE" in broken.differences[0]


def test_a_folder_without_models_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(KnownUnreadable, match=r"没有 \.dmn"):
        dmn.run(tmp_path)
    (tmp_path / "a-test-01.xml").write_text("<x/>", "utf-8")
    (tmp_path / "a.dmn").write_text("<x/>", "utf-8")
    with pytest.raises(KnownUnreadable, match="testCases"):
        dmn.run(tmp_path)


@needs_data
def test_all_published_results_of_level_2_are_ours() -> None:
    known = dmn.run(SHARED)
    assert known.differences == []
    assert known.cases >= 51
    assert known.report["matched_by_twin_only"] == 0


@needs_data
def test_one_model_alone_may_be_fed(tmp_path: Path) -> None:
    model = SHARED / "compliance-level-2/0118-multi-priority-hitpolicy"
    shutil.copytree(model, tmp_path / "here")
    assert dmn.run(tmp_path / "here").cases == 3
