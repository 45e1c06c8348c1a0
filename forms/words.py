"""The clerks' own words for every code that a page shows, and the switch to English.

Chinese is the language of the source; `forms/locale/en/messages.po` holds the English. `N_` marks
a word for translation where it is written; the page translates it where it is shown.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Literal

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

Language = Literal["zh", "en"]
Say = Callable[[str], str]
"""Turns a Chinese sentence into the reader's language."""
LOCALE = Path(__file__).parent / "locale"


def N_(text: str) -> str:
    """Return the text; mark it for extraction."""
    return text


@lru_cache(maxsize=2)
def translations(language: Language) -> gettext.NullTranslations:
    """Return the sentences of the pages in a language, then the texts of catalogues, plan and
    policy, then what a worker refuses; Chinese needs none.

    Raises `OSError` when a file is missing.
    """
    if language == "zh":
        return gettext.NullTranslations()
    pages = _compiled(language, "messages.po")
    pages.add_fallback(_compiled(language, "catalogue.po"))
    pages.add_fallback(_compiled(language, "refusals.po"))
    return pages


def msgids(language: Language, name: str) -> tuple[str, ...]:
    """Return the texts that one file of a language has; Chinese has none."""
    if language == "zh":
        return ()
    with (LOCALE / language / name).open("rb") as source:
        return tuple(str(one.id) for one in read_po(source, locale=language) if one.id)


def _compiled(language: Language, name: str) -> gettext.GNUTranslations:
    with (LOCALE / language / name).open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


STAGES = {
    "pre_review": N_("预审"),
    "received": N_("新办件"),
    "supplement": N_("待补正"),
    "review": N_("审查"),
    "gather": N_("汇总"),
    "decision": N_("待决定"),
    "certificate": N_("制证"),
    "service": N_("送达"),
    "closing": N_("待办结"),
    "rating": N_("待评价"),
    "rectification": N_("差评整改"),
    "call_back": N_("回访"),
    "ended": N_("归档"),
}
"""GB/T and the manuals of Foshan and Karamay (peers.md §4): the words on the left-hand list."""

ENDINGS = {
    "withdrawn": N_("已撤回"),
    "not_accepted": N_("不予受理"),
    "not_required": N_("不受理（无需许可）"),
    "granted": N_("准予许可"),
    "refused": N_("不予许可"),
    "terminated": N_("终止办理"),
    "revoked": N_("已撤销"),
    "open": N_("已结束"),
}

VERBS = {
    "file": N_("收件"),
    "pre_review": N_("预审"),
    "ask_supplement": N_("一次性告知补正"),
    "supply": N_("补交材料"),
    "correct_on_spot": N_("当场更正"),
    "accept": N_("受理"),
    "refuse_acceptance": N_("不予受理"),
    "not_required": N_("不受理（无需许可）"),
    "claim": N_("签收"),
    "transfer": N_("转办"),
    "recuse": N_("回避"),
    "add_signer": N_("加签"),
    "remove_signer": N_("减签"),
    "opine": N_("填写审查意见"),
    "inspect": N_("现场核查笔录"),
    "gather": N_("汇总意见"),
    "start_procedure": N_("启动特别程序"),
    "end_procedure": N_("结束特别程序"),
    "start_wait": N_("核查、公示停表"),
    "end_wait": N_("核查、公示复表"),
    "disallow_pause": N_("认定停表不当"),
    "restore_pause": N_("撤销停表不当的认定"),
    "tell_hearing_right": N_("告知听证权利"),
    "request_hearing": N_("登记听证申请"),
    "notify_hearing": N_("通知听证"),
    "assign_inspectors": N_("指派检验人员"),
    "confirm_receipt": N_("确认收到"),
    "extend": N_("延期"),
    "return_step": N_("退回环节"),
    "decide": N_("作出决定"),
    "certify": N_("制证"),
    "serve": N_("送达"),
    "reissue": N_("更正重发、补发文书"),
    "serve_reissued": N_("再次送达"),
    "close": N_("办结"),
    "rate": N_("好差评"),
    "rectify": N_("差评整改"),
    "call_back": N_("回访"),
    "withdraw": N_("撤回申请"),
    "urge": N_("催办"),
    "copy_to": N_("抄送"),
    "check_afterwards": N_("承诺核查"),
    "revoke_licence": N_("撤销许可"),
    "record_step": N_("记录环节"),
    "issue_card": N_("发监察牌"),
    "revoke_card": N_("撤销监察牌"),
    "explain_card": N_("书面说明"),
    "review_explanation": N_("审核说明"),
    "timer_fired": N_("时限届满"),
    "retimed": N_("期限重算"),
}

