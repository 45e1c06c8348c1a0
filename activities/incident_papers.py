"""Papers of an incident as HTML for the press: the leader's brief, the after-action report, the
announcements of a response and the drafted 信息报告. Same story, same instant, same text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from activities.layout import environment, style_sheet
from cases.incidents.map import LEVEL_NAMES, Mark, map_svg
from cases.incidents.story import (
    ResponseAct,
    Story,
    late,
    measures,
    minutes_words,
    report_draft,
)
from catalogue.grid import Grid

BRIEF_LINES: Final = 24
"""Lines of the timeline that a brief has, the newest; the after-action report has all."""

NUMERALS: Final[Mapping[int, str]] = {1: "一", 2: "二", 3: "三", 4: "四"}

ACTS: Final[Mapping[str, str]] = {"start": "启动", "adjust": "调整", "end": "解除"}

MISSING: Final[Mapping[str, str]] = {
    "matter": "响应事项", "level": "级别", "expected_until": "预计期限", "measures": "应急处置措施",
}  # fmt: skip
"""突发事件应对法第七十二条第二款: what a start must make clear."""


class NotAnnounceable(ValueError):
    """An announcement lacks what the article asks for; the sentence says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is not of the incident: the city, its grid, when the paper is made."""

    city: str
    issuer: str
    """Who makes it: 云川市城市运行指挥中心."""
    grid: Grid
    zone: str
    now: datetime


def brief_html(story: Story, around: Surroundings) -> str:
    """Return the leader's brief (专报): what, where on the map, figures, clocks, timeline."""
    own = _common(story, around)
    own["earlier"] = max(0, len(story.timeline) - BRIEF_LINES)
    own["timeline"] = tuple(story.timeline)[-BRIEF_LINES:]
    return environment().get_template("incident_brief.html").render(own)


def after_action_html(story: Story, around: Surroundings) -> str:
    """Return the after-action report: measured times, what was late and why, lessons as tasks.

    突发事件应对法第九十二条: 经过和原因、经验教训、改进措施.
    """
    own = _common(story, around) | {"timeline": tuple(story.timeline), "earlier": 0}
    own["refusals"] = [one for one in story.timeline if one.kind == "refused"]
    own["escalations"] = [one for one in story.timeline if one.kind in ("rung", "escalated")]
    own["rulings"] = [one for one in story.timeline if one.kind == "arbitrated"]
    return environment().get_template("incident_after_action.html").render(own)


@dataclass(frozen=True, slots=True)
class SentReport:
    """A 信息报告 as it was sent: its words, and what the log has of it."""

    text: str
    at: datetime
    by: str
    due_at: datetime
    basis: str
    """How the article of its limit is cited."""
    entry: str
    """Id of its entry: whoever doubts the paper asks the log for the proof."""


def report_html(story: Story, to: str, sent: SentReport | None, around: Surroundings) -> str:
    """Return a 信息报告 on paper: word for word as it was sent; None: drafted from the story."""
    own = _common(story, around)
    body = report_draft(story, to, clock_words(around)) if sent is None else sent.text
    on = _day(around) if sent is None else f"{_local(sent.at, around.zone):%Y年%-m月%-d日}"
    own |= {"to": to, "lines": body.splitlines(), "sent": sent, "on": on}
    return environment().get_template("incident_report.html").render(own)


def clock_words(around: Surroundings) -> str:
    """Return the instant up to which a report speaks: 2026年11月26日22时37分."""
    return f"{_local(around.now, around.zone):%Y年%-m月%-d日%H时%M分}"


def announcement_html(
    story: Story, act: ResponseAct, around: Surroundings, number: str = ""
) -> str:
    """Return the announcement of a response's start, adjustment or end. `number`: as it was issued;
    empty: a draft.

    Raises `NotAnnounceable` when a start or an adjustment lacks one of what 第七十二条第二款 asks.
    """
    lacking = missing_of(act)
    if lacking:
        words = "、".join(MISSING[one] for one in lacking)
        raise NotAnnounceable(f"公告缺少{words}（突发事件应对法第七十二条第二款）")
    own = _common(story, around) | {
        "act": act,
        "number": number,
        "verb": ACTS[act.act],
        "level_words": f"{NUMERALS[act.level]}级" if act.level else "",
        "until": _when(act.expected_until, around.zone) if act.expected_until else "",
        "act_at": _when(act.at, around.zone),
        "on": f"{_local(act.at, around.zone):%Y年%-m月%-d日}",
        "items": [one for one in act.measures.splitlines() if one.strip()],
    }
    return environment().get_template("incident_announcement.html").render(own)


def missing_of(act: ResponseAct) -> tuple[str, ...]:
    """Return what a start or an adjustment lacks, by the keys of `MISSING`; an end needs only its
    matter (第八十六条)."""
    there = {
        "matter": bool(act.matter.strip()),
        "level": act.level in NUMERALS,
        "expected_until": act.expected_until is not None,
        "measures": bool(act.measures.strip()),
    }
    asked = ("matter",) if act.act == "end" else tuple(MISSING)
    return tuple(one for one in asked if not there[one])


def _common(story: Story, around: Surroundings) -> dict[str, object]:
    measured = measures(story, around.now)
    marks = [Mark(lon, lat, level) for lon, lat, level in story.nearby]
    if story.lon is not None and story.lat is not None:
        marks.append(Mark(story.lon, story.lat, story.level, story.title, chief=True))
    return {
        "story": story,
        "city": around.city,
        "issuer": around.issuer,
        "made_on": _when(around.now, around.zone),
        "level_name": LEVEL_NAMES.get(story.level, ""),
        "measures": measured,
        "late": late(measured),
        "elapsed": minutes_words((story.closed_at or around.now) - story.reported_at),
        "map": Markup(map_svg(around.grid, marks, f"{story.title}的位置")),  # noqa: S704 -- our own SVG, words escaped
        "on_map": story.lon is not None,
        "css": style_sheet("report.css"),
        "document_css": style_sheet("document.css"),
        "when": lambda moment: _clock(moment, around.zone),
        "whole": lambda moment: _when(moment, around.zone),
        "span": minutes_words,
    }


def _day(around: Surroundings) -> str:
    return f"{_local(around.now, around.zone):%Y年%-m月%-d日}"


def _local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))


def _when(moment: datetime, zone: str) -> str:
    return f"{_local(moment, zone):%Y年%-m月%-d日 %H:%M}"


def _clock(moment: datetime | None, zone: str) -> str:
    return "—" if moment is None else f"{_local(moment, zone):%m-%d %H:%M:%S}"
