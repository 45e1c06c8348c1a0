"""`yichuang audit shard list|close|open`: the half-year shards of the log."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from audit.logstore import LogMoved, LogReader
from audit.report import INCOMPLETE
from audit.shards import TurnRefused, closed_shards
from audit.signer import SignerRefused, SignerUnavailable
from audit.signer_door import SignerClient
from cases.database import open_engine
from yichuang.log_stores import LogUnreadable, log_reading, telling, unreadable
from yichuang.sequencer import sequencer
from yichuang.settings import Settings
from yichuang.sharding import next_shard, publish, turn
from yichuang.terminal import complain, say, say_json

HELP = "半年分片：列出、关闭、开启 (half-year shards: list, close, open)"

TRIES = 5
"""How often a turn by hand is tried while the running sequencer goes on appending."""


def add(parser: argparse.ArgumentParser) -> None:
    say_in_json = "以一个 JSON 对象输出 (one object)"
    parser.add_argument("--json", action="store_true", help=say_in_json)
    orders = parser.add_subparsers(dest="shard_order", required=True, metavar="list|close|open")
    for name, words in (
        ("list", "列出各分片 (the shards)"),
        ("close", "关闭当前分片，开启本半年的 (close the open shard, open this half-year's)"),
        ("open", "把断在半路的开启办完 (finish an opening that was cut short)"),
    ):
        one = orders.add_parser(name, help=words)
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=say_in_json)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0, 2 where it is not done (run it again), 3 where a part cannot be reached."""
    try:
        if args.shard_order == "close":
            _close(settings)
        elif args.shard_order == "open":
            _open(settings)
        said = _listed(settings)
    except (LogUnreadable, SignerUnavailable) as error:
        return unreadable(LogUnreadable(f"读不到日志或者签名服务：{error}"))
    except TurnRefused as error:
        complain(f"没有可开启的下一个分片：{error}")
        return INCOMPLETE
    except (LogMoved, SignerRefused) as error:
        complain(f"还没有办成，稍后再运行一次：{error}")
        return INCOMPLETE
    if args.json:
        say_json(said)
        return 0
    for one in said["shards"]:
        where = f"已关闭，{one['archive']}" if one["archive"] else "现用"
        say(f"{one['origin']}：{one['size']} 条（{where}）")
    return 0


def _close(settings: Settings) -> None:
    def now() -> datetime:
        return datetime.now(UTC)

    with telling():
        log = open_engine(settings.store_url("log"))
        signer = SignerClient(settings.signer_socket)
        for left in reversed(range(TRIES)):
            working = sequencer(settings, signer, log)
            try:
                turn(settings, log, working, next_shard(settings, log, now()), now)
                break
            except LogMoved:
                if not left:
                    raise
        publish(settings, [signer])


def _open(settings: Settings) -> None:
    with telling():
        log = open_engine(settings.store_url("log"))
        signer = SignerClient(settings.signer_socket)
        sequencer(settings, signer, log).seal()
        publish(settings, [signer])


def _listed(settings: Settings) -> dict[str, Any]:
    with log_reading(settings) as connection:
        closed = closed_shards(connection)
        state = LogReader(connection).state()
    rows = [
        {"origin": one.origin, "size": one.size, "root": one.root.hex(), "archive": one.archive}
        for one in closed
    ]
    root = state.frontier().root().hex()
    rows.append({"origin": state.origin, "size": state.size, "root": root, "archive": ""})
    return {"shards": rows}
