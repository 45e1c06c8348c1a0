"""The users of a NATS server elsewhere: written anew when accounts change, and read at once.

The server is asked through its system account to read its file again (NATS 2.10 and later): no
signal crosses a container. It lets go of whoever is no longer among them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nats.errors import Error as NatsError
from sqlalchemy.exc import SQLAlchemyError

from yichuang import bus
from yichuang.embedded.nats import SYSTEM_USER, ServerTls, configuration, write_configuration
from yichuang.settings import Settings

LOOK_SECONDS: Final = 0.5
"""How often the accounts are looked at: one that is taken back is to be gone within a second."""
ASK_SECONDS: Final = 2.0
CONNECT_SECONDS: Final = 5.0
QUIET_SECONDS: Final = 0.3
"""After so long without another answer every server of a cluster has said who it is."""

_log = logging.getLogger("yichuang.nats_users")


class ServerAway(Exception):
    """NATS does not answer, or does not take the file; the text says which."""


@dataclass
class UserList:
    """The file of one server, as `yichuang servers` writes it."""

    settings: Settings
    listen: str
    store: Path
    path: Path
    tls: ServerTls | None = None
    monitor: str = ""
    _taken: str = ""
    """The text that the server was last known to have read."""

    def text(self) -> str:
        """Return what the file must say now. Raises SQLAlchemy's errors where accounts are away."""
        return configuration(
            self.settings, listen=self.listen, store=self.store, tls=self.tls, monitor=self.monitor
        )

    def write(self) -> None:
        write_configuration(
            self.settings, listen=self.listen, store=self.store, path=self.path, tls=self.tls,
            monitor=self.monitor,
        )  # fmt: skip

    async def look(self) -> bool:
        """Write the file where accounts have changed and let the server read it; return whether.

        Raises `ServerAway`; then the next look asks again. Where the accounts cannot be read the
        file stays: nobody comes back who was taken out.
        """
        fresh = await asyncio.to_thread(self.text)
        if fresh == self._taken:
            return False
        if not self.path.exists() or self.path.read_text("utf-8") != fresh:
            await asyncio.to_thread(self.write)
        await reread(self.settings)
        self._taken = fresh
        return True

    async def run(self) -> None:
        """Look until cancelled."""
        said = ""
        while True:
            try:
                if await self.look():
                    _log.info("the server has read its users anew")
                said = ""
            except (ServerAway, OSError, SQLAlchemyError) as away:
                # Once for each reason, not twice a second.
                if str(away) != said:
                    said = str(away)
                    _log.warning("the users cannot be renewed now: %s", away)
            await asyncio.sleep(LOOK_SECONDS)


async def reread(settings: Settings) -> int:
    """Let every server that answers read its file again; return how many. Raises `ServerAway`."""
    try:
        # The library asks for ever where nobody listens.
        asked = bus.connect(settings, SYSTEM_USER, attempts=0)
        client = await asyncio.wait_for(asked, CONNECT_SECONDS)
    except (OSError, NatsError, TimeoutError) as away:
        raise ServerAway(f"NATS 不应答：{away or type(away).__name__}") from away
    try:
        inbox = client.new_inbox()
        answers = await client.subscribe(inbox)
        await client.publish("$SYS.REQ.SERVER.PING", b"", reply=inbox)
        servers: list[str] = []
        while True:
            wait = QUIET_SECONDS if servers else ASK_SECONDS
            try:
                told = json.loads((await answers.next_msg(timeout=wait)).data)
            except (NatsError, TimeoutError):
                break
            servers.append(str(told["server"]["id"]))
        if not servers:
            raise ServerAway("NATS 的系统账户没有应答")
        for one in servers:
            subject = f"$SYS.REQ.SERVER.{one}.RELOAD"
            answer = json.loads((await client.request(subject, b"", timeout=ASK_SECONDS)).data)
            if answer.get("error"):
                raise ServerAway(f"NATS 不认新的配置：{answer['error']}")
        return len(servers)
    except (NatsError, TimeoutError, ValueError, KeyError) as fault:
        raise ServerAway(f"NATS：{fault or type(fault).__name__}") from fault
    finally:
        await client.close()
