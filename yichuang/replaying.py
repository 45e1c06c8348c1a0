"""Feeding a permit log through the door for systems, as a stranger would, and checking what came.

Every row becomes an order with its business time. The same file gives the same event ids, so that
a second run, or a run after a crash, repeats orders instead of doubling them. The authority's own
deadline is compared with the derived one at the end; it is never sent.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import nats.errors
import nats.js.errors
import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from catalogue.matters import Matter
from yichuang.events import Event, read
from yichuang.orders import order_event
from yichuang.permit_log import LoggedCase, LoggedStep, PermitLog
from yichuang.publishing import publish_whole
from yichuang.subjects import OrderSubject

USER = "archive"
"""The NATS user with the right to backfill (补录)."""
CASES_AT_ONCE = 16
OUTSTANDING = 2_048
"""Orders published and not yet answered, at most."""
ASK_AGAIN_SECONDS = 30.0
"""An order unanswered for so long is published again: its id makes that harmless."""
GIVE_UP_SECONDS = 600.0
"""Without any answer for so long, what is unanswered counts as lost."""
QUESTIONS_AT_ONCE = 16

CHANNELS = {"Internet": "computer", "Desk": "window", "Post": "post", "e-mail": "computer"}
"""The log's channels in the words of GB/T 39046-2020 A.5; all others are `other`."""


@dataclass
class _Sent:
    subject: str
    payload: bytes
    at: float


@dataclass
class Replayed:
    """What came of a replay."""

    cases: int = 0
    events: int = 0
    applied: int = 0
    repeated: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    deadlines_compared: int = 0
    deadlines_equal: int = 0
    sequences_equal: int = 0
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """Return the object that `--json` ends with."""
        return {
            "cases": self.cases,
            "events": self.events,
            "applied": self.applied,
            "repeated": self.repeated,
            "refused": dict(self.refused),
            "refused_total": self.refused.total(),
            "lost": self.lost,
            "deadlines_compared": self.deadlines_compared,
            "deadlines_equal": self.deadlines_equal,
            "sequences_equal": self.sequences_equal,
            "seconds": round(self.seconds, 1),
            "events_per_second": round(self.events / self.seconds, 1) if self.seconds else 0.0,
        }


