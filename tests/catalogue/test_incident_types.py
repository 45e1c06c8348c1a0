"""Kinds of incidents, the grid, and what is wrong with either when somebody breaks it."""

import shutil
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalogue.check import check
from catalogue.grid import Cell, Grid, distance_m, load_grid
from catalogue.incident_types import DOMAIN_TITLES, Domain, load_incident_types
from catalogue.load import HERE, load_catalogue
from catalogue.marks import Fault
from rules.load import load_file

CATALOGUE = load_catalogue()
TYPES = CATALOGUE.incident_types
GRID = CATALOGUE.grid
WEST, SOUTH, EAST, NORTH = GRID.bounds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "catalogue"
    shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copy


def broken(folder: Path, name: str, old: str, new: str) -> list[Fault]:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return check(folder)


def test_there_are_thirty_kinds_or_more_and_every_domain_has_some() -> None:
    assert len(TYPES.types) >= 30
    assert {one.domain for one in TYPES.types} == set(get_args(Domain)) == set(DOMAIN_TITLES)
    assert TYPES == load_incident_types()


def choices(pack: str, field: str) -> set[str]:
    loaded, _ = load_file(HERE.parent / f"rules/packs/{pack}.yaml")
    assert loaded is not None
    return set(loaded.pack.definition.fields[field].choices or ())


def test_what_a_kind_asks_of_a_rule_pack_is_a_word_of_that_pack() -> None:
    on_site = {one.on_site for one in TYPES.types} - {""}
    # A temperature test is asked for while a complaint is handled: no kind of its own.
    assert on_site == choices("on_site", "type") - {"heating_test"}
    assert {one.reporting for one in TYPES.types} == choices("reporting", "domain")
    assert {one.accident_kind for one in TYPES.types} - {""} == choices(
        "accidents", "accident_kind"
    )


def test_only_rule_packs_that_exist_and_raise_alarms_have_a_kind() -> None:
    packs = HERE.parent / "rules/packs"
    for name in TYPES.by_alarm:
        whole = yaml.safe_load((packs / f"{name}.yaml").read_text(encoding="utf-8"))
        assert any("alarm" in rule for rule in whole["rules"]), name


def test_every_kind_that_a_law_grades_says_under_which_plan_a_response_starts() -> None:
    assert [one.code for one in TYPES.types if one.domain != "city" and not one.plan] == []


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ("暴雨橙色预警", "waterlogging"),
        ("Rainstorm Warning", "waterlogging"),
        ("道路结冰黄色预警", "snow_ice"),
        ("森林火险", "forest_fire"),
        ("地质灾害气象风险", "landslide"),
    ],
)
def test_a_cap_event_finds_its_kind(event: str, code: str) -> None:
    found = TYPES.of_cap(event)
    assert found is not None
    assert found.code == code


