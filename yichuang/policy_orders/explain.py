"""`yichuang policy explain ACT`: who may do it by which row, or why a role may not."""

from __future__ import annotations

import argparse

from policies.explaining import LABEL, SEPARATION, Explained, barred, explain, row_sentence, who_may
from policies.plain import SPANS
from policies.policy import PolicyFault, Row
from policies.vocabulary import ACT_TITLES, ACTS, ROLES
from yichuang.policy_texts import PolicyText, TextAway, chosen, people_by_role
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "说明策略：谁凭哪一行可以，或为何不可以、最小的改变 (who may, or why not)"
WRONG = 2

PLACES = {
    "office": frozenset({"held", "involved", "implementing"}),
    "step": frozenset({"held", "involved", "task"}),
    "above": frozenset({"held", "involved", "implementing", "task"}),
    "done": frozenset({"held", "involved"}),
    "elsewhere": frozenset({"held"}),
    "paying": frozenset({"held", "paying"}),
}
"""Words for how near to the object the role is held."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("act", metavar="ACT", help="动作，如 decide (an act)")
    parser.add_argument("file", metavar="FILE", nargs="?", default="", help="策略的行 (rows)")
    parser.add_argument("--in-force", action="store_true", help="本市现行的策略 (in force here)")
    parser.add_argument("--type", default="", choices=("", *ACTS), help="客体类型 (object type)")
    parser.add_argument("--role", default="", help="只问这个角色 (this role)")
    parser.add_argument(
        "--at", default="", choices=("", *PLACES),
        help="任职之处：office 实施主体，step 有环节的部门，done 环节已办结，elsewhere 无关",
    )  # fmt: skip
    parser.add_argument(
        "--if", dest="scopes", default="", metavar="A,B", help="条件，如 assigned,closed"
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print who may, or the answer about a role; 1 when it may not, 2 when wrongly asked."""
    kinds = [kind for kind, acts in ACTS.items() if args.act in acts and args.type in ("", kind)]
    if not kinds:
        complain(f"没有动作 {args.act}：词表见 policies/vocabulary.py")
        return WRONG
    try:
        text = chosen(args, settings)
    except PolicyFault as fault:
        complain("\n".join(fault.faults))
        return WRONG
    except TextAway as away:
        complain(str(away))
        return WRONG
    if args.role:
        return _about_role(args, text, kinds[0])
    return _about_act(args, settings, text, kinds)


def _about_act(
    args: argparse.Namespace, settings: Settings, text: PolicyText, kinds: list[str]
) -> int:
    people = people_by_role(settings) if args.in_force else None
    rows = [(kind, who_may(text.policy, kind, args.act)) for kind in kinds]
    if args.json:
        say_json({kind: [_row(row) for row in some] for kind, some in rows})
        return 0
    for _, some in rows:
        for row in some:
            mark = "✓" if row.effect == "allow" else "✗"
            count = f"，今天 {people.get(row.role, 0)} 人" if people and row.role in ROLES else ""
            say(f"{mark} 第 {row.line} 行  {row_sentence(row)}{count}")
    say(LABEL)
    if "case" in kinds:
        say(SEPARATION)
    return 0


def _about_role(args: argparse.Namespace, text: PolicyText, kind: str) -> int:
    scopes = frozenset(word.strip() for word in args.scopes.split(",") if word.strip())
    near = PLACES[args.at] if args.at else None
    try:
        told = explain(text.policy, args.role, kind, args.act, near, scopes)
    except KeyError:
        complain(f"没有角色 {args.role}：{'、'.join(ROLES)}")
        return WRONG
    except ValueError:
        known = sorted(set().union(*SPANS[kind].scopes))
        complain(f"{kind} 没有这样的任职之处或条件：条件有 {'、'.join(known) or '无'}")
        return WRONG
    if args.json:
        bars = barred(text.policy, told.new_row) if told.new_row else ()
        say_json({**_plain(told), "barred": list(bars)})
        return 0 if told.allowed else 1
    say(told.sentence())
    for row in told.rows:
        say(f"  凭第 {row.line} 行 {row}  # {row.note}")
    for change in told.changes:
        say(f"  可以的最小改变：{change}")
    if told.new_row:
        say(f"  或由安全管理员提出一行：{told.new_row}  # 说明（「{ACT_TITLES[told.act]}」）")
        for title in barred(text.policy, told.new_row):
            say(f"    但关卡会拒绝：{title}")
    return 0 if told.allowed else 1


def _row(row: Row) -> dict[str, object]:
    return {
        "line": row.line,
        "row": str(row),
        "effect": row.effect,
        "said": row_sentence(row),
        "note": row.note,
    }


def _plain(told: Explained) -> dict[str, object]:
    return {
        "role": told.role,
        "type": told.object_type,
        "act": told.act,
        "near": sorted(told.near),
        "conditions": sorted(told.scopes),
        "allowed": told.allowed,
        "said": told.sentence(),
        "rows": [_row(row) for row in told.rows],
        "changes": list(told.changes),
        "new_row": told.new_row,
    }
