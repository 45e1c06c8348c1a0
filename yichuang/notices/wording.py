"""What a notice says: one Chinese sentence of what its fields hold, nothing personal in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from cases import digests

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "reported": "接报待核实",
        "dispatched": "派发，请签收",
        "rung_again": "仍未签收，再次催签",
        "escalated": "临限升级",
        "refused": "处置单位退单",
        "arbitrated": "退单已裁定",
        "forgotten": "签收后久无进展",
        "report_due": "应报告信息",
        "response": "应急响应",
        "warning": "预警",
        "merged": "并案",
        "handover": "交接班",
        "lesson": "整改到期",
        "rota_hole": "值班空班",
        "milestone": "里程碑滞后",
        "security": "保函、保险到期",
        "capital": "资本金到期未足额",
        "project": "项目提醒",
        "other": "通知",
    }
)
"""Kind of notice → what stands at its head."""

LEVELS: Mapping[str, str] = MappingProxyType(
    {
        "red": "红色", "orange": "橙色", "yellow": "黄色", "blue": "蓝色",
        "extraordinary": "特别重大", "major": "重大", "serious": "较大", "ordinary": "一般",
    }
)  # fmt: skip


def sentence(
    kind: str, fields: Mapping[str, JsonValue], names: Mapping[str, str], zone: str
) -> str:
    """Return the notice as a sentence. `names`: code of a kind of incident, or of a
    district, → its name."""

    if kind == digests.KIND:
        return digest_sentence(fields)

    def said(name: str) -> str:
        value = fields.get(name)
        return "" if value is None else str(value)

    level = said("level")
    parts = [
        said("number"),
        names.get(said("type"), said("type")),
        _level(level),
        names.get(said("district"), said("district")),
        f"时限 {_moment(said('due'), zone)}" if said("due") else "",
        f"已用时限的 {said('rung')}%" if said("rung") else "",
        said("basis"),
    ]
    told = "，".join(part for part in parts if part)
    title = TITLES.get(kind, TITLES["other"])
    return f"【{title}】{told}" if told else f"【{title}】"


def _level(level: str) -> str:
    """Return a level in words; that of a response is a figure, and nought once it has ended."""
    if level == "0":
        return "已解除"
    return f"{level} 级" if level.isdecimal() else LEVELS.get(level, level)


def digest_sentence(counts: Mapping[str, JsonValue]) -> str:
    """Return a morning's digest as a sentence; what is nought is not said."""
    said = (
        ("待办 {n} 件", "open"), ("其中超期 {n} 件", "overdue"), ("预警 {n} 件", "warning"),
        ("团队未签收 {n} 件", "team"), ("未读通知 {n} 条", "unread"),
    )  # fmt: skip
    told = "，".join(words.format(n=counts[name]) for words, name in said if counts.get(name))
    return f"【今日提醒】{told}"


def _moment(text: str, zone: str) -> str:
    try:
        return f"{datetime.fromisoformat(text).astimezone(ZoneInfo(zone)):%m-%d %H:%M}"
    except ValueError:
        return text
