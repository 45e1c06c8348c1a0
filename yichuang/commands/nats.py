"""`yichuang nats …`: try each thing that an integrator does, in one line."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import nats.errors
import orjson
from nats.aio.client import Client

from yichuang import asyncapi, subjects
from yichuang.bus import connect
from yichuang.events import read
from yichuang.orders import VERBS, order_event
from yichuang.settings import CHECKOUT, SettingMissing, Settings
from yichuang.terminal import complain, say, say_json

HELP = "以外部系统的身份试用消息接口 (try the message interface as an integrator)"
API_FOLDER = CHECKOUT / "docs" / "api"
ANSWER_SECONDS = 60.0


def add(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    order = verbs.add_parser("order", help="发出一个命令并等答复 (send an order, await its answer)")
    order.add_argument("verb", choices=VERBS, metavar="VERB", help="、".join(VERBS))
    order.add_argument("data", help="JSON 文字，或 @文件，或 - (JSON text, @file or -)")
    order.add_argument("--department", required=True, help="部门代号")
    order.add_argument("--id", default="", help="事件 id；同一 id 只办一次")
    order.add_argument("--source", default="/cli", help="事件 source")
    ask = verbs.add_parser("ask", help="提一个问题 (ask a question)")
    ask.add_argument("question", help="case.status、case.events、command.outcome、signal.fate")
    ask.add_argument("data", help="JSON 文字，或 @文件，或 -")
    watch = verbs.add_parser("watch", help="看已发生的事 (watch what happens)")
    watch.add_argument("--department", default="*", help="部门代号，缺省为全部")
    for one in (order, ask, watch):
        one.add_argument("--user", default="portal", help="NATS 用户名")
    verbs.add_parser("describe", help="重写 docs/api 中的 AsyncAPI 与消息模式")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it; 0 when the answer is a yes, 1 when it is a no, 2 when it could not be asked."""
    if args.what == "describe":
        return describe(API_FOLDER)
    doing: dict[str, Callable[..., Coroutine[Any, Any, int]]] = {
        "order": _order,
        "ask": _ask,
        "watch": _watch,
    }
    try:
        return asyncio.run(_as_user(doing[args.what], args, settings))
    except (SettingMissing, ValueError) as wrong:
        complain(str(wrong))
        return 2
    except (nats.errors.Error, TimeoutError, OSError) as away:
        complain(f"NATS 没有应答（{away}）：先运行 bin/yichuang up，或检查 YICHUANG_NATS_URL")
        return 2
    except KeyboardInterrupt:
        return 0


def describe(folder: Path) -> int:
    """Write the AsyncAPI document and the schemas."""
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    for name, schema in asyncapi.schemas().items():
        _write(folder / "schemas" / name, schema)
    _write(folder / "asyncapi.json", asyncapi.document())
    return 0


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


async def _as_user(
    do: Callable[..., Coroutine[Any, Any, int]], args: argparse.Namespace, settings: Settings
) -> int:
    bus = await connect(settings, args.user, attempts=0)
    try:
        return await do(bus, args, settings)
    finally:
        await bus.close()


def _data(text: str) -> dict[str, Any]:
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        text = Path(text[1:]).read_text(encoding="utf-8")
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("数据应是一个 JSON 对象")
    return value


async def _order(bus: Client, args: argparse.Namespace, settings: Settings) -> int:
    event = order_event(
        settings.city, args.verb, _data(args.data), source=args.source, event_id=args.id
    )
    answers = await bus.subscribe(
        subjects.answer_subject(settings.city, args.user, event.id), max_msgs=1
    )
    subject = subjects.OrderSubject(settings.city, args.department, args.user, args.verb)
    await bus.jetstream().publish(
        str(subject), event.to_json(), headers={"Content-Type": "application/cloudevents+json"}
    )
    answer = read((await answers.next_msg(ANSWER_SECONDS)).data).data
    say_json({"id": event.id, **answer})
    return 0 if (answer.get("outcome") or {}).get("status") == "done" else 1


async def _ask(bus: Client, args: argparse.Namespace, settings: Settings) -> int:
    reply = await bus.request(
        f"qry.{settings.city}.{args.user}.{args.question}",
        orjson.dumps(_data(args.data)),
        timeout=ANSWER_SECONDS,
    )
    answer = orjson.loads(reply.data)
    say_json(answer["data"] if answer["ok"] else answer["problem"])
    return 0 if answer["ok"] else 1


async def _watch(bus: Client, args: argparse.Namespace, settings: Settings) -> int:
    happened = await bus.subscribe(f"evt.{settings.city}.{args.department}.>")
    async for message in happened.messages:
        say(message.data.decode())
    return 0
