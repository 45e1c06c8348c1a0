"""The signer as a role: its key and its memory lie in a folder of their own, it reads no store."""

from __future__ import annotations

import threading

from audit.signer import Signer
from audit.signer_door import serve
from yichuang import roles
from yichuang.national import is_national, second_signer
from yichuang.settings import Settings

KEY_FILE = "log.key"
STATE_FILE = "signed.json"


def main(settings: Settings) -> int:
    """Serve signatures until the process is asked to stop."""
    ended = threading.Event()

    def door() -> None:
        try:
            serve(
                settings.signer_socket,
                signers(settings),
                ready=lambda address: roles.ready(settings, "signer", address),
            )
        finally:
            ended.set()

    # The door serves for ever; it is a daemon so that the end of this process ends it. A signature
    # cut short is harmless: its memory was written before, and the next question heals the rest.
    threading.Thread(target=door, name="signer", daemon=True).start()
    while not roles.wait(roles.BEAT_SECONDS):
        if ended.is_set():
            return 1
        roles.beat()
    return 0


def signer(settings: Settings) -> Signer:
    """Return the signer of these settings. Raises `SignerNotFounded`, `SignerUnavailable`."""
    folder = settings.signer_path
    return Signer(
        folder / KEY_FILE,
        folder / STATE_FILE,
        passphrase=passphrase(settings),
        new_key=settings.signer_key,
    )


def signers(settings: Settings) -> list[Signer]:
    """Return the signers of the log's trees. Raises `SignerNotFounded`, `SignerUnavailable`."""
    first = signer(settings)
    if not is_national(settings):
        return [first]
    return [first, second_signer(settings, passphrase(settings))]


def passphrase(settings: Settings) -> bytes | None:
    """Return what unlocks the signer's key (or the PIN of its device), None without one."""
    path = settings.signer_passphrase
    return path.read_bytes().rstrip(b"\r\n") if path else None
