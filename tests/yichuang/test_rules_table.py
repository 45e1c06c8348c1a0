"""`yichuang rules table`: what is printed of a table, and a DMN model as a pack's YAML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from rules.tables.spec import TableSpec
from tests.rules.tables import models
from yichuang.cli import main

CSV = """列,输入,输入,输出
字段,age,ok,said
类型,number 整数,boolean,text
取值,[0..150],,
,>=18,true,甲
,<18,-,乙
"""


def test_a_csv_is_shown_with_its_gap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.csv").write_text(CSV, "utf-8")
    assert main(["rules", "table", str(tmp_path / "x.csv")]) == 1
    assert "没有一行覆盖: age=18, ok=false" in capsys.readouterr().out
    assert main(["rules", "table", str(tmp_path / "x.csv"), "--json"]) == 1
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert (table["complete"], table["exact"], table["overlapping_pairs"]) == (False, True, 0)


def test_a_csv_without_a_gap_is_said_to_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.csv").write_text(CSV.replace("true", "-"), "utf-8")
    assert main(["rules", "table", str(tmp_path / "x.csv")]) == 0
    assert "没有缺口" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_wrongly_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.csv").write_bytes(CSV.encode("gbk"))
    assert main(["rules", "table", str(tmp_path / "x.csv")]) == 2
    assert "像是 GBK" in capsys.readouterr().err
    assert main(["rules", "table", str(tmp_path / "none.csv")]) == 2
    (tmp_path / "x.dmn").write_text("<!DOCTYPE x []><x/>")
    assert main(["rules", "table", str(tmp_path / "x.dmn")]) == 2


def test_a_dmn_model_is_printed_as_the_parts_of_a_pack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grade = models.decision(
        "Grade", ["Applicant Age:number"], ["<output/>"],
        [[">=18", '"adult"'], ["<18", '"child"']], ["i_Applicant Age"],
    )  # fmt: skip
    rate = models.decision(
        "Rate", ["Grade:string"], ["<output/>"], [['"adult"', "2.5"]], ["d_Grade"], kind="number"
    )
    odd = models.decision("Odd", ["Grade:string"], ["<output/>"], [["f(x)", "1"]], ["d_Grade"])
    file = tmp_path / "m.dmn"
    file.write_bytes(models.model(models.input_data("Applicant Age", "number"), rate, grade, odd))
    assert main(["rules", "table", str(file), "--import-dmn"]) == 1
    said = capsys.readouterr()
    assert "决策 'Odd'" in said.err
    parts = yaml.safe_load(said.out)
    assert list(parts["fields"]) == ["applicant_age", "grade"]
    assert parts["fields"]["grade"]["derived"]
    assert [table["id"] for table in parts["tables"]] == ["grade", "rate"]
    assert parts["tables"][1]["gaps"] == "allowed"
    for table in parts["tables"]:
        TableSpec.model_validate({**table, "in_force_from": "2026-01-01"})
