"""`bin/yichuang policy`: what it prints and how it ends, on texts in files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policies.policy import ROWS_FILE
from yichuang.cli import main

TEXT = ROWS_FILE.read_text("utf-8")
WRONG_ROW = "section_head, implementing, case, accept, always, allow # 一人包办\n"

Said = pytest.CaptureFixture[str]


@pytest.fixture
def faulty(tmp_path: Path) -> str:
    path = tmp_path / "policy.csv"
    path.write_text(TEXT + WRONG_ROW, "utf-8")
    return str(path)


def test_the_shipped_policy_passes_every_check(capsys: Said) -> None:
    assert main(["policy", "check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] and told["findings"] == []
    assert len(told["checks"]) > 20 and all(one["passed"] for one in told["checks"])


def test_a_faulty_policy_is_told_by_line_and_ends_with_1(faulty: str, capsys: Said) -> None:
    assert main(["policy", "check", faulty]) == 1
    said = capsys.readouterr().out
    line = len(TEXT.splitlines()) + 1
    assert f"policy.csv:{line}: 角色「科室负责人」（section_head）：accept" in said
    assert "一个角色即可" in said


def test_a_text_that_cannot_be_read_is_told_by_line(tmp_path: Path, capsys: Said) -> None:
    path = tmp_path / "policy.csv"
    path.write_text("window_clerk, implementing, case, accept, always, Allow # 受理\n", "utf-8")
    assert main(["policy", "check", str(path)]) == 1
    assert "第 1 行" in capsys.readouterr().out
    assert main(["policy", "prove", str(path)]) == 2
    assert main(["policy", "check", str(tmp_path / "none.csv")]) == 2


def test_a_line_of_the_table_that_is_none_is_told(tmp_path: Path, capsys: Said) -> None:
    path = tmp_path / "policy.csv"
    path.write_text("#? window_clerk | accept | plain | allowed\n" + TEXT, "utf-8")
    assert main(["policy", "check", str(path)]) == 2
    assert "策略第 1 行" in capsys.readouterr().err


def test_the_proof_counts_its_decisions_and_names_its_counterexamples(
    faulty: str, capsys: Said
) -> None:
    assert main(["policy", "prove", faulty, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["holds"] and told["decisions"] > 10_000_000
    broken = {one["code"]: one["counterexamples"] for one in told["families"]}
    (example,) = broken["one_window"]
    assert example["roles"] == ["section_head"] and example["acts"] == ["accept", "decide"]
    assert {row["line"] for row in example["rows"]} > {len(TEXT.splitlines()) + 1}


def test_a_difference_names_rows_and_who_gains(faulty: str, capsys: Said) -> None:
    assert main(["policy", "diff", faulty, "--against", str(ROWS_FILE), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["row"] for one in told["come"]] == [WRONG_ROW.partition(" #")[0]]
    assert [(one["role"], one["act"], one["way"]) for one in told["moved"]] == [
        ("section_head", "accept", "gains")
    ]
    assert main(["policy", "diff", str(ROWS_FILE), "--against", str(ROWS_FILE)]) == 0
    assert "0 个判定改变" in capsys.readouterr().out


def test_an_act_is_explained_by_its_rows_and_a_role_by_its_answer(capsys: Said) -> None:
    assert main(["policy", "explain", "decide"]) == 0
    said = capsys.readouterr().out
    assert "科室负责人，在实施主体或其上级任职：可以对办件「作出决定」" in said
    assert "敏感标记" in said and "职责分离" in said
    words = ["policy", "explain", "decide", "--role", "window_clerk", "--at", "office"]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert "同处的科室负责人" in said and "但关卡会拒绝" in said
    assert main(["policy", "explain", "accept", "--role", "window_clerk", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["allowed"]


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "fly"],
        ["explain", "decide", "--role", "superuser"],
        ["explain", "decide", "--role", "section_head", "--if", "sunny"],
        ["explain", "decide", "--in-force"],
    ],
)
def test_what_is_wrongly_asked_ends_with_2(
    words: list[str], capsys: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yichuang.settings import from_environment

    monkeypatch.setenv("YICHUANG_DATA", str(tmp_path))
    from_environment.cache_clear()
    try:
        assert main(["policy", *words]) == 2
    finally:
        from_environment.cache_clear()
    assert capsys.readouterr().err
