"""督办单 and 监察建议书 in words: why a card was given, and what it asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNITS: Mapping[str, str] = {
    "on_the_spot": "当场",
    "minute": "分钟",
    "hour": "小时",
    "working_hour": "个工作小时",
    "day": "日",
    "working_day": "个工作日",
}
CLOCKS: Mapping[str, str] = {
    "promised": "承诺办结时限",
    "statutory": "法定办结时限",
    "notice": "一次性告知时限",
    "step": "环节时限",
    "delivery": "送达期限",
    "check": "承诺核查期限",
    "explain": "书面说明期限",
}
GROUNDS: Mapping[str, str] = {
    "off_system": "体制外办理",
    "illegal_fee": "违规收费",
    "refusal_without_reasons": "无正当理由不予许可",
    "refused_application": "拒收符合条件的申请",
    "late_forwarding": "转报迟延",
    "other": "其他情形",
}
"""What a supervisor issues a card for."""
PUBLIC_REASONS = "YSHJ-36"
"""优化营商环境条例第三十六条第二款: 超过办理时间的，办理单位应当公开说明理由."""


def why_in_words(facts: Mapping[str, Any]) -> str:
    """Return 承诺办结时限10个工作日，已用10个工作日；… of a `card_issued` event's data."""
    if facts.get("ground"):
        return GROUNDS.get(str(facts["ground"]), str(facts["ground"]))
    why: Mapping[str, Any] = facts.get("why") or {}
    unit = UNITS.get(str(facts.get("unit", "")), "")
    clock = CLOCKS.get(str(facts.get("clock", "")).partition(":")[0], "期限")
    said = []
    if "limit" in why:
        said.append(f"{clock}{number(why['limit'])}{unit}，已用{number(why['used'])}{unit}")
    if why.get("overdue_working_days"):
        said.append(f"已超期{number(why['overdue_working_days'])}个工作日")
    if "yellow_open_working_days" in why:
        said.append(f"黄牌发出后{number(why['yellow_open_working_days'])}个工作日未纠正")
    if "paused_at_left_working_days" in why:
        said.append(f"停表开始时剩余{number(why['paused_at_left_working_days'])}个工作日")
    if why.get("paused_total_percent"):
        said.append(f"停表合计为期限的{number(why['paused_total_percent'])}%")
    return "；".join(said)


def number(value: float) -> str:
    """Return an amount as it is written: no more than one decimal, none where it is whole."""
    return f"{value:.1f}".removesuffix(".0")
