"""`yichuang telemetry send`: send readings as an integrator would, and hear what was refused."""

import argparse
import asyncio
import json
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from catalogue.load import HERE
from catalogue.stations import Stations, load_stations
from yichuang.bus import connect
from yichuang.cli import WRONG
from yichuang.demo_readings import readings
from yichuang.events import STRUCTURED, Event, read
from yichuang.readings import MOST_READINGS, TYPE, ReadingSubject
from yichuang.settings import Settings
from yichuang.subjects import answer_subject
from yichuang.terminal import complain, say

HELP = "监测读数 (readings: send a file, or those of the demo)"
LISTEN_SECONDS = 5.0
"""How long refusals are waited for; who needs them all listens on its answers' subject."""


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    send = actions.add_parser("send", help="发送读数 (send readings)")
    send.add_argument("file", nargs="?", help="JSON 文件：读数的列表；- 为标准输入 (a list, or -)")
    send.add_argument("--demo", action="store_true", help="示例城市三天的读数 (of the demo city)")
    send.add_argument("--user", default="portal", help="以哪个外部系统发送 (as which integrator)")


def send_demo(settings: Settings) -> None:
    """Send the readings of the demo city as the portal, and say how many."""
    stations = load_stations(HERE)
    try:
        found = _demo(settings, stations)
        sent, refused = asyncio.run(_send(settings, stations, found, "portal"))
    except (OSError, NatsError, TimeoutError) as away:
        complain(f"监测读数没有送出：{away}")
        return
    say(f"监测读数 {sent} 个，退回 {len(refused)} 个")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Send, wait a little for refusals, and print them; 1 when there were any."""
    stations = load_stations(HERE)
    if args.demo == bool(args.file):
        complain("请给一个文件，或 --demo")
        return WRONG
    try:
        found = _demo(settings, stations) if args.demo else _read(args.file)
    except (OSError, ValueError) as wrong:
        complain(f"{args.file} 读不出来：{wrong}")
        return WRONG
    try:
        sent, refused = asyncio.run(_send(settings, stations, found, args.user))
    except (OSError, NatsError, TimeoutError) as away:
        complain(f"消息总线不应答：{away}")
        return WRONG
    say(f"已发送 {sent} 个读数，退回 {len(refused)} 个")
    for no in refused[:20]:
        say(f"  {no['field']}：{no['reason']} → {no['remedy']}")
    return 1 if refused else 0


def _demo(settings: Settings, stations: Stations) -> list[dict[str, Any]]:
    return list(readings(stations, datetime.now(ZoneInfo(settings.zone))))


def _read(name: str) -> list[Any]:
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    found = json.loads(text)
    if not isinstance(found, list):
        raise ValueError("应是读数的列表（JSON）")
    return found


async def _send(
    settings: Settings, stations: Stations, found: list[Any], user: str
) -> tuple[int, list[dict[str, Any]]]:
    """Return how many were sent and what was refused of them."""
    bus = await connect(settings, user, attempts=1)
    refused: list[dict[str, Any]] = []

    async def hear(message: Msg) -> None:
        refused.extend(read(message.data, message.headers).data["refused"])

    heard = 0
    try:
        for department, some in _by_department(stations, found).items():
            for start in range(0, len(some), MOST_READINGS):
                event_id = str(uuid4())
                await bus.subscribe(answer_subject(settings.city, user, event_id), cb=hear)
                event = Event(
                    id=event_id, source="/cli", type=f"cn.{settings.city}.{TYPE}.v1",
                    datacontenttype="application/json",
                    data={"readings": some[start : start + MOST_READINGS]},
                )  # fmt: skip
                await bus.jetstream().publish(
                    str(ReadingSubject(settings.city, department, user)),
                    event.to_json(),
                    headers={"Nats-Msg-Id": event_id, "Content-Type": STRUCTURED},
                )
                heard += 1
        await asyncio.sleep(LISTEN_SECONDS if heard else 0)
    finally:
        await bus.close()
    return len(found), refused


def _by_department(stations: Stations, found: list[Any]) -> dict[str, list[Any]]:
    """Return the readings by their station's department; of an unknown one, by the first's."""
    grouped: dict[str, list[Any]] = defaultdict(list)
    first = stations.stations[0].department
    for one in found:
        name = one.get("station") if isinstance(one, dict) else None
        station = stations.station_by_id.get(name) if isinstance(name, str) else None
        grouped[station.department if station else first].append(one)
    return grouped
