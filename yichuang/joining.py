"""Joining: what the roles share is made here, once each, out of the settings."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from sqlalchemy import Engine

from activities.sealing import Sealer
from audit.vault import SubjectVault
from cases.database import open_engine
from cases.queries import Queries
from catalogue.load import Catalogue, load_catalogue
from policies.access import Access
from policies.policy import load_policy
from yichuang.keyring import master_keys, pepper, warrant_keys, warrant_signer
from yichuang.settings import Settings
from yichuang.unsealing import opener


def log_vkey_path(settings: Settings) -> Path:
    """Return where the log's public key lies; its private key lies with the signer alone."""
    return settings.keys_folder / "log.vkey"


def vault_of(settings: Settings, keys: Engine | None = None) -> SubjectVault:
    """Return the vault over the keys store. Raises `KeyMissing`."""
    engine = keys or open_engine(settings.store_url("keys"))
    return SubjectVault(engine, master_keys(settings)[0])


def sealer_of(settings: Settings, vault: SubjectVault) -> Sealer:
    return Sealer(vault, pepper(settings))


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """Return the catalogue as shipped with this version, read once."""
    return load_catalogue()


def departments() -> dict[str, str]:
    """Return each department's code with its parent's, or an empty string."""
    return {one.code: one.parent for one in catalogue().city.departments}


def access_of(settings: Settings, issuer: str) -> Access:
    """Return policy for one door, which signs its own warrants."""
    return Access(load_policy(), departments(), warrant_signer(settings, issuer))


def queries_of(settings: Settings, sealer: Sealer, *, cases: Engine | None = None) -> Queries:
    """Return the readers of the cases store."""
    engine = cases or open_engine(settings.store_url("cases"), read_only=True)
    return Queries(engine, opener(sealer.vault), sealer.name_mac, catalogue().calendars)


__all__ = [
    "access_of",
    "catalogue",
    "departments",
    "log_vkey_path",
    "queries_of",
    "sealer_of",
    "vault_of",
    "warrant_keys",
    "warrant_signer",
]