DOCUMENTS = {
    "receipt": N_("收件凭证"),
    "supplement_notice": N_("补正告知书"),
    "acceptance_notice": N_("受理通知书"),
    "acceptance_refusal": N_("不予受理决定书"),
    "procedure_notice": N_("特别程序告知书"),
    "extension_notice": N_("延期决定通知书"),
    "grant": N_("准予行政许可决定书"),
    "refusal": N_("不予行政许可决定书"),
    "service_record": N_("送达回证"),
    "wait_notice": N_("所需时间告知书"),
    "hearing_right_notice": N_("听证权利告知书"),
    "hearing_notice": N_("听证通知书"),
    "deemed_renewal": N_("视为准予延续通知书"),
    "supervision_order": N_("督办单"),
    "supervision_advice": N_("监察建议书"),
}

CLOCK = {
    "received": N_("收到申请"),
    "noticed": N_("告知补正"),
    "supplied": N_("补正齐全"),
    "accepted": N_("受理"),
    "deemed_accepted": N_("视为受理"),
    "paused": N_("停表"),
    "resumed": N_("复表"),
    "extended": N_("延期"),
    "decided": N_("作出决定"),
    "delivered": N_("送达"),
    "closed": N_("办结"),
    "withdrawn": N_("撤回"),
    "refused_acceptance": N_("不予受理"),
    "step_opened": N_("环节开始"),
    "step_done": N_("环节完成"),
    "timer_passed": N_("时限届满"),
    "rated": N_("评价"),
    "gathered": N_("汇总意见"),
    "returned": N_("退回环节"),
    "rating_lapsed": N_("逾期未评价"),
    "rectified": N_("整改完成"),
    "called_back": N_("回访"),
    "checked": N_("承诺核查"),
    "undertaking_lapsed": N_("容缺逾期"),
    "arrived": N_("收到（待双方确认）"),
    "pause_disallowed": N_("认定停表不当"),
    "pause_restored": N_("撤销停表不当的认定"),
    "hearing_right_told": N_("告知听证权利"),
    "hearing_requested": N_("提出听证申请"),
    "hearing_lapsed": N_("逾期未要求听证"),
    "hearing_notified": N_("通知听证"),
    "hearing_held": N_("举行听证"),
    "hearing_cancelled": N_("听证取消"),
    "inspectors_assigned": N_("指派检验人员"),
    "deemed_renewed": N_("视为准予延续"),
}

TIMERS = {
    "notice": N_("受理审查"),
    "statutory": N_("法定时限"),
    "promised": N_("承诺时限"),
    "delivery": N_("送达时限"),
    "undertaking": N_("容缺补齐"),
    "supplement": N_("补正期限"),
    "step": N_("环节时限"),
    "explain": N_("书面说明"),
    "by_hand": N_("监察员发牌"),
    "check": N_("承诺核查"),
    "rectify": N_("整改期限"),
    "rating": N_("评价期限"),
    "department": N_("部门用时"),
    "hearing_request": N_("要求听证的期限"),
    "hearing": N_("组织听证期限"),
    "assignment": N_("指派检验人员期限"),
    "renewal": N_("延续决定期限"),
}

PROCEDURES = {
    "hearing": N_("听证"),
    "tender": N_("招标"),
    "auction": N_("拍卖"),
    "inspection": N_("检验"),
    "testing": N_("检测"),
    "quarantine": N_("检疫"),
    "appraisal": N_("鉴定"),
    "expert_review": N_("专家评审"),
}
"""行政许可法第四十五条."""

PAUSES = {
    **PROCEDURES,
    "supplement": N_("补正"),
    "site_visit": N_("现场核查"),
    "publicity": N_("公示"),
}
"""Whatever may stop a clock of a case: the eight, and what the promise alone may name."""

CHANNELS = {
    "window": N_("窗口"),
    "computer": N_("电脑端"),
    "mobile": N_("移动端"),
    "post": N_("邮寄"),
    "phone": N_("电话"),
    "other": N_("其他"),
}
"""GB/T 39046-2020 A.5."""

APPLICANTS = {
    "natural_person": N_("自然人"),
    "enterprise": N_("企业法人"),
    "institution": N_("事业法人"),
    "society": N_("社会组织"),
    "government": N_("行政机关"),
    "other": N_("其他"),
}
"""GB/T 39046-2020 A.4."""

ID_TYPES = {
    "111": N_("居民身份证"),
    "USCC": N_("统一社会信用代码"),
    "414": N_("普通护照"),
    "516": N_("港澳居民来往内地通行证"),
    "511": N_("台湾居民来往大陆通行证"),
    "553": N_("外国人永久居留身份证"),
    "other": N_("其他证件"),
}
"""GA/T 2000.156 (the codes that a window meets)."""

RESULTS = {
    "agree": N_("同意"),
    "disagree": N_("不同意"),
    "needs_supplement": N_("需补正"),
    "grant": N_("准予许可"),
    "refuse": N_("不予许可"),
    "terminate": N_("终止办理"),
}

