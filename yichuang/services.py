"""Services (业务系统): which account a NATS user is, and what it holds now.

Read through the view `service_principal` of the web store, so that gateway and telemetry see
neither names nor secrets of people. Nothing is believed longer than `FRESH_SECONDS`: a service that
was disabled or regranted is refused within a second.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from types import MappingProxyType

from sqlalchemy import Engine, select

from cases.database import reading
from cases.messages import Actor, Grant
from cases.web_tables import service_principal
from policies.scopes import EVERYWHERE

FRESH_SECONDS = 0.5
INTAKE = "service_intake"
"""The role by which a service takes in for a department; its other roles follow it there."""
PLAN = "service_plan"
"""The role by which a service reports a department's numbers of the plan, and nothing else."""
PROJECT = "service_project"
"""The role by which a department's or an operator's system orders to its projects."""
UNIT = "service_unit"
"""The role by which a unit's own system answers dispatches."""
ORDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        INTAKE: (">",),
        PLAN: ("plan.report",),
        PROJECT: ("project.*", "payment.request", "fund.use"),
        UNIT: ("incident.*",),
    }
)
"""Role → how the subjects end under which a service orders for the department of the grant."""
EVENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {INTAKE: (">",), PROJECT: ("project.changed", "payment.judged", "fund.changed")}
)
"""Role → how the subjects of that department's events end that a service may read."""
SIGNALS = "service_signal"
"""The role by which a service sends signals."""
CITY_SUGGESTIONS = "city-suggestions"
"""The account in whose name the open page files suggestions: it has no key."""
CITY_ONLINE = "city-online"
"""The account in whose name the pages for citizens file and supply: it has no key."""
CITY_SIGNALS = "city-signals"
"""The account in whose name signals of our own doors are ordered: it has no key."""


@dataclass(frozen=True)
class Service:
    """One open service account. `user` is its login and its name in NATS subjects."""

    id: str
    user: str
    grants: tuple[Grant, ...]
    clearance: int
    compartments: tuple[str, ...]
    nkey: str
    """Public nkey; empty: none is registered."""

    @property
    def departments(self) -> tuple[str, ...]:
        """Where it takes in; `*` is everywhere."""
        return tuple(grant.department for grant in self.grants if grant.role == INTAKE)

    @property
    def sends_signals(self) -> bool:
        return any(grant.role == SIGNALS for grant in self.grants)

    @property
    def orders(self) -> tuple[tuple[str, str], ...]:
        """For which department it orders what: pairs of code (`*`: everywhere) and the end of the
        subject."""
        return self._pairs(ORDERS)

    @property
    def events(self) -> tuple[tuple[str, str], ...]:
        """Of which department it reads which events, in the same way."""
        return self._pairs(EVENTS)

    def _pairs(self, ends: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
        found = ((one.department, end) for one in self.grants for end in ends.get(one.role, ()))
        return tuple(dict.fromkeys(found))

    def acts_for(self, department: str) -> bool:
        held = {grant.department for grant in self.grants if grant.role in ORDERS}
        return EVERYWHERE in held or department in held

    def takes_in_for(self, department: str) -> bool:
        return EVERYWHERE in self.departments or department in self.departments

    def actor(self, department: str) -> Actor:
        """Return who acts when it orders for a department."""
        return Actor(
            id=self.id, kind="service", department=department, grants=self.grants,
            clearance=self.clearance, compartments=self.compartments,
        )  # fmt: skip


class Services:
    """The open services. Blocking; safe to share between threads.

    Raises the store's errors where it cannot be read: what is not known is not let in.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._read_at = float("-inf")
        self._known: Mapping[str, Service] = {}

    def find(self, user: str) -> Service | None:
        """Return the service that a NATS user is; None: there is none, or it is disabled."""
        with self._lock:
            if time.monotonic() - self._read_at > FRESH_SECONDS:
                self._known = {one.user: one for one in listing(self._engine)}
                self._read_at = time.monotonic()
            return self._known.get(user)

    def actor(self, user: str, department: str) -> Actor | None:
        """Return who a NATS user is when it orders for a department; None: it may not."""
        found = self.find(user)
        if found is None or not found.acts_for(department):
            return None
        return found.actor(department)

    def sends_signals(self, user: str) -> bool:
        """Whether a NATS user may send signals."""
        found = self.find(user)
        return found is not None and found.sends_signals

    def may_send(self, user: str, department: str) -> bool:
        """Whether a NATS user may send readings for a department: as it takes in for it."""
        found = self.find(user)
        return found is not None and found.takes_in_for(department)


def listing(engine: Engine) -> tuple[Service, ...]:
    """Return every open service, by its NATS user."""
    view = service_principal
    with reading(engine) as connection:
        rows = connection.execute(
            select(view).where(view.c.disabled_at.is_(None)).order_by(view.c.login)
        ).all()
    now = datetime.now(UTC)
    return tuple(
        Service(
            row.id, row.login,
            tuple(Grant(role=role, department=where) for role, where in row.grants),
            row.clearance, tuple(row.compartments), row.nkey,
        )
        for row in rows
        if row.valid_until is None or row.valid_until > now
    )  # fmt: skip


def is_seeded(engine: Engine) -> bool:
    """Whether there is, or ever was, a service: before `init` has made them there is none."""
    with reading(engine) as connection:
        return connection.execute(select(service_principal.c.id).limit(1)).first() is not None
