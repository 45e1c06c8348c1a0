"""`yichuang signals …`: what signals came, what became of one, and one sent to try the way."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

import nats.errors
import orjson
from nats.aio.client import Client
from pydantic import ValidationError
from sqlalchemy import Row, select
from sqlalchemy.exc import SQLAlchemyError

from cases.database import StoreUnwritable, open_engine, reading
from cases.incidents.signal import RANK, STATES, Signal, signal_id
from cases.signal_tables import refused_signal, signal
from catalogue.load import load_catalogue
from yichuang.bus import connect
from yichuang.settings import SettingMissing, Settings
from yichuang.signal_desk import FATE, TAKE
from yichuang.signals.door import SignalDoor
from yichuang.terminal import complain, say, say_json

HELP = "信号：来了哪些、去了哪里，发一个试试 (signals: which came, what became of them, send one)"
ASK_SECONDS: Final = 10.0
TAKEN_SECONDS: Final = 20.0
"""How long one that was sent is waited for until the store tells of it."""
LOOK_SECONDS: Final = 0.2


def add(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    listed = verbs.add_parser("list", help="最近的信号，没有原话 (the newest, without their words)")
    listed.add_argument("--state", default="", choices=("", *STATES), help="只列这种去向")
    refused = verbs.add_parser("refused", help="收不下的消息和原因 (what could not be taken, why)")
    for one in (listed, refused):
        one.add_argument("--limit", type=int, default=20, help="最多几条")
    fate = verbs.add_parser("fate", help="一个信号的去向 (what became of a signal)")
    fate.add_argument("signal", nargs="?", default="", help="收据上的编号；或写 --source 和 --id")
    fate.add_argument("--source", default="", help="来源")
    fate.add_argument("--id", default="", help="来源自己的编号")
    sent = verbs.add_parser("send", help="发一个信号并等它的去向 (send one, wait for its fate)")
    sent.add_argument("type", help="事件种类，如 lift_trapped")
    sent.add_argument("title", help="一句话")
    sent.add_argument("--id", default="", help="编号；同一编号是同一信号")
    sent.add_argument("--level", default="", choices=tuple(RANK), help="级别")
    sent.add_argument("--at", default="", metavar="经度,纬度", help="WGS-84")
    sent.add_argument("--address", default="", help="地址")
    sent.add_argument("--reference", default="", help="所说的那件事；变更和撤回据此对上")
    sent.add_argument("--change", default="new", choices=("new", "update", "cancel"))
    alert = verbs.add_parser("alert", help="交一份 CAP 报文 (hand in a CAP message)")
    alert.add_argument("file", type=argparse.FileType("rb"), help="文件，或 -")
    for one in (fate, sent, alert):
        one.add_argument("--user", default="portal", help="NATS 用户名")
    for one in (listed, refused):
        one.add_argument("--json", action="store_true", help="以 JSON 输出")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it; 0 done, 1 refused or not known, 2 when it could not be asked."""
    if args.what in ("list", "refused"):
        return _from_store(args, settings)
    doing: dict[str, Callable[..., Coroutine[Any, Any, int]]] = {
        "fate": _fate, "send": _send, "alert": _alert,
    }  # fmt: skip
    try:
        return asyncio.run(_as_user(doing[args.what], args, settings))
    except ValidationError as wrong:
        first = wrong.errors()[0]
        complain(f"{'.'.join(str(one) for one in first['loc'])}：{first['msg']}")
        return 2
    except (SettingMissing, ValueError) as wrong:
        complain(str(wrong))
        return 2
    except (nats.errors.Error, TimeoutError, OSError) as away:
        complain(f"NATS 没有应答（{away}）：先运行 bin/yichuang up，或检查 YICHUANG_NATS_URL")
        return 2


# --- from the store ------------------------------------------------------------------------------


