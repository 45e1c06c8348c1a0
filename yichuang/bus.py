"""How one of our processes joins NATS: its own user, its own inbox."""

import logging
from pathlib import Path

import nats
from nats.aio.client import Client

from yichuang import links
from yichuang.settings import SettingMissing, Settings

RECONNECT_SECONDS = 1
"""Pause between two tries; the library takes whole seconds."""

_log = logging.getLogger("yichuang.bus")


def inbox_of(user: str) -> str:
    """Return the inbox prefix a user may listen on; no other user may (see embedded/nats.py)."""
    return f"_INBOX.{user}"


def seed_of(settings: Settings, user: str) -> Path:
    """Return the file with a user's seed. Raises `SettingMissing` when it is not there."""
    seed = settings.nats_seed(user)
    if not seed.is_file():
        raise SettingMissing(f"没有 NATS 用户 {user} 的密钥文件 {seed}（见 docs/operating.md）")
    return seed


async def connect(settings: Settings, user: str, *, attempts: int = -1) -> Client:
    """Return a connection as `user`, reconnecting for ever by default.

    Raises `SettingMissing` when the seed file is not there, nats' `NoServersError` or `OSError`
    when nobody answers and `attempts` is not -1.
    """
    seed = seed_of(settings, user)
    return await nats.connect(
        settings.nats,
        name=user,
        nkeys_seed=str(seed),
        inbox_prefix=inbox_of(user).encode(),
        max_reconnect_attempts=attempts,
        reconnect_time_wait=RECONNECT_SECONDS,
        connect_timeout=2,
        allow_reconnect=attempts != 0,
        tls=links.nats_tls(settings),
        error_cb=_note_fault,
    )


async def _note_fault(fault: Exception) -> None:
    # nats-py would write the whole trace of each refused connection; who connects hears it anyway.
    _log.info("NATS: %s", fault)
