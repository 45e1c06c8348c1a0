"""The alarm of the witnesses: one that stays away, or remembers another history than this log's.

The sequencer notes in the log's store how it stands with each; here that rings where supervision
looks: its page, `status`, and an event on NATS. Entries about it stand on the log's own stream.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from activities.alarming import Alarms
from audit.cosignatures import Standing, standings
from cases.alarms import Alarm
from cases.database import reading

WITNESS_ABSENT = "witness_absent"
"""Kind: the log's heads are not cosigned by a witness of the policy."""


@dataclass(frozen=True, slots=True)
class WitnessWatch:
    """Raises and clears the alarms. Only the worker may: it writes the cases store."""

    engine: Engine
    log: Engine
    alarms: Alarms
    now: Callable[[], datetime]

    def look(self) -> tuple[list[str], list[str]]:
        """Let the alarms be those that the log's store calls for; return keys (new, gone)."""
        with reading(self.log) as connection:
            absent = [one for one in standings(connection) if one.absent_at is not None]
        wanted = {f"{WITNESS_ABSENT}:{one.name}": _alarm(one) for one in absent}
        with self.engine.begin() as connection:
            return self.alarms.agree(connection, WITNESS_ABSENT, wanted, self.now())


def _alarm(one: Standing) -> Alarm:
    heard = "从未应答" if one.heard_at is None else f"{one.heard_at:%Y-%m-%d %H:%M}Z 后未应答"
    return Alarm(
        key=f"{WITNESS_ABSENT}:{one.name}",
        kind=WITNESS_ABSENT,
        text=f"日志见证人 {one.name} {heard}（{one.fault}）；此间的证明标为未见证，"
        "请与审计局联系；它若说记得别的历史，先停下来查明",
        detail={"witness": one.name, "fault": one.fault},
    )
