"""The Chinese words that the catalogue's YAML may use for closed lists, and what they stand for."""

from __future__ import annotations

from typing import Any

PROCEDURES = {
    "听证": "hearing",
    "招标": "tender",
    "拍卖": "auction",
    "检验": "inspection",
    "检测": "testing",
    "检疫": "quarantine",
    "鉴定": "appraisal",
    "专家评审": "expert_review",
}
"""行政许可法第四十五条: eight, and no ninth."""

PROMISE_PAUSES = {**PROCEDURES, "补正": "supplement", "现场核查": "site_visit", "公示": "publicity"}
"""What may stop the promised clock (滨州市工程建设项目并联审批管理规定第十九条 and the like)."""

PAUSES = {
    **PROMISE_PAUSES,
    "征求第三方意见": "third_party",
    "征求其他机关意见": "other_authority",
    "中止": "suspension",
    "正当理由耽误": "obstacle",
}
"""What may stop a period of a template (政府信息公开条例第三十三条、行政复议法第二十、三十九条)."""

EXPIRIES = {
    "视为受理": "deemed_accepted",
    "视为准予延续": "deemed_renewed",
    "视为同意": "deemed_consent",
    "视为放弃": "deemed_abandoned",
    "视为送达": "deemed_served",
    "失权": "lapsed",
}
"""What the law makes of silence."""

DOCUMENTS = {
    "收件凭证": "receipt",
    "补正告知书": "supplement_notice",
    "受理通知书": "acceptance_notice",
    "不予受理决定书": "acceptance_refusal",
    "特别程序告知书": "procedure_notice",
    "延期决定通知书": "extension_notice",
    "准予决定书": "grant",
    "不予决定书": "refusal",
    "送达回证": "service_record",
    "所需时间告知书": "wait_notice",
    "听证权利告知书": "hearing_right_notice",
    "听证通知书": "hearing_notice",
    "视为准予延续通知书": "deemed_renewal",
    "督办单": "supervision_order",
    "监察建议书": "supervision_advice",
}

WORDS: dict[str, dict[str, str]] = {
    "单位": {
        "即办": "on_the_spot",
        "分钟": "minute",
        "小时": "hour",
        "工作时": "working_hour",
        "自然日": "day",
        "工作日": "working_day",
    },
    "位阶": {"法律": "law", "行政法规": "regulation"},
    "批准人": {"本行政机关负责人": "organ_head", "本级人民政府负责人": "government_head"},
    "签署方式": {"会签": "all", "或签": "any"},
    "逾期处理": {"视为撤回": "withdrawn", "不予许可": "refused", "撤销受理": "revoked"},
    "办件类型": {"即办件": "on_the_spot", "承诺件": "promised", "其他": "other"},
    "服务对象": {
        "自然人": "natural_person",
        "企业法人": "enterprise",
        "事业法人": "institution",
        "社会组织": "society",
        "行政机关": "government",
        "其他": "other",
    },
    "法定节日": {"全国": "national", "无": "none"},
    "时限起算": {"受理": "acceptance", "收到": "receipt"},
    "收到规则": {"进入系统": "entry", "双方确认": "confirmation"},
    "流程": {"审批": "approval", "开放": "open"},
    "保管期限": {"永久": "permanent", "30年": "30y", "10年": "10y"},
    "特别程序": PROCEDURES,
    "承诺时限停表": PROMISE_PAUSES,
    "文书": DOCUMENTS,
    "义务人": {"机关": "authority", "申请人": "applicant", "他方": "other"},
    "停表": PAUSES,
    "届满": EXPIRIES,
    "性质": {
        "政府": "government",
        "机关": "organ",
        "内设机构": "office",
        "窗口": "window",
        "监察": "supervision",
        "纪检": "discipline",
        "指挥": "command",
        "监督评价": "evaluation",
        "企业": "enterprise",
        "街道": "street",
    },
}
"""Element → word → value. GB/T 39046-2020 Annex A where it has a list."""

UNTOUCHED = frozenset({"表单"})
"""Elements whose contents are not the catalogue's words (JSON Schema)."""


def in_english(value: Any, element: str = "") -> Any:
    """Return the value with the Chinese words of closed lists replaced, all else as it was."""
    if isinstance(value, dict):
        return {
            key: item if key in UNTOUCHED else in_english(item, str(key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [in_english(item, element) for item in value]
    if isinstance(value, str):
        return WORDS.get(element, {}).get(value, value)
    return value


def allowed(element: str) -> str:
    """Return the words an element may have, for the remedy of a fault; empty when free."""
    return "、".join(WORDS.get(element, {}))
