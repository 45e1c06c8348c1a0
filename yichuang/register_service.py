"""A register's service as a department may run it: answers questions out of a table.

The demo runs it with invented people and companies. A department's own service does the same with
its own register, in whatever language: it subscribes as `reg-<register>`, answers by the schema in
docs/api/schemas, and signs (`yichuang/register_wire.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from jsonschema import Draft202012Validator
from nats.aio.client import Client
from nats.aio.msg import Msg

from catalogue.registers import Register, load_registers
from yichuang.bus import connect, seed_of
from yichuang.register_wire import SIGNATURE, signed, subject_of, user_of
from yichuang.settings import Settings

Row = Mapping[str, str]
Find = Callable[[Mapping[str, str]], Row | None]
"""Returns the row that every part of a key fits, None where there is none."""
LONGEST_QUESTION: Final = 8 * 1024

_log = logging.getLogger("yichuang.register_service")


def of_rows(rows: Sequence[Row], parts: Sequence[str]) -> Find:
    """Return how a row is found: by the whole key."""
    known = {tuple(row[part] for part in parts): row for row in rows}

    def find(key: Mapping[str, str]) -> Row | None:
        return known.get(tuple(key.get(part, "") for part in parts))

    return find


def answer(register: Register, find: Find, body: bytes) -> bytes | None:
    """Return the bytes of the answer; None: it is no question, and is left alone."""
    if len(body) > LONGEST_QUESTION:
        return None
    try:
        asked: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not Draft202012Validator(register.asked()).is_valid(asked):
        return None
    row = find(asked["key"])
    said: dict[str, Any] = {"id": asked["id"], "found": row is not None}
    if row is not None:
        said["data"] = {name: row[name] for name in register.gives if row.get(name)}
    return orjson.dumps(said)


async def serve(settings: Settings, register: Register, find: Find) -> Client:
    """Begin to answer for one register; close the connection that comes back to end it."""
    bus = await connect(settings, user_of(register.code))
    seed = seed_of(settings, user_of(register.code)).read_bytes()
    subject = subject_of(settings.city, register)

    async def take(message: Msg) -> None:
        made = answer(register, find, message.data)
        if made is None or not message.reply:
            _log.warning("%s: something that is no question", register.code)
            return
        header = {SIGNATURE: signed(seed, message.subject, made)}
        await bus.publish(message.reply, made, headers=header)

    await bus.subscribe(subject, queue=user_of(register.code), cb=take)
    return bus


async def serve_all(settings: Settings, tables: Mapping[str, Sequence[Row]]) -> None:
    """Answer for every register of which there are rows, until cancelled."""
    known = load_registers().by_code
    buses = [
        await serve(settings, known[code], of_rows(rows, sorted(known[code].key)))
        for code, rows in tables.items()
    ]
    try:
        await asyncio.Event().wait()
    finally:
        for bus in buses:
            await bus.close()
