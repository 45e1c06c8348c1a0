"""A city's log alone, for the tests of its keys and shards: a store, a signer, a policy file."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from audit.check import verify_stores
from audit.entry import What, parse_entry
from audit.logstore import LogReader, found_log
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.tables import audit_cosignature
from audit.verify import VerifyReport
from cases.database import open_engine, reading
from tests.audit.test_trust import cosignature, witness
from yichuang.keyring import log_vkey_path
from yichuang.log_entries import record_of_the_log
from yichuang.settings import Settings
from yichuang.stores import migrate
from yichuang.trusting import change_policy, city_policy, first_policy

BASE = "city.example/log"


class LogTown:
    """The log of a city, its sequencer in this process; `witnessed` adds a witness and a quorum."""

    def __init__(
        self, folder: Path, *, origin: str = BASE, witnessed: bool = False, **changes: Any
    ) -> None:
        self.settings = Settings(_env_file=None, data=folder, log_origin=BASE, **changes)
        self.files = folder / "log.key", folder / "signed.json"
        self.log: Engine = open_engine(self.settings.store_url("log"))
        migrate(self.log, "log")
        found_log(self.log, origin)
        first = init_signer(*self.files, origin)
        log_vkey_path(self.settings).parent.mkdir(parents=True, exist_ok=True)
        log_vkey_path(self.settings).write_text(f"{first.vkey}\n")
        change_policy(self.settings, lambda _text: first_policy(first))
        if witnessed:
            line = f"witness w0 {witness(0).vkey}\nquorum w0\n"
            change_policy(self.settings, lambda text: text.replace("quorum none\n", line))
        self.signer = Signer(*self.files)
        self.clock: datetime | None = None
        """When entries are recorded, a second later each time; None for now."""
        self.sources: Mapping[str, Engine] = {"log": self.log}
        self.sequencer = Sequencer(self.log, self.sources, self.signer)

    def restart_signer(self) -> None:
        """Close the signer and open it from its files, as after a crash."""
        self.signer.close()
        self.signer = Signer(*self.files)
        self.sequencer = Sequencer(self.log, self.sources, self.signer)

    def grow(self, name: str) -> int:
        """Record one entry, have it signed, and return the log's size."""
        self.record(name)
        return self.seal()

    def record(self, name: str) -> None:
        """Record one entry."""
        record_of_the_log(
            self.settings,
            act="audit.verified",
            obj=What("log", BASE),
            command_id=name,
            at=self.clock,
        )
        if self.clock is not None:
            self.clock += timedelta(seconds=1)

    def seal(self) -> int:
        """Drain and seal, and return the log's size."""
        self.sequencer.drain()
        self.sequencer.seal()
        return self.sequencer.size()

    def cosign(self, size: int) -> None:
        """Let the witness cosign the head of this size, now."""
        now = datetime.now(UTC)
        with self.log.begin() as connection:
            note = LogReader(connection).cosigned_note(size)
            text = note.rpartition("\n\n")[0] + "\n"
            line = cosignature(0, text, int(now.timestamp()))
            row = {"size": size, "name": witness(0).name, "line": line, "at": now}
            connection.execute(insert(audit_cosignature).values(row))

    def verify(self) -> VerifyReport:
        """Verify the log by the city's policy file."""
        return verify_stores(self.log, city_policy(self.settings), producers=self.sources)

    def bodies(self) -> list[dict[str, Any]]:
        """Return what the log's entries say, in order."""
        with reading(self.log) as connection:
            return [parse_entry(one.body) for one in LogReader(connection).entries()]

    def notes(self) -> dict[int, str]:
        """Return the stored heads by size."""
        with reading(self.log) as connection:
            return {one.size: one.note for one in LogReader(connection).checkpoints()}
