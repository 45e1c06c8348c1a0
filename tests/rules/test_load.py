"""Packs as files: every fault is named with file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.check import check, tried_by_engine
from rules.load import PACKS, PacksFaulty, load_packs, load_text, with_tables, written_out
from rules.model import Rule, ScaleSpec
from rules.pack import Pack
from rules.tables.spec import TableSpec

GOOD = """\
pack: trial
title: {zh: 试验, en: Trial}
version: "2026.1"
fields:
  pm: {type: number, title: {zh: 浓度, en: Concentration}}
outcome:
  level: {type: text, title: {zh: 级别, en: Level}}
rules:
  - id: R1
    title: {zh: 高, en: High}
    basis: XKF-26
    in_force_from: 2020-01-01
    when:
      all:
        - {field: pm, op: gt, value: 150}
    then: {level: high}
    examples:
      - {given: {pm: 151}, holds: true}
      - {given: {pm: 150}, holds: false}
"""


def test_the_pack_these_tests_change_is_good() -> None:
    loaded, faults = load_text(GOOD, "a.yaml")
    assert not faults
    assert loaded is not None
    assert loaded.pack.id == "trial"


FAULTS: list[tuple[str, str, int, str]] = [
    ("field: pm, op", "field: pn, op", 15, "'pn' 不在 fields"),
    ("op: gt", "op: gtt", 15, "op"),
    ("    basis: XKF-26\n", "", 9, "basis"),
    ("basis: XKF-26", "basis: XKF-2666", 11, "不在法规库中"),
    ("in_force_from: 2020-01-01", "in_force_from: 1999-01-01", 11, "盖不住"),
    ("basis: XKF-26", "basis: FJB-2", 11, "尚未与公布文本核对"),
    ("basis: XKF-26\n", "basis: FJB-2\n    verified: false\n", 12, "没有说明"),
    ("basis: XKF-26\n", "basis: FJB-2\n    verified: false\n    note: ' '\n", 12, "没有说明"),
    ("holds: false", "holds: true", 17, "反例"),
    ("{given: {pm: 150}", "{given: {pm: 200}", 19, "实际相反"),
    ("then: {level: high}", "then: {levle: high}", 16, "'levle'"),
    ("version: \"2026.1\"", "version: 2026.1", 3, "version"),
    ("in_force_from: 2020-01-01", "in_force_from: 2020-02-30", 12, "日期"),
    ("in_force_from: 2020-01-01", "in_force_from: soon", 12, "in_force_from"),
    ("    basis: XKF-26\n", "    basis: XKF-26\n    basis: XKF-27\n", 11, "2 次"),
    ("title: {zh: 高, en: High}", "title: {zh: 高}", 10, "en"),
    ("title: {zh: 高, en: High}", "titel: {zh: 高, en: High}", 10, "titel"),
    ("fields:", "fields: [", 6, "YAML"),
    ("then: {level: high}", "then: !!python/object:os.system {}", 1, "YAML"),
    ("{given: {pm: 151}", "{given: &a {pm: 151, x: *a}", 18, "引用"),
    ("{given: {pm: 151}", "{given: {pm: .nan}", 18, "有限"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "says"), FAULTS)
def test_a_fault_is_named_with_its_line_and_a_remedy(
    old: str, new: str, line: int, says: str
) -> None:
    assert GOOD.count(old) == 1
    loaded, faults = load_text(GOOD.replace(old, new), "a.yaml")
    assert loaded is None
    named = [fault for fault in faults if says in fault.message + fault.remedy]
    assert named, [str(fault) for fault in faults]
    assert named[0].file == "a.yaml"
    assert named[0].remedy
    lines = {fault.line for fault in faults}
    assert line in lines, [str(fault) for fault in faults]


@pytest.mark.parametrize("text", ["", "a", "[1, 2]", "- " * 5000, "\0", "a: &a [*a]"])
def test_what_is_no_pack_at_all_is_a_fault_not_a_crash(text: str) -> None:
    loaded, faults = load_text(text, "a.yaml")
    assert loaded is None
    assert faults


def test_a_folder_with_one_faulty_file_gives_no_packs(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD.replace("op: gt", "op: gtt"))
    with pytest.raises(PacksFaulty, match=r"b\.yaml:15"):
        load_packs(tmp_path)


def test_two_files_of_one_pack_and_an_unreadable_one_are_faults(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD)
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe")
    assert [(fault.file, fault.line) for fault in check(tmp_path)] == [("b.yaml", 1), ("c.yaml", 1)]


def test_an_empty_folder_is_a_fault(tmp_path: Path) -> None:
    assert check(tmp_path)


def test_the_whole_rule_of_the_lawyer_s_page_loads_and_passes_both_engines() -> None:
    page = (PACKS.parent / "README.md").read_text()
    text = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    loaded, faults = load_text(text, "page.yaml")
    assert [str(fault) for fault in faults] == []
    assert loaded is not None
    assert tried_by_engine(loaded.pack) == []
    assert loaded.pack.definition.rules[0].alarm is not None


def test_what_was_not_checked_and_says_on_what_it_rests_loads() -> None:
    told = "basis: FJB-2\n    verified: false\n    note: 凭记忆，启用前须核对\n"
    loaded, faults = load_text(GOOD.replace("basis: XKF-26\n", told), "a.yaml")
    assert not faults and loaded is not None


def test_everything_shipped_that_was_not_checked_says_on_what_it_rests(
    shipped: dict[str, Pack],
) -> None:
    everything: list[Rule | ScaleSpec | TableSpec] = []
    for pack in shipped.values():
        whole = pack.definition
        everything += [*whole.rules, *whole.scales, *whole.tables]
    unchecked = [one for one in everything if not one.verified]
    assert len(unchecked) > 90 and all(len(one.note) >= 5 for one in unchecked)


def test_the_shipped_packs_pass_every_check_by_twin_and_by_engine() -> None:
    assert check(PACKS) == []


def test_the_pages_on_packs_name_every_field_and_outcome(shipped: dict[str, Pack]) -> None:
    pages = (PACKS.parent / "README.md", PACKS.parents[1] / "docs/standards.md")
    text = "".join(page.read_text("utf-8") for page in pages)
    names = {
        name
        for pack in shipped.values()
        for name in [*pack.definition.fields, *pack.definition.outcome]
    }
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_a_stored_pack_is_the_same_pack_for_ever(shipped: dict[str, Pack]) -> None:
    for pack in shipped.values():
        again = Pack.from_stored(pack.stored)
        assert (again.digest, again.definition) == (pack.digest, pack.definition)
        assert Pack.of(again.definition).digest == pack.digest


def test_the_digest_changes_with_any_word(shipped: dict[str, Pack]) -> None:
    pack = shipped["completeness"]
    changed = Pack.from_stored(
        pack.stored.replace('"notice_working_days":5', '"notice_working_days":6')
    )
    assert changed.digest != pack.digest


@pytest.mark.parametrize("text", ["[" * 1_000_000, "- " * 500_000, "a: " + "{a: " * 61])
def test_brackets_without_end_are_a_fault_and_crash_nothing(text: str) -> None:
    """libyaml's composer would end the interpreter here."""
    loaded, faults = load_text(text, "deep.yaml")
    assert loaded is None
    assert [fault.line for fault in faults] == [1]


