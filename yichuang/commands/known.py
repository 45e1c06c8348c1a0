"""`yichuang known NAME PATH`: a data set whose answers others published, fed to this code."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks import known
from yichuang.settings import Settings
from yichuang.terminal import complain, say

HELP = "与他人公布的答案对照 (compare with answers that others published)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="、".join(known.names()))
    parser.add_argument("path", metavar="PATH", type=Path, help="文件或文件夹 (file or folder)")
    parser.add_argument(
        "--json", action="store_true", help="只输出一个 JSON 对象 (one JSON object)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the comparison. Returns 0 when all are equal, 1 when some differ, 2 for bad input."""
    if not args.path.exists():
        complain(f"没有 {args.path}")
        return 2
    try:
        result = known.run(args.name, args.path)
    except KeyError:
        complain(f"没有叫 {args.name} 的数据集；有：{'、'.join(known.names())}")
        return 2
    except known.KnownUnreadable as unreadable:
        complain(str(unreadable))
        return 2
    answer = {
        "name": args.name,
        "cases": result.cases,
        "equal": result.equal,
        "different": result.different,
        "differences": list(result.differences[: known.SHOWN]),
        **result.report,
    }
    if args.json:
        say(json.dumps(answer, ensure_ascii=False))
        return 1 if result.different else 0
    say(f"{args.name}：{result.cases} 例，一致 {result.equal}，不一致 {result.different}")
    for line in (*result.lines, *result.differences[: known.SHOWN]):
        say(f"  {line}")
    return 1 if result.different else 0
