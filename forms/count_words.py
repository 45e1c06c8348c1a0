"""What the counts behind the supervisors' numbers are called, on their lists and above them."""

from __future__ import annotations

from collections.abc import Mapping

from forms.words import N_

COUNT_WORDS: Mapping[str, str] = {
    "closed": N_("办结的办件"),
    "on_time_promised": N_("承诺时限内办结的办件"),
    "late_ended": N_("超过承诺时限办结的办件"),
    "on_time_statutory": N_("法定时限内办结的办件"),
    "early": N_("提前办结的办件"),
    "closed_in_days": N_("承诺时限按工作日计的办结件"),
    "with_procedure": N_("经特别程序停表的办结件"),
    "received": N_("收件"),
    "online": N_("网上收件"),
    "spot": N_("即办件"),
    "noticed": N_("告知过补正的办件"),
    "noticed_twice": N_("告知补正两次以上的办件"),
    "served": N_("送达的办件"),
    "fully_online": N_("网上收件且电子送达的办件"),
    "one_visit": N_("到场不超过一次的办件"),
    "rating_ended": N_("评价期结束的办件"),
    "rated": N_("申请人评价过的办件"),
    "satisfied": N_("评价满意的办件"),
    "good": N_("评价为好评的办件"),
    "bad": N_("评价为差评的办件"),
    "rectified": N_("差评后整改完成的办件"),
    "rectified_on_time": N_("差评后按期整改的办件"),
    "called_back": N_("差评后已回访的办件"),
    "reminders": N_("提醒"),
    "warnings": N_("预警"),
    "yellow": N_("黄牌"),
    "red": N_("红牌"),
    "cards_asked": N_("须书面说明的黄红牌"),
    "cards_settled": N_("说明已被采纳的黄红牌"),
    "open": N_("期末在办的办件"),
    "late_open": N_("期末超承诺在办的办件"),
    "late": N_("超期的办件（办结的和期末在办的）"),
    "handled": N_("办结的和期末在办的办件"),
    "steps": N_("办完的审查环节"),
    "steps_on_time": N_("按时办完的审查环节"),
    "steps_in_days": N_("时限按工作日计的审查环节"),
    "steps_open": N_("在办的审查环节"),
    "steps_late": N_("超期在办的审查环节"),
}
