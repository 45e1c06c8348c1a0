"""One incident as its papers tell it: plain facts, the measured times, what was late and why.

Pure. Whoever fills a `Story` resolves names and cuts what the reader may not know; no personal data
of reporters or casualties belongs in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

Kind = Literal[
    "stage", "progress", "refused", "arbitrated", "rung", "escalated", "reported_up", "graded",
    "response", "other",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the timeline."""

    at: datetime
    what: str
    """The act in the office's words: 签收."""
    who: str = ""
    text: str = ""
    kind: Kind = "other"
    department: str = ""
    """Name of the unit that it concerns; empty: none in particular."""


@dataclass(frozen=True, slots=True)
class UnitPart:
    """What one unit did: instants are None where it has not come so far."""

    name: str
    lead: bool
    state: str
    dispatched_at: datetime | None = None
    acknowledged_at: datetime | None = None
    set_out_at: datetime | None = None
    arrived_at: datetime | None = None
    answered_at: datetime | None = None
    rung: int = 0
    """How often it was rung again."""
    refusals: int = 0
    why: str = ""
    """Why it was sent: the responsibility table's reason."""


@dataclass(frozen=True, slots=True)
class StageLimit:
    """One of the measured stages: from which instant to which, within how long."""

    key: str
    title: str
    began_at: datetime | None
    done_at: datetime | None
    limit: timedelta | None
    """None: no rule gives one."""
    basis: str = ""
    """How its article is cited."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A stage as it went."""

    title: str
    took: timedelta | None
    """None: not yet over."""
    limit: timedelta | None
    over: timedelta | None
    """How much longer than the limit it took, or has taken so far; None: within it."""
    basis: str
    why: str
    """What happened meanwhile that explains a lateness; empty when it was not late."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A task that the incident leaves behind (突发事件应对法第九十二条: 制定改进措施)."""

    text: str
    department: str
    due_on: str
    """Beijing day, 2026-12-31."""
    done: str = ""
    """What was done; empty: open."""


@dataclass(frozen=True, slots=True)
class ChainReport:
    """信息报告: one step of the chain upwards."""

    to: str
    due_at: datetime | None
    sent_at: datetime | None
    basis: str = ""


@dataclass(frozen=True, slots=True)
class ResponseAct:
    """Start, adjustment or end of the response."""

    at: datetime
    act: Literal["start", "adjust", "end"]
    matter: str
    level: int | None
    expected_until: datetime | None
    measures: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """All that the papers tell. Levels, grades and stages are words already."""

    number: str
    title: str
    type_name: str
    domain_name: str
    stage: str
    level: str
    """Code of the warning level of the report: red, orange, yellow, blue, or empty."""
    grade: str
    """特别重大 … 一般, 未定级, or empty where no law grades such a thing."""
    response: str
    """三级响应, or empty."""
    reported_at: datetime
    text: str = ""
    address: str = ""
    district: str = ""
    cell: str = ""
    lon: float | None = None
    lat: float | None = None
    deaths: int = 0
    injured: int = 0
    loss_yuan: int = 0
    closed_at: datetime | None = None
    signals: Sequence[tuple[str, int]] = ()
    """Source → how many signals were merged into it."""
    units: Sequence[UnitPart] = ()
    stages: Sequence[StageLimit] = ()
    timeline: Sequence[Happening] = ()
    reports: Sequence[ChainReport] = ()
    responses: Sequence[ResponseAct] = ()
    lessons: Sequence[Lesson] = ()
    evaluation: str = ""
    evaluator: str = ""
    kept_personal: str = ""
    """Why personal data is kept beyond the end (第八十五条); empty: it is destroyed."""
    nearby: Sequence[tuple[float, float, str]] = field(default=())
    """Longitude, latitude and level of other open incidents, for the map."""


_EXPLAINS: Final[frozenset[Kind]] = frozenset({"refused", "arbitrated", "rung", "escalated"})
"""Happenings that explain a lateness."""


def measures(story: Story, now: datetime) -> tuple[Measure, ...]:
    """Return every stage that has begun, measured until `now` where it is not over."""
    return tuple(
        _measured(stage, stage.began_at, story.timeline, now)
        for stage in story.stages
        if stage.began_at is not None
    )


def _measured(
    stage: StageLimit, began: datetime, timeline: Sequence[Happening], now: datetime
) -> Measure:
    until = stage.done_at if stage.done_at is not None else now
    lasted = until - began
    over = None
    if stage.limit is not None and lasted > stage.limit:
        over = lasted - stage.limit
    why = _why(timeline, began, until, pending=stage.done_at is None) if over else ""
    took = None if stage.done_at is None else lasted
    return Measure(stage.title, took, stage.limit, over, stage.basis, why)


def _why(timeline: Sequence[Happening], began: datetime, until: datetime, *, pending: bool) -> str:
    """Return what happened between, each with how often; said plainly when nothing did."""
    counted: dict[str, int] = {}
    for one in timeline:
        if one.kind in _EXPLAINS and began <= one.at <= until:
            words = f"{one.department}{one.what}"
            counted[words] = counted.get(words, 0) + 1
    told = [words if times == 1 else f"{words}{times}次" for words, times in counted.items()]
    if pending:
        told.append("尚未完成")
    return "；".join(told) or "其间没有退单、催告或者升级的记录"


def late(found: Sequence[Measure]) -> tuple[Measure, ...]:
    """Return the stages that took, or have taken, longer than they may."""
    return tuple(one for one in found if one.over is not None)


def minutes_words(span: timedelta) -> str:
    """Return 6分05秒, 1小时20分, 2天3小时: two units, the smaller rounded down."""
    seconds = int(span.total_seconds())
    if seconds < 3600:
        return f"{seconds // 60}分{seconds % 60:02d}秒"
    if seconds < 86_400:
        return f"{seconds // 3600}小时{seconds % 3600 // 60}分"
    return f"{seconds // 86_400}天{seconds % 86_400 // 3600}小时"


def report_draft(story: Story, to: str, clock: str) -> str:
    """Return the text of a 信息报告 to be looked over by whoever sends it.

    What 生产安全事故报告和调查处理条例第十二条 asks of a report: the unit, time and place, course,
    casualties and loss, measures taken, other. What is not known is said to be so, never guessed.
    `clock` says up to when it speaks.
    """
    where = story.address or story.cell or story.district or "地点待核实"
    loss = f"，直接经济损失约{story.loss_yuan}元" if story.loss_yuan else ""
    hurt = (
        f"死亡{story.deaths}人，受伤{story.injured}人{loss}"
        if story.deaths or story.injured or story.loss_yuan
        else "截至报告时没有接到人员伤亡和财产损失的报告，仍在核实"
    )
    sent = "、".join(
        f"{one.name}（{'牵头，' if one.lead else ''}{one.state}）" for one in story.units
    )
    done = [one for one in story.timeline if one.kind == "progress" and one.text]
    course = "".join(f"{one.text.rstrip('。')}。" for one in done[-3:])
    grade = f"初步研判为{story.grade}。" if story.grade else ""
    response = f"已启动{story.response}。" if story.response else ""
    return "\n".join(
        [
            f"{to}：",
            f"接报情况：{story.title}（{story.type_name}，{story.number}），地点{where}。{grade}",
            f"简要经过：{story.text or '正在核实'}",
            f"伤亡和损失：{hurt}。",
            f"已采取的措施：{f'已派出{sent}。' if sent else '正在派单。'}{response}{course}",
            "下一步：继续处置，续报随后上报。",
            f"以上情况截至{clock}。",
        ]
    )
