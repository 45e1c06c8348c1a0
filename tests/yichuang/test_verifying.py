"""One byte changed in the rows of a step is named, by case, sequence and column."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.logstore import found_log
from audit.notes import NoteVerifier
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.tables import log_metadata
from cases.database import open_engine
from cases.messages import Outcome
from tests.activities.conftest import Town, town_in
from yichuang.verifying import Verdict, verify_everything

ORIGIN = "test.invalid/log"


@dataclass(frozen=True)
class Original:
    """A settled, sequenced and sealed case, made once."""

    folder: Path
    trusted: NoteVerifier
    case_id: str
    refused: Outcome


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    folder = tmp_path_factory.mktemp("original")
    town = town_in(folder)
    log = open_engine(f"sqlite:///{folder / 'log.sqlite'}")
    log_metadata.create_all(log)
    found_log(log, ORIGIN)
    trusted = init_signer(folder / "k", folder / "s", ORIGIN)
    state = town.filed()
    state, _ = town.settle(state, town.order("accept", {"mode": "plain"}, by="u:a"))
    opinion = {"task": "review-check", "result": "agree", "text": "好"}
    state, _ = town.settle(state, town.order("opine", opinion, by="u:r"))
    refused = town.outcome(state, town.order("decide", {"result": "grant"}, by="u:a"))
    with closing(Signer(folder / "k", folder / "s")) as signer:
        sequencer = Sequencer(log, {"cases": town.engine}, signer)
        sequencer.drain()
        sequencer.seal()
    for engine in (town.engine, town.keys, log):
        engine.dispose()
    return Original(folder, trusted, state.case_id, refused)


class Kept:
    """A copy of the stores, to be altered."""

    def __init__(self, original: Original, folder: Path) -> None:
        self.folder = folder
        for file in original.folder.glob("*.sqlite*"):
            shutil.copy(file, folder / file.name)
        self.town: Town = town_in(folder)
        self.log = open_engine(f"sqlite:///{folder / 'log.sqlite'}")
        self.trusted = original.trusted
        self.case_id, self.refused = original.case_id, original.refused

    def verdict(self) -> Verdict:
        return verify_everything(self.log, self.trusted, {"cases": self.town.engine})

    def alter(self, sql: str) -> None:
        """Change the file as somebody would who has it: not through our engine."""
        with sqlite3.connect(self.folder / "cases.sqlite") as connection:
            assert connection.execute(sql).rowcount > 0
        connection.close()


@pytest.fixture
def kept(original: Original, tmp_path: Path) -> Iterator[Kept]:
    one = Kept(original, tmp_path)
    yield one
    one.town.engine.dispose()
    one.log.dispose()


def test_an_untouched_store_is_clean(kept: Kept) -> None:
    verdict = kept.verdict()
    assert (verdict.exit_code, verdict.rows, verdict.steps) == (0, [], 3)


def test_what_waits_for_the_log_is_checked_too(kept: Kept) -> None:
    kept.town.filed("another")
    assert kept.verdict().steps == 4
    kept.alter("UPDATE step SET verb = 'fiLe' WHERE case_id <> '" + kept.case_id + "'")
    assert [one.column for one in kept.verdict().rows] == ["step.verb"]


FLIP = "CAST(substr({c}, 1, 40) || x'0000000000000000' || substr({c}, 49) AS BLOB)"
"""Eight bytes: one alone is 0 already in one run of 256."""

ATTACKS = {
    "UPDATE step SET verb = 'accepT' WHERE seq = 2": (2, "step.verb"),
    "UPDATE step SET actor = 'u:b' WHERE seq = 2": (2, "step.actor"),
    "UPDATE step SET occurred_at = '2026-03-02 01:00:01.000000' WHERE seq = 1": (
        1,
        "step.occurred_at",
    ),
    "UPDATE step SET occurred_at = '2026-03-0x 01:00:00.000000' WHERE seq = 1": (
        1,
        "step.occurred_at",
    ),
    "UPDATE step SET events = replace(events, 'agree', 'agrEe') WHERE seq = 3": (
        3,
        "step.events",
    ),
    f"UPDATE step SET body_sealed = {FLIP.format(c='body_sealed')} WHERE seq = 3": (
        3,
        "step.body_sealed",
    ),
    "UPDATE step SET digests = replace(digests, '0', '1') WHERE seq = 2": (2, "step.digests"),
    "UPDATE step SET entry_id = 'x' WHERE seq = 2": (2, "step.entry_id"),
    "UPDATE document SET number = 'x'": (2, "document["),
    f"UPDATE document SET file_sealed = {FLIP.format(c='file_sealed')}": (2, "document["),
    "UPDATE document SET digest = replace(digest, substr(digest, 1, 1), 'z')": (2, "document["),
    "UPDATE command SET outcome = outcome || ' ' WHERE seq = 2": (2, "command.outcome"),
    "UPDATE clock_event SET article = 'x' WHERE seq = 2 AND n = 0": (2, "clock_event[0]"),
    "UPDATE opinion SET result = 'disagree'": (3, "opinion[review-check]"),
    "UPDATE material SET originals = 2": (1, "material[0]"),
    "UPDATE case_file SET name_mac = 'x'": (1, "case_file.name_mac"),
    f"UPDATE case_file SET form_sealed = {FLIP.format(c='form_sealed')}": (
        1,
        "case_file.form_sealed",
    ),
    "UPDATE case_file SET stage = 'ended'": (3, "case_file.stage"),
    "UPDATE case_file SET due_at = '2027-01-01 00:00:00.000000'": (3, "case_file.due_at"),
    "UPDATE case_state SET state = replace(state, 'u:a', 'u:b')": (3, "case_state.state"),
    "UPDATE task SET department = 'zjj' WHERE key = 'decide'": (3, "task[decide].department"),
    "UPDATE timer SET due_at = '2027-01-01 00:00:00.000000'": (3, "timer["),
    "UPDATE hand SET person = 'u:z' WHERE act = 'accept'": (3, "hand["),
    "DELETE FROM opinion": (3, "opinion[review-check]"),
    "DELETE FROM step WHERE seq = 3": (3, "step"),
    "DELETE FROM document_number WHERE kind = 'acceptance_notice'": (0, "document_number.n"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_changed_value_is_named(kept: Kept, attack: str) -> None:
    seq, column = ATTACKS[attack]
    kept.alter(attack)
    verdict = kept.verdict()
    assert verdict.exit_code == 1
    named = [(one.seq, one.column) for one in verdict.rows]
    assert any(n == seq and c.startswith(column) for n, c in named), named


def test_a_refusal_cannot_be_forgotten(kept: Kept) -> None:
    assert kept.refused.status == "refused"
    kept.alter("DELETE FROM command WHERE status = 'refused'")
    assert [one.column for one in kept.verdict().rows] == ["command"]


def test_a_refusal_cannot_be_reworded(kept: Kept) -> None:
    kept.alter(
        "UPDATE command SET outcome = replace(outcome, 'same', 'Same') WHERE status <> 'done'"
    )
    (wrong,) = kept.verdict().rows
    assert wrong.column == f"command[{kept.refused.command_id}]"


def test_a_step_without_an_entry_is_named(kept: Kept) -> None:
    kept.alter(
        "INSERT INTO step SELECT case_id, 9, 'forged', verb, actor, on_behalf, department, door,"
        " task, occurred_at, recorded_at, backfill, events, warrant, basis, subject, body_sealed,"
        " digests, 'forged' FROM step WHERE seq = 2"
    )
    assert (9, "step") in [(one.seq, one.column) for one in kept.verdict().rows]
