"""Simulating: a proposed version is tried over the past, and what comes of it is a dossier.

Rules, cases and cards do not know one another; they meet here. Reads only; blocks for minutes over
a large past, so it runs in a process of its own or for a person at the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import chain
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from pydantic import JsonValue
from sqlalchemy import Engine

from cases import approval, past, releases
from cases.clocks.counterfactual import Deadline, deadlines, retimed_plan, sla_of
from cases.database import reading
from cases.dossier import (
    MUTANTS_NOTICED,
    SAME_AGAIN,
    SAME_CLOCKS,
    Change,
    ChangeKind,
    Dossier,
    DossierCheck,
    DossierSpan,
    MutantFound,
    Section,
    Side,
    said_twice,
)
from cases.past import PastCase, PastRuling
from cases.projection import json_text
from cases.queries import Opener
from cases.releases import Proposal
from cases.state import Plan
from cases.supervision.hindsight import Version, WouldBe, would_be
from catalogue.load import Catalogue
from catalogue.matters import Matter
from catalogue.working_days import Calendar
from rules.mutation import comparisons, survey
from rules.mutation_tables import survey_limits
from rules.pack import Pack
from rules.replay import Answer, answer, as_if_in_force, differing, instant_of, same_again
from yichuang.card_rules import PACK as SUPERVISION
from yichuang.card_rules import held_by, reach_of
from yichuang.payment_replay import PaymentReplay

Tell = Callable[[str, int], None]
"""(what, how many so far): called with every page."""

NO_READINGS = "本规则包不以读数为对象，没有警报可重放"
OF_A_MATTER = "事项的时限不决定读数的警报"
NO_STORE = "这里没有读数库可读，警报没有重放"
OF_NO_MONEY = "事项的时限不裁定付费"
NOT_A_PACK = "事项的时限不经规则裁定，没有裁定可重放"
NOT_OF_CARDS = "本规则包不发监察牌"
NOT_A_MATTER = "规则包不改期限；期限由事项的时限决定"


class Replay(Protocol):
    """Alarms of the past by two versions of a pack."""

    def __call__(self, current: Pack | None, proposed: Pack, span: DossierSpan) -> Section: ...


class Versions(Protocol):
    """What counts and when, as `yichuang.released.Released` knows it from the register."""

    def pack_at(self, name: str, at: datetime) -> Pack | None: ...

    def catalogue(self) -> Catalogue: ...


@dataclass(frozen=True)
class Past:
    """What a simulation reads."""

    cases: Engine
    """The cases store, which is only read."""
    opened: Opener
    released: Versions
    calendars: Mapping[str, Calendar]
    alarms: Replay | None = None
    """Over the store of readings; None: there is none."""
    _packs: dict[str, Pack] = field(default_factory=dict, repr=False)

    def current(self, kind: releases.Kind, name: str, at: datetime) -> str:
        """Return the digest of the version in force; empty: there is none."""
        with reading(self.cases) as connection:
            found = releases.active(connection, kind, name, at)
        return "" if found is None else found.digest

    def pack(self, digest: str) -> Pack | None:
        """Return a version by its digest, in force still or not; None: it was never signed."""
        if digest not in self._packs:
            with reading(self.cases) as connection:
                found = releases.of_digest(connection, "rules", digest)
            if found is None:
                return None
            self._packs[digest] = Pack.from_stored(found.content)
        return self._packs[digest]


def simulate(
    past_: Past, one: Proposal, release: str, span: DossierSpan, tell: Tell = lambda *_: None
) -> Dossier:
    """Return the dossier of a proposed version of a rule pack or a matter."""
    blank = {
        "name": one.name,
        "release": release,
        "proposed": Side(version=one.version, digest=one.digest),
        "span": span,
        "watermark": past.watermark(past_.cases, span),
    }
    if one.kind == "rules":
        return _of_pack(past_, Pack.from_stored(one.content), span, blank, tell)
    return _of_matter(past_, Matter.model_validate_json(one.content), span, blank, tell)


def current_matter(released: Versions, code: str, at: datetime) -> Matter | None:
    """Return the version of a matter that new cases are filed under at an instant."""
    try:
        return released.catalogue().matter_at(code, at)
    except LookupError:
        return None


def sla_differs(released: Versions, matter: Matter, at: datetime) -> bool:
    """Tell whether a version of a matter would make its cases due at other instants."""
    known = current_matter(released, matter.code, at)
    return known is not None and sla_of(_plan(known)) != sla_of(_plan(matter))


def changes_limits(released: Versions, one: releases.Release, at: datetime) -> bool:
    """Tell whether a version in the register would change rules or limits, as things stand now."""
    if one.kind == "rules":
        return True
    return one.kind == "matter" and sla_differs(
        released, Matter.model_validate_json(one.content), at
    )


# --- a rule pack ---------------------------------------------------------------------------------


def _of_pack(
    past_: Past, proposed: Pack, span: DossierSpan, blank: Mapping[str, Any], tell: Tell
) -> Dossier:
    current = past_.released.pack_at(proposed.id, span.until)
    today = span.until.astimezone(ZoneInfo(proposed.definition.zone)).date()
    asked = as_if_in_force(current, proposed, today)
    changed = differing(current, proposed)
    rulings, same = _rulings(past_, current, asked, span, tell)
    mutants = _mutants(current, proposed, changed)
    weak = [(f"规则 {m.rule}", f"{m.what}，没有一个例子发现") for m in mutants if m.blocks]
    payments, paid_again = PaymentReplay(past_.cases, past_.pack, tell=tell)(current, asked, span)
    cards = Section(reason=NOT_OF_CARDS)
    if proposed.id == SUPERVISION:
        before = _version(current, span)
        cards = _cards(past_, span, tell, before, _version(asked, span))
    return Dossier(
        kind="rules",
        current=Side() if current is None else Side(version=current.version, digest=current.digest),
        checks=(
            same,
            *(() if paid_again is None else (paid_again,)),
            DossierCheck(name=MUTANTS_NOTICED, passed=not weak, findings=said_twice(weak)),
        ),
        rulings=rulings,
        cards=cards,
        deadlines=Section(reason=NOT_A_MATTER),
        alarms=_other(past_.alarms, current, asked, span, _no_alarms(asked)),
        payments=payments,
        changed_rules=changed,
        mutants=mutants,
        **blank,
    )


def _other(
    replay: Replay | None, current: Pack | None, asked: Pack, span: DossierSpan, reason: str
) -> Section:
    return Section(reason=reason) if replay is None else replay(current, asked, span)


def _no_alarms(asked: Pack) -> str:
    return NO_STORE if asked.definition.subject == "reading" else NO_READINGS


def _rulings(
    past_: Past, current: Pack | None, asked: Pack, span: DossierSpan, tell: Tell
) -> tuple[Section, DossierCheck]:
    looked_at, counts = 0, {"个人信息已删除": 0, "现行版本无答案": 0}
    changes: list[Change] = []
    other: list[tuple[str, str]] = []
    for page in past.rulings(past_.cases, asked.id, span, past_.opened):
        for one in page:
            if one.ruling is None:
                counts["个人信息已删除"] += 1
                continue
            looked_at += 1
            place = f"{one.case_no} 第 {one.seq} 步 {one.role}"
            made_by = past_.pack(one.ruling.digest)
            what = "没有找到作出裁定的版本" if made_by is None else same_again(made_by, one.ruling)
            if what:
                other.append((place, what))
            before, after = _asked_twice(current, asked, one)
            counts["现行版本无答案"] += bool(before.refusal)
            if before != after:
                changes.append(_ruling_change(one, before, after))
        tell("rulings", looked_at)
    check = DossierCheck(name=SAME_AGAIN, passed=not other, findings=said_twice(other))
    return (
        Section(compared=True, looked_at=looked_at, counts=counts, changes=tuple(changes)),
        check,
    )


def _asked_twice(current: Pack | None, asked: Pack, one: PastRuling) -> tuple[Answer, Answer]:
    assert one.ruling is not None
    at = instant_of(one.ruling)
    before = Answer() if current is None else answer(current, one.ruling.context, at)
    return before, answer(asked, one.ruling.context, at)


def _ruling_change(one: PastRuling, before: Answer, after: Answer) -> Change:
    assert one.ruling is not None
    return Change(
        kind="ruling",
        department=str(one.ruling.context.get("department") or one.department),
        case_id=one.case_id,
        case_no=one.case_no,
        about=f"{one.seq} {one.role}",
        rule="、".join(sorted({*before.fired} ^ {*after.fired})),
        at=instant_of(one.ruling),
        before=_said(before),
        after=_said(after),
    )


def _said(one: Answer) -> str:
    if one.refusal:
        return f"无答案：{one.refusal}"
    return json_text({"outcome": dict(one.outcome or {}), "rules": list(one.fired)})


def _mutants(
    current: Pack | None, proposed: Pack, changed: Collection[str]
) -> tuple[MutantFound, ...]:
    """Return the mutants of what changed; a rule's threshold that nobody had before must be tried.

    Limits of tables and scales are tried too; a table may have no example, so they block nothing.
    """
    rules = () if current is None else current.definition.rules
    known = {rule.id: comparisons(rule) for rule in rules}
    own = {rule.id for rule in proposed.definition.rules}
    return tuple(
        MutantFound(
            rule=one.rule,
            kind=one.kind,
            what=one.what,
            noticed_by=one.noticed_by,
            blocks=one.rule in own
            and one.kind == "threshold"
            and not one.noticed_by
            and one.about not in known.get(one.rule, ()),
        )
        for one in chain(survey(proposed, changed), survey_limits(proposed, changed))
    )


# --- cards ---------------------------------------------------------------------------------------


def _version(pack: Pack | None, span: DossierSpan) -> Version:
    if pack is None:
        return Version(lambda *_: (), lambda _: "", 100)
    levels = {rule.id: str(rule.then.get("level", "")) for rule in pack.definition.rules}

    def held(context: Mapping[str, JsonValue], at: datetime) -> Collection[tuple[str, str]]:
        return held_by(pack, context, at)

    return Version(held, lambda rule: levels.get(rule, ""), reach_of(pack).percent)


def _cards(
    past_: Past,
    span: DossierSpan,
    tell: Tell,
    before: Version,
    after: Version,
    matter: str = "",
    plans: Callable[[Plan], tuple[Plan, Plan]] = lambda plan: (plan, plan),
) -> Section:
    looked_at, counts = 0, {"已发": 0, "现行版本应发": 0, "拟议版本应发": 0, "与已发不一": 0}
    changes: list[Change] = []
    for page in past.cases(past_.cases, span, matter):
        for one in page:
            looked_at += 1
            was, would = (
                _would_be(past_, version, one, plan, span)
                for version, plan in zip((before, after), plans(one.state.plan), strict=True)
            )
            changes += _card_changes(one, was, would)
            issued = {
                (card.clock, card.rule, card.at)
                for card in one.cards
                if not card.by_hand and not card.clock.startswith("explain")
            }
            counts["已发"] += len(issued)
            counts["现行版本应发"] += len(was)
            counts["拟议版本应发"] += len(would)
            counts["与已发不一"] += len(issued ^ {(c.clock, c.rule, c.at) for c in was})
        tell("cards", looked_at)
    return Section(compared=True, looked_at=looked_at, counts=counts, changes=tuple(changes))


def _would_be(
    past_: Past, version: Version, one: PastCase, plan: Plan, span: DossierSpan
) -> tuple[WouldBe, ...]:
    calendar = past_.calendars.get(plan.calendar)
    if calendar is None or plan.process != "approval":
        return ()
    return would_be(
        version, approval.clock_rules(plan), one.events, calendar, plan, span.since, span.until,
        one.state.backfilled,
    )  # fmt: skip


def _card_changes(
    one: PastCase, was: tuple[WouldBe, ...], would: tuple[WouldBe, ...]
) -> Iterator[Change]:
    before = {(card.clock, card.since, card.rule): card for card in was}
    after = {(card.clock, card.since, card.rule): card for card in would}
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        card = new or old
        assert card is not None
        yield Change(
            kind=_card_kind(old, new),
            department=card.department,
            case_id=one.case_id,
            case_no=one.case_no,
            about=card.clock,
            rule=card.rule,
            at=card.at,
            before="" if old is None else f"{old.level} {_text(old.at)}",
            after="" if new is None else f"{new.level} {_text(new.at)}",
        )


def _card_kind(old: WouldBe | None, new: WouldBe | None) -> ChangeKind:
    if old is None:
        return "added"
    if new is None:
        return "dropped"
    return "level" if old.level != new.level else "moved"


# --- a matter's limits ---------------------------------------------------------------------------


def _of_matter(
    past_: Past, proposed: Matter, span: DossierSpan, blank: Mapping[str, Any], tell: Tell
) -> Dossier:
    current = current_matter(past_.released, proposed.code, span.until)
    old, new = _plan(current or proposed), _plan(proposed)

    def plans(plan: Plan) -> tuple[Plan, Plan]:
        return retimed_plan(plan, old), retimed_plan(plan, new)

    due, same = _deadlines(past_, proposed.code, plans, span, tell)
    version = _version(past_.released.pack_at(SUPERVISION, span.until), span)
    return Dossier(
        kind="matter",
        current=Side()
        if current is None
        else Side(
            version=current.version,
            digest=past_.current("matter", current.code, span.until),
        ),
        checks=(same,),
        rulings=Section(reason=NOT_A_PACK),
        cards=_cards(past_, span, tell, version, version, proposed.code, plans),
        deadlines=due,
        alarms=Section(reason=OF_A_MATTER),
        payments=Section(reason=OF_NO_MONEY),
        **blank,
    )


def _deadlines(
    past_: Past,
    matter: str,
    plans: Callable[[Plan], tuple[Plan, Plan]],
    span: DossierSpan,
    tell: Tell,
) -> tuple[Section, DossierCheck]:
    looked_at, counts = 0, {"期限": 0, "现行版本超期": 0, "拟议版本超期": 0, "日历已换未核": 0}
    changes: list[Change] = []
    other: list[tuple[str, str]] = []
    for page in past.cases(past_.cases, span, matter):
        for one in page:
            calendar = past_.calendars[one.state.plan.calendar]
            looked_at += 1
            own = _due(one, one.state.plan, calendar, span)
            old, new = (_due(one, plan, calendar, span) for plan in plans(one.state.plan))
            for kept in one.clocks if one.is_whole else ():
                if kept.calendar_version != calendar.version:
                    counts["日历已换未核"] += 1
                elif (anew := own.get(kept.key)) is None or anew.due_at != kept.due_at:
                    after = None if anew is None else anew.due_at
                    other.append(
                        (f"{one.case_no} {kept.key}", f"{_text(kept.due_at)}，重算 {_text(after)}")
                    )
            counts["期限"] += len(old)
            counts["现行版本超期"] += sum(d.is_late for d in old.values())
            counts["拟议版本超期"] += sum(d.is_late for d in new.values())
            changes += _deadline_changes(one, old, new)
        tell("deadlines", looked_at)
    check = DossierCheck(name=SAME_CLOCKS, passed=not other, findings=said_twice(other))
    return (
        Section(compared=True, looked_at=looked_at, counts=counts, changes=tuple(changes)),
        check,
    )


def _due(one: PastCase, plan: Plan, calendar: Calendar, span: DossierSpan) -> dict[str, Deadline]:
    return deadlines(approval.clock_rules(plan), one.events, calendar, plan, span.until)


def _deadline_changes(
    one: PastCase, old: Mapping[str, Deadline], new: Mapping[str, Deadline]
) -> Iterator[Change]:
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        shown = after or before
        assert shown is not None
        yield Change(
            kind=_deadline_kind(before, after),
            department=shown.department,
            case_id=one.case_id,
            case_no=one.case_no,
            about=key,
            at=shown.due_at,
            before="" if before is None else _text(before.due_at),
            after="" if after is None else _text(after.due_at),
        )


def _deadline_kind(before: Deadline | None, after: Deadline | None) -> ChangeKind:
    if before is None:
        return "added"
    if after is None:
        return "dropped"
    if before.is_late != after.is_late:
        return "now_late" if after.is_late else "no_longer_late"
    if before.due_at is None or after.due_at is None:
        return "moved"
    return "later" if after.due_at > before.due_at else "earlier"


# --- small -------------------------------------------------------------------------------------


def _plan(matter: Matter) -> Plan:
    return approval.plan_of(matter, "")


def _text(at: datetime | None) -> str:
    return "停表" if at is None else at.astimezone(UTC).isoformat()


def span_of(months: int, until: datetime) -> DossierSpan:
    """Return the span of so many calendar months before an instant."""
    month = until.year * 12 + until.month - 1 - months
    year, month = divmod(month, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - date(year, month + 1, 1)).days
    since = until.replace(year=year, month=month + 1, day=min(until.day, last))
    return DossierSpan(months=months, since=since, until=until)


__all__ = ["Past", "simulate", "sla_differs", "span_of"]