def test_a_pack_with_its_csv_written_into_it_is_the_same_pack() -> None:
    text = (PACKS / "accidents.yaml").read_text("utf-8")
    whole = written_out(text, PACKS)
    loaded, faults = load_text(whole, "accidents.yaml")
    assert loaded is not None, faults
    assert loaded.pack.digest == load_packs()["accidents"].digest


def test_a_pack_without_a_csv_and_one_that_cannot_be_read_are_left_as_they_are(
    tmp_path: Path,
) -> None:
    bomb = "pack: " + "[" * 100_000
    missing = (PACKS / "accidents.yaml").read_text("utf-8")
    for text in (GOOD, "a: [", "", "day: 2026-02-30", bomb):
        assert written_out(text, PACKS) == text
    assert written_out(missing, tmp_path) == missing


def test_attached_csv_files_make_the_same_pack_as_those_beside_it() -> None:
    text = (PACKS / "accidents.yaml").read_text("utf-8")
    csv = (PACKS / "accident_grade.csv").read_bytes()
    whole, faults = with_tables(text, "p.yaml", {"accident_grade.csv": csv})
    loaded, _ = load_text(whole, "p.yaml")
    assert not faults and loaded is not None
    assert loaded.pack.digest == load_packs()["accidents"].digest


def test_an_attached_file_that_is_missing_spare_or_broken_is_named_with_its_line() -> None:
    text = (PACKS / "accidents.yaml").read_text("utf-8")
    csv = (PACKS / "accident_grade.csv").read_bytes()
    line = 1 + next(
        n for n, one in enumerate(text.splitlines()) if "file: accident_grade.csv" in one
    )
    for tables, says in (
        ({"other.csv": csv}, "没有附上这个文件"),
        ({"accident_grade.csv": csv, "spare.csv": csv}, "spare.csv 没有一张表引用"),
        ({"accident_grade.csv": b"\xff\xfe"}, "accident_grade.csv"),
    ):
        same, faults = with_tables(text, "p.yaml", tables)
        assert same == text and any(says in str(one) for one in faults), faults
    _, faults = with_tables(text, "p.yaml", {"other.csv": csv})
    assert faults[0].line == line
    assert with_tables("a: [", "p.yaml", {"x.csv": csv}) == ("a: [", ())
