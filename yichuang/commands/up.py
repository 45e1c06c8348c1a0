"""`yichuang up`: the whole city on this machine, until Ctrl-C."""

import argparse
import asyncio
import contextlib
import subprocess
import sys

from yichuang.cli import WRONG
from yichuang.embedded import ground, identity, parts, registers
from yichuang.settings import CHECKOUT, Settings, as_environment, environment
from yichuang.supervisor import PREPARE, StartFailed, Supervisor, supervise
from yichuang.terminal import complain, say

HELP = "启动整座城 (start the embedded city; Ctrl-C stops it)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--demo", action="store_true", help="填入演示城市 (fill a demo city)")
    parser.add_argument(
        "--only",
        metavar="PARTS",
        help="只启动这些部件，逗号分隔 (only these parts)",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run the city until it is stopped; 2 with one sentence when it may not start."""
    if settings.form == "large":
        complain("大型部署由各自的服务启动（见 docker-compose.yml）；up 只用于单机。")
        return WRONG
    try:
        chosen = parts.chosen(args.only)
    except KeyError as unknown:
        complain(f"没有叫 {unknown.args[0]} 的部件；有：{'、'.join(p.name for p in parts.PARTS)}。")
        return WRONG
    try:
        ground.prepare_folder(settings)
        with ground.held(settings), contextlib.ExitStack() as beside:
            left = ground.end(settings)
            if left:
                say(f"上次没有正常停止：已清理 {left} 个遗留进程，从停下的地方继续。")
            if args.demo:
                settings = beside.enter_context(identity.beside(settings))
                settings = registers.with_demo(settings)
            return _run_held(args, settings, chosen, beside)
    except ground.StartRefused as refused:
        complain(str(refused))
        return WRONG


def _run_held(
    args: argparse.Namespace,
    settings: Settings,
    chosen: tuple[parts.Part, ...],
    beside: contextlib.ExitStack,
) -> int:
    ported = tuple(p.name for p in chosen if p.name in ("temporal", "nats", "witness", "web"))
    for line in ground.take_ports(settings, ported):
        say(line)
    needs_stores = any(part.is_role for part in chosen)
    supervisor = Supervisor(settings, chosen, prepare=PREPARE if needs_stores else ())

    def when_ready() -> None:
        if args.demo:
            beside.enter_context(registers.beside(settings))
            _fill_demo(settings)
        where = f"：{settings.address}" if any(p.name == "web" for p in chosen) else ""
        say(f"一窗已就绪{where}（Ctrl-C 停止）")

    try:
        asyncio.run(supervise(supervisor, when_ready))
    except StartFailed as failed:
        complain(str(failed))
        return 1
    say("已全部停止。")
    return 0


def _fill_demo(settings: Settings) -> None:
    """Start the filling as a process of its own; the city serves meanwhile."""
    subprocess.Popen(
        [sys.executable, "-m", "yichuang.cli", "demo"],
        env={
            **environment(),
            **as_environment(settings),
            ground.MARK: ground.mark(settings, "demo"),
        },
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
