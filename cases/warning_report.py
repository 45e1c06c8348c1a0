"""The report upward of a warning, drafted: 第六十四条 asks for it at the same time as the warning.

A draft for the duty officer to send by the channels that the city has; in Chinese, as it is sent.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from cases.warning_rows import KeptAct
from cases.warnings import CATEGORIES, LAPSE, LIFT, MEASURES
from cases.warnings_cap import COLOURS


def report_of(last: KeptAct, first: KeptAct, zone: ZoneInfo) -> str:
    """Return the text: what was announced, when, by whom, where, and what is done about it."""
    said = last.said
    head = f"关于{_verb(last)}{said.event}{COLOURS[said.level]}预警的报告"
    lines = [
        head,
        f"{said.issuer}于{_when(last.issued_at, zone)}{_verb(last)}{said.event}"
        f"{COLOURS[said.level]}预警（{CATEGORIES[said.category].title}）。",
    ]
    if last.lifting is not None:
        lines.append(f"首次发布：{_when(first.issued_at, zone)}。解除的事实：{last.lifting.reason}")
        return "\n".join(lines)
    if last.verb == LAPSE:
        lines.append(f"首次发布：{_when(first.issued_at, zone)}。已到发布时写明的失效时间。")
        return "\n".join(lines)
    assert said.starts_at is not None  # a fault otherwise
    lines += [
        f"起始时间：{_when(said.starts_at, zone)}。",
        f"可能影响的范围：{said.area}",
        f"警示事项：{said.matters}",
        f"公众应当采取的措施：{said.advice}",
        f"政府采取的措施：{'；'.join(MEASURES[one].title for one in said.measures)}",
    ]
    return "\n".join(lines)


def _verb(one: KeptAct) -> str:
    if one.verb in (LIFT, LAPSE):
        return "解除" if one.verb == LIFT else "终止（到时失效）"
    return "发布" if one.seq == 1 else "调整"


def _when(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.year}年{local.month}月{local.day}日{local:%H}时{local:%M}分"
