"""`yichuang test`: the test suite."""

import argparse

from yichuang import gates
from yichuang.settings import Settings

HELP = "运行测试；其余参数交给 pytest (run the tests; other words go to pytest)"
PASSES_ON = True


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--long", action="store_true", help="连同耗时的测试 (the long tests too)")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="只测这些 (only these)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run the tests and return pytest's exit code."""
    return gates.tests([*args.unknown, *args.paths], long=args.long)
