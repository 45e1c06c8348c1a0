"""Which acts are for good, and what each brings about; every other says how it is taken back.

An act that is for good is asked once more on a page of its own (`forms.act_confirming`); whatever
can be done again, or be answered by another act, is done at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from forms.act_decision import decide_sentence
from forms.act_reissue import reissue_sentence
from forms.act_scene import Scene, Sentence
from forms.words import N_


def _always(sentence: str) -> Sentence:
    return lambda scene, _body: scene.say(sentence)


def _where(name: str, **sentences: str) -> Sentence:
    """Return the sentence that belongs to what a field holds; none: not for good."""

    def said(scene: Scene, body: Mapping[str, Any]) -> str:
        sentence = sentences.get(str(body.get(name, "")).lower(), "")
        return scene.say(sentence) if sentence else ""

    return said


FINAL: Mapping[str, Sentence] = MappingProxyType(
    {
        "confirm_receipt": _always(N_("确认收到，自今日起算")),
        "pre_review": _where("result", returned=N_("预审退回，一次性告知补正（只能告知一次）")),
        "accept": _always(N_("受理并出具受理通知书")),
        "ask_supplement": _always(N_("出具一次性补正告知书（只能告知一次）")),
        "refuse_acceptance": _always(N_("不予受理，并出具不予受理决定书")),
        "not_required": _always(N_("不受理：本事项无需许可")),
        "opine": _where(
            "result",
            agree=N_("提交审查意见：同意"),
            disagree=N_("提交审查意见：不同意"),
            needs_supplement=N_("提交审查意见：需补正"),
        ),
        "decide": decide_sentence,
        "certify": _always(N_("登记制证")),
        "serve": _always(N_("登记送达，并出具送达回证")),
        "reissue": reissue_sentence,
        "serve_reissued": _always(N_("登记重新出具的文书送达，并出具送达回证")),
        "close": _always(N_("办结归档")),
        "rate": _always(N_("提交评价（只能评价一次）")),
        "call_back": _where("satisfied", true=N_("申请人满意，回访完毕")),
        "check_afterwards": _where(
            "result",
            true=N_("核查属实，告知承诺核查完毕"),
            untrue=N_("核查不实，记入核查结果"),
        ),
        "revoke_licence": _always(N_("撤销本件所准予的许可")),
        "start_procedure": _always(N_("启动特别程序，法定时限停表")),
        "end_procedure": _always(N_("结束特别程序，法定时限复表")),
        "start_wait": _always(N_("启动停表，并出具所需时间告知书")),
        "end_wait": _always(N_("结束停表，承诺时限复表")),
        "tell_hearing_right": _always(N_("出具听证权利告知书")),
        "request_hearing": _always(N_("登记听证申请，二十个工作日内组织听证")),
        "notify_hearing": _always(N_("出具听证通知书")),
        "assign_inspectors": _always(N_("登记指派检验人员")),
        "disallow_pause": _always(N_("认定这次停表不当，时限按没有停表重新计算")),
        "restore_pause": _always(N_("撤销停表不当的认定，恢复这次停表")),
        "extend": _always(N_("批准延期一次，并出具延期决定通知书")),
        "explain_card": _always(N_("提交书面说明")),
        "review_explanation": _always(N_("提交审核结果")),
        "issue_card": _always(N_("发出监察牌，并出具督办单或者监察建议书")),
        "revoke_card": _always(N_("撤销这张监察牌")),
        "recuse": _always(N_("登记回避，此人不能再接触本件")),
        "withdraw": _always(N_("按申请人的意思撤回申请，本件终结")),
    }
)
"""Verb → what its last button says; an empty sentence: as it is filled in, it is not for good."""

TAKEN_BACK: Mapping[str, str] = MappingProxyType(
    {
        "supply": "what is lacking may be supplied again",
        "correct_on_spot": "corrected again, both versions stand in the timeline",
        "claim": "handed on by `transfer`",
        "transfer": "handed back by `transfer`",
        "add_signer": "`remove_signer`",
        "remove_signer": "`add_signer`",
        "inspect": "another record may follow while the step is open",
        "gather": "`return_step` by whoever decides",
        "return_step": "the department speaks again",
        "rectify": "the call-back of an applicant who is not content opens it again",
        "urge": "changes nothing of the case",
        "copy_to": "changes nothing of the case",
        "record_step": "another step may follow",
    }
)
"""Verb → what takes it back, for whoever asks why it is not asked once more."""
