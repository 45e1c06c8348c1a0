"""The half-year's turn: one shard is closed, the next opened, and the log goes on as one."""

import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import delete, text, update
from temporalio.client import Client

from activities.alarming import Alarms
from audit.entry import EntryDraft, What, Who, entry_id, parse_entry
from audit.logstore import LogMoved, LogReader
from audit.merkle import leaf_hash
from audit.notes import Checkpoint, NoteKey
from audit.origins import Half, Origin
from audit.outbox import record
from audit.proofs import prove, verify_proof
from audit.report import CLEAN, TAMPERED, UNREADABLE
from audit.sequencer import LogBehindSigner, Sequencer
from audit.shards import TurnRefused, all_entries, closed_shards, holding, log_engines
from audit.signer import Signer, SignerRefused, init_signer
from audit.sm3 import SM3
from audit.tables import audit_shard
from cases.database import open_engine, reading
from cases.reconciled import Watermark
from tests.house.test_migrations import differences
from tests.yichuang.log_town import BASE, LogTown
from yichuang.log_index import LogIndex
from yichuang.reconciling import Reconciler
from yichuang.settings import CHECKOUT
from yichuang.sharding import Turning, due, first_origin, publish, turn
from yichuang.stores import migrate
from yichuang.trusting import city_policy
from yichuang.web_log import Finder

SUMMER = f"{BASE}/2026H1"
AUTUMN = f"{BASE}/2026H2"
TURNED = datetime(2026, 6, 30, 16, 0, tzinfo=UTC)
"""Midnight of 1 July in Beijing."""
NO_WAIT = timedelta()


class Crash(Exception):
    pass


@pytest.fixture
def town(tmp_path: Path) -> Iterator[LogTown]:
    """A log of the first half of 2026 with three entries."""
    made = LogTown(tmp_path, origin=SUMMER)
    made.clock = TURNED - timedelta(hours=1)
    for name in ("one", "two", "three"):
        made.grow(name)
    yield made
    made.signer.close()
    made.log.dispose()


def turned(town: LogTown, at: datetime = TURNED, crash_at: str = "") -> None:
    def observe(step: str) -> None:
        if step == crash_at:
            raise Crash

    opening = due(town.settings, town.log, at)
    assert opening is not None
    town.clock = at
    turn(
        town.settings,
        town.log,
        town.sequencer,
        opening,
        lambda: at,
        within=NO_WAIT,
        observe=observe,
    )
    publish(town.settings, [town.signer])


def origins(town: LogTown) -> list[tuple[str, int]]:
    with reading(town.log) as connection:
        state = LogReader(connection).state()
        closed = [(one.origin, one.size) for one in closed_shards(connection)]
    return [*closed, (state.origin, state.size)]


def test_a_half_year_turns_at_midnight_of_the_citys_legal_time(town: LogTown) -> None:
    assert due(town.settings, town.log, TURNED - timedelta(microseconds=1)) is None
    assert due(town.settings, town.log, TURNED) == Origin(BASE, Half(2026, 2))
    new_year = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    before = new_year - timedelta(microseconds=1)
    assert due(town.settings, town.log, before) == Origin(BASE, Half(2026, 2))
    assert due(town.settings, town.log, new_year) == Origin(BASE, Half(2027, 1))
    assert first_origin(town.settings, before) == AUTUMN
    assert first_origin(town.settings, new_year) == f"{BASE}/2027H1"


def test_the_next_shard_begins_with_the_last_head_of_the_one_before(town: LogTown) -> None:
    turned(town)
    assert origins(town) == [(SUMMER, 4), (AUTUMN, 1)]  # the fourth says that it is closed
    (opened,) = town.bodies()
    with reading(town.log) as connection:
        (closed,) = closed_shards(connection)
    assert opened["act"] == "audit.shard.opened"
    assert opened["obj"] == {"type": "shard", "id": AUTUMN, "step": f"4 {SUMMER}"}
    assert (opened["before"], opened["why"]) == (closed.root.hex(), "unwitnessed,untokened")
    assert opened["s"]["seq"] == 5  # the stream goes on
    assert town.signer.last().origin == AUTUMN
    last = [entry.body for entry in all_entries(town.log)][3]
    assert parse_entry(last)["act"] == "audit.shard.closed"


def test_the_shards_are_verified_as_one_log(town: LogTown) -> None:
    turned(town)
    town.grow("four")
    report = town.verify()
    assert report.exit_code == CLEAN, report.as_json()
    assert (report.shards, report.entries, report.sealed, report.streams) == (2, 6, 6, 1)
    turned(town, datetime(2027, 3, 1, tzinfo=UTC))
    town.grow("five")
    report = town.verify()
    assert report.exit_code == CLEAN, report.as_json()
    assert (report.shards, report.entries) == (3, 9)


