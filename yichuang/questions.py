"""Questions over NATS request-reply: `qry.<city>.<user>.<question>`, answered by the gateway.

A question changes nothing, but for those about dead letters, which only the web may ask, on behalf
of somebody whom policy lets (`dead_letter_mend`). Every answer is one JSON object, `{"ok": true,
"data": …}`, or `{"ok": false, "problem": {…}}` in the words of RFC 9457.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from audit.entry import What
from cases.facts import CaseFacts
from cases.messages import Actor, Outcome
from yichuang.inbox import DeadLetter, Inbox, NoSuchLetter
from yichuang.subjects import command_id

WEB_USER = "web"
ELSEWHERE = frozenset({"alert.take", "signal.fate"})
"""Questions that the web answers (yichuang/signal_desk.py): the gateway is silent to them."""
SUBJECT = re.compile(r"qry\.(?P<city>[a-z0-9-]+)\.(?P<user>[a-z0-9-]+)\.(?P<question>[a-z_.]+)")

_log = logging.getLogger("yichuang.questions")


class Problem(Exception):
    """A question that cannot be answered, as RFC 9457 tells it."""

    def __init__(self, status: int, kind: str, title: str, detail: str = "") -> None:
        super().__init__(title)
        self.document = {
            "type": f"/problems/{kind}",
            "status": status,
            "title": title,
            "detail": detail,
        }


class Reader(Protocol):
    """What the gateway reads of cases; each may block and is called from worker threads."""

    def find(self, *, case_id: str, case_no: str, source: str, reference: str) -> str | None:
        """Return the case's id, None when there is no such case."""
        ...

    def facts(self, case_id: str) -> CaseFacts: ...

    def status(self, case_id: str) -> dict[str, Any]:
        """Number, stage, ending, instants and timers; nothing personal."""
        ...

    def events(self, case_id: str) -> list[dict[str, Any]]:
        """The settled steps in order: verb, instant, and for recorded steps their own words."""
        ...

    def outcome(self, command: str) -> Outcome | None: ...


class Incidents(Protocol):
    """What the gateway reads of incidents; may block."""

    def open(self, actor: Actor, department: str) -> list[dict[str, Any]]:
        """The open incidents to which a department was sent, as far as the actor may list them."""
        ...


class Judge(Protocol):
    """The one question policy is asked here."""

    def __call__(self, actor: Actor, act: str, facts: CaseFacts) -> bool: ...


