"""Reporting chains: who reports in which order, per domain of the rule pack `reporting`.

The pack says how long each may take and to whom it goes; here stands only who follows whom. The
first link counts from 接报, each further one from the report before it (or, where that is late,
from the instant it was due):
每级上报的时间不得超过 2 小时 (生产安全事故报告和调查处理条例第十一条).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from cases.incidents.state import IncidentState, Report

CHAINS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # 生产安全事故报告和调查处理条例第九条至第十一条
        "work_safety": ("unit_head", "county_department", "city_department", "province_department"),
        # 突发公共卫生事件应急条例第十九条、第二十条
        "public_health": (
            "finder", "county_department", "county_government", "city_government",
            "province_government",
        ),
        # 重大动物疫情应急条例第十七条
        "animal_epidemic": ("county_department", "province_department", "province_government"),
        # 突发环境事件信息报告办法
        "environment": ("county_department",),
    }
)  # fmt: skip

REPORTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unit_head": "事故发生单位负责人", "finder": "发现单位", "county_department": "县级部门",
        "county_government": "县级人民政府", "city_department": "市级部门",
        "city_government": "市人民政府", "province_department": "省级部门",
        "province_government": "省人民政府",
    }
)  # fmt: skip

RECIPIENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "county_department": "县级安全生产监督管理等部门", "city_department": "市级部门",
        "province_department": "省级部门", "state_department": "国务院有关部门",
        "county_health": "县级卫生健康部门", "county_government": "县级人民政府",
        "city_government": "市人民政府", "province_government": "省人民政府",
        "state_health": "国务院卫生健康部门", "province_supervision": "省动物卫生监督机构",
        "state_veterinary": "国务院兽医主管部门", "state_council": "国务院",
        "own_government": "本级人民政府", "upper_health": "上级卫生健康部门",
        "drainage_department": "排水主管部门", "environment_department": "生态环境部门",
        "competent_department": "有关主管部门",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """What the pack says of one reporter: to whom, within how many minutes, under which article."""

    chain: str
    to: str
    minutes: float
    article: str
    also_to: tuple[str, ...] = ()


Asked = Callable[[str], Link | None]
"""Reporter → its link, None where the pack asks no report of it."""


def links_of(domain: str, ask: Asked) -> tuple[Link, ...]:
    """Return the chain of a domain, as far as the pack asks for it."""
    found = []
    for reporter in CHAINS.get(domain, ()):
        link = ask(reporter)
        if link is None:
            break
        found.append(link)
    return tuple(found)


def chain_of(state: IncidentState, links: Sequence[Link]) -> tuple[Report, ...]:
    """Return the incident's reports: what was sent stays, the instants of the rest follow."""
    sent = {one.chain: one for one in state.reports if one.sent_at is not None}
    starts_at, found = state.reported_at, []
    for link in links:
        due_at = starts_at + timedelta(minutes=link.minutes)
        one = sent.get(link.chain) or Report(
            chain=link.chain, to=link.to, also_to=link.also_to, minutes=link.minutes,
            article=link.article, starts_at=starts_at, due_at=due_at,
        )  # fmt: skip
        found.append(one)
        # A late report does not lend its lateness to the next level.
        starts_at = min(one.sent_at or one.due_at, one.due_at)
    left = [one for key, one in sent.items() if key not in {link.chain for link in links}]
    return (*found, *left)