def test_entries_of_a_closed_shard_are_found_proved_and_indexed(town: LogTown) -> None:
    old = next(iter(all_entries(town.log)))
    head = town.signer.verifier
    turned(town)
    with holding(town.log, old.entry_id) as connection:
        proof = prove(connection, old.entry_id)
    place, signed = verify_proof(proof.text, old.body, head)
    assert (place, signed.origin, signed.size) == (0, SUMMER, 4)
    ids = [entry.entry_id for entry in all_entries(town.log)]
    found = LogIndex(town.log, town.log).leaves(ids)
    assert [found[one] for one in ids] == [0, 1, 2, 3, 0]
    assert [engine is town.log for engine in log_engines(town.log)] == [False, True]


def test_the_store_after_a_turn_is_what_the_models_say(town: LogTown) -> None:
    turned(town)
    assert differences(town.log, "log") == []
    with pytest.raises(Exception, match="append-only"), town.log.begin() as connection:
        connection.execute(text("DELETE FROM audit_entry"))
    archive = sqlite3.connect(town.settings.data / "log-2026H1.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        archive.execute("DELETE FROM audit_entry")
    tables = archive.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert not {"audit_outbox", "audit_stream", "audit_recorded"} & {name for (name,) in tables}
    archive.close()


STEPS = (
    "recorded", "sealed", "marked", "copied", "archived", "opened", "turned", "founded",
)  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_turn_cut_short_anywhere_is_finished_by_the_next(town: LogTown, step: str) -> None:
    with pytest.raises(Crash):
        turned(town, crash_at=step)
    town.restart_signer()
    town.grow("meanwhile")
    if step in ("turned", "founded"):
        assert due(town.settings, town.log, TURNED) is None
        publish(town.settings, [town.signer])
    else:
        turned(town)
    town.grow("after")
    acts = [entry.body.count(b"audit.shard.") for entry in all_entries(town.log)]
    assert sum(acts) == 2
    report = town.verify()
    assert report.exit_code == CLEAN, report.as_json()
    assert [name for name, _ in origins(town)] == [SUMMER, AUTUMN]


VICTIM = """
    import os, signal, sys
    from datetime import datetime
    from pathlib import Path
    from audit.origins import Origin
    from audit.sequencer import Sequencer
    from audit.signer import Signer
    from cases.database import open_engine
    from yichuang.settings import Settings
    from yichuang.sharding import turn

    folder, base, opening, at, step = sys.argv[1:]
    settings = Settings(_env_file=None, data=Path(folder), log_origin=base)
    log = open_engine(settings.store_url("log"))
    signer = Signer(settings.data / "log.key", settings.data / "signed.json")

    def observe(reached):
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    now = datetime.fromisoformat(at)
    turn(settings, log, Sequencer(log, {"log": log}, signer), Origin.parse(opening),
         lambda: now, observe=observe)
"""


@pytest.mark.long
def test_a_killed_turn_is_finished_by_the_next(town: LogTown) -> None:
    for step in STEPS:
        town.signer.close()
        assert town.clock is not None
        at = max(town.clock, TURNED)
        opening = due(town.settings, town.log, at)
        assert opening is not None
        words = [str(town.settings.data), BASE, str(opening), at.isoformat(), step]
        victim = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(VICTIM), *words], cwd=CHECKOUT, check=False
        )
        assert victim.returncode == -signal.SIGKILL, step
        town.restart_signer()
        town.clock = at
        if due(town.settings, town.log, at) is not None:
            turned(town, at)
        town.grow(f"after {step}")  # sealing tells the signer
        publish(town.settings, [town.signer])
        town.clock = at + timedelta(days=184)  # the next half-year, for the next kill
    report = town.verify()
    assert report.exit_code == CLEAN, report.as_json()
    assert report.shards == len(STEPS) + 1


def test_a_late_row_of_an_outbox_goes_into_the_open_shard(town: LogTown) -> None:
    cases = open_engine(town.settings.store_url("cases"))
    migrate(cases, "cases")
    turned(town)
    late = EntryDraft(
        id=entry_id("late", "decide"),
        stream="case:1",
        at=TURNED - timedelta(minutes=5),
        who=Who("u:x", "human"),
        act="decide",
        obj=What("case", "1"),
    )
    with cases.begin() as connection:
        record(connection, late)
    town.sources = {"log": town.log, "cases": cases}
    town.sequencer = Sequencer(town.log, town.sources, town.signer)
    assert town.seal() == 2
    report = town.verify()
    assert report.exit_code == CLEAN, report.as_json()
    cases.dispose()


