"""What supervisors measure: each metric with its formula, its counts, and where they come from.

A metric is a ratio of two counts; counts add up over matters, departments and months, so a page
sums groups first and divides last. Pure; `cases.counting` fetches the counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from catalogue.matters import Matter

Shown = Literal["percent", "days", "count"]

Figures = Mapping[str, int]
"""Counts by name. A name that is missing counted nothing."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: `above` ÷ `below` (1 minus that with `less`; a mere count has no `below`)."""

    id: str
    title: str
    formula: str
    above: str
    below: str
    source: str
    """Tables and fields that both counts come from."""
    basis: str
    """Who asks for it: an article or the page of a plan; the house's own where nobody does."""
    less: bool = False
    shown: Shown = "percent"
    good: Literal["high", "low", ""] = ""
    """Which direction is good; empty: neither."""

    def ratio(self, figures: Figures) -> Fraction | None:
        """Return the metric's value; None where nothing was counted below."""
        if self.shown == "count":
            return Fraction(figures.get(self.above, 0))
        below = figures.get(self.below, 0)
        if not below:
            return None
        value = Fraction(figures.get(self.above, 0), below)
        return 1 - value if self.less else value


_CLOCK = "时钟表（clock）"
_CASE = "办件表（case_file）"
_CARD = "监察牌（card）"
_HOUSE = "电子监察指标（本系统）"
_RATING = "国务院办公厅关于建立政务服务“好差评”制度提高政务服务水平的意见"

METRICS: tuple[Metric, ...] = (
    Metric(
        "YC-ZB-01", "按时办结率（承诺）", "承诺时限内办结件 ÷ 办结件",
        "on_time_promised", "closed",
        f"{_CLOCK}：promised 的 ended_at、on_time；以作出决定为办结", "XKF-42-1", good="high",
    ),
    Metric(
        "YC-ZB-02", "按时办结率（法定）", "法定时限内办结件 ÷ 办结件",
        "on_time_statutory", "closed",
        f"{_CLOCK}：statutory 的 on_time", "XKF-42-1", good="high",
    ),
    Metric(
        "YC-ZB-03", "提前办结率", "承诺时限未用完即办结的件 ÷ 办结件",
        "early", "closed",
        f"{_CLOCK}：promised 的 remaining > 0", _HOUSE, good="high",
    ),
    Metric(
        "YC-ZB-04", "时限压缩率（目录）", "1 − 承诺时限之和 ÷ 法定时限之和（各事项，工作日）",
        "catalogue_promised", "catalogue_statutory",
        "事项目录：承诺办结时限、法定办结时限", _HOUSE, less=True, good="high",
    ),
    Metric(
        "YC-ZB-05", "时限压缩率（实际）",
        "1 − 实际用时之和 ÷ 法定时限（含延长）之和（办结件，工作日）",
        "statutory_used", "statutory_budget",
        f"{_CLOCK}：statutory 的 used、budget", _HOUSE, less=True, good="high",
    ),
    Metric(
        "YC-ZB-06", "即办率（按事项）", "即办件事项 ÷ 全部事项",
        "spot_matters", "matters",
        "事项目录：办件类型", "GB/T 39046-2020 A.6", good="high",
    ),
    Metric(
        "YC-ZB-07", "即办率（按办件）", "即办件 ÷ 收件",
        "spot", "received",
        f"{_CASE}：matter_digest → 办件类型", "GB/T 39046-2020 A.6", good="high",
    ),
    Metric(
        "YC-ZB-08", "网办率（按事项）", "期内有网上收件的事项 ÷ 期内有收件的事项",
        "online_matters", "received_matters",
        f"{_CASE}：channel", "GB/T 39046-2020 A.5", good="high",
    ),
    Metric(
        "YC-ZB-09", "网办率（按办件）", "网上收件（电脑、手机）÷ 收件",
        "online", "received",
        f"{_CASE}：channel", "GB/T 39046-2020 A.5", good="high",
    ),
    Metric(
        "YC-ZB-10", "全程网办率", "网上收件且电子送达的件 ÷ 期内送达的件",
        "fully_online", "served",
        f"{_CASE}：channel；{_CLOCK}：delivery 的 ended_how", _HOUSE, good="high",
    ),
    Metric(
        "YC-ZB-11", "一次办结率",
        "到场不超过一次的件 ÷ 期内送达的件（窗口收件、窗口补正、直接送达各计一次）",
        "one_visit", "served",
        f"{_CASE}：channel；时限事件 supplied；{_CLOCK}：delivery", _HOUSE, good="high",
    ),
    Metric(
        "YC-ZB-12", "补正率", "告知过补正的件 ÷ 收件",
        "noticed", "received",
        "时限事件 noticed", "XKF-32-4",
    ),
    Metric(
        "YC-ZB-13", "一次性告知违规率", "告知补正两次以上的件 ÷ 收件",
        "noticed_twice", "received",
        "时限事件 noticed", "XKF-32-4", good="low",
    ),
    Metric(
        "YC-ZB-14", "超期率", "（超承诺办结件 ＋ 期末超承诺在办件）÷（办结件 ＋ 期末在办件）",
        "late", "handled",
        f"{_CLOCK}：promised 的 due_at、ended_at", _HOUSE, good="low",
    ),
    Metric(
        "YC-ZB-15", "黄牌数（张）", "期内产生且未撤销的黄牌", "yellow", "",
        f"{_CARD}：level、at；card_mark", "GB/T 39046-2020 表 11", shown="count", good="low",
    ),
    Metric(
        "YC-ZB-16", "红牌数（张）", "期内产生且未撤销的红牌", "red", "",
        f"{_CARD}：level、at；card_mark", "GB/T 39046-2020 表 11", shown="count", good="low",
    ),
    Metric(
        "YC-ZB-25", "督办办结率", "说明已被采纳的黄红牌 ÷ 须书面说明的黄红牌",
        "cards_settled", "cards_asked",
        f"{_CARD}：explain_days；card_mark", _HOUSE, good="high",
    ),
    Metric(
        "YC-ZB-17", "平均办理时长（工作日）", "承诺时钟已用工作日之和 ÷ 办结件（不含停表）",
        "promised_used", "closed_in_days",
        f"{_CLOCK}：promised 的 used", _HOUSE, shown="days", good="low",
    ),
    Metric(
        "YC-ZB-18", "特别程序占比", "经特别程序停表的件 ÷ 办结件",
        "with_procedure", "closed",
        f"{_CLOCK}：statutory 的 stops", "XKF-45",
    ),
    Metric(
        "YC-ZB-19", "主动评价率", "申请人评价的件 ÷ 期内评价期结束的件",
        "rated", "rating_ended",
        f"{_CLOCK}：rating 的 ended_by", _RATING, good="high",
    ),
    Metric(
        "YC-ZB-20", "满意率", "评价 1–3 级的件 ÷ 评价的件",
        "satisfied", "rated",
        f"{_CASE}：grade", "GB/T 39046-2020 A.8", good="high",
    ),
    Metric(
        "YC-ZB-21", "好评率", "评价 1–2 级的件 ÷ 评价的件",
        "good", "rated",
        f"{_CASE}：grade", "GB/T 39046-2020 A.8", good="high",
    ),
    Metric(
        "YC-ZB-22", "差评整改率", "差评中整改完成的件 ÷ 差评的件",
        "rectified", "bad",
        f"{_CLOCK}：rectify 的 ended_at", _RATING, good="high",
    ),
    Metric(
        "YC-ZB-23", "差评按期整改率", "差评中按期整改的件 ÷ 差评的件",
        "rectified_on_time", "bad",
        f"{_CLOCK}：rectify 的 on_time", _RATING, good="high",
    ),
    Metric(
        "YC-ZB-24", "差评回访率", "差评中已回访的件 ÷ 差评的件",
        "called_back", "bad",
        "时限事件 called_back", _RATING, good="high",
    ),
)  # fmt: skip
"""The table of metrics: timeliness, channels, notices, lateness, time taken, ratings."""

