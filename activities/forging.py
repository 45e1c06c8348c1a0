"""Orders that no door can have sent: refused, an entry beside the refusal, and an alarm.

Whoever holds Temporal and the codec's key can hand an order to a workflow. They have no pen of a
door, so the order is refused; that somebody tried is for people to know at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine
from temporalio import activity

from activities.alarming import Alarms
from activities.entries import here, stream_of
from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.outbox import record_many
from cases import alarms
from cases.alarms import Alarm
from cases.database import reading
from cases.messages import BODIES, Command
from cases.orders import Doubted, forged_step
from cases.settling import RuleForbids

FORGED = "forged_command"
"""Kind of the alarm: an order came into Temporal by another way than our doors."""
STANDS = timedelta(days=7)
"""How long it rings: there is no condition that ends by itself. The entries stay."""

NOBODY = Who("unknown", "system")
"""Who stands in the entry: what a forged order says of itself accuses nobody."""


@dataclass(frozen=True, slots=True)
class Forgeries:
    """Records and alarms forged orders. Safe in any number of threads."""

    alarms: Alarms

    def entry(self, case_id: str, command: Command, code: str, at: datetime) -> EntryDraft:
        """Return the entry of a forged order to a case: nothing of what it says but its verb."""
        return EntryDraft(
            id=entry_id(command.id, forged_step(command)),
            stream=stream_of(case_id),
            at=at,
            who=NOBODY,
            act=_verb(command),
            obj=What("case", case_id),
            res="deny",
            why=code,
            where=Where(svc="temporal"),
            wf=here(),
        )

    def alarm(
        self, connection: Connection, thing: str, name: str, command: Command, no: RuleForbids,
        at: datetime,
    ) -> None:  # fmt: skip
        """Let the alarm of that object ring; further orders to it let it say the newest."""
        where = here()
        detail = {
            "thing": thing,
            "id": name[:200],
            "verb": _verb(command),
            "code": no.code,
            "command": command.id,
            "workflow": where.id[:200] if where else "",
            "run": (where.run or "") if where else "",
        }
        case_id = name if thing == "case" else ""
        self.alarms.sound(
            connection,
            Alarm(
                key=f"{FORGED}:{thing}:{name}"[:200],
                kind=FORGED,
                text=f"有人绕过入口向 Temporal 投递命令（{_verb(command)}：{no.reason}），"
                "已拒绝；请立即核查谁能访问 Temporal 和编码密钥，必要时轮换密钥",
                case_id=case_id,
                detail=detail,
            ),
            at,
        )


@dataclass(frozen=True, slots=True)
class Doubting:
    """The activity behind `workflows.approval`'s doubts. One per worker process."""

    engine: Engine
    forgeries: Forgeries
    now: Callable[[], datetime]

    @activity.defn(name="doubt")
    def doubt(self, doubted: Doubted) -> None:
        """Record and alarm it; done again, nothing changes. Raises when the store is away."""
        at = self.now()
        no = RuleForbids(doubted.code, doubted.reason, "", doubted.field)
        with self.engine.begin() as connection:
            draft = self.forgeries.entry(doubted.case_id, doubted.command, doubted.code, at)
            record_many(connection, [(draft, [])])
            self.forgeries.alarm(connection, "case", doubted.case_id, doubted.command, no, at)


@dataclass(frozen=True, slots=True)
class ForgeryWatch:
    """Lets the alarms end that have rung long enough. Only the worker may."""

    engine: Engine
    alarms: Alarms
    now: Callable[[], datetime]

    def look(self) -> tuple[list[str], list[str]]:
        """Return keys (new, gone)."""
        at = self.now()
        with reading(self.engine) as connection:
            old = [
                one.alarm.key
                for one in alarms.open_alarms(connection, FORGED)
                if at - one.updated_at > STANDS
            ]
        gone = []
        with self.engine.begin() as connection:
            gone = [key for key in old if self.alarms.silence(connection, key, at)]
        return [], gone


def _verb(command: Command) -> str:
    """Return the verb if it is one of ours: nothing else that was forged goes into the log."""
    return command.verb if command.verb in BODIES else "unknown"
