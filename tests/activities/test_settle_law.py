"""What the law itself makes of silence and of findings, through rows, documents and entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import select

from activities.settle import Settlement
from audit.tables import audit_outbox
from cases import tables
from cases.database import reading
from cases.rulings import Fired, Ruling
from cases.state import CaseState
from tests.activities.conftest import FORGERIES, START, Town, food, small_city

LAST_DAY = "2026-04-01"
RENEWAL = {
    "延续": {
        "有效期字段": "until",
        "申请提前": {"时限": 30, "单位": "day", "依据": "xkf-50"},
        "依据": "xkf-50",
    },
    "表单": {
        "type": "object",
        "required": ["until"],
        "properties": {"until": {"type": "string", "format": "date", "title": "有效期"}},
    },
    "结果名称": "许可证",
}


def with_matter(town: Town, **changes: Any) -> Town:
    town.matters = replace(small_city(), matters=(food(**changes),))
    return town


def rows(town: Town, table: Any, *columns: str) -> list[tuple[Any, ...]]:
    with reading(town.engine) as connection:
        found = connection.execute(select(*(table.c[name] for name in columns)))
        return [tuple(row) for row in found]


def renewing(town: Town, until: str = LAST_DAY) -> CaseState:
    with_matter(town, **RENEWAL)
    filing = town.file()
    body = filing.body | {"form": {"until": until}}
    state, _ = town.settle(None, town.order("file", body))
    accept = town.order("accept", {"mode": "plain"}, by="u:a", at=START + timedelta(days=1))
    return town.settle(state, accept)[0]


def test_silence_to_the_licences_last_day_is_a_decision_with_document_and_entry(
    town: Town,
) -> None:
    state = renewing(town)
    late = town.order("certify", {"certificate": "许可证"}, by="u:z", at=START + timedelta(days=31))
    state, settled = town.settle(state, late)
    outcome = settled.steps[0].outcome
    assert [one.kind for one in outcome.documents] == ["deemed_renewal"]
    assert outcome.documents[0].number == "云市监许视延〔2026〕1号"
    assert (state.decision, state.deemed_renewed, state.stage) == ("grant", True, "service")
    kinds = [row[0] for row in rows(town, tables.clock_event, "kind")]
    assert kinds.index("deemed_renewed") < kinds.index("decided")
    ((stage, decided_by),) = rows(town, tables.case, "stage", "decided_by")
    assert (stage, decided_by) == ("service", "")  # nobody decided: the law did
    (entry,) = [
        body
        for (raw,) in rows(town, audit_outbox, "body")
        if (body := orjson.loads(bytes(raw)))["act"] == "certify"
    ]
    assert entry["res"] == "ok"


def test_a_late_renewal_is_filed_and_marked_and_not_renewed_by_silence(town: Town) -> None:
    state = renewing(town, "2026-03-31")
    assert state.requested_late
    late = town.order("urge", {"text": "?"}, by="u:z", at=START + timedelta(days=31))
    state, _ = town.settle(state, late)
    assert (state.decision, state.stage) == ("", "review")
    ((detail,),) = [
        row for row in rows(town, tables.clock_event, "detail") if "requested_late" in row[0]
    ]
    assert orjson.loads(detail)["requested_late"] is True


def test_a_disallowed_pause_moves_the_rows_of_the_clocks_back(town: Town) -> None:
    with_matter(town, 承诺时限停表=("site_visit",))
    state = town.filed()
    steps: tuple[tuple[str, dict[str, Any], int], ...] = (
        ("accept", {"mode": "plain"}, 1),
        ("start_wait", {"ground": "site_visit", "reason": "核查", "expected_days": 3}, 2),
        ("end_wait", {"wait": "site_visit-1", "result": "属实"}, 5),
    )
    due = {}
    for verb, body, days in steps:
        command = town.order(verb, body, by="u:a", at=START + timedelta(days=days))
        state, settled = town.settle(state, command)
        due[verb] = {timer.key: timer.due_at for timer in state.timers}
        if verb == "start_wait":
            assert [one.kind for one in settled.steps[0].outcome.documents] == ["wait_notice"]
    assert "promised" not in due["start_wait"]
    assert due["end_wait"]["promised"] > due["accept"]["promised"]
    finding = {"pause": "site_visit-1", "reason": "没有去现场"}
    judged = town.order("disallow_pause", finding, by="u:s", at=START + timedelta(days=6))
    state, settled = town.settle(state, judged)
    assert {timer.key: timer.due_at for timer in state.timers} == due["accept"]
    again = town.order(
        "disallow_pause", finding, by="u:s", id="again", at=START + timedelta(days=7)
    )
    refused = town.outcome(state, again)
    assert (refused.status, refused.code, refused.basis) == (
        "refused", "already_disallowed", "XKF-60",
    )  # fmt: skip


class Routing:
    """One pack that sends every case to one department, and remembers when it was asked."""

    def __init__(self) -> None:
        self.asked: list[datetime] = []

    def digest(self, pack: str) -> str:
        return f"digest-of-{pack}"

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        self.asked.append(at)
        outcome = {"departments": ["scjg"]} if "routing" in digest else {"decide_now": False}
        fired = Fired(rule="R-1", title="分发", basis="xkf-42")
        return Ruling(
            pack=digest.removeprefix("digest-of-"), version="1", digest=digest, engine="plain",
            context={}, fired=(fired,), outcome=outcome,
        )  # fmt: skip


def test_a_case_accepted_by_silence_between_two_recorded_steps_goes_to_its_departments(
    town: Town,
) -> None:
    with_matter(
        town,
        规则={"routing": "routing", "on_the_spot": "on_the_spot"},
        办理环节=({"环节编码": "check", "环节名称": "审查", "办理部门": "scjg", "必经": False},),
    )
    rules = Routing()
    town.planner = replace(town.planner, rules=rules)
    town.settlement = Settlement(town.engine, town.planner, FORGERIES)
    state = town.filed(backfill=True)
    opinion = {"task": "review-check", "result": "agree", "text": "同意"}
    told = town.order("opine", opinion, by="u:r", at=START + timedelta(days=12), backfill=True)
    state, settled = town.settle(state, told)
    assert settled.steps[0].outcome.status == "done"
    assert (state.accept_mode, state.accepted_at, state.stage) == ("deemed", START, "decision")
    notice = next(event for event in settled.steps[0].events if event.data.get("timer") == "notice")
    assert set(rules.asked) == {notice.at}  # asked as the law stood when the five days were over
    assert {row[0] for row in rows(town, tables.ruling, "role")} == {"routing", "on_the_spot"}
