"""The clock of a case: every period with its bar and its ledger, and the two inverse questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from urllib.parse import urlencode

from cases import approval
from cases.approval.clocks import OF_A_TASK
from cases.clocks import (
    Due,
    Ledger,
    Moved,
    Period,
    Row,
    late_by,
    lateness,
    ledger,
    newest,
    periods,
    what_if,
)
from cases.state import ClockEvent, Plan
from cases.views import CaseView
from catalogue.clock_rules import ClockRule
from catalogue.law import Article
from catalogue.working_days import Calendar
from forms.oversight import SharePanel, share_panel
from forms.visit import Visit
from forms.words import N_, timer_word, word

_MICROSECOND = timedelta(microseconds=1)
DROPPABLE = frozenset({"paused", "noticed", "extended"})
"""Events of which it is asked what had been without them."""

ROW_WORDS = {
    "zero": N_("起算日"),
    "counted": N_("计时"),
    "paused": N_("停表"),
    "off": N_("非工作日"),
    "over": N_("超期"),
}
OFF_HOURS = N_("非工作时间")
WEEKDAYS = (N_("周一"), N_("周二"), N_("周三"), N_("周四"), N_("周五"), N_("周六"), N_("周日"))


@dataclass(frozen=True)
class Stretch:
    """A part of a bar: days of one kind, as a share of the whole in thousandths."""

    state: str
    """`counted`, `paused`, `off`, `over`, `zero`, or `ahead`: still to come."""
    since: date
    until: date
    offset: int
    parts: int


@dataclass(frozen=True)
class ClockLine:
    """One period among the others of the case."""

    key: str
    title: str
    article: str
    state: str
    """A pill: normal, paused, overdue, ended."""
    state_words: str
    due: Due | None
    budget: str
    used: str
    left: str
    url: str
    chosen: bool
    bar: tuple[Stretch, ...]
    ended: bool


@dataclass(frozen=True)
class DayLine:
    """One line of the ledger."""

    day: date
    until: date
    """Days off that follow one another are one line."""
    weekday: str
    hours: str
    """From when to when, for a period in hours; empty for whole days."""
    state: str
    state_words: str
    known: bool
    article: str
    cause: str
    seq: int
    """Step that caused it; 0: none (a day off is the calendar's)."""
    used: str
    left: str
    today: bool
    ahead: bool
    same_article: bool
    """The line above has the same article."""


@dataclass(frozen=True)
class UsedAfter:
    """How much was used between one event and the next."""

    words: str
    at: datetime
    seq: int
    used: str
    crossed: bool
    would_cure: bool


@dataclass(frozen=True)
class Question:
    """An event of which may be asked what had been without it."""

    id: str
    words: str
    at: datetime
    url: str
    chosen: bool


@dataclass(frozen=True)
class Answer:
    """A period that would have ended otherwise."""

    title: str
    before: Due | None
    after: Due | None
    late_before: str
    late_after: str


@dataclass(frozen=True)
class ClockPanel:
    """All of it, for the chosen period."""

    lines: tuple[ClockLine, ...]
    first: tuple[ClockLine, ...]
    """Those that a first look needs: of the case as a whole and running, else those that ended."""
    chosen: ClockLine | None
    calendar: str
    horizon: date | None
    unit: str
    """What the ledger's amounts are counted in."""
    days: tuple[DayLine, ...]
    articles: tuple[Article, ...]
    """Those that the ledger rests on, with their words."""
    used_after: tuple[UsedAfter, ...]
    questions: tuple[Question, ...]
    answers: tuple[Answer, ...]
    asked: bool
    shares: SharePanel | None
    """Whose the chosen period has been."""


class _Words:
    """Amounts and events in the reader's language."""

    def __init__(self, visit: Visit, task_names: Mapping[str, str]) -> None:
        self.say = visit.say
        self.names = task_names
        self.cited = visit.ports.catalogue.cited

    def amount(self, found: Ledger, n: int) -> str:
        if found.scale == "day":
            unit = found.period.rule.limit.unit
            text = N_("{n} 个工作日") if unit == "working_day" else N_("{n} 日")
            return self.say(text).format(n=n)
        minutes, rest = divmod(abs(n), 60_000_000)
        hours, minutes = divmod(minutes, 60)
        sign = "-" if n < 0 else ""
        if hours:
            return sign + self.say(N_("{h} 小时 {m} 分")).format(h=hours, m=minutes)
        return sign + self.say(N_("{m} 分 {s} 秒")).format(m=minutes, s=rest // 1_000_000)

    def unit(self, found: Ledger) -> str:
        if found.scale != "day":
            return self.say(N_("时:分"))
        working = found.period.rule.limit.unit == "working_day"
        return self.say(N_("工作日") if working else N_("日"))

    def plain(self, found: Ledger, n: int) -> str:
        """Return an amount without its unit, for a column that names it."""
        if found.scale == "day":
            return str(n)
        minutes = abs(n) // 60_000_000
        return f"{'-' if n < 0 else ''}{minutes // 60}:{minutes % 60:02d}"

    def event(self, event: ClockEvent) -> str:
        text = self.say(word("clock", event.kind))
        procedure = event.detail.get("procedure")
        kind = procedure.get("kind") if isinstance(procedure, dict) else event.detail.get("kind")
        ground = event.detail.get("ground", kind)
        if isinstance(ground, str) and ground:
            return f"{text} · {self.say(word('procedure', ground))}"
        task = event.detail.get("task")
        if isinstance(task, str) and task:
            return f"{text} · {self.names.get(task, task)}"
        return text


def clock_panel(
    visit: Visit, view: CaseView, calendar: Calendar, address: str, task_names: Mapping[str, str]
) -> ClockPanel:
    """Return what the clock's tab shows; `clock` and `without` of the address choose."""
    now = datetime.now(UTC)
    plan = Plan.model_validate(view.plan)
    rules = approval.clock_rules(plan)
    query, say = visit.request.query_params, _Words(visit, task_names)
    found = {
        key: ledger(period, calendar, plan.zone, now)
        for key, period in newest(periods(rules, view.clock)).items()
    }
    chosen = query.get("clock") or view.row.due_clock or "promised"
    if chosen not in found:
        chosen = next(iter(found), "")
    lines = tuple(
        _line(one, say, task_names, address, now, key == chosen) for key, one in found.items()
    )
    events = {event.id: event for event in view.clock}
    without = query.get("without", "")
    asked = without in events
    return ClockPanel(
        lines=lines,
        first=tuple(_first(lines)),
        chosen=next((line for line in lines if line.chosen), None),
        calendar=f"{calendar.name} {calendar.version}",
        horizon=None if calendar.every_day else calendar.horizon,
        unit=say.unit(found[chosen]) if chosen else "",
        days=tuple(_days(found[chosen], say, events, visit, now)) if chosen else (),
        articles=tuple(_articles(found[chosen], visit)) if chosen else (),
        used_after=_used_after(rules, view, chosen, calendar, plan.zone, say, now),
        questions=tuple(_questions(view, say, address, chosen, without)),
        answers=_answers(rules, view, without, calendar, plan, say, task_names, now)
        if asked
        else (),
        asked=asked,
        shares=share_panel(visit, found[chosen], view.clock, plan, calendar, now)
        if chosen
        else None,
    )


MOST_AT_FIRST = 4
"""Bars on the first page of a case, so that form and materials stay in sight."""


def _first(lines: Sequence[ClockLine]) -> Iterator[ClockLine]:
    own = [one for one in lines if one.key.partition(":")[0] not in OF_A_TASK]
    running = [one for one in own if not one.ended]
    whole = [one for one in own if one.key in ("statutory", "promised")]
    yield from (running or whole or own)[:MOST_AT_FIRST]


def _title(period: Period | str, say: _Words, task_names: Mapping[str, str]) -> str:
    key = period if isinstance(period, str) else period.key
    family, _, rest = key.partition(":")
    title = say.say(timer_word(family))
    return f"{title} · {task_names.get(rest, rest)}" if rest else title


def _line(
    found: Ledger,
    say: _Words,
    task_names: Mapping[str, str],
    address: str,
    now: datetime,
    chosen: bool,
) -> ClockLine:
    period = found.period
    state, words = _state(found, say, now)
    return ClockLine(
        key=period.key,
        title=_title(period, say, task_names),
        article=say.cited(period.rule.limit.basis),
        state=state,
        state_words=words,
        due=found.due,
        budget=say.amount(found, found.budget),
        used=say.amount(found, found.used),
        left=say.amount(found, found.left),
        url=f"{address}?{urlencode({'tab': 'clock', 'clock': period.key})}",
        chosen=chosen,
        bar=_bar(found, now),
        ended=period.end is not None,
    )


def _state(found: Ledger, say: _Words, now: datetime) -> tuple[str, str]:
    late = late_by(found)
    if found.period.end is not None:
        if late:
            return "overdue", say.say(N_("已止，超期 {n}")).format(n=say.amount(found, late))
        return "ended", say.say(N_("已止，在期限内"))
    if late:
        return "overdue", say.say(N_("超期 {n}")).format(n=say.amount(found, late))
    if any(
        stop.since.at <= now and (stop.until is None or now < stop.until.at)
        for stop in found.period.stops
    ):
        return "paused", say.say(N_("停表"))
    return "normal", say.say(N_("剩余 {n}")).format(n=say.amount(found, found.left))


def _bar(found: Ledger, now: datetime) -> tuple[Stretch, ...]:
    """Return the rows as stretches; a period counted backwards is shown in the order of days."""
    rows = sorted(found.rows, key=lambda row: row.since)
    if not rows:
        return ()
    first, whole = rows[0].since, rows[-1].until - rows[0].since

    def shown(row: Row) -> str:
        ahead = found.period.end is None and row.since > now
        return "ahead" if ahead and row.state == "counted" else row.state

    stretches: list[Stretch] = []
    for state, group in groupby(rows, key=shown):
        days = list(group)
        offset = round(1000 * ((days[0].since - first) / whole)) if whole else 0
        parts = max(1, round(1000 * ((days[-1].until - days[0].since) / whole))) if whole else 1
        stretches.append(Stretch(state, days[0].day, days[-1].day, offset, parts))
    return tuple(stretches)


def _days(
    found: Ledger,
    say: _Words,
    events: Mapping[str, ClockEvent],
    visit: Visit,
    now: datetime,
) -> Iterator[DayLine]:
    zone, whole_days = visit.zone, found.scale == "day"
    above = ""
    for rows in _grouped(found.rows, now, whole_days):
        row = rows[0]
        cause = events.get(row.cause)
        words = ROW_WORDS[row.state]
        if row.state == "off" and not whole_days:
            words = OFF_HOURS
        elif row.state == "off" and row.article == "MSF-85-3":
            words = N_("顺延")
        since, until = row.since.astimezone(zone), (row.until - _MICROSECOND).astimezone(zone)
        yield DayLine(
            day=row.day,
            until=rows[-1].day,
            weekday=say.say(WEEKDAYS[row.day.weekday()]),
            hours="" if whole_days else f"{since:%H:%M}–{until + _MICROSECOND:%H:%M}",
            state=row.state,
            state_words=say.say(words),
            known=row.known,
            article=say.cited(row.article),
            cause=say.event(cause) if cause else row.cause.partition("@")[0],
            seq=int(row.cause.partition(".")[0]) if cause else 0,
            used=say.plain(found, row.used),
            left=say.plain(found, row.left),
            today=rows[0].since <= now < rows[-1].until,
            ahead=row.since > now,
            same_article=row.article == above,
        )
        above = row.article


def _articles(found: Ledger, visit: Visit) -> Iterator[Article]:
    bases = [found.period.rule.limit.basis, *(row.article for row in found.rows)]
    for basis in dict.fromkeys(bases):
        article = visit.ports.catalogue.article(basis)
        if article is not None:
            yield article


def _grouped(rows: Sequence[Row], now: datetime, whole_days: bool) -> Iterator[Sequence[Row]]:
    """Yield each row by itself, and days off that follow one another together, but today."""

    def mark(row: Row) -> object:
        alone = row.state != "off" or not whole_days or row.since <= now < row.until
        return row.since if alone else ("off", row.article, row.known, row.since > now)

    for _, group in groupby(rows, key=mark):
        yield list(group)


def _used_after(
    rules: Sequence[ClockRule],
    view: CaseView,
    key: str,
    calendar: Calendar,
    zone: str,
    say: _Words,
    now: datetime,
) -> tuple[UsedAfter, ...]:
    told = lateness(rules, view.clock, key, calendar, zone, now)
    if told is None:
        return ()
    period = newest(periods(rules, view.clock))[key]
    whole = ledger(period, calendar, zone, now)
    return tuple(
        UsedAfter(
            words=say.event(share.event),
            at=share.event.at,
            seq=int(share.event.id.partition(".")[0] or 0),
            used=say.amount(whole, share.used),
            crossed=share.crossed,
            would_cure=share.would_cure,
        )
        for share in told.shares
    )


def _questions(
    view: CaseView, say: _Words, address: str, chosen: str, without: str
) -> Iterator[Question]:
    for event in view.clock:
        if event.kind in DROPPABLE:
            query = {"tab": "clock", "clock": chosen, "without": event.id}
            yield Question(
                event.id, say.event(event), event.at, f"{address}?{urlencode(query)}#without",
                event.id == without,
            )  # fmt: skip


def _answers(
    rules: Sequence[ClockRule],
    view: CaseView,
    without: str,
    calendar: Calendar,
    plan: Plan,
    say: _Words,
    task_names: Mapping[str, str],
    now: datetime,
) -> tuple[Answer, ...]:
    moved = what_if(rules, view.clock, {without}, calendar, plan.zone, now)
    running = {p.key: ledger(p, calendar, plan.zone, now) for p in periods(rules, view.clock)}
    return tuple(
        Answer(
            title=_title(one.key, say, task_names),
            before=one.before,
            after=one.after,
            late_before=_late(one.late_before, one, running, say),
            late_after=_late(one.late_after, one, running, say),
        )
        for one in moved
        if one.key in running
    )


def _late(n: int, moved: Moved, running: Mapping[str, Ledger], say: _Words) -> str:
    if not n:
        return say.say(N_("不超期"))
    return say.say(N_("超期 {n}")).format(n=say.amount(running[moved.key], n))
