"""The closed words of the policy: roles, acts, object types, and where a role must be held.

A word that does not stand here cannot be written in a policy row, and an act that does not stand
here is refused (default deny).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cases.accounts import ADMINISTRATORS
from cases.fund import FUND_READ, OF_FUND, OF_PAYMENT
from cases.incidents.messages import INCIDENT_VERBS
from cases.messages import BODIES, OF_LAW
from cases.projects.messages import PROJECT_VERBS
from cases.projects.performing_messages import BODIES as PERFORMANCE

Kind = Literal["human", "service", "citizen"]
"""Who may be asked about at all; `system` acts by the law's warrant, never by a policy row."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role: its name for people, and the kinds of principal for which a grant of it counts."""

    title: str
    kinds: frozenset[Kind]


_PEOPLE: frozenset[Kind] = frozenset({"human"})
_SERVICES: frozenset[Kind] = frozenset({"service"})

ROLES: Mapping[str, Role] = MappingProxyType(
    {
        "window_clerk": Role("综合窗口人员", _PEOPLE),
        "section_clerk": Role("科室经办人", _PEOPLE),
        "section_head": Role("科室负责人", _PEOPLE),
        "organ_head": Role("本行政机关负责人", _PEOPLE),
        "government_head": Role("本级人民政府负责人", _PEOPLE),
        "certificate_desk": Role("制证发证岗", _PEOPLE),
        "supervisor": Role("电子监察员", _PEOPLE),
        "catalogue_editor": Role("事项编制人", _PEOPLE),
        "catalogue_signer": Role("事项复核签署人", _PEOPLE),
        "intake_operator": Role("接口运维员", _PEOPLE),
        "sysadmin": Role("系统管理员", _PEOPLE),
        "secadmin": Role("安全管理员", _PEOPLE),
        "auditadmin": Role("审计管理员", _PEOPLE),
        "duty_officer": Role("值班员", _PEOPLE),
        "commander": Role("指挥长", _PEOPLE),
        "unit_duty": Role("处置单位值班员", _PEOPLE),
        "arbiter": Role("派单仲裁员", _PEOPLE),
        "evaluator": Role("核查评价员", _PEOPLE),
        "project_clerk": Role("项目经办人", _PEOPLE),
        "project_lead": Role("项目负责人", _PEOPLE),
        "gate_approver": Role("关口审批人", _PEOPLE),
        "payment_reviewer": Role("付费审核人", _PEOPLE),
        "treasurer": Role("国库支付人", _PEOPLE),
        "performance_evaluator": Role("绩效评价人", _PEOPLE),
        "operator": Role("运营方", _PEOPLE),
        "leader": Role("领导小组成员", _PEOPLE),
        "plan_reporter": Role("指标填报人", _PEOPLE),
        "service_signal": Role("信号来源系统", _SERVICES),
        "service_plan": Role("指标报送系统", _SERVICES),
        "service_project": Role("项目业务系统", _SERVICES),
        "service_unit": Role("处置单位业务系统", _SERVICES),
        "service_intake": Role("部门业务系统", _SERVICES),
        "service_backfill": Role("补录权限", frozenset({"human", "service"})),
        "citizen": Role("申请人", frozenset({"citizen"})),
    }
)

CITIZEN = "citizen"
"""Held by every actor of kind `citizen`, without a grant; no grant gives it to anybody else."""

VERBS: tuple[str, ...] = tuple(verb for verb in BODIES if verb not in OF_LAW)
"""What a door may ask of a case. What is of the law is warranted by its article alone."""

ACTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "case": (*VERBS, "read", "list", "read_personal", "print", "print_card", "backfill"),
        "release": ("read", "list", "release_propose", "release_sign", "release_look_ahead"),
        "dead_letter": ("dead_letter_read", "dead_letter_mend"),
        "account": ("account_read", "account_manage", "account_grant", "grant_approve"),
        "policy": ("policy_read", "policy_propose", "policy_approve"),
        "audit": (
            "audit_read",
            "audit_names",
            "audit_verify",
            "case_readers",
            "erase_ask",
            "erase_approve",
        ),
        "census": ("census_read",),
        "alarms": ("alarms_read",),
        "supervision": ("supervise", "report"),
        "payment": ("payment_request", "payment_read", *OF_PAYMENT),
        "fund": (*OF_FUND, FUND_READ),
        "duty": ("duty_read", "duty_plan", "duty_serve"),
        "incident": (*INCIDENT_VERBS, "read", "list", "read_personal", "print"),
        "signal": ("signals_read", "signals_plan"),
        "warning": ("warning_issue", "warning_adjust", "warning_lift", "warning_read"),
        "plan": ("plan_report", "plan_read"),
        "performance": (*PERFORMANCE, "performance_read"),
        "project": (*PROJECT_VERBS, "read", "list"),
    }
)
"""Object type → acts."""

