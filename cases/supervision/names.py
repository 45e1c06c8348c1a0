"""Names and codes of cards: GB/T 39046-2020 table 11 gives their widths."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

Level = Literal["reminder", "warning", "yellow", "red"]

LEVELS: tuple[Level, ...] = ("reminder", "warning", "yellow", "red")
"""提示 · 预警 · 黄牌 · 红牌, the graver the later."""

LEVEL_CODES: Mapping[Level, str] = MappingProxyType(
    {"reminder": "1", "warning": "2", "yellow": "3", "red": "4"}
)
"""监察预警类型代码 n1. The standard gives the width and no list of codes; these are ours."""

CARD = "card:"
BY_HAND = "by_hand"
"""Clock of a card that a supervisor issues."""
NUMBER_DIGITS = 10
"""Base32 characters of SHA-256 after `JC` and the day: 50 bits, in an..20 (表 11, 监察编号)."""


def card_key(clock: str, rule: str) -> str:
    """Return the key of the timer for a rule on a clock (`promised`, `step:review-fire`)."""
    return f"{CARD}{clock}:{rule}"


def parts_of(key: str) -> tuple[str, str]:
    """Return clock and rule of a card's timer key."""
    clock, _, rule = key.removeprefix(CARD).rpartition(":")
    return clock, rule


def card_number(case_id: str, rule: str, clock: str, at: datetime, zone: str) -> str:
    """Return the 监察编号 (an..20): the same rule on the same clock at the same instant has one."""
    name = f"card\n{case_id}\n{rule}\n{clock}\n{at.astimezone(UTC).isoformat()}"
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()
    return f"JC{at.astimezone(ZoneInfo(zone)):%Y%m%d}{digest[:NUMBER_DIGITS]}"


def ruling_role(number: str) -> str:
    """Return the role under which a step keeps the ruling of a card (`ruling.role`)."""
    return f"{CARD}{number}"
