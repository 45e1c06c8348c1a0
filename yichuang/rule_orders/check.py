"""`yichuang rules check [PLACE]`: all that is wrong with rule packs, before one is proposed."""

from __future__ import annotations

import argparse
from pathlib import Path

from rules.check import check
from rules.load import PACKS, read
from rules.tables.written import report_of
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "核对规则包：格式、依据、例子，由两种引擎试运行 (check rule packs, examples by both engines)"
WRONG = 2


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place", type=Path, nargs="?", default=PACKS, metavar="PLACE",
        help="规则包文件或其文件夹；不写则是随附的 (file or folder; default: the shipped)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print every fault with file, line and remedy; 0 none, 1 some, 2 no such place."""
    if not args.place.exists():
        complain(f"没有这个文件或文件夹：{args.place}")
        return WRONG
    faults = check(args.place)
    packs = [one.pack for one in read(args.place)[0]]
    if args.json:
        say_json(
            {
                "packs": [
                    {
                        "pack": pack.id,
                        "version": pack.version,
                        "digest": pack.digest,
                        "rules": len(pack.definition.rules),
                        "tables": [report_of(table) for table in pack.tables],
                        "examples": sum(len(r.examples) for r in pack.definition.rules),
                    }
                    for pack in packs
                ],
                "faults": [vars(fault) for fault in faults],
            }
        )
        return 1 if faults else 0
    for fault in faults:
        say(str(fault))
    for pack in packs:
        rules = pack.definition.rules
        say(f"{pack.id} {pack.version}  {len(rules)} 条规则  {pack.digest[:16]}")
        for table in pack.tables:
            report = report_of(table)
            whole = "没有缺口" if report["complete"] else "有缺口或没有查完"
            pairs = report["overlapping_pairs"]
            met = f"  重叠 {pairs} 对 (命中策略允许)" if pairs else ""
            say(f"  决策表 {table.id} ({table.hit})  {report['rows']} 行  {whole}{met}")
            for gap in report["gaps"]:
                say(f"    · 没有一行覆盖: {gap}")
    say(f"{len(faults)} 处不对。" if faults else "没有不对的地方。")
    return 1 if faults else 0
