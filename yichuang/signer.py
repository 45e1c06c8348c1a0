"""The signer as a role: its key and its memory lie in a folder of their own, it reads no store."""

from __future__ import annotations

import threading

from audit.signer import serve
from yichuang import roles
from yichuang.settings import Settings

KEY_FILE = "log.key"
STATE_FILE = "signed.json"


def main(settings: Settings) -> int:
    """Serve signatures until the process is asked to stop."""
    folder = settings.signer_path
    ended = threading.Event()

    def door() -> None:
        try:
            serve(
                settings.signer_socket,
                folder / KEY_FILE,
                folder / STATE_FILE,
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
