"""The compliance tables: what a standard asks, clause by clause, and how it is answered.

Each file of catalogue/compliance/ is one standard. An answer names what the software does, the
tests that prove it, what the operator of a city must do, and what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

FOLDER = Path(__file__).parent / "compliance"

SECONDARY = ("C", "P", "M")
"""How the wording was come by: public code or transcription, a public page, memory."""

Holder = Literal["software", "shared", "operator", "none"]
"""Who answers for a clause; none: it does not apply here."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")


class Clause(_Frozen):
    """One clause and its answer."""

    id: str = Field(alias="条款", min_length=2)
    topic: str = Field(alias="控制点")
    wording: str = Field(alias="要求")
    force: Literal["应", "宜", "可"] = Field(default="应", alias="程度")
    source: Literal["C", "P", "M", "STD"] = Field(alias="来源")
    verified: bool
    holder: Holder = Field(alias="由谁")
    why_not: str = Field(default="", alias="不适用")
    software: str = Field(default="", alias="软件")
    tests: Mapping[str, tuple[str, ...]] = Field(default_factory=dict, alias="测试")
    """File of the checkout → names of test functions in it."""
    operator: str = Field(default="", alias="运行单位")
    gap: str = Field(default="", alias="差距")

    @model_validator(mode="after")
    def _answer_is_whole(self) -> Self:
        if self.source in SECONDARY and self.verified:
            raise ValueError(f"{self.id}: a wording of source {self.source} is not verified")
        missing = {
            "none": not self.why_not,
            "operator": not self.operator,
            "shared": not (self.software and self.operator),
            "software": not self.software,
        }[self.holder]
        if missing:
            raise ValueError(f"{self.id}: the answer of holder {self.holder} is incomplete")
        if self.holder in ("none", "operator") and self.tests:
            raise ValueError(f"{self.id}: nothing of the software answers, so no test can prove it")
        return self

    def node_ids(self) -> tuple[str, ...]:
        """Return the tests as pytest names them, without parameters."""
        return tuple(f"{file}::{name}" for file, names in self.tests.items() for name in names)


class ClauseTable(_Frozen):
    """One standard."""

    code: str = Field(alias="标识", pattern=r"^[a-z0-9-]+$")
    order: int = Field(alias="次序")
    name: str = Field(alias="名称")
    scope: str = Field(alias="范围")
    note: str = Field(alias="说明")
    """Where the wording comes from and how sure it is; its licence where it has one."""
    clauses: tuple[Clause, ...] = Field(alias="各条", min_length=1)

    @model_validator(mode="after")
    def _each_clause_once(self) -> Self:
        seen: set[str] = set()
        for clause in self.clauses:
            if clause.id in seen:
                raise ValueError(f"clause {clause.id} stands twice")
            seen.add(clause.id)
        return self


def load_tables(folder: Path = FOLDER) -> tuple[ClauseTable, ...]:
    """Return every table in its order. Raises `pydantic.ValidationError` for a file at fault."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml")))
    tables = [ClauseTable.model_validate(yaml.safe_load(text)) for text in texts]
    return tuple(sorted(tables, key=lambda table: table.order))
