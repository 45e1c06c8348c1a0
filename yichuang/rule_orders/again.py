"""`yichuang rules again [CASE_NO]`: every stored ruling made anew from what it keeps."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import chain

from cases.database import StoreUnwritable, open_engine
from yichuang import joining
from yichuang.keyring import KeyMissing
from yichuang.settings import Settings
from yichuang.stored_rulings import Difference, Stored, StoredRulings
from yichuang.terminal import complain, say, say_json

HELP = "把存下的裁定逐一重算，列出不同之处 (make every stored ruling again; read only)"
WRONG = 2
SHOWN = 50


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case_no", metavar="CASE_NO", nargs="?", default="", help="只算这个办件")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print what differs; 0 nothing does, 1 something or the store is away, 2 no such case."""
    engine = open_engine(settings.store_url("cases"), read_only=True)
    try:
        sealer = joining.sealer_of(settings, joining.vault_of(settings))
        rulings = StoredRulings.over(joining.queries_of(settings, sealer, cases=engine))
        if not args.case_no:
            everything = chain(rulings.all(), rulings.of_payments())
            return made_again(rulings, everything, args.json)
        case_id = rulings.queries.find_case(args.case_no)
        if case_id is None:
            complain(f"没有办件 {args.case_no}")
            return WRONG
        return made_again(rulings, rulings.of_case(case_id), args.json)
    except KeyMissing as missing:
        complain(str(missing))
        return 1
    except StoreUnwritable as away:
        complain(f"{away}。若是第一次，请先运行 bin/yichuang init")
        return 1
    finally:
        engine.dispose()


def made_again(rulings: StoredRulings, stored: Iterable[Stored], in_json: bool) -> int:
    """Print what differs among these rulings; 1 when something does."""
    made = erased = 0
    differences: list[Difference] = []
    for one in stored:
        erased += one.ruling is None
        made += one.ruling is not None
        found = rulings.difference(one)
        if found is not None:
            differences.append(found)
    if in_json:
        say_json(
            {"made": made, "erased": erased, "differences": [vars(one) for one in differences]}
        )
        return 1 if differences else 0
    for difference in differences[:SHOWN]:
        step = f" 第 {difference.seq} 步" if difference.seq else ""
        say(f"{difference.case_no}{step} {difference.role}: {difference.why}")
    say(f"重算 {made} 份裁定, {len(differences)} 份不同; {erased} 份的事实已销毁, 无从重算")
    return 1 if differences else 0
