"""What the demo city's applicants write: filings that fit the shipped matters, of invented people.

Numbers carry right check characters in a division code (9901) that no place has.
"""

from __future__ import annotations

from random import Random
from typing import Any

from catalogue.city import resident_id_check, uscc_check
from catalogue.matters import Matter

_FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_GIVEN = (
    "志远",
    "晓明",
    "建国",
    "雅琴",
    "子涵",
    "思源",
    "海燕",
    "一鸣",
    "淑芬",
    "宇航",
    "静",
    "磊",
)
_WORDS = ("云溪", "滨河", "远大", "恒信", "天工", "和顺", "青禾", "长风", "金穗", "安泰", "明德")
_STREETS = ("学府路", "人民大道", "滨河东路", "云溪街", "工业二路", "商务路", "望山巷")
_PROJECTS = ("小学教学楼", "花园二期住宅", "市民中心地下车库", "产业园标准厂房", "社区卫生服务中心")
_TRADES = ("餐饮管理", "食品", "商贸", "建设", "置业", "科技")


def person(chance: Random) -> str:
    return chance.choice(_FAMILY) + chance.choice(_GIVEN)


def company(chance: Random) -> str:
    return f"云川市{chance.choice(_WORDS)}{chance.choice(_TRADES)}有限公司"


def uscc(chance: Random) -> str:
    first = "91990100MA" + "".join(chance.choice("0123456789ABCDEF") for _ in range(7))
    return first + uscc_check(first)


def resident_id(chance: Random) -> str:
    born = f"{chance.randint(1960, 2004)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    first = f"990100{born}{chance.randint(0, 999):03}"
    return first + resident_id_check(first)


def phone(chance: Random) -> str:
    return f"139{chance.randint(0, 99_999_999):08}"


def address(chance: Random) -> str:
    return f"云川市云溪区{chance.choice(_STREETS)}{chance.randint(1, 199)}号"


def applicant(matter: Matter, chance: Random) -> dict[str, str]:
    """Return who applies: an enterprise where the matter serves one, else a natural person."""
    if "enterprise" in matter.applicant_kinds and chance.random() < 0.85:
        return {
            "kind": "enterprise",
            "name": company(chance),
            "id_type": "USCC",
            "id_number": uscc(chance),
            "legal_representative": person(chance),
            "phone": phone(chance),
        }
    if "natural_person" not in matter.applicant_kinds:
        return {
            "kind": "institution",
            "name": f"云川市第{chance.randint(1, 30)}中学",
            "id_type": "USCC",
            "id_number": "12" + uscc(chance)[2:],
            "phone": phone(chance),
        }
    return {
        "kind": "natural_person",
        "name": person(chance),
        "id_type": "111",
        "id_number": resident_id(chance),
        "phone": phone(chance),
    }


def form(matter: Matter, who: dict[str, str], chance: Random) -> dict[str, Any]:
    """Return the filled form of one of the shipped matters. Raises `KeyError` for another."""
    return {
        "construction-permit": _permit,
        "food-operation": _food,
        "enterprise-start": _start,
        "information-disclosure": _disclosure,
    }[matter.code](who, chance)


def _permit(who: dict[str, str], chance: Random) -> dict[str, Any]:
    return {
        "project_name": chance.choice(_WORDS) + chance.choice(_PROJECTS),
        "project_code": f"2026-990100-{chance.randint(10, 89)}-01-{chance.randint(0, 999999):06}",
        "developer": who["name"],
        "uscc": who["id_number"] if len(who["id_number"]) == 18 else uscc(chance),
        "contact": person(chance),
        "phone": who["phone"],
        "site_address": address(chance),
        "building_use": chance.choice(("residential", "public", "industrial", "other")),
        "building_height_m": round(chance.uniform(6, 99), 1),
        "floor_area_m2": chance.randint(500, 90_000),
        "contract_sum_wan": chance.randint(300, 60_000),
        "involves_fire": chance.random() < 0.7,
        "involves_civil_defence": chance.random() < 0.6,
        "near_heritage": chance.random() < 0.15,
    }


def _food(who: dict[str, str], chance: Random) -> dict[str, Any]:
    filled = _food_always(who, chance)
    if filled["online_business"]:
        filled["online_address"] = "云川外卖平台 · 本店"
    if filled["business_kind"] == "集中用餐单位食堂":
        filled |= {"diners": chance.randint(20, 900), "school_canteen": "机关企事业单位食堂"}
    return filled


def _food_always(who: dict[str, str], chance: Random) -> dict[str, Any]:
    return {
        "operator_name": who["name"],
        "uscc": uscc(chance),
        "legal_representative": who.get("legal_representative") or who["name"],
        "id_number": resident_id(chance),
        "phone": who["phone"],
        "premises_address": address(chance),
        "business_kind": chance.choice(("食品销售经营者", "餐饮服务经营者", "集中用餐单位食堂")),
        "items": chance.sample(("散装食品销售", "热食类食品制售", "自制饮品制售"), 2),
        "floor_area_m2": chance.randint(15, 900),
        "staff": chance.randint(1, 60),
        "online_business": chance.random() < 0.4,
        "licence_years": 5,
    }


def _start(who: dict[str, str], chance: Random) -> dict[str, Any]:
    capital, partners = chance.choice((10, 50, 100, 500)), chance.randint(1, 5)
    investors = [
        {
            "name": person(chance),
            "id_number": resident_id(chance),
            "sum_wan": round(capital / partners, 2),
            "manner": "货币",
        }
        for _ in range(partners)
    ]
    return {
        "company_name": company(chance),
        "company_kind": "有限责任公司",
        "registered_capital_wan": capital,
        "domicile": address(chance),
        "business_scope": "食品销售；软件开发；会议及展览服务",
        "legal_representative": who.get("legal_representative") or who["name"],
        "id_number": resident_id(chance),
        "phone": who["phone"],
        "shareholders": partners,
        "investors": investors,
        "seal": True,
        "invoices": True,
        "social_insurance": True,
    }


def _disclosure(who: dict[str, str], chance: Random) -> dict[str, Any]:
    natural = who["kind"] == "natural_person"
    return {
        "requester_kind": "公民" if natural else "法人",
        "requester_name": who["name"],
        "id_number": who["id_number"],
        "phone": who["phone"],
        "content": f"{chance.choice(_STREETS)}改造工程的招标文件和中标结果",
        "form_wanted": "电子文件",
        "way_wanted": "网上获取",
    }
