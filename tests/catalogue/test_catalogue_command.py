"""`bin/yichuang catalogue check` as it is typed."""

import argparse
import shutil
from pathlib import Path

import pytest

from catalogue.load import HERE
from yichuang.commands import catalogue as command
from yichuang.settings import from_environment


def typed(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add(parser)
    return command.run(parser.parse_args(words), from_environment())


def test_a_sound_catalogue_ends_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("check") == 0
    assert "核对无误：9 个事项版本" in capsys.readouterr().out


def test_each_fault_is_a_line_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = folder / "matters/food-operation-2026.1.yaml"
    path.write_text(path.read_text("utf-8").replace("实施主体: scjg", "实施主体: nobody"), "utf-8")
    assert typed("check", str(folder)) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in said] == ["matters/food-operation-2026.1.yaml:11"]
