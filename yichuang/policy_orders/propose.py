"""`yichuang policy propose FILE --as LOGIN`: have a text proved and registered."""

from __future__ import annotations

import argparse
from pathlib import Path

from yichuang import policy_signing
from yichuang.settings import Settings
from yichuang.terminal import complain

HELP = "提出策略变更：安全管理员本人登录 (propose a change, signed in as oneself)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="策略的行 (rows of the policy)")
    policy_signing.add(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Propose; 0 it may be approved, 1 the gate or policy refuses it, 2 there is no such file."""
    try:
        text = args.file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        complain(f"读不了 {args.file}：{wrong}")
        return policy_signing.WRONG
    order = policy_signing.propose(text)
    return policy_signing.done(args, settings, order, "yichuang policy propose")
