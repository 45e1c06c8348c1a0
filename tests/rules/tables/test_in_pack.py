"""Tables of a rule pack: the same engine, the loop to a fixpoint, dates, faults with a place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rules.evaluate import NoRuling, again, evaluate
from rules.load import load_file, load_text
from rules.model import Definition
from rules.pack import Pack, PackRefused
from rules.process import RulesProcess
from rules.tables.in_pack import MAX_ROWS_OF_A_PACK

Make = Callable[..., dict[str, Any]]

AT = datetime(2026, 6, 1, tzinfo=UTC)


def title(text: str) -> dict[str, str]:
    return {"zh": text, "en": text}


LEVEL: dict[str, Any] = {
    "id": "level",
    "title": title("分级"),
    "basis": "XKF-26",
    "in_force_from": "2020-01-01",
    "inputs": [{"field": "pm"}],
    "outputs": [{"name": "level"}],
    "rows": [["<=35", "优"], ["(35..75]", "良"], {"id": "bad", "when": [">75"], "then": ["差"],
             "basis": "XKF-32"}],
}  # fmt: skip
FEE: dict[str, Any] = {
    "id": "fee",
    "title": title("费用"),
    "basis": "XKF-26",
    "in_force_from": "2020-01-01",
    "hit": "C+",
    "inputs": [{"field": "level"}, {"field": "open"}],
    "outputs": [{"name": "fee"}],
    "rows": [["优, 良", "-", 0.1], ["良", True, 0.2], ["差", "-", 5]],
}
FIELDS: dict[str, Any] = {
    "level": {"type": "text", "derived": True, "title": title("级"), "choices": ["优", "良", "差"]}
}
OUTCOME: dict[str, Any] = {
    "level": {"type": "text", "title": title("级"), "choices": ["优", "良", "差"]},
    "fee": {"type": "number", "title": title("费")},
}


@pytest.fixture
def made(pack_dict: Make, rule_dict: Make) -> Callable[..., Pack]:
    """A pack of one rule that says nothing, with the given tables."""

    def make(*tables: dict[str, Any], **more: Any) -> Pack:
        silent = rule_dict(0, {"field": "pm", "op": "lt", "value": -1})
        rules = more.pop("rules", [silent])
        raw = pack_dict(rules, fields=FIELDS, outcome=OUTCOME, tables=list(tables), **more)
        return Pack.of(Definition.model_validate(raw))

    return make


def test_tables_that_need_one_another_are_asked_until_nothing_changes(
    made: Callable[..., Pack], engine: RulesProcess
) -> None:
    pack = made(FEE, LEVEL)
    ruling = engine.evaluate(pack, {"pm": 60, "open": True}, AT)
    assert ruling.engine == "durable_rules"
    assert ruling.outcome == {"level": "良", "fee": 0.3}
    assert [(one.rule, one.basis) for one in ruling.fired] == [
        ("fee.r1", "XKF-26"), ("fee.r2", "XKF-26"), ("level.r2", "XKF-26"),
    ]  # fmt: skip
    assert again(pack, ruling) == ruling
    assert evaluate(pack, {"pm": 60, "open": True}, AT).outcome == ruling.outcome


def test_a_row_with_an_article_of_its_own_rests_on_it(made: Callable[..., Pack]) -> None:
    ruling = evaluate(made(LEVEL), {"pm": 75.5}, AT)
    (fired,) = ruling.fired
    assert (fired.rule, fired.basis, fired.then) == ("level.bad", "XKF-32", {"level": "差"})
    assert fired.title == "分级 第 bad 行"


def test_a_table_is_stored_with_the_pack_and_read_again(made: Callable[..., Pack]) -> None:
    pack = made(LEVEL, FEE)
    read = Pack.from_stored(pack.stored)
    assert read.digest == pack.digest
    assert evaluate(read, {"pm": 1}, AT).outcome == {"level": "优", "fee": 0.1}


def test_a_pack_without_tables_is_stored_as_it_was(pack_dict: Make, rule_dict: Make) -> None:
    raw = pack_dict([rule_dict(0, {"field": "pm", "op": "gt", "value": 1})])
    assert '"tables"' not in Pack.of(Definition.model_validate(raw)).stored


def test_the_version_in_force_at_the_instant_answers(made: Callable[..., Pack]) -> None:
    old = {**LEVEL, "id": "level-2012", "in_force_until": "2026-03-01"}
    new = {
        **LEVEL, "id": "level-2026", "in_force_from": "2026-03-01",
        "rows": [["<=25", "优"], [">25", "差"]],
    }  # fmt: skip
    pack = made(old, new)
    before = datetime(2026, 2, 28, 15, 59, tzinfo=UTC)
    after = datetime(2026, 2, 28, 16, 0, tzinfo=UTC)
    assert evaluate(pack, {"pm": 30}, before).fired[0].rule == "level-2012.r1"
    assert evaluate(pack, {"pm": 30}, after).fired[0].rule == "level-2026.r2"
    assert evaluate(pack, {"pm": 30}, datetime(2019, 1, 1, tzinfo=UTC)).outcome == {}


def test_a_missing_input_answers_nothing_and_a_default_does_not_stand_in(
    made: Callable[..., Pack],
) -> None:
    table = {**LEVEL, "outputs": [{"name": "level", "default": "差"}], "rows": [["<=35", "优"]]}
    pack = made(table)
    assert evaluate(pack, {}, AT).outcome == {}
    ruling = evaluate(pack, {"pm": 36}, AT)
    assert ruling.outcome == {"level": "差"}
    assert ruling.fired[0].rule == "level.default"


def test_an_input_outside_the_columns_domain_has_no_ruling(made: Callable[..., Pack]) -> None:
    table = {
        **LEVEL, "inputs": [{"field": "pm", "values": "[0..100]"}],
        "rows": [["<=35", "优"], [">35", "差"]],
    }  # fmt: skip
    with pytest.raises(NoRuling, match="决策表 level: pm 为 101, 不在取值范围内"):
        evaluate(made(table), {"pm": 101}, AT)


def test_a_row_for_a_missing_value_in_a_column_that_is_not_optional_is_a_fault(
    made: Callable[..., Pack],
) -> None:
    rows = [["-", "null", "优"], ["-", "not(null)", "差"]]
    closed = {**LEVEL, "inputs": [{"field": "pm"}, {"field": "open"}], "rows": rows}
    assert "第 r1 行在取值范围内永不命中" in refused(lambda: made(closed))
    optional = {**closed, "inputs": [{"field": "pm"}, {"field": "open", "optional": True}]}
    assert evaluate(made(optional), {"pm": 1}, AT).outcome == {"level": "优"}


def refused(pack: Callable[[], Pack]) -> str:
    with pytest.raises(PackRefused) as found:
        pack()
    assert all(problem.remedy for problem in found.value.problems)
    return "\n".join(f"{p.loc} {p.message}" for p in found.value.problems)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": [{"field": "pmm"}]}, "('tables', 0, 'inputs', 0) 决策表 level: 字段 'pmm'"),
        ({"inputs": [{"field": "tags"}]}, "text_list 字段 tags 不能作输入列"),
        ({"outputs": [{"name": "lev"}]}, "结果 'lev' 不在 outcome 中"),
        ({"outputs": [{"name": "hit"}]}, "U 的结果 hit 是 text_list"),
        ({"hit": "R"}, "R 的结果 level 是 text"),
        ({"hit": "C#"}, "应为 number"),
        ({"inputs": [{"field": "pm", "type": "text"}]}, "字段 pm 是 number, 列写作 text"),
        ({"rows": [["<=35", "优"], [">35", "糟"]]}, "('tables', 0, 'rows', 1)"),
        ({"rows": [["<=35", "优"], [">=35", "良"]]}, "第 r1、r2 行都覆盖: pm=35"),
        ({"rows": [["<35", "优"], [">35", "良"]]}, "没有一行覆盖: pm=35"),
        ({"rows": [["<=35", "优"], ["36~75", "良"]]}, "第 2 行第 1 列 (pm)"),
        ({"id": "R0"}, "编号与规则 R0 相混"),
        ({"in_force_until": "2019-01-01"}, "失效日"),
        ({"file": "x.csv"}, "没有读入"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(
    made: Callable[..., Pack], change: dict[str, Any], said: str
) -> None:
    assert said in refused(lambda: made({**LEVEL, **change}))


def test_two_tables_may_not_give_the_same_outcome_on_one_day(made: Callable[..., Pack]) -> None:
    assert "都给出 level" in refused(lambda: made(LEVEL, {**LEVEL, "id": "other"}))


def test_a_rule_may_not_set_what_a_table_gives(made: Callable[..., Pack], rule_dict: Make) -> None:
    rule = rule_dict(0, {"field": "pm", "op": "gt", "value": 1}, then={"level": "优"})
    assert "又由规则 R0 给出" in refused(lambda: made(LEVEL, rules=[rule]))


def test_a_pack_has_a_limit_of_rows(made: Callable[..., Pack]) -> None:
    many = [[str(n), "优"] for n in range(MAX_ROWS_OF_A_PACK // 2 + 1)]
    tables = [{**LEVEL, "rows": many}, {**LEVEL, "id": "other", "rows": many}]
    assert f"最多 {MAX_ROWS_OF_A_PACK}" in refused(lambda: made(*tables))


# --- files --------------------------------------------------------------------------------

PACK = """pack: trial
title: {zh: 试, en: trial}
version: "2026.1"
fields:
  pm: {type: number, title: {zh: 浓度, en: pm}}
