"""`yichuang clock templates` and `clock derive`: timetables of laws, and their periods from events.

Neither needs a store: templates and calendars are the catalogue's files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cases.clocks import Ledger, MixedUnits, ledger, periods
from cases.state import ClockEvent
from catalogue import words
from catalogue.clock_rules import ClockRule, ClockTemplate
from catalogue.clock_templates import TemplateUnknown, load_templates, template
from catalogue.law import Article
from catalogue.load import CatalogueFaulty, load_catalogue
from catalogue.working_days import BeyondCalendar
from yichuang.terminal import complain, say, say_json

ORDERS = ("templates", "derive")
WRONG = 2
AsJson = Callable[[Ledger], dict[str, Any]]
_EVENTS = TypeAdapter(list[dict[str, Any]])


def add(orders: Any) -> None:
    """Add both orders to `yichuang clock`."""
    listing = orders.add_parser("templates", help="各法的期限表 (timetables of laws)")
    listing.add_argument("code", nargs="?", default="", metavar="TEMPLATE", help="如 petition")
    listing.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")
    derive = orders.add_parser("derive", help="由事件推出期限 (periods of a template from events)")
    derive.add_argument("template", metavar="TEMPLATE", help="如 information-disclosure")
    derive.add_argument("events", type=Path, metavar="EVENTS.json", help="事件，依知悉的先后")
    derive.add_argument("--at", type=_instant, default=None, help="截至时刻 ISO 8601 (as of)")
    derive.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError("时刻须带时区，如 2026-11-26T09:00+08:00")
    return at


def run(args: argparse.Namespace, as_json: AsJson) -> int:
    """Print what was asked; 1: the catalogue is faulty, 2: no such template, or bad events.

    `as_json` tells a ledger as `clock ledger` does.
    """
    try:
        if args.order == "derive":
            return _derive(args, template(args.template), as_json)
        if args.code:
            return _one(template(args.code), args.json)
        return _all(args.json)
    except CatalogueFaulty as faulty:
        complain(str(faulty))
        return 1
    except TemplateUnknown as unknown:
        complain(str(unknown))
        return WRONG


# --- templates -----------------------------------------------------------------------------------


def _all(as_json: bool) -> int:
    known = load_templates()
    if as_json:
        say_json({code: one.title.model_dump() for code, one in known.items()})
        return 0
    for code, one in known.items():
        mark = "" if all(rule.verified for rule in one.rules) else "（未核对原文）"
        say(f"{code}  {one.title.zh}  {len(one.rules)} 项时限{mark}")
    return 0


def _one(one: ClockTemplate, as_json: bool) -> int:
    if as_json:
        say_json(one.model_dump(mode="json"))
        return 0
    law = load_catalogue().law
    say(f"{one.code}  {one.title.zh} · {one.title.en}  日历 {one.calendar}  {one.zone}")
    for rule in one.rules:
        say(f"\n{rule.id}  {rule.clock}  {rule.title.zh} · {rule.title.en}")
        for line in lines_of(rule, law[rule.limit.basis]):
            say(f"  {line}")
    return 0


def lines_of(rule: ClockRule, article: Article) -> list[str]:
    """Return one rule in sentences: who, how long, from what to what, and what silence makes."""
    found = [
        f"{_word('义务人', rule.side)}  {_length(rule)}  {article.cited}"
        + ("" if rule.verified else "（未核对原文）"),
        f"起算 {_named(rule.starts)}  截止 {_named(rule.ends)}",
    ]
    if rule.extension is not None:
        more = rule.extension
        found.append(
            f"延长一次 {more.n} {_word('单位', more.unit)}  批准人 {_word('批准人', more.rank)}"
        )
    if rule.pauses:
        found.append(f"停表 {'、'.join(_word('停表', one) for one in rule.pauses)}")
    if rule.roll:
        found.append("末日遇休假日顺延")
    if rule.expiry:
        found.append(f"届满 {_word('届满', rule.expiry)}")
    if rule.interest is not None:
        found.append(f"逾期利息 每日 {rule.interest.per_day}  {rule.interest.basis}")
    return found + ([rule.note] if rule.note else [])


def _length(rule: ClockRule) -> str:
    if rule.due_field:
        return f"到 {rule.due_field} 那一日"
    length = f"{rule.limit.n} {_word('单位', rule.limit.unit)}"
    if rule.limit_field:
        most = f"，至多 {rule.at_most}" if rule.at_most is not None else ""
        length += f"（事件写明 {rule.limit_field} 的从其所写{most}）"
    return f"提前 {length}" if rule.before else length


def _named(triggers: Sequence[Any]) -> str:
    return "、".join(
        one.event + (json.dumps(one.where, ensure_ascii=False) if one.where else "")
        for one in triggers
    )


def _word(element: str, value: str) -> str:
    known = {value: word for word, value in words.WORDS[element].items()}
    return known.get(value, value)


# --- derive --------------------------------------------------------------------------------------


def events_of(text: str) -> tuple[ClockEvent, ...]:
    """Return clock events from JSON: kind, at (with its zone), detail; ids count from 1.

    Raises `ValueError` with the place of what is wrong.
    """
    try:
        told = _EVENTS.validate_json(text)
        return tuple(
            ClockEvent.model_validate({"id": str(n), "article": "", **one})
            for n, one in enumerate(told, start=1)
        )
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"事件读不懂：{place} {first['msg']}") from wrong


def _derive(args: argparse.Namespace, one: ClockTemplate, as_json: AsJson) -> int:
    try:
        events = events_of(args.events.read_text(encoding="utf-8"))
    except (OSError, ValueError) as wrong:
        complain(str(wrong))
        return WRONG
    calendar = load_catalogue().calendars[one.calendar]
    at = args.at or datetime.now(UTC)
    try:
        found = [ledger(p, calendar, one.zone, at) for p in periods(one.rules, events)]
    except ValidationError as wrong:
        complain(f"延长的 n 或 unit 不对：{wrong.errors()[0]['msg']}")
        return WRONG
    except (MixedUnits, BeyondCalendar) as wrong:
        complain(str(wrong))
        return WRONG
    if args.json:
        told = [
            {
                **as_json(each),
                "expiry": each.period.rule.expiry,
                "verified": each.period.rule.verified,
            }
            for each in found
        ]
        say_json({"template": one.code, "at": at.isoformat(), "periods": told})
        return 0
    for period in found:
        say(_line(period))
    if not found:
        say(f"这些事件没有引起「{one.title.zh}」的任何时限")
    return 0


def _line(found: Ledger) -> str:
    period, due = found.period, found.due
    day = "停表中未定" if due is None else f"{due.day}{'（暂定）' if due.provisional else ''}"
    end = "" if period.end is None else f"  止于 {period.end.kind}（{period.end.id}）"
    silence = _word("届满", period.rule.expiry) if period.rule.expiry else ""
    return (
        f"{period.key}  {period.rule.id}  起于 {period.start.kind}（{period.start.id}）  到期 {day}"
        f"  已用 {found.used}  剩余 {found.left}{end}{f'  届满{silence}' if silence else ''}"
    )
