"""What a person can do to a case, as forms: every verb, its button and its fields.

Whether an act is offered is decided elsewhere (stage ∩ policy); here stands only how it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from forms.act_acceptance import accept, confirm_receipt, pre_review, refuse_acceptance
from forms.act_afterwards import call_back, check_afterwards, rate
from forms.act_cards import explain_card, issue_card, review_explanation, revoke_card
from forms.act_decision import certify, decide, decide_sentence, revoke_licence, serve
from forms.act_fields import fixed, sentence_field, sentences, task_field
from forms.act_handing import (
    add_signer,
    copy_to,
    record_step,
    recuse,
    remove_signer,
    return_step,
    transfer,
)
from forms.act_hearings import host_name, notify_hearing, request_hearing, tell_hearing_right
from forms.act_papers import corrected, corrections, lacking, lacking_field
from forms.act_pauses import end_procedure, end_wait, pause, start_procedure, start_wait
from forms.act_review import assign_inspectors, gather, inspect, opine
from forms.act_scene import Act
from forms.fields import Field
from forms.words import N_

ACTS: Mapping[str, Act] = {
    act.verb: act
    for act in (
        Act(
            "confirm_receipt",
            N_("确认收到"),
            N_("自双方确认之日起计算期限。"),
            confirm_receipt,
        ),
        Act("pre_review", N_("提交预审结果"), fields=pre_review, parts=lacking),
        Act(
            "accept",
            N_("受理并出具受理通知书"),
            N_("自受理之日起计算办理时限。"),
            accept,
        ),
        Act(
            "ask_supplement",
            N_("出具补正告知书"),
            N_("依法只能一次性告知；补正期间停止计时。"),
            lambda s: (
                lacking_field(s),
                Field(
                    "supply_within_days",
                    s.say(N_("补正期限（日）")),
                    "number",
                    values=("30",),
                    low="1",
                    high="365",
                ),
            ),
            fixed(N_("出具一次性补正告知书（只能告知一次）")),
            lacking,
        ),
        Act(
            "supply",
            N_("收下补正内容"),
            fields=lambda s: (
                Field("materials", s.say(N_("补交材料")), "materials", required=False, wide=True),
                *corrections(s),
            ),
            parts=corrected,
        ),
        Act(
            "correct_on_spot",
            N_("保存更正"),
            N_("只填写要更正的项目，留空的项目不变。"),
            corrections,
            parts=corrected,
        ),
        Act(
            "refuse_acceptance",
            N_("出具不予受理决定书"),
            "",
            refuse_acceptance,
            fixed(N_("不予受理，并出具不予受理决定书")),
        ),
        Act(
            "not_required",
            N_("告知不需许可"),
            "",
            sentences(("reason", N_("理由"), True)),
            fixed(N_("不受理：本事项无需许可")),
        ),
        Act("claim", N_("签收"), fields=lambda s: (task_field(s),)),
        Act("opine", N_("提交审查意见"), fields=opine),
        Act("inspect", N_("提交核查笔录"), fields=inspect),
        Act("gather", N_("提交汇总意见"), fields=gather),
        Act(
            "decide",
            N_("下一步：核对决定"),
            N_("决定作出后不能撤销，请先核对。"),
            decide,
            decide_sentence,
        ),
        Act("certify", N_("登记制证"), fields=certify),
        Act("serve", N_("登记送达"), fields=serve),
        Act("close", N_("办结归档"), fields=sentences(("remark", N_("备注"), False))),
        Act("rate", N_("提交评价"), fields=rate),
        Act(
            "rectify",
            N_("提交整改情况"),
            fields=sentences(("cause", N_("原因"), True), ("measures", N_("整改措施"), True)),
        ),
        Act("call_back", N_("提交回访记录"), fields=call_back),
        Act("check_afterwards", N_("提交核查结果"), fields=check_afterwards),
        Act(
            "revoke_licence",
            N_("下一步：核对撤销"),
            N_(
                "以欺骗、贿赂等不正当手段取得、且直接关系安全的，三年内不得再次申请（行政许可法第七十九条）。"
            ),
            revoke_licence,
            fixed(N_("撤销本件所准予的许可")),
            main=False,
        ),
        Act(
            "start_procedure",
            N_("启动并停表"),
            N_("自启动之日起法定时限停表。"),
            start_procedure,
            main=False,
        ),
        Act("end_procedure", N_("结束并复表"), fields=end_procedure, main=False),
        Act(
            "start_wait",
            N_("启动停表"),
            N_("只停承诺时限，并出具所需时间告知书；法定时限照常计算。"),
            start_wait,
            main=False,
        ),
        Act("end_wait", N_("结束停表"), fields=end_wait, main=False),
        Act(
            "tell_hearing_right",
            N_("出具听证权利告知书"),
            N_("申请人、利害关系人五日内可以要求听证；期满前不能作出决定。"),
            tell_hearing_right,
            main=False,
        ),
        Act(
            "request_hearing",
            N_("登记听证申请"),
            N_("自登记之日起二十个工作日内须组织听证。"),
            request_hearing,
            main=False,
        ),
        Act(
            "notify_hearing",
            N_("出具听证通知书"),
            fields=notify_hearing,
            parts=host_name,
            main=False,
        ),
        Act("assign_inspectors", N_("登记指派"), fields=assign_inspectors, main=False),
        Act(
            "disallow_pause",
            N_("认定停表不当"),
            N_("时限按没有停表重新计算；认定只有一次，并记入日志。"),
            lambda s: (pause(s, disallowed=False), sentence_field("reason", s.say(N_("理由")))),
            fixed(N_("认定这次停表不当，时限按没有停表重新计算")),
            main=False,
        ),
        Act(
            "restore_pause",
            N_("撤销认定"),
            N_("认定与撤销都留在记录中。"),
            lambda s: (pause(s, disallowed=True), sentence_field("reason", s.say(N_("理由")))),
            fixed(N_("撤销停表不当的认定，恢复这次停表")),
            main=False,
        ),
        Act(
            "extend",
            N_("批准延期"),
            N_("只能延期一次，并须书面告知申请人理由。"),
            sentences(("reason", N_("延期理由"), True)),
            fixed(N_("批准延期一次，并出具延期决定通知书")),
            main=False,
        ),
        Act("transfer", N_("转办"), fields=transfer, main=False),
        Act("add_signer", N_("加签"), fields=add_signer, main=False),
        Act("remove_signer", N_("减签"), fields=remove_signer, main=False),
        Act("return_step", N_("退回"), fields=return_step, main=False),
        Act(
            "explain_card",
            N_("提交书面说明"),
            N_("书面说明一经提交，由电子监察审核。"),
            explain_card,
        ),
        Act(
            "review_explanation",
            N_("提交审核结果"),
            fields=review_explanation,
        ),
        Act(
            "issue_card",
            N_("发牌"),
            N_("级别由监察规则按事由确定；黄牌、红牌同时出具文书，并须限期书面说明。"),
            issue_card,
            fixed(N_("发出监察牌，并出具督办单或者监察建议书")),
            main=False,
        ),
        Act(
            "revoke_card",
            N_("撤销"),
            N_("牌本身不会改动；撤销另记一项，并须说明理由。"),
            revoke_card,
            fixed(N_("撤销这张监察牌")),
            main=False,
        ),
        Act(
            "urge",
            N_("发送催办"),
            fields=lambda s: (
                task_field(s, required=False),
                sentence_field("text", s.say(N_("催办内容"))),
            ),
            main=False,
        ),
        Act("copy_to", N_("抄送"), fields=copy_to, main=False),
        Act(
            "recuse",
            N_("回避"),
            N_("回避后不能再查看、办理本件，名下的任务退回队列由他人办理；不能撤销。"),
            recuse,
            fixed(N_("登记回避，此人不能再接触本件")),
            main=False,
        ),
        Act(
            "withdraw",
            N_("登记撤回"),
            "",
            sentences(("reason", N_("撤回理由"), False)),
            fixed(N_("按申请人的意思撤回申请，本件终结")),
            main=False,
        ),
        Act("record_step", N_("记录环节"), fields=record_step),
    )
}
"""Every verb of `cases.messages.BODIES` that a person can use on a case that exists."""