class Replay:
    """One run of one log."""

    def __init__(
        self,
        bus: Client,
        city: str,
        log: PermitLog,
        matter: Matter,
        *,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        self._bus = bus
        self._js: JetStreamContext = bus.jetstream()
        self._city = city
        self._log = log
        self._matter = matter
        self._source = f"/replay/{log.digest[:16]}"
        self._progress = progress
        self._waiting: dict[str, _Sent] = {}
        self._answered = asyncio.Event()
        self._last_answer = time.monotonic()
        self.result = Replayed(cases=len(log.cases), events=log.events)

    async def run(self) -> Replayed:
        """Publish all, wait for all answers, then compare. Never raises for a lost order."""
        consumer = await self._listen()
        begun = time.monotonic()
        listening = asyncio.create_task(self._hear(consumer))
        nagging = asyncio.create_task(self._ask_again())
        gate = asyncio.Semaphore(CASES_AT_ONCE)
        async with asyncio.TaskGroup() as publishing:
            for case in self._log.cases:
                while len(self._waiting) >= OUTSTANDING:
                    await self._next_answer()
                await gate.acquire()
                waiting = self._orders(case)
                self._waiting.update(waiting)
                task = publishing.create_task(self._publish(list(waiting.values())))
                task.add_done_callback(lambda _task: gate.release())
        while self._waiting and time.monotonic() - self._last_answer < GIVE_UP_SECONDS:
            await self._next_answer()
        self.result.seconds = time.monotonic() - begun
        self.result.lost = len(self._waiting)
        listening.cancel()
        nagging.cancel()
        await self._compare()
        return self.result

    def _orders(self, case: LoggedCase) -> dict[str, _Sent]:
        """Return the orders of one case by event id, in order."""
        orders: dict[str, _Sent] = {}
        for n, step in enumerate(case.steps):
            verb = "record_step" if n else "file"
            event_id = f"{case.name}/{n}"
            data = {
                "reference": self._reference(case),
                "occurred_at": step.at.isoformat(),
                "body": _recorded(step) if n else self._filing(case, step),
            }
            subject = OrderSubject(self._city, self._matter.department, USER, verb)
            event = order_event(self._city, verb, data, source=self._source, event_id=event_id)
            orders[event_id] = _Sent(str(subject), event.to_json(), time.monotonic())
        return orders

    def _reference(self, case: LoggedCase) -> str:
        return f"{self._log.digest[:16]}/{case.name}"

    def _filing(self, case: LoggedCase, step: LoggedStep) -> dict[str, Any]:
        return {
            "matter": self._matter.code,
            "channel": CHANNELS.get(case.channel, "other"),
            "applicant": {"kind": "other", "name": case.name},
            "received_at": case.started_at.isoformat(),
            "reference": self._reference(case),
            "step": _recorded(step),
        }

    async def _publish(self, orders: list[_Sent]) -> None:
        await publish_whole(self._bus, [(one.subject, one.payload) for one in orders])

    async def _listen(self) -> JetStreamContext.PullSubscription:
        await self._js.add_consumer(
            "RPL",
            ConsumerConfig(
                name=USER,
                deliver_policy=DeliverPolicy.NEW,
                ack_policy=AckPolicy.NONE,
                filter_subject=f"rpl.{self._city}.{USER}.>",
                inactive_threshold=GIVE_UP_SECONDS,
            ),
        )
        return await self._js.pull_subscribe_bind(consumer=USER, stream="RPL")

    async def _hear(self, consumer: JetStreamContext.PullSubscription) -> None:
        while True:
            try:
                messages = await consumer.fetch(256, timeout=2)
            except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError):
                continue
            for message in messages:
                self._note(read(message.data, message.headers))
            self._progress(self.result.events - self._left(), self.result.events)

    def _left(self) -> int:
        return self.result.events - self.result.applied - self.result.refused.total()

    def _note(self, event: Event) -> None:
        answer = event.data
        if answer.get("event_source") != self._source:
            return
        if self._waiting.pop(answer["event_id"], None) is None:
            return  # a second answer to an order that was delivered twice
        self._last_answer = time.monotonic()
        outcome = answer.get("outcome")
        if outcome is None:
            self.result.refused[f"dead_letter:{answer.get('field', '')}"] += 1
        elif outcome["status"] == "done":
            self.result.applied += 1
            self.result.repeated += bool(outcome["repeated"])
        else:
            self.result.refused[outcome["code"]] += 1
        self._answered.set()

    async def _next_answer(self) -> None:
        self._answered.clear()
        try:
            await asyncio.wait_for(self._answered.wait(), 1)
        except TimeoutError:
            return

    async def _ask_again(self) -> None:
        """Publish again what has waited too long, in order: an answer may have been missed."""
        while True:
            await asyncio.sleep(5)
            now = time.monotonic()
            if now - self._last_answer < ASK_AGAIN_SECONDS:
                continue
            late = [one for one in self._waiting.values() if now - one.at > ASK_AGAIN_SECONDS]
            for one in late:
                one.at = now
            await self._publish(late)

    # --- what came of it ---------------------------------------------------------------------

    async def _compare(self) -> None:
        gate = asyncio.Semaphore(QUESTIONS_AT_ONCE)

        async def one(case: LoggedCase) -> None:
            async with gate:
                await self._compare_case(case)

        await asyncio.gather(*(one(case) for case in self._log.cases))

    async def _compare_case(self, case: LoggedCase) -> None:
        named = {"reference": self._reference(case)}
        events = await self._question("case.events", named)
        exported = [
            (one["step"], datetime.fromisoformat(one["at"]), one["handler"], one["group"])
            for one in events or ()
            if one.get("step")
        ]
        logged = [(step.step, step.at, step.handler, step.group) for step in case.steps]
        self.result.sequences_equal += exported == logged
        if case.deadline is None:
            return
        self.result.deadlines_compared += 1
        status = await self._question("case.status", named)
        self.result.deadlines_equal += self._last_day(status) == _day(
            case.deadline, self._matter.zone
        )

    def _last_day(self, status: Any) -> str:
        for timer in (status or {}).get("timers", ()):
            if timer["key"] == "statutory":
                # `due_at` is the first instant after the last day.
                end = datetime.fromisoformat(timer["due_at"]) - timedelta(microseconds=1)
                return _day(end, self._matter.zone)
        return ""

    async def _question(self, question: str, asked: dict[str, Any]) -> Any:
        subject = f"qry.{self._city}.{USER}.{question}"
        for _ in range(30):
            try:
                reply = await self._bus.request(subject, orjson.dumps(asked), timeout=10)
            except (nats.errors.Error, TimeoutError):
                await asyncio.sleep(1)
                continue
            answer = orjson.loads(reply.data)
            return answer["data"] if answer["ok"] else None
        return None


def _recorded(step: LoggedStep) -> dict[str, Any]:
    return {"step": step.step, "handler": step.handler, "group": step.group}


def _day(moment: datetime, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()