def _from_store(args: argparse.Namespace, settings: Settings) -> int:
    engine = open_engine(settings.store_url("signals"), read_only=True)
    limit = max(1, min(args.limit, 1000))
    if args.what == "list":
        query = select(signal).order_by(signal.c.n.desc()).limit(limit)
        if args.state:
            query = query.where(signal.c.state == args.state)
    else:
        query = select(refused_signal).order_by(refused_signal.c.n.desc()).limit(limit)
    try:
        with reading(engine) as connection:
            rows = connection.execute(query).all()
    except (SQLAlchemyError, StoreUnwritable) as away:
        complain(f"读不到信号库：{away}")
        return 2
    finally:
        engine.dispose()
    zone = ZoneInfo(settings.zone)
    told = [_listed(one, zone) if args.what == "list" else _refused(one, zone) for one in rows]
    if args.json:
        say_json(told)
    else:
        for line in told:
            say("  ".join(str(value) for value in line.values() if value))
    return 0


def _listed(row: Row[Any], zone: ZoneInfo) -> dict[str, str]:
    return {
        "at": _when(row.occurred_at, zone), "state": row.state, "type": row.type,
        "level": row.level, "source": row.source, "incident": row.incident_id,
        "because": row.because, "id": row.id,
    }  # fmt: skip


def _refused(row: Row[Any], zone: ZoneInfo) -> dict[str, str]:
    return {
        "at": _when(row.at, zone), "sender": row.sender, "subject": row.subject,
        "field": row.field, "reason": row.reason, "remedy": row.remedy, "id": row.signal_id,
    }  # fmt: skip


def _when(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


# --- over NATS -----------------------------------------------------------------------------------


async def _as_user(
    do: Callable[..., Coroutine[Any, Any, int]], args: argparse.Namespace, settings: Settings
) -> int:
    bus = await connect(settings, args.user, attempts=0)
    try:
        return await do(bus, args, settings)
    finally:
        await bus.close()


async def _asked(
    bus: Client, settings: Settings, user: str, question: str, body: bytes
) -> dict[str, Any]:
    subject = f"qry.{settings.city}.{user}.{question}"
    answer: dict[str, Any] = orjson.loads((await bus.request(subject, body, ASK_SECONDS)).data)
    return answer


def _told(answer: dict[str, Any]) -> int:
    say_json(answer["data"] if answer["ok"] else answer["problem"])
    return 0 if answer["ok"] else 1


async def _fate(bus: Client, args: argparse.Namespace, settings: Settings) -> int:
    asked = {"signal": args.signal, "source": args.source, "id": args.id}
    return _told(await _asked(bus, settings, args.user, FATE, orjson.dumps(asked)))


async def _alert(bus: Client, args: argparse.Namespace, settings: Settings) -> int:
    with args.file as file:
        body: bytes = file.read()
    return _told(await _asked(bus, settings, args.user, TAKE, body))


async def _send(bus: Client, args: argparse.Namespace, settings: Settings) -> int:
    one = _signal(args)
    if one.type not in (known := load_catalogue().incident_types.by_code):
        raise ValueError(f"没有事件种类「{one.type}」：{'、'.join(sorted(known))}")
    receipt = await SignalDoor(bus.jetstream(), settings.city, args.user).submit(one)
    deadline = asyncio.get_running_loop().time() + TAKEN_SECONDS
    asked = orjson.dumps({"signal": signal_id(args.user, one.source, one.id)})
    while True:
        answer = await _asked(bus, settings, args.user, FATE, asked)
        known_now = answer["ok"] or answer["problem"]["status"] != 404
        if known_now or asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(LOOK_SECONDS)
    say_json({"id": one.id, "signal": receipt.id, "repeated": receipt.repeated, **answer})
    return 0 if answer["ok"] and answer["data"]["state"] != "refused" else 1


def _signal(args: argparse.Namespace) -> Signal:
    place: dict[str, object] = {"address": args.address}
    if args.at:
        lon, lat = (float(one) for one in args.at.split(","))
        place |= {"lon": lon, "lat": lat}
    return Signal.model_validate(
        {
            "id": args.id or str(uuid4()), "source": args.user, "type": args.type,
            "title": args.title, "level": args.level, "place": place,
            "reference": args.reference, "change": args.change,
            "occurred_at": datetime.now(UTC),
        }
    )  # fmt: skip
