"""The command line: `yichuang COMMAND`, one file per command in yichuang/commands/.

A command's module has `HELP: str`, `add(parser) -> None` and `run(args, settings) -> int`. Only the
module of the command that was typed is imported, so that `status` does not pay for `up`. A module
with `PASSES_ON = True` finds the words that argparse does not know in `args.unknown`.
"""

import argparse
import ast
import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Protocol, cast

from pydantic import ValidationError

from yichuang.settings import SettingMissing, Settings, from_environment
from yichuang.terminal import NobodyListens, complain

COMMANDS = Path(__file__).parent / "commands"
WRONG = 2
"""Exit code when the request or the surroundings are at fault, said in one sentence."""
UNHEARD = 128 + signal.SIGPIPE
"""Exit code when whoever read the answer has gone: that of a program ended by the signal."""


class Command(Protocol):
    """What a module in yichuang/commands/ offers."""

    HELP: str

    def add(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace, settings: Settings) -> int: ...


def names() -> list[str]:
    """Return the commands there are, in alphabetical order."""
    return sorted(p.stem for p in COMMANDS.glob("*.py") if not p.stem.startswith("_"))


def help_of(name: str) -> str:
    """Return a command's HELP without importing it (its imports may be heavy)."""
    for node in ast.parse((COMMANDS / f"{name}.py").read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(t, ast.Name) and t.id == "HELP" for t in targets):
            assert isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
            return str(ast.literal_eval(node.value))
    raise SyntaxError(f"commands/{name}.py has no HELP")


def load(name: str) -> Command:
    """Import one command."""
    return cast(Command, importlib.import_module(f"yichuang.commands.{name}"))


def parser_for(chosen: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows every command by name and the chosen one by its arguments."""
    parser = argparse.ArgumentParser(
        prog="yichuang", description="一窗：一座城市跨部门办事的引擎。 Cross-department casework."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in names():
        child = commands.add_parser(name, help=help_of(name), description=help_of(name))
        if name == chosen:
            load(name).add(child)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 not as hoped, 2 wrongly asked."""
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = words[0] if words else None
    parser = parser_for(chosen)
    args, unknown = parser.parse_known_args(words)
    command = load(args.command)
    if unknown and not getattr(command, "PASSES_ON", False):
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    args.unknown = unknown
    try:
        return command.run(args, from_environment())
    except ValidationError as wrong:
        first = wrong.errors()[0]
        name = "YICHUANG_" + "_".join(str(part) for part in first["loc"]).upper()
        complain(f"设置 {name} 不对：{first['msg']}")
        return WRONG
    except SettingMissing as missing:
        complain(str(missing))
        return WRONG
    except NobodyListens:
        return UNHEARD
    except KeyboardInterrupt:
        return 130


def leave(code: int) -> NoReturn:
    """End the process with this code, whatever native threads are still under way.

    Temporal's SDK core keeps threads of its own; one that asks for the interpreter while it is
    being taken down aborts the process (SIGABRT from `status` and from a gateway, 2026-11-22), and
    a good answer ends as exit code 134. All our own work is done and flushed here.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    if "temporalio" in sys.modules:
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())
