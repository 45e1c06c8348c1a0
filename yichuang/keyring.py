"""Where this installation's keys lie, and how each process gets just those that are its own.

<keys>/master.key            32 bytes: wraps the subjects' keys, seals Temporal's payloads
<keys>/master.key.1 …        older ones: open, never seal
<keys>/pepper.key            32 bytes: pseudonyms and printed codes; never changes
<keys>/warrants/<door>.key   Ed25519, one per door (web, gateway, worker); `.key.pub` beside it
<keys>/log.vkey              the log's public key

<keys> is the folder of the master key.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from policies.warrants import WarrantSigner, create_key, load_private, load_public, public_path
from yichuang.settings import Settings

ISSUERS = ("web", "gateway", "worker")
KEY_BYTES = 32


class KeyMissing(Exception):
    """A key is not there, not whole or open to others; the text says what to do."""


def master_keys(settings: Settings) -> tuple[bytes, ...]:
    """Return the master keys, the current one first. Raises `KeyMissing`."""
    path = settings.master_key_path
    older = sorted(path.parent.glob(f"{path.name}.[0-9]*"))
    return tuple(_secret(one) for one in (path, *older))


def pepper(settings: Settings) -> bytes:
    """Return the pepper of pseudonyms. Raises `KeyMissing`."""
    return _secret(pepper_path(settings))


def pepper_path(settings: Settings) -> Path:
    return settings.secrets_folder / "pepper.key"


def warrant_path(settings: Settings, issuer: str) -> Path:
    return settings.secrets_folder / "warrants" / f"{issuer}.key"


def log_vkey_path(settings: Settings) -> Path:
    """Return where the log's public key lies (a C2SP signed-note verifier key); its private key
    lies with the signer alone."""
    return settings.secrets_folder / "log.vkey"


def warrant_signer(settings: Settings, issuer: str) -> WarrantSigner:
    """Return the pen of a door. Raises `KeyMissing`, `policies.warrants.KeyUnsafe`."""
    path = warrant_path(settings, issuer)
    if not path.is_file():
        raise KeyMissing(f"没有签发密钥 {path}：先运行 bin/yichuang init")
    return WarrantSigner(issuer, load_private(path))


def warrant_keys(settings: Settings) -> dict[str, Ed25519PublicKey]:
    """Return the public key of every door. Raises `KeyMissing`."""
    found = {}
    for issuer in ISSUERS:
        path = public_path(warrant_path(settings, issuer))
        if not path.is_file():
            raise KeyMissing(f"没有公钥 {path}：先运行 bin/yichuang init")
        found[issuer] = load_public(path)
    return found


def create_missing_keys(settings: Settings) -> list[Path]:
    """Create every key that is not there and return their paths; those that are stay."""
    made = []
    for path in (settings.master_key_path, pepper_path(settings)):
        if not path.exists():
            _create_secret(path)
            made.append(path)
    folder = warrant_path(settings, "web").parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for issuer in ISSUERS:
        path = warrant_path(settings, issuer)
        if not path.exists():
            create_key(path)
            made.append(path)
    return made


def _secret(path: Path) -> bytes:
    try:
        key = path.read_bytes()
        mode = path.stat().st_mode
    except FileNotFoundError as missing:
        raise KeyMissing(f"没有密钥 {path}：先运行 bin/yichuang init") from missing
    if len(key) != KEY_BYTES:
        raise KeyMissing(f"密钥 {path} 应为 {KEY_BYTES} 字节，实为 {len(key)} 字节")
    if stat.S_IMODE(mode) & 0o077:
        raise KeyMissing(f"密钥 {path} 他人可读，请先 chmod 600")
    return key


def _create_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(KEY_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too, must survive a power cut
    finally:
        os.close(folder)
