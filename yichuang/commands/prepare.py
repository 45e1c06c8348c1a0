"""`yichuang prepare`: only the preparation that bin/yichuang does before every command."""

import argparse

from yichuang.settings import Settings
from yichuang.terminal import say

HELP = "只做准备：系统软件包、虚拟环境、字体 (prepare the machine and stop)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults()


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Say that all is there: who reads this line was brought here by a finished preparation."""
    say("已准备好。")
    return 0