READING: frozenset[str] = frozenset({"read", "list", "read_personal", "print", "print_card"})
"""Acts that change nothing: no separation of duties touches them, so lists may ask for them."""

STEP_UP: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("case", "decide"): "决定送达即生效，非依法定程序不得变更（行政许可法第八条）",
        ("case", "refuse_acceptance"): "不予受理使申请终止，要出具书面凭证（行政许可法第三十二条）",
        ("case", "certify"): "加盖印章的许可证件一经颁发，不能收回原样（行政许可法第三十九条）",
        ("case", "reissue"): "原文书从此作废，重新出具的文书一经送达即生效（行政许可法第四条）",
        ("case", "revoke_licence"): "撤销许可剥夺已取得的权利（行政许可法第六十九条）",
        ("release", "release_sign"): "签署后的版本对全市生效",
        ("account", "account_manage"): "建立、重发、停用账号决定谁能进入系统",
        ("account", "grant_approve"): "批准的权限立即生效，决定谁能办什么、看什么",
        (
            "warning",
            "warning_issue",
        ): "警报一经发布，预警期开始，不能收回（突发事件应对法第六十四条）",
        ("warning", "warning_adjust"): "调整后的级别向社会重新发布（突发事件应对法第七十条）",
        ("payment", "payment_pay"): "付出的钱不能收回原样（不相容职务分离）",
        ("payment", "payment_release"): "返还的质保金不能收回原样（不相容职务分离）",
        ("payment", "payment_reverse"): "冲正改变已经入账的数",
        ("project", "terminate"): "提前终止使项目不再进行，其后只有移交（国办函〔2023〕115号）",
        ("project", "hand_over"): "移交使项目资产归于接收方，不能收回原样（国办函〔2023〕115号）",
        ("fund", "fund_open"): "设立基金决定全部指标的上限",
        ("policy", "policy_approve"): "批准后的策略对全市生效",
        ("audit", "erase_approve"): "删除后不能恢复（个人信息保护法第四十七条）",
    }
)
"""Object type and act → why it cannot be taken back. Who does one must have proved lately, by a
second factor, who they are. People at the pages only: a service has no second factor, its key is
the one it has."""

