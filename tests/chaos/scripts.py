"""What integrators order in the crash tests: scripts of cases, the same in a quiet and a bad run.

Each order names its door and its sender. `apart` orders (催办, 抄送) move nothing: they are sent
once, whatever comes back, so that the end of a case does not hang on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

INTEGRATORS = dict.fromkeys(("portal", "window", "review", "head", "archive"), ("*",))
"""NATS users, each a service of its own: who accepts may neither inspect nor decide."""

REST = "bureau"
"""The service account that comes over HTTP."""

Body = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class Order:
    """One order of a script. `user` is a NATS user, or `REST`."""

    user: str
    verb: str
    body: Body = field(default_factory=dict)
    apart: bool = False

    @property
    def door(self) -> Literal["nats", "rest"]:
        return "rest" if self.user == REST else "nats"

    def made(self) -> dict[str, Any]:
        """Return the body, made now: call it once and send that."""
        return dict(self.body() if callable(self.body) else self.body)


@dataclass(frozen=True)
class Script:
    """A case from filing to its end."""

    name: str
    department: str
    orders: tuple[Order, ...]
    ends: tuple[str, str]
    """Stage and ending."""


def _now() -> str:
    return datetime.now(UTC).isoformat()


def filing(matter: str, form: Mapping[str, Any], materials: str, **more: Any) -> dict[str, Any]:
    return {
        "matter": matter,
        "applicant": {"kind": "enterprise", "name": "云川市清泉有限公司", "phone": "13800000000"},
        "form": dict(form),
        "materials": [{"code": code, "originals": 1} for code in materials.split()],
        **more,
    }


FOOD_FORM = {
    "operator_name": "云川市清泉餐饮有限公司",
    "uscc": "91990100MA00000000",
    "legal_representative": "张三",
    "id_number": "110105194912310025",
    "phone": "13800000000",
    "premises_address": "云川市商务路18号一层",
    "business_kind": "餐饮服务经营者",
    "items": ["热食类食品制售"],
    "floor_area_m2": 120,
}
FOOD_PAPERS = "application premises safety-rules health-cert manager-proof"
COMPANY_FORM = {
    "company_name": "云川市清泉科技有限公司",
    "company_kind": "有限责任公司",
    "registered_capital_wan": 100,
    "domicile": "云川市商务路18号二层",
    "business_scope": "软件开发",
    "legal_representative": "李四",
    "id_number": "110105194912310025",
    "phone": "13800000000",
    "shareholders": 2,
}
SITE_FORM = {
    "project_name": "云川市第三中学教学楼",
    "project_code": "2606-990100-04-01-123456",
    "developer": "云川市教育局",
    "uscc": "11990100MA00000000",
    "contact": "王五",
    "phone": "13800000000",
    "site_address": "云川市建设路100号",
    "building_use": "public",
    "building_height_m": 23.5,
    "floor_area_m2": 8000,
    "contract_sum_wan": 3200,
    "involves_fire": True,
    "involves_civil_defence": True,
    "near_heritage": False,
}
SITE_PAPERS = (
    "application land planning-permit contract drawings safety fire-design funds insurance"
)
REQUEST_FORM = {
    "requester_kind": "公民",
    "requester_name": "赵六",
    "id_number": "110105194912310025",
    "phone": "13800000000",
    "content": "2025年度城市绿化养护预算执行情况",
    "form_wanted": "电子文件",
    "way_wanted": "网上获取",
}

SERVE = {"method": "direct", "recipient": "张三"}


def opinion(task: str) -> dict[str, Any]:
    return {"task": f"review-{task}", "result": "agree", "text": "符合条件，同意。"}


def inspection(task: str) -> Callable[[], Mapping[str, Any]]:
    return lambda: {
        "task": f"review-{task}",
        "inspectors": ["甲", "乙"],
        "place": "现场",
        "inspected_at": _now(),
        "findings": "与申报一致",
    }


def _ending(desk: str, decider: str, result: str, *, certificate: str = "许可证") -> list[Order]:
    """Decision to rating."""
    orders = [Order(decider, "decide", {"result": result, "reasons": "依法"})]
    if result == "grant":
        orders.append(Order("review", "certify", {"certificate": certificate}))
    return [
        *orders,
        Order(desk, "serve", SERVE),
        Order(desk, "copy_to", {"to": ["d:dsjc"], "text": "请知悉"}, apart=True),
        Order(desk, "close"),
        Order(desk, "rate", {"grade": 1}),
    ]


def _food(result: str) -> tuple[Order, ...]:
    return (
        Order("portal", "file", filing("food-operation", FOOD_FORM, FOOD_PAPERS)),
        Order("window", "accept"),
        Order("portal", "urge", {"text": "请尽快办理"}, apart=True),
        Order("review", "inspect", inspection("site-check")),
        Order("review", "opine", opinion("site-check")),
        *_ending("window", "head", result),
    )


def _food_supplemented() -> tuple[Order, ...]:
    lacking = {"code": "safety-rules", "what": "食品安全规章制度"}
    return (
        Order("portal", "file", filing("food-operation", FOOD_FORM, FOOD_PAPERS.replace(
            " safety-rules", ""
        ))),
        Order("window", "ask_supplement", {"lacking": [lacking]}),
        Order(REST, "urge", {"text": "请尽快补正"}, apart=True),
        Order("portal", "supply", {"materials": [{"code": "safety-rules", "copies": 1}]}),
        Order("window", "accept"),
        Order("review", "inspect", inspection("site-check")),
        Order("review", "opine", opinion("site-check")),
        *_ending("window", "head", "grant"),
    )  # fmt: skip


def _company() -> tuple[Order, ...]:
    return (
        Order(
            REST, "file", filing("enterprise-start", COMPANY_FORM,
                                  "application articles identity domicile"),
        ),
        Order(REST, "accept"),
        Order(REST, "urge", {"text": "即办件"}, apart=True),
        *_ending(REST, REST, "grant", certificate="营业执照"),
    )  # fmt: skip


def _disclosure() -> tuple[Order, ...]:
    return (
        Order(
            REST, "file", filing("information-disclosure", REQUEST_FORM, "request identity")
        ),
        Order("window", "accept"),
        Order(REST, "copy_to", {"to": ["d:dsjc"]}, apart=True),
        Order("review", "opine", opinion("search")),
        *_ending(REST, "head", "grant", certificate="答复书"),
    )  # fmt: skip


def _site() -> tuple[Order, ...]:
    return (
        Order(REST, "file", filing("construction-permit", SITE_FORM, SITE_PAPERS)),
        Order("window", "accept"),
        Order("review", "opine", opinion("planning")),
        Order("review", "inspect", inspection("housing")),
        Order(REST, "opine", opinion("fire")),
        Order("portal", "urge", {"text": "请尽快办理"}, apart=True),
        Order("review", "opine", opinion("civil-defence")),
        Order("review", "opine", opinion("housing")),
        Order("review", "gather", {"proposal": "grant", "text": "各部门均同意"}),
        *_ending("window", "head", "grant", certificate="建筑工程施工许可证"),
    )


def _withdrawn() -> tuple[Order, ...]:
    return (
        Order("portal", "file", filing("food-operation", FOOD_FORM, FOOD_PAPERS)),
        Order("window", "accept"),
        Order("portal", "urge", {"text": "请尽快办理"}, apart=True),
        Order(REST, "withdraw", {"reason": "不再经营"}),
    )


KINDS: tuple[Script, ...] = (
    Script("food-granted", "scjg", _food("grant"), ("ended", "granted")),
    Script("company", "scjg", _company(), ("ended", "granted")),
    Script("site", "zjj", _site(), ("ended", "granted")),
    Script("disclosure", "bgs", _disclosure(), ("ended", "granted")),
    Script("food-refused", "scjg", _food("refuse"), ("ended", "refused")),
    Script("withdrawn", "scjg", _withdrawn(), ("ended", "withdrawn")),
    Script("food-supplemented", "scjg", _food_supplemented(), ("ended", "granted")),
)
