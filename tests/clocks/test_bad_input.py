"""What the law does not allow is refused with its article, and nothing has changed afterwards.

Each row once through the machine alone, and one of each kind through `settle` on SQLite.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import catalogue
from cases import approval
from cases.approval import articles
from cases.database import reading
from cases.messages import Command
from cases.settling import RuleForbids
from cases.state import CaseState
from cases.tables import cases_metadata
from catalogue.marks import Fault
from catalogue.reading import read_calendar
from tests.activities.conftest import START, Town, food, town_in
from tests.histories.sample import (
    JOINT,
    MONDAY,
    PlainSettlement,
    body_of_file,
    clock_of,
    matter,
    order,
)

DAY = timedelta(days=1)
ORGAN, GOVERNMENT = "organ_head", "government_head"
HEARING = {"kind": "hearing", "ground": "申请人要求听证", "expected_days": 9}
REASON = {"reason": "案情复杂"}
BY_GOVERNMENT = {
    **JOINT,
    "延长审批": {"时限": 15, "单位": "day", "批准人": GOVERNMENT, "依据": "XKF-42-2x"},
}
NEVER_EXTENDED = {"延长审批": None}
ENDS_AT = MONDAY + 20 * DAY + timedelta(hours=15)
"""When the statutory period of the sample ends: 24:00 of its twentieth day in Beijing."""


def under_review(**changed: Any) -> tuple[PlainSettlement, CaseState]:
    return _walked(changed, ("accept", {}, 0))


def _walked(
    changed: dict[str, Any], *steps: tuple[str, dict[str, Any], float]
) -> tuple[PlainSettlement, CaseState]:
    settlement = PlainSettlement(matter(**changed))
    state, _ = settlement.walk(None, order("file", body_of_file()))
    for number, (verb, body, days) in enumerate(steps):
        command = order(
            verb, body, at=MONDAY + days * DAY, role=ORGAN, name=f"{verb}-{number}", who=f"u:{verb}"
        )
        state, _ = settlement.walk(state, command)
    return settlement, state


Row = tuple[str, dict[str, Any], list[tuple[str, dict[str, Any], float]], str, dict[str, Any],
            float, str, str, str]  # fmt: skip
"""What it is; the matter, what went before; verb, body, day, rank; code and article of the no."""

Steps = list[tuple[str, dict[str, Any], float]]
"""Verb, body, day."""
ACCEPTED: Steps = [("accept", {}, 0.0)]
EXTENDED: Steps = [*ACCEPTED, ("extend", REASON, 5.0)]
PAUSED: Steps = [*ACCEPTED, ("start_procedure", HEARING, 1.0)]
PAUSES: list[Row] = [
    ("a pause without ground", {}, ACCEPTED, "start_procedure", {**HEARING, "ground": " "}, 1,
     ORGAN, "bad_body", articles.PROCEDURE),
    ("a ground that nobody can see", {}, ACCEPTED, "start_procedure",
     {**HEARING, "ground": "\u200b"}, 1, ORGAN, "bad_body", articles.PROCEDURE),
    ("a pause that does not say one", {}, ACCEPTED, "start_procedure",
     {"kind": "hearing", "expected_days": 9}, 1, ORGAN, "bad_body", articles.PROCEDURE),
    ("a ninth kind of procedure", {}, ACCEPTED, "start_procedure",
     {**HEARING, "kind": "site_visit"}, 1, ORGAN, "bad_body", articles.PROCEDURE),
    ("one that the matter does not have", {}, ACCEPTED, "start_procedure",
     {**HEARING, "kind": "tender"}, 1, ORGAN, "procedure_not_allowed", articles.PROCEDURE),
    ("one without the time it takes", {}, ACCEPTED, "start_procedure",
     {"kind": "hearing", "ground": "听证"}, 1, ORGAN, "bad_body", articles.PROCEDURE),
    ("the same one twice at once", {}, PAUSED, "start_procedure", HEARING, 2, ORGAN,
     "procedure_open", articles.PROCEDURE),
    ("a wait that the promise does not know", {}, ACCEPTED, "start_wait",
     {"ground": "site_visit", "reason": "核查", "expected_days": 3}, 1, ORGAN,
     "wait_not_allowed", "AY-37"),
    ("a decision while one stands", {},
     [*PAUSED, ("opine", {"task": "review-review", "result": "agree", "text": "同意"}, 2.0)],
     "decide", {"result": "grant"}, 3, ORGAN, "procedure_open", articles.PROCEDURE),
]  # fmt: skip
EXTENSIONS: list[Row] = [
    ("an extension by a lower rank", BY_GOVERNMENT, ACCEPTED, "extend", REASON, 1, ORGAN,
     "rank_too_low", "XKF-42-2x"),
    ("one by nobody of rank", {}, ACCEPTED, "extend", REASON, 1, "dept_reviewer",
     "rank_too_low", "XKF-42-1"),
    ("one at the end of the period", {}, ACCEPTED, "extend", REASON, 20.625, ORGAN,
     "expired", "XKF-42-1"),
    ("one long after it", {}, ACCEPTED, "extend", REASON, 40, ORGAN, "expired", "XKF-42-1"),
    ("a second one", {}, EXTENDED, "extend", REASON, 6, ORGAN, "second_extension", "XKF-42-1"),
    ("one without reasons", {}, ACCEPTED, "extend", {"reason": " "}, 1, ORGAN,
     "bad_body", articles.EXTENSION),
    ("one for reasons that nobody can see", {}, ACCEPTED, "extend", {"reason": "\ufeff"}, 1, ORGAN,
     "bad_body", articles.EXTENSION),
    ("one of a period that has not begun", {}, [], "extend", REASON, 1, ORGAN,
     "wrong_stage", "XKF-42-1"),
    ("one where the law knows none", NEVER_EXTENDED, ACCEPTED, "extend", REASON, 1, ORGAN,
     "extension_not_allowed", articles.EXTENSION),
]  # fmt: skip
BEFORE_THEIR_CAUSE: list[Row] = [
    ("the end of a procedure that never began", {}, ACCEPTED, "end_procedure",
     {"procedure": "hearing-1", "result": "完"}, 1, ORGAN, "no_such_procedure", articles.PROCEDURE),
    ("a second end", {}, [*PAUSED, ("end_procedure", {"procedure": "hearing-1", "result": "完",
                                                      "cancelled": True}, 2.0)], "end_procedure",
     {"procedure": "hearing-1", "result": "完"}, 3, ORGAN, "no_such_procedure", articles.PROCEDURE),
    ("papers that nobody asked for", {}, ACCEPTED, "supply", {"materials": [{"code": "plan"}]}, 1,
     ORGAN, "nothing_lacking", articles.ACCEPT),
    ("a hearing asked for before the right was told", {}, ACCEPTED, "request_hearing", {}, 1,
     ORGAN, "hearing_right_not_told", "XKF-47a"),
    ("an inspection before the receipt", {}, ACCEPTED, "inspect",
     {"task": "review-review", "inspectors": ["甲", "乙"], "place": "现场", "findings": "合格",
      "inspected_at": (MONDAY - DAY).isoformat()}, 1, ORGAN, "before_receipt", articles.INSPECTION),
    ("an inspection that is still to come", {}, ACCEPTED, "inspect",
     {"task": "review-review", "inspectors": ["甲", "乙"], "place": "现场", "findings": "合格",
      "inspected_at": (MONDAY + 2 * DAY).isoformat()}, 1, ORGAN, "in_the_future", "XKF-34-3"),
    ("service before there is a decision", {}, ACCEPTED, "serve",
     {"method": "direct", "recipient": "本人"}, 1, ORGAN, "wrong_stage", articles.DELIVERY),
    ("a finding against a pause that never was", {}, ACCEPTED, "disallow_pause",
     {"pause": "hearing-1", "reason": "无依据"}, 1, ORGAN, "no_such_pause", articles.SUPERVISION),
    ("a finding taken back that never was", {}, PAUSED, "restore_pause",
     {"pause": "hearing-1", "reason": "有依据"}, 2, ORGAN, "not_disallowed", articles.SUPERVISION),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "changed", "before", "verb", "body", "days", "rank", "code", "basis"),
    [*PAUSES, *EXTENSIONS, *BEFORE_THEIR_CAUSE],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_it_is_refused_with_its_article_and_the_case_stays_as_it_was(
    what: str, changed: dict[str, Any], before: list[tuple[str, dict[str, Any], float]],
    verb: str, body: dict[str, Any], days: float, rank: str, code: str, basis: str,
) -> None:  # fmt: skip
    settlement, state = _walked(changed, *before)
    told, clock = state.model_dump_json(), clock_of(state)
    command = order(verb, body, at=MONDAY + days * DAY, role=rank, who="u:other", name="bad")
    with pytest.raises(RuleForbids) as no:
        settlement.walk(state, command)
    assert (no.value.code, no.value.basis) == (code, basis)
    if no.value.code not in ("expired",):  # there time alone has told the case more
        with pytest.raises(RuleForbids):
            approval.decide(state, command, {})
    assert (state.model_dump_json(), clock_of(state)) == (told, clock)


def test_an_extension_in_the_last_minute_of_the_period_is_granted() -> None:
    settlement, state = under_review()
    last = ENDS_AT - timedelta(minutes=1)
    after, events = settlement.walk(state, order("extend", REASON, at=last, role=ORGAN))
    assert after.extended and [e.kind for e in events][-1] == "timers_set"
    due = {timer.key: timer.due_at for timer in after.timers}
    assert due["statutory"] == ENDS_AT + 10 * DAY


def test_an_extension_by_the_government_head_is_granted_where_the_law_asks_for_it() -> None:
    settlement, state = under_review(**BY_GOVERNMENT)
    command = order("extend", REASON, at=MONDAY + DAY, role=GOVERNMENT)
    assert settlement.walk(state, command)[0].extended


def test_a_backfilled_step_before_the_one_that_it_follows_is_refused() -> None:
    _, state = under_review()
    early = order("urge", {"text": "快"}, at=MONDAY - DAY, backfill=True)
    no = approval.impossible(state, early)
    assert no is not None and (no.code, no.basis) == ("time_backwards", articles.SUPERVISION)


# --- a calendar with a missing day ---

SHORT = """
名称: cn
版本: "2027"
来源: 国办
起始: 2027-01-01
截止: 2027-12-31
作息: ["09:00-12:00", "13:00-17:30"]
年份:
  2027:
    放假: [2027-01-01, 2027-02-05, 2027-02-08, 2027-04-05, 2027-06-09, 2027-09-15, 2027-10-01]
