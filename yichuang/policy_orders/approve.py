"""`yichuang policy approve RELEASE --as LOGIN`: put another person's proposal in force."""

from __future__ import annotations

import argparse

from yichuang import policy_signing
from yichuang.settings import Settings

HELP = "批准策略变更：另一名安全管理员本人登录 (approve somebody else's proposal)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", metavar="RELEASE", help="版本编号 (id of the version)")
    policy_signing.add(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Approve; 0 in force, 1 refused, 2 wrongly asked. The second factor is proved just now."""
    order = policy_signing.approve(args.release)
    return policy_signing.done(args, settings, order, "yichuang policy approve")