def test_a_cap_event_that_no_kind_names_finds_none() -> None:
    assert TYPES.of_cap("Test message") is None


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("incident_types.yaml", "owner: rq", "owner: nobody", "没有部门「nobody」"),
        ("incident_types.yaml", "basis: RQGL-42", "basis: RQGL-99", "不在法条登记簿内"),
        ("incident_types.yaml", "code: gale", "code: fire", "写了两次"),
        ("incident_types.yaml", 'service_code: "2002"', 'service_code: "2004"', "写了两次"),
        ("incident_types.yaml", "kind: part, owner: sw", "kind: part", "没有属主"),
        ("incident_types.yaml", "domain: health", "domain: illness", "domain"),
        ("incident_types.yaml", "merge_minutes: 60", "merge_minutes: 0", "merge_minutes"),
        ("incident_types.yaml", "basis: RQGL-42", "basis: RQGL-42, verified: true", "未核对"),
        ("grid.geojson", '"street": "jd1"', '"street": "jd9"', "不在该区"),
        ("grid.geojson", '"street": "jd1"', '"street": "jd3"', "不在该区"),
        ("grid.geojson", "990102001001002", "990102001001001", "写了两次"),
        ("grid.geojson", '"department": "jd6"', '"department": "jd9"', "没有部门「jd9」"),
        ("responsibility.yaml", "type: gale", "type: hurricane", "没有「hurricane」"),
        ("responsibility.yaml", "lead: gd", "lead: nobody", "没有「nobody」"),
        ("responsibility.yaml", "assist: [wjw]", "assist: [nobody]", "没有「nobody」"),
        ("responsibility.yaml", "assist: [wjw]", "assist: [yjj]", "牵头又协同"),
        ("responsibility.yaml", "districts: [binjiang]", "districts: [mars]", "没有「mars」"),
        ("responsibility.yaml", "where: {districts: [binjiang]}, ", "", "说的是同一处"),
        ("responsibility.yaml", "ZR-1002,", "ZR-1003,", "写了两次"),
        ("responsibility.yaml", "basis: DLJT-72", "basis: DLJT-99", "没有「DLJT-99」"),
        ("responsibility.yaml", "basis: DLJT-72", "basis: YCYX-14", "未核对"),
        ("grid.geojson", '"type": "Polygon"', '"type": "Point"', "只能是没有空洞的多边形"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(
    folder: Path, name: str, old: str, new: str, message: str
) -> None:
    faults = broken(folder, name, old, new)
    assert any(fault.file == name and message in fault.message for fault in faults), faults


# --- the grid ------------------------------------------------------------------------------------


def test_the_city_has_three_districts_or_more_and_sixty_cells_or_more() -> None:
    assert len(GRID.districts) >= 3
    assert len(GRID.cells) >= 60
    assert GRID == load_grid()
    assert set(Counter(one.district for one in GRID.cells)) == set(GRID.district_by_code)


def test_every_cells_own_centre_lies_in_that_cell() -> None:
    for cell in GRID.cells:
        assert GRID.cell_at(*cell.centre) == cell


def cells_at(lon: float, lat: float) -> list[str]:
    """Ask each cell by itself, as a city that has only that one."""
    return [
        cell.id for cell in GRID.cells if Grid("", (), (), (cell,)).cell_at(lon, lat) is not None
    ]


@given(st.floats(WEST, EAST), st.floats(SOUTH, NORTH))
def test_no_point_lies_in_two_cells(lon: float, lat: float) -> None:
    found = cells_at(lon, lat)
    assert len(found) <= 1
    first = GRID.cell_at(lon, lat)
    assert ([first.id] if first else []) == found


@given(st.sampled_from(GRID.cells), st.integers(0, 3), st.floats(0, 1))
def test_a_point_on_a_side_lies_in_one_cell_or_on_the_citys_edge(
    cell: Cell, side: int, along: float
) -> None:
    ring = cell.ring
    (x1, y1), (x2, y2) = ring[side], ring[(side + 1) % 4]
    assert len(cells_at(x1 + (x2 - x1) * along, y1 + (y2 - y1) * along)) <= 1


def test_inside_the_city_there_is_no_gap() -> None:
    """Corners that four cells share lie in exactly one of them."""
    corners = Counter(point for cell in GRID.cells for point in cell.ring)
    inner = [point for point, times in corners.items() if times == 4]
    assert len(inner) == 55
    assert all(len(cells_at(*point)) == 1 for point in inner)


def test_outside_the_city_and_without_a_place_there_is_no_cell() -> None:
    assert GRID.cell_at(WEST - 0.1, SOUTH) is None
    assert GRID.cell_at(None, SOUTH) is None
    assert GRID.cell_at(WEST, None) is None


def test_a_hundredth_of_a_degree_north_is_1112_metres() -> None:
    assert distance_m((112.4, 33.10), (112.4, 33.11)) == pytest.approx(1111.95)
    east = distance_m((112.40, 33.1), (112.41, 33.1))
    assert east == pytest.approx(1111.95 * 0.83772, rel=1e-4)


def test_the_picture_is_as_high_as_the_city_and_holds_every_corner() -> None:
    assert GRID.view_box == f"0 0 1000 {GRID.height:g}"
    for cell in GRID.cells:
        for x, y in (GRID.spot(*point) for point in cell.ring):
            assert 0 <= x <= 1000
            assert 0 <= y <= GRID.height
    assert len(GRID.shapes) == len(GRID.cells)
    assert len(GRID.borders) == 3