def test_what_was_committed_before_a_turn_is_not_appended_again_after_it(town: LogTown) -> None:
    """Another sequencer has taken the rows, and is slow."""

    class Slow(Sequencer):
        def _append(self, name: str, origin: str, rows: object) -> int | None:
            if origin == SUMMER:
                town.sequencer.drain()
                turned(town)
            return super()._append(name, origin, rows)  # type: ignore[arg-type]  # as given

    town.record("x")
    Slow(town.log, town.sources, town.signer).drain()
    ids = [entry.entry_id for entry in all_entries(town.log)]
    assert len(ids) == len(set(ids)) == 6
    assert town.verify().exit_code == CLEAN


def test_an_entry_that_comes_while_the_shard_is_closed_starts_the_turn_again(
    town: LogTown,
) -> None:
    def observe(step: str) -> None:
        if step == "copied":
            town.grow("in between")

    opening = Origin.parse(AUTUMN)
    town.clock = TURNED
    with pytest.raises(LogMoved, match="grew"):
        turn(
            town.settings, town.log, town.sequencer, opening, lambda: TURNED, within=NO_WAIT,
            observe=observe,
        )  # fmt: skip
    assert [name for name, _ in origins(town)] == [SUMMER]
    turned(town)
    assert town.verify().exit_code == CLEAN


def test_no_shard_follows_itself_or_a_later_one(town: LogTown) -> None:
    for name in (SUMMER, f"{BASE}/2025H2", "other.example/log/2026H2", BASE):
        with pytest.raises(TurnRefused):
            turn(town.settings, town.log, town.sequencer, Origin.parse(name), lambda: TURNED)
    assert [name for name, _ in origins(town)] == [SUMMER]


def test_a_log_from_before_the_shards_is_its_own_first_shard(tmp_path: Path) -> None:
    town = LogTown(tmp_path, origin=BASE)
    now = datetime.now(UTC)
    assert due(town.settings, town.log, now) is None
    town.grow("one")
    assert due(town.settings, town.log, now) is None
    later = now + timedelta(days=184)
    turned(town, later)
    assert [name for name, _ in origins(town)] == [BASE, first_origin(town.settings, later)]
    assert (tmp_path / "log-before.sqlite").is_file()
    town.grow("two")
    assert town.verify().exit_code == CLEAN


def test_the_policy_trusts_the_next_shards_key_and_goes_on_trusting_the_old(town: LogTown) -> None:
    old = town.signer.verifier
    turned(town)
    new = town.signer.verifier
    assert (old.public, old.name) == (new.public, SUMMER) and new.name == AUTUMN
    lines = (town.settings.secrets_folder / "log.policy").read_text("utf-8").splitlines()
    assert lines[:2] == [f"log {new.vkey}", f"#yichuang log {old.vkey}"]


def test_the_sequencers_calendar_turns_the_shard_by_itself(town: LogTown) -> None:
    clock = [TURNED - timedelta(seconds=1)]
    turning = Turning(town.settings, town.log, town.sequencer, [town.signer], now=lambda: clock[0])
    turning()
    assert [name for name, _ in origins(town)] == [SUMMER]
    clock[0] = town.clock = TURNED
    turning()  # it looked a moment ago
    assert [name for name, _ in origins(town)] == [SUMMER]
    turning = Turning(town.settings, town.log, town.sequencer, [town.signer], now=lambda: clock[0])
    turning()
    assert [name for name, _ in origins(town)] == [SUMMER, AUTUMN]
    assert town.verify().exit_code == CLEAN


def test_a_second_tree_turns_with_the_first(town: LogTown) -> None:
    files = town.settings.data / "second.key", town.settings.data / "signed-sm3.json"
    init_signer(*files, f"{SUMMER}/sm3", tree=SM3)
    second = Signer(*files, tree=SM3)
    town.sequencer = Sequencer(town.log, town.sources, town.signer, second=second)
    town.grow("four")
    head = second.last()
    turned(town)
    with reading(town.log) as connection:
        (archive,) = closed_shards(connection)
    (opened,) = town.bodies()
    assert (archive.size, second.last().size) == (5, 5)
    assert opened["after"] == second.last().root.hex() != head.root.hex()
    town.grow("five")
    assert (second.last().origin, second.last().size) == (f"{AUTUMN}/sm3", 2)
    publish(town.settings, [town.signer, second])
    assert second.verifier in [log.verifier for log in city_policy(town.settings).logs]
    second.close()


def test_the_search_of_the_log_has_a_line_for_what_a_shard_got_last(town: LogTown) -> None:
    web = open_engine(town.settings.store_url("web"))
    migrate(web, "web")
    finder = Finder(town.log, web)
    assert finder.catch_up() == 3
    turned(town)
    town.grow("four")
    assert finder.catch_up() == 3  # closed, opened, and the fourth
    with reading(web) as connection:
        lines = connection.execute(text("SELECT count(DISTINCT entry_id) FROM log_line"))
        assert lines.scalar_one() == 6
    web.dispose()


