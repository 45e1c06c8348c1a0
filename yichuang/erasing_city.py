"""Erasing in this city: the stores, keys and servers of its settings, joined."""

from __future__ import annotations

from datetime import UTC, datetime

from cases.database import open_engine
from catalogue.archive import load_archive
from yichuang import joining
from yichuang.erasing import Planner, Register, Stores
from yichuang.settings import Settings


def now() -> datetime:
    return datetime.now(UTC)


def stores_of(settings: Settings) -> Stores:
    """Open every store that holds copies, to write. Raises `KeyMissing`."""
    engines = {
        name: open_engine(settings.store_url(name))
        for name in ("cases", "web", "gateway", "log", "keys")
    }
    return Stores(
        cases=engines["cases"],
        web=engines["web"],
        gateway=engines["gateway"],
        log=engines["log"],
        keys=engines["keys"],
        vault=joining.vault_of(settings, engines["keys"]),
        gateway_vault=joining.vault_of(settings, engines["gateway"]),
    )


def planner_of(settings: Settings, stores: Stores) -> Planner:
    return Planner(stores.cases, load_archive(), settings.zone, now)


def register_of(settings: Settings, stores: Stores) -> Register:
    """Return the orders of people. Raises `KeyMissing`."""
    sealer = joining.sealer_of(settings, stores.vault)
    return Register(stores.web, planner_of(settings, stores), sealer.who, now)
