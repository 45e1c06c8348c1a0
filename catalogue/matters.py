"""Matters (事项): what a citizen may ask for, as frozen values.

Element names in the YAML are those of GB/T 39046-2020《政务服务平台基础数据规范》 table 4; the
attribute names here are their English words (`docs/words.md`). A case carries the version that
was in force when it was filed, so every field here is a value, never a reference to a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

Unit = Literal["on_the_spot", "minute", "hour", "working_hour", "day", "working_day"]
"""即办 · 分钟 · 小时 · 工作时 · 自然日 · 工作日."""

ProcedureKind = Literal[
    "hearing", "tender", "auction", "inspection", "testing", "quarantine", "appraisal",
    "expert_review",
]  # fmt: skip
"""听证、招标、拍卖、检验、检测、检疫、鉴定、专家评审: the closed list of 行政许可法第四十五条."""

WaitGround = Literal["site_visit", "publicity"]
"""现场核查、公示: they may stop the promised clock, where the matter says so, and never the
statutory one: 第四十五条 does not name them."""

DocumentKind = Literal[
    "receipt", "supplement_notice", "acceptance_notice", "acceptance_refusal",
    "procedure_notice", "extension_notice", "grant", "refusal", "service_record",
    "wait_notice", "hearing_right_notice", "hearing_notice", "deemed_renewal",
    "supervision_order", "supervision_advice",
]  # fmt: skip
"""收件凭证 · 补正告知书 · 受理通知书 · 不予受理决定书 · 特别程序告知书 · 延期决定通知书 ·
准予行政许可决定书 · 不予行政许可决定书 · 送达回证 · 所需时间告知书 · 听证权利告知书 · 听证通知书 ·
视为准予延续通知书 · 督办单 · 监察建议书 (the last two go with cards, not with the matter)."""

SUPERVISION_PAPERS: frozenset[DocumentKind] = frozenset({"supervision_order", "supervision_advice"})
"""Documents of the supervision: they go to the organ, never to the applicant."""


ORDER = "x-order"

_LATER = frozenset({"办事提示", "advice", "文书正文", "wordings"})

LICENCE = "01"
"""GB/T 39046-2020 A.1: the type of a matter that is a 行政许可."""


class Frozen(BaseModel):
    """A value: no change after it is made; elements by their Chinese or English name."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")


class Limit(Frozen):
    """A period: so many units, on the ground of an article of the law register."""

    n: int = Field(ge=0, alias="时限")
    unit: Unit = Field(alias="单位")
    basis: str = Field(alias="依据")


class Extension(Frozen):
    """How much longer, once, and who may grant it (行政许可法第四十二条)."""

    n: int = Field(ge=1, alias="时限")
    unit: Unit = Field(alias="单位")
    rank: Literal["organ_head", "government_head"] = Field(alias="批准人")
    """本行政机关负责人 · 本级人民政府负责人."""
    basis: str = Field(alias="依据")


class Material(Frozen):
    """One paper that the applicant hands in."""

    code: str = Field(alias="材料编码")
    name: str = Field(alias="材料名称")
    name_en: str = Field(default="", alias="材料英文名称")
    issuer: str = Field(default="", alias="出具机构")
    originals: int = Field(default=0, alias="原件份数")
    copies: int = Field(default=0, alias="复印件份数")
    required: bool = Field(default=True, alias="是否必备材料")
    tolerable: bool = Field(default=False, alias="可容缺")
    """A secondary material: acceptance may go ahead without it on a written undertaking."""


class Step(Frozen):
    """One department's piece of the review (环节)."""

    code: str = Field(alias="环节编码")
    name: str = Field(alias="环节名称")
    name_en: str = Field(default="", alias="环节英文名称")
    department: str = Field(alias="办理部门")
    limit: Limit | None = Field(default=None, alias="环节时限")
    signing: Literal["all", "any"] = Field(default="any", alias="签署方式")
    """会签 (every signer must agree) or 或签 (one suffices)."""
    inspectors: int = Field(default=0, ge=0, alias="核查人数")
    """At least so many officers on an on-site inspection (行政许可法第三十四条: two)."""
    always: bool = Field(default=True, alias="必经")
    """False: only when the routing rules name the department."""


class Separation(Frozen):
    """Acts of one case that the same person may not both perform."""

    acts: tuple[str, ...] = Field(alias="不得同人", min_length=2)
    basis: str = Field(alias="依据")


class Tolerance(Frozen):
    """容缺受理: acceptance with secondary materials missing, on a written undertaking."""

    limit: Limit = Field(alias="补齐时限")
    overdue: Literal["withdrawn", "refused", "revoked"] = Field(alias="逾期处理")
    basis: str = Field(alias="依据")


