"""Which case stands under which exact name, number or telephone, without any of them in the clear.

What is looked for is brought into one normal form, as what was handed in was; a part of it finds
nothing. Who may look for people at all is asked elsewhere (`Queries.worklist`, `personal`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import ColumnElement, Connection, false, or_, select

from cases.index_tables import case_index, index_key
from cases.messages import Person
from cases.tables import case

Field = Literal["name", "number", "phone"]
FIELDS: Final[tuple[Field, ...]] = ("name", "number", "phone")

SHORTEST_PHONE: Final = 7
"""Digits of a Chinese subscriber's number without its area code, the shortest one dials."""


@dataclass(frozen=True, slots=True)
class IndexKey:
    """A key of the index that rows may stand under."""

    id: str
    algorithm: str
    state: str


@dataclass(frozen=True, slots=True)
class Token:
    """The stand-in of one value of one field under one key."""

    key: str
    field: Field
    token: str


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a filed case is found by."""

    keys: tuple[IndexKey, ...]
    """The keys of the index at that moment; the rows are refused when they have changed."""
    tokens: tuple[Token, ...]
    name_mac: str
    """The stand-in of the time before the index, in a store that has no key yet."""


@dataclass(frozen=True, slots=True)
class Sought:
    """By which stand-ins a text is looked for."""

    tokens: Sequence[Token] = ()
    names: Sequence[str] = ()
    """Those of the time before the index, while it is not yet filled for the first time."""
    subjects: Sequence[str] = ()

    def condition(self) -> ColumnElement[bool]:
        """Return what holds for the cases that are meant."""
        found: list[ColumnElement[bool]] = []
        if self.tokens:
            # Field and key are in the digest: a stand-in is that of one field under one key.
            wanted = [one.token for one in self.tokens]
            ids = select(case_index.c.case_id).where(case_index.c.token.in_(wanted))
            found.append(case.c.id.in_(ids))
        if self.names:
            found.append(case.c.name_mac.in_(self.names))
        if self.subjects:
            found.append(case.c.subject.in_(self.subjects))
        return or_(false(), *found)


def normal_name(name: str) -> str:
    """Return a name, or a number, as it is compared: NFKC, without spaces, lower case."""
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()


def normal_phone(text: str) -> str:
    """Return a telephone number as it is compared: its digits, without China's code before a
    mobile number; empty for what is none."""
    spelled = "".join(unicodedata.normalize("NFKC", text).split())
    if not re.fullmatch(r"\+?[\d()\-./]+", spelled):
        return ""
    digits = re.sub(r"\D", "", spelled)
    mobile = re.fullmatch(r"(?:(?:00)?86)?(1[3-9]\d{9})", digits)
    if mobile:
        return mobile[1]
    return digits if len(digits) >= SHORTEST_PHONE else ""


def values_of(person: Person) -> Mapping[Field, str]:
    """Return by what an applicant may be found; a field that says nothing is left out."""
    found: dict[Field, str] = {
        "name": normal_name(person.name),
        "number": normal_name(person.id_number),
        "phone": normal_phone(person.phone),
    }
    return {field: value for field, value in found.items() if value}


def values_in(text: str) -> Mapping[Field, str]:
    """Return what a text looked for may be: it is not said whether it is a name or a number."""
    plain = normal_name(text)
    found: dict[Field, str] = {"name": plain, "number": plain, "phone": normal_phone(text)}
    return {field: value for field, value in found.items() if value}


LIVE: Final = ("filling", "current", "leaving")


def live_keys(connection: Connection, *, held: bool = False) -> tuple[IndexKey, ...]:
    """Return the keys under which a case is written and looked for, by id; `held`: none of them
    changes its state before the caller's transaction ends."""
    row = index_key.c
    query = select(row.id, row.algorithm, row.state).where(row.state.in_(LIVE)).order_by(row.id)
    if held:
        query = query.with_for_update(read=True)  # SQLite has one writer at a time anyway
    return tuple(IndexKey(*one) for one in connection.execute(query))
