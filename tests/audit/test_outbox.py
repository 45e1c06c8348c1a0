from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, func, select

from audit.entry import (
    CLOCK_SLACK_SECONDS,
    EntryDraft,
    EntryInvalid,
    WorkflowRef,
    entry_id,
    parse_entry,
)
from audit.merkle import leaf_hash
from audit.outbox import (
    ClockWentBack,
    EntryConflict,
    Recorded,
    record,
    record_many,
    recorded,
)
from audit.payloads import Payload, PayloadAltered, open_payload, seal_payloads
from audit.tables import audit_outbox, audit_payload, audit_stream
from audit.vault import KeyDestroyed, SealBroken, SubjectVault

Draft = Callable[..., EntryDraft]


def _commit(engine: Engine, entry: EntryDraft) -> Recorded:
    with engine.begin() as connection:
        return record(connection, entry)


def test_entries_of_a_stream_are_numbered_from_one_and_linked(
    cases_store: Engine, draft: Draft
) -> None:
    first, second = (_commit(cases_store, draft(n)) for n in (0, 1))
    with cases_store.connect() as connection:
        bodies = connection.scalars(select(audit_outbox.c.body).order_by(audit_outbox.c.pos)).all()
    places = [parse_entry(body)["s"] for body in bodies]
    assert [place["seq"] for place in places] == [1, 2] == [first.seq, second.seq]
    assert [place["prev"] for place in places] == ["00" * 32, first.leaf.hex()]
    assert [leaf_hash(body) for body in bodies] == [first.leaf, second.leaf]


def test_streams_do_not_share_numbers(cases_store: Engine, draft: Draft) -> None:
    assert _commit(cases_store, draft(0, "case:A")).seq == 1
    assert _commit(cases_store, draft(1, "sys:auth:07")).seq == 1


def test_a_rolled_back_entry_leaves_no_gap(cases_store: Engine, draft: Draft) -> None:
    with cases_store.connect() as connection:
        transaction = connection.begin()
        record(connection, draft(0))
        transaction.rollback()
    assert _commit(cases_store, draft(1)).seq == 1


def test_a_retry_finds_the_first_place_even_after_the_drain(
    cases_store: Engine, draft: Draft
) -> None:
    first = _commit(cases_store, draft(0))
    with cases_store.begin() as connection:
        connection.execute(delete(audit_outbox))
    _commit(cases_store, draft(1))
    later = draft(
        0, at=draft(0).at + timedelta(hours=1), wf=WorkflowRef("default", "case-1", att=2)
    )
    again = _commit(cases_store, later)
    assert again == replace(first, fresh=False)
    with cases_store.connect() as connection:
        assert recorded(connection, first.id) == again
        assert connection.scalar(select(func.count()).select_from(audit_outbox)) == 1


def test_the_same_id_with_another_content_is_an_alarm(cases_store: Engine, draft: Draft) -> None:
    _commit(cases_store, draft(0))
    for changed in (draft(0, act="case.refuse"), draft(0, stream="case:C-2")):
        with pytest.raises(EntryConflict):
            _commit(cases_store, changed)


def test_many_entries_take_one_round_and_the_same_places(cases_store: Engine, draft: Draft) -> None:
    one_by_one = [_commit(cases_store, draft(n)) for n in range(3)]
    with cases_store.begin() as connection:
        again = record_many(connection, [(draft(n), ()) for n in range(5)])
    assert [r.fresh for r in again] == [False, False, False, True, True]
    assert [r.seq for r in again] == [1, 2, 3, 4, 5]
    assert [r.leaf for r in again[:3]] == [r.leaf for r in one_by_one]


def test_recording_twice_in_one_call_takes_one_place(cases_store: Engine, draft: Draft) -> None:
    with cases_store.begin() as connection:
        first, second = record_many(connection, [(draft(0), ()), (draft(0), ())])
    assert (first.fresh, second.fresh, second.seq) == (True, False, 1)


def test_outside_a_transaction_nothing_is_recorded(cases_store: Engine, draft: Draft) -> None:
    with cases_store.connect() as connection, pytest.raises(RuntimeError, match="transaction"):
        record(connection, draft(0))


def test_a_clock_may_lag_a_minute_behind_its_stream_and_no_more(
    cases_store: Engine, draft: Draft
) -> None:
    _commit(cases_store, draft(0))
    slack = timedelta(seconds=CLOCK_SLACK_SECONDS)
    _commit(cases_store, draft(1, at=draft(0).at - slack))
    with pytest.raises(ClockWentBack):
        _commit(cases_store, draft(2, at=draft(0).at - slack - timedelta(microseconds=1)))


@pytest.mark.parametrize(
    "changes",
    [
        {"stream": "no kind"},
        {"id": "not-an-id"},
        {"before": "abc"},
        {"at": datetime(2026, 11, 22)},  # noqa: DTZ001 # naive on purpose
    ],
)
def test_an_ill_formed_draft_is_refused(
    cases_store: Engine, draft: Draft, changes: dict[str, object]
) -> None:
    with pytest.raises(EntryInvalid):
        _commit(cases_store, draft(0, **changes))


def test_an_entry_id_depends_on_command_and_step_alone() -> None:
    assert entry_id("外部-17", "accept") == entry_id("外部-17", "accept")
    assert entry_id("外部-17", "accept") != entry_id("外部-17", "decide")
    uuid = "6fa459ea-ee8a-3ca4-894e-db77e160355e"
    assert entry_id(uuid, "accept") == entry_id(uuid.upper(), "accept")


def test_a_sealed_payload_opens_to_what_was_committed(
    cases_store: Engine, draft: Draft, vault: SubjectVault
) -> None:
    entry = draft(0)
    offered = [Payload("form", "citizen:1", "张三，110101199003070011".encode())]
    with cases_store.begin() as connection:
        record(connection, entry, seal_payloads(vault, entry.id, offered))
    # A retry seals anew; the commitment is the same, so the entry is.
    with cases_store.begin() as connection:
        assert not record(connection, entry, seal_payloads(vault, entry.id, offered)).fresh
        row = connection.execute(select(audit_payload)).one()
        body = parse_entry(connection.scalars(select(audit_outbox.c.body)).one())
    committed = bytes.fromhex(body["pay"][0]["c"])
    assert "张三".encode() not in row.sealed
    opened = open_payload(vault, entry.id, "form", row.subject, row.sealed, committed)
    assert opened == offered[0].content
    with pytest.raises(PayloadAltered):
        open_payload(vault, entry.id, "form", row.subject, row.sealed, bytes(32))
    with pytest.raises(SealBroken):
        open_payload(vault, entry.id, "other", row.subject, row.sealed, committed)
    vault.destroy("citizen:1")
    with pytest.raises(KeyDestroyed):
        open_payload(vault, entry.id, "form", row.subject, row.sealed, committed)


def test_the_stream_row_holds_the_last_leaf(cases_store: Engine, draft: Draft) -> None:
    places = [_commit(cases_store, draft(n)) for n in range(3)]
    with cases_store.connect() as connection:
        row = connection.execute(select(audit_stream)).one()
    assert (row.stream, row.seq, row.head) == ("case:C-1", 3, places[-1].leaf)
