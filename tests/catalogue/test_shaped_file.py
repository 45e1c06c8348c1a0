"""Files of one value each: what their shape lacks is said with its line, its place and a remedy."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from catalogue import (
    cap_sources,
    incident_types,
    kpis,
    performance,
    programme,
    registers,
    responsibility,
    stations,
)
from catalogue.marks import Fault, marked_text
from catalogue.project_templates import ProjectTemplate, read_templates
from catalogue.shaped_file import read_shaped, shaped

Read = Callable[[Path], list[Fault]]

READERS: dict[str, tuple[str, Read]] = {
    "cap_sources": (cap_sources.FILE, lambda at: cap_sources.read_cap_sources(at)[1]),
    "incident_types": (
        incident_types.FILE,
        lambda at: incident_types.read_incident_types(at)[2],
    ),
    "kpis": (kpis.FILE, lambda at: kpis.read_kpis(at)[2]),
    "performance": (performance.FILE, lambda at: performance.read_performance(at)[2]),
    "programme": (programme.FILE, lambda at: programme.read_programme(at)[2]),
    "project_templates": ("projects/road.yaml", lambda at: read_templates(at)[1]),
    "registers": (registers.FILE, lambda at: registers.read_registers(at)[2]),
    "responsibility": (
        responsibility.FILE,
        lambda at: responsibility.read_responsibility(at)[2],
    ),
    "stations": (stations.FILE, lambda at: stations.read_stations(at)[2]),
}


class Numbers(BaseModel):
    numbers: tuple[int, ...]


@pytest.mark.parametrize("code", READERS)
def test_a_part_nobody_knows_is_said_with_its_line_and_where_the_shape_stands(
    code: str, tmp_path: Path
) -> None:
    name, read = READERS[code]
    (tmp_path / "projects").mkdir()
    (tmp_path / name).write_text("# first\n甲: 1\n", encoding="utf-8")
    faults = {fault.message.partition("：")[0]: fault for fault in read(tmp_path)}
    assert (faults["甲"].file, faults["甲"].line) == (name, 2)
    assert faults["甲"].remedy == f"请对照 catalogue/{code}.py 改正"


@pytest.mark.parametrize("code", READERS)
def test_a_folder_without_the_file_has_no_fault_and_a_file_of_no_text_has_one(
    code: str, tmp_path: Path
) -> None:
    name, read = READERS[code]
    (tmp_path / "projects").mkdir()
    assert read(tmp_path) == []
    (tmp_path / name).write_bytes(b"\xff\xfe")
    assert [(fault.file, fault.message) for fault in read(tmp_path)] == [(name, "不是 UTF-8 文本")]


def test_a_value_deep_in_the_file_is_named_from_its_top(tmp_path: Path) -> None:
    (tmp_path / "n.yaml").write_text("numbers:\n- 1\n- 一\n", encoding="utf-8")
    value, marked, (fault,) = read_shaped(tmp_path, "n.yaml", Numbers)
    assert (value, marked and marked.file) == (None, "n.yaml")
    assert (fault.line, fault.message.partition("：")[0]) == (3, "numbers.1")


def test_what_is_wrong_with_the_whole_is_said_without_a_place() -> None:
    marked, _ = marked_text("- 1\n", "n.yaml")
    assert marked is not None
    _, (fault,) = shaped(marked, ProjectTemplate)
    assert not fault.message.startswith("：")


def test_a_file_in_its_shape_is_the_value_with_its_lines(tmp_path: Path) -> None:
    (tmp_path / "n.yaml").write_text("numbers:\n- 1\n- 2\n", encoding="utf-8")
    value, marked, faults = read_shaped(tmp_path, "n.yaml", Numbers)
    assert (value, faults) == (Numbers(numbers=(1, 2)), [])
    assert marked is not None
    assert marked.line(("numbers", 1)) == 3
