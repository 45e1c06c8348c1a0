"""The names under which messages travel, and the streams that keep them: one place for both.

`cmd.<city>.<dept>.<user>.case.<verb>`  an order; only `<user>` may publish there
`cmd.<city>.<dept>.<user>.payment.request`  a request for money
`cmd.<city>.<dept>.<user>.plan.report`  counts of one of the plan's numbers
`cmd.<city>.<dept>.<user>.fund.use`     what paid money was used for
`cmd.<city>.<dept>.<user>.project.<verb>`   an order of a system to a project
`cmd.<city>.<dept>.<user>.incident.<verb>`  an order of a unit's own system to an incident
`rpl.<city>.<user>.<key>`               the answer to one order, `<key>` = `answer_key(event id)`
`reg.<city>.<dept>.<register>.query`    request and reply, what a department's register knows
`qry.<city>.<user>.<question>`          request and reply, nothing is kept
`evt.<city>.<dept>.case.<kind>`         what has happened, from the outbox
`evt.<city>.<dept>.alarm.<kind>`        an alarm that was raised or cleared, from the outbox
`evt.<city>.<dept>.payment.judged`      a request for money that the rules have judged
`evt.<city>.zhzx.incident.changed`  one step of an incident
`evt.<city>.<dept>.performance.changed`  performance of a project: scored, objected to, confirmed
`evt.<city>.<dept>.fund.changed`        an order to the fund or to a payment has been settled
`evt.<city>.<dept>.project.changed`     one step of a project
`evt.<city>.zhzx.warning.issued`  our own warning issued, adjusted or lifted
`tel.<city>.<dept>.<user>.readings`    what sensors said, up to 1,000 readings a message
`sig.<city>.<user>.<type>.<lane>`       a signal; its lane is its level (`red` …) or `plain`
`ntf.<city>.<channel>`                  a notice for the gateway of text or instant messages
`nrc.<city>.<gateway>`                  what became of one, from that gateway
`dlq.<city>.<user>`                     what could not be taken, with its reason

Reference: reference/peers.md §5 (subjects, JetStream). No personal data stands in a subject.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from cases.incidents.signal import LANES

DAY_SECONDS = 86_400
DEDUPLICATION_SECONDS = 120
"""JetStream's own window for `Nats-Msg-Id`; beyond it the command id in the cases store decides."""

_ORDER = re.compile(
    r"cmd\.(?P<city>[a-z0-9-]+)\.(?P<department>[a-z0-9-]+)\.(?P<user>[a-z0-9-]+)"
    r"\.(?P<thing>case|payment|plan|fund|project|incident)\.(?P<verb>[a-z_]+)"
)


Ordered = Literal["case", "payment", "plan", "fund", "project", "incident"]
"""What is ordered about."""


@dataclass(frozen=True)
class OrderSubject:
    """What a subject says of an order: who sends it, for which department, what is ordered."""

    city: str
    department: str
    user: str
    verb: str
    thing: Ordered = "case"

    def __str__(self) -> str:
        return f"cmd.{self.city}.{self.department}.{self.user}.{self.thing}.{self.verb}"


def parse_order(subject: str) -> OrderSubject | None:
    """Return the parts of a `cmd.…` subject, None when it is not of our form."""
    match = _ORDER.fullmatch(subject)
    return OrderSubject(**match.groupdict()) if match else None  # type: ignore[arg-type]


def sender_of(subject: str) -> str:
    """Return the user whose subject this is, even where the rest of it is not of our form."""
    words = subject.split(".")
    if words[0] == "sig":
        return words[2] if len(words) > 2 else ""
    return words[3] if len(words) > 3 else ""


def answer_key(event_id: str) -> str:
    """Return the last word of the answer's subject: 16 hex digits of SHA-256 of the event's id."""
    return hashlib.sha256(event_id.encode()).hexdigest()[:16]


def answer_subject(city: str, user: str, event_id: str) -> str:
    return f"rpl.{city}.{user}.{answer_key(event_id)}"


def signal_subject(city: str, user: str, type_code: str, lane: str) -> str:
    return f"sig.{city}.{user}.{type_code}.{lane}"


def command_id(user: str, source: str, event_id: str) -> str:
    """Return the command id of a message: the same sender, source and id give the same for ever.

    CloudEvents 1.0.2 §3.1.1: source and id together are unique for each distinct event.
    """
    digest = hashlib.sha256(f"{user}\n{source}\n{event_id}".encode()).hexdigest()
    return f"m:{user}:{digest[:40]}"


STREAMS = (
    # Readings stay for a while after they were taken, so that a store can be filled again from
    # them; a full stream refuses the publisher instead of dropping what nobody has taken yet.
    StreamConfig(
        name="TELE",
        subjects=["tel.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        duplicate_window=DEDUPLICATION_SECONDS,
        max_age=30 * DAY_SECONDS,
        max_bytes=4 * 1024**3,
    ),
    # An order leaves the stream only when it was acknowledged; a full stream refuses the publisher
    # (who then knows) instead of dropping the oldest.
    StreamConfig(
        name="CMD",
        subjects=["cmd.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        duplicate_window=DEDUPLICATION_SECONDS,
        allow_atomic=True,  # several orders of a case, all or none
        max_bytes=8 * 1024**3,
    ),
    # A signal leaves the stream when its row is committed: what people said lies nowhere twice.
    StreamConfig(
        name="SIG",
        subjects=[f"sig.*.*.*.{lane}" for lane in LANES],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        duplicate_window=DEDUPLICATION_SECONDS,
        max_bytes=4 * 1024**3,
    ),
    # A notice bears somebody's telephone number: it lies here for a day at most.
    StreamConfig(
        name="NTF",
        subjects=["ntf.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        duplicate_window=DEDUPLICATION_SECONDS,
        max_age=DAY_SECONDS,
    ),
    StreamConfig(
        name="NRC",
        subjects=["nrc.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=64 * 1024**2,
    ),
    StreamConfig(
        name="RPL",
        subjects=["rpl.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        max_age=30 * DAY_SECONDS,
        allow_direct=True,
    ),
    StreamConfig(
        name="DLQ",
        subjects=["dlq.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        max_age=180 * DAY_SECONDS,
    ),
    StreamConfig(
        name="EVT",
        subjects=["evt.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        duplicate_window=DEDUPLICATION_SECONDS,
        max_age=180 * DAY_SECONDS,
    ),
)


async def declare(js: JetStreamContext, *names: str) -> None:
    """Make the named streams as they stand here, or bring existing ones up to it."""
    for config in STREAMS:
        if config.name not in names:
            continue
        assert config.name is not None
        try:
            await js.stream_info(config.name)
        except NotFoundError:
            await js.add_stream(config)
        else:
            await js.update_stream(config)
