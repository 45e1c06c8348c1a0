"""Templates of projects (项目模板): stages, steps, gates, papers (catalogue/projects/*.yaml).

A template says in which order things are done, how many days each is planned for, which papers
prove it and whether two people must let it pass. Days are calendar days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from catalogue.law import Article
from catalogue.marks import Fault, Marked, read_marked
from catalogue.shaped_file import shaped

FOLDER: Final = "projects"
GATE_PEOPLE: Final = 2
"""Who let a gate pass, at least (YCJX-8; the rule stands in the pack `project`)."""

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Regime = Literal["stock", "concession", "government"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Title(_Frozen):
    zh: str
    en: str


class TemplateStage(_Frozen):
    """阶段."""

    id: Word
    zh: str
    en: str


class TemplateStep(_Frozen):
    """步骤: becomes a milestone."""

    id: Word
    stage: Word
    zh: str
    en: str
    days: int = Field(ge=1, le=14_610)
    """Planned length; 14,610 days are forty years."""
    after: tuple[Word, ...] = ()
    needs: tuple[str, ...] = ()
    """Papers that must lie there before it is done."""
    gate: bool = False
    """关口: two people of the approving department let it pass."""
    people: int = Field(default=GATE_PEOPLE, ge=1, le=9)
    pays: bool = False
    """Money may hang on it."""
    end: bool = False
    """It belongs to the end of the term: it ends so many days before, counted backwards."""


class ProjectTemplate(_Frozen):
    """One file of catalogue/projects/."""

    id: Word
    title: Title
    regime: Regime | Literal[""] = ""
    """The regime whose projects go by it; empty: any."""
    basis: str
    verified: bool = False
    stages: tuple[TemplateStage, ...] = Field(min_length=1)
    steps: tuple[TemplateStep, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        stages = {one.id for one in self.stages}
        ids = [one.id for one in self.steps]
        if len(stages) != len(self.stages) or len(ids) != len(set(ids)):
            raise ValueError("阶段或者步骤的标识重复")
        for one in self.steps:
            if one.stage not in stages:
                raise ValueError(f"步骤「{one.id}」的阶段「{one.stage}」不在阶段表内")
            unknown = sorted(set(one.after) - set(ids))
            if unknown:
                raise ValueError(f"步骤「{one.id}」依赖不存在的「{unknown[0]}」")
        try:
            TopologicalSorter({one.id: one.after for one in self.steps}).prepare()
        except CycleError as circle:
            raise ValueError(f"步骤的依赖成环：{' → '.join(circle.args[1])}") from circle
        return self

    def title_in(self, language: str) -> str:
        """Return the template's name in the language of a page."""
        return self.title.zh if language.startswith("zh") else self.title.en


@dataclass(frozen=True)
class ProjectTemplates:
    """All templates, by id."""

    by_id: Mapping[str, ProjectTemplate] = field(default_factory=dict)


NO_TEMPLATES: Final = ProjectTemplates()


class TemplatesFaulty(Exception):
    """The templates cannot be used; the text says where and what to do."""


def read_templates(folder: Path) -> tuple[dict[str, tuple[ProjectTemplate, Marked]], list[Fault]]:
    """Return the templates of a catalogue's folder with their marked text, and what is wrong."""
    found: dict[str, tuple[ProjectTemplate, Marked]] = {}
    faults: list[Fault] = []
    for path in sorted((folder / FOLDER).glob("*.yaml")):
        name = f"{FOLDER}/{path.name}"
        marked, wrong = read_marked(path, name)
        faults += wrong
        if marked is None or wrong:
            continue
        one, wrong = shaped(marked, ProjectTemplate)
        faults += wrong
        if one is None:
            continue
        if one.id != path.stem:
            faults.append(marked.fault(("id",), f"标识「{one.id}」与文件名不同", "请改成一致"))
        found[one.id] = (one, marked)
    return found, faults


def template_faults(folder: Path, law: Mapping[str, Article]) -> Iterator[Fault]:
    """Yield every fault of the templates, those against the law register too."""
    found, faults = read_templates(folder)
    yield from faults
    for one, marked in found.values():
        if law and one.basis not in law:
            yield marked.fault(("basis",), f"条文「{one.basis}」不在法条登记簿内", "请先登记条文")
        elif law and one.verified and not law[one.basis].verified:
            yield marked.fault(
                ("verified",), "模板依据未核对的条文，却标为已核对", "请写 verified: false"
            )


def load_templates(folder: Path | None = None) -> ProjectTemplates:
    """Return the templates of a folder, of the shipped one by default. Raises `TemplatesFaulty`."""
    where = Path(__file__).parent if folder is None else folder
    found, faults = read_templates(where)
    if faults:
        raise TemplatesFaulty("\n".join(str(fault) for fault in faults))
    return ProjectTemplates({key: one for key, (one, _) in found.items()})
