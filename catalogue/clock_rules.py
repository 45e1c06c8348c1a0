"""Clock rules: what starts a legal period, what stops and ends it, its length and its article.

One rule is one row of a law's timetable. A set of them is a template: the licence's own
(`cases/approval/clocks.py`, filled with a matter's numbers) or a file of `catalogue/clocks/`. What
happens in a case is told by clock events; `cases.clocks` makes periods and ledgers of both.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, JsonValue

from catalogue.matters import Extension, Frozen, Limit

Side = Literal["authority", "applicant", "other"]
"""Who has to act within the period: 行政机关 · 申请人 · 第三方或其他机关."""


class Title(Frozen):
    """A name in both languages of the pages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Trigger(Frozen):
    """A clock event that starts or ends a period: by its kind, and by fields of its detail."""

    event: str = Field(alias="事件", pattern=r"^[a-z][a-z_]{1,39}$")
    where: dict[str, JsonValue] = Field(default_factory=dict, alias="其中")
    """Detail field → the value it must have; a list: one of these values."""


class Interest(Frozen):
    """What a day of delay costs, where a law says so: data, for whoever reckons it."""

    per_day: Decimal = Field(alias="日利率", gt=0, lt=1)
    """Share of the sum for each day late: 0.0005 is 万分之五."""
    basis: str = Field(alias="依据")


class ClockRule(Frozen):
    """One period that the law, or a promise, gives."""

    id: str = Field(alias="标识")
    """Article of the law register, which is the rule's own number: XKF-42-1."""
    clock: str = Field(alias="时钟", pattern=r"^[a-z][a-z_]{1,39}$")
    """Key of the period: statutory, promised, notice, delivery, step, department, …"""
    title: Title = Field(alias="名称")
    side: Side = Field(default="authority", alias="义务人")
    starts: tuple[Trigger, ...] = Field(alias="起算", min_length=1)
    ends: tuple[Trigger, ...] = Field(alias="截止")
    limit: Limit = Field(alias="期限")
    extension: Extension | None = Field(default=None, alias="延长")
    pauses: tuple[str, ...] = Field(default=(), alias="停表")
    """Grounds that stop it: the eight procedures, `supplement`, `site_visit`, `publicity`, …"""
    key_by: str = Field(default="", alias="分别计算")
    """Detail field by whose value periods are told apart (`task`); key: `step:<value>`."""
    accumulates: bool = Field(default=False, alias="累计")
    """Starting again goes on with what was used before (a department's clock); else it is anew."""
    roll: bool = Field(default=False, alias="顺延")
    """An end in calendar days that falls on a day off moves on (民事诉讼法第八十五条第三款)."""
    before: bool = Field(default=False, alias="提前")
    """Counted backwards: the act is due so long before the starting event's day."""
    limit_field: str = Field(default="", alias="期限由")
    """Detail field of the starting event that gives the length in place of `limit`'s."""
    at_most: int | None = Field(default=None, alias="至多", ge=1)
    """The longest that `limit_field` may give, in the limit's unit: more counts as this many."""
    due_field: str = Field(default="", alias="到期日")
    """Detail field of the starting event with the ISO day on which the period ends, whatever
    `limit` says (a licence's last day, 行政许可法第五十条)."""
    days_basis: str = Field(default="", alias="工作日依据")
    """Article by which days off do not count (行政许可法第八十二条); empty: the limit's own."""
    expiry: str = Field(default="", alias="届满")
    """What silence makes by law: `deemed_accepted`, `deemed_renewed`, `deemed_consent`, …"""
    interest: Interest | None = Field(default=None, alias="逾期利息")
    note: str = Field(default="", alias="说明")
    """What a reader of the timetable must know besides, in Chinese."""
    verified: bool = True
    """False: from memory, to be checked against the published text before it is relied on."""


class ClockTemplate(Frozen):
    """A file of catalogue/clocks/: the timetable of one procedure."""

    code: str = Field(alias="标识", pattern=r"^[a-z][a-z0-9-]{1,40}$")
    title: Title = Field(alias="名称")
    zone: str = Field(default="Asia/Shanghai", alias="时区")
    calendar: str = Field(default="cn", alias="日历")
    rules: tuple[ClockRule, ...] = Field(alias="时限", min_length=1)
