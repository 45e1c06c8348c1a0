"""`yichuang run ROLE`: one role in the foreground, as a container or the supervisor starts it."""

import argparse
import importlib
from collections.abc import Callable
from typing import cast

from yichuang import links, roles, store_trouble
from yichuang.settings import Settings

HELP = "运行一个角色 (run one role in the foreground)"
ROLES = (
    "worker",
    "web",
    "gateway",
    "telemetry",
    "signals",
    "relay",
    "sequencer",
    "signer",
    "witness",
    "notifier",
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("role", choices=ROLES, metavar="ROLE", help=", ".join(ROLES))


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run the role until it is asked to stop, and return its exit code."""
    links.refuse_plain(settings)
    roles.start(settings, args.role)
    store_trouble.watch()
    module = importlib.import_module(f"yichuang.{args.role}")
    return cast(Callable[[Settings], int], module.main)(settings)
