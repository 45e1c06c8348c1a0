"""What is wrong with one matter, given the departments, the law and the calendars."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from catalogue import words
from catalogue.city import Department
from catalogue.form_check import form_faults
from catalogue.form_dangers import form_dangers
from catalogue.law import Article
from catalogue.marks import Fault, Loc, Marked
from catalogue.matters import DocumentKind, Limit, Matter
from catalogue.working_days import NONE, Calendar

ACTS = frozenset({
    "file", "pre_review", "ask_supplement", "supply", "correct_on_spot", "accept",
    "refuse_acceptance", "not_required", "claim", "transfer", "add_signer", "remove_signer",
    "opine", "inspect", "gather", "start_procedure", "end_procedure", "extend", "return_step",
    "start_wait", "end_wait", "disallow_pause", "restore_pause", "tell_hearing_right",
    "request_hearing", "notify_hearing", "assign_inspectors", "confirm_receipt",
    "decide", "certify", "serve", "close", "rate", "rectify", "call_back", "withdraw", "urge",
    "copy_to", "recuse", "check_afterwards", "record_step", "issue_card", "revoke_card",
    "explain_card", "review_explanation", "revoke_licence", "reissue",
    "serve_reissued",
})  # fmt: skip
"""Acts that a separation of duties may name: the verbs of cases/messages.py that people use.

