"""`yichuang fund`: the fund's journal and caps, made anew from the entries."""

import argparse
from collections import Counter
from dataclasses import asdict

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cases import fund as f
from cases import fund_rows as rows
from cases.database import StoreUnwritable, open_engine, reading
from cases.payments import yuan
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "专项基金：把分录账从头重算，核对每个合计和上限 (the fund's journal and caps, made anew)"


def add(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="what", required=True)
    verify = verbs.add_parser("verify", help="重算并核对 (make anew and compare)")
    verify.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Say what the journal comes to; 0, 1 when something differs, 2 when it cannot be read."""
    try:
        engine = open_engine(settings.store_url("cases"), read_only=True)
        try:
            with reading(engine) as connection:
                faults, sums, entries = verified(connection)
        finally:
            engine.dispose()
    except (SQLAlchemyError, StoreUnwritable, OSError) as away:
        complain(f"办件库读不出来：{away}")
        return 2
    if args.json:
        say_json({"entries": entries, "sums": asdict(sums), "faults": faults})
    else:
        told = (
            ("指标", sums.allotted_fen), ("已拨付", sums.paid_fen), ("质保金", sums.retained_fen),
            ("利息", sums.interest_fen), ("已使用", sums.used_fen),
        )  # fmt: skip
        said = "，".join(f"{name} {yuan(fen)} 元" for name, fen in told)
        say(f"分录 {entries} 笔；{said}")
        for fault in faults:
            say(f"不符：{fault}")
        say("借贷平衡，合计、上限、逐笔都相符" if not faults else f"共 {len(faults)} 处不符")
    return 1 if faults else 0


def verified(connection: Connection) -> tuple[list[str], f.Sums, int]:
    """Return what differs, the fund's sums as its journal says them, and how many entries."""
    entries = rows.journal(connection)
    faults = []
    for one in entries:
        if unbalanced := sum(line.amount_fen for line in one.lines):
            faults.append(f"凭证 {one.seq} 借贷相差 {unbalanced} 分")
    if faults:
        return faults, f.Sums(), len(entries)
    faults += rows.differing(connection, entries)
    made = rows.recomputed(entries)
    limits = rows.every_sum(connection, "contract")
    whole = made.get(("fund", f.FUND), f.Sums())
    known = rows.the_fund(connection)
    limit = known[1] if known else 0
    for (scope, key), sums in made.items():
        allotted = limits[key].allotted_fen if scope == "contract" else sums.allotted_fen
        spent = sums.paid_fen + sums.retained_fen
        spent += 0 if scope == "contract" else sums.interest_fen
        if spent > allotted:
            faults.append(f"{scope} {key} 拨付 {spent} 分，超过 {allotted} 分")
        if sums.used_fen > sums.paid_fen:
            faults.append(f"{scope} {key} 使用超过拨付")
    if not whole.allotted_fen <= limit <= f.FUND_LIMIT_FEN and entries:
        faults.append(f"指标合计 {whole.allotted_fen} 分，超过基金总额 {limit} 分")
    paid = Counter(one.payment for one in entries if one.kind == f.PAY)
    faults += [f"付费 {one} 支付了不止一次" for one, times in paid.items() if times > 1]
    faults += rows.unsupported(connection)
    return faults, whole, len(entries)
