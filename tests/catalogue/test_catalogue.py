"""The shipped catalogue is sound, and each way of breaking it is named with line and remedy."""

import shutil
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import Draft202012Validator

from cases.messages import BODIES, OF_LAW
from catalogue.check import check
from catalogue.city import is_resident_id, is_uscc, resident_id_check, uscc_check
from catalogue.load import (
    HERE,
    CatalogueFaulty,
    MatterUnknown,
    canonical,
    digest,
    load_catalogue,
)
from catalogue.marks import Fault
from catalogue.matter_check import ACTS
from catalogue.matters import DocumentKind, Matter, ProcedureKind
from catalogue.words import DOCUMENTS, PROCEDURES

CATALOGUE = load_catalogue()
FOOD = "matters/food-operation-2026.1.yaml"
PACKS = {path.stem for path in (HERE.parent / "rules/packs").glob("*.yaml")}
START = "matters/enterprise-start-2026.1.yaml"
RENEWAL = "matters/radiation-renewal-2026.1.yaml"
WABO = "matters/wabo-receipt-2024.1.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "catalogue"
    shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copy


def broken(folder: Path, name: str, old: str, new: str) -> list[Fault]:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return check(folder, PACKS)


def line_of(folder: Path, name: str, text: str) -> int:
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_the_shipped_catalogue_has_no_fault() -> None:
    assert check(HERE) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "mark", "message"),
    [
        (FOOD, "事项名称: 食品", "事项名字: 食品", "事项名字", "没有「事项名字」"),
        (FOOD, "事项名称: 食品经营许可\n", "", "标识", "缺少「事项名称」"),
        (FOOD, '版本: "2026.1"', "版本: 2026.1", "版本", "应为文字"),
        (FOOD, "办件类型: 承诺件", "办件类型: 急件", "办件类型", "不在清单内"),
        (FOOD, "实施主体: scjg", "实施主体: nobody", "实施主体", "没有部门「nobody」"),
        (FOOD, "办理部门: scjg", "办理部门: nobody", "办理部门", "没有部门「nobody」"),
        (FOOD, "依据: XKF-42-1}", "依据: XKF-99}", "法定办结时限", "不在法条登记簿内"),
        (FOOD, "生效日期: 2026-01-01", "生效日期: 2021-01-01", "设定依据", "不覆盖本版本的有效期"),
        (
            FOOD,
            "设定依据: [SPAQ-35-1, SPAQ-35-2, SPJY-9]",
            "设定依据: []",
            "设定依据",
            "没有设定依据",
        ),
        (FOOD, "实施主体: scjg", "实施主体: scjg\n实施主体: zjj", "实施主体: zjj", "重复"),
        (
            FOOD,
            "材料编码: premises",
            "材料编码: application",
            "布局",
            "材料编码「application」重复",
        ),
        (FOOD, "[accept, decide]", "[accept, bless]", "bless", "没有动作「bless」"),
        (FOOD, "日历: cn", "日历: mars", "日历: mars", "没有日历「mars」"),
        (FOOD, "日历: cn", "日历: none", "法定办结时限", "没有日历却按工作日计"),
        (
            FOOD,
            "时限: 10, 单位: 工作日, 依据: YSHJ-36",
            "时限: 21, 单位: 工作日, 依据: YSHJ-36",
            "时限: 21",
            "长于法定时限",
        ),
        (FOOD, "routing: routing", "routing: rooting", "rooting", "没有规则包「rooting」"),
        (FOOD, "on_the_spot: on_the_spot", "surprise: on_the_spot", "surprise", "没有规则用途"),
        (RENEWAL, "有效期字段: licence_until", "有效期字段: unit_name", "有效期字段", "没有必填"),
        (RENEWAL, "licence_no, licence_until,", "licence_no,", "有效期字段", "没有必填"),
        (RENEWAL, "30, 单位: 自然日", "30, 单位: 小时", "申请提前", "不能按时、分计"),
        (RENEWAL, "依据: FSX-13}", "依据: FSX-99}", "申请提前", "不在法条登记簿内"),
        (FOOD, ", 延期决定通知书", "", "文书:", "没有延期决定通知书"),
        (FOOD, ", 不予决定书", "", "文书:", "缺少必备文书 refusal"),
        (FOOD, "特别程序: [听证,", "特别程序: [算命,", "特别程序", "不在清单内"),
        (FOOD, "停表: [听证,", "停表: [午休,", "承诺时限停表", "没有停表事由「午休」"),
        (START, "材料: false}", "材料: false, 可容缺: true}", "申请材料", "可容缺材料不一致"),
        (
            FOOD,
            "type: integer, title: 从业人员数",
            "type: count, title: 从业人员数",
            "从业人员数",
            "2020-12",
        ),
        (
            FOOD,
            "title: 经营场所, x-en: Address of the premises",
            "title: 经营场所",
            "premises_address: {",
            "没有 x-en",
        ),
        (
            FOOD,
            "required: [operator_name,",
            "required: [operator,",
            "required: [operator,",
            "没有字段「operator」",
        ),
        (FOOD, '"^1[3-9][0-9]{9}$"', '"^1[3-9][0-9]{9$("', "phone:", "regex"),
        (FOOD, "网上申请须预审: true", "网上申请须预审: [", "", "YAML"),
        (FOOD, '"11990100990100203J3', '"1199', "实施编码", "实施编码「1199"),
        (FOOD, "可容缺: true}", "可容缺: 也许}", "health-cert", "「可容缺」"),
        (WABO, "生效日期: 2024-01-01", "生效日期: 2024-02-01", "生效日期", "空档"),
        (WABO, "生效日期: 2024-01-01", "生效日期: 2023-12-01", "生效日期", "重叠"),
        (WABO, "时区: Europe/Amsterdam", "时区: Europe/Atlantis", "Atlantis", "没有时区"),
        (WABO, 'wabo-receipt\n版本: "2024.1"', 'wabo-receipt\n版本: "2024.2"', "标识", "文件名"),
        (
            "city.yaml",
            "上级: gov\n    性质: 机关",
            "上级: nowhere\n    性质: 机关",
            "上级: nowhere",
            "没有部门「nowhere」",
        ),
        ("city.yaml", "机关代字: 云市监", "机关代字: 云政", "标识: scjg", None),
        ("city.yaml", "11990100990100203J", "11990100990100203K", "990100203K", "校验位不符"),
        ("city.yaml", "标识: xf", "标识: rf", "标识: xf", None),
        ("city.yaml", "时区: Asia/Shanghai", "时区: Asia/Atlantis", "时区", "没有时区"),
        ("law.yaml", "标识: XKF-32-2\n", "标识: XKF-32-1\n", "不属于本机关职权", "重复"),
        ("law.yaml", "来源: M\n    verified: false", "来源: M", '要旨: "执行公务', "凭记忆"),
        (
            "calendars/cn.yaml",
            "放假: [2026-01-01, ",
            "放假: [2025-01-01, ",
            "2026:",
            "不在 2026 年",
        ),
        ("calendars/cn.yaml", "上班: [2026-01-04", "上班: [2026-01-01", "2026:", "既放假又上班"),
        ("calendars/cn.yaml", "截止: 2026-12-31", "截止: 2027-12-31", "年份", "缺 2027 年"),
        ("calendars/cn.yaml", '"09:00-12:00"', '"12:00-09:00"', "作息", "作息"),
    ],
)
def test_a_fault_is_named_with_its_file_and_remedy(
    folder: Path, name: str, old: str, new: str, mark: str, message: str | None
) -> None:
    faults = broken(folder, name, old, new)
    named = [fault for fault in faults if fault.file == name]
    assert named
    assert all(fault.remedy for fault in faults)
    if message is None:
        return
    hits = [fault for fault in named if message in fault.message]
    assert hits, [str(fault) for fault in faults]
    if mark:
        assert any(abs(hit.line - line_of(folder, name, mark)) <= 3 for hit in hits)


