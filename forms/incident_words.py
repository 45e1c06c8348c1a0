"""The duty officer's words: levels, stages, verbs with their keys, and what a moment is called."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cases.incidents.chains import RECIPIENTS, REPORTERS
from forms.words import N_

LEVELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "red": N_("红色"),
        "orange": N_("橙色"),
        "yellow": N_("黄色"),
        "blue": N_("蓝色"),
        "": N_("未定"),
    }
)
"""Warning level as its source gave it; the map draws each in a shape of its own."""

STAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "reported": N_("接报"),
        "verified": N_("核实"),
        "graded": N_("研判定级"),
        "dispatched": N_("派发"),
        "acknowledged": N_("签收派单"),
        "under_way": N_("出动"),
        "on_site": N_("到场"),
        "handling": N_("处置"),
        "answered": N_("反馈"),
        "checked": N_("核查"),
        "closed": N_("办结"),
        "archived": N_("归档"),
        "unfounded": N_("不实"),
        "merged": N_("并案"),
    }
)

GRADES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": N_("未定级"),
        "extraordinary": N_("特别重大"),
        "major": N_("重大"),
        "serious": N_("较大"),
        "ordinary": N_("一般"),
        "none": N_("不分级"),
    }
)

REPORTING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unit_head": N_("事故发生单位负责人"),
        "finder": N_("发现单位"),
        "county_department": N_("县级部门"),
        "county_government": N_("县级人民政府"),
        "city_department": N_("市级部门"),
        "city_government": N_("市人民政府"),
        "province_department": N_("省级部门"),
        "province_government": N_("省人民政府"),
        "state_department": N_("国务院有关部门"),
        "county_health": N_("县级卫生健康部门"),
        "state_health": N_("国务院卫生健康部门"),
        "province_supervision": N_("省动物卫生监督机构"),
        "state_veterinary": N_("国务院兽医主管部门"),
        "state_council": N_("国务院"),
        "own_government": N_("本级人民政府"),
        "upper_health": N_("上级卫生健康部门"),
        "drainage_department": N_("排水主管部门"),
        "environment_department": N_("生态环境部门"),
        "competent_department": N_("有关主管部门"),
    }
)
"""Who reports, and to whom, by the codes of `cases.incidents.chains`."""
assert {*REPORTERS, *RECIPIENTS} == set(REPORTING)

UNIT_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dispatched": N_("待签收"),
        "acknowledged": N_("已签收"),
        "under_way": N_("已出动"),
        "on_site": N_("已到场"),
        "answered": N_("已反馈"),
        "refused": N_("已退单"),
        "disputed": N_("待仲裁"),
        "moved": N_("改派"),
        "stood_down": N_("撤回"),
    }
)

DOMAINS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "natural": N_("自然灾害"),
        "accident": N_("事故灾难"),
        "health": N_("公共卫生事件"),
        "security": N_("社会安全事件"),
        "city": N_("城市管理"),
    }
)

VERBS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "report": N_("接报"),
        "join": N_("并入信号"),
        "withdraw_signal": N_("信号撤回"),
        "verify": N_("核实"),
        "grade": N_("研判定级"),
        "regrade": N_("重新定级"),
        "dispatch": N_("派发"),
        "acknowledge": N_("签收派单"),
        "refuse_dispatch": N_("退单"),
        "arbitrate": N_("派单仲裁"),
        "set_out": N_("出动"),
        "arrive": N_("到场"),
        "progress": N_("续报"),
        "answer": N_("反馈"),
        "check": N_("核查"),
        "close": N_("办结"),
        "evaluate": N_("综合评价"),
        "archive": N_("归档"),
        "start_response": N_("启动应急响应"),
        "adjust_response": N_("调整应急响应"),
        "end_response": N_("解除应急响应"),
        "report_up": N_("上报信息"),
        "merge": N_("并案"),
        "keep_personal": N_("延期保留个人信息"),
        "add_lesson": N_("记教训"),
        "finish_lesson": N_("完成整改"),
        "link_case": N_("关联办件"),
        "unlink_case": N_("解除关联"),
        "timer_fired": N_("时限到"),
    }
)

KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "verify": "V",
        "grade": "G",
        "regrade": "G",
        "dispatch": "D",
        "acknowledge": "A",
        "set_out": "O",
        "arrive": "R",
        "progress": "P",
        "answer": "F",
        "check": "C",
        "close": "E",
        "refuse_dispatch": "T",
        "arbitrate": "B",
        "report_up": "U",
        "merge": "M",
        "add_lesson": "L",
        "evaluate": "S",
        "archive": "Z",
        "finish_lesson": "I",
        "keep_personal": "Y",
        "end_response": "W",
        "start_response": "X",
        "adjust_response": "X",
    }
)
"""Verb → the one key that chooses it where no field has the focus. Single letters without Ctrl,
Alt or Meta, so that none is a browser's; they can be switched off (WCAG 2.1.4). Digits and J, K,
N, Q, H, ? and / move about."""

STRAIGHT: Final = frozenset({"acknowledge"})
"""Acts that ask for nothing typed: the key or the button does them."""