def test_reconciling_goes_on_through_a_turn(town: LogTown) -> None:
    def looked_at(last: Watermark | None) -> list[tuple[str, int, int]]:
        engines = log_engines(town.log)
        made = Reconciler(town.log, lambda: engines, cast(Client, None), cast(Alarms, None))
        with reading(town.log) as connection:
            state = LogReader(connection).state()
        found = []
        for stretch, low in made._stretches(last, (state.origin, state.size)):
            with reading(stretch.engine) as connection:
                origin = LogReader(connection).state().origin
            found.append((origin, low, stretch.stop))
        return found

    assert looked_at(None) == [(SUMMER, 0, 3)]
    last = Watermark(TURNED, 2, SUMMER)
    assert looked_at(last) == [(SUMMER, 2, 3)]
    turned(town)
    town.grow("four")
    assert looked_at(last) == [(SUMMER, 2, 4), (AUTUMN, 0, 2)]
    assert looked_at(Watermark(TURNED, 1, AUTUMN)) == [(AUTUMN, 1, 2)]
    assert looked_at(None) == [(SUMMER, 0, 4), (AUTUMN, 0, 2)]


# ── attacks ──


def test_an_old_shard_put_back_is_not_signed_again(town: LogTown, tmp_path: Path) -> None:
    copy = tmp_path / "backup.sqlite"
    with sqlite3.connect(town.settings.data / "log.sqlite") as live, sqlite3.connect(copy) as there:
        live.backup(there)
    turned(town)
    restored = open_engine(f"sqlite:///{copy}")
    with pytest.raises((SignerRefused, LogBehindSigner)):
        Sequencer(restored, {"log": restored}, town.signer).seal()
    restored.dispose()


def test_a_second_founding_is_refused(town: LogTown) -> None:
    turned(town)
    body = next(entry.body for entry in all_entries(town.log) if b"shard.opened" in entry.body)
    other = body.replace(b"2026H2", b"2027H1")
    with pytest.raises(SignerRefused):
        town.signer.found(other)


def test_a_closed_shards_row_that_is_gone_or_changed_is_found(town: LogTown) -> None:
    turned(town)
    with town.log.begin() as connection:
        connection.execute(update(audit_shard).values(size=3))
    report = town.verify()
    assert (report.exit_code, report.counts.total()) == (TAMPERED, 1)
    with town.log.begin() as connection:
        connection.execute(delete(audit_shard))
    report = town.verify()
    assert report.exit_code == TAMPERED and report.counts["shard"] == 1


def test_an_archive_that_is_away_is_unreadable_and_not_clean(town: LogTown) -> None:
    turned(town)
    (town.settings.data / "log-2026H1.sqlite").rename(town.settings.data / "away")
    assert town.verify().exit_code == UNREADABLE


def test_an_entry_edited_in_an_archive_is_named_with_its_shard(town: LogTown) -> None:
    turned(town)
    archive = sqlite3.connect(town.settings.data / "log-2026H1.sqlite")
    archive.execute("DROP TRIGGER audit_entry_no_update")
    (body,) = archive.execute("SELECT body FROM audit_entry WHERE seq = 1").fetchone()
    changed = bytes(body).replace(b'"ok"', b'"deny"')
    archive.execute("UPDATE audit_entry SET body = ? WHERE seq = 1", (changed,))
    archive.commit()
    archive.close()
    report = town.verify()
    assert report.exit_code == TAMPERED
    assert report.counts[f"{SUMMER}: leaf"] == 1


def test_an_archive_rewritten_to_its_root_does_not_fit_the_next_shard(town: LogTown) -> None:
    """The thief of the key re-signs a closed shard: the next one holds what it was."""
    turned(town)
    stolen = town.signer._opened
    key = next(iter(stolen.values()))
    inner = getattr(key, "key", key)
    assert isinstance(inner, NoteKey)
    archive = sqlite3.connect(town.settings.data / "log-2026H1.sqlite")
    for name in ("update", "delete"):
        archive.execute(f"DROP TRIGGER audit_entry_no_{name}")
    archive.execute("DELETE FROM audit_entry WHERE seq > 0")
    archive.execute("DELETE FROM audit_checkpoint WHERE size > 1")
    (body,) = archive.execute("SELECT body FROM audit_entry").fetchone()
    archive.execute("UPDATE audit_state SET size = 1, peaks = ?", (leaf_hash(bytes(body)),))
    archive.commit()
    archive.close()
    with town.log.begin() as connection:
        connection.execute(update(audit_shard).values(size=1, root=leaf_hash(bytes(body))))
    report = town.verify()
    assert report.exit_code == TAMPERED and report.counts["shard"] == 1
    assert Checkpoint(SUMMER, 1, leaf_hash(bytes(body))).origin == SUMMER