def fee(basis: str, amount: int = 1000) -> str:
    return f"日历: cn\n收费: [{{项目: 工本费, 金额: {amount}, 依据: {basis}}}]\n"


@pytest.mark.parametrize(
    ("basis", "what"),
    [("SPJY-9", "a rule of a ministry"), ("AY-24", "a local regulation"), ("XKF-58", "the ban")],
)
def test_no_fee_without_a_law_or_an_administrative_regulation(
    folder: Path, basis: str, what: str
) -> None:
    faults = broken(folder, FOOD, "日历: cn\n", fee(basis))
    assert len(faults) == 1, what
    assert "（XKF-58）" in faults[0].message
    assert faults[0].line == line_of(folder, FOOD, "收费:")


@pytest.mark.parametrize("basis", ["SPAQ-35-1", "FSX-13"])
def test_a_fee_on_a_law_or_an_administrative_regulation_stands(folder: Path, basis: str) -> None:
    assert broken(folder, FOOD, "日历: cn\n", fee(basis)) == []
    matter = load_catalogue(folder).matter("food-operation", "2026.1")
    assert [(one.item, one.amount) for one in matter.fees] == [("工本费", 1000)]


def test_a_fee_on_an_unknown_article_or_of_nothing_is_a_fault(folder: Path) -> None:
    assert any("登记簿" in one.message for one in broken(folder, FOOD, "日历: cn\n", fee("XKF-99")))
    assert broken(folder, FOOD, "金额: 1000, 依据: XKF-99", "金额: 0, 依据: SPAQ-35-1")


def test_a_matter_that_lists_no_fee_is_free_of_charge() -> None:
    assert CATALOGUE.matter("food-operation", "2026.1").fees == ()


def test_a_fault_names_the_very_line(folder: Path) -> None:
    faults = broken(folder, FOOD, "依据: XKF-44}", "依据: XKF-440}")
    assert [(fault.file, fault.line) for fault in faults] == [
        (FOOD, line_of(folder, FOOD, "XKF-440"))
    ]


def test_a_missing_file_is_a_fault(folder: Path) -> None:
    (folder / "city.yaml").unlink()
    assert [fault.file for fault in check(folder)] == ["city.yaml"]