outcome:
  level: {type: text, title: {zh: 级, en: level}}
tables:
  - id: level
    title: {zh: 分级, en: level}
    basis: XKF-26
    in_force_from: 2020-01-01
    file: level.csv
rules:
  - id: R0
    title: {zh: 无, en: none}
    basis: XKF-26
    in_force_from: 2020-01-01
    when: {field: pm, op: lt, value: 0}
    then: {}
    examples:
      - {given: {pm: -1}, holds: true}
      - {given: {pm: 50}, holds: false, outcome: {level: 良}}
"""
CSV = """列,输入,输出,条文,注
字段,pm,level,,
类型,number,text,,
单位,微克每立方米,,,

,<=35,优,,
mid,(35..75],良,XKF-32,一注
,>75,"差",,
"""


def loaded(folder: Path, csv: bytes, pack: str = PACK) -> tuple[Pack | None, str]:
    (folder / "p.yaml").write_text(pack, "utf-8")
    (folder / "level.csv").write_bytes(csv)
    one, faults = load_file(folder / "p.yaml")
    return (one.pack if one else None), "\n".join(map(str, faults))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_csv_beside_the_pack_is_read_into_it(tmp_path: Path, mark: bytes) -> None:
    pack, faults = loaded(tmp_path, mark + CSV.encode())
    assert faults == ""
    assert pack is not None
    ruling = evaluate(Pack.from_stored(pack.stored), {"pm": 36}, AT)
    assert [(one.rule, one.basis) for one in ruling.fired] == [("level.mid", "XKF-32")]
    assert ruling.outcome == {"level": "良"}


def test_empty_cells_after_the_last_column_are_nothing(tmp_path: Path) -> None:
    wide = CSV.replace("\n", ",,,\n")
    pack, faults = loaded(tmp_path, wide.encode())
    assert faults == ""
    assert pack is not None


@pytest.mark.parametrize(
    ("csv", "said"),
    [
        (CSV.encode("gbk"), "p.yaml:13: level.csv 第 1 行: 不是 UTF-8 (像是 GBK)"),
        (b"", "level.csv 第 1 行: 空文件"),
        (CSV.replace("列,", "表,").encode(), "应为「列」"),
        (CSV.replace(",", ";").encode(), "以逗号分隔"),
        (CSV.replace("输出", "产出").encode(), "第 3 列写作 '产出'"),
        (CSV.replace("字段,", "类型,", 1).encode(), "「类型」一行写了两次"),
        (CSV.replace("(35..75],良", '"[35,75]",良').encode(),
         "CSV 第 7 行: 决策表 level: 第 2 行第 1 列"),
        (CSV.replace("<=35", "<=36").encode(),
         "CSV 第 7 行: 决策表 level: 第 r1、mid 行都覆盖: pm=35.5"),
        (CSV.replace(">75", ">=76").encode(), "没有一行覆盖: pm=75.5"),
        (CSV.replace(">75", '"1,200"').encode(), "像是千分位"),
        (CSV.replace(">75,", ">75,x,y,z,多,").encode(), "比第一行多出一格"),
        (CSV.replace('"差"', '"差').encode(), "不是 CSV"),
        (CSV.replace(",pm,", ",pmm,").encode(), "字段 'pmm' 不在 fields 中"),
        (CSV.replace("number", "numbr").encode(), "tables.0.inputs.0.type"),
        (CSV.split("\n\n")[0].encode(), "只有表头"),
    ],
)  # fmt: skip
def test_a_wrong_csv_is_refused_with_file_line_and_remedy(
    tmp_path: Path, csv: bytes, said: str
) -> None:
    pack, faults = loaded(tmp_path, csv)
    assert pack is None
    assert said in faults
    assert "→" in faults


@pytest.mark.parametrize("name", ["../level.csv", "/etc/passwd", "level.txt", "none.csv"])
def test_a_table_file_stands_beside_its_pack(tmp_path: Path, name: str) -> None:
    pack, faults = loaded(tmp_path, CSV.encode(), PACK.replace("level.csv", name))
    assert pack is None
    assert "p.yaml:13:" in faults


def test_a_pack_that_comes_as_text_writes_its_tables_out() -> None:
    _, faults = load_text(PACK, "规则包.yaml")
    assert "没有读入" in str(faults[0])


# --- examples of a table ---

EXAMPLES = """
    examples:
      - {given: {pm: 35}, rows: [r1], outcome: {level: 优}}
      - {given: {}, rows: []}
