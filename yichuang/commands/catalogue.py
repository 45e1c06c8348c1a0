"""`yichuang catalogue check [FOLDER]`: every fault of the catalogue, with file, line and remedy."""

import argparse
from pathlib import Path

from catalogue.check import check
from catalogue.load import HERE
from yichuang.settings import Settings
from yichuang.terminal import complain, say

HELP = "核对事项目录 (check the catalogue: file, line and remedy of each fault)"
PACKS = Path(__file__).parents[2] / "rules" / "packs"


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    checking = actions.add_parser("check", help="核对 (check)")
    checking.add_argument("folder", nargs="?", type=Path, default=HERE, help="目录 (folder)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print each fault on a line of its own; 0 when there is none, 1 otherwise."""
    del settings  # the catalogue stands in files, whatever the form of the house
    faults = check(args.folder, {path.stem for path in PACKS.glob("*.yaml")})
    for fault in faults:
        complain(str(fault))
    if not faults:
        matters = len(list((args.folder / "matters").glob("*.yaml")))
        say(f"事项目录核对无误：{matters} 个事项版本")
    return 1 if faults else 0
