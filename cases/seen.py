"""Which cases somebody may see, for lists of rows and for sums made ahead."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import orjson
from sqlalchemy import ColumnElement


class Group(NamedTuple):
    """What the cases of a sum have in common."""

    matter: str
    digest: str
    department: str
    departments: str
    label_level: int
    compartments: str

    @property
    def key(self) -> str:
        return hashlib.sha256(orjson.dumps(list(self))).hexdigest()

    def row(self) -> dict[str, str | int]:
        """Return the columns of a group."""
        return dict(zip(GROUP_COLUMNS, self, strict=True))


GROUP_COLUMNS: Final = ("matter", "matter_digest", "department", "departments", "label_level",
                        "compartments")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """One reader's cases, said in three ways that agree (tests/activities/test_tally.py)."""

    where: ColumnElement[bool]
    """The condition over `case_file`: what holds."""
    covers: Callable[[Group], bool] | None = None
    """Whether cases of a group are seen by a person whom none of them names; None: policy asks
    something that no group tells, and rows must be counted."""
    named: ColumnElement[bool] | None = None
    """The cases that name the reader, in which `where` may say otherwise; None: no row of the
    policy asks for persons."""
