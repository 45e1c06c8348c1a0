"""`yichuang check`: every gate, in the order of their cost; the same line CI runs."""

import argparse

from yichuang import gates
from yichuang.settings import Settings
from yichuang.terminal import say

HELP = "格式、检查、类型、引用、测试 (every gate, as CI runs them)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--long", action="store_true", help="连同耗时的测试 (the long tests too)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run all gates, the tests last, and return 0 only when each passed."""
    failed = gates.static()
    code = gates.tests(long=args.long)
    if failed:
        say(f"未通过：{'、'.join(failed)}")
    return 1 if failed else code
