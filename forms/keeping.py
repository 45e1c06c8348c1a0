"""Pages for those who keep the house running: what waits at its doors, and its backups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final

from starlette.responses import Response

from forms.account_ports import AccountRow
from forms.keeping_ports import BackupTold, EventsOut, NoticesOut
from forms.letters import STATES
from forms.process_words import span_word
from forms.rendering import Page
from forms.role_words import role_names
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

CHANNELS: Final = {
    "in_app": N_("站内"),
    "email": N_("电子邮件"),
    "sms": N_("短信"),
    "im": N_("即时消息"),
    "webhook": N_("业务系统"),
}
DELIVERIES: Final = {
    "queued": N_("等待发送"),
    "sent": N_("已交通道"),
    "delivered": N_("已送到"),
    "failed": N_("未送到"),
}
BACKUP_ACTS: Final = {"backup_made": N_("备份"), "backup_restored": N_("恢复")}
LATE_SECONDS: Final = 60
"""An event that waits so long is told in red: the relay looks every fifth of a second."""


@dataclass(frozen=True)
class ServiceRow:
    """One system that sends or asks."""

    account: AccountRow
    department: str
    roles: str
    ready: bool
    """It has a key of NATS or a token of REST, and is active."""


@dataclass(frozen=True)
class NoticeRow:
    """Notices of one channel in one state, in words."""

    told: NoticesOut
    channel: str
    state: str


@dataclass(frozen=True)
class IntegrationsPage(Page):
    """What comes in and goes out."""

    template: ClassVar[str] = "integrations.html"

    letters: Annotated[Mapping[str, tuple[str, int]], "State of dead letters → word, count."]
    events: Annotated[EventsOut, "Events on their way to NATS."]
    waited: Annotated[str, "How long the oldest has waited; empty: none waits."]
    late: Annotated[bool, "It has waited too long."]
    notices: Annotated[tuple[NoticeRow, ...], "Notices by channel and state."]
    services: Annotated[tuple[ServiceRow, ...], "Systems with an account."]


@dataclass(frozen=True)
class BackupRow:
    """One backup or restore."""

    told: BackupTold
    act: str


@dataclass(frozen=True)
class BackupsPage(Page):
    """The backups that the log tells of."""

    template: ClassVar[str] = "backups.html"

    rows: Annotated[tuple[BackupRow, ...], "The newest first."]
    age: Annotated[str, "How old the newest backup is; empty: there is none."]
    restored: Annotated[bool, "The newest is a restore: what came after its instant is gone."]
    may_read: Annotated[bool, "The reader may open the entries."]


async def integrations(visit: Visit) -> Response:
    """What comes in and goes out, and what of it waits."""
    say = visit.say
    letters = {}
    for code, words in STATES.items():
        _, n = await visit.ports.dead_letters.listing(code, 1)
        letters[code] = (say(words), n)
    events = await visit.ask(visit.ports.keeping.events_out)
    notices = await visit.ask(visit.ports.keeping.notices_out)
    accounts = await visit.ask(visit.ports.accounts.listing)
    departments = visit.ports.catalogue.departments(visit.language)
    roles = role_names(visit)
    waited = (datetime.now(UTC) - events.oldest).total_seconds() if events.oldest else 0.0
    page = IntegrationsPage(
        title=say(N_("系统对接")),
        letters=letters,
        events=events,
        waited=span_word(visit, waited) if events.oldest else "",
        late=waited > LATE_SECONDS,
        notices=tuple(
            NoticeRow(
                one,
                say(CHANNELS.get(one.channel, one.channel)),
                say(DELIVERIES.get(one.state, one.state)),
            )
            for one in notices
        ),
        services=tuple(
            ServiceRow(
                one,
                departments.get(one.department, one.department),
                "、".join(sorted({roles.get(g.role, g.role) for g in one.grants})),
                one.state == "active" and bool(one.nkey or one.token_until),
            )
            for one in accounts
            if one.kind == "service"
        ),
    )
    return await show(visit, page)


async def backups(visit: Visit) -> Response:
    """The backups and restores that the log tells of."""
    found = await visit.ask(visit.ports.keeping.backups)
    made = next((one for one in found if one.act == "backup_made"), None)
    verdict = await visit.ask(visit.ports.access.may, visit.actor, "audit_read", "audit")
    page = BackupsPage(
        title=visit.say(N_("备份")),
        rows=tuple(BackupRow(one, visit.say(BACKUP_ACTS[one.act])) for one in found),
        age=span_word(visit, (datetime.now(UTC) - made.at).total_seconds()) if made else "",
        restored=bool(found) and found[0].act == "backup_restored",
        may_read=verdict.allowed,
    )
    return await show(visit, page)
