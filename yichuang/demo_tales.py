"""The tales of the demo city's incidents: what happened where, and how far each is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cases.incidents.state import Stage


@dataclass(frozen=True)
class Tale:
    """One incident of the plan: what happened where, and how far its story goes."""

    type: str
    title: str
    text: str
    level: str
    stop: Stage
    turn: str = ""
    """refused (once), disputed (twice, waiting), ruled (twice, ruled), response, false."""
    grade: str = ""


TALES: Final[Sequence[Tale]] = (
    Tale(
        "gas_leak",
        "学府家园3号楼燃气泄漏",
        "三单元住户报告楼道有强烈燃气味。",
        "red",
        "handling",
        "response",
        "ordinary",
    ),
    Tale(
        "lift_trapped",
        "学府大厦二号梯困人",
        "五楼与六楼之间，两人被困，情绪稳定。",
        "orange",
        "on_site",
        "",
        "ordinary",
    ),
    Tale(
        "fire",
        "渡口街建材仓库起火",
        "仓库北侧冒浓烟，未见明火。",
        "red",
        "under_way",
        "",
        "ordinary",
    ),
    Tale(
        "traffic_accident",
        "学府路两车追尾",
        "两车追尾，占用一条车道，一人轻伤。",
        "yellow",
        "answered",
        "",
        "ordinary",
    ),
    Tale(
        "waterlogging",
        "岭南路下穿通道积水",
        "积水约四十厘米，小车无法通行。",
        "orange",
        "acknowledged",
        "",
        "ordinary",
    ),
    Tale(
        "manhole",
        "北门街井盖缺失",
        "人行道边井盖缺失，已放三角锥。",
        "yellow",
        "dispatched",
        "refused",
    ),
    Tale("manhole", "溪口路雨箅破损", "雨箅断裂，有行人绊倒。", "yellow", "dispatched", "disputed"),
    Tale("manhole", "溪口路污水井盖下沉", "井盖下沉约五厘米。", "yellow", "handling", "ruled"),
    Tale(
        "water_damage",
        "江湾路供水管爆裂",
        "路面大量涌水，周边水压下降。",
        "yellow",
        "handling",
        "",
        "ordinary",
    ),
    Tale(
        "power_outage",
        "岭南小区停电",
        "全小区停电，电梯停运。",
        "yellow",
        "acknowledged",
        "",
        "ordinary",
    ),
    Tale(
        "bridge_danger",
        "云溪大桥伸缩缝破损",
        "伸缩缝钢板翘起，车辆颠簸。",
        "orange",
        "on_site",
        "",
        "ordinary",
    ),
    Tale(
        "food_poisoning",
        "学府中学多名学生呕吐",
        "午餐后六名学生呕吐，已送医。",
        "orange",
        "dispatched",
        "",
        "ordinary",
    ),
    Tale("crowd", "渡口夜市人群密集", "夜市中段人群密度较高，已限流。", "orange", "closed", "", ""),
    Tale(
        "water_pollution",
        "清泉河河水变色",
        "河水呈暗红色，有刺激气味。",
        "orange",
        "handling",
        "",
        "ordinary",
    ),
    Tale(
        "tree_down",
        "北门街大树倒伏",
        "大树倒伏，压住一辆轿车，无人受伤。",
        "yellow",
        "archived",
        "",
        "",
    ),
    Tale("road_defect", "学府路路面塌陷", "塌陷约两平方米，深一米。", "orange", "on_site", "", ""),
    Tale(
        "traffic_signal",
        "岭南路口信号灯熄灭",
        "四个方向信号灯全部熄灭。",
        "yellow",
        "answered",
        "",
        "",
    ),
    Tale("noise", "学府路夜间施工噪声", "二十三时仍有打桩声。", "", "checked", "", ""),
    Tale("waste_dump", "江湾路口暴露垃圾", "约三立方米装修垃圾。", "", "closed", "", ""),
    Tale("street_vendor", "北门市场外占道经营", "十余个摊位占用盲道。", "", "handling", "", ""),
    Tale("illegal_parking", "学府小学门口违法停车", "消防通道被占。", "", "dispatched", "", ""),
    Tale("congestion", "云溪大桥南口拥堵", "车辆排队约一公里。", "", "graded", "", ""),
    Tale("heating_cold", "学府家园暖气不热", "五户室温不足十六度。", "", "dispatched", "", ""),
    Tale(
        "heating_leak",
        "岭南供热站管沟漏水",
        "管沟冒汽，路面湿滑。",
        "yellow",
        "under_way",
        "",
        "ordinary",
    ),
    Tale("street_light", "渡口街路灯不亮", "连续六盏不亮。", "", "acknowledged", "", ""),
    Tale("bin_full", "溪口公园垃圾箱满溢", "公园东门三个垃圾箱满溢。", "", "closed", "", ""),
    Tale("hydrant", "江湾路消火栓漏水", "消火栓被撞，持续漏水。", "", "handling", "", ""),
    Tale("charging_pile", "北门停车场充电桩离线", "六台充电桩离线。", "", "reported", "", ""),
    Tale("gas_facility", "溪口路燃气调压箱门损坏", "箱门脱落。", "yellow", "acknowledged", "", ""),
    Tale("illegal_building", "岭南小区楼顶搭建", "楼顶正在搭建彩钢房。", "", "verified", "", ""),
    Tale("dust", "江湾工地扬尘", "渣土未覆盖。", "", "dispatched", "", ""),
    Tale("dispute", "学府家园邻里纠纷", "因漏水争执。", "", "unfounded", "false", ""),
    Tale(
        "video_smoke",
        "视频识别北门山疑似烟火",
        "云台三号画面有烟。",
        "orange",
        "unfounded",
        "false",
        "",
    ),
    Tale(
        "hazmat_leak",
        "滨江工业园储罐泄漏",
        "储罐法兰处渗漏，已疏散。",
        "red",
        "acknowledged",
        "response",
        "ordinary",
    ),
    Tale(
        "network_security",
        "政务网门户被篡改",
        "首页出现异常链接，已下线。",
        "yellow",
        "handling",
        "",
        "ordinary",
    ),
    Tale(
        "hospital_overload",
        "市一院急诊床位紧张",
        "急诊床位占用率百分之九十四。",
        "yellow",
        "dispatched",
        "",
        "",
    ),
    Tale("urgent_dig", "北门街紧急掘路", "抢修供水管须掘路。", "", "reported", "", ""),
    Tale(
        "lift_trapped",
        "江湾商厦一号梯困人",
        "一人被困，手机有信号。",
        "orange",
        "archived",
        "",
        "ordinary",
    ),
    Tale("water_fault", "渡口小区停水", "全小区停水约半小时。", "", "reported", "", ""),
    Tale("other", "江边有人投喂野生动物", "影响通行。", "", "graded", "", ""),
)
