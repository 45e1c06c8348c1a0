"""`census --sums`: the boards' sums are held to every case, and what differs is named."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from cases import tally
from cases.tables import case
from cases.tally_tables import tally as put_in
from cases.tally_tables import tally_sum
from tests.activities.conftest import Town, town_in
from tests.activities.test_metrics import ACCEPT, NOW, ZONE, filled, told
from yichuang.cli import parser_for
from yichuang.commands import census
from yichuang.settings import Settings
from yichuang.tallying import Tallying


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    found = filled(town_in(tmp_path_factory.mktemp("sums")))
    yield found
    found.engine.dispose()


@pytest.fixture
def summed(town: Town) -> Town:
    """The town with all its sums made."""
    with town.engine.begin() as connection:
        tally.begin(connection, ZONE)
    while Tallying(town.engine, ZONE, "here", lambda: NOW).look():
        pass
    return town


def asked(town: Town, *words: str) -> int:
    args = parser_for("census").parse_args(["census", *words])
    return census.run(args, Settings(_env_file=None, cases_url=SecretStr(str(town.engine.url))))


def test_sums_that_are_right_say_so(summed: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(summed, "--sums") == 0
    said = capsys.readouterr().out
    assert "监察汇总  8 件，其中 0 件" in said and "办件与汇总不符  0" in said


def test_a_case_that_no_mark_explains_is_named(
    summed: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    with summed.engine.begin() as connection:
        id, number = connection.execute(
            select(case.c.id, case.c.case_no).order_by(case.c.case_no).limit(1)
        ).one()
        connection.execute(update(case).where(case.c.id == id).values(label_level=4))
    assert asked(summed, "--sums", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["well"], found["differing"], found["unequal"]) == (False, [number], [])
    with summed.engine.begin() as connection:
        tally.mark(connection, id)
    assert asked(summed, "--sums") == 0, "it is marked: pages read its rows"


def test_a_sum_that_is_not_its_cases_is_named_and_made_anew(
    summed: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    with summed.engine.begin() as connection:
        part, month = connection.execute(select(tally_sum.c.part, tally_sum.c.month).limit(1)).one()
        connection.execute(
            update(tally_sum)
            .where(tally_sum.c.part == part, tally_sum.c.month == month)
            .values(said='{"closed":77}')
        )
    assert asked(summed, "--sums") == 1
    said = capsys.readouterr().out
    assert f"{part} {month}" in said and "census --sums --anew" in said
    assert asked(summed, "--sums", "--anew") == 0
    assert asked(summed, "--sums") == 0
    assert "尚未汇总完" in capsys.readouterr().out
    while Tallying(summed.engine, ZONE, "here", lambda: NOW).look():
        pass
    assert asked(summed, "--sums") == 0
    assert "尚未汇总完" not in capsys.readouterr().out


def test_a_case_that_is_gone_from_the_rows_is_told(
    summed: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    with summed.engine.begin() as connection:
        row = dict(connection.execute(select(put_in).limit(1)).mappings().one())
        connection.execute(put_in.insert().values(row | {"case_id": "nobody's"}))
    assert asked(summed, "--sums", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["strangers"] == ["nobody's"]
    assert found["unequal"], "what it put in is in no sum"


def test_a_case_that_moved_waits_and_is_no_fault(
    summed: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    told(summed, "moved", [ACCEPT])
    assert asked(summed, "--sums", "--json") == 0
    assert json.loads(capsys.readouterr().out)["marked"] == 1


def test_anew_alone_is_refused(summed: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(summed, "--anew") == 2
    assert "--sums" in capsys.readouterr().err
