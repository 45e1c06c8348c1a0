"""`yichuang audit erase`: destroy what is kept about one person, as two people have ordered.

Asking and approving is done at the pages (/erasures), signed in; this order carries it through, and
carries through what a crash cut short (`--resume`).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import nats.errors
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from audit.report import INCOMPLETE, UNREADABLE
from audit.vault import CACHE_SECONDS
from cases.database import StoreUnwritable
from cases.erasures import Erasure
from yichuang.erasing import (
    GROUNDS,
    Barred,
    NobodyKnown,
    NotApproved,
    Plan,
    Planner,
    Register,
    Stores,
    carry_out,
)
from yichuang.erasing_city import planner_of, register_of, stores_of
from yichuang.erasing_elsewhere import CityElsewhere, StillRunning
from yichuang.keyring import KeyMissing
from yichuang.settings import SettingMissing, Settings
from yichuang.terminal import complain, say, say_json

HELP = "依法删除一个人的信息 (erase one person's data, as two people ordered)"
AWAY = (
    SQLAlchemyError, StoreUnwritable, KeyMissing, SettingMissing, RPCError, RuntimeError, OSError,
    nats.errors.Error, TimeoutError, StillRunning,
)  # fmt: skip


def add(parser: argparse.ArgumentParser) -> None:
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("subject", nargs="?", help="化名，如 citizen:… (pseudonym)")
    who.add_argument("--case", default="", help="该办件的申请人 (the applicant of this case)")
    who.add_argument(
        "--resume", action="store_true", help="办完已批准而未办完的 (finish what was cut short)"
    )
    parser.add_argument(
        "--ground",
        choices=GROUNDS,
        help="依据：个人信息保护法第四十七条第一款的一项 (legal ground)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="只说能不能删、删到什么 (say what would be done)"
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 done, 2 where law or a missing approval forbids it, 3 where a store is away."""
    if not args.resume and not args.ground and not args.dry_run:
        complain(f"须写明依据：--ground {'、'.join(GROUNDS)}")
        return INCOMPLETE
    try:
        stores = stores_of(settings)
        register, planner = register_of(settings, stores), planner_of(settings, stores)
        if args.resume:
            orders: Sequence[Erasure] = register.undone(stores.vault)
        else:
            plan = planner.by_case(args.case) if args.case else planner.of(args.subject)
            if args.dry_run:
                return _tell_plan(plan, args.json)
            orders = [register.approved(plan.subject, args.ground)]
        done = [_erase(settings, stores, planner, register, order) for order in orders]
    except Barred as barred:
        return _no(args.json, barred.sentence, basis=barred.basis,
                   may_from=barred.may_from.isoformat() if barred.may_from else None)  # fmt: skip
    except NobodyKnown:
        return _no(args.json, "没有这个办件")
    except NotApproved:
        return _no(
            args.json,
            "没有已批准的删除：先在网页 /erasures 由一人提出、另一人批准，依据须相同",
        )
    except AWAY as away:
        complain(f"没有办完（{away}）；恢复后运行 bin/yichuang audit erase --resume")
        return UNREADABLE
    if args.json:
        say_json({"erased": done, "cached_seconds": CACHE_SECONDS})
    else:
        _tell(done)
    return 0


def _erase(
    settings: Settings, stores: Stores, planner: Planner, register: Register, order: Erasure
) -> Mapping[str, Any]:
    if order.state == "done" and stores.vault.is_destroyed(order.subject):
        return {"order": order.id, "subject": order.subject, "counts": dict(order.counts)}
    plan = planner.of(order.subject)
    elsewhere = CityElsewhere(settings)
    counts = carry_out(stores, order, plan, elsewhere, register.pseudonym_of)
    return {"order": order.id, "subject": order.subject, "counts": dict(counts)}


def _tell(done: Sequence[Mapping[str, Any]]) -> None:
    for one in done:
        counts = one["counts"]
        say(f"已依法删除 {one['subject']}（{one['order']}）")
        say(
            f"  密钥 {counts['keys']}，载荷 {counts['payloads']}，材料 {counts['uploads']}，"
            f"死信 {counts['letters']}，工作流历史 {counts['histories']}，"
            f"NATS 消息 {counts['messages']}"
        )
    if done:
        say(f"其他进程至多 {CACHE_SECONDS:.0f} 秒后不再持有密钥。备份中的密钥库须按期销毁。")
    else:
        say("没有未办完的删除。")


def _tell_plan(plan: Plan, as_json: bool) -> int:
    cases = [
        {"case_no": one.case_no, "archive": one.archive,
         "until": one.until.isoformat() if one.until else None, "bars": one.bars(plan.today)}
        for one in plan.cases
    ]  # fmt: skip
    day = plan.may_from.isoformat() if plan.may_from else None
    if as_json:
        say_json({"subject": plan.subject, "cases": cases, "may_from": day, "basis": plan.basis})
    else:
        say(f"{plan.subject}：{len(cases)} 件")
        for one in cases:
            until = f"保管至 {one['until']} 前" if one["until"] else "未办结或永久保管"
            say(f"  {one['case_no']} {one['archive']}，{until}")
        say(f"可以删除：{day or '没有可知的日期'}（{plan.basis}）")
    return INCOMPLETE if plan.barring else 0


def _no(as_json: bool, sentence: str, **more: object) -> int:
    if as_json:
        say_json({"refused": sentence, **more})
    else:
        complain(sentence)
    return INCOMPLETE
