"""What no rule may say of the alarm it raises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from rules.model import ALARMING, Definition, Rule
from rules.shapes import Loc, Problem

DURATION = re.compile(r"P(?=\d|T\d)(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
"""ISO 8601 in days, hours, minutes and seconds: a month has no length of its own."""
LONGEST = timedelta(days=366)
GROUP = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def duration(text: str) -> timedelta:
    """Return the length of an ISO 8601 duration. Raises `ValueError`; see `DURATION`."""
    found = DURATION.fullmatch(text)
    if found is None or any(part and len(part) > 8 for part in found.groups()):
        raise ValueError(f"{text!r} 不是时长")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def alarm_faults(pack: Definition, loc: Loc, rule: Rule) -> Iterator[Problem]:
    """Yield what is wrong with a rule's alarm, if it has one."""
    alarm = rule.alarm
    if alarm is None:
        return
    if pack.subject not in ALARMING:
        yield Problem(
            loc,
            f"规则包的 subject 是 {pack.subject}, 不能报警",
            f"subject 写 {' 或 '.join(sorted(ALARMING))}, 或删去 alarm",
        )
    yield from _key(pack, loc, alarm.key)
    for name, text in (("hold", alarm.hold), ("clear_hold", alarm.clear_hold)):
        yield from _span((*loc, name), name, text)
    if alarm.precedence_group and not GROUP.fullmatch(alarm.precedence_group):
        yield Problem(
            (*loc, "precedence_group"),
            f"precedence_group {alarm.precedence_group!r} 不合规",
            "小写字母开头, 只用 a-z 0-9 _ -",
        )
    elif alarm.precedence_group and "level" not in rule.then:
        yield Problem(
            (*loc, "precedence_group"), "分级报警没有写 level", "在 then 中写 level, 或删去这一项"
        )


def _key(pack: Definition, loc: Loc, key: tuple[str, ...]) -> Iterator[Problem]:
    for n, name in enumerate(key):
        field = pack.fields.get(name)
        if field is None:
            known = ", ".join(sorted(pack.fields))
            yield Problem((*loc, "key", n), f"字段 {name!r} 不在 fields 中", f"现有: {known}")
        elif field.derived or field.type not in ("text", "number", "boolean"):
            yield Problem(
                (*loc, "key", n), f"{name} 不能区分报警", "用调用者给出的 text, number 或 boolean"
            )
    if len(set(key)) != len(key):
        yield Problem((*loc, "key"), "key 的字段重复", "删去重复的字段")


def _span(loc: Loc, name: str, text: str) -> Iterator[Problem]:
    try:
        length = duration(text)
    except ValueError:
        yield Problem(loc, f"{name}: {text!r} 不是时长", "写成 ISO 8601, 如 PT2H, P1D, PT30M")
        return
    if length > LONGEST:
        yield Problem(loc, f"{name}: 长于 {LONGEST.days} 天", "改短")
