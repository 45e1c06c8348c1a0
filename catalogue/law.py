"""The law register: articles by id, each with its words, its span in force and its source."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Rank = Literal["law", "regulation", ""]
"""法律 (of the legislature) · 行政法规 (of the State Council) · anything below, or not known."""


class Article(BaseModel):
    """One article, paragraph or item that deadlines, rules and documents rest on.

    `verified` is False when the words or dates come from memory: to be checked before the text is
    relied on as law. `source` is the strength of the source, as in the reference page (§0).
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    id: str = Field(alias="标识", pattern=r"^[A-Z][A-Z0-9]{1,9}-[0-9A-Za-z.-]{1,16}$")
    law: str = Field(alias="法")
    """Full name of the law."""
    clause: str = Field(alias="条")
    """第四十二条第一款."""
    gist: str = Field(alias="要旨")
    text: str = Field(default="", alias="原文")
    in_force_from: date = Field(alias="生效日期")
    in_force_until: date | None = Field(default=None, alias="失效日期")
    """The first day on which it is no longer in force."""
    source: Literal["L", "STD", "P", "C", "S", "D", "M"] = Field(alias="来源")
    verified: bool = Field(default=True)
    rank: Rank = Field(default="", alias="位阶")

    @property
    def cited(self) -> str:
        """Return how a document cites it: 《中华人民共和国行政许可法》第四十二条第一款."""
        return f"《{self.law}》{self.clause}"

    def covers(self, first: date, until: date | None) -> bool:
        """Tell whether it is in force from `first` until `until` (exclusive; None: for ever)."""
        if self.in_force_from > first:
            return False
        return self.in_force_until is None or (until is not None and until <= self.in_force_until)


class Statute(BaseModel):
    """One law in the register's file; its dates hold for each article that names none."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    code: str = Field(alias="标识")
    name: str = Field(alias="名称")
    name_en: str = Field(default="", alias="英文名称")
    revised: str = Field(default="", alias="版本")
    in_force_from: date = Field(alias="生效日期")
    in_force_until: date | None = Field(default=None, alias="失效日期")
    source: Literal["L", "STD", "P", "C", "S", "D", "M"] = Field(alias="来源")
    verified: bool = Field(default=True)
    rank: Rank = Field(default="", alias="位阶")
    articles: tuple[Provision, ...] = Field(alias="条文")

    def registered(self) -> list[Article]:
        """Return its articles, whole."""
        return [
            Article(
                id=p.id,
                law=self.name,
                clause=p.clause,
                gist=p.gist,
                text=p.text,
                in_force_from=p.in_force_from or self.in_force_from,
                in_force_until=p.in_force_until or self.in_force_until,
                source=p.source or self.source,
                verified=self.verified if p.verified is None else p.verified,
                rank=self.rank,
            )
            for p in self.articles
        ]


class Provision(BaseModel):
    """An article as the register's file has it, below its law."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    id: str = Field(alias="标识", pattern=r"^[A-Z][A-Z0-9]{1,9}-[0-9A-Za-z.-]{1,16}$")
    clause: str = Field(alias="条")
    gist: str = Field(alias="要旨")
    text: str = Field(default="", alias="原文")
    in_force_from: date | None = Field(default=None, alias="生效日期")
    in_force_until: date | None = Field(default=None, alias="失效日期")
    source: Literal["L", "STD", "P", "C", "S", "D", "M"] | None = Field(default=None, alias="来源")
    verified: bool | None = None


class LawRegister(BaseModel):
    """The whole of catalogue/law.yaml."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    laws: tuple[Statute, ...] = Field(alias="法律", min_length=1)
