"""The log records what befalls itself: in its own store, on one stream, like every other entry."""

from pathlib import Path

import pytest

from audit.check import verify_stores
from audit.entry import What, parse_entry
from audit.logstore import LogReader, found_log
from audit.outbox import EntryConflict
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from cases.database import open_engine, reading
from yichuang.log_entries import STREAM, record_of_the_log
from yichuang.settings import STORES, Settings
from yichuang.stores import migrate

ORIGIN = "city.example/log"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(_env_file=None, data=tmp_path / "var", log_origin=ORIGIN)
    found.data.mkdir()
    for store in STORES:
        migrate(open_engine(found.store_url(store)), store)
    found_log(open_engine(found.store_url("log")), ORIGIN)
    return found


def test_an_entry_about_the_log_goes_through_its_own_outbox(
    settings: Settings, tmp_path: Path
) -> None:
    placed = record_of_the_log(
        settings, act="audit.verified", obj=What("log", ORIGIN), command_id="v1"
    )
    assert (placed.stream, placed.seq) == (STREAM, 1)
    log = open_engine(settings.store_url("log"))
    init_signer(tmp_path / "log.key", tmp_path / "signed.json", ORIGIN)
    signer = Signer(tmp_path / "log.key", tmp_path / "signed.json")
    working = Sequencer(log, {"log": log}, signer, trusted=signer.verifier)
    assert working.drain().appended == 1
    working.seal()
    with reading(log) as connection:
        (entry,) = LogReader(connection).entries()
    assert parse_entry(entry.body)["act"] == "audit.verified"
    report = verify_stores(log, signer.verifier, producers={"log": log})
    assert report.exit_code == 0, report.as_json()


def test_the_same_command_again_is_the_same_entry(settings: Settings) -> None:
    for fresh in (True, False):
        placed = record_of_the_log(
            settings, act="audit.searched", obj=What("log", ORIGIN), command_id="s1"
        )
        assert (placed.seq, placed.fresh) == (1, fresh)
    with pytest.raises(EntryConflict):
        record_of_the_log(settings, act="audit.searched", obj=What("log", "other"), command_id="s1")
