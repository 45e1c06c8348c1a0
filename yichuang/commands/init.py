"""`yichuang init`: make what is missing (schemas, keys, the log); safe to run again."""

import argparse
import importlib

from yichuang.settings import Settings
from yichuang.terminal import say

HELP = "建立缺少的库表、密钥和日志 (create what is missing; safe to run again)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults()


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Initialise the stores and print what must be shown once (one-time enrolments)."""
    for line in importlib.import_module("yichuang.initialise").initialise(settings):
        say(line)
    return 0
