"""`yichuang clock templates`, `clock derive`: timetables shown, periods from a file of events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catalogue.clock_templates import load_templates
from yichuang.cli import main
from yichuang.timetables import events_of

ASKED = [
    {"kind": "received", "at": "2026-03-02T10:00+08:00"},
    {"kind": "paused", "at": "2026-03-04T10:00+08:00",
     "detail": {"ground": "third_party", "name": "甲公司"}},
    {"kind": "resumed", "at": "2026-03-11T10:00+08:00",
     "detail": {"ground": "third_party", "name": "甲公司"}},
    {"kind": "replied", "at": "2026-04-07T10:00+08:00"},
]  # fmt: skip


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    file = tmp_path / "events.json"
    file.write_text(json.dumps(ASKED, ensure_ascii=False), encoding="utf-8")
    return file


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["clock", *words])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_every_template_is_listed_and_an_unchecked_one_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, shown = typed(capsys, "templates")
    assert code == 0
    assert all(name in shown for name in load_templates())
    assert "data-sharing  政务数据共享  3 项时限（未核对原文）" in shown
    assert "petition  信访  9 项时限\n" in shown


@pytest.mark.parametrize("code", load_templates())
def test_each_template_is_shown_with_its_articles_in_full(
    capsys: pytest.CaptureFixture[str], code: str
) -> None:
    done, shown = typed(capsys, "templates", code)
    assert done == 0
    for rule in load_templates()[code].rules:
        assert f"{rule.id}  {rule.clock}  {rule.title.zh}" in shown
    assert "《" in shown


def test_an_unknown_template_is_two_and_names_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, shown = typed(capsys, "templates", "nothing")
    assert (code, "petition" in shown) == (2, True)


def test_periods_are_derived_from_a_file_of_events(
    capsys: pytest.CaptureFixture[str], asked: Path
) -> None:
    code, shown = typed(capsys, "derive", "information-disclosure", str(asked))
    assert code == 0
    assert "reply  XXGK-33-2  起于 received（1）  到期 2026-04-08" in shown
    assert "third_party:甲公司  XXGK-32  起于 paused（2）  到期 2026-03-25" in shown


def test_as_json_every_day_stands_with_its_article(
    capsys: pytest.CaptureFixture[str], asked: Path
) -> None:
    _, shown = typed(capsys, "derive", "information-disclosure", str(asked), "--json")
    found: dict[str, Any] = {one["clock"]: one for one in json.loads(shown)["periods"]}
    reply = found["reply"]
    assert (reply["due"]["day"], reply["ended"], reply["left"]) == ("2026-04-08", "4", 1)
    paused = [row for row in reply["rows"] if row["state"] == "paused" and row["working"]]
    assert len(paused) == reply["paused"] == 6
    assert found["third_party:甲公司"]["verified"] is True


@pytest.mark.parametrize(
    "text",
    ["", "{}", '[{"kind": "received"}]', '[{"kind": "received", "at": "2026-03-02T10:00"}]'],
)
def test_events_that_cannot_be_read_are_told_with_their_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    with pytest.raises(ValueError, match="事件读不懂"):
        events_of(text)
    file = tmp_path / "events.json"
    file.write_text(text, encoding="utf-8")
    assert typed(capsys, "derive", "petition", str(file))[0] == 2


def test_events_that_begin_nothing_are_told_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "events.json"
    file.write_text('[{"kind": "paid", "at": "2026-03-02T10:00+08:00"}]', encoding="utf-8")
    code, shown = typed(capsys, "derive", "sme-payment", str(file))
    assert code == 0 and "没有引起" in shown


ACCEPTED = {"kind": "accepted", "at": "2026-03-02T10:00+08:00"}


@pytest.mark.parametrize(
    ("at", "detail", "said"),
    [
        ("2026-03-10T10:00+08:00", {"n": -3}, "延长的 n 或 unit 不对"),
        ("2026-03-10T10:00+08:00", {"unit": "fortnight"}, "延长的 n 或 unit 不对"),
        ("2026-03-10T10:00+08:00", {"n": 5, "unit": "hour"}, "单位不能相加"),
        ("2026-03-10T10:00+08:00", {"n": 90000}, "2099"),
    ],
)
def test_an_extension_that_no_ledger_can_hold_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], at: str, detail: dict[str, Any], said: str
) -> None:
    file = tmp_path / "events.json"
    file.write_text(json.dumps([ACCEPTED, {"kind": "extended", "at": at, "detail": detail}]))
    code, shown = typed(capsys, "derive", "licence", str(file))
    assert code == 2
    assert said in shown and "YICHUANG_" not in shown


def test_a_template_is_extended_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "events.json"
    twice = [{"kind": "extended", "at": f"2026-03-1{day}T10:00+08:00"} for day in (0, 1)]
    file.write_text(json.dumps([ACCEPTED, *twice]))
    _, shown = typed(capsys, "derive", "licence", str(file))
    assert "statutory  XKF-42-1  起于 accepted（1）  到期 2026-04-14" in shown
