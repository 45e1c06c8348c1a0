"""The programme, and the templates of the plan's other kinds of projects."""

from __future__ import annotations

from datetime import timedelta
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from cases.plan.figures import year_end
from catalogue import kpis, programme
from catalogue.kpis import KpisFaulty, load_kpis
from catalogue.load import HERE
from catalogue.programme import ProgrammeFaulty, load_programme
from catalogue.project_templates import ProjectTemplate, read_templates

KINDS = {"network_5g", "data_centre", "pilot_area", "mlps3", "experience_day", "programme"}


@pytest.fixture(scope="module")
def templates() -> dict[str, ProjectTemplate]:
    found, faults = read_templates(HERE)
    assert not faults
    return {name: one for name, (one, _) in found.items()}


def test_every_kind_of_project_of_the_plan_has_a_template(
    templates: dict[str, ProjectTemplate],
) -> None:
    assert KINDS | {"stock", "concession", "government"} <= set(templates)
    assert not [name for name in KINDS if templates[name].verified]
    assert {templates[name].regime for name in KINDS} == {""}
    assert all(any(step.gate for step in templates[name].steps) for name in KINDS)


def test_the_programme_as_a_project_has_the_programme_s_milestones(
    templates: dict[str, ProjectTemplate],
) -> None:
    said, as_project = load_programme(), templates["programme"]
    assert [(one.id, one.stage, one.depends) for one in said.milestones] == [
        (one.id, one.stage, one.after) for one in as_project.steps
    ]
    assert [one.evidence for one in said.milestones] == [one.needs[0] for one in as_project.steps]


def test_the_programme_begun_with_the_plan_reaches_each_milestone_by_its_year_s_end(
    templates: dict[str, ProjectTemplate],
) -> None:
    steps = {one.id: one for one in templates["programme"].steps}
    begins = load_kpis().begins_on
    ends: dict[str, int] = {}
    for name in TopologicalSorter({one.id: one.after for one in steps.values()}).static_order():
        one = steps[name]
        ends[name] = max((ends[before] for before in one.after), default=0) + one.days
    for milestone in load_programme().milestones:
        due = year_end(begins, milestone.year)
        assert begins + timedelta(days=ends[milestone.id] - 1) <= due, milestone.id
        if milestone.year > 1:
            assert begins + timedelta(days=ends[milestone.id]) > year_end(
                begins, milestone.year - 1
            ), milestone.id


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("depends: [organisation], evidence", "depends: [improvement], evidence", "成环"),
        ("depends: [organisation], kpi", "depends: [nobody], kpi", "不存在"),
        ("year: 6, depends", "year: 5, depends", "不在它的阶段"),
        ("id: networks, stage", "id: organisation, stage", "重复"),
    ],
)
def test_a_programme_that_cannot_be_is_refused(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    text = (HERE / programme.FILE).read_text("utf-8")
    assert old in text
    (tmp_path / programme.FILE).write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ProgrammeFaulty, match=says):
        load_programme(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('path: {1: "7", 2: "15"}', 'path: {1: "7", 2: "14"}', "等于 target"),
        ('path: {1: "7", 2: "15"}', 'path: {2: "15", 1: "7"}', "从小到大"),
        ('target: "15"', "target: 15.5", "string"),
        ("code: waste", "code: adoption", "写了两次"),
        ("source: window", "source: online", "写了两次"),
        ('most: "2"', 'most: "0"', "不得小于"),
    ],
)
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = (HERE / kpis.FILE).read_text("utf-8")
    assert old in text
    (tmp_path / kpis.FILE).write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(KpisFaulty, match=says):
        load_kpis(tmp_path)
