"""After a rotation: subjects' keys get their wrapping under the new master key, beside the work.

The worker does it for the keys store, each other process for the keys in its own. A batch is
told in the log before it is touched; whoever dies in the middle finds later what is left to do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal

from sqlalchemy.exc import OperationalError

from audit.vault import SubjectVault
from cases.database import StoreUnwritable, open_engine
from yichuang import joining, roles
from yichuang.key_log import note_rewrapping
from yichuang.settings import Settings

VaultStore = Literal["keys", "web", "gateway", "signals"]
VAULT_STORES: tuple[VaultStore, ...] = ("keys", "web", "gateway", "signals")
"""The stores that hold subjects' keys."""

BATCH: Final = 200
"""Keys between two entries; each is a transaction of its own, so that nobody waits for many."""
EVERY_SECONDS: Final = 5.0
CLEAN_LOOKS: Final = 3
"""Looks in a row without a find after which a master key is taken for done: another process may
have wrapped under the one before for as long as it did not know of the new one (one second)."""

_log = logging.getLogger("yichuang.rewrapping")


class Rewrapper:
    """Wraps one store's subjects' keys under the master key that is the current one."""

    def __init__(self, settings: Settings, store: VaultStore) -> None:
        """Raises `KeyMissing`."""
        entries = "cases" if store == "keys" else store
        self._engine = open_engine(settings.store_url(store))
        self._entries = open_engine(settings.store_url(entries))
        self.vault: SubjectVault = joining.vault_of(settings, self._engine)
        self._note = note_rewrapping(self._entries, entries)
        self._clean: tuple[bytes, int] = (b"", 0)

    def look(self, is_stopping: Callable[[], bool] = lambda: False) -> int:
        """Do what there is to do and return how many keys that were; cheap once all is done."""
        current, _ = self.vault.masters.current()
        id, looks = self._clean
        if id == current and looks >= CLEAN_LOOKS:
            return 0
        done = 0
        while not is_stopping() and (found := self.vault.rewrap(BATCH, self._note)):
            done += found
        self._clean = (current, looks + 1 if id == current and not done else 0)
        return done

    async def run(self) -> None:
        """Look every few seconds until cancelled; a store that is away is asked again."""
        while True:
            try:
                done = await asyncio.to_thread(self.look, roles.is_stopping)
                if done:
                    _log.info("%d subjects' keys wrapped under the current master key", done)
            except (OperationalError, StoreUnwritable) as away:
                _log.warning("subjects' keys are not wrapped anew now: %s", away)
            await asyncio.sleep(EVERY_SECONDS)

    def close(self) -> None:
        self._engine.dispose()
        self._entries.dispose()
