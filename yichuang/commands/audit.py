"""`yichuang audit ORDER`: what a supervisor, an auditor or a stranger asks of the log.

Each order is a module of yichuang/audit_orders/ with `HELP`, `add(parser)` and
`run(args, settings)`, as a command of its own would be. Every order takes `--json`.
"""

import argparse
import importlib
import pkgutil
from types import ModuleType

from yichuang import audit_orders
from yichuang.settings import Settings

HELP = "审计日志：校验、状态、证明 (the signed log: verify, status, prove)"


def names() -> list[str]:
    """Return the orders there are, in alphabetical order, as they are typed."""
    found = pkgutil.iter_modules(audit_orders.__path__)
    return sorted(one.name.replace("_", "-") for one in found)


def add(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(dest="order", required=True, metavar="ORDER")
    for name in names():
        order = _order(name)
        order.add(orders.add_parser(name, help=order.HELP, description=order.HELP))


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what is asked; 0 clean, 1 tampered, 2 incomplete, 3 cannot read."""
    code: int = _order(args.order).run(args, settings)
    return code


def _order(name: str) -> ModuleType:
    return importlib.import_module(f"yichuang.audit_orders.{name.replace('-', '_')}")
