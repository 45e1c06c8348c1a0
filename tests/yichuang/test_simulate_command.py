"""`rules simulate`: exit codes, the whole as JSON, and nothing written."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest

from rules.load import PACKS
from tests.yichuang.registry import settings, template
from tests.yichuang.test_card_retiming import earlier
from tests.yichuang.test_releasing import food
from yichuang.cli import parser_for
from yichuang.rule_orders import activate, simulate
from yichuang.settings import Settings

__all__ = ["settings", "template"]

SUPERVISION = (PACKS / "supervision.yaml").read_text("utf-8")


def asked(settings: Settings, file: Path, *words: str) -> int:
    args: argparse.Namespace = parser_for("rules").parse_args(
        ["rules", "simulate", str(file), *words]
    )
    return simulate.run(args, settings)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "version.yaml"


def test_the_version_in_force_differs_in_nothing(
    settings: Settings, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(SUPERVISION, "utf-8")
    assert asked(settings, file, "--json") == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert made["passed"] and made["changed_rules"] == [] and len(made["digest"]) == 64
    assert made["current"] == made["proposed"]
    assert all(not made[name]["changes"] for name in ("rulings", "cards", "deadlines", "alarms"))
    assert not made["payments"]["compared"] and made["payments"]["reason"]


def test_a_changed_rule_is_named_and_its_mutants_with_it(
    settings: Settings, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(earlier(), "utf-8")
    assert asked(settings, file) == 0
    said = capsys.readouterr().out
    assert "现行 2026.2 → 拟议 2026.3" in said and "通过 现行版本重放无差异" in said
    assert "未被发现的变异 JC-TS-75" in said and "卷宗摘要 " in said


def test_a_threshold_without_its_example_fails(
    settings: Settings, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(earlier().replace("elapsed_percent: 39, ", "elapsed_percent: 30, "), "utf-8")
    assert asked(settings, file) == 1
    assert "未过 阈值变异被例子发现" in capsys.readouterr().out


def test_a_matters_limits_are_compared(
    settings: Settings, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(food("2026.2", 5), "utf-8")
    assert asked(settings, file, "--months", "12", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["kind"] == "matter" and made["deadlines"]["compared"]
    assert made["span"]["months"] == 12 and made["current"]["version"] == "2026.1"


def test_a_pack_about_readings_is_replayed_over_the_readings(
    settings: Settings, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text((PACKS / "noise.yaml").read_text("utf-8"), "utf-8")
    assert asked(settings, file, "--json") == 0
    assert json.loads(capsys.readouterr().out)["alarms"]["compared"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("pack: [", ()), ("pack: x\n", ()), ("标识: x\n", ()), (SUPERVISION, ("--months", "0"))],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    settings: Settings, file: Path, text: str, words: tuple[str, ...]
) -> None:
    file.write_text(text, "utf-8")
    assert asked(settings, file, *words) == 2


def test_a_file_that_is_not_there_is_refused(settings: Settings, file: Path) -> None:
    assert asked(settings, file) == 2


def test_a_moved_limit_of_a_table_is_named_where_no_example_notices_it(
    settings: Settings, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = (PACKS / "accidents.yaml").read_text("utf-8")
    table = (PACKS / "accident_grade.csv").read_text("utf-8")
    file.write_text(pack.replace('version: "2026.1"', 'version: "2026.2"'), "utf-8")
    beside = file.parent / "accident_grade.csv"
    beside.write_text(table.replace("100 人以上重伤", "重伤 100 人以上"), "utf-8")
    asked(settings, file)
    said = capsys.readouterr().out
    assert "未被发现的变异 accident-grade：deaths：0 改为 -1\n" in said


def test_a_missing_key_is_said_in_a_sentence(
    settings: Settings, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(SUPERVISION, "utf-8")
    elsewhere = settings.model_copy(update={"master_key": tmp_path / "none.key"})
    assert asked(elsewhere, file) == 2
    assert "bin/yichuang init" in capsys.readouterr().err


def test_a_text_that_is_not_utf8_is_said_in_a_sentence(
    settings: Settings, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes("pack: 规则".encode("gb18030"))
    assert asked(settings, file) == 2
    assert "不是 UTF-8" in capsys.readouterr().err


def test_activating_without_a_key_is_said_in_a_sentence(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    words = ["rules", "activate", "traffic:2026.1", "--as", "anybody", "--password-stdin"]
    args: argparse.Namespace = parser_for("rules").parse_args(words)
    monkeypatch.setattr("sys.stdin", io.StringIO("x\n"))
    elsewhere = settings.model_copy(update={"master_key": tmp_path / "none.key"})
    assert activate.run(args, elsewhere) == 2
    assert "bin/yichuang init" in capsys.readouterr().err
