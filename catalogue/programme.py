"""The programme of the city's plan: its four stages as milestones (catalogue/programme.yaml)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalogue.law import Article
from catalogue.marks import Fault, Marked
from catalogue.shaped_file import read_shaped

FILE = "programme.yaml"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProgrammeStage(_Frozen):
    """One stage (实施阶段) with the years of the plan, from 1, that it takes."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")
    name: str
    english: str
    first_year: int = Field(ge=1, le=40)
    last_year: int = Field(ge=1, le=40)


class ProgrammeMilestone(_Frozen):
    """One milestone (里程碑); it is due on the last day of its year."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")
    stage: str
    name: str
    english: str
    year: int = Field(ge=1, le=40)
    depends: tuple[str, ...] = ()
    kpi: str = ""
    """The number of the plan that shows it; empty: papers alone do."""
    evidence: str = Field(min_length=2)


class Programme(_Frozen):
    """The whole of catalogue/programme.yaml."""

    title: str
    english: str
    basis: str
    verified: bool = False
    stages: tuple[ProgrammeStage, ...]
    milestones: tuple[ProgrammeMilestone, ...]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for what, said in (
            ("stages", [one.id for one in self.stages]),
            ("milestones", [one.id for one in self.milestones]),
        ):
            if len(said) != len(set(said)):
                raise ValueError(f"{what} 中有重复的标识")
        stages = {one.id: one for one in self.stages}
        known = {one.id for one in self.milestones}
        for one in self.milestones:
            stage = stages.get(one.stage)
            if stage is None or not stage.first_year <= one.year <= stage.last_year:
                raise ValueError(f"里程碑「{one.id}」的年份不在它的阶段之内")
            for before in one.depends:
                if before not in known:
                    raise ValueError(f"里程碑「{one.id}」依赖不存在的「{before}」")
        try:
            TopologicalSorter({m.id: m.depends for m in self.milestones}).prepare()
        except CycleError as circle:
            raise ValueError(f"里程碑的依赖成环：{' → '.join(circle.args[1])}") from circle
        return self

    @cached_property
    def by_id(self) -> Mapping[str, ProgrammeMilestone]:
        return {one.id: one for one in self.milestones}


class ProgrammeFaulty(Exception):
    """The file cannot be used; the text says where and what to do."""


def read_programme(folder: Path) -> tuple[Programme | None, Marked | None, list[Fault]]:
    """Return a folder's programme, with what is wrong with its file; without it neither."""
    return read_shaped(folder, FILE, Programme)


def programme_faults(
    folder: Path, kpis: Collection[str], law: Mapping[str, Article]
) -> Iterator[Fault]:
    """Yield every fault of the file, those against the numbers and the law too."""
    found, marked, faults = read_programme(folder)
    yield from faults
    if found is None or marked is None:
        return
    if law and found.basis not in law:
        yield marked.fault(("basis",), f"条文「{found.basis}」不在法条登记簿内", "请先登记条文")
    for n, one in enumerate(found.milestones):
        if one.kpi and one.kpi not in kpis:
            yield marked.fault(
                ("milestones", n, "kpi"), f"没有指标「{one.kpi}」", "请用 kpis.yaml 中的标识"
            )


def load_programme(folder: Path | None = None) -> Programme:
    """Return a folder's programme, the shipped one by default. Raises `ProgrammeFaulty`."""
    where = Path(__file__).parent if folder is None else folder
    found, _, faults = read_programme(where)
    if found is None:
        said = "\n".join(str(fault) for fault in faults) or f"{where / FILE} 不存在"
        raise ProgrammeFaulty(said)
    return found
