"""Dead letters for the pages: asked of the gateway over NATS, whose register they stand in."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from cases.messages import Outcome
from cases.reception import NotNow
from forms.entrance_ports import Visitor
from forms.letter_ports import DeadLetter
from yichuang.bus import connect
from yichuang.settings import SettingMissing, Settings

WAIT_SECONDS = 5.0
PER_PAGE = 50


class _No(Exception):
    """The gateway answered with a problem; the text is its Chinese sentence."""


class WebLetters:
    """`forms.letter_ports.DeadLetters` by request-reply. Connects when it is first asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def listing(self, state: str, page: int) -> tuple[Sequence[DeadLetter], int]:
        data = await self._ask("list", state=state, offset=(page - 1) * PER_PAGE, limit=PER_PAGE)
        return [_letter(row) for row in data["rows"]], int(data["total"])

    async def find(self, letter: str) -> DeadLetter | None:
        if not letter.isdecimal() or len(letter) > 15:
            return None
        try:
            return _letter(await self._ask("show", number=int(letter)))
        except _No:
            return None

    async def replay(self, visitor: Visitor, letter: str, payload: str) -> str:
        by = visitor.actor.id
        try:
            found = await self._ask("show", number=int(letter))
            mended = payload.encode()
            if mended != base64.b64decode(found["body"]):
                body = base64.b64encode(mended).decode()
                await self._ask("mend", number=int(letter), body=body, by=by)
            await self._ask("replay", number=int(letter), by=by)
        except _No as no:
            return str(no)
        return ""

    async def discard(self, visitor: Visitor, letter: str) -> str:
        try:
            await self._ask("discard", number=int(letter), by=visitor.actor.id)
        except _No as no:
            return str(no)
        return ""

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _ask(self, question: str, **said: object) -> Mapping[str, Any]:
        """Return the answer's data. Raises `_No`, and `NotNow` when nobody answers."""
        subject = f"qry.{self._settings.city}.web.dead_letter.{question}"
        try:
            client = await self._connected()
            message = await client.request(subject, orjson.dumps(said), timeout=WAIT_SECONDS)
        except (NatsError, OSError, SettingMissing, TimeoutError) as away:
            raise NotNow("接口服务暂时联系不上") from away
        answer = orjson.loads(message.data)
        if not answer["ok"]:
            problem = answer["problem"]
            raise _No(problem.get("title") or problem.get("detail") or "接口服务拒绝了请求")
        data: Mapping[str, Any] = answer["data"]
        return data

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None or self._client.is_closed:
                self._client = await connect(self._settings, "web", attempts=0)
            return self._client


def _letter(row: Mapping[str, Any]) -> DeadLetter:
    body = base64.b64decode(row.get("body", "")).decode("utf-8", "replace")
    changed = row.get("changed_at")
    answer = row.get("answer")
    return DeadLetter(
        id=str(row["id"]),
        subject=row["subject"],
        received_at=datetime.fromisoformat(row["at"]),
        reason=row["sentence"] or row["reason"],
        field=row["field"] or "",
        state=row["state"],
        payload=body,
        changed_by=row.get("changed_by") or "",
        changed_at=datetime.fromisoformat(changed) if changed else None,
        answer=Outcome.model_validate(answer) if answer else None,
    )
