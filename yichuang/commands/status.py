"""`yichuang status`: how each part stands now."""

import argparse
import asyncio

from cases.census_view import shortly
from yichuang.cli import WRONG
from yichuang.embedded import parts
from yichuang.settings import Settings
from yichuang.status import (
    IN_CHINESE,
    all_standing,
    as_json,
    census_of,
    is_up,
    is_well,
    open_alarms,
    pulse_of,
)
from yichuang.terminal import complain, say, say_json

SHOWN = 20
"""Alarms printed at most; `--json` has all."""

HELP = "各部件的真实状况 (how each part stands)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")
    parser.add_argument("--only", metavar="PARTS", help="只看这些部件，逗号分隔 (only these parts)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the state of each part; 0 when all are well, 1 when one is not.

    With `--only`, a container's health, only what a new process might mend counts.
    """
    try:
        asked = parts.chosen(args.only)
    except KeyError as unknown:
        complain(f"没有叫 {unknown.args[0]} 的部件；有：{'、'.join(p.name for p in parts.PARTS)}。")
        return WRONG
    found = asyncio.run(all_standing(settings, asked))
    sounding, census = open_alarms(settings), census_of(settings)
    pulse = pulse_of(settings)
    if args.json:
        say_json(as_json(settings, found, sounding, census, pulse))
    else:
        for one in found:
            again = f"（重启过 {one.restarts} 次）" if one.restarts else ""
            say(f"{one.title} {one.part:<10} {IN_CHINESE[one.state]}{again} {one.detail}".rstrip())
        for alarm in sounding[:SHOWN]:
            say(f"警报 {alarm.raised_at:%Y-%m-%d %H:%M}Z {alarm.alarm.text}")
        if len(sounding) > SHOWN:
            say(f"另有 {len(sounding) - SHOWN} 个警报，见 --json")
        if pulse is not None and (pulse.open_alarms or pulse.refused):
            say(f"监测：未解除的警报 {pulse.open_alarms} 个，退回的读数 {pulse.refused} 条")
        if census is not None and (said := shortly(census)):
            say(said)
    well = is_well(found, census) if args.only is None else is_up(found)
    return 0 if well else 1