"""


SHIPPED = (Path(catalogue.__file__).parent / "calendars/cn.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("day", "article"), [("2027-10-01", "FJB-2"), ("2027-02-08", "FJB-2"), ("2027", "FJB-7")]
)
def test_a_calendar_with_a_missing_day_is_refused_with_the_article(day: str, article: str) -> None:
    faults: list[Fault] = []
    assert read_calendar(SHORT, "cn.yaml", faults) is not None and not faults
    text = (
        SHORT.replace(f", {day}", "") if "-" in day else SHORT.replace("截止: 2027", "截止: 2028")
    )
    assert read_calendar(text, "cn.yaml", faults) is None
    assert article in str(faults[0])


@pytest.mark.parametrize(
    ("days", "day"), [("放假", "2026-02-20"), ("放假", "2026-02-23"), ("上班", "2026-02-14")]
)
def test_a_day_of_a_notice_that_goes_missing_where_its_name_stands_is_refused_with_the_article(
    days: str, day: str
) -> None:
    lines = SHIPPED.splitlines()
    (place,) = (n for n, line in enumerate(lines) if f"    {days}:" in line and day in line)
    lines[place] = lines[place].replace(f"{day}, ", "").replace(f", {day}", "")
    faults: list[Fault] = []
    assert read_calendar("\n".join(lines), "cn.yaml", faults) is None
    assert [(day in one.message, "FJB-7" in one.message) for one in faults[:1]] == [(True, True)]


@pytest.mark.parametrize("day", ["2026-02-20", "2026-05-04", "2026-10-05"])
def test_a_day_missing_in_the_midst_of_a_holiday_is_refused_with_the_article(day: str) -> None:
    faults: list[Fault] = []
    assert read_calendar(SHIPPED.replace(f"{day}, ", ""), "cn.yaml", faults) is None
    assert [day in one.message and "FJB-7" in one.message for one in faults] == [True]


# --- once each through settle, on rows ---

KEPT = {"command"}
"""Where a refusal itself is remembered: the answer, under the command's id."""


