"""Joining: what the roles share is made here, once each, out of the settings.

Where keys lie: `<keys>/master.key` (32 bytes, seals and wraps), `<keys>/pepper.key` (32 bytes,
pseudonyms), `<keys>/warrants/<issuer>.key` and `.pub` (Ed25519, one per door and the worker's),
`<keys>/log.vkey` (the log's public key; its private key lies with the signer alone).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine

from activities.sealing import Sealer
from audit.vault import SubjectVault
from cases.database import open_engine
from cases.queries import Queries
from catalogue.load import Catalogue, load_catalogue
from policies.access import Access
from policies.policy import load_policy
from policies.warrants import WarrantSigner, load_private, load_public, public_path
from yichuang.settings import Settings
from yichuang.temporal import KeyMissing, master_keys
from yichuang.unsealing import opener

ISSUERS = ("web", "gateway", "worker")
"""Who may sign warrants: the doors for their users, the worker for the law's own steps."""

SECRET_BYTES = 32


def pepper_path(settings: Settings) -> Path:
    return settings.keys_folder / "pepper.key"


def warrant_key_path(settings: Settings, issuer: str) -> Path:
    return settings.keys_folder / "warrants" / f"{issuer}.key"


def log_vkey_path(settings: Settings) -> Path:
    return settings.keys_folder / "log.vkey"


def pepper(settings: Settings) -> bytes:
    """Return the secret behind all pseudonyms. Raises `KeyMissing`."""
    path = pepper_path(settings)
    try:
        secret = path.read_bytes()
    except FileNotFoundError as missing:
        raise KeyMissing(f"没有化名密钥 {path}：先运行 bin/yichuang init") from missing
    if len(secret) != SECRET_BYTES:
        raise KeyMissing(f"化名密钥 {path} 应为 {SECRET_BYTES} 字节，实为 {len(secret)} 字节")
    return secret


def vault_of(settings: Settings, keys: Engine | None = None) -> SubjectVault:
    """Return the vault over the keys store. Raises `KeyMissing`."""
    engine = keys or open_engine(settings.store_url("keys"))
    return SubjectVault(engine, master_keys(settings)[0])


def sealer_of(settings: Settings, vault: SubjectVault) -> Sealer:
    return Sealer(vault, pepper(settings))


def warrant_signer(settings: Settings, issuer: str) -> WarrantSigner:
    """Return the signer of one door. Raises policies' `KeyUnsafe`, `FileNotFoundError`."""
    return WarrantSigner(issuer, load_private(warrant_key_path(settings, issuer)))


def warrant_keys(settings: Settings) -> dict[str, Ed25519PublicKey]:
    """Return every issuer's public key, by which the worker tells a true warrant."""
    return {
        issuer: load_public(public_path(warrant_key_path(settings, issuer))) for issuer in ISSUERS
    }


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
