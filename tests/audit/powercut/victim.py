"""Records entries, appends and seals them, until it is done; says what it has acknowledged.

Run as `python victim.py FOLDER ENTRIES SYNCHRONOUS` under the recorder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sqlalchemy import Engine, event

from audit.outbox import record
from audit.sequencer import Sequencer
from audit.signer import Signer
from tests.audit.conftest import make_draft, sqlite_engine


def main(folder: Path, entries: int, synchronous: str) -> None:
    """Do it."""
    cases, web, log = (
        _opened(folder / f"{name}.db", synchronous) for name in ("cases", "web", "log")
    )
    signer = Signer(folder / "signer.pem", folder / "signer.json")
    sequencer = Sequencer(log, {"cases": cases, "web": web}, signer)
    told = os.open(folder / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in range(entries):
        with (cases if number % 3 else web).begin() as connection:
            stream = f"case:C-{number % 5}" if number % 3 else "sys:auth"
            place = record(connection, make_draft(number, stream))
        os.write(told, f"entry {place.id} {place.leaf.hex()}\n".encode())
        if number % 7 == 6:
            sequencer.drain()
        if number % 21 == 20:
            head = sequencer.seal()
            assert head is not None
            os.write(told, f"head {head.size} {head.root.hex()}\n".encode())


def _opened(path: Path, synchronous: str) -> Engine:
    engine = sqlite_engine(path)

    @event.listens_for(engine, "connect")
    def _set(connection: object, _record: object) -> None:
        connection.execute(f"PRAGMA synchronous={synchronous}")  # type: ignore[attr-defined]
        connection.execute("PRAGMA wal_autocheckpoint=40")  # type: ignore[attr-defined]

    return engine


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