BY_ID: Mapping[str, Metric] = MappingProxyType({one.id: one for one in METRICS})


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of one group."""

    metric: Metric
    above: int
    below: int
    value: Fraction | None


@dataclass(frozen=True, slots=True)
class Group:
    """A line of a table of metrics: all, a matter, a department, or a month."""

    key: str
    figures: Figures = field(default_factory=dict)

    def measured(self) -> tuple[Measured, ...]:
        """Return every metric of the group, in the order of `METRICS`."""
        return tuple(
            Measured(
                one,
                self.figures.get(one.above, 0),
                self.figures.get(one.below, 0),
                one.ratio(self.figures),
            )
            for one in METRICS
        )

    def value(self, metric: str) -> Fraction | None:
        """Return one metric by its id."""
        return BY_ID[metric].ratio(self.figures)


Cell = tuple[str, str, str]
"""Matter, department, month: the finest group that is counted."""
By = Literal["all", "matter", "department", "month"]

AT_END = frozenset({"open", "late_open"})
"""Counts of what was in hand when a month ended: of several months, the last one's counts."""


def grouped(
    cells: Mapping[Cell, Figures], by: By, matters: Sequence[Matter] = (), last: str = ""
) -> tuple[Group, ...]:
    """Return the groups, by key; of `all` exactly one, also when nothing was counted.

    `matters` are the versions in force: what is counted by matter comes from them. `last` is the
    span's last month.
    """
    place = {"matter": 0, "department": 1, "month": 2}
    sums: dict[str, dict[str, int]] = {"": {}} if by == "all" else {}
    came: dict[tuple[str, str], set[str]] = {}
    for cell, figures in sorted(cells.items()):
        key = "" if by == "all" else cell[place[by]]
        total = sums.setdefault(key, {})
        for name, n in figures.items():
            if name not in AT_END or by == "month" or cell[2] == last:
                total[name] = total.get(name, 0) + n
        for name in ("received", "online"):
            if figures.get(name):
                came.setdefault((key, name), set()).add(cell[0])
    for key, total in sums.items():
        total["received_matters"] = len(came.get((key, "received"), ()))
        total["online_matters"] = len(came.get((key, "online"), ()))
        total["late"] = total.get("late_ended", 0) + total.get("late_open", 0)
        total["handled"] = total.get("closed", 0) + total.get("open", 0)
        total |= _of_catalogue([one for one in matters if _belongs(one, by, key)])
    return tuple(Group(key, total) for key, total in sorted(sums.items()))


def _belongs(matter: Matter, by: By, key: str) -> bool:
    if matter.process != "approval":
        return False
    if by == "matter":
        return matter.code == key
    return by != "department" or matter.department == key


IN_WORKING_DAYS = frozenset({"working_day", "on_the_spot"})
"""Units that a sum over the catalogue may hold: 即办 is no working day at all."""


def _of_catalogue(matters: Sequence[Matter]) -> dict[str, int]:
    """Return what the catalogue promises. Limits in other units cannot be added: left out."""
    both = [
        one
        for one in matters
        if one.promised.unit in IN_WORKING_DAYS and one.statutory.unit in IN_WORKING_DAYS
    ]
    return {
        "matters": len(matters),
        "spot_matters": sum(one.case_kind == "on_the_spot" for one in matters),
        "catalogue_promised": sum(one.promised.n for one in both),
        "catalogue_statutory": sum(one.statutory.n for one in both),
    }