def rows(town: Town) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything that the store holds, but for what remembers the refusal."""
    with reading(town.engine) as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table))]
            for table in cases_metadata.sorted_tables
            if table.name not in KEPT
        }


@pytest.fixture
def city(tmp_path: Any) -> Any:
    """A town whose licence may be heard and extended once, by the organ's head."""
    town = town_in(tmp_path)
    licence = food(
        特别程序=("hearing",),
        延长审批={"时限": 10, "单位": "working_day", "批准人": ORGAN, "依据": "XKF-42-1x"},
    )
    town.matters = replace(town.matters, matters=(licence,))
    yield town
    town.engine.dispose()
    town.keys.dispose()


BAD: list[tuple[str, str, dict[str, Any], datetime, str, str]] = [
    ("a pause without ground", "start_procedure", {"kind": "hearing", "ground": "",
                                                   "expected_days": 9},
     START + DAY, "malformed", articles.PROCEDURE),
    ("an extension after the end", "extend", REASON, START + 40 * DAY, "expired", "XKF-42-1x"),
    ("an extension by the wrong rank", "extend", REASON, START + DAY, "rank_too_low", "XKF-42-1x"),
    ("an event before its cause", "end_procedure", {"procedure": "hearing-1", "result": "完"},
     START + DAY, "no_such_procedure", articles.PROCEDURE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "verb", "body", "at", "code", "basis"), BAD, ids=[row[0] for row in BAD]
)
def test_a_refused_order_leaves_the_rows_as_they_were(
    city: Town, what: str, verb: str, body: dict[str, Any], at: datetime, code: str, basis: str
) -> None:
    state, _ = city.settle(city.filed(), city.order("accept", {"mode": "plain"}, by="u:a"))
    before = rows(city)
    outcome = city.outcome(state, city.order(verb, body, by="u:bad", at=at))
    assert (outcome.status, outcome.code, outcome.basis) == ("refused", code, basis)
    assert rows(city) == before


def test_a_second_extension_leaves_the_rows_as_they_were(city: Town) -> None:
    state, _ = city.settle(city.filed(), city.order("accept", {"mode": "plain"}, by="u:a"))
    state, _ = city.settle(state, by_head(city, "first", START + DAY))
    assert state.extended
    before = rows(city)
    outcome = city.outcome(state, by_head(city, "second", START + 2 * DAY))
    refused = ("refused", "second_extension", "XKF-42-1x")
    assert (outcome.status, outcome.code, outcome.basis) == refused
    assert rows(city) == before


def by_head(city: Town, name: str, at: datetime) -> Command:
    """Return an extension whose warrant names the rank."""
    command = city.order("extend", REASON, by="u:head", id=f"c1-extend-{name}", at=at)
    assert command.warrant is not None
    warrant = command.warrant.model_copy(update={"role": ORGAN})
    return command.model_copy(update={"warrant": city.signer.sign(warrant)})
