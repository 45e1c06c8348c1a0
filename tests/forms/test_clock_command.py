"""`yichuang clock ledger`: the ledger of a case in words and as JSON."""

from __future__ import annotations

import argparse
import json

import pytest

from tests.forms.town import Town
from yichuang.commands import clock as command


def asked(town: Town, *words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add(parser)
    args = parser.parse_args(["ledger", *words])
    return command.show(args, town.cases, town.matters.calendars)


def paused(town: Town) -> str:
    filed = town.file()
    town.order("chen", "accept", {"mode": "plain"}, filed.case_id)
    body = {"kind": "hearing", "ground": "申请人要求听证", "expected_days": 9}
    town.order("zhao", "start_procedure", body, filed.case_id)
    return filed.case_no


def test_a_ledger_is_told_day_by_day_with_what_had_been_otherwise(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    case_no = paused(town)
    assert asked(town, case_no, "--clock", "statutory", "--without", "3.0") == 0
    told = capsys.readouterr().out
    assert "停表" in told
    assert "若没有：statutory  停表中未定 → " in told


def test_the_json_names_every_event_and_every_clock(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    case_no = paused(town)
    assert asked(town, case_no, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in told["events"]][:2] == ["1.0", "2.0"]
    clocks = {one["clock"]: one for one in told["clocks"]}
    assert clocks["statutory"]["budget"] == 45
    assert clocks["notice"]["ended"] == "2.0"
    assert clocks["statutory"]["due"] is None


@pytest.mark.parametrize("words", [("--clock", "nosuch"), ("--without", "99.9")])
def test_what_is_not_there_is_said_and_nothing_else(
    town: Town, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(town, paused(town), *words) == 2
    assert "没有" in capsys.readouterr().err


def test_an_unknown_case_is_said(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(town, "NO-SUCH") == 2
    assert "没有办件" in capsys.readouterr().err