def test_an_empty_folder_is_faulty_in_every_part(tmp_path: Path) -> None:
    assert {fault.file for fault in check(tmp_path)} == {
        "city.yaml",
        "law.yaml",
        "matters/",
        "calendars/",
        "clocks/",
    }


def test_a_faulty_catalogue_is_not_loaded(folder: Path) -> None:
    broken(folder, FOOD, "实施主体: scjg", "实施主体: nobody")
    with pytest.raises(CatalogueFaulty, match="nobody"):
        load_catalogue(folder)


def test_the_version_in_force_changes_on_its_day() -> None:
    before = CATALOGUE.matter_in_force("wabo-receipt", date(2023, 12, 31))
    after = CATALOGUE.matter_in_force("wabo-receipt", date(2024, 1, 1))
    assert (before.version, after.version) == ("2010.1", "2024.1")


def test_a_matter_before_its_first_version_is_unknown() -> None:
    with pytest.raises(MatterUnknown, match="food-operation"):
        CATALOGUE.matter_in_force("food-operation", date(2025, 12, 31))


def test_six_matters_are_in_force_today() -> None:
    assert {matter.code for matter in CATALOGUE.matters_in_force(date(2026, 11, 22))} == {
        "food-operation",
        "construction-permit",
        "enterprise-start",
        "information-disclosure",
        "radiation-renewal",
        "wabo-receipt",
    }


def test_a_construction_permit_goes_to_four_departments_under_a_lead() -> None:
    matter = CATALOGUE.matter_in_force("construction-permit", date(2026, 11, 22))
    assert [step.department for step in matter.steps if step.always] == ["zjj", "zrzy", "xf", "rf"]
    assert (matter.lead, matter.statutory.n, matter.promised.n) == ("zjj", 45, 22)
    assert matter.extension is not None
    assert (matter.extension.n, matter.extension.rank) == (15, "government_head")


def test_accepting_and_deciding_are_separate_in_both_licences() -> None:
    for code in ("food-operation", "construction-permit"):
        matter = CATALOGUE.matter_in_force(code, date(2026, 11, 22))
        assert ("accept", "decide") in [one.acts for one in matter.separations]


def test_a_matter_survives_its_own_canonical_form() -> None:
    for matter in CATALOGUE.matters:
        again = Matter.model_validate_json(canonical(matter))
        assert again == matter
        assert digest(again) == digest(matter)


def test_the_digest_moves_with_any_change() -> None:
    matter = CATALOGUE.matters[0]
    assert digest(matter) != digest(matter.model_copy(update={"phone": "0"}))


def test_every_form_is_a_schema_with_eight_fields_or_more() -> None:
    for matter in CATALOGUE.matters:
        Draft202012Validator.check_schema(matter.form)
        if matter.process == "approval":
            properties = matter.form["properties"]
            assert isinstance(properties, dict)
            # Whoever suggests something is asked for what it is, and for little else.
            assert len(properties) >= (4 if matter.code == "citizen-suggestion" else 8)


def test_names_that_stand_in_two_places_agree() -> None:
    assert set(BODIES) - OF_LAW == ACTS
    assert set(DOCUMENTS.values()) == set(get_args(DocumentKind))
    assert set(PROCEDURES.values()) == set(get_args(ProcedureKind))


def test_articles_from_memory_are_marked_as_unverified() -> None:
    assert not CATALOGUE.law["WABO-3.9-1"].verified
    assert CATALOGUE.law["XKF-42-1"].verified
    assert CATALOGUE.law["XKF-42-1"].cited == "《中华人民共和国行政许可法》第四十二条第一款"


def test_the_words_of_a_verified_article_are_there() -> None:
    for article in CATALOGUE.law.values():
        assert bool(article.text) == article.verified, article.id
    assert "逾期不告知的，自收到申请材料之日起即为受理" in CATALOGUE.law["XKF-32-4"].text


@pytest.mark.parametrize("code", ["91350100M000100Y43", "11990100990100203J"])
def test_a_credit_code_with_its_check_character_is_one(code: str) -> None:
    assert is_uscc(code)
    assert uscc_check(code[:17]) == code[17]


@pytest.mark.parametrize("code", ["91350100M000100Y44", "91350100M000100Y4", "91350100I000100Y43"])
def test_a_credit_code_with_a_flaw_is_none(code: str) -> None:
    assert not is_uscc(code)


def test_an_identity_number_is_told_by_its_check_character() -> None:
    assert is_resident_id("11010519491231002X")  # the example of GB 11643-1999
    assert not is_resident_id("110105194912310021")
    assert not is_resident_id("1101051949123100２X")
    assert resident_id_check("44052418800101001") == "4"


def test_a_form_keeps_its_own_order_through_canonical_json() -> None:
    for matter in load_catalogue().matters:
        stored = Matter.model_validate_json(canonical(matter))
        ours, theirs = matter.form["properties"], stored.form["properties"]
        assert isinstance(ours, dict)
        assert isinstance(theirs, dict)
        assert list(theirs) == list(ours)
        assert stored == matter
        assert canonical(stored) == canonical(matter)
