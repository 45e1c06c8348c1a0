"""Tokens of a time-stamp authority over the log's heads: daily, at once, or brought by hand.

A day without a token stops no work: it is told in the process's log, in the log itself (result
`error`, once a day) and by `audit status`, and the authority is asked again.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from audit.entry import ANCHORED, What
from audit.logstore import LogReader, StoredCheckpoint
from audit.outbox import record
from audit.tables import audit_anchor
from audit.timestamps import (
    AuthorityAway,
    TokenInvalid,
    TokenTime,
    TokenUnchecked,
    ask_authority,
    imprint_of,
    query,
    stamped_digest,
    verify_token,
)
from cases.database import StoreUnwritable, reading
from yichuang.log_entries import draft_of_the_log
from yichuang.settings import Settings

KIND = "rfc3161"
EVERY = timedelta(hours=24)
"""How often a token is asked for. A choice: what is re-signed with stolen keys of log and witness
shows by the token of the day before."""

AGAIN = timedelta(minutes=10)
"""After a failure."""

LATE_AFTER = timedelta(hours=26)
"""Then `audit status` says that the token is late."""

_log = logging.getLogger("yichuang.anchoring")


class AnchorRefused(Exception):
    """There is no head to stamp, no authority configured, or the token is over no head of ours."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """A token that was kept: over the head of `size`."""

    size: int
    told: TokenTime


def certificates(settings: Settings) -> bytes | None:
    """Return the authority's certificates, None where none are configured."""
    path = settings.tsa_certificates
    return path.read_bytes() if path else None


def newest_head(log: Engine) -> tuple[str, StoredCheckpoint]:
    """Return the log's name and its newest signed head. Raises `AnchorRefused`."""
    with reading(log) as connection:
        reader = LogReader(connection)
        origin, head = reader.state().origin, reader.last_checkpoint()
    if head is None:
        raise AnchorRefused("日志还没有签名的树头")
    return origin, head


def stamp(settings: Settings, log: Engine) -> Anchored:
    """Have the newest head stamped by the configured authority, and keep the token.

    Raises `AnchorRefused`, `AuthorityAway`, `TokenInvalid`, `TokenUnchecked`.
    """
    if not settings.tsa_url:
        raise AnchorRefused("没有配置时间戳服务：设 YICHUANG_TSA_URL 和 YICHUANG_TSA_CERTIFICATES")
    origin, head = newest_head(log)
    digest = stamped_digest(head.note)
    request = query(digest)
    token = ask_authority(settings.tsa_url, request)
    told = verify_token(token, digest, _required(settings), request=request)
    return _keep(log, origin, head.size, token, told)


def take(settings: Settings, log: Engine, token: bytes) -> Anchored:
    """Keep a token that was brought by hand: it is over one of the signed heads.

    Raises `AnchorRefused`, `TokenInvalid`, `TokenUnchecked`.
    """
    imprint = imprint_of(token)
    with reading(log) as connection:
        reader = LogReader(connection)
        origin = reader.state().origin
        heads = [one for one in reader.checkpoints() if stamped_digest(one.note) == imprint]
    if not heads:
        raise AnchorRefused("这个时间戳不是对本日志任何一个树头的")
    told = verify_token(token, imprint, _required(settings))
    return _keep(log, origin, heads[-1].size, token, told)


def is_due(log: Engine, now: datetime) -> bool:
    """Return whether there is a head, newer than the stamped one, and a day has passed."""
    with reading(log) as connection:
        reader = LogReader(connection)
        head, anchors = reader.last_checkpoint(), reader.anchors()
    if head is None:
        return False
    newest = max((one.at for one in anchors if one.kind == KIND), default=None)
    stamped = max((one.size for one in anchors if one.kind == KIND), default=0)
    return head.size > stamped and (newest is None or now - newest >= EVERY)


def last_at(log: Engine) -> datetime | None:
    """Return the time of the newest token of the open shard."""
    with reading(log) as connection:
        moment = connection.scalar(select(func.max(audit_anchor.c.at)))
    return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC)


class DailyAnchor:
    """Asks for the daily token; `step` is called every few seconds and does nothing until due."""

    def __init__(self, settings: Settings, log: Engine) -> None:
        self._settings, self._log = settings, log
        self._not_before = datetime.min.replace(tzinfo=UTC)
        self.fault = ""

    def step(self, now: datetime) -> Anchored | None:
        """Ask if it is due. Never raises for an authority or a store that is away."""
        if not self._settings.tsa_url or now < self._not_before:
            return None
        try:
            anchored = self._try(now)
        except (SQLAlchemyError, StoreUnwritable, OSError) as error:
            self._not_before = now + AGAIN
            _log.warning("no token could be kept: %s", error)
            return None
        if anchored is None:
            return None
        self.fault = ""
        _log.info("the head of %s is stamped at %s", anchored.size, anchored.told.at)
        return anchored

    def _try(self, now: datetime) -> Anchored | None:
        try:
            return stamp(self._settings, self._log) if is_due(self._log, now) else None
        except (AuthorityAway, TokenInvalid, TokenUnchecked, AnchorRefused, ValueError) as error:
            self._failed(now, f"{type(error).__name__}: {error}")
            return None

    def run(self, stop: threading.Event, pause: float = 30.0) -> None:
        """Step until `stop` is set."""
        while not stop.wait(pause):
            self.step(datetime.now(UTC))

    def _failed(self, now: datetime, fault: str) -> None:
        self.fault, self._not_before = fault, now + AGAIN
        _log.error("no time-stamp token for the log's head: %s", fault)
        origin, _ = newest_head(self._log)
        draft = draft_of_the_log(
            act=ANCHORED,
            obj=What("head", origin),
            command_id=f"anchor:{origin}:{now.date().isoformat()}:failed",
            why="no_token",  # the cause changes from try to try; it stands in the process's log
            res="error",
        )
        with self._log.begin() as connection:
            record(connection, draft)


def _keep(log: Engine, origin: str, size: int, token: bytes, told: TokenTime) -> Anchored:
    """Keep token and entry in one transaction; a token that is there already is kept once."""
    digest = sha256(token).hexdigest()
    draft = draft_of_the_log(
        act=ANCHORED,
        obj=What("head", origin, str(size), digest),
        command_id=f"anchor:{digest}",
        why=KIND,
    )
    with log.begin() as connection:
        if record(connection, draft).fresh:
            row = {"size": size, "kind": KIND, "at": told.at, "token": token}
            connection.execute(insert(audit_anchor).values(row))
    return Anchored(size, told)


def _required(settings: Settings) -> bytes:
    pem = certificates(settings)
    if pem is None:
        raise AnchorRefused("没有时间戳服务的证书：设 YICHUANG_TSA_CERTIFICATES")
    return pem


def write_query(log: Engine, path: Path) -> int:
    """Write a request over the newest head for an authority elsewhere, and return its size.

    Raises `AnchorRefused`, `TokenUnchecked`.
    """
    _, head = newest_head(log)
    path.write_bytes(query(stamped_digest(head.note)))
    return head.size
