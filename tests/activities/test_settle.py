"""One step settles once, whole or not at all, and says no for good."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import event, func, select, text

from activities.sealing import merged_form
from activities.settle import HistoryDiffers
from audit.tables import audit_outbox, audit_payload
from cases import numbers, tables
from cases.database import StoreUnwritable, reading
from cases.messages import Outcome, Supply
from cases.settling import Batch
from cases.state import CaseState
from cases.store import CaseMoved
from tests.activities.conftest import START, Town


def accepted(town: Town, case: str = "c1") -> CaseState:
    state = town.filed(case)
    return town.settle(state, town.order("accept", {"mode": "plain"}, case=case, by="u:a"))[0]


def decidable(town: Town, case: str = "c1") -> CaseState:
    opinion = {"task": "review-check", "result": "agree", "text": "同意"}
    state = accepted(town, case)
    return town.settle(state, town.order("opine", opinion, case=case, by="u:r"))[0]


def count(town: Town, table: object) -> int:
    with reading(town.engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type] # any table


def entries(town: Town) -> list[dict[str, object]]:
    with reading(town.engine) as connection:
        bodies = connection.execute(select(audit_outbox.c.body).order_by(audit_outbox.c.pos))
        return [orjson.loads(bytes(body)) for body in bodies.scalars()]


# --- once ----------------------------------------------------------------------------------------


def test_the_same_command_again_gets_the_same_answer_and_writes_nothing(town: Town) -> None:
    state = town.filed()
    accept = town.order("accept", {"mode": "plain"}, by="u:a")
    first = town.settlement.settle(Batch(state=state, commands=(accept,)))
    before = (count(town, tables.step), count(town, audit_outbox), count(town, tables.outbox))
    again = town.settlement.settle(Batch(state=state, commands=(accept,)))
    assert again.steps[0].outcome == first.steps[0].outcome.model_copy(update={"repeated": True})
    assert again.steps[0].events == first.steps[0].events
    assert before == (
        count(town, tables.step),
        count(town, audit_outbox),
        count(town, tables.outbox),
    )


def test_a_filing_settled_before_gives_the_same_state(town: Town) -> None:
    first = town.settlement.settle(Batch(state=None, commands=(town.file(),)))
    again = town.settlement.settle(Batch(state=None, commands=(town.file(),)))
    assert again.state == first.state
    assert first.state is not None and first.state.case_no == "SCJG2026030200001"


def test_a_command_that_history_has_applied_gives_no_events_again(town: Town) -> None:
    state = accepted(town)
    accept = town.order("accept", {"mode": "plain"}, by="u:a")
    step = town.settlement.settle(Batch(state=state, commands=(accept,))).steps[0]
    assert (step.outcome.status, step.outcome.repeated, step.events) == ("done", True, ())


def test_another_order_under_a_used_id_is_refused_and_logged(town: Town) -> None:
    state = accepted(town)
    other = town.order("urge", {"text": "快"}, by="u:a", id="c1-accept-a")
    for _ in range(2):
        outcome = town.outcome(state, other)
        assert (outcome.status, outcome.code) == ("refused", "id_reused")
    assert [entry["why"] for entry in entries(town) if entry["res"] == "deny"] == ["id_reused"]
    first = town.outcome(state, town.order("accept", {"mode": "plain"}, by="u:a"))
    assert first.status == "done"


def test_a_refusal_is_kept_and_is_the_same_for_ever(town: Town) -> None:
    state = town.filed()
    early = town.order("decide", {"result": "grant"}, by="u:d")
    first = town.outcome(state, early)
    later = town.outcome(decidable(town), early)
    assert first.status == "refused"
    assert later == first.model_copy(update={"repeated": True})


def test_a_batch_settles_in_order_in_one_transaction(town: Town) -> None:
    opinion = {"task": "review-check", "result": "agree", "text": "同意"}
    state, settled = town.settle(
        None,
        town.file(),
        town.order("accept", {"mode": "plain"}, by="u:a"),
        town.order("opine", opinion, by="u:r"),
    )
    assert [step.outcome.seq for step in settled.steps] == [1, 2, 3]
    assert state.stage == "decision"
    assert [entry["s"]["seq"] for entry in entries(town)] == [1, 2, 3]  # type: ignore[index] # JSON


def test_rows_ahead_of_another_history_are_an_alarm(town: Town) -> None:
    first = town.filed()
    town.settle(first, town.order("accept", {"mode": "plain"}, by="u:a"))
    with pytest.raises(CaseMoved):
        town.settle(first, town.order("accept", {"mode": "plain"}, by="u:other"))


def test_history_behind_by_more_than_one_step_is_an_alarm(town: Town) -> None:
    first = town.filed()
    decidable(town)
    opinion = {"task": "review-check", "result": "agree", "text": "同意"}
    with pytest.raises(HistoryDiffers):
        town.outcome(first, town.order("opine", opinion, by="u:r"))


# --- two at once ---------------------------------------------------------------------------------


def test_two_attempts_of_one_command_at_once_settle_it_once(town: Town) -> None:
    state = town.filed()
    accept = town.order("accept", {"mode": "plain"}, by="u:a")
    found: list[Outcome] = []

    def attempt() -> None:
        found.append(town.outcome(state, accept))

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {outcome.model_copy(update={"repeated": False}) for outcome in found} == {
        found[0].model_copy(update={"repeated": False})
    }
    assert len(found) == 6
    assert count(town, tables.step) == 2
    with reading(town.engine) as connection:
        assert numbers.gaps(connection) == []


# --- no ------------------------------------------------------------------------------------------


def test_the_rows_themselves_refuse_who_accepted_as_decider(town: Town) -> None:
    """A state that has lost who accepted, as a race would leave it, still cannot decide."""
    state = decidable(town)
    blind = state.model_copy(
        update={"hands": {act: who for act, who in state.hands.items() if act != "accept"}}
    )
    outcome = town.outcome(blind, town.order("decide", {"result": "grant"}, by="u:a"))
    assert (outcome.status, outcome.code) == ("refused", "same_person")
    with reading(town.engine) as connection:
        states = connection.execute(
            select(tables.document_number.c.state).where(tables.document_number.c.kind == "grant")
        ).scalars()
        assert list(states) == ["void"]
    assert [entry["act"] for entry in entries(town)][-2:] == ["decide", "void_number"]


def test_a_command_without_warrant_is_refused_and_logged(town: Town) -> None:
    state = town.filed()
    bare = town.order("accept", {"mode": "plain"}, by="u:a").model_copy(update={"warrant": None})
    assert town.outcome(state, bare).code == "no_warrant"
    assert entries(town)[-1]["res"] == "deny"


def test_an_altered_warrant_is_refused(town: Town) -> None:
    accept = town.order("accept", {"mode": "plain"}, by="u:a")
    assert accept.warrant is not None
    grander = accept.warrant.model_copy(update={"role": "head"})
    outcome = town.outcome(town.filed(), accept.model_copy(update={"warrant": grander}))
    assert outcome.status == "refused"


def test_a_warrant_for_another_order_is_refused(town: Town) -> None:
    accept = town.order("accept", {"mode": "plain"}, by="u:a")
    other = town.order("urge", {"text": "x"}, by="u:a")
    outcome = town.outcome(town.filed(), accept.model_copy(update={"warrant": other.warrant}))
    assert outcome.code == "wrong_warrant"


def test_an_unknown_matter_is_refused_before_a_number_is_taken(town: Town) -> None:
    body = {"matter": "nothing", "version": "2026.1", "applicant": {"name": "x"}}
    outcome = town.outcome(None, town.order("file", body))
    assert outcome.code == "unknown_matter"
    assert count(town, tables.document_number) == 0


# --- what is left behind -------------------------------------------------------------------------


def test_no_plain_personal_data_stands_in_the_files(town: Town) -> None:
    decidable(town)
    database = Path(town.engine.url.database or "")
    stored = b"".join(file.read_bytes() for file in database.parent.glob("cases.sqlite*"))
    assert b"case_file" in stored
    for plain in ("张三丰", "110101199001011237", "武当山", "同意"):
        assert plain.encode() not in stored


def test_the_entry_names_the_document_of_the_step(town: Town) -> None:
    state = town.filed()
    _, settled = town.settle(state, town.order("accept", {"mode": "plain"}, by="u:a"))
    (document,) = settled.steps[0].outcome.documents
    assert entries(town)[-1]["obj"]["doc"] == document.digest  # type: ignore[index] # JSON
    assert count(town, audit_payload) == 2


def test_events_of_a_step_leave_without_personal_data_and_once(town: Town) -> None:
    accepted(town)
    with reading(town.engine) as connection:
        rows = connection.execute(select(tables.outbox.c.subject, tables.outbox.c.event)).all()
    assert [row.subject for row in rows] == [
        "evt.demo.scjg.case.filed",
        "evt.demo.scjg.case.accepted",
    ]
    event = orjson.loads(rows[0].event)
    assert event["type"] == "cn.demo.case.filed.v1"
    assert event["subject"] == "SCJG2026030200001"


def test_numbers_of_a_kind_run_without_gap_over_cases(town: Town) -> None:
    for case in ("c1", "c2", "c3"):
        accepted(town, case)
    assert town.press.rendered == [f"云市监许受〔2026〕{n}号" for n in (1, 2, 3)]


def test_a_number_left_unused_is_taken_up_by_the_retry(town: Town) -> None:
    state = town.filed()
    accept = town.order("accept", {"mode": "plain"}, by="u:a")
    series = numbers.document_series("scjg", "云市监", "acceptance_notice", START.date())
    (number,) = numbers.reserve(town.engine, accept.id, accept.case_id, [series], START)
    assert town.outcome(state, accept).documents[0].number == number.text


def test_a_number_that_nobody_uses_is_voided_with_an_entry(town: Town) -> None:
    series = numbers.document_series("scjg", "云市监", "grant", START.date())
    (number,) = numbers.reserve(town.engine, "lost", "case-x", [series], START)
    assert town.settlement.sweep_unused_numbers(START) == []
    assert town.settlement.sweep_unused_numbers(START + timedelta(seconds=1)) == [number.text]
    assert entries(town)[-1]["act"] == "void_number"
    assert town.settlement.sweep_unused_numbers(START + timedelta(seconds=9)) == []


def test_backfill_passes_the_instants_between_and_issues_nothing(town: Town) -> None:
    past = START - timedelta(days=700)
    state = town.filed(at=past, backfill=True)
    (notice,) = state.timers
    assert notice.due_at < START
    accept = town.order(
        "accept", {"mode": "plain"}, by="u:a", at=notice.due_at - timedelta(days=1), backfill=True
    )
    state, settled = town.settle(state, accept)
    opinion = {"task": "review-check", "result": "agree", "text": "同意"}
    late = accept.occurred_at + timedelta(days=40)
    order = town.order("opine", opinion, by="u:r", at=late, backfill=True)
    state, settled = town.settle(state, order)
    passed = [e for e in settled.steps[0].events if e.kind == "timer_passed"]
    assert {str(e.data["timer"]) for e in passed} >= {"promised", "statutory"}
    instants = [event.at for event in settled.steps[0].events]
    assert instants == sorted(instants)
    assert (state.backfilled, town.press.rendered) == (True, [])


def test_a_full_disk_says_so_and_leaves_the_case_as_it_was(town: Town) -> None:
    state = town.filed()
    with town.engine.begin() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    town.engine.dispose()

    @event.listens_for(town.engine, "connect")
    def limit(connection: object, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined] # sqlite3

    long = town.order("urge", {"text": "急" * 1000}, by="u:w")
    with pytest.raises(StoreUnwritable, match="磁盘已满"):
        for n in range(60):
            more = town.order("urge", {"text": "急" * 1000}, by="u:w", id=f"urge-{n}")
            state, _ = town.settle(state, more)
    event.remove(town.engine, "connect", limit)
    town.engine.dispose()
    assert town.outcome(state, long).status == "done"


def test_a_correction_in_a_group_leaves_the_rest_of_the_group_as_it_was() -> None:
    form = {"area": 5, "owner": {"name": "王某", "phone": "138"}}
    after = merged_form(form, Supply.model_validate({"form": {"owner": {"phone": "139"}}}))
    assert after == {"area": 5, "owner": {"name": "王某", "phone": "139"}}
