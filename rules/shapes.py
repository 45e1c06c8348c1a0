"""What every room of the rules shares: frozen values, titles, and a fault with its place."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

Loc = tuple[str | int, ...]


class Frozen(BaseModel):
    """A value that is written once; a key it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Title(Frozen):
    """A name in both languages of the pages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


@dataclass(frozen=True)
class Problem:
    """One thing wrong: where in the pack (keys and positions), what, and what to do."""

    loc: Loc
    message: str
    remedy: str
