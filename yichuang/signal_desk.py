"""CAP messages and questions about signals over NATS request-reply, answered by the web.

`qry.<city>.<user>.alert.take`: a CAP message as the whole payload, by the same door as REST's, so
that the same message is the same one whichever way it comes. Nothing is kept for a sender who hears
nothing: it sends the same again. `qry.<city>.<user>.signal.fate`: what became of a signal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from sqlalchemy.exc import OperationalError

from cases.database import StoreUnwritable
from cases.incidents.signal import signal_id
from cases.messages import Actor
from cases.reception import NotNow
from forms.entrance_ports import Where
from forms.intake_ports import CapAnswer, SignalFate, fate_told
from policies.access import AccessDenied
from policies.policy import PolicyStale
from yichuang import questions
from yichuang.bus import connect
from yichuang.questions import SUBJECT, Problem
from yichuang.services import SIGNALS, Services
from yichuang.settings import SettingMissing, Settings

TAKE, FATE = "alert.take", "signal.fate"
QUEUE: Final = "web"
AGAIN_SECONDS: Final = 2.0
"""After so long without a server it is looked for again."""

T = TypeVar("T")

_log = logging.getLogger("yichuang.signal_desk")


class Intake(Protocol):
    """`forms.intake_ports.Intake`, as far as it is needed here."""

    async def take_cap(self, actor: Actor, where: Where, body: bytes) -> CapAnswer: ...

    def fates(self, signal_id: str) -> Sequence[SignalFate]: ...


class SignalDesk:
    """Answers for one connection."""

    def __init__(
        self,
        city: str,
        intake: Intake,
        actor_of: Callable[[str], Actor | None],
        may: Callable[[Actor], str],
    ) -> None:
        """`actor_of(user)`: the system that sends signals, or None; `may`: why it may not report
        an incident now, empty where it may. Both block."""
        self._city, self._intake, self._actor_of, self._may = city, intake, actor_of, may

    async def open(self, bus: Client) -> None:
        """Begin to answer; several webs share the questions."""
        for question in (TAKE, FATE):
            await bus.subscribe(f"qry.{self._city}.*.{question}", queue=QUEUE, cb=self.take)

    async def take(self, message: Msg) -> None:
        """Answer one message; what nobody waits for is left."""
        match = SUBJECT.fullmatch(message.subject)
        if not message.reply or match is None:
            return
        do = self._alert if match["question"] == TAKE else self._fate
        await questions.reply(message, do(match["user"], message.data))

    async def _alert(self, user: str, body: bytes) -> Any:
        actor = await self._actor(user)
        answer = await _now(self._intake.take_cap(actor, Where(ip="", agent=f"nats:{user}"), body))
        if answer.what == "refused":
            status = 409 if answer.code == "other_content" else 422
            raise Problem(status, answer.code.replace("_", "-"), "；".join(answer.faults[:20]))
        return {
            "alert": answer.key, "what": answer.what, "why": answer.why,
            "signals": list(answer.signals), "repeated": answer.repeated,
        }  # fmt: skip

    async def _fate(self, user: str, body: bytes) -> Any:
        asked = questions.read_asked(body)
        named = {name: str(asked.get(name, "")) for name in ("signal", "source", "id")}
        if not (named["signal"] or (named["source"] and named["id"])):
            raise Problem(400, "malformed", "须填 signal，或者您自己的 source 与 id")
        await self._actor(user)
        which = named["signal"] or signal_id(user, named["source"], named["id"])
        found = await _now(asyncio.to_thread(self._intake.fates, which))
        if not found:
            raise Problem(404, "no-such-signal", "没有这个信号，或者还没有收到库里，请稍后再问")
        return fate_told(found)

    async def _actor(self, user: str) -> Actor:
        """Return who asks. Raises `Problem` for who may not."""
        actor = await _now(asyncio.to_thread(self._actor_of, user))
        if actor is None:
            raise Problem(403, "unknown-sender", f"没有登记系统用户 {user}，或它不是信号来源系统")
        no = await _now(asyncio.to_thread(self._may, actor))
        if no:
            raise Problem(403, "no-permission", no)
        return actor


async def _now(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except (NotNow, OperationalError, StoreUnwritable, PolicyStale) as away:
        raise Problem(503, "not-now", "暂时收不下，请原样再发一次", str(away)[:200]) from away
    except AccessDenied as no:
        raise Problem(403, "no-permission", no.reason) from no


def sender_of(services: Services) -> Callable[[str], Actor | None]:
    """Return how a NATS user is found that sends signals."""

    def actor(user: str) -> Actor | None:
        found = services.find(user)
        held = [one.department for one in found.grants if one.role == SIGNALS] if found else []
        return found.actor(held[0]) if found and held else None

    return actor


async def answering(settings: Settings, desk: SignalDesk) -> None:
    """Answer until cancelled; without NATS it is looked for again."""
    while True:
        try:
            bus = await connect(settings, "web")
            await desk.open(bus)
        except (NatsError, OSError, SettingMissing, TimeoutError) as away:
            _log.info("NATS is away: %s", away)
            await asyncio.sleep(AGAIN_SECONDS)
            continue
        try:
            await _closed(bus)
        finally:
            await bus.close()


async def _closed(bus: Client) -> None:
    """Wait until a connection is given up for good."""
    open_still = True
    while open_still:
        await asyncio.sleep(AGAIN_SECONDS)
        open_still = not bus.is_closed
