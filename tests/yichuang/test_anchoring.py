"""The daily token over the log's newest head: kept once, retried when it fails, checked later."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from audit.anchorcheck import check_anchors
from audit.entry import What, parse_entry
from audit.logstore import LogReader, found_log
from audit.report import VerifyReport
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.tables import audit_anchor
from audit.timestamps import TokenInvalid, ask_authority, query
from cases.database import open_engine, reading
from tests.audit.authority import Authority, authority
from yichuang.anchoring import AGAIN, EVERY, AnchorRefused, DailyAnchor, stamp, take, write_query
from yichuang.log_entries import record_of_the_log
from yichuang.settings import Settings
from yichuang.stores import migrate

ORIGIN = "city.example/log/2026H2"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority of the tests' own."""
    with authority(tmp_path_factory.mktemp("authority")) as running:
        yield running


class Town:
    """A log store with a signer, and the settings of the authority."""

    def __init__(self, folder: Path, here: Authority) -> None:
        (folder / "tsa.pem").write_text(here.certificates)
        self.settings = Settings(
            _env_file=None,
            data=folder,
            log_origin=ORIGIN,
            tsa_url=here.url,
            tsa_certificates=folder / "tsa.pem",
        )
        self.log: Engine = open_engine(self.settings.store_url("log"))
        migrate(self.log, "log")
        found_log(self.log, ORIGIN)
        init_signer(folder / "log.key", folder / "signed.json", ORIGIN)
        signer = Signer(folder / "log.key", folder / "signed.json")
        self.sequencer = Sequencer(self.log, {"log": self.log}, signer, trusted=signer.verifier)

    def grow(self, name: str) -> None:
        record_of_the_log(
            self.settings, act="audit.verified", obj=What("log", ORIGIN), command_id=name
        )
        self.seal()

    def seal(self) -> None:
        self.sequencer.drain()
        self.sequencer.seal()

    def anchors(self) -> list[tuple[int, str]]:
        with reading(self.log) as connection:
            return [(one.size, one.kind) for one in LogReader(connection).anchors()]

    def said(self) -> list[tuple[str, str]]:
        with reading(self.log) as connection:
            bodies = [parse_entry(one.body) for one in LogReader(connection).entries()]
        return [(one["res"], one["why"]) for one in bodies if one["act"] == "audit.anchored"]

    def checked(self) -> VerifyReport:
        report = VerifyReport()
        certificates = (self.settings.data / "tsa.pem").read_bytes()
        with reading(self.log) as connection:
            check_anchors(LogReader(connection), report, certificates)
        return report


@pytest.fixture
def town(tmp_path: Path, here: Authority) -> Iterator[Town]:
    """A city's log with three entries under two heads."""
    here.fault = ""
    made = Town(tmp_path, here)
    made.grow("one")
    yield made
    made.log.dispose()


def test_a_token_is_kept_with_its_entry_and_holds(town: Town) -> None:
    kept = stamp(town.settings, town.log)
    assert town.anchors() == [(1, "rfc3161")]
    town.seal()
    assert town.said() == [("ok", "rfc3161")]
    report = town.checked()
    assert (report.exit_code, report.anchored, report.anchored_at) == (0, 1, kept.told.at)
    with reading(town.log) as connection:
        reader = LogReader(connection)
        over = reader.anchor_over(1)
        assert over is not None and over.size == 1
        assert reader.anchor_over(2) is None


def test_a_token_moved_to_another_head_or_edited_is_found(town: Town) -> None:
    stamp(town.settings, town.log)
    town.seal()
    with town.log.begin() as connection:
        connection.execute(update(audit_anchor).values(size=2))
    assert town.checked().counts == {"anchor": 1}
    with town.log.begin() as connection:
        connection.execute(update(audit_anchor).values(size=1, at=NOW - timedelta(days=9)))
    assert town.checked().counts == {"anchor": 1}
    with town.log.begin() as connection:
        connection.execute(update(audit_anchor).values(size=7))
    assert town.checked().counts == {"anchor": 1}


def test_a_token_is_asked_for_once_a_day_and_only_for_a_new_head(
    town: Town, here: Authority
) -> None:
    daily = DailyAnchor(town.settings, town.log)
    first = daily.step(NOW)
    assert first is not None and daily.step(NOW) is None
    town.seal()  # its own entry makes a new head
    assert daily.step(first.told.at + EVERY - timedelta(seconds=1)) is None
    assert daily.step(first.told.at + EVERY) is not None
    assert [size for size, _ in town.anchors()] == [1, 2]


def test_a_failure_is_told_once_a_day_and_tried_again(town: Town, here: Authority) -> None:
    daily = DailyAnchor(town.settings, town.log)
    here.fault = "away"
    assert daily.step(NOW) is None and "AuthorityAway" in daily.fault
    asked = here.asked
    here.fault = ""
    assert daily.step(NOW + AGAIN - timedelta(seconds=1)) is None and here.asked == asked
    here.fault = "silent"
    assert daily.step(NOW + AGAIN) is None
    here.fault = ""
    assert daily.step(NOW + 2 * AGAIN) is not None and daily.fault == ""
    town.seal()
    assert sorted(set(town.said())) == [("error", "no_token"), ("ok", "rfc3161")]


def test_a_token_that_does_not_hold_is_not_kept(town: Town, tmp_path: Path) -> None:
    with authority(tmp_path / "other") as other:
        elsewhere = town.settings.model_copy(update={"tsa_url": other.url})
        with pytest.raises(TokenInvalid):
            stamp(elsewhere, town.log)
    assert town.anchors() == []


def test_a_token_brought_by_hand_finds_its_head(
    town: Town, here: Authority, tmp_path: Path
) -> None:
    assert write_query(town.log, tmp_path / "q.tsq") == 1
    town.grow("two")  # the log goes on while the request travels
    token = ask_authority(here.url, (tmp_path / "q.tsq").read_bytes())
    assert take(town.settings, town.log, token).size == 1
    assert take(town.settings, town.log, token).size == 1
    assert town.anchors() == [(1, "rfc3161")]
    with pytest.raises(TokenInvalid):
        take(town.settings, town.log, b"no token")


def test_a_token_over_a_head_of_another_log_is_refused(
    town: Town, here: Authority, tmp_path: Path
) -> None:
    token = ask_authority(here.url, query(bytes(32)))
    with pytest.raises(AnchorRefused, match="任何一个树头"):
        take(town.settings, town.log, token)


def test_without_an_authority_nothing_is_asked(town: Town) -> None:
    bare = town.settings.model_copy(update={"tsa_url": ""})
    assert DailyAnchor(bare, town.log).step(NOW) is None
    with pytest.raises(AnchorRefused, match="YICHUANG_TSA_URL"):
        stamp(bare, town.log)