GRADES = {
    "1": N_("非常满意"),
    "2": N_("满意"),
    "3": N_("基本满意"),
    "4": N_("不满意"),
    "5": N_("非常不满意"),
}
"""GB/T 39046-2020 A.8."""

UNITS = {
    "on_the_spot": N_("即办"),
    "minute": N_("分钟"),
    "hour": N_("小时"),
    "working_hour": N_("工作小时"),
    "day": N_("日"),
    "working_day": N_("个工作日"),
}

CASE_KINDS = {
    "on_the_spot": N_("即办件"),
    "promised": N_("承诺件"),
    "other": N_("其他"),
}
"""GB/T 39046-2020 A.6."""

FAULTS = {
    "missing": N_("流程不存在"),
    "closed": N_("流程已终止而办件未结"),
    "reset": N_("流程被重置到较早的位置"),
    "wedged": N_("流程任务反复失败"),
    "behind": N_("流程落后于办件记录"),
    "ahead": N_("流程记得的环节多于办件记录"),
    "unarmed": N_("有待响的时刻而没有定时器"),
    "doubled": N_("定时器不止一个"),
    "misarmed": N_("定时器不在最早的时刻"),
    "stray": N_("定时器不属于任何时刻"),
    "late": N_("定时器过时未响"),
    "lingering": N_("办件已结而流程未止"),
}
"""What the census finds; `cases.armed.IN_CHINESE` says the same to those without a page."""

CARD_LEVELS = {
    "reminder": N_("提示"),
    "warning": N_("预警"),
    "yellow": N_("黄牌"),
    "red": N_("红牌"),
}
CARD_STATES = {
    "stands": N_("未撤销"),
    "due": N_("待书面说明"),
    "missed": N_("逾期未说明"),
    "given": N_("已说明，待审核"),
    "returned": N_("说明已退回"),
    "accepted": N_("说明已采纳"),
    "revoked": N_("已撤销"),
}
CARD_MARKS = {
    "explained": N_("书面说明"),
    "missed": N_("逾期未说明"),
    "returned": N_("退回说明"),
    "accepted": N_("采纳说明"),
    "revoked": N_("撤销监察牌"),
    "withheld": N_("预计的牌没有发出"),
}
CARD_WHYS = {
    "by_supervisor": N_("监察员撤销"),
    "condition_false": N_("时限变动后，发牌条件在当时并不成立"),
    "paused": N_("正在停表"),
    "rule_does_not_hold": N_("规则在该时刻不成立"),
    "issued_before": N_("已经发过"),
}
CARD_GROUNDS = {
    "off_system": N_("体制外办理"),
    "illegal_fee": N_("违规收费"),
    "refusal_without_reasons": N_("无正当理由不予许可"),
    "refused_application": N_("拒收符合条件的申请"),
    "late_forwarding": N_("转报迟延"),
    "other": N_("其他情形"),
}
CARD_RECIPIENTS = {
    "handler": N_("经办人"),
    "section_head": N_("科室负责人"),
    "organ_head": N_("本行政机关负责人"),
    "supervisor": N_("电子监察员"),
    "government_head": N_("分管领导"),
    "discipline": N_("纪检监察"),
}
NOTICES = {
    "urged": N_("催办"),
    "copied": N_("抄送"),
    "transferred": N_("转办"),
    "recused": N_("回避"),
    "card_issued": N_("监察牌"),
    "card_revoked": N_("监察牌已撤销"),
    "explained": N_("监察牌已书面说明"),
    "returned": N_("书面说明被退回"),
}

TABLES = {
    "fault": FAULTS,
    "stage": STAGES,
    "ending": ENDINGS,
    "verb": VERBS,
    "document": DOCUMENTS,
    "clock": CLOCK,
    "timer": TIMERS,
    "procedure": PROCEDURES,
    "pause": PAUSES,
    "channel": CHANNELS,
    "applicant": APPLICANTS,
    "id_type": ID_TYPES,
    "result": RESULTS,
    "grade": GRADES,
    "unit": UNITS,
    "case_kind": CASE_KINDS,
    "card_level": CARD_LEVELS,
    "card_state": CARD_STATES,
    "card_mark": CARD_MARKS,
    "card_why": CARD_WHYS,
    "card_ground": CARD_GROUNDS,
    "card_recipient": CARD_RECIPIENTS,
    "notice": NOTICES,
}


def word(table: str, code: str) -> str:
    """Return the Chinese word for a code, or the code itself where nobody has named it."""
    return TABLES[table].get(code, code)


def timer_word(key: str) -> str:
    """Return the word for a timer's key; `step:review-x` is a 环节时限."""
    return TIMERS.get(key.split(":", 1)[0], key)
