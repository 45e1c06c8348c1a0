"""The first services of a city: those that the settings name, made into accounts once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cases.accounts import Accounts
from cases.messages import Grant
from policies.scopes import EVERYWHERE
from yichuang.embedded.nats import public_key
from yichuang.services import CITY_ONLINE, CITY_SIGNALS, CITY_SUGGESTIONS, INTAKE, SIGNALS
from yichuang.settings import Settings

BACKFILL = "service_backfill"
OFFICE = "zxb"
"""Department that suggestions are filed for, as their matter says; a test holds both together."""


def seed_services(settings: Settings, accounts: Accounts, at: datetime) -> Sequence[str]:
    """Make an account of each NATS user of the settings that has none; return their names.

    Afterwards the account decides, not the settings: what is taken away there stays away.
    """
    made = []
    for name, departments in settings.nats_integrators.items():
        roles = [INTAKE, SIGNALS] + ([BACKFILL] if name in settings.nats_backfillers else [])
        grants = [Grant(role=role, department=where) for role in roles for where in departments]
        if accounts.seed_service(name, grants, public_key(settings, name), at):
            made.append(name)
    return made


def seed_city(accounts: Accounts, at: datetime) -> bool:
    """Make the accounts in whose name the city's own doors order signals and file suggestions.

    Each once; return whether that for signals is new.
    """
    held = [Grant(role=INTAKE, department=OFFICE)]
    accounts.seed_service(CITY_SUGGESTIONS, held, "", at)
    online = [Grant(role=INTAKE, department=EVERYWHERE)]
    accounts.seed_service(CITY_ONLINE, online, "", at)
    return accounts.seed_service(CITY_SIGNALS, [Grant(role=SIGNALS, department="*")], "", at)
