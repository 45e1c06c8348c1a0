"""Registers of departments, as catalogue/registers.yaml has them: what each gives, and which fields
of which form are filled from it, so that nobody is asked for what the government already knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from catalogue.law import Article
from catalogue.marks import Fault, Marked
from catalogue.matters import Matter
from catalogue.shaped_file import read_shaped

FILE: Final = "registers.yaml"
COMMON: Final = frozenset({"applicant.name", "applicant.legal_representative"})
"""Fields that the form of every matter has."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Given(_Frozen):
    """One thing that a register says."""

    title: str
    english: str
    max_length: int = Field(default=200, ge=1, le=500)


class Register(_Frozen):
    code: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    name: str
    english: str
    department: str
    basis: str
    """Article by which it is asked instead of the applicant."""
    personal: bool
    """It is about people: on line one is asked about oneself alone."""
    within_ms: int = Field(ge=100, le=5000)
    """How long a form waits for it (the city's own choice)."""
    key: Mapping[str, tuple[str, ...]] = Field(min_length=1)
    """Part of the key → fields of a form that may hold it, the first typed one counts. `own.…`:
    what the identity provider vouched for."""
    gives: Mapping[str, Given] = Field(min_length=1)
    fills: Mapping[str, str] = {}
    """Field of every matter's form → what fills it."""
    matters: Mapping[str, Mapping[str, str]] = {}
    """Code of a matter → field of its form → what fills it."""

    def fields_of(self, matter: str) -> Mapping[str, str]:
        """Return which fields of a matter's form it fills, and with what; empty: it is of no use
        there."""
        if matter not in self.matters:
            return {}
        return {**self.fills, **self.matters[matter]}

    def asked(self) -> dict[str, Any]:
        """Return the JSON Schema of a question to it."""
        text = {"type": "string", "minLength": 1, "maxLength": 200}
        return {
            "type": "object",
            "required": ["id", "at", "purpose", "key"],
            "additionalProperties": False,
            "properties": {
                "id": {"type": "string", "format": "uuid", "description": "答复须原样带回"},
                "at": {"type": "string", "format": "date-time"},
                "purpose": {
                    "type": "object",
                    "required": ["matter", "article"],
                    "additionalProperties": False,
                    "properties": {
                        "matter": text | {"description": "办理的事项"},
                        "article": text | {"description": "据以共享的条文"},
                    },
                },
                "key": {
                    "type": "object",
                    "required": sorted(self.key),
                    "additionalProperties": False,
                    "properties": dict.fromkeys(sorted(self.key), text),
                },
            },
        }

    def answered(self) -> dict[str, Any]:
        """Return the JSON Schema of its answer. What it does not give may not stand there."""
        given = {
            name: {"type": "string", "maxLength": one.max_length, "description": one.title}
            for name, one in self.gives.items()
        }
        return {
            "type": "object",
            "required": ["id", "found"],
            "additionalProperties": False,
            "properties": {
                "id": {"type": "string", "format": "uuid", "description": "问题的 id"},
                "found": {"type": "boolean", "description": "登记库里有没有"},
                "data": {"type": "object", "additionalProperties": False, "properties": given},
            },
        }


class Registers(_Frozen):
    registers: tuple[Register, ...] = ()

    @cached_property
    def by_code(self) -> Mapping[str, Register]:
        return {one.code: one for one in self.registers}


class RegistersFaulty(Exception):
    """The file cannot be used; the text says where and what to do."""


def load_registers(folder: Path | None = None) -> Registers:
    """Return the registers of a folder, of the shipped one by default; none without the file.

    Raises `RegistersFaulty`.
    """
    found, _, faults = read_registers(Path(__file__).parent if folder is None else folder)
    if faults:
        raise RegistersFaulty("\n".join(str(fault) for fault in faults))
    return found


def read_registers(folder: Path) -> tuple[Registers, Marked | None, list[Fault]]:
    """Return the registers, where each value stands, and what is wrong with the file by itself."""
    found, marked, faults = read_shaped(folder, FILE, Registers)
    return found or Registers(), marked, faults


def register_faults(
    folder: Path,
    departments: Collection[str],
    matters: Collection[Matter],
    law: Mapping[str, Article],
) -> Iterator[Fault]:
    """Yield the file's own faults, and those against departments, matters and law."""
    found, marked, faults = read_registers(folder)
    yield from faults
    if marked is None or faults:
        return
    if len(found.by_code) < len(found.registers):
        yield marked.fault(("registers",), "同一登记库写了两次", "请删去一个")
    forms: dict[str, set[str]] = {}
    for one in matters:
        properties: Any = one.form.get("properties", {})
        forms.setdefault(one.code, set()).update(properties)
    for n, register in enumerate(found.registers):
        for loc, message, remedy in _faults(register, departments, forms, law):
            yield marked.fault(("registers", n, *loc), message, remedy)


def _faults(
    register: Register,
    departments: Collection[str],
    forms: Mapping[str, Collection[str]],
    law: Mapping[str, Article],
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield where, what is wrong, and what to do."""
    if register.department not in departments:
        yield ("department",), f"没有部门 {register.department}", "请写 city.yaml 里的标识"
    if register.basis not in law:
        yield ("basis",), f"没有条文 {register.basis}", "请写 law.yaml 里的标识"
    for field in sorted(set(register.fills) - COMMON):
        yield ("fills", field), f"申请表没有 {field}", f"只能是 {'、'.join(sorted(COMMON))}"
    parts: list[tuple[tuple[str, ...], str]] = [
        (("fills", field), name) for field, name in register.fills.items()
    ]
    for matter, fields in register.matters.items():
        at = ("matters", matter)
        if matter not in forms:
            yield at, f"没有事项 {matter}", "请写事项的标识"
            continue
        for field in fields:
            if not field.startswith("form.") or field[5:] not in forms[matter]:
                yield (*at, field), f"事项的表单没有 {field}", "请写 form.<表单项>"
        parts += [((*at, field), name) for field, name in fields.items()]
    for where, name in parts:
        if name not in register.gives:
            yield where, f"登记库不给 {name}", "请写 gives 里的"
