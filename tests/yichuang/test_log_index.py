"""A step shows its leaf only once the sequencer has numbered it."""

from pathlib import Path

from sqlalchemy import insert

from audit.tables import audit_entry, log_metadata
from cases.database import open_engine
from cases.tables import cases_metadata
from yichuang.log_index import AT_ONCE, LogIndex


def index(folder: Path, entries: int) -> LogIndex:
    log = open_engine(f"sqlite:///{folder / 'log.sqlite'}")
    cases = open_engine(f"sqlite:///{folder / 'cases.sqlite'}")
    log_metadata.create_all(log)
    cases_metadata.create_all(cases)
    rows = [
        {
            "seq": n,
            "entry_id": f"e{n}",
            "stream": "case:c",
            "stream_seq": n + 1,
            "leaf": bytes(32),
            "body": b"{}",
        }
        for n in range(entries)
    ]
    with log.begin() as connection:
        connection.execute(insert(audit_entry), rows)
    return LogIndex(log, cases)


def test_numbered_entries_have_their_index_and_waiting_ones_have_none(tmp_path: Path) -> None:
    assert index(tmp_path, 2).leaves(["e0", "e1", "not-yet"]) == {"e0": 0, "e1": 1}


def test_more_entries_than_one_statement_takes(tmp_path: Path) -> None:
    wanted = [f"e{n}" for n in range(AT_ONCE + 3)]
    assert len(index(tmp_path, AT_ONCE + 3).leaves(wanted)) == AT_ONCE + 3


def test_a_document_nobody_issued_has_no_leaf(tmp_path: Path) -> None:
    assert index(tmp_path, 1).leaf_of_document("none") is None
