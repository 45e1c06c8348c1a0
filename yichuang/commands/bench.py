"""`yichuang bench NAME`: measure one thing against its baseline, on this machine, now."""

import argparse
import importlib
import inspect
import json
from collections.abc import Callable
from typing import Any, cast

from yichuang.settings import CHECKOUT, Settings
from yichuang.terminal import say

HELP = "测速，与基线对照 (measure one thing against its baseline)"

NAMES = (
    "step", "intake", "document", "clock", "census", "timers", "rules", "telemetry", "audit",
    "authorize", "worklist", "incident", "board", "storm", "fund", "project",
    "pages",
)  # fmt: skip


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument(
        "--size", type=int, action="append", metavar="N",
        help="多少件，可重复；由少到多 (how many cases; again for more sizes)",
    )  # fmt: skip


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run the benchmark, which makes its own installation, and print its figures."""
    if not (CHECKOUT / "benchmarks" / f"{args.name}.py").is_file():
        say(f"没有测速 {args.name}")
        return 2
    module = importlib.import_module(f"benchmarks.{args.name}")
    measure = cast(Callable[..., dict[str, Any]], module.run)
    given: dict[str, Any] = {}
    if args.size:
        if "sizes" not in inspect.signature(measure).parameters or min(args.size) < 1:
            say(f"测速 {args.name} 没有大小可选，或者大小不是正数")
            return 2
        given["sizes"] = tuple(sorted(args.size))
    found = measure(**given)
    if args.json:
        say(json.dumps(found, ensure_ascii=False))
        return 0
    say(f"{found['name']}  {found['value']} {found['unit']}")
    say(f"基线  {found['baseline']} {found['unit']}   比值 {found['ratio']}")
    for key in sorted(set(found) - {"name", "value", "unit", "baseline", "ratio"}):
        say(f"  {key}  {found[key]}")
    return 0