"""


def test_the_examples_of_a_table_are_tried_when_it_is_loaded(tmp_path: Path) -> None:
    told = PACK.replace("level.csv\n", "level.csv" + EXAMPLES)
    pack, faults = loaded(tmp_path, CSV.encode(), told)
    assert faults == ""
    assert pack is not None
    pack, faults = loaded(tmp_path, CSV.encode(), told.replace("rows: [r1]", "rows: [mid]"))
    assert pack is None
    assert "决策表 level 的例子: 写明的行是 ['mid'], 实际是 ['r1']" in faults
    pack, faults = loaded(tmp_path, CSV.encode(), told.replace("level: 优", "level: 差"))
    assert "结果 level 应为 '差', 实际为 '优'" in faults
    pack, faults = loaded(tmp_path, CSV.encode(), told.replace("{pm: 35}", "{pmm: 35}"))
    assert "pmm: 规则包没有这个字段" in faults


def test_a_table_is_asked_while_no_rule_is_in_force(
    made: Callable[..., Pack], rule_dict: Make, engine: RulesProcess
) -> None:
    later = rule_dict(0, {"field": "pm", "op": "gt", "value": 1}, in_force_from="2030-01-01")
    ruling = engine.evaluate(made(LEVEL, rules=[later]), {"pm": 1}, AT)
    assert (ruling.engine, ruling.outcome) == ("durable_rules", {"level": "优"})