class Desk:
    """Answers the questions of every user."""

    def __init__(
        self,
        bus: Client,
        city: str,
        reader: Reader,
        inbox: Inbox,
        actor_of: Callable[[str, str], Actor | None],
        may: Judge,
        incidents: Incidents,
    ) -> None:
        self._bus = bus
        self._city = city
        self._reader = reader
        self._inbox = inbox
        self._actor_of = actor_of
        self._may = may
        self._incidents = incidents
        self._answers: Mapping[str, Callable[[str, dict[str, Any]], Awaitable[Any]]] = {
            "case.status": self._status,
            "case.events": self._events,
            "command.outcome": self._outcome,
            "incident.open": self._open_incidents,
            "dead_letter.list": self._letters,
            "dead_letter.show": self._letter,
            "dead_letter.mend": self._mend,
            "dead_letter.replay": self._replay,
            "dead_letter.discard": self._discard,
        }

    @property
    def questions(self) -> frozenset[str]:
        """The names of every question that is answered."""
        return frozenset(self._answers)

    async def open(self) -> None:
        """Begin to answer; several gateways share the questions."""
        await self._bus.subscribe(f"qry.{self._city}.>", queue="gateway", cb=self._take)

    async def _take(self, message: Msg) -> None:
        if not message.reply:
            return
        match = SUBJECT.fullmatch(message.subject)
        if match is None or match["question"] not in ELSEWHERE:
            await reply(message, self._answered(match, message.data))

    async def _answered(self, match: re.Match[str] | None, body: bytes) -> Any:
        if match is None or match["question"] not in self._answers:
            known = "、".join((*self._answers, *sorted(ELSEWHERE)))
            raise Problem(404, "unknown-question", "没有这个问题", f"可问：{known}")
        return await self._answers[match["question"]](match["user"], read_asked(body))

    async def _case(self, user: str, asked: dict[str, Any]) -> str:
        """Return the id of a case that this user may read."""
        names = {name: str(asked.get(name, "")) for name in ("case_id", "case_no", "reference")}
        if sum(1 for value in names.values() if value) != 1:
            raise Problem(400, "malformed", "case_no、case_id、reference 须填一个且只填一个")
        case_id = await asyncio.to_thread(self._reader.find, source=f"s:{user}", **names)
        if case_id is None:
            raise Problem(404, "no-such-case", "没有这个办件")
        facts = await asyncio.to_thread(self._reader.facts, case_id)
        actor = self._actor_of(user, facts.department)
        if actor is None or not self._may(actor, "read", facts):
            await self._note(user, "read", What("case", case_id), "no_permission")
            # The same answer as for no case: whether it exists is not this user's to know.
            raise Problem(404, "no-such-case", "没有这个办件")
        return case_id

    async def _status(self, user: str, asked: dict[str, Any]) -> Any:
        case_id = await self._case(user, asked)
        answer = await asyncio.to_thread(self._reader.status, case_id)
        await self._note(user, "read", What("case", case_id, "status"))
        return answer

    async def _events(self, user: str, asked: dict[str, Any]) -> Any:
        case_id = await self._case(user, asked)
        answer = await asyncio.to_thread(self._reader.events, case_id)
        await self._note(user, "read", What("case", case_id, "events"))
        return answer

    async def _note(self, user: str, act: str, thing: What, denied: str = "") -> None:
        """Commit the entry before the answer goes."""
        await asyncio.to_thread(self._inbox.note_question, user, act, thing, denied)

    async def _open_incidents(self, user: str, asked: dict[str, Any]) -> Any:
        """Tell a unit's system what the unit was sent to and has not done with."""
        department = str(asked.get("department", ""))
        actor = await asyncio.to_thread(self._actor_of, user, department)
        if actor is None:
            await self._note(user, "read", What("incident", "-"), "no_permission")
            raise Problem(403, "not-yours", "没有登记本系统，或它不得办理部门", department)
        found = await asyncio.to_thread(self._incidents.open, actor, department)
        await self._note(user, "read", What("incident", "-", "open"))
        return {"incidents": found}

    async def _outcome(self, user: str, asked: dict[str, Any]) -> Any:
        source, event_id = str(asked.get("source", "")), str(asked.get("id", ""))
        if not source or not event_id:
            raise Problem(400, "malformed", "须填 source 与 id：您发出的事件的两个属性")
        command = command_id(user, source, event_id)
        outcome = await asyncio.to_thread(self._reader.outcome, command)
        if outcome is None:
            known = await asyncio.to_thread(self._inbox.answers, [command])
            outcome = known.get(command)
        if outcome is None:
            raise Problem(404, "no-such-command", "没有收到过这条消息，或还在处理")
        await self._note(user, "read", What("case", outcome.case_id or "-", "outcome"))
        return outcome.model_dump(mode="json")

    # --- dead letters: the web alone, which has asked policy --------------------------------

    async def _web_only(self, user: str) -> None:
        if user != WEB_USER:
            await self._note(user, "dead_letter_read", What("dead_letter", "-"), "not_yours")
            raise Problem(403, "not-yours", "死信由管理页面处理")

    async def _letters(self, user: str, asked: dict[str, Any]) -> Any:
        await self._web_only(user)
        rows, total = await asyncio.to_thread(
            lambda: self._inbox.letters(
                str(asked.get("state", "open")),
                offset=int(asked.get("offset", 0)),
                limit=min(int(asked.get("limit", 50)), 200),
            )
        )
        return {"rows": [_shown(row) for row in rows], "total": total}

    async def _letter(self, user: str, asked: dict[str, Any]) -> Any:
        await self._web_only(user)
        letter = await self._found(asked)
        answer = await asyncio.to_thread(self._inbox.answer_to, letter)
        return {
            **_shown(letter),
            "answer": answer.model_dump(mode="json") if answer else None,
            "body": base64.b64encode(letter.body).decode(),
            "headers": dict(letter.headers or {}),
        }

    async def _mend(self, user: str, asked: dict[str, Any]) -> Any:
        await self._web_only(user)
        try:
            body = base64.b64decode(str(asked.get("body", "")), validate=True)
        except binascii.Error as broken:
            raise Problem(400, "malformed", "body 应是 base64") from broken
        await self._changed(self._inbox.mend, _number(asked), body, _by(asked))
        return {}

    async def _replay(self, user: str, asked: dict[str, Any]) -> Any:
        """Put the letter back where it came from; its id is the same, so it is applied once."""
        await self._web_only(user)
        letter = await self._found(asked)
        if letter.state not in ("open", "mended"):
            raise Problem(409, "already-settled", f"死信 {letter.id} 已经处理")
        headers = {
            name: value
            for name, value in (letter.headers or {}).items()
            if not name.startswith("Nats-")  # its old Nats-Msg-Id would have it dropped as repeated
        }
        await self._bus.jetstream().publish(letter.subject, letter.body, headers=headers or None)
        await self._changed(self._inbox.settle, letter.id, "replayed", _by(asked))
        return {}

    async def _discard(self, user: str, asked: dict[str, Any]) -> Any:
        await self._web_only(user)
        await self._changed(self._inbox.settle, _number(asked), "discarded", _by(asked))
        return {}

    async def _found(self, asked: dict[str, Any]) -> DeadLetter:
        try:
            return await asyncio.to_thread(self._inbox.letter, _number(asked))
        except NoSuchLetter as none:
            raise Problem(404, "no-such-letter", str(none)) from none

    @staticmethod
    async def _changed(change: Callable[..., None], *args: object) -> None:
        try:
            await asyncio.to_thread(change, *args)
        except NoSuchLetter as none:
            raise Problem(409, "already-settled", str(none)) from none


def read_asked(body: bytes) -> dict[str, Any]:
    """Return what is asked. Raises `Problem` for what is no object of JSON."""
    try:
        asked = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as broken:
        raise Problem(400, "malformed", "不是 JSON", str(broken)) from broken
    if not isinstance(asked, dict):
        raise Problem(400, "malformed", "应是一个 JSON 对象")
    return asked


async def reply(message: Msg, answer: Awaitable[Any]) -> None:
    """Send the answer to a question, or the problem with it."""
    try:
        said: dict[str, Any] = {"ok": True, "data": await answer}
    except Problem as problem:
        said = {"ok": False, "problem": problem.document}
    await message.respond(orjson.dumps(said))


def _number(asked: dict[str, Any]) -> int:
    number = asked.get("number")
    if not isinstance(number, int):
        raise Problem(400, "malformed", "number 应是死信的编号")
    return number


def _by(asked: dict[str, Any]) -> str:
    by = asked.get("by")
    if not isinstance(by, str) or not by:
        raise Problem(400, "malformed", "by 应是经办人的用户标识")
    return by


def _shown(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "subject": letter.subject,
        "reason": letter.reason,
        "sentence": letter.sentence,
        "field": letter.field,
        "state": letter.state,
        "at": letter.at.isoformat(),
        "changed_by": letter.changed_by,
        "changed_at": letter.changed_at.isoformat() if letter.changed_at else None,
    }
