"""What is wrong with one clock template, given the law and the calendars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from catalogue import words
from catalogue.clock_rules import ClockRule, ClockTemplate
from catalogue.law import Article
from catalogue.marks import Fault, Loc, Marked
from catalogue.matters import Unit
from catalogue.working_days import NONE, Calendar

IN_DAYS: tuple[Unit, ...] = ("on_the_spot", "day", "working_day")
BACKWARDS: tuple[Unit, ...] = ("day", "working_day")
"""Units in which a period may be counted back from an event."""


class Around(Protocol):
    """What a template is checked against."""

    @property
    def law(self) -> Mapping[str, Article]: ...

    @property
    def calendars(self) -> Mapping[str, Calendar]: ...


def template_faults(template: ClockTemplate, marked: Marked, around: Around) -> Iterator[Fault]:
    """Yield what is wrong with one template."""
    expected = f"clocks/{template.code}.yaml"
    if marked.file != expected:
        yield marked.fault(("标识",), f"文件名与标识不符（{marked.file}）", f"请改名为 {expected}")
    try:
        ZoneInfo(template.zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield marked.fault(
            ("时区",), f"没有时区「{template.zone}」", "请写 IANA 名称，如 Asia/Shanghai"
        )
    if template.calendar not in around.calendars:
        yield marked.fault(
            ("日历",), f"没有日历「{template.calendar}」", "请改正，或在 calendars/ 补上"
        )
    for index, rule in enumerate(template.rules):
        loc: Loc = ("时限", index)
        yield from _basis_faults(rule, loc, marked, around.law)
        yield from _shape_faults(rule, loc, marked, template.calendar)


def bases_of(rule: ClockRule, loc: Loc) -> Iterator[tuple[Loc, str]]:
    """Yield every article that a rule names, with the place where it does."""
    yield (*loc, "标识"), rule.id
    yield (*loc, "期限", "依据"), rule.limit.basis
    if rule.extension is not None:
        yield (*loc, "延长", "依据"), rule.extension.basis
    if rule.interest is not None:
        yield (*loc, "逾期利息", "依据"), rule.interest.basis
    if rule.days_basis:
        yield (*loc, "工作日依据"), rule.days_basis


def _basis_faults(
    rule: ClockRule, loc: Loc, marked: Marked, law: Mapping[str, Article]
) -> Iterator[Fault]:
    for place, basis in bases_of(rule, loc):
        article = law.get(basis)
        if article is None:
            yield marked.fault(
                place, f"法条「{basis}」不在法条登记簿内", "请在 law.yaml 登记，或改正标识"
            )
        elif rule.verified and not article.verified:
            yield marked.fault(
                place,
                f"法条「{basis}」没有核对原文，时限却标为已核对",
                "请核对原文，或写 verified: false",
            )


def _shape_faults(rule: ClockRule, loc: Loc, marked: Marked, calendar: str) -> Iterator[Fault]:
    limit = rule.limit
    if calendar == NONE.name and limit.unit in ("working_day", "working_hour"):
        yield marked.fault(
            (*loc, "期限", "单位"), "没有日历却按工作日计", "请写明日历，或改用自然日"
        )
    if limit.n == 0 and limit.unit != "on_the_spot" and not rule.due_field:
        yield marked.fault((*loc, "期限", "时限"), "时限为 0", "请改正；或写到期日取自哪一项")
    for index, pause in enumerate(rule.pauses):
        if pause not in words.PAUSES.values():
            yield marked.fault(
                (*loc, "停表", index), f"没有停表事由「{pause}」", f"可用：{words.allowed('停表')}"
            )
    if rule.expiry and rule.expiry not in words.EXPIRIES.values():
        yield marked.fault(
            (*loc, "届满"), f"没有届满后果「{rule.expiry}」", f"可用：{words.allowed('届满')}"
        )
    if rule.before and (rule.pauses or rule.extension or limit.unit not in BACKWARDS):
        yield marked.fault(
            (*loc, "提前"),
            "倒计的时限不能停表、延长，也不能按时、分计",
            "请改用日，并删去停表、延长",
        )
    if rule.at_most is not None and (not rule.limit_field or rule.at_most < limit.n):
        yield marked.fault(
            (*loc, "至多"), "至多只限制事件写明的期限，且不短于期限本身", "请写明期限由，或改正"
        )
    if rule.due_field and (rule.pauses or rule.extension):
        yield marked.fault(
            (*loc, "到期日"), "到期日由事件给定，不因停表、延长移动", "请删去停表、延长"
        )
    more = rule.extension
    if more is not None and (more.unit in IN_DAYS) != (limit.unit in IN_DAYS):
        yield marked.fault((*loc, "延长", "单位"), "延长与期限的单位不能相加", "请改用同类单位")
