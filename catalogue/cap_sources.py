"""Senders of CAP alerts, as catalogue/cap_sources.yaml has them: whom we hear, and what their
fields mean. The warning level (红橙黄蓝, 突发事件应对法第六十三条) is no field of CAP itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from catalogue.incident_types import Level
from catalogue.marks import Fault, Marked
from catalogue.shaped_file import read_shaped

FILE = "cap_sources.yaml"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LevelField(_Frozen):
    """The one field in which a sender says the colour. Urgency and certainty are never asked: they
    say when and how surely, not how bad."""

    field: Literal["severity", "parameter", "event_code"]
    name: str = ""
    """valueName of the parameter or event code."""
    values: Mapping[str, Level]


class Geocodes(_Frozen):
    """Codes of areas in the sender's own scheme → districts of the grid."""

    scheme: str
    values: Mapping[str, str]


class CapSource(_Frozen):
    sender: str = Field(pattern=r"^[^\s,<&]+$")
    name: str
    source: str = Field(pattern=r"^cap/[\w.:-]{1,64}$")
    level: LevelField
    geocodes: Geocodes | None = None
    feed: str = Field(
        default="", pattern=r"^(https://\S+|http://(127\.0\.0\.1|localhost)(:\d+)?/\S*)?$"
    )
    """Address of its Atom or RSS index of alerts, asked once a minute; empty: it sends them."""
    certificate: str = Field(
        default="",
        pattern=r"^(\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)?$",
    )
    """X.509 (PEM) by whose key each of its messages must be signed; empty: none need be."""
    note: str
    verified: bool = False
    """Whether the meaning of its fields was read in the sender's own documents."""


class CapSources(_Frozen):
    sources: tuple[CapSource, ...]

    @cached_property
    def by_sender(self) -> Mapping[str, CapSource]:
        return {one.sender: one for one in self.sources}


class CapSourcesFaulty(Exception):
    """The file cannot be used; the text says where and what to do."""


def load_cap_sources(folder: Path | None = None) -> CapSources:
    """Return the senders of a folder, of the shipped one by default; none without the file.

    Raises `CapSourcesFaulty`.
    """
    found, faults = read_cap_sources(Path(__file__).parent if folder is None else folder)
    if faults:
        raise CapSourcesFaulty("\n".join(str(fault) for fault in faults))
    return found


def read_cap_sources(folder: Path) -> tuple[CapSources, list[Fault]]:
    """Return the senders with what is wrong with their file."""
    found, marked, faults = read_shaped(folder, FILE, CapSources)
    if found is None or marked is None:
        return CapSources(sources=()), faults
    return found, list(_faults(found, marked))


def _faults(found: CapSources, marked: Marked) -> list[Fault]:
    faults = []
    if len(found.by_sender) < len(found.sources):
        faults.append(marked.fault(("sources",), "同一 sender 写了两次", "请删去一个"))
    for n, one in enumerate(found.sources):
        if (one.level.field == "severity") == bool(one.level.name):
            fault = marked.fault(("sources", n, "level"), "name 与 field 不合",
                                 "severity 不写 name，其余两种要写")  # fmt: skip
            faults.append(fault)
    return faults
