"""The rehearsal names every history that other code would break, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory

from tests.histories.changed import ChangedWorkflow
from yichuang.cli import main
from yichuang.rehearsing import PLAIN, HistoryUnreadable, laid_aside, rehearse
from yichuang.temporal import WORKFLOWS

HISTORIES = Path(__file__).parent.parent / "histories"


def laid(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        text = (HISTORIES / f"{name}.json").read_text("utf-8")
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return folder


async def test_code_that_goes_on_with_all_of_them_breaks_none(tmp_path: Path) -> None:
    folder = laid(tmp_path / "a", "plain-grant.1", "withdrawal.1")
    found = await rehearse(laid_aside([folder]), WORKFLOWS, PLAIN)
    assert (found.tried, found.broken) == (2, ())


async def test_code_that_would_break_one_is_told_which_run_and_why(tmp_path: Path) -> None:
    folder = laid(tmp_path / "a", "plain-grant.1", "withdrawal.1")
    found = await rehearse(laid_aside([folder]), (ChangedWorkflow,), PLAIN)
    assert [one.name for one in found.broken] == ["plain-grant.1.json", "withdrawal.1.json"]
    text = (folder / "plain-grant.1.json").read_text("utf-8")
    assert found.broken[0].run == WorkflowHistory.from_json("", text).run_id
    assert "Nondeterminism" in found.broken[0].why


async def test_a_folder_without_histories_and_a_file_that_is_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(HistoryUnreadable, match="none"):
        await rehearse(laid_aside([tmp_path / "none"]), WORKFLOWS, PLAIN)
    (tmp_path / "none" / "x.json").write_text("{", encoding="utf-8")
    with pytest.raises(HistoryUnreadable, match=r"x\.json"):
        await rehearse(laid_aside([tmp_path / "none"]), WORKFLOWS, PLAIN)


def test_the_command_says_how_many_it_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = laid(tmp_path / "a", "withdrawal.1")
    assert main(["rehearse", "--stored", "--json", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out) == {"tried": 1, "broken": []}