ACT_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "file": "收件",
        "pre_review": "预审",
        "ask_supplement": "一次性告知补正",
        "supply": "补正",
        "correct_on_spot": "当场更正",
        "accept": "受理",
        "refuse_acceptance": "不予受理",
        "not_required": "告知不需许可",
        "claim": "签收",
        "transfer": "转办",
        "add_signer": "加签",
        "remove_signer": "减签",
        "opine": "出具审查意见",
        "inspect": "现场核查",
        "gather": "汇总意见",
        "start_procedure": "启动特别程序",
        "end_procedure": "结束特别程序",
        "start_wait": "启动核查或公示停表",
        "end_wait": "结束核查或公示停表",
        "disallow_pause": "认定停表不当",
        "restore_pause": "撤销停表不当的认定",
        "tell_hearing_right": "告知听证权利",
        "request_hearing": "登记听证申请",
        "notify_hearing": "通知听证",
        "assign_inspectors": "指派检验人员",
        "confirm_receipt": "确认收到",
        "extend": "批准延期",
        "return_step": "退回环节",
        "decide": "作出决定",
        "certify": "制证",
        "serve": "送达",
        "reissue": "重新出具文书",
        "serve_reissued": "送达重新出具的文书",
        "close": "办结",
        "rate": "评价",
        "rectify": "差评整改",
        "call_back": "回访",
        "withdraw": "撤回申请",
        "urge": "催办",
        "copy_to": "抄送",
        "recuse": "回避",
        "check_afterwards": "承诺核查",
        "revoke_licence": "撤销许可",
        "record_step": "登记环节",
        "issue_card": "发监察牌",
        "revoke_card": "撤销监察牌",
        "explain_card": "书面说明监察牌",
        "review_explanation": "审核书面说明",
        "read": "查阅",
        "list": "查看列表",
        "read_personal": "查看个人信息",
        "print": "打印文书",
        "print_card": "打印监察文书",
        "backfill": "补录",
        "release_propose": "提交版本",
        "release_sign": "签署版本",
        "release_look_ahead": "预览版本的影响",
        "dead_letter_read": "查阅死信",
        "dead_letter_mend": "修正重放死信",
        "account_manage": "管理账号",
        "account_grant": "提出权限变更",
        "grant_approve": "批准权限变更",
        "account_read": "查阅账号与权限",
        "policy_read": "查阅策略",
        "policy_propose": "提出策略变更",
        "policy_approve": "批准策略变更",
        "audit_read": "查阅审计日志",
        "audit_names": "在审计日志中查看姓名",
        "audit_verify": "核验审计日志",
        "case_readers": "查看谁看过办件",
        "erase_ask": "提出依法删除",
        "erase_approve": "批准依法删除",
        "census_read": "查阅定时器对账",
        "alarms_read": "查阅监测警报",
        "signals_read": "查阅信号",
        "signals_plan": "计划信号静默",
        "supervise": "查看监察看板",
        "report": "报告",
        "payment_request": "提出付费申请",
        "payment_read": "查阅付费申请",
        "payment_review": "审核付费申请",
        "payment_return": "退回付费申请",
        "payment_pay": "国库支付",
        "payment_release": "返还质保金",
        "payment_reverse": "冲正付费",
        "fund_open": "设立专项基金",
        "fund_allot": "下达、调减指标",
        "fund_contract": "登记合同",
        "fund_use": "登记资金使用",
        "fund_read": "查阅专项基金",
        "warning_issue": "发布预警",
        "warning_adjust": "调整预警",
        "warning_lift": "解除预警",
        "warning_read": "查阅预警",
        "plan_report": "填报方案指标",
        "plan_read": "查阅方案指标",
        "performance_plan": "制定绩效指标",
        "performance_evaluate": "绩效评价",
        "performance_object": "对评价提出异议",
        "performance_accept": "认可评价",
        "performance_confirm": "确认评价",
        "performance_rectify": "下达整改任务",
        "performance_rectified": "报告整改完成",
        "performance_mid_term": "记录中期评估",
        "performance_fiscal": "登记财政支出责任",
        "performance_read": "查阅绩效",
        "duty_read": "查阅值班表",
        "duty_plan": "排班",
        "duty_serve": "值班（顶班、交接班）",
        "join": "并入信号",
        "withdraw_signal": "撤回信号",
        "verify": "核实",
        "grade": "研判定级",
        "regrade": "重新定级",
        "dispatch": "派发",
        "acknowledge": "签收派单",
        "refuse_dispatch": "退单",
        "arbitrate": "派单仲裁",
        "set_out": "出动",
        "arrive": "到场",
        "progress": "续报",
        "answer": "反馈",
        "check": "核查",
        "evaluate": "综合评价",
        "archive": "归档",
        "start_response": "启动应急响应",
        "adjust_response": "调整应急响应",
        "end_response": "解除应急响应",
        "report_up": "上报信息",
        "merge": "并案",
        "keep_personal": "延期保留个人信息",
        "add_lesson": "记教训",
        "finish_lesson": "完成整改",
        "link_case": "关联办件",
        "unlink_case": "解除关联",
        "establish": "立项",
        "approve_estimate": "核定概算",
        "set_cost": "登记总投资",
        "sign_contract": "登记协议",
        "pay_capital": "登记资本金到位",
        "replan": "调整计划",
        "forecast": "预计完成",
        "add_milestone": "增设里程碑",
        "add_evidence": "提交佐证",
        "pass_gate": "关口通过",
        "return_gate": "关口退回",
        "achieve": "完成里程碑",
        "propose_change": "提出变更",
        "decide_change": "审批变更",
        "step_in": "临时接管",
        "end_step_in": "结束接管",
        "terminate": "提前终止",
        "add_security": "登记保函、保险",
        "renew_security": "保函、保险续期",
        "end_security": "解除保函、保险",
        "list_assets": "登记资产清单",
        "record_test": "登记移交测试",
        "hand_over": "移交",
        "finish": "项目办结",
        "add_risk": "登记风险",
        "close_risk": "销除风险",
    }
)

OBJECT_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "case": "办件",
        "release": "版本",
        "dead_letter": "死信",
        "account": "账号",
        "policy": "策略",
        "audit": "审计日志",
        "census": "定时器对账",
        "alarms": "监测警报",
        "supervision": "电子监察",
        "payment": "付费申请",
        "fund": "专项基金",
        "incident": "突发事件",
        "signal": "信号",
        "duty": "值班表",
        "warning": "预警",
        "plan": "方案指标",
        "performance": "项目绩效",
        "project": "项目",
    }
)

__all__ = [
    "ACTS",
    "ACT_TITLES",
    "ADMINISTRATORS",
    "CITIZEN",
    "OBJECT_TITLES",
    "READING",
    "ROLES",
    "STEP_UP",
]
