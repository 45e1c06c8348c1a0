"""The master keys of an installation: what each one holds, the next one, and the end of an old one.

An old key is needed while a subject's key stands under it, and while Temporal keeps a run that
began before it was replaced: such a run's payloads may be sealed under it, and they are never
written anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio.service import RPCError

from audit.masters import key_id
from cases.database import open_engine
from yichuang import keyring
from yichuang.embedded import temporal
from yichuang.joining import vault_of
from yichuang.key_log import note_retired, note_rotated
from yichuang.keyring import KeyMissing
from yichuang.rewrapping import VAULT_STORES, Rewrapper
from yichuang.settings import Settings

GRACE = timedelta(hours=1)
"""How long after a rotation a run may still begin with a payload sealed before: what a door had
sealed it sends again for as long as Temporal is away."""


class StillNeeded(Exception):
    """The key may not be destroyed yet; the text says what needs it."""


def holdings(settings: Settings) -> dict[str, dict[str, int]]:
    """Return how many subjects' keys stand under each master key: id (hex) → store → count.

    Those that name none have an empty id. Raises `KeyMissing`.
    """
    found: dict[str, dict[str, int]] = {}
    for store in VAULT_STORES:
        engine = open_engine(settings.store_url(store), read_only=True)
        try:
            for id, count in vault_of(settings, engine).under().items():
                found.setdefault(id, {})[store] = count
        finally:
            engine.dispose()
    return found


def rotate(settings: Settings) -> tuple[str, str]:
    """Make a new master key the current one; return its id and that of the one before.

    The log has it before the key counts. Raises `KeyMissing`, and `StoreUnwritable` where the log
    cannot be told: then nothing has changed.
    """
    old = keyring.master_keys(settings)[0]
    engine = open_engine(settings.store_url("cases"))

    def announce(new: bytes) -> None:
        with engine.begin() as connection:
            note_rotated(connection, new, old)

    try:
        new_id, old_id = keyring.rotate_master(settings, announce)
    finally:
        engine.dispose()
    return new_id.hex(), old_id.hex()


def rewrap(settings: Settings) -> dict[str, int]:
    """Wrap all subjects' keys under the current master key, now; return how many in each store."""
    done: dict[str, int] = {}
    for store in VAULT_STORES:
        rewrapper = Rewrapper(settings, store)
        try:
            done[store] = rewrapper.look()
        finally:
            rewrapper.close()
    return done


async def retire(settings: Settings, id: str) -> None:
    """Destroy an older master key that nothing needs any more.

    Raises `LookupError` for no such older key, `StillNeeded`, `KeyMissing`.
    """
    keys = {key_id(key).hex(): key for key in keyring.master_keys(settings)}
    if id not in keys:
        raise LookupError(id)
    if id == next(iter(keys)):
        raise StillNeeded("它是现用的主密钥，先 bin/yichuang keys rotate")
    held = holdings(settings)
    for under in (id, ""):
        for store, count in sorted(held.get(under, {}).items()):
            raise StillNeeded(f"{store} 库还有 {count} 个个人密钥封在旧密钥下，先 keys rewrap")
    until = keyring.used_until(settings, bytes.fromhex(id)) + GRACE
    await _no_run_before(settings, until)
    engine = open_engine(settings.store_url("cases"))
    try:
        with engine.begin() as connection:
            note_retired(connection, keys[id])
    finally:
        engine.dispose()
    keyring.destroy_master(settings, bytes.fromhex(id))


async def _no_run_before(settings: Settings, until: datetime) -> None:
    """Raise `StillNeeded` while Temporal keeps a run that began before, or does not answer."""
    query = f"StartTime < '{until:%Y-%m-%dT%H:%M:%SZ}'"
    try:
        client = await temporal.connect(settings)
        count = (await client.count_workflows(query)).count
    except (RPCError, RuntimeError) as away:
        raise StillNeeded(f"流程引擎不应答，无从知道还有没有流程用它：{away}") from away
    if count:
        raise StillNeeded(
            f"流程引擎里还有 {count} 个 {until:%Y-%m-%d %H:%M}Z 以前开始的流程，"
            "其内容可能封在它下面；"
            f"办结并过了保留期（{settings.temporal_retention_days} 天）才能停用"
        )


__all__ = ["KeyMissing", "StillNeeded", "holdings", "retire", "rewrap", "rotate"]
