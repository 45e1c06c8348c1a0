"""What may be purged when: never under six months, by class, closed cases only; the whole order."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from audit.entry import Who
from audit.logstore import LogReader, found_log
from audit.retention import announce, carry_out, choose
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from cases.database import open_engine, reading
from catalogue.archive import load_archive
from tests.activities.conftest import Town, create_stores, town_in
from yichuang.audit_orders import purge
from yichuang.purging import LOG_CLASS, Retention, TooYoung
from yichuang.settings import Settings
from yichuang.stores import migrate
from yichuang.verifying import verify_everything

ORIGIN = "test.invalid/log"
BEIJING_NOON = datetime(2047, 3, 15, 4, tzinfo=UTC)
LATER = datetime(2067, 3, 15, 4, tzinfo=UTC)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = town_in(tmp_path)
    yield made
    made.engine.dispose()
    made.keys.dispose()


def retention(town: Town, now: datetime = BEIJING_NOON) -> Retention:
    return Retention(town.engine, load_archive(), "Asia/Shanghai", lambda: now)


@pytest.mark.parametrize(
    ("code", "latest"),
    [(LOG_CLASS, date(2046, 9, 15)), ("y10", date(2037, 1, 1)), ("y30", date(2017, 1, 1))],
)
def test_both_sides_of_the_latest_day_of_each_class(town: Town, code: str, latest: date) -> None:
    judge = retention(town)
    judge.demand(latest, code)
    with pytest.raises(TooYoung) as young:
        judge.demand(date.fromordinal(latest.toordinal() + 1), code)
    assert young.value.latest == latest
    assert latest.isoformat() in young.value.sentence
    assert young.value.basis == ("WAF-23-3" if code == LOG_CLASS else "DAQX-QX")


def test_what_is_kept_for_ever_is_never_purged(town: Town) -> None:
    with pytest.raises(TooYoung, match="永久"):
        retention(town).demand(date(1950, 1, 1), "permanent")


def test_no_class_goes_below_six_months_even_where_its_own_period_would(town: Town) -> None:
    judge = retention(town, datetime(2047, 3, 15, 4, tzinfo=UTC))
    with pytest.raises(TooYoung) as young:
        judge.demand(date(2046, 9, 16), "y10")
    assert young.value.basis == "WAF-23-3"


class Purged:
    """A city's stores in one folder: one withdrawn case, one open one."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(_env_file=None, data=folder, log_origin=ORIGIN)
        for name in ("web", "gateway", "log"):
            migrate(open_engine(self.settings.store_url(name)), name)
        create_stores(folder)
        self.town = town_in(folder)
        self.log = open_engine(self.settings.store_url("log"))
        found_log(self.log, ORIGIN)
        self.trusted = init_signer(folder / "k", folder / "s", ORIGIN)
        self.folder = folder
        gone = self.town.filed("gone")
        self.gone, _ = self.town.settle(
            gone, self.town.order("withdraw", {"reason": "不办了"}, case="gone", by="u:a")
        )
        self.open = self.town.filed("open")
        self.sequence()

    def sequence(self) -> None:
        sources = {"cases": self.town.engine, "log": self.log}
        with closing(Signer(self.folder / "k", self.folder / "s")) as signer:
            working = Sequencer(self.log, sources, signer)
            working.drain()
            working.seal()

    def order(self, *words: str) -> int:
        parser = argparse.ArgumentParser()
        purge.add(parser)
        return purge.run(parser.parse_args([*words, "--json"]), self.settings)

    def with_bodies(self, case_id: str) -> int:
        with reading(self.log) as connection:
            rows = LogReader(connection).stream(f"case:{case_id}")
        return sum(bool(row.body) for row in rows)

    def exit_code(self) -> int:
        sources = {"cases": self.town.engine, "log": self.log}
        verdict = verify_everything(self.log, self.trusted, sources)
        assert verdict.exit_code == 0, verdict.as_json()
        return verdict.exit_code


@pytest.fixture
def purged(tmp_path: Path) -> Iterator[Purged]:
    made = Purged(tmp_path)
    yield made
    made.log.dispose()


def test_the_order_refuses_what_is_younger_with_the_article_and_the_day(
    purged: Purged, capsys: pytest.CaptureFixture[str]
) -> None:
    assert purged.order("--before", "2999-01-01", "--class", "y10") == 2
    said = json.loads(capsys.readouterr().out)
    assert said["basis"] == "WAF-23-3" and said["latest"] < "2999-01-01"
    assert purged.with_bodies(purged.gone.case_id) == 2


def test_closed_cases_of_the_class_go_open_ones_stay_and_everything_verifies(
    purged: Purged, capsys: pytest.CaptureFixture[str]
) -> None:
    late = Retention(purged.town.engine, load_archive(), "Asia/Shanghai", lambda: LATER)
    (chosen,) = choose(purged.log, late.judge(date(2037, 1, 1), "y30"))
    assert {row.stream for row in chosen.rows} == {f"case:{purged.gone.case_id}"}
    assert choose(purged.log, late.judge(date(2057, 1, 1), "y10")) == []
    assert choose(purged.log, late.judge(date(2026, 1, 1), "y30")) == []
    (made,) = announce(purged.log, chosen, Who("system", "system"), "DAQX-QX", BEIJING_NOON)
    # Cut short here: the order finds it and carries it out, with what the entries committed to.
    assert purged.order("--resume") == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 2
    purged.sequence()
    assert purged.exit_code() == 0
    assert purged.with_bodies(purged.gone.case_id) == 0
    assert purged.with_bodies(purged.open.case_id) == 1
    assert carry_out(purged.log, made) == 0


def test_altered_rows_of_another_case_are_found_after_a_purge(purged: Purged) -> None:
    late = Retention(purged.town.engine, load_archive(), "Asia/Shanghai", lambda: LATER)
    (chosen,) = choose(purged.log, late.judge(date(2037, 1, 1), "y30"))
    (made,) = announce(purged.log, chosen, Who("system", "system"), "DAQX-QX", BEIJING_NOON)
    carry_out(purged.log, made)
    purged.sequence()
    with purged.town.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE step SET actor = 'u:x' WHERE case_id = ?", (purged.open.case_id,)
        )
    sources = {"cases": purged.town.engine, "log": purged.log}
    verdict = verify_everything(purged.log, purged.trusted, sources)
    assert verdict.exit_code == 1
    assert {one.case_id for one in verdict.rows} == {purged.open.case_id}