class Commitment(Frozen):
    """告知承诺: decision on the spot on a written undertaking, checked afterwards."""

    check_within: Limit = Field(alias="核查时限")
    basis: str = Field(alias="依据")


class Renewal(Frozen):
    """延续: the matter renews a licence that ends on a day the form names (行政许可法第五十条)."""

    field: str = Field(alias="有效期字段")
    """Form field with the licence's last day, an ISO date."""
    ahead: Limit = Field(alias="申请提前")
    """How long before its end the renewal is to be asked for: in days or working days."""
    late_renews: bool = Field(default=False, alias="逾期申请视为延续")
    """Whether silence renews the licence also where that time was not kept. The Act is silent;
    who asks late has not given the authority the time that the Act means it to have."""
    basis: str = Field(alias="依据")


class Scarcity(Frozen):
    """数量限制: more may ask than can be granted (行政许可法第五十七条)."""

    by_acceptance: bool = Field(default=True, alias="按受理先后")
    """Whoever was accepted first is decided first; False where another law says otherwise."""
    basis: str = Field(alias="依据")


class Fee(Frozen):
    """收费: only where a law or an administrative regulation says so (行政许可法第五十八条)."""

    item: str = Field(alias="项目", min_length=1)
    item_en: str = Field(default="", alias="项目英文名称")
    amount: int = Field(ge=1, alias="金额")
    """In fen (分), hundredths of a yuan."""
    basis: str = Field(alias="依据")


class Wording(Frozen):
    """文书正文: what a document of one kind says in the organ's own words, in place of the shipped
    ones. A case carries it with its matter, so an open case keeps the words it was filed under."""

    kind: DocumentKind = Field(alias="文书")
    body: str = Field(alias="正文", min_length=1, max_length=5000)
    """Text with `{{ 名称 }}` and `{% if 名称 %}`: activities/wordings.py says of which names."""


class Label(Frozen):
    """敏感标记: level 1–4 and compartments; a reader's clearance must dominate both."""

    level: int = Field(default=1, ge=1, le=4, alias="级别")
    compartments: tuple[str, ...] = Field(default=(), alias="范畴")


def _in_group(part: JsonValue) -> JsonValue:
    """Return a repeating group with its columns in their own order (`column_order`)."""
    items = part.get("items") if isinstance(part, dict) else None
    columns = items.get("properties") if isinstance(items, dict) else None
    if not (isinstance(part, dict) and isinstance(items, dict) and isinstance(columns, dict)):
        return part
    names = column_order(columns, items.get("required"), items.get(ORDER))
    ordered: dict[str, JsonValue] = {name: columns[name] for name in names}
    return {**part, "items": {**items, "properties": ordered}}


def column_order(
    columns: Iterable[str], required: object = None, written: object = None
) -> tuple[str, ...]:
    """Return a group's columns as they are read: as `x-order` has them; where it does not say, the
    required ones in their order and then the rest. Canonical JSON keeps lists and sorts keys."""
    known = list(columns)
    said = written if isinstance(written, list) else required if isinstance(required, list) else []
    first = [str(name) for name in said if name in known]
    return tuple(dict.fromkeys([*first, *known]))


