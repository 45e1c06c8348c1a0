"""Kinds of incidents, as catalogue/incident_types.yaml has them.

Each says what merges with what, who owns the thing, which law's limits and reports follow, and
under which code the public may report it (Open311). Who is sent stands in responsibility.yaml.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalogue.law import Article
from catalogue.marks import Fault, Marked
from catalogue.shaped_file import read_shaped

FILE = "incident_types.yaml"

Domain = Literal["natural", "accident", "health", "security", "city"]
"""自然灾害 · 事故灾难 · 公共卫生 · 社会安全 (突发事件应对法第二条) · 城市管理, which the law's
grades do not touch."""

DOMAIN_TITLES: Mapping[Domain, str] = {
    "natural": "自然灾害", "accident": "事故灾难", "health": "公共卫生事件",
    "security": "社会安全事件", "city": "城市管理",
}  # fmt: skip

GRADED: frozenset[Domain] = frozenset({"natural", "accident", "health"})
"""Domains that 突发事件应对法第三条 divides into four grades; social security is not among them."""

Reporting = Literal[
    "work_safety", "public_health", "animal_epidemic", "environment", "sewage", "network", "other"
]
"""Field `domain` of the rule pack `reporting`: which chain of reports applies."""

Level = Literal["", "blue", "yellow", "orange", "red"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Burst(_Frozen):
    """So many reports in so short a time are one incident: 一小时内同一街道五件投诉."""

    count: int = Field(ge=2, le=100)
    minutes: int = Field(ge=1, le=1440)
    by: Literal["street", "place"] = "street"
    """Within one street, or within the type's own radius."""


class Attribute(_Frozen):
    """One more thing that a reporter may be asked (Open311 GeoReport v2, service definition)."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    zh: str
    en: str
    datatype: Literal["string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"]
    required: bool = False
    values: Mapping[str, str] = Field(default_factory=dict)
    """Key → name in Chinese, of the two lists."""


class IncidentType(_Frozen):
    """One kind of incident."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")
    name: str = Field(min_length=2)
    english: str = Field(min_length=2)
    domain: Domain
    kind: Literal["part", "event"]
    """部件 (a thing of the city that has an owner) or 事件 (something that happens)."""
    owner: str = ""
    """属主: code of the department or company that owns such things, or whose business it is."""
    merge_radius_m: int = Field(ge=0, le=20_000)
    """Reports no farther apart than this are of one incident, in metres on the ground."""
    merge_minutes: int = Field(ge=1, le=10_080)
    """Reports no farther apart in time than this are of one incident."""
    burst: Burst | None = None
    on_site: str = ""
    """Field `type` of the rule pack `on_site`; empty: no limit of arrival or repair is written."""
    forget_minutes: int = Field(default=60, ge=5, le=10_080)
    """An acknowledged incident without progress for so long is rung again, in minutes."""
    auto_dispatch: bool = False
    """直派: may be dispatched as soon as one lead is found, before a person looked."""
    level_default: Level = ""
    """Level of a report that names none."""
    reporting: Reporting = "other"
    accident_kind: Literal["", "road_traffic", "fire", "other"] = ""
    """Field `accident_kind` of the pack `accidents`; empty: its numbers do not apply."""
    plan: str = ""
    """Name of the city's response plan (应急预案) under which a response starts."""
    service_code: str = Field(default="", pattern=r"^[0-9]{0,6}$")
    """Open311 service_code; empty: the public does not report it there."""
    group: str = ""
    """Open311 group, in Chinese."""
    keywords: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    alarms: tuple[str, ...] = ()
    """Rule packs whose telemetry alarms are of this type."""
    cap_events: tuple[str, ...] = ()
    """What the `event` of a CAP alert contains when it is of this type."""
    basis: str
    """Article of catalogue/law.yaml on which it is handled at all."""
    parameters: str = "YCYX-13"
    """Article that gives distances, times and bursts: the city's own."""
    verified: bool = False
    """Whether distances, times and bursts were decided by a city; as shipped they are a design."""


class IncidentTypes(_Frozen):
    """The whole of catalogue/incident_types.yaml."""

    types: tuple[IncidentType, ...]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for what, said in (
            ("code", [one.code for one in self.types]),
            ("service_code", [one.service_code for one in self.types if one.service_code]),
            ("alarms", [pack for one in self.types for pack in one.alarms]),
        ):
            twice = sorted({one for one in said if said.count(one) > 1})
            if twice:
                raise ValueError(f"{what}: {'、'.join(twice)} 写了两次，请改名或删去一个")
        return self

    @cached_property
    def by_code(self) -> Mapping[str, IncidentType]:
        return {one.code: one for one in self.types}

    @cached_property
    def by_service(self) -> Mapping[str, IncidentType]:
        return {one.service_code: one for one in self.types if one.service_code}

    @cached_property
    def by_alarm(self) -> Mapping[str, IncidentType]:
        """Return the type of the alarms of each rule pack that makes incidents."""
        return {pack: one for one in self.types for pack in one.alarms}

    def of_cap(self, event: str) -> IncidentType | None:
        """Return the type of a CAP alert's event: the longest word that it contains decides."""
        found = [
            (len(word), one)
            for one in self.types
            for word in one.cap_events
            if word.lower() in event.lower()
        ]
        return max(found, key=lambda pair: pair[0])[1] if found else None


NO_TYPES = IncidentTypes(types=())
"""Of a catalogue without the file: a city that handles no incidents here."""


class IncidentTypesFaulty(Exception):
    """The file of types cannot be used; the text says where and what to do."""


def read_incident_types(folder: Path) -> tuple[IncidentTypes | None, Marked | None, list[Fault]]:
    """Return the types of a catalogue's folder, with what is wrong with their file.

    A folder without the file has no types and no fault.
    """
    return read_shaped(folder, FILE, IncidentTypes)


def incident_type_faults(
    folder: Path, departments: Collection[str], law: Mapping[str, Article]
) -> Iterator[Fault]:
    """Yield every fault of the file of types, those against departments and law too."""
    types, marked, faults = read_incident_types(folder)
    yield from faults
    if types is None or marked is None:
        return
    for n, one in enumerate(types.types):
        if one.owner and departments and one.owner not in departments:
            yield marked.fault(
                ("types", n, "owner"), f"没有部门「{one.owner}」", "请用 city.yaml 中的部门标识"
            )
        for key, article in (("basis", one.basis), ("parameters", one.parameters)):
            if law and article not in law:
                yield marked.fault(
                    ("types", n, key), f"条文「{article}」不在法条登记簿内", "请先登记条文"
                )
        if one.verified and law and not law[one.parameters].verified:
            yield marked.fault(
                ("types", n, "verified"),
                f"「{one.code}」的参数依据未核对的条文，却标为已核对",
                "请写 verified: false",
            )
        if one.kind == "part" and not one.owner:
            yield marked.fault(
                ("types", n), f"部件「{one.code}」没有属主", "请写 owner，部件先属主后属地"
            )


def load_incident_types(folder: Path | None = None) -> IncidentTypes:
    """Return the types of a folder, of the shipped one by default.

    Raises `IncidentTypesFaulty`.
    """
    where = Path(__file__).parent if folder is None else folder
    types, _, faults = read_incident_types(where)
    if types is None:
        said = "\n".join(str(fault) for fault in faults) or f"{where / FILE} 不存在"
        raise IncidentTypesFaulty(said)
    return types
