"""`yichuang rules check | explain | schema` on packs that stand in files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from tests.rules.test_load import GOOD
from yichuang.cli import main
from yichuang.initialise import initialise
from yichuang.rule_orders import again, explain
from yichuang.settings import Settings


def test_check_finds_nothing_wrong_with_what_ships(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["faults"] == []
    assert {"completeness", "routing", "supervision"} <= {one["pack"] for one in told["packs"]}


def test_check_names_file_line_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    other = GOOD.replace("pack: trial", "pack: other")
    (tmp_path / "b.yaml").write_text(other.replace("{given: {pm: 150}", "{given: {pm: 200}"))
    assert main(["rules", "check", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "b.yaml:19" in out
    assert "→ 改例子或改规则" in out
    assert "1 处不对" in out


def test_check_of_one_file_looks_at_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD)  # beside it, the same pack twice is a fault
    assert main(["rules", "check", str(tmp_path)]) == 1
    capsys.readouterr()
    assert main(["rules", "check", str(tmp_path / "a.yaml")]) == 0
    assert "没有不对的地方" in capsys.readouterr().out


def test_check_of_no_folder_is_wrongly_asked(tmp_path: Path) -> None:
    assert main(["rules", "check", str(tmp_path / "none")]) == 2


EXPLAIN = ["rules", "explain", "--pack", "completeness", "--at", "2026-03-02T09:00+08:00"]


def test_explain_gives_rule_article_facts_and_the_smallest_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    context = {"required_missing": 1, "secondary_missing": 0}
    assert main([*EXPLAIN, "--context", json.dumps(context)]) == 0
    out = capsys.readouterr().out
    for part in ("依据", "《中华人民共和国行政许可法》", "notice_working_days = 5", "由 1 变为 0",
                 "acceptance = complete"):  # fmt: skip
        assert part in out, out


def test_explain_as_json_holds_the_whole_ruling(capsys: pytest.CaptureFixture[str]) -> None:
    context = {"required_missing": 1, "secondary_missing": 0}
    assert main([*EXPLAIN, "--json", "--context", json.dumps(context)]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["context"]["at"] == "2026-03-02T01:00:00+00:00"
    assert told["nearest"]["changes"][0]["field"] == "required_missing"
    assert told["nearest"]["is_complete"] is True
    assert told["reasons"][0]["compared"]


WRONGLY: list[tuple[list[str], int]] = [
    (["rules", "explain"], 2),
    (["rules", "explain", "--pack", "none"], 2),
    ([*EXPLAIN, "--context", "{"], 2),
    ([*EXPLAIN, "--context", "[]"], 2),
    ([*EXPLAIN, "--context", '{"pn": 1}'], 1),
    ([*EXPLAIN, "--context", '{"required_missing": NaN}'], 1),
]


@pytest.mark.parametrize(("words", "code"), WRONGLY)
def test_what_is_wrongly_asked_is_said_and_nothing_breaks(words: list[str], code: int) -> None:
    assert main(words) == code


def test_the_schema_names_every_key_of_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "schema"]) == 0
    schema: dict[str, Any] = json.loads(capsys.readouterr().out)
    rule = schema["$defs"]["Rule"]["properties"]
    assert {"basis", "applies_to", "alarm", "when", "examples"} <= set(rule)


def test_a_fresh_installation_has_no_ruling_that_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data=tmp_path / "var", city="test")
    asked = argparse.Namespace(case_no="", json=True, pack="")
    assert again.run(asked, settings) == 1, "there is no store yet"
    initialise(settings)
    capsys.readouterr()
    assert again.run(asked, settings) == 0
    assert json.loads(capsys.readouterr().out) == {"made": 0, "erased": 0, "differences": []}
    for order in (again, explain):
        assert order.run(argparse.Namespace(case_no="X1", json=True, pack=""), settings) == 2
