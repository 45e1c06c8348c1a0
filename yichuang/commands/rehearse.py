"""`yichuang rehearse`: which running and stored histories would break under the code at hand."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from temporalio.service import RPCError

from yichuang import temporal
from yichuang.rehearsing import PLAIN, HistoryUnreadable, Rehearsed, every, laid_aside, rehearse
from yichuang.settings import Settings
from yichuang.temporal import WORKFLOWS
from yichuang.terminal import complain, say, say_json

HELP = "换版前演练：逐份重放在办和留存的流程历史，点名会断的 (rehearse every history)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders", metavar="FOLDER", type=Path, nargs="*",
        help="另存历史的文件夹，JSON (folders of laid-aside histories)",
    )  # fmt: skip
    parser.add_argument("--running", action="store_true", help="只看在办的 (running ones only)")
    parser.add_argument("--stored", action="store_true", help="只看文件夹，不连 Temporal")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Rehearse; 0 when nothing breaks, 1 when something does, 2 when it cannot be told."""
    if args.stored and not args.folders:
        complain("--stored 需要至少一个文件夹")
        return 2
    try:
        found = asyncio.run(_rehearsed(settings, args))
    except HistoryUnreadable as wrong:
        complain(str(wrong))
        return 2
    except (RPCError, RuntimeError) as away:
        complain(f"Temporal 不在，演练没有做完：{away}")
        return 2
    if args.json:
        say_json(document(found))
    else:
        for line in lines(found):
            say(line)
    return 1 if found.broken else 0


async def _rehearsed(settings: Settings, args: argparse.Namespace) -> Rehearsed:
    found = await rehearse(laid_aside(args.folders), WORKFLOWS, PLAIN)
    if args.stored:
        return found
    client = await temporal.connect(settings)
    living = every(client, WORKFLOWS, running_only=args.running)
    return found + await rehearse(living, WORKFLOWS, client.data_converter)


def document(found: Rehearsed) -> dict[str, object]:
    """Return what was found for machines."""
    return {
        "tried": found.tried,
        "broken": [{"name": one.name, "run": one.run, "why": one.why} for one in found.broken],
    }


def lines(found: Rehearsed) -> list[str]:
    """Return what was found for people."""
    told = [f"重放 {found.tried} 份历史，会断 {len(found.broken)} 份"]
    told += [f"  {one.name}  {one.run}  {one.why}" for one in found.broken]
    if found.broken:
        told.append("请勿换版：须以 workflow.patched 隔开改动，或者等这些办完")
    return told
