"""The words of projects: stages, regimes, classes of lateness, verbs, grounds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from forms.words import N_

STAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "running": N_("进行中"),
        "handed_over": N_("已移交"),
        "terminated": N_("已提前终止"),
        "finished": N_("已办结"),
    }
)
REGIMES: Final[Mapping[str, str]] = MappingProxyType(
    {"stock": N_("存量项目"), "concession": N_("特许经营"), "government": N_("政府投资")}
)
SLIPPAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "none": N_("正常"),
        "green": N_("轻微滞后"),
        "yellow": N_("滞后"),
        "red": N_("严重滞后"),
    }
)
"""滞后等级, by `cases.projects.schedule`."""
SHADES: Final[Mapping[str, str]] = MappingProxyType(
    {"none": "normal", "green": "normal", "yellow": "warning", "red": "overdue"}
)
"""Class of lateness → the class of its pill in the style sheet."""
PAY_MODES: Final[Mapping[str, str]] = MappingProxyType(
    {"user": N_("使用者付费"), "government": N_("政府付费"), "mixed": N_("可行性缺口补助")}
)
MODES: Final[Mapping[str, str]] = MappingProxyType(
    {"bot": "BOT", "tot": "TOT", "rot": "ROT", "boo": "BOO", "om": "O&M", "other": N_("其他")}
)
TIMERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "slip": N_("里程碑滞后"),
        "capital": N_("资本金到期未足额"),
        "ahead": N_("距期满一年"),
        "term": N_("期满"),
        "security": N_("保函、保险将到期"),
        "lapse": N_("保函、保险已到期"),
        "year": N_("年度更替"),
    }
)
"""First word of an instant's key → what has come (cases/projects/timing.py)."""
DUTIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "special_rule": N_("未开工的存量项目，按专门规定办理"),
        "approve_again": N_("重新报批"),
        "pay_capital": N_("缴足资本金"),
        "rectify": N_("限期整改"),
        "evaluate": N_("开展年度绩效评价"),
        "report_to_investment_department": N_("概算超出估算，须报告投资主管部门"),
        "apply_for_adjustment": N_("申请调整概算"),
    }
)
"""What the packs `project` and `ppp` demand of a project, by their own codes."""
CHANGE_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "site": N_("建设地点"),
        "scope": N_("建设规模、内容"),
        "term": N_("期限"),
        "price": N_("价格、付费"),
        "operator": N_("更换特许经营者"),
        "law": N_("法律变更"),
    }
)
CHANGE_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {"proposed": N_("待批准"), "approved": N_("已批准"), "refused": N_("未批准")}
)
TERMINATION_GROUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "operator_fault": N_("运营方违约"),
        "government_fault": N_("政府方违约"),
        "force_majeure": N_("不可抗力"),
        "agreed": N_("双方协商"),
        "law": N_("法律变更"),
    }
)
SECURITY_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {"guarantee": N_("保函"), "insurance": N_("保险")}
)
RISK_LEVELS: Final[Mapping[str, str]] = MappingProxyType(
    {"high": N_("高"), "medium": N_("中"), "low": N_("低")}
)
CONDITIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"good": N_("完好"), "repair": N_("待修"), "worn_out": N_("报废")}
)
VERBS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "establish": N_("立项"),
        "approve_estimate": N_("核定概算"),
        "set_cost": N_("登记总投资"),
        "sign_contract": N_("签订协议"),
        "pay_capital": N_("资本金到位"),
        "replan": N_("调整计划"),
        "forecast": N_("预计完成"),
        "add_milestone": N_("增设里程碑"),
        "add_evidence": N_("提交佐证"),
        "pass_gate": N_("关口通过"),
        "return_gate": N_("关口退回"),
        "achieve": N_("完成里程碑"),
        "propose_change": N_("提出变更"),
        "decide_change": N_("审批变更"),
        "step_in": N_("临时接管"),
        "end_step_in": N_("结束接管"),
        "terminate": N_("提前终止"),
        "add_security": N_("登记保函、保险"),
        "renew_security": N_("续期"),
        "end_security": N_("解除保函、保险"),
        "list_assets": N_("资产清单"),
        "record_test": N_("移交测试"),
        "hand_over": N_("移交"),
        "finish": N_("项目办结"),
        "add_risk": N_("登记风险"),
        "close_risk": N_("销除风险"),
        "timer_fired": N_("时限到"),
    }
)
