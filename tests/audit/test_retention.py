"""Purging: exactly what entries say is gone may be gone, and every proof of the rest holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from audit.check import verify_stores
from audit.entry import EntryDraft, What, Who, entry_id, parse_entry
from audit.logstore import LogReader
from audit.origins import Origin
from audit.outbox import record, record_many
from audit.proofs import prove, verify_proof
from audit.purges import PURGED, Purge, parse_ranges, ranges_of, spell_ranges
from audit.reading import reading
from audit.retention import Chosen, announce, carry_out, choose, unfinished
from audit.sequencer import Sequencer
from audit.shards import reading_all, turn
from audit.tables import outbox_metadata
from audit.trust import TrustedLog, TrustPolicy
from tests.audit.conftest import House, make_draft

NOW = datetime(2040, 1, 1, tzinfo=UTC)
WHO = Who("system", "system")


@pytest.fixture
def kept(house: House) -> House:
    return filled(house)


@pytest.fixture(params=["house", "postgres_house"])
def either(request: pytest.FixtureRequest) -> House:
    return filled(request.getfixturevalue(request.param))


def filled(house: House) -> House:
    """A log of 300 entries on two streams that take turns; a third of them may go."""
    outbox_metadata.create_all(house.log)
    for start in range(0, 300, 50):
        for stream in ("case:old", "case:new"):
            numbers = [n for n in range(start, start + 50) if (n % 3 == 0) == (stream[5:] == "old")]
            with house.cases.begin() as connection:
                record_many(connection, [(make_draft(n, stream), ()) for n in numbers])
    settle(house)
    return house


def settle(house: House) -> None:
    working = Sequencer(house.log, {**house.sources, "log": house.log}, house.signer)
    working.drain()
    working.seal()


def old(house: House) -> Chosen:
    (found,) = choose(house.log, lambda entry, _at: entry.stream == "case:old")
    return found


def purge(house: House) -> Purge:
    (made,) = announce(house.log, old(house), WHO, "WAF-23-3", NOW)
    carry_out(house.log, made)
    settle(house)
    return made


def checks(house: House) -> dict[str, int]:
    return dict(house.verify().counts)


def alter(house: House, *statements: str) -> None:
    """Change the store as its owner can: without our triggers."""
    with house.log.begin() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_entry_no_update")
        else:
            connection.exec_driver_sql("ALTER TABLE audit_entry DISABLE TRIGGER USER")
        for statement in statements:
            connection.execute(text(statement))


# --- what it leaves ------------------------------------------------------------------------------


def test_bodies_go_and_the_log_is_whole_and_all_other_proofs_hold(either: House) -> None:
    purge(either)
    report = either.verify()
    assert (report.exit_code, report.purged) == (0, 100), report.as_json()
    with reading(either.log) as connection:
        rows = list(LogReader(connection).entries())
        assert {bool(row.body) for row in rows if row.stream == "case:old"} == {False}
        for row in rows[::50]:
            proof = prove(connection, row.entry_id)
            if row.body:
                verify_proof(proof.text, row.body, either.signer.verifier)


def test_the_entry_says_what_is_gone_by_which_article(kept: House) -> None:
    made = purge(kept)
    with reading(kept.log) as connection:
        entry = LogReader(connection).entry(made.entry_id)
    assert entry is not None
    body = parse_entry(entry.body)
    assert body["act"] == PURGED == "retention.purged"
    assert (body["why"], body["obj"]["id"]) == ("WAF-23-3", made.origin)
    assert parse_ranges(body["obj"]["step"]) == made.ranges
    assert body["occ"] < body["t"]


def test_nothing_is_left_to_choose_afterwards_and_the_logs_own_stream_never_goes(
    kept: House,
) -> None:
    purge(kept)
    assert choose(kept.log, lambda entry, _at: entry.stream in ("case:old", "sys:log")) == []


# --- crashes -------------------------------------------------------------------------------------


def test_cut_short_after_the_entry_it_is_named_and_found_and_carried_out(either: House) -> None:
    (made,) = announce(either.log, old(either), WHO, "WAF-23-3", NOW)
    settle(either)
    assert checks(either) == {"purge": 1}
    (found,) = unfinished(either.log)
    assert (found.entry_id, found.ranges) == (made.entry_id, made.ranges)
    assert carry_out(either.log, found) == 100
    assert checks(either) == {} and unfinished(either.log) == []
    assert carry_out(either.log, found) == 0


def test_announced_twice_it_is_one_entry(kept: House) -> None:
    chosen = old(kept)
    first = announce(kept.log, chosen, WHO, "WAF-23-3", NOW)
    assert announce(kept.log, chosen, WHO, "WAF-23-3", NOW) == first
    carry_out(kept.log, first[0])
    settle(kept)
    assert checks(kept) == {}


# --- attacks -------------------------------------------------------------------------------------


def test_a_body_emptied_without_an_entry_is_found(kept: House) -> None:
    alter(kept, "UPDATE audit_entry SET body = '' WHERE seq = 7")
    assert checks(kept) == {"purge": 1}
    first = kept.verify().first_wrong
    assert first is not None and first.index == 7


def test_one_more_body_than_the_entry_says_is_found(kept: House) -> None:
    made = purge(kept)
    beside = made.ranges[-1][1] + 1
    alter(kept, f"UPDATE audit_entry SET body = '' WHERE seq = {beside}")
    assert set(checks(kept)) == {"purge"}


def test_an_entry_that_covers_more_than_is_gone_is_found(kept: House) -> None:
    made = purge(kept)
    wider = forged(made, spell_ranges([(made.ranges[-1][1] + 1, made.ranges[-1][1] + 3)]))
    with kept.log.begin() as connection:
        record(connection, wider)
    settle(kept)
    assert set(checks(kept)) == {"purge"}


def test_an_entry_that_says_again_what_another_says_is_found(kept: House) -> None:
    made = purge(kept)
    with kept.log.begin() as connection:
        record(connection, forged(made, spell_ranges(made.ranges), made.digest))
    settle(kept)
    assert set(checks(kept)) == {"purge"}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_entry SET entry_id = '11111111-1111-1111-1111-111111111111' WHERE seq = {n}",
        "UPDATE audit_entry SET stream = 'case:elsewhere' WHERE seq = {n}",
    ],
)
def test_what_a_purged_row_still_says_is_bound_by_the_entry(kept: House, change: str) -> None:
    made = purge(kept)
    alter(kept, change.format(n=made.ranges[3][0]))
    assert "purge" in checks(kept)


def test_a_body_put_back_otherwise_is_found(kept: House) -> None:
    made = purge(kept)
    alter(kept, f"UPDATE audit_entry SET body = 'x' WHERE seq = {made.ranges[0][0]}")
    assert {"leaf", "purge"} <= set(checks(kept))


def forged(made: Purge, ranges: str, digest: str = "ab" * 32) -> EntryDraft:
    return EntryDraft(
        id=entry_id("forged", PURGED), stream="sys:log", at=NOW, who=WHO, act=PURGED,
        obj=What("log", made.origin, ranges, digest), why="WAF-23-3",
    )  # fmt: skip


# --- the triggers --------------------------------------------------------------------------------

FIRST = "INSERT INTO audit_purge (first, last, entry_id) VALUES (3, 4, 'x')"
REFUSED: list[Any] = [
    ([], "UPDATE audit_entry SET body = '' WHERE seq = 3"),
    ([FIRST], "UPDATE audit_entry SET body = '' WHERE seq = 5"),
    ([FIRST], "UPDATE audit_entry SET body = 'x' WHERE seq = 3"),
    ([FIRST], "UPDATE audit_entry SET body = '', leaf = '' WHERE seq = 3"),
    ([FIRST], "UPDATE audit_entry SET body = '', stream = 'case:x' WHERE seq = 3"),
    ([FIRST], "UPDATE audit_entry SET body = '', stream_seq = 9999 WHERE seq = 3"),
    ([FIRST], "UPDATE audit_entry SET body = '', seq = 9999 WHERE seq = 3"),
    ([FIRST], "DELETE FROM audit_entry WHERE seq = 3"),
]


def test_the_triggers_let_the_body_of_a_noted_range_go_and_nothing_else(either: House) -> None:
    for before, statement in REFUSED:
        connection = either.log.connect()
        try:
            with pytest.raises(DBAPIError, match="append-only"), connection.begin():
                for one in before:
                    connection.execute(text(one))
                connection.execute(text(statement))
        finally:
            connection.close()
    with either.log.begin() as connection:
        connection.execute(text(FIRST))
        gone = connection.execute(text("UPDATE audit_entry SET body = '' WHERE seq IN (3, 4)"))
        assert gone.rowcount == 2


# --- ranges --------------------------------------------------------------------------------------


def test_ranges_are_spelled_and_read_back() -> None:
    for indexes in ([0], [0, 1, 2], [1, 3, 4, 9], list(range(0, 500, 2))):
        assert parse_ranges(spell_ranges(ranges_of(indexes))) == tuple(ranges_of(indexes))


@pytest.mark.parametrize("bad", ["", "3-1", "1,1", "5,3", "1-4,4-6", "-1", "a", "1-", "1.0"])
def test_ranges_that_do_not_ascend_are_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        parse_ranges(bad)


# --- closed shards -------------------------------------------------------------------------------


def test_a_closed_shard_is_purged_in_its_archive_and_its_entry_stands_in_the_open_one(
    either: House,
) -> None:
    sources = {**either.sources, "log": either.log}
    old = either.signer.verifier
    working = Sequencer(either.log, sources, either.signer)
    turn(either.log, working, Origin.parse("city.example/audit/2027H1"), lambda: NOW)
    made = purge(either)
    assert made.origin == "city.example/audit/2026H2"
    logs = (TrustedLog(old), TrustedLog(either.signer.verifier))
    report = verify_stores(either.log, TrustPolicy(logs), producers=sources)
    assert (report.exit_code, report.purged) == (0, 100), report.as_json()
    with reading_all(either.log) as (archive, opened):
        assert not any(e.body for e in LogReader(archive).stream("case:old"))
        assert LogReader(opened).entry(made.entry_id) is not None
    assert unfinished(either.log) == []
