"""Cards on real stores: at their instants, with their rulings, rows, papers and addressees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from cases import card_tables, tables
from cases.clock import due_at
from cases.messages import Command, Outcome
from cases.projection import unpacked
from cases.state import CaseState, Timer
from rules.pack import Pack
from tests.activities.conftest import Town, followed, food, town_in
from tests.activities.supervised import (
    PACK,
    SHIPPED,
    ClockTown,
    PackRules,
    People,
    city,
    supervise,
)
from workflows.approval import timer_command


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


@dataclass
class Desk:
    """A town with supervision, and one case followed through its steps."""

    town: ClockTown
    rules: PackRules
    people: People
    state: CaseState

    def explanation(self) -> str:
        """How the newest card's explanation stands."""
        return self.state.cards[-1].explanation

    def stage(self) -> str:
        return self.state.stage

    def fire(self, key: str = "", now: datetime | None = None) -> Outcome:
        """Let the next timer (that of a key) fire as the workflow would."""
        timer = self.next_timer(key)
        return self.settle(timer_command(self.state.case_id, timer), now or timer.due_at)

    def next_timer(self, key: str = "") -> Timer:
        from cases import approval

        for timer in approval.pending_timers(self.state):
            if not key or timer.key == key:
                return timer
        raise AssertionError(f"no timer {key} in {self.state.timers}")

    def settle(self, command: Command, now: datetime) -> Outcome:
        self.town.now_at = now
        settled = self.town.settlement.settle(_batch(self.state, command))
        self.state = followed(self.state, settled)
        return settled.steps[0].outcome

    def do(self, verb: str, body: dict[str, Any], by: str, when: str, **more: Any) -> Outcome:
        moment = at(when)
        order = self.town.order(verb, body, by=by, at=moment, id=f"{verb}-{when}-{by}", **more)
        return self.settle(order, moment)

    def numbers(self) -> list[tuple[str, str]]:
        return [(card.rule, card.level) for card in self.state.cards]

    def rows(self, table: Any) -> list[Any]:
        with self.town.engine.connect() as connection:
            return list(connection.execute(select(table).order_by(*table.primary_key)).all())


def _batch(state: CaseState | None, command: Command) -> Any:
    from cases.settling import Batch

    return Batch(state=state, commands=(command,))


MATTER = {
    "日历": "cn",
    "承诺办结时限": {"时限": 10, "单位": "working_day", "依据": "YSHJ-36"},
    "承诺时限停表": ["testing"],
    "特别程序": ["testing"],
    "文书": [],
}  # fmt: skip


def desk_in(folder: Path, **changed: Any) -> Desk:
    return desk_over(town_in(folder), **changed)


def desk_over(plain: Town, **changed: Any) -> Desk:
    rules, people = PackRules(), People()
    town = supervise(plain, city(food(**(MATTER | changed))), rules, people)
    filed = town.settlement.settle(_batch(None, town.file(at=at("2026-03-02T09:00"))))
    return Desk(town, rules, people, followed(None, filed))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = desk_in(tmp_path)
    yield one
    one.town.engine.dispose()
    one.town.keys.dispose()


def accepted(desk: Desk) -> Desk:
    assert desk.do("accept", {}, "u:window", "2026-03-02T10:00").status == "done"
    return desk


def to_yellow(desk: Desk) -> Desk:
    """Let the promise of ten working days run out: reminder, warning, yellow card."""
    accepted(desk)
    for key in ("card:promised:JC-TS-75", "card:promised:JC-YJ-90", "card:promised:JC-HP-CN"):
        assert desk.fire(key).status == "done"
    return desk


# --- by the clock --------------------------------------------------------------------------------


def test_a_case_that_was_accepted_waits_for_its_first_card(desk: Desk) -> None:
    accepted(desk)
    timers = {timer.key: timer for timer in desk.state.timers}
    # Day zero Monday 2 March; the eighth working day ends on the 12th.
    assert timers["card:promised:JC-TS-75"].due_at == at("2026-03-13T00:00")
    assert timers["card:promised:JC-TS-75"].article == "YCJC-2"
    assert timers["card:statutory:JC-RP-FD"].due_at == at("2026-03-31T00:00")


