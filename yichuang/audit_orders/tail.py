"""`yichuang audit tail`: the newest entries of the log, and those that come."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

import orjson

from audit.logstore import LogReader, StoredEntry
from audit.shards import reading_all
from yichuang.log_stores import LogUnreadable, log_reading, log_store, telling, unreadable
from yichuang.settings import Settings
from yichuang.terminal import say, say_json

HELP = "最近的日志记录；--follow 持续显示 (the newest entries, and those that come)"
LOOK_SECONDS = 1.0
"""Between two looks; the sequencer seals once a second."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=20, metavar="N", help="几条 (how many)")
    parser.add_argument("--stream", help="只看一个流，如 case:编号 (one stream only)")
    parser.add_argument("--follow", action="store_true", help="持续显示 (go on)")
    parser.add_argument(
        "--json",
        action="store_true",
        help="以 JSON 输出；--follow 时每行一条 (one object; or lines)",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0, or 3 where the log cannot be read. With --follow: until it is interrupted."""
    try:
        found, size = newest(settings, args.n, args.stream)
        if args.json and not args.follow:
            say_json({"size": size, "entries": found})
            return 0
        _tell(found, args.json)
        for batch in coming(settings, size, args.stream) if args.follow else ():
            _tell(batch, args.json)
    except LogUnreadable as error:
        return unreadable(error)
    except KeyboardInterrupt:
        return 0
    return 0


def newest(settings: Settings, count: int, stream: str | None) -> tuple[list[dict[str, Any]], int]:
    """Return the newest entries of all shards, oldest first, and the open shard's size."""
    found: list[dict[str, Any]] = []
    with telling(), reading_all(log_store(settings)) as connections:
        for connection in reversed(connections):
            found = _of_shard(LogReader(connection), count - len(found), stream) + found
            if len(found) >= count:
                break
        return found, LogReader(connections[-1]).state().size


def _of_shard(reader: LogReader, count: int, stream: str | None) -> list[dict[str, Any]]:
    state, sealed = reader.state(), reader.last_checkpoint()
    if stream is None:
        kept = list(reader.entries(max(0, state.size - count), state.size))
    else:
        kept = reader.stream(stream)
    size = sealed.size if sealed else 0
    return [_said(entry, state.origin, size) for entry in kept[-count:]]


def coming(settings: Settings, size: int, stream: str | None) -> Iterator[list[dict[str, Any]]]:
    """Yield what was appended since the last look, once a second, for ever."""
    while True:
        time.sleep(LOOK_SECONDS)
        with log_reading(settings) as connection:
            reader = LogReader(connection)
            sealed, state = reader.last_checkpoint(), reader.state()
            # Smaller than before: the half-year has turned, and the new shard begins at 0.
            start = size if size <= state.size else 0
            fresh = [e for e in reader.entries(start, state.size) if stream in (None, e.stream)]
        size = state.size
        yield [_said(entry, state.origin, sealed.size if sealed else 0) for entry in fresh]


def _said(entry: StoredEntry, origin: str, sealed: int) -> dict[str, Any]:
    try:
        body = orjson.loads(entry.body)
    except orjson.JSONDecodeError:
        body = {}
    said = {"log": origin, "index": entry.index, "id": entry.entry_id, "stream": entry.stream}
    return {**said, "sealed": entry.index < sealed, "leaf": entry.leaf.hex(), "body": body}


def _tell(entries: list[dict[str, Any]], as_json: bool) -> None:
    for entry in entries:
        if as_json:
            say(json.dumps(entry, ensure_ascii=False))
            continue
        body = entry["body"]
        who = body.get("who", {})
        mark = " " if entry["sealed"] else "未签名"
        say(
            f"{entry['index']:>8}  {body.get('t', '')[:19]}Z  {entry['stream']}  "
            f"{body.get('act', '')} {body.get('res', '')}  "
            f"{who.get('org') or who.get('kind', '')}  {mark}".rstrip()
        )
