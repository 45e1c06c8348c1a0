"""Words of performance on pages: orders, stages of a year's evaluation, branches of the tree."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cases.projects import performing_messages as m
from cases.projects.performance import Branch
from cases.projects.performing_state import EvaluationStage
from forms.words import N_

TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        m.PLAN: N_("制定绩效指标"),
        m.EVALUATE: N_("绩效评价"),
        m.OBJECT_TO: N_("对评价提出异议"),
        m.ACCEPT: N_("认可评价"),
        m.CONFIRM: N_("确认评价"),
        m.RECTIFY: N_("下达整改任务"),
        m.RECTIFIED: N_("报告整改完成"),
        m.MID_TERM: N_("记录中期评估"),
        m.FISCAL: N_("登记财政支出责任"),
    }
)
AGAIN: Final = N_("调整绩效指标")
"""What the order of indicators is called where some stand already."""
SAID: Final[Mapping[str, str]] = MappingProxyType(
    {
        m.PLAN: N_("产出、效果、管理三类指标，权重合计一百；下级合计等于上级。"),
        m.EVALUATE: N_("逐项零至一百分，逐项写明或者附上佐证；评价人不得是运营方。"),
        m.OBJECT_TO: N_("送达后十五日内提出，写明理由。"),
        m.ACCEPT: N_("认可后不再等异议期届满。"),
        m.CONFIRM: N_("确认即定出本年度应付额，不再改；确认人不得是评价人。"),
        m.RECTIFY: N_("写明整改什么、哪一天以前完成。"),
        m.RECTIFIED: N_("写明或者附上佐证。"),
        m.MID_TERM: N_("每三至五年一次。"),
        m.FISCAL: N_("由财政部门登记，代替以前登记的各项；与其他项目合计，对照 10%、7%、5%。"),
    }
)
"""Verb → what the order does, one sentence."""
STAGES: Final[Mapping[EvaluationStage, str]] = MappingProxyType(
    {
        "given": N_("已送达，待异议"),
        "objected": N_("有异议，待答复"),
        "accepted": N_("运营方认可，待确认"),
        "confirmed": N_("已确认"),
        "returned": N_("退回重评"),
    }
)
SHADES: Final[Mapping[EvaluationStage, str]] = MappingProxyType(
    {
        "given": "warning",
        "objected": "warning",
        "accepted": "warning",
        "confirmed": "normal",
        "returned": "paused",
    }
)
"""Stage → the class of its pill in the style sheet."""
BRANCHES: Final[Mapping[Branch, str]] = MappingProxyType(
    {"output": N_("产出"), "effect": N_("效果"), "management": N_("管理")}
)
DUTIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "equity": N_("股权投资"),
        "operation": N_("运营补贴"),
        "risk": N_("风险承担"),
        "supporting": N_("配套投入"),
    }
)
LINES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "forbidden": N_("10% 红线"),
        "warning": N_("7% 预警线"),
        "government_pay": N_("5% 政府付费线"),
    }
)
"""`cases.projects.fiscal.LINES_BP` → its word, the highest first."""
PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {"availability": N_("可用性付费"), "operation": N_("运营付费")}
)