def test_a_card_is_no_deadline_of_the_case(desk: Desk) -> None:
    accepted(desk)
    (row,) = desk.rows(tables.case)
    assert row.due_clock == "promised"
    assert row.due_at == at("2026-03-17T00:00")


def test_the_levels_come_one_after_another_at_their_instants(desk: Desk) -> None:
    to_yellow(desk)
    assert desk.numbers() == [
        ("JC-TS-75", "reminder"), ("JC-YJ-90", "warning"), ("JC-HP-CN", "yellow"),
    ]  # fmt: skip
    assert [card.at for card in desk.state.cards] == [
        at("2026-03-13T00:00"), at("2026-03-14T00:00"), at("2026-03-17T00:00"),
    ]  # fmt: skip


def test_a_yellow_card_that_is_not_corrected_becomes_red_after_three_working_days(
    desk: Desk,
) -> None:
    to_yellow(desk)
    timer = desk.next_timer("card:promised:JC-RP-WJ")
    assert timer.due_at == at("2026-03-21T00:00")
    desk.fire("card:promised:JC-RP-WJ")
    assert desk.numbers()[-1] == ("JC-RP-WJ", "red")


def test_a_decision_in_time_takes_the_coming_cards_away(desk: Desk) -> None:
    accepted(desk)
    opinion = {"task": "review-check", "result": "agree", "text": "合格"}
    desk.do("opine", opinion, "u:reviewer", "2026-03-04T10:00")
    desk.do("decide", {"result": "grant"}, "u:boss", "2026-03-05T10:00")
    assert {t.key for t in desk.state.timers if t.is_card} <= {"card:delivery:none"}


def test_a_missed_notice_is_deemed_accepted_first_and_gets_its_card_then(desk: Desk) -> None:
    assert desk.next_timer().key == "notice"
    desk.fire("notice")
    assert desk.state.accept_mode == "deemed"
    # The law has ended the clock; the card for it is owed all the same, at the same instant.
    timer = desk.next_timer("card:notice:JC-HP-GZ")
    assert timer.due_at == at("2026-03-10T00:00")
    desk.fire("card:notice:JC-HP-GZ")
    assert desk.numbers() == [("JC-HP-GZ", "yellow")]


def test_an_order_after_the_instant_finds_the_card_given_before_it(desk: Desk) -> None:
    accepted(desk)
    desk.do("urge", {"text": "请抓紧"}, "u:boss", "2026-03-17T09:00")
    assert desk.numbers() == [
        ("JC-TS-75", "reminder"), ("JC-YJ-90", "warning"), ("JC-HP-CN", "yellow"),
    ]  # fmt: skip
    roles = {row.role for row in desk.rows(tables.ruling)}
    assert roles == {f"card:{card.number}" for card in desk.state.cards}


def test_a_card_told_late_stands_at_its_instant_and_says_how_late(desk: Desk) -> None:
    accepted(desk)
    desk.fire("card:promised:JC-TS-75", now=at("2026-03-13T02:30"))
    (row,) = desk.rows(card_tables.card)
    assert row.at == at("2026-03-13T00:00")
    assert row.told_at == at("2026-03-13T02:30")
    assert row.late_s == 9000


def test_the_row_carries_the_elements_of_the_standard(desk: Desk) -> None:
    to_yellow(desk)
    row = desk.rows(card_tables.card)[-1]
    assert (row.number[:10], len(row.number)) == ("JC20260317", 20)
    assert (row.rule, row.level_code, row.department) == ("JC-HP-CN", "3", "scjg")
    assert (row.digest, row.article) == (PACK.digest, "YCJC-4")
    assert '"limit":10' in row.why
    assert '"used":10' in row.why


def test_settling_the_same_timer_again_gives_the_stored_answer_and_no_second_card(
    desk: Desk,
) -> None:
    accepted(desk)
    before = desk.state
    command = timer_command(before.case_id, desk.next_timer("card:promised:JC-TS-75"))
    first = desk.settle(command, at("2026-03-13T00:00"))
    again = desk.town.settlement.settle(_batch(before, command)).steps[0]
    assert again.outcome.repeated
    assert again.outcome.seq == first.seq
    assert len(desk.rows(card_tables.card)) == 1


