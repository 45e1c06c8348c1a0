"""`yichuang audit status`: the log's size, its newest signed head, what waits to be written."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from audit.cosignatures import Standing, last_cosigned, standings
from audit.logstore import LogReader
from audit.secondtree import SecondTree
from audit.tables import audit_checkpoint, audit_outbox
from cases.database import reading
from yichuang.anchoring import LATE_AFTER, last_at
from yichuang.log_stores import (
    LogUnreadable,
    log_reading,
    log_store,
    source_stores,
    telling,
    unreadable,
)
from yichuang.national import is_national, key_in_a_file
from yichuang.settings import Settings
from yichuang.terminal import say, say_json

HELP = "日志的大小、签名与待写 (size, head, waiting)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0, or 3 where a store cannot be read."""
    try:
        said = _standing(settings)
    except LogUnreadable as error:
        return unreadable(error)
    if args.json:
        say_json(said)
        return 0
    say(f"日志 {said['origin']}：{said['entries']} 条")
    if said["second"]:
        tree = said["second"]
        say(f"第二棵树（SM3）{tree['origin']}：{tree['entries']} 条，已签名 {tree['sealed']} 条")
    if said["sm2_key_in_a_file"]:
        say("国密签名密钥是软件里的文件，本身通不过密评（见 docs/national-crypto.md）")
    say(f"已签名 {said['sealed']} 条，待写 {sum(said['waiting'].values())} 条")
    if said["sealed_at"]:
        age = datetime.now(UTC) - datetime.fromisoformat(said["sealed_at"])
        say(f"最近签名：{said['sealed_at']}（{age.total_seconds():.0f} 秒前）")
    for one in said["witnesses"]:
        heard = one["heard_at"] or "从未应答"
        absent = f"（失联，自 {one['absent_at']}：{one['fault']}）" if one["absent_at"] else ""
        say(f"见证人 {one['name']}：联署到 {one['size']} 条，{heard}{absent}")
    if "anchored_at" in said:
        newest = said["anchored_at"]
        late = not newest or datetime.now(UTC) - datetime.fromisoformat(newest) > LATE_AFTER
        say(f"最近时间戳：{newest or '无'}{'（迟了：见 sequencer 的日志）' if late else ''}")
    return 0


def _standing(settings: Settings) -> dict[str, Any]:
    said: dict[str, Any] = {"waiting": {}}
    with log_reading(settings) as connection:
        reader = LogReader(connection)
        state, head = reader.state(), reader.last_checkpoint()
        newest = select(audit_checkpoint.c.sealed_at).order_by(audit_checkpoint.c.size.desc())
        sealed_at = connection.execute(newest.limit(1)).scalar()
        said["witnesses"] = [_witness(connection, one) for one in standings(connection)]
        tree = SecondTree(connection)
        begun, second = tree.begun(), tree.last_checkpoint()
    said["second"] = begun and {
        "origin": begun.origin,
        "entries": begun.size,
        "sealed": second.size if second else 0,
    }
    said["sm2_key_in_a_file"] = is_national(settings) and key_in_a_file(settings)
    said |= {"origin": state.origin, "entries": state.size, "sealed": head.size if head else 0}
    # SQLite gives the instant back without its zone, which is UTC.
    said["sealed_at"] = sealed_at.replace(tzinfo=UTC).isoformat() if sealed_at else ""
    if settings.tsa_url:
        said["anchored_at"] = _anchored(settings)
    with telling():
        for store, engine in source_stores(settings).items():
            with reading(engine) as connection:
                counted = select(func.count()).select_from(audit_outbox)
                said["waiting"][store] = connection.execute(counted).scalar_one()
    return said


def _witness(connection: Connection, one: Standing) -> dict[str, Any]:
    last = last_cosigned(connection, one.name)
    return {
        "name": one.name,
        "size": last[0] if last else 0,
        "heard_at": one.heard_at.isoformat() if one.heard_at else "",
        "absent_at": one.absent_at.isoformat() if one.absent_at else "",
        "fault": one.fault,
    }


def _anchored(settings: Settings) -> str:
    moment = last_at(log_store(settings))
    return moment.isoformat() if moment else ""