The catalogue lies below the cases and cannot import them; a test holds the two lists equal.
"""

NO_FEE = "XKF-58"
"""行政许可法第五十八条: no fee at all, unless a law or an administrative regulation says so."""

RULE_ROLES = ("routing", "completeness", "on_the_spot")

NEEDED_PAPERS: Mapping[str, tuple[DocumentKind, ...]] = {
    "approval": (
        "acceptance_notice",
        "supplement_notice",
        "acceptance_refusal",
        "grant",
        "refusal",
    ),
    "open": (),
}
"""Written by law whenever the step is taken (行政许可法第三十二条、第三十八条)."""


@dataclass(frozen=True)
class Around:
    """What a matter is checked against."""

    departments: Mapping[str, Department]
    law: Mapping[str, Article]
    calendars: Mapping[str, Calendar]
    code_pattern: str
    packs: Collection[str] | None
    compartments: Collection[str]


def matter_faults(matter: Matter, marked: Marked, around: Around) -> Iterator[Fault]:
    """Yield what is wrong with one matter, given the rest of the catalogue."""
    yield from _identity_faults(matter, marked, around)
    yield from _basis_faults(matter, marked, around)
    yield from _department_faults(matter, marked, around)
    yield from _time_faults(matter, marked, around)
    yield from _paper_faults(matter, marked)
    yield from _list_faults(matter, marked)
    yield from _material_faults(matter, marked)
    yield from _form_faults(matter, marked)
    yield from _renewal_faults(matter, marked)
    yield from _fee_faults(matter, marked, around)
    yield from _rule_faults(matter, marked, around)


def _identity_faults(matter: Matter, marked: Marked, around: Around) -> Iterator[Fault]:
    expected = f"matters/{matter.code}-{matter.version}.yaml"
    if marked.file != expected:
        yield marked.fault(
            ("标识",), f"文件名与标识、版本不符（{marked.file}）", f"请改名为 {expected}"
        )
    if around.code_pattern and not re.fullmatch(around.code_pattern, matter.implementing_code):
        yield marked.fault(
            ("实施编码",),
            f"实施编码「{matter.implementing_code}」格式不对",
            f"应符合 {around.code_pattern}",
        )
    if matter.in_force_until is not None and matter.in_force_until <= matter.in_force_from:
        yield marked.fault(("失效日期",), "失效不晚于生效", "失效日期是不再有效的第一日，请改正")
    try:
        ZoneInfo(matter.zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield marked.fault(
            ("时区",), f"没有时区「{matter.zone}」", "请写 IANA 名称，如 Asia/Shanghai"
        )


def bases_of(matter: Matter) -> Iterator[tuple[Loc, str]]:
    """Yield every article that a matter names, with the place where it does."""
    for index, one in enumerate(matter.basis):
        yield ("设定依据", index), one
    limits: dict[str, Limit] = {
        "法定办结时限": matter.statutory,
        "承诺办结时限": matter.promised,
        "补正告知时限": matter.notice,
        "送达时限": matter.delivery,
    }
    for element, limit in limits.items():
        yield (element, "依据"), limit.basis
    if matter.extension is not None:
        yield ("延长审批", "依据"), matter.extension.basis
    for index, step in enumerate(matter.steps):
        if step.limit is not None:
            yield ("办理环节", index, "环节时限", "依据"), step.limit.basis
    for index, separation in enumerate(matter.separations):
        yield ("职责分离", index, "依据"), separation.basis
    yield from _special_bases(matter)
    if matter.tolerance is not None:
        yield ("容缺受理", "依据"), matter.tolerance.basis
        yield ("容缺受理", "补齐时限", "依据"), matter.tolerance.limit.basis
    if matter.commitment is not None:
        yield ("告知承诺", "依据"), matter.commitment.basis
        yield ("告知承诺", "核查时限", "依据"), matter.commitment.check_within.basis


def _special_bases(matter: Matter) -> Iterator[tuple[Loc, str]]:
    if matter.assignment is not None:
        yield ("检验指派时限", "依据"), matter.assignment.basis
    if matter.renewal is not None:
        yield ("延续", "依据"), matter.renewal.basis
        yield ("延续", "申请提前", "依据"), matter.renewal.ahead.basis
    if matter.scarcity is not None:
        yield ("数量限制", "依据"), matter.scarcity.basis
    for index, fee in enumerate(matter.fees):
        yield ("收费", index, "依据"), fee.basis


def _basis_faults(matter: Matter, marked: Marked, around: Around) -> Iterator[Fault]:
    if not matter.basis:
        yield marked.fault(("设定依据",), "没有设定依据", "请写明至少一条（行政许可法第四条）")
    for loc, one in bases_of(matter):
        article = around.law.get(one)
        if article is None:
            yield marked.fault(
                loc, f"法条「{one}」不在法条登记簿内", "请在 law.yaml 登记，或改正标识"
            )
        elif not article.covers(matter.in_force_from, matter.in_force_until):
            span = _span(article.in_force_from, article.in_force_until)
            yield marked.fault(
                loc,
                f"法条「{one}」（{span}）不覆盖本版本的有效期",
                "请换用有效条文，或改本版本的日期",
            )


def _span(first: date, until: date | None) -> str:
    return f"{first} 起" if until is None else f"{first} 至 {until} 前"


def _department_faults(matter: Matter, marked: Marked, around: Around) -> Iterator[Fault]:
    named: list[tuple[Loc, str]] = [(("实施主体",), matter.department)]
    if matter.lead:
        named.append((("牵头部门",), matter.lead))
    named += [
        (("办理环节", index, "办理部门"), step.department)
        for index, step in enumerate(matter.steps)
    ]
    for loc, code in named:
        if code not in around.departments:
            yield marked.fault(loc, f"没有部门「{code}」", "请在 city.yaml 登记，或改正标识")
    for code in matter.label.compartments:
        if code not in around.compartments:
            loc = ("敏感标记", "范畴")
            yield marked.fault(loc, f"没有知悉范围「{code}」", "请在 city.yaml 登记，或改正标识")
    implementing = around.departments.get(matter.department)
    if implementing is not None and matter.process == "approval":
        missing = [
            element
            for element, value in (
                ("统一社会信用代码", implementing.uscc),
                ("复议机关", implementing.review_body),
                ("法院", implementing.court),
                ("地址", implementing.address),
                ("电话", implementing.phone),
            )
            if not value
        ]
        for element in missing:
            yield marked.fault(
                ("实施主体",),
                f"实施主体「{matter.department}」没有登记{element}",
                "请在 city.yaml 补上；决定书要写（行政许可法第三十八条）",
            )


def _time_faults(matter: Matter, marked: Marked, around: Around) -> Iterator[Fault]:
    if matter.calendar not in around.calendars:
        yield marked.fault(
            ("日历",), f"没有日历「{matter.calendar}」", "请改正，或在 calendars/ 补上"
        )
    limits = _limits_of(matter)
    if matter.calendar == NONE.name:
        for loc, limit in limits:
            if limit.unit in ("working_day", "working_hour"):
                yield marked.fault(
                    (*loc, "单位"), "没有日历却按工作日计", "请写明日历，或改用自然日"
                )
    if matter.promised.unit == matter.statutory.unit and matter.promised.n > matter.statutory.n:
        yield marked.fault(("承诺办结时限", "时限"), "承诺时限长于法定时限", "请改短")
    for loc, limit in limits:
        if limit.n == 0 and limit.unit != "on_the_spot":
            yield marked.fault((*loc, "时限"), "时限为 0", "请改正；当场办理的单位写「即办」")
    for index, pause in enumerate(matter.promise_pauses):
        if pause not in words.PROMISE_PAUSES.values():
            allowed = words.allowed("承诺时限停表")
            yield marked.fault(
                ("承诺时限停表", index), f"没有停表事由「{pause}」", f"可用：{allowed}"
            )


def _paper_faults(matter: Matter, marked: Marked) -> Iterator[Fault]:
    for kind in NEEDED_PAPERS[matter.process]:
        if kind not in matter.documents:
            yield marked.fault(
                ("文书",), f"缺少必备文书 {kind}", "请补上（行政许可法第三十二条、第三十八条）"
            )
    if matter.extension is not None and "extension_notice" not in matter.documents:
        yield marked.fault(
            ("文书",), "允许延期却没有延期决定通知书", "请补上（行政许可法第四十二条）"
        )
    if matter.procedures and "procedure_notice" not in matter.documents:
        yield marked.fault(
            ("文书",), "允许特别程序却没有特别程序告知书", "请补上（行政许可法第四十五条）"
        )


def _limits_of(matter: Matter) -> list[tuple[Loc, Limit]]:
    limits: list[tuple[Loc, Limit]] = [
        (("法定办结时限",), matter.statutory),
        (("承诺办结时限",), matter.promised),
        (("补正告知时限",), matter.notice),
        (("送达时限",), matter.delivery),
    ]
    limits += [
        (("办理环节", index, "环节时限"), step.limit)
        for index, step in enumerate(matter.steps)
        if step.limit is not None
    ]
    if matter.assignment is not None:
        limits.append((("检验指派时限",), matter.assignment))
    if matter.renewal is not None:
        limits.append((("延续", "申请提前"), matter.renewal.ahead))
    if matter.tolerance is not None:
        limits.append((("容缺受理", "补齐时限"), matter.tolerance.limit))
    if matter.commitment is not None:
        limits.append((("告知承诺", "核查时限"), matter.commitment.check_within))
    return limits


def _list_faults(matter: Matter, marked: Marked) -> Iterator[Fault]:
    for element, key, codes in (
        ("办理环节", "环节编码", [step.code for step in matter.steps]),
        ("申请材料", "材料编码", [material.code for material in matter.materials]),
    ):
        for index, code in enumerate(codes):
            if codes.index(code) != index:
                yield marked.fault((element, index, key), f"{key}「{code}」重复", "请改用别的编码")
    if not matter.steps:
        yield marked.fault(("办理环节",), "没有办理环节", "请至少写一个环节")
    for index, separation in enumerate(matter.separations):
        for act in separation.acts:
            if act not in ACTS:
                yield marked.fault(
                    ("职责分离", index, "不得同人"),
                    f"没有动作「{act}」",
                    f"可用：{'、'.join(sorted(ACTS))}",
                )


def _material_faults(matter: Matter, marked: Marked) -> Iterator[Fault]:
    for index, material in enumerate(matter.materials):
        if material.required and material.originals + material.copies == 0:
            yield marked.fault(
                ("申请材料", index),
                f"必备材料「{material.name}」没有写份数",
                "请写原件份数或复印件份数",
            )
    tolerable = any(material.tolerable for material in matter.materials)
    if tolerable != (matter.tolerance is not None):
        yield marked.fault(
            ("容缺受理",) if matter.tolerance else ("申请材料",),
            "容缺受理与可容缺材料不一致",
            "两者须同时写，或同时不写（清单应公布）",
        )


def _form_faults(matter: Matter, marked: Marked) -> Iterator[Fault]:
    yield from form_dangers(matter.form, marked)
    try:
        Draft202012Validator.check_schema(matter.form)
    except SchemaError as wrong:
        loc = ("表单", *wrong.absolute_path)
        yield marked.fault(loc, f"表单不是 JSON Schema 2020-12（{wrong.message}）", "请按规范改正")
        return
    properties: Any = matter.form.get("properties")
    if matter.form.get("type") != "object" or not isinstance(properties, dict) or not properties:
        yield marked.fault(("表单",), "表单不是有字段的对象", "请写 type: object 和 properties")
        return
    for name, field in properties.items():
        yield from _field_faults(name, field, marked)
    required: Any = matter.form.get("required", [])
    for index, name in enumerate(required):
        if name not in properties:
            yield marked.fault(("表单", "required", index), f"没有字段「{name}」", "请改正或删去")
    for loc, wrong_part, remedy in form_faults(matter.form):
        yield marked.fault(("表单", *loc), wrong_part, remedy)


def _renewal_faults(matter: Matter, marked: Marked) -> Iterator[Fault]:
    renewal = matter.renewal
    if renewal is None:
        return
    if renewal.ahead.unit not in ("day", "working_day"):
        yield marked.fault(
            ("延续", "申请提前", "单位"), "申请提前不能按时、分计", "请用自然日或工作日"
        )
    properties: Any = matter.form.get("properties")
    field = properties.get(renewal.field) if isinstance(properties, dict) else None
    required: Any = matter.form.get("required", [])
    known = field if isinstance(field, dict) else {}
    fits = (known.get("type"), known.get("format")) == ("string", "date")
    if not fits or renewal.field not in required or known.get("x-personal"):
        yield marked.fault(
            ("延续", "有效期字段"),
            f"表单没有必填、非个人信息的日期字段「{renewal.field}」",
            "请在表单写 type: string、format: date，并列入 required",
        )


def _fee_faults(matter: Matter, marked: Marked, around: Around) -> Iterator[Fault]:
    for index, fee in enumerate(matter.fees):
        article = around.law.get(fee.basis)
        if article is None:
            continue  # said of every basis
        if article.rank not in ("law", "regulation") or fee.basis == NO_FEE:
            yield marked.fault(
                ("收费", index, "依据"),
                f"收费「{fee.item}」的依据「{fee.basis}」不是准许收费的法律、行政法规条文（{NO_FEE}）",
                "请改写法律、行政法规中规定收费的条文；没有的，不得收费，请删去",
            )


def _field_faults(name: str, field: Any, marked: Marked) -> Iterator[Fault]:
    loc: Loc = ("表单", "properties", name)
    if not isinstance(field, dict):
        yield marked.fault(loc, f"字段「{name}」没有说明", "请写 type 和 title")
        return
    for key in ("title", "x-en"):
        if not isinstance(field.get(key), str) or not field[key]:
            yield marked.fault(loc, f"字段「{name}」没有 {key}", f"请补上 {key}")
    if not isinstance(field.get("x-personal", False), bool):
        yield marked.fault((*loc, "x-personal"), "x-personal 只能是 true 或 false", "请改正")


def _rule_faults(matter: Matter, marked: Marked, around: Around) -> Iterator[Fault]:
    for role, pack in matter.rules.items():
        if role not in RULE_ROLES:
            yield marked.fault(
                ("规则", role), f"没有规则用途「{role}」", f"可用：{'、'.join(RULE_ROLES)}"
            )
        if around.packs is not None and pack not in around.packs:
            yield marked.fault(
                ("规则", role), f"没有规则包「{pack}」", "请在 rules/packs 补上，或改正"
            )
    if matter.process == "approval":
        for role in RULE_ROLES:
            if role not in matter.rules:
                yield marked.fault(("规则",), f"没有写「{role}」的规则包", "请补上")
