"""`yichuang policy diff FILE`: what another text changes, in rows, in decisions and in people."""

from __future__ import annotations

import argparse
from pathlib import Path

from policies.differences import Difference, difference, row_sentence
from policies.policy import PolicyFault
from policies.vocabulary import ROLES
from yichuang.policy_texts import (
    PolicyText,
    TextAway,
    from_file,
    in_force,
    people_by_role,
    shipped,
)
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "比较策略：哪些行、谁得到、谁失去、今天多少人 (rows, who gains, who loses, how many people)"
WRONG = 2


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="新文本 (the other text)")
    parser.add_argument(
        "--against", type=Path, metavar="FILE",
        help="与哪个文本比；不写则与现行的比，没有现行的则与随附的比 (default: the one in force)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the difference; 0 nothing is decided otherwise, 1 something is, 2 wrongly asked."""
    try:
        after = from_file(args.file)
        before = from_file(args.against) if args.against else _now(settings)
    except PolicyFault as fault:
        complain("\n".join(fault.faults))
        return WRONG
    except TextAway as away:
        complain(str(away))
        return WRONG
    found = difference(before.policy, after.policy)
    people = people_by_role(settings)
    if args.json:
        say_json(_plain(before, after, found, people))
        return 1 if found.decisions else 0
    say(f"{before.where} → {after.where}")
    for sign, rows in (("-", found.gone), ("+", found.come)):
        for row in rows:
            say(f"{sign} 第 {row.line} 行 {row}  # {row_sentence(row)}")
    for moved in found.moved:
        count = "" if people is None else f"，今天 {people.get(moved.role, 0)} 人"
        say(f"{'得' if moved.way == 'gains' else '失'}  {moved.sentence()}{count}")
    say(f"{found.decisions} 个判定改变（共 {found.asked} 个），涉及 {len(found.roles)} 个角色")
    if people is None:
        say("人数未知：读不到本市的账号")
    return 1 if found.decisions else 0


def _now(settings: Settings) -> PolicyText:
    try:
        return in_force(settings)
    except TextAway:
        return shipped()


def _plain(
    before: PolicyText, after: PolicyText, found: Difference, people: object
) -> dict[str, object]:
    counts = people if isinstance(people, dict) else {}
    return {
        "before": {"where": before.where, "policy": before.policy.version},
        "after": {"where": after.where, "policy": after.policy.version},
        "gone": [{"line": row.line, "row": str(row)} for row in found.gone],
        "come": [{"line": row.line, "row": str(row)} for row in found.come],
        "moved": [
            {
                "role": one.role,
                "type": one.object_type,
                "act": one.act,
                "way": one.way,
                "near": [sorted(near) for near in one.near],
                "conditions": [sorted(scopes) for scopes in one.scopes],
                "people": counts.get(one.role, 0) if people is not None else None,
                "said": one.sentence(),
            }
            for one in found.moved
        ],
        "roles": {role: ROLES[role].title for role in found.roles},
        "decisions": found.decisions,
        "asked": found.asked,
    }
