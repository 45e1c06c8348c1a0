"""`yichuang demo`: fill a running city with people and cases (what `up --demo` starts)."""

import argparse
import asyncio
import contextlib

from yichuang.settings import Settings
from yichuang.terminal import complain, say

HELP = "填入演示城市 (fill a running city with people and cases)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=int, default=None, help="办件数 (how many cases)")
    parser.add_argument("--people-only", action="store_true", help="只建人员 (no cases)")
    parser.add_argument(
        "what",
        nargs="*",
        metavar="code LOGIN | registers CODE…",
        help="演示人员现在的动态码；演示的登记库 (a demo person's code; the demo's registers)",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Make the people, print their random passwords once, tell the cases."""
    if args.what[:1] == ["registers"]:
        return _registers(args.what[1:], settings)
    if args.what:
        return _code(args.what, settings)
    # Imports everything; `--help` should not wait for it.
    from yichuang import demo, demo_incidents, demo_projects
    from yichuang.commands.telemetry import send_demo

    made = demo.make_people(settings)
    if made:
        say("演示人员的随机口令（只显示这一次）：")
    for person, password in made:
        say(f"  {person.login:<14} {password:<24} {person.name} {person.department}")
    if made:
        say("登录第二步的动态码：bin/yichuang demo code 登录名")
    if args.people_only:
        return 0
    try:
        happened = asyncio.run(demo_incidents.tell_all(settings, say))
    except demo_incidents.IncidentStuck as stuck:
        complain(f"演示事件有几件没有讲完：{stuck}")
        return 1
    say(f"演示事件 {sum(happened.values())} 件")
    try:
        asyncio.run(demo_projects.tell_all(settings, say))
    except demo_projects.ProjectStuck as stuck:
        complain(f"演示项目没有讲完：{stuck}")
        return 1
    try:
        stages = asyncio.run(demo.fill(settings, args.cases or demo.CASES, say))
    except demo.DemoStuck as stuck:
        complain(f"演示办件有几件没有讲完：{stuck}")
        return 1
    send_demo(settings)
    told = "，".join(f"{stage} {count}" for stage, count in sorted(stages.items()))
    say(f"演示城市已就绪：{sum(stages.values())} 件（{told}）")
    return 0


def _code(words: list[str], settings: Settings) -> int:
    """Print what a demo person's app shows now; 1 where there is none, 2 for other words."""
    from yichuang import demo_codes

    if len(words) != 2 or words[0] != "code":
        complain("用法：bin/yichuang demo code 登录名")
        return 2
    try:
        code, seconds = demo_codes.current(settings, words[1])
    except demo_codes.NoDemo as no:
        complain(str(no))
        return 1
    if not code:
        complain("现在的动态码都已用过，请过半分钟再取")
        return 1
    say(code)
    complain(f"{seconds} 秒内有效，只能用一次")
    return 0


def _registers(codes: list[str], settings: Settings) -> int:
    """Answer for the demo's registers until the process is ended."""
    from yichuang.demo_registers import TABLES
    from yichuang.register_service import serve_all

    if unknown := [code for code in codes if code not in TABLES]:
        complain(f"没有叫 {unknown[0]} 的演示登记库；有：{'、'.join(TABLES)}。")
        return 2
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve_all(settings, {code: TABLES[code] for code in codes or TABLES}))
    return 0