def test_a_forecast_that_the_engine_does_not_confirm_gives_no_card_and_says_so(
    desk: Desk,
) -> None:
    accepted(desk)
    desk.rules.denied = {"JC-TS-75"}
    desk.fire("card:promised:JC-TS-75")
    assert desk.state.cards == ()
    (mark,) = desk.rows(card_tables.card_mark)
    assert (mark.kind, mark.rule, mark.why) == ("withheld", "JC-TS-75", "rule_does_not_hold")


def test_the_version_in_force_at_the_instant_decides(desk: Desk) -> None:
    """Signed after the filing, in force from 10 March: from then on the mark is eighty-five."""
    text = PACK.stored.replace('"op":"gte","value":75', '"op":"gte","value":85')
    other = Pack.from_stored(text.replace('"version":"2026.2"', '"version":"2026.3"'))
    desk.rules.packs.append((at("2026-03-10T00:00"), other))
    accepted(desk)
    # At 85 of a hundred of ten days the warning holds first: the reminder is never due.
    assert {t.key for t in desk.state.timers if "promised:" in t.key} == {"card:promised:JC-YJ-90"}
    desk.fire("card:promised:JC-YJ-90")
    (row,) = desk.rows(card_tables.card)
    assert row.digest == other.digest


def test_a_backfilled_past_before_the_rules_were_in_force_gets_no_card(tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    desk.rules.packs[:] = [(at("2026-03-12T00:00"), PACK)]
    accepted(desk)
    assert desk.next_timer("card:promised:JC-TS-75").due_at == at("2026-03-13T00:00")
    desk.rules.packs[:] = []
    desk.do("urge", {"text": "请抓紧"}, "u:boss", "2026-03-03T09:00")
    assert [t.key for t in desk.state.timers if t.is_card] == []


# --- pauses --------------------------------------------------------------------------------------

TESTING = {"kind": "testing", "ground": "检测", "expected_days": 9}


def test_a_paused_case_waits_for_no_card_and_goes_on_when_it_runs_again(desk: Desk) -> None:
    accepted(desk)
    desk.do("start_procedure", TESTING, "u:head", "2026-03-05T09:00")
    assert [t.key for t in desk.state.timers if t.is_card] == []
    end = {"procedure": "testing-1", "result": "完成"}
    desk.do("end_procedure", end, "u:head", "2026-03-12T09:00")
    # Two days were used before; the 5th to the 12th do not count; the eighth day is the 20th.
    assert desk.next_timer("card:promised:JC-TS-75").due_at == at("2026-03-21T00:00")
    assert desk.state.cards == ()


def test_a_card_is_refused_to_a_paused_case_even_if_the_rule_forgot_to_ask(desk: Desk) -> None:
    accepted(desk)
    timer = desk.next_timer("card:promised:JC-TS-75")
    desk.do("start_procedure", TESTING, "u:head", "2026-03-05T09:00")
    forced = desk.state.model_copy(update={"timers": (timer,)})
    forgetful = PACK.stored.replace('{"field":"is_paused","op":"eq","value":false}',
                                    '{"field":"is_paused","op":"exists"}')  # fmt: skip
    pack = Pack.from_stored(forgetful.replace('"version":"2026.2"', '"version":"2026.4"'))
    desk.rules.packs[:] = [(at("2020-01-01T00:00"), pack)]
    desk.state = forced
    desk.fire(timer.key)
    assert desk.state.cards == ()
    assert [mark.why for mark in desk.rows(card_tables.card_mark)] == ["paused"]


def test_a_pause_begun_on_the_last_day_is_told_to_the_supervisors_when_it_ends(
    desk: Desk,
) -> None:
    accepted(desk)
    desk.fire("card:promised:JC-TS-75")
    desk.fire("card:promised:JC-YJ-90")
    desk.do("start_procedure", TESTING, "u:head", "2026-03-16T09:00")
    desk.do("end_procedure", {"procedure": "testing-1", "result": "完成"}, "u:head",
            "2026-03-18T09:00")  # fmt: skip
    timer = desk.next_timer()
    assert timer.key == "card:promised:JC-YJ-TB"
    assert timer.due_at == at("2026-03-18T09:00")
    desk.fire(timer.key)
    told = {n.recipient for n in desk.rows(tables.notification) if n.kind == "card_issued"}
    assert "r:supervisor:*" in told


# --- to whom -------------------------------------------------------------------------------------


def told(desk: Desk) -> dict[str, str]:
    """Recipient → number of the card that they were last told of."""
    return {n.recipient: n.task for n in desk.rows(tables.notification)}


def test_the_graver_the_card_the_more_are_told(desk: Desk) -> None:
    to_yellow(desk)
    by_card: dict[str, set[str]] = {}
    for row in desk.rows(tables.notification):
        by_card.setdefault(row.task, set()).add(row.recipient)
    levels = {card.number: card.level for card in desk.state.cards}
    assert {levels[number]: recipients for number, recipients in by_card.items()} == {
        "reminder": {"d:scjg"},
        "warning": {"d:scjg", "r:section_head:scjg"},
        "yellow": {"d:scjg", "r:section_head:scjg", "r:organ_head:scjg", "r:supervisor:*"},
    }


def test_a_red_card_goes_to_the_government_and_to_discipline(desk: Desk) -> None:
    to_yellow(desk)
    desk.fire("card:promised:JC-RP-WJ")
    assert {"r:government_head:gov", "d:jjjc"} <= told(desk).keys()


def test_the_handler_is_told_by_name_once_somebody_has_the_task(desk: Desk) -> None:
    accepted(desk)
    desk.do("claim", {"task": "review-check"}, "u:reviewer", "2026-03-03T09:00")
    desk.fire("card:promised:JC-TS-75")
    assert told(desk).keys() == {"u:reviewer"}


def test_a_card_for_nobody_goes_to_the_supervision_centre_and_says_so(desk: Desk) -> None:
    accepted(desk)
    desk.people.held.clear()
    desk.fire("card:promised:JC-TS-75")
    desk.fire("card:promised:JC-YJ-90")
    row = desk.rows(card_tables.card)[-1]
    assert row.nobody == "|section_head|"
    assert "|d:dsjc|" in row.recipients
    assert "d:dsjc" in told(desk)


def test_where_accounts_cannot_be_read_the_centre_is_told_besides(desk: Desk) -> None:
    accepted(desk)
    desk.people.can_look = False
    desk.fire("card:promised:JC-TS-75")
    assert told(desk).keys() == {"d:scjg", "d:dsjc"}
    desk.fire("card:promised:JC-YJ-90")
    assert {"r:section_head:scjg", "d:dsjc"} <= told(desk).keys()


def test_a_card_for_nobody_waits_for_whoever_comes_to_hold_the_role(desk: Desk) -> None:
    accepted(desk)
    desk.people.held.clear()
    desk.fire("card:promised:JC-TS-75")
    desk.fire("card:promised:JC-YJ-90")
    levels = {f"r:section_head:{code}" for code in ("scjg", "gov", "*")}
    assert levels <= told(desk).keys()
    assert not levels & set(unpacked(desk.rows(card_tables.card)[-1].recipients))


def test_a_card_goes_to_the_department_where_the_handler_has_left(desk: Desk) -> None:
    accepted(desk)
    desk.do("claim", {"task": "review-check"}, "u:reviewer", "2026-03-03T09:00")
    desk.people.people.clear()
    desk.fire("card:promised:JC-TS-75")
    assert told(desk).keys() == {"d:scjg"}


def test_a_department_without_anybody_is_nobody(desk: Desk) -> None:
    accepted(desk)
    desk.people.departments.remove("scjg")
    desk.fire("card:promised:JC-TS-75")
    assert told(desk).keys() == {"d:scjg", "d:dsjc"}
    assert desk.rows(card_tables.card)[-1].nobody == "|handler|"


def test_yellow_and_red_bring_their_papers_in_the_name_of_the_centre(desk: Desk) -> None:
    to_yellow(desk)
    desk.fire("card:promised:JC-RP-WJ")
    papers = [(d.kind, d.department) for d in desk.rows(tables.document)]
    assert sorted(papers) == [("supervision_advice", "dsjc"), ("supervision_order", "dsjc")]


# --- explanations --------------------------------------------------------------------------------


def explained(desk: Desk) -> str:
    """Return the task of the yellow card's explanation."""
    to_yellow(desk)
    return f"explain-{desk.state.cards[-1].number}"


def test_a_yellow_card_asks_for_an_explanation_within_one_working_day(desk: Desk) -> None:
    key = explained(desk)
    task = next(task for task in desk.state.tasks if task.key == key)
    assert (task.kind, task.department) == ("explain", "scjg")
    assert task.due_at == at("2026-03-19T00:00")  # Wednesday ends, told on Tuesday


def test_an_explanation_in_time_ends_the_task_and_can_be_accepted(desk: Desk) -> None:
    key = explained(desk)
    said = {"task": key, "cause": "人手不足", "measures": "增派一人"}
    assert desk.do("explain_card", said, "u:head", "2026-03-17T09:00").status == "done"
    assert desk.explanation() == "given"
    assert not any(t.is_supervision and key[8:] in t.key for t in desk.state.timers)
    review = {"card": key.removeprefix("explain-"), "result": "accepted"}
    assert desk.do("review_explanation", review, "u:sup", "2026-03-17T10:00").status == "done"
    assert desk.explanation() == "accepted"
    again = desk.do("explain_card", said, "u:head", "2026-03-17T11:00")
    assert again.code == "task_not_open" or again.code == "already_explained"


def test_a_returned_explanation_is_due_again_from_its_return(desk: Desk) -> None:
    key = explained(desk)
    said = {"task": key, "cause": "不清楚", "measures": "无"}
    desk.do("explain_card", said, "u:head", "2026-03-17T09:00")
    review = {"card": key.removeprefix("explain-"), "result": "returned"}
    bare = desk.do("review_explanation", review, "u:sup", "2026-03-18T10:00")
    assert bare.code == "reasons_missing"
    desk.do("review_explanation", review | {"text": "未说明原因"}, "u:sup", "2026-03-18T10:05")
    task = next(task for task in desk.state.tasks if task.key == key)
    assert (task.state, task.due_at) == ("open", at("2026-03-20T00:00"))


def test_a_missed_explanation_is_told_and_gets_one_card_more(desk: Desk) -> None:
    key = explained(desk)
    number = key.removeprefix("explain-")
    desk.fire(f"explain:{number}")
    assert desk.explanation() == "missed"
    desk.fire(f"card:explain:{number}:JC-HP-SM")
    assert desk.numbers()[-1] == ("JC-HP-SM", "yellow")
    assert desk.explanation() == ""  # no explanation of an explanation
    late = {"task": key, "cause": "人手不足", "measures": "增派一人"}
    assert desk.do("explain_card", late, "u:head", "2026-03-19T09:00").status == "done"


def test_a_case_is_not_archived_while_an_explanation_is_due(desk: Desk) -> None:
    key = explained(desk)
    opinion = {"task": "review-check", "result": "agree", "text": "合格"}
    desk.do("opine", opinion, "u:reviewer", "2026-03-17T10:00")
    desk.do("decide", {"result": "grant"}, "u:boss", "2026-03-17T11:00")
    desk.do("serve", {"method": "direct", "recipient": "本人"}, "u:window", "2026-03-17T12:00")
    desk.do("close", {}, "u:window", "2026-03-17T13:00")
    desk.do("rate", {"grade": 1}, "c:applicant", "2026-03-17T14:00", kind="citizen")
    assert desk.stage() == "rating"
    said = {"task": key, "cause": "人手不足", "measures": "增派一人"}
    desk.do("explain_card", said, "u:head", "2026-03-17T15:00")
    assert desk.stage() == "ended"


# --- revoking, and by hand -----------------------------------------------------------------------


def test_a_card_is_revoked_once_by_an_event_with_reasons(desk: Desk) -> None:
    to_yellow(desk)
    number = desk.state.cards[-1].number
    revoke = {"card": number, "reason": "系统停机所致"}
    assert desk.do("revoke_card", revoke, "u:sup", "2026-03-17T09:00").status == "done"
    assert desk.do("revoke_card", revoke, "u:sup2", "2026-03-17T10:00").code == "card_revoked"
    assert [(m.kind, m.why) for m in desk.rows(card_tables.card_mark)] == [
        ("revoked", "by_supervisor")
    ]
    assert desk.rows(card_tables.card)[-1].number == number  # the card itself is as it was
    # The condition still holds: the same card does not come back, nor is it made red.
    assert not any("JC-HP-CN" in t.key or "JC-RP-WJ" in t.key for t in desk.state.timers)
    assert not any(task.kind == "explain" and task.state == "open" for task in desk.state.tasks)


def test_a_card_that_is_not_there_cannot_be_revoked(desk: Desk) -> None:
    accepted(desk)
    revoke = {"card": "JC20260317AAAAAAAAAA", "reason": "误发"}
    assert desk.do("revoke_card", revoke, "u:sup", "2026-03-03T09:00").code == "no_such_card"


@pytest.mark.parametrize(
    ("ground", "rule", "level"),
    [
        ("off_system", "JC-RP-XT", "red"),
        ("illegal_fee", "JC-RP-SF", "red"),
        ("refusal_without_reasons", "JC-RP-BY", "red"),
        ("refused_application", "JC-HP-JS", "yellow"),
        ("late_forwarding", "JC-HP-ZB", "yellow"),
    ],
)
def test_a_supervisors_card_has_the_level_that_the_rules_give_its_ground(
    desk: Desk, ground: str, rule: str, level: str
) -> None:
    accepted(desk)
    issue = {"ground": ground, "text": "现场检查发现"}
    assert desk.do("issue_card", issue, "u:sup", "2026-03-03T09:00").status == "done"
    (card,) = desk.state.cards
    assert (card.rule, card.level, card.issued_by, card.clock) == (rule, level, "u:sup", "by_hand")


def test_who_issued_a_card_by_hand_may_not_revoke_it(desk: Desk) -> None:
    accepted(desk)
    desk.do("issue_card", {"ground": "other", "text": "转报迟延"}, "u:sup", "2026-03-03T09:00")
    revoke = {"card": desk.state.cards[0].number, "reason": "误发"}
    assert desk.do("revoke_card", revoke, "u:sup", "2026-03-03T10:00").code == "own_card"
    assert desk.do("revoke_card", revoke, "u:sup2", "2026-03-03T11:00").status == "done"


def test_no_card_by_hand_for_a_paused_case(desk: Desk) -> None:
    accepted(desk)
    desk.do("start_procedure", TESTING, "u:head", "2026-03-05T09:00")
    issue = {"ground": "illegal_fee", "text": "收取复印费"}
    assert desk.do("issue_card", issue, "u:sup", "2026-03-06T09:00").code == "case_paused"


# --- the rows ------------------------------------------------------------------------------------


def test_the_citys_other_systems_hear_of_a_card_and_of_its_end(desk: Desk) -> None:
    to_yellow(desk)
    desk.do("revoke_card", {"card": desk.state.cards[-1].number, "reason": "误发"}, "u:sup",
            "2026-03-17T09:00")  # fmt: skip
    subjects = [row.subject for row in desk.rows(tables.outbox)]
    assert subjects.count("evt.demo.scjg.case.card_issued") == 3
    assert subjects.count("evt.demo.scjg.case.card_revoked") == 1


def test_an_explanations_day_counts_from_when_the_card_was_told(desk: Desk) -> None:
    """Told on Friday 20 March, three days late: due at the end of Monday."""
    accepted(desk)
    for key in ("card:promised:JC-TS-75", "card:promised:JC-YJ-90"):
        desk.fire(key)
    desk.fire("card:promised:JC-HP-CN", now=at("2026-03-20T09:00"))
    task = next(task for task in desk.state.tasks if task.kind == "explain")
    assert task.due_at == at("2026-03-24T00:00")
    limit = food(**MATTER).notice.model_copy(update={"n": 1})
    due = due_at(at("2026-03-20T09:00"), [limit], SHIPPED.calendars["cn"], "Asia/Shanghai")
    assert due is not None
    assert task.due_at == due.at


def test_a_card_whose_condition_is_false_in_hindsight_can_be_named(desk: Desk) -> None:
    """A pause that is disallowed or a calendar that changes moves the instant: nine days then."""
    to_yellow(desk)
    supervision = desk.town.planner.supervision
    assert supervision is not None
    clock = desk.town.planner.clock(_walked(desk.state))
    calendar = SHIPPED.calendars["cn"]
    assert supervision.false_now(desk.state, clock, calendar) == ()
    off = calendar.off | {at("2026-03-05T12:00").date()}
    moved = type(calendar)("cn", "later", calendar.first, calendar.horizon, off, calendar.on)
    found = supervision.false_now(desk.state, clock, moved)
    # With a day off more the promise ended a day later: every one of the three came too early.
    assert [card.rule for card, _ in found] == ["JC-TS-75", "JC-YJ-90", "JC-HP-CN"]


def _walked(state: CaseState) -> Any:
    from activities.planning import Walked

    return Walked(state)


def test_late_is_never_less_than_nothing(desk: Desk) -> None:
    accepted(desk)
    desk.fire("card:promised:JC-TS-75", now=at("2026-03-13T00:00") - timedelta(seconds=5))
    assert desk.rows(card_tables.card)[0].late_s == 0


def test_a_pause_that_is_disallowed_shields_no_case_from_its_cards(desk: Desk) -> None:
    accepted(desk)
    desk.do("start_procedure", TESTING, "u:head", "2026-03-05T09:00")
    assert [t.key for t in desk.state.timers if t.is_card] == []
    finding = {"pause": "testing-1", "reason": "并无检测"}
    assert desk.do("disallow_pause", finding, "u:sup", "2026-03-10T09:00").status == "done"
    assert desk.next_timer("card:promised:JC-TS-75").due_at == at("2026-03-13T00:00")


def test_a_card_that_only_a_finding_had_brought_is_taken_back_when_the_finding_is(
    desk: Desk,
) -> None:
    accepted(desk)
    desk.do("start_procedure", TESTING, "u:head", "2026-03-05T09:00")
    desk.do("disallow_pause", {"pause": "testing-1", "reason": "并无检测"}, "u:sup",
            "2026-03-10T09:00")  # fmt: skip
    for key in ("card:promised:JC-TS-75", "card:promised:JC-YJ-90", "card:promised:JC-HP-CN"):
        desk.fire(key)
    back = {"pause": "testing-1", "reason": "检测属实"}
    assert desk.do("restore_pause", back, "u:sup2", "2026-03-17T09:00").status == "done"
    assert [card.revoked for card in desk.state.cards] == ["system"] * 3
    marks = [(m.kind, m.by, m.why) for m in desk.rows(card_tables.card_mark)]
    assert marks == [("revoked", "system", "condition_false")] * 3
    assert not any(t.kind == "explain" and t.state == "open" for t in desk.state.tasks)


def test_a_pause_abused_stays_told_when_it_is_disallowed(desk: Desk) -> None:
    accepted(desk)
    for key in ("card:promised:JC-TS-75", "card:promised:JC-YJ-90"):
        desk.fire(key)
    desk.do("start_procedure", TESTING, "u:head", "2026-03-16T09:00")
    desk.do("end_procedure", {"procedure": "testing-1", "result": "完成"}, "u:head",
            "2026-03-18T09:00")  # fmt: skip
    desk.fire("card:promised:JC-YJ-TB")
    desk.do("disallow_pause", {"pause": "testing-1", "reason": "并无检测"}, "u:sup",
            "2026-03-18T10:00")  # fmt: skip
    assert [card.rule for card in desk.state.cards if card.revoked] == []


def test_a_calendar_that_takes_a_day_away_takes_back_what_came_too_early(desk: Desk) -> None:
    """The promise ran out on the 16th; with Thursday the 5th off it runs out on the 17th."""
    to_yellow(desk)
    known = desk.town.matters.calendars["cn"]
    off = known.off | {at("2026-03-05T12:00").date()}
    later = type(known)("cn", "later", known.first, known.horizon, off, known.on)
    desk.town.matters = replace(
        desk.town.matters, calendars={**desk.town.matters.calendars, "cn": later}
    )
    desk.do("urge", {"text": "请抓紧"}, "u:boss", "2026-03-17T09:00")
    assert [(c.rule, c.revoked) for c in desk.state.cards] == [
        ("JC-TS-75", "system"), ("JC-YJ-90", "system"), ("JC-HP-CN", "system"),
    ]  # fmt: skip
    # On the new last day the warning is true again, and the yellow card comes a day later.
    assert desk.next_timer("card:promised:JC-YJ-90").due_at == at("2026-03-17T09:00")
    desk.fire("card:promised:JC-YJ-90")
    assert desk.next_timer("card:promised:JC-HP-CN").due_at == at("2026-03-18T00:00")


def test_what_moves_with_a_calendar_are_the_laws_instants_and_no_card(desk: Desk) -> None:
    from cases import approval

    accepted(desk)
    without = tuple(timer for timer in desk.state.timers if not timer.is_card)
    assert len(without) < len(desk.state.timers)
    assert approval.moved(desk.state.timers, without) == ()