class Matter(Frozen):
    """One version of one matter."""

    code: str = Field(alias="标识", pattern=r"^[a-z][a-z0-9-]{1,40}$")
    version: str = Field(alias="版本", pattern=r"^\d{4}\.\d+$")
    name: str = Field(alias="事项名称")
    name_en: str = Field(alias="事项英文名称")
    basic_code: str = Field(alias="基本编码")
    implementing_code: str = Field(alias="实施编码")
    type_code: str = Field(alias="事项类型代码")
    """GB/T 39046-2020 A.1: 01 许可 … 10 其他, 20 公共服务."""
    level_code: str = Field(alias="行使层级代码")
    basis: tuple[str, ...] = Field(alias="设定依据")
    department: str = Field(alias="实施主体")
    """Code of the department that accepts and decides (catalogue/city.yaml)."""
    case_kind: Literal["on_the_spot", "promised", "other"] = Field(alias="办件类型")
    """GB/T 39046-2020 A.6: 1 即办件, 2 承诺件, 9 其他."""
    applicant_kinds: tuple[str, ...] = Field(alias="服务对象")
    """Of: natural_person, enterprise, institution, society, government, other (A.4)."""
    in_force_from: date = Field(alias="生效日期")
    in_force_until: date | None = Field(default=None, alias="失效日期")
    """The first day on which it is no longer in force (exclusive, as everywhere)."""
    zone: str = Field(default="Asia/Shanghai", alias="时区")
    calendar: str = Field(default="cn", alias="日历")
    """Name of a calendar in catalogue/calendars; `none` counts calendar days only."""
    process: Literal["approval", "open"] = Field(default="approval", alias="流程")
    """`approval`: the stages of domain.md §2.1. `open`: steps in any order, as recorded."""
    statutory: Limit = Field(alias="法定办结时限")
    promised: Limit = Field(alias="承诺办结时限")
    notice: Limit = Field(alias="补正告知时限")
    delivery: Limit = Field(alias="送达时限")
    extension: Extension | None = Field(default=None, alias="延长审批")
    counts_from: Literal["acceptance", "receipt"] = Field(default="acceptance", alias="时限起算")
    """Whether the statutory and the promised period run from acceptance (行政许可法第四十二条) or
    from receipt (政府信息公开条例第三十三条)."""
    receipt: Literal["entry", "confirmation"] = Field(default="entry", alias="收到规则")
    """When a request over the internet is received: as it enters the system (电子签名法第十一条),
    or when both sides confirm it (政府信息公开条例第三十一条)."""
    assignment: Limit | None = Field(default=None, alias="检验指派时限")
    """Within which two or more officers are named to inspect, test or quarantine (第五十五条)."""
    renewal: Renewal | None = Field(default=None, alias="延续")
    scarcity: Scarcity | None = Field(default=None, alias="数量限制")
    fees: tuple[Fee, ...] = Field(default=(), alias="收费")
    """What the applicant pays; empty: free of charge, as the Act wants it."""
    concerns_safety: bool = Field(default=False, alias="直接关系安全")
    """直接关系公共安全、人身健康、生命财产安全: who lied for it, or got it by fraud, may not apply
    for it again for one year, or three (行政许可法第七十八、七十九条)."""
    touches_others: bool = Field(default=False, alias="涉及他人重大利益")
    """直接关系他人重大利益: they are told and heard before the decision (行政许可法第三十六条)."""
    procedures: tuple[ProcedureKind, ...] = Field(default=(), alias="特别程序")
    promise_pauses: tuple[str, ...] = Field(default=(), alias="承诺时限停表")
    """What stops the promised clock: procedure kinds, `supplement`, `site_visit`, `publicity`."""
    on_site_pre_review: bool = Field(default=False, alias="网上申请须预审")
    lead: str = Field(default="", alias="牵头部门")
    """Department that gathers the opinions; empty: the implementing department."""
    steps: tuple[Step, ...] = Field(alias="办理环节")
    separations: tuple[Separation, ...] = Field(default=(), alias="职责分离")
    tolerance: Tolerance | None = Field(default=None, alias="容缺受理")
    commitment: Commitment | None = Field(default=None, alias="告知承诺")
    materials: tuple[Material, ...] = Field(default=(), alias="申请材料")
    form: dict[str, JsonValue] = Field(alias="表单")
    """JSON Schema 2020-12. Per property: `title`, `x-en`, `x-personal: true` for personal data.

    `x-order` lists the properties as the catalogue writes them: canonical JSON sorts its keys, and
    a clerk fills a form in its own order.
    """
    documents: tuple[DocumentKind, ...] = Field(alias="文书")
    rules: dict[str, str] = Field(alias="规则")
    """Role (routing, completeness, on_the_spot) → rule pack id."""
    result: str = Field(default="", alias="结果名称")
    label: Label = Field(default=Label(), alias="敏感标记")
    archive: Literal["permanent", "30y", "10y"] = Field(default="30y", alias="保管期限")
    window: str = Field(default="", alias="办理地点")
    phone: str = Field(default="", alias="咨询电话")
    advice: str = Field(default="", alias="办事提示", max_length=4000)
    """What the guide and the application page tell besides, in the department's own words."""
    wordings: tuple[Wording, ...] = Field(default=(), alias="文书正文")

    def wording(self, kind: DocumentKind) -> str:
        """Return the organ's own words of that document; empty: the shipped ones."""
        return next((one.body for one in self.wordings if one.kind == kind), "")

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what came later and is empty: a version written before has the digest still
        that two people signed."""
        said: dict[str, Any] = handler(self)
        return {name: value for name, value in said.items() if name not in _LATER or value}

    @field_validator("form")
    @classmethod
    def _in_order(cls, form: dict[str, JsonValue]) -> dict[str, JsonValue]:
        properties = form.get("properties")
        if not isinstance(properties, dict):
            return form
        written = form.get(ORDER)
        known = [str(name) for name in written] if isinstance(written, list) else []
        names = [name for name in known if name in properties]
        names += [name for name in properties if name not in names]
        ordered: dict[str, JsonValue] = {name: _in_group(properties[name]) for name in names}
        return {**form, "properties": ordered, ORDER: list[JsonValue](names)}
