"""What a person can do to a case, as forms: every verb, its button and its fields.

Whether an act is offered is decided elsewhere (stage ∩ policy); here stands only how it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from forms.act_acceptance import accept, confirm_receipt, pre_review, refuse_acceptance
from forms.act_afterwards import call_back, check_afterwards, rate
from forms.act_cards import explain_card, issue_card, review_explanation, revoke_card
from forms.act_decision import certify, decide, revoke_licence, serve
from forms.act_fields import sentence_field, sentences, task_field
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
from forms.act_reissue import reissue, serve_reissued, served_step, texts
from forms.act_review import assign_inspectors, gather, inspect, opine
from forms.act_scene import Act
from forms.fields import Field
from forms.words import N_

ACTS: Mapping[str, Act] = {
    act.verb: act
    for act in (
        Act(
            "confirm_receipt", consequence=N_("自双方确认之日起计算期限。"), fields=confirm_receipt
        ),
        Act("pre_review", button=N_("提交预审结果"), fields=pre_review, parts=lacking),
        Act("accept", consequence=N_("自受理之日起计算办理时限。"), fields=accept),
        Act(
            "ask_supplement",
            consequence=N_("依法只能一次性告知；补正期间停止计时。"),
            fields=lambda s: (
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
            parts=lacking,
        ),
        Act(
            "supply",
            button=N_("收下补正内容"),
            fields=lambda s: (
                Field("materials", s.say(N_("补交材料")), "materials", required=False, wide=True),
                *corrections(s),
            ),
            parts=corrected,
        ),
        Act(
            "correct_on_spot",
            button=N_("保存更正"),
            consequence=N_("只填写要更正的项目，留空的项目不变。"),
            fields=corrections,
            parts=corrected,
        ),
        Act("refuse_acceptance", fields=refuse_acceptance),
        Act("not_required", fields=sentences(("reason", N_("理由"), True))),
        Act("claim", button=N_("签收"), fields=lambda s: (task_field(s),)),
        Act("opine", fields=opine),
        Act("inspect", button=N_("提交核查笔录"), fields=inspect),
        Act("gather", button=N_("提交汇总意见"), fields=gather),
        Act("decide", consequence=N_("决定作出后不能撤销，请先核对。"), fields=decide),
        Act("certify", fields=certify),
        Act("serve", fields=serve),
        Act("close", fields=sentences(("remark", N_("备注"), False))),
        Act("rate", fields=rate),
        Act(
            "rectify",
            button=N_("提交整改情况"),
            fields=sentences(("cause", N_("原因"), True), ("measures", N_("整改措施"), True)),
        ),
        Act("call_back", button=N_("提交回访记录"), fields=call_back),
        Act("check_afterwards", button=N_("提交核查结果"), fields=check_afterwards),
        Act("serve_reissued", fields=serve_reissued, parts=served_step),
        Act(
            "reissue",
            consequence=N_(
                "原文书自重新出具之时起作废，查验时即显示作废；新的一份须再次送达。"
                "更正只改文字差错，不得改变决定的结果、有效期和当事人。"
            ),
            fields=reissue,
            parts=texts,
            main=False,
        ),
        Act(
            "revoke_licence",
            consequence=N_(
                "以欺骗、贿赂等不正当手段取得、且直接关系安全的，三年内不得再次申请（行政许可法第七十九条）。"
            ),
            fields=revoke_licence,
            main=False,
        ),
        Act(
            "start_procedure",
            consequence=N_("自启动之日起法定时限停表。"),
            fields=start_procedure,
            main=False,
        ),
        Act("end_procedure", fields=end_procedure, main=False),
        Act(
            "start_wait",
            consequence=N_("只停承诺时限，并出具所需时间告知书；法定时限照常计算。"),
            fields=start_wait,
            main=False,
        ),
        Act("end_wait", fields=end_wait, main=False),
        Act(
            "tell_hearing_right",
            consequence=N_("申请人、利害关系人五日内可以要求听证；期满前不能作出决定。"),
            fields=tell_hearing_right,
            main=False,
        ),
        Act(
            "request_hearing",
            consequence=N_("自登记之日起二十个工作日内须组织听证。"),
            fields=request_hearing,
            main=False,
        ),
        Act("notify_hearing", fields=notify_hearing, parts=host_name, main=False),
        Act("assign_inspectors", fields=assign_inspectors, main=False),
        Act(
            "disallow_pause",
            consequence=N_("时限按没有停表重新计算；认定只有一次，并记入日志。"),
            fields=lambda s: (
                pause(s, disallowed=False),
                sentence_field("reason", s.say(N_("理由"))),
            ),
            main=False,
        ),
        Act(
            "restore_pause",
            consequence=N_("认定与撤销都留在记录中。"),
            fields=lambda s: (
                pause(s, disallowed=True),
                sentence_field("reason", s.say(N_("理由"))),
            ),
            main=False,
        ),
        Act(
            "extend",
            consequence=N_("只能延期一次，并须书面告知申请人理由。"),
            fields=sentences(("reason", N_("延期理由"), True)),
            main=False,
        ),
        Act("transfer", button=N_("转办"), fields=transfer, main=False),
        Act("add_signer", button=N_("加签"), fields=add_signer, main=False),
        Act("remove_signer", button=N_("减签"), fields=remove_signer, main=False),
        Act("return_step", button=N_("退回"), fields=return_step, main=False),
        Act(
            "explain_card",
            consequence=N_("书面说明一经提交，由电子监察审核。"),
            fields=explain_card,
        ),
        Act("review_explanation", fields=review_explanation),
        Act(
            "issue_card",
            consequence=N_("级别由监察规则按事由确定；黄牌、红牌同时出具文书，并须限期书面说明。"),
            fields=issue_card,
            main=False,
        ),
        Act(
            "revoke_card",
            consequence=N_("牌本身不会改动；撤销另记一项，并须说明理由。"),
            fields=revoke_card,
            main=False,
        ),
        Act(
            "urge",
            button=N_("发送催办"),
            fields=lambda s: (
                task_field(s, required=False),
                sentence_field("text", s.say(N_("催办内容"))),
            ),
            main=False,
        ),
        Act("copy_to", button=N_("抄送"), fields=copy_to, main=False),
        Act(
            "recuse",
            consequence=N_("回避后不能再查看、办理本件，名下的任务退回队列由他人办理；不能撤销。"),
            fields=recuse,
            main=False,
        ),
        Act("withdraw", fields=sentences(("reason", N_("撤回理由"), False)), main=False),
        Act("record_step", button=N_("记录环节"), fields=record_step),
    )
}
"""Every verb of `cases.messages.BODIES` that a person can use on a case that exists."""
