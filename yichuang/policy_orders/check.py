"""`yichuang policy check [FILE]`: all that the gate would find, before anybody proposes it."""

from __future__ import annotations

import argparse

from yichuang.policy_texts import PolicyFault, TextAway, add, chosen
from yichuang.release_gates import checks_of
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

__all__ = ["add", "run"]

HELP = "核对策略：逐行、判定表、不变式、可办性 (parse, lint, decision table, invariants, liveness)"
WRONG = 2


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print every finding with its line; 0 none, 1 some, 2 the text cannot be had."""
    try:
        text = chosen(args, settings)
        checks = checks_of(text.proof(), text.policy)
        read: tuple[str, ...] = ()
    except PolicyFault as fault:
        checks, read = (), fault.faults
    except TextAway as away:
        complain(str(away))
        return WRONG
    failed = [one for one in checks if not one.passed]
    found = [*read, *(finding for one in failed for finding in one.findings)]
    if args.json:
        say_json(
            {
                "passed": not found,
                "checks": [{"name": one.name, "passed": one.passed} for one in checks],
                "findings": found,
            }
        )
        return 1 if found else 0
    for finding in found:
        say(finding)
    if read:
        say(f"读不懂：{len(read)} 处")
    else:
        say(f"{text.where}：{len(text.policy.rows)} 行，{len(checks)} 项检查，{len(failed)} 项未过")
    return 1 if found else 0
