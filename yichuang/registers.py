"""`forms.register_ports.Registers` over NATS: asked within a time limit, believed when signed.

A form waits for no register: what is slow, dead or wrong is `away`, and the person types. Each use
is an entry before anything of it is shown: who, which register, for which matter, by which article,
and what came of it; nothing of the key or the answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from uuid import uuid4

import nkeys  # type: ignore[import-untyped]  # ships no types
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from sqlalchemy import Engine

from audit.entry import EntryDraft, What, Who
from audit.entry import Where as EntryWhere
from audit.outbox import record
from cases.messages import Actor
from catalogue.registers import Register, load_registers
from catalogue.registers import Registers as Known
from forms.entrance_ports import Where
from forms.register_ports import Shared
from yichuang.bus import connect, seed_of
from yichuang.register_wire import (
    SIGNATURE,
    Answer,
    AnswerRefused,
    judged,
    question,
    subject_of,
    user_of,
)
from yichuang.settings import SettingMissing, Settings
from yichuang.web_ports import who_is

STREAM: Final = "sys:registers"
ACT: Final = "register_asked"
State = Literal["found", "none", "away"]
CONNECT_SECONDS: Final = 1.0
"""How long a question may wait for the way to the server, where there is none yet."""

_log = logging.getLogger("yichuang.registers")


@dataclass
class WebRegisters:
    """Safe in any number of tasks of one loop."""

    known: Known
    keys: Mapping[str, str]
    """Code of a connected register → its public nkey."""
    city: str
    join: Callable[[], Awaitable[Client]]
    engine: Engine
    who: Callable[[Actor], Who]
    now: Callable[[], datetime]
    _bus: Client | None = None
    _joining: asyncio.Lock = field(default_factory=asyncio.Lock)

    def offered(self, matter: str) -> Sequence[Register]:
        return [
            one for one in self.known.registers if one.code in self.keys and one.fields_of(matter)
        ]

    async def ask(
        self, actor: Actor, where: Where, register: Register, key: Mapping[str, str], matter: str
    ) -> Shared:
        answer = await self._asked(register, dict(key), matter)
        state: State = "away" if answer is None else "found" if answer.found else "none"
        await asyncio.to_thread(self._note, actor, where, register, matter, state)
        given = {} if answer is None else answer.data
        fields = register.fields_of(matter)
        values = {name: given[said] for name, said in fields.items() if given.get(said)}
        return Shared(register, state, values)

    async def _asked(self, register: Register, key: dict[str, str], matter: str) -> Answer | None:
        subject, number = subject_of(self.city, register), str(uuid4())
        body = question(register, key, matter, number, self.now())
        try:
            async with asyncio.timeout(CONNECT_SECONDS + register.within_ms / 1000):
                bus = await self._joined()
                reply = await bus.request(subject, body, timeout=register.within_ms / 1000)
            signature = (reply.headers or {}).get(SIGNATURE, "")
            public = self.keys[register.code]
            return judged(register, public, subject, number, reply.data, signature)
        except NoRespondersError:
            _log.warning("register %s: nobody answers", register.code)
        except (NatsError, OSError, SettingMissing, TimeoutError) as away:
            _log.warning("register %s: %s", register.code, away or type(away).__name__)
        except AnswerRefused as no:
            _log.warning("register %s: %s", register.code, no)
        return None

    async def _joined(self) -> Client:
        async with self._joining:
            if self._bus is None or self._bus.is_closed:
                self._bus = await self.join()
        return self._bus

    def _note(
        self, actor: Actor, where: Where, register: Register, matter: str, state: str
    ) -> None:
        draft = EntryDraft(
            id=str(uuid4()), stream=STREAM, at=self.now(), who=self.who(actor), act=ACT,
            obj=What("register", register.code, f"{matter} {state}"),
            res="error" if state == "away" else "ok", why=register.basis,
            where=EntryWhere(ip=where.ip or None, svc="web"),
        )  # fmt: skip
        with self.engine.begin() as connection:
            record(connection, draft)


def registers_of(
    settings: Settings,
    web: Engine,
    pseudonym_of: Callable[[str], str],
    now: Callable[[], datetime],
) -> WebRegisters:
    """Return the port over the registers that the settings connect.

    A register without a key in the settings is one of our own seeds (`YICHUANG_NATS_SEEDS`).
    """

    async def join() -> Client:
        # Not again and again: a form does not wait for a server that is not there.
        return await connect(settings, "web", attempts=0)

    keys = {code: key or own_key(settings, code) for code, key in settings.registers.items()}
    return WebRegisters(
        load_registers(), keys, settings.city, join, web,
        lambda actor: who_is(actor, pseudonym_of), now,
    )  # fmt: skip


def own_key(settings: Settings, code: str) -> str:
    """Return the public nkey of a register whose seed is among our own. Raises `SettingMissing`."""
    seed = seed_of(settings, user_of(code)).read_bytes()
    public: bytes = nkeys.from_seed(bytearray(seed)).public_key
    return public.decode()
