"""An installation with its shipped versions in the log and the signer at its door."""

import argparse
import threading
from pathlib import Path
from typing import Any

from audit.signer_door import serve
from yichuang.commands import audit
from yichuang.initialise import initialise
from yichuang.settings import Settings
from yichuang.signer import signers

WITHIN_SECONDS = 20.0


def signed_city(folder: Path, **chosen: Any) -> Settings:
    """Found a city in a folder and open its signer's door, for as long as this process lives."""
    settings = Settings(_env_file=None, data=folder, **chosen)
    initialise(settings)
    opened = threading.Event()
    door = threading.Thread(
        target=serve,
        args=(settings.signer_socket, signers(settings)),
        kwargs={"ready": lambda _address: opened.set()},
        daemon=True,
    )
    door.start()
    assert opened.wait(WITHIN_SECONDS)
    return settings


def order(settings: Settings, *words: str) -> int:
    """Do what `yichuang audit WORDS` does, and return its exit code."""
    parser = argparse.ArgumentParser()
    audit.add(parser)
    return audit.run(parser.parse_args(words), settings)
