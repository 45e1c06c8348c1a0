"""Joining: what the roles share is made here, once each, out of the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from activities.indexing import BlindIndex
from activities.sealing import Sealer
from audit.vault import SubjectVault
from cases.database import open_engine
from cases.queries import Queries
from catalogue.load import Catalogue
from policies.access import Access
from yichuang.holding import Holding
from yichuang.keyring import masters, pepper, warrant_keys, warrant_signer
from yichuang.released import LiveCalendars, Released, shipped
from yichuang.settings import SettingMissing, Settings
from yichuang.unsealing import opener


def vault_of(
    settings: Settings,
    keys: Engine | None = None,
    making: Callable[[Sequence[str]], None] | None = None,
    cached: int = 10_000,
) -> SubjectVault:
    """Return the vault over the keys store, or another store with keys of its own.

    `making` records what keys it makes; `cached` of them stay in memory for a minute. Raises
    `KeyMissing`.
    """
    engine = keys or open_engine(settings.store_url("keys"))
    national = settings.sealing == "sm4-gcm"
    return SubjectVault(engine, masters(settings), cached=cached, making=making, national=national)


def sealer_of(settings: Settings, vault: SubjectVault) -> Sealer:
    return Sealer(vault, pepper(settings))


def catalogue() -> Catalogue:
    """Return the catalogue as shipped with this version: law and city, and the register's seed."""
    return shipped()


def released_of(settings: Settings, cases: Engine | None = None) -> Released:
    """Return the versions in force, as this process reads them from the cases store."""
    return Released(cases or open_engine(settings.store_url("cases"), read_only=True))


def departments() -> dict[str, str]:
    """Return each department's code with its parent's, or an empty string."""
    return {one.code: one.parent for one in catalogue().city.departments}


def access_of(settings: Settings, issuer: str, released: Released | None = None) -> Access:
    """Return policy in force for one door, which signs its own warrants.

    Raises `NothingReleased` before the first `init`.
    """
    policy = (released or released_of(settings)).policy
    return Access(
        policy(),
        departments(),
        warrant_signer(settings, issuer),
        policy,
        holding=_holding(settings),
        names={one.code: one.short or one.name for one in catalogue().city.departments},
    )


def _holding(settings: Settings) -> Holding | None:
    """Return who counts the people; None in a process that has no way to the accounts."""
    try:
        return Holding(open_engine(settings.store_url("web"), read_only=True))
    except SettingMissing:
        return None


def queries_of(
    settings: Settings,
    sealer: Sealer,
    *,
    cases: Engine | None = None,
    released: Released | None = None,
) -> Queries:
    """Return the readers of the cases store."""
    engine = cases or open_engine(settings.store_url("cases"), read_only=True)
    calendars = LiveCalendars((released or Released(engine)).catalogue)
    index = BlindIndex(engine, sealer)
    return Queries(engine, opener(sealer.vault), index.sought, calendars)


__all__ = [
    "access_of",
    "catalogue",
    "departments",
    "queries_of",
    "released_of",
    "sealer_of",
    "vault_of",
    "warrant_keys",
    "warrant_signer",
]
