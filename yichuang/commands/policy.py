"""`yichuang policy ORDER`: the access policy checked, explained, proved, compared, changed by two.

Each order is a module of yichuang/policy_orders/ with `HELP`, `add(parser)` and
`run(args, settings)`, as a command of its own would be.
"""

import argparse
import importlib
import pkgutil
from types import ModuleType

from yichuang import policy_orders
from yichuang.settings import Settings

HELP = (
    "权限策略：核对、说明、证明、比较、提出、批准 (check, explain, prove, diff, propose, approve)"
)


def names() -> list[str]:
    """Return the orders there are, in alphabetical order."""
    return sorted(one.name for one in pkgutil.iter_modules(policy_orders.__path__))


def add(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(dest="order", required=True, metavar="ORDER")
    for name in names():
        order = _order(name)
        order.add(orders.add_parser(name, help=order.HELP, description=order.HELP))


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what is asked; the order says what its exit codes mean."""
    code: int = _order(args.order).run(args, settings)
    return code


def _order(name: str) -> ModuleType:
    return importlib.import_module(f"yichuang.policy_orders.{name}")
