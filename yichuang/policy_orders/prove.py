"""`yichuang policy prove [FILE]`: every invariant, over how many decisions, in what time."""

from __future__ import annotations

import argparse
import time

from policies.proof import Proof
from yichuang.policy_texts import PolicyFault, PolicyText, TextAway, add, chosen
from yichuang.release_gates import example
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

__all__ = ["add", "run"]

HELP = "证明策略：逐项不变式、判定数、用时与反例 (all invariants with counts and time)"
WRONG = 2


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print each family; 0 when all hold, 1 with counterexamples, 2 when there is no text."""
    began = time.monotonic()
    try:
        text = chosen(args, settings)
        proof = text.proof()
    except PolicyFault as fault:
        complain("\n".join(fault.faults))
        return WRONG
    except TextAway as away:
        complain(str(away))
        return WRONG
    seconds = round(time.monotonic() - began, 2)
    if args.json:
        say_json(_plain(text, proof, seconds))
        return 0 if proof.holds else 1
    lines = {str(row): row.line for row in text.policy.rows}
    for one in proof.findings:
        mark = "✗" if one.counterexamples else "✓"
        say(f"{mark} {one.title}（{one.basis}）  {one.decisions} 个判定")
        for found in one.counterexamples:
            say(f"    {example(found, lines)}")
    held = "全部成立" if proof.holds else "不成立"
    say(f"{held}：{proof.decisions} 个判定，{seconds} 秒；策略 {text.policy.version}")
    return 0 if proof.holds else 1


def _plain(text: PolicyText, proof: Proof, seconds: float) -> dict[str, object]:
    lines = {str(row): row.line for row in text.policy.rows}
    return {
        "policy": text.policy.version,
        "rows": len(text.policy.rows),
        "holds": proof.holds,
        "decisions": proof.decisions,
        "seconds": seconds,
        "families": [
            {
                "code": one.code,
                "title": one.title,
                "basis": one.basis,
                "decisions": one.decisions,
                "counterexamples": [
                    {
                        "roles": list(found.roles),
                        "acts": list(found.acts),
                        "rows": [{"line": lines.get(row, 0), "row": row} for row in found.rows],
                        "said": example(found, lines),
                    }
                    for found in one.counterexamples
                ],
            }
            for one in proof.findings
        ],
    }
