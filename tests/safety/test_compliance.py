"""The compliance tables are whole, name tests that exist, and nothing is met without a run."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from pydantic import ValidationError

from catalogue.clauses import Clause, ClauseTable, load_tables
from yichuang.compliance import Outcome, counted, judged, run_tests, verdict_of

ROOT = Path(__file__).parents[2]
TABLES = {table.code: table for table in load_tables()}

ITEMS_22239 = {
    "8.1.4.1": "abcd", "8.1.4.2": "abcdefg", "8.1.4.3": "abcd", "8.1.4.4": "abcdef",
    "8.1.4.5": "a", "8.1.4.6": "a", "8.1.4.7": "ab", "8.1.4.8": "ab", "8.1.4.9": "abc",
    "8.1.4.10": "ab", "8.1.4.11": "ab",
    "8.1.5.1": "ab", "8.1.5.2": "ab", "8.1.5.3": "ab", "8.1.5.4": "abcdef",
}  # fmt: skip
"""34 + 12 items; GB/T 22239-2019, level 3, as reference transcriptions count them."""

ITEMS_39786 = {"8.2": "abcde", "8.3": "abcdef", "8.4": "abcdefgh"}
"""The clauses of GB/T 39786-2021, level 3, that touch the software."""


def spelled(items: Mapping[str, str]) -> list[str]:
    return [f"{clause} {letter}" for clause, letters in items.items() for letter in letters]


def clause(**changed: object) -> Clause:
    answer: dict[str, object] = {
        "id": "x.1", "topic": "t", "wording": "w", "source": "C", "verified": False,
        "holder": "software", "software": "s", "tests": {"tests/test_a.py": ("test_one",)},
    } | changed  # fmt: skip
    return Clause.model_validate(answer)


def test_all_46_items_of_the_two_chapters_stand_once_and_in_order() -> None:
    wanted = spelled(ITEMS_22239)
    assert len(wanted) == 46
    assert [one.id for one in TABLES["gbt22239"].clauses] == wanted


def test_the_application_items_of_the_cryptography_standard_stand_once_and_in_order() -> None:
    assert [one.id for one in TABLES["gbt39786"].clauses] == spelled(ITEMS_39786)


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, kinds))


@pytest.mark.parametrize("code", TABLES)
def test_every_test_that_is_named_is_written(code: str) -> None:
    missing = [
        f"{one.id}: {file}::{name}"
        for one in TABLES[code].clauses
        for file, names in one.tests.items()
        for name in names
        if not (ROOT / file).is_file() or name not in functions_of(file)
    ]
    assert missing == []


@pytest.mark.parametrize("code", TABLES)
def test_what_the_software_answers_for_names_a_test_or_its_gap(code: str) -> None:
    bare = [
        one.id
        for one in TABLES[code].clauses
        if one.holder in ("software", "shared") and not one.tests and not one.gap
    ]
    assert bare == []


def test_a_clause_is_met_only_by_tests_that_ran_and_passed() -> None:
    one = clause()
    assert verdict_of(one, {"tests/test_a.py::test_one": "passed"}) == "met"
    assert verdict_of(one, None) == "unrun"


@pytest.mark.parametrize("outcome", ["failed", "skipped", "missing"])
def test_a_test_that_did_not_pass_makes_its_clause_red(outcome: Outcome) -> None:
    two = clause(tests={"tests/test_a.py": ("test_one", "test_two")})
    outcomes: dict[str, Outcome] = {"tests/test_a.py::test_one": "passed"}
    assert verdict_of(two, outcomes | {"tests/test_a.py::test_two": outcome}) == "red"


def test_a_test_nobody_told_of_makes_its_clause_red() -> None:
    assert verdict_of(clause(), {}) == "red"


def test_a_clause_of_the_software_without_a_test_is_red_whatever_it_says() -> None:
    assert verdict_of(clause(tests={}), {}) == "red"
    assert verdict_of(clause(tests={}, gap="g"), None) == "red"


def test_a_stated_gap_keeps_a_clause_from_being_met() -> None:
    assert verdict_of(clause(gap="g"), {"tests/test_a.py::test_one": "passed"}) == "partly"


def test_what_the_operator_does_is_never_called_met() -> None:
    one = clause(holder="operator", software="", tests={}, operator="o")
    assert verdict_of(one, {}) == "operator"


def test_a_secondary_wording_cannot_be_called_verified() -> None:
    with pytest.raises(ValidationError, match="not verified"):
        clause(verified=True)


def test_a_clause_for_the_operator_alone_cannot_borrow_a_test() -> None:
    with pytest.raises(ValidationError, match="no test can prove it"):
        clause(holder="operator", operator="o")


def test_a_clause_that_stands_twice_is_refused() -> None:
    whole = {"code": "x", "order": 1, "name": "n", "scope": "s", "note": "n"}
    with pytest.raises(ValidationError, match="stands twice"):
        ClauseTable.model_validate(whole | {"clauses": [clause(), clause()]})


STAGED = """
import pytest

def test_good(): pass
def test_bad(): assert False
@pytest.mark.skip
def test_left_out(): pass
@pytest.fixture
def broken(): raise OSError
def test_unprepared(broken): pass
@pytest.mark.parametrize("n", [1, 2, 3])
def test_of_three(n): assert n != 2
@pytest.mark.parametrize("n", [1, 2])
def test_of_two(n): pass
def test_not_asked(): assert False
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_the_run_tells_each_test_as_it_ended(tmp_path: Path, workers: int) -> None:
    (tmp_path / "test_staged.py").write_text(STAGED)
    (tmp_path / "test_broken.py").write_text("import no_such_module\ndef test_in_it(): pass\n")
    names = ["good", "bad", "left_out", "unprepared", "of_three", "of_two", "gone"]
    asked = [f"test_staged.py::test_{name}" for name in names]
    asked += ["test_broken.py::test_in_it", "test_nowhere.py::test_x"]
    assert run_tests(asked, root=tmp_path, workers=workers) == {
        "test_staged.py::test_good": "passed",
        "test_staged.py::test_bad": "failed",
        "test_staged.py::test_left_out": "skipped",
        "test_staged.py::test_unprepared": "failed",
        "test_staged.py::test_of_three": "failed",
        "test_staged.py::test_of_two": "passed",
        "test_staged.py::test_gone": "missing",
        "test_broken.py::test_in_it": "missing",
        "test_nowhere.py::test_x": "missing",
    }


def test_counts_add_up_to_the_clauses() -> None:
    rows = judged(TABLES["gbt22239"], None)
    assert sum(counted(rows).values()) == 46
    assert "met" not in counted(rows)
