"""One line of the policy is wrong: the gate refuses it, and its counterexample is true."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalogue.load import load_catalogue
from policies.mutants import KINDS, Verdict, judge, mutants, sample
from policies.policy import MODEL_FILE, ROWS_FILE, Policy
from policies.warrants import WarrantSigner

MODEL, TEXT = MODEL_FILE.read_text("utf-8"), ROWS_FILE.read_text("utf-8")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.txt")
EACH, SEED = 20, 20261126

pytestmark = pytest.mark.timeout(400)  # a third of a second each, of a machine that is not alone


@pytest.fixture(scope="module")
def verdicts(policy: Policy, pens: dict[str, WarrantSigner]) -> list[Verdict]:
    at = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    tried = sample(policy, EACH, SEED)
    return list(judge(tried, MODEL, TEXT, pens["worker"], load_catalogue().matters, at))


def test_no_mutant_that_decides_otherwise_passes_the_gate(verdicts: list[Verdict]) -> None:
    assert [one.mutant.name for one in verdicts if one.fate == "survivor"] == []


def test_more_than_a_hundred_are_tried_of_every_kind(verdicts: list[Verdict]) -> None:
    assert len(verdicts) >= 100
    assert set(Counter(one.mutant.kind for one in verdicts)) == set(KINDS)
    refused = [one for one in verdicts if one.fate in ("refused", "unreadable")]
    assert len(refused) * 10 > len(verdicts) * 9


def test_the_refused_are_refused_by_more_than_the_table(verdicts: list[Verdict]) -> None:
    families = {one.family for one in verdicts if one.fate == "refused"}
    assert {"table", "administrators", "outsider"} <= families


def test_an_equivalent_one_that_passes_is_on_the_list(verdicts: list[Verdict]) -> None:
    """What passes decides as before; the list has those that were found."""
    listed = {line for line in EQUIVALENT.read_text("utf-8").splitlines() if line[:1] != "#"}
    passing = {one.mutant.name for one in verdicts if one.fate == "equivalent" and not one.family}
    # Without the line's number: a row may move.
    assert {name.partition(" 行 ")[2] for name in passing} <= listed


def test_what_is_on_the_list_does_decide_as_before(
    policy: Policy, pens: dict[str, WarrantSigner]
) -> None:
    listed = {line for line in EQUIVALENT.read_text("utf-8").splitlines() if line[:1] != "#"}
    tried = [one for one in mutants(policy) if one.name.partition(" 行 ")[2] in listed]
    assert len(tried) == len(listed)
    at, matters = datetime(2026, 11, 23, 2, 0, tzinfo=UTC), load_catalogue().matters
    found = list(judge(tried, MODEL, TEXT, pens["worker"], matters, at))
    assert {one.fate for one in found} == {"equivalent"}


def test_every_line_has_mutants_of_its_own(policy: Policy) -> None:
    lines = Counter(one.line for one in mutants(policy))
    assert set(lines) == {row.line for row in policy.rows}
    assert min(lines.values()) > 10
