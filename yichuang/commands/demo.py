"""`yichuang demo`: fill a running city with people and cases (what `up --demo` starts)."""

import argparse
import asyncio

from yichuang.settings import Settings
from yichuang.terminal import complain, say

HELP = "填入演示城市 (fill a running city with people and cases)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=int, default=None, help="办件数 (how many cases)")
    parser.add_argument("--people-only", action="store_true", help="只建人员 (no cases)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Make the people, print their random passwords once, tell the cases."""
    # Imports everything; `--help` should not wait for it.
    from yichuang import demo
    from yichuang.commands.telemetry import send_demo

    made = demo.make_people(settings)
    if made:
        say("演示人员的随机口令（只显示这一次）：")
    for person, password in made:
        say(f"  {person.login:<14} {password:<24} {person.name} {person.department}")
    if args.people_only:
        return 0
    try:
        stages = asyncio.run(demo.fill(settings, args.cases or demo.CASES, say))
    except demo.DemoStuck as stuck:
        complain(f"演示办件有几件没有讲完：{stuck}")
        return 1
    send_demo(settings)
    told = "，".join(f"{stage} {count}" for stage, count in sorted(stages.items()))
    say(f"演示城市已就绪：{sum(stages.values())} 件（{told}）")
    return 0
