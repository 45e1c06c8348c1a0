"""Warrants: permission for exactly one command, signed by the door that asked policy for it.

Ed25519 (RFC 8032) over the canonical JSON of every field but the signature.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from cases.messages import OF_LAW, Command, Retimed, TimerFired, Warrant

WARRANT_LIFE = timedelta(minutes=5)
"""How long a door's permission may wait to be admitted: as long as the clocks of two machines may
differ (GB/T 22239-2019 8.1.4.7 as read in domain.md §7: refuse messages skewed by more)."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far in the future a warrant may have been issued by another machine's clock."""

SYSTEM = "system"
LAW_ISSUER = "worker"
"""The only key under which principal `system` acts, and it signs for nobody else."""

WarrantKeys = Mapping[str, Ed25519PublicKey]
"""Issuer (web, gateway, worker) → the public key by which its warrants are known."""


class WarrantInvalid(Exception):
    """The warrant does not cover the command: final. `code` is stable, `reason` is Chinese."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class KeyUnsafe(Exception):
    """A private key file that others may read, or that holds no Ed25519 key."""


class WarrantSigner:
    """The pen of one door. `issuer` is web, gateway or worker."""

    def __init__(self, issuer: str, key: Ed25519PrivateKey) -> None:
        self.issuer = issuer
        self._key = key

    @property
    def public_key(self) -> Ed25519PublicKey:
        return self._key.public_key()

    def sign(self, warrant: Warrant) -> Warrant:
        """Return the warrant with this issuer and its signature; instants become UTC."""
        named = warrant.model_copy(
            update={
                "issuer": self.issuer,
                "issued_at": warrant.issued_at.astimezone(UTC),
                "expires_at": warrant.expires_at.astimezone(UTC),
            }
        )
        signature = base64.b64encode(self._key.sign(_signed_text(named))).decode()
        return named.model_copy(update={"signature": signature})

    def of_law(
        self, command: Command, policy: str, at: datetime, object_type: str = "case"
    ) -> Warrant:
        """Return the warrant of a step that a timer takes: principal `system`, row its article.

        Raises `WarrantInvalid` for any other command, or when this is not the worker's pen.
        """
        if self.issuer != LAW_ISSUER or command.verb not in OF_LAW or command.actor.id != SYSTEM:
            raise WarrantInvalid("not_of_law", "只有工作进程可以凭法条签发系统令")
        body = command.parsed()
        assert isinstance(body, TimerFired | Retimed)
        return self.sign(
            Warrant(
                command_id=command.id,
                command_digest=command.digest(),
                actor=SYSTEM,
                act=command.verb,
                object_type=object_type,
                object_id=command.case_id,
                policy=policy,
                row=body.article,
                issued_at=at,
                expires_at=at + WARRANT_LIFE,
                issuer=self.issuer,
            )
        )


def verify(
    warrant: Warrant | None,
    command: Command,
    keys: WarrantKeys,
    admitted_at: datetime,
    *,
    object_type: str = "case",
    act: str = "",
) -> Warrant:
    """Return the warrant once it is proved to cover exactly this command.

    `object_type` is what the command's object is; `act` what policy was to be asked for, where
    that is not the verb itself.
    `admitted_at` is when the workflow admitted the command; expiry is judged by it, so that a
    command accepted in time settles whenever the worker comes back. Raises `WarrantInvalid`.
    """
    if warrant is None:
        raise WarrantInvalid("warrant_missing", "指令没有许可凭证")
    key = keys.get(warrant.issuer)
    if key is None:
        raise WarrantInvalid("unknown_issuer", f"不认识签发者「{warrant.issuer}」")
    try:
        key.verify(base64.b64decode(warrant.signature, validate=True), _signed_text(warrant))
    except (InvalidSignature, binascii.Error, ValueError) as wrong:
        raise WarrantInvalid("bad_signature", "许可凭证的签名不对：凭证被改动或伪造") from wrong
    _covers(warrant, command, object_type, act or command.verb)
    _in_time(warrant, admitted_at)
    return warrant


def _covers(warrant: Warrant, command: Command, object_type: str, act: str) -> None:
    actor = command.actor
    said = {
        "command_id": (warrant.command_id, command.id),
        "actor": (warrant.actor, actor.id),
        "on_behalf": (warrant.on_behalf, actor.on_behalf),
        "act": (warrant.act, act),
        "object_type": (warrant.object_type, object_type),
        "object_id": (warrant.object_id, command.case_id),
        "command_digest": (warrant.command_digest, command.digest()),
    }
    for name, (warranted, ordered) in said.items():
        if warranted != ordered:
            raise WarrantInvalid(
                "warrant_for_something_else",
                f"许可凭证不是为这条指令签发的：{name} 应为 {warranted!r}，实为 {ordered!r}",
            )
    by_law = (actor.kind == SYSTEM, actor.id == SYSTEM, command.verb in OF_LAW)
    if any(by_law) != all(by_law) or all(by_law) != (warrant.issuer == LAW_ISSUER):
        raise WarrantInvalid("issuer_not_allowed", "系统令只由工作进程签发，工作进程只签发系统令")


def _in_time(warrant: Warrant, admitted_at: datetime) -> None:
    if admitted_at > warrant.expires_at:
        raise WarrantInvalid("warrant_expired", "许可凭证已过期，请用同一指令号重新提交")
    if warrant.issued_at - admitted_at > CLOCK_SKEW:
        raise WarrantInvalid("warrant_from_the_future", "许可凭证的签发时间在将来，请校准时钟")


def _signed_text(warrant: Warrant) -> bytes:
    plain = warrant.model_dump(mode="json", exclude={"signature"})
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


# --- keys ------------------------------------------------------------------------------------


def create_key(path: Path) -> Ed25519PublicKey:
    """Create a key pair: the private key at `path` (0600), the public one at `path` + `.pub`.

    Raises `FileExistsError` rather than replace a key. Both are PEM and on the disk on return.
    """
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _write_new(path, private, 0o600)
    _write_new(public_path(path), public, 0o644)
    return key.public_key()


def public_path(path: Path) -> Path:
    """Return where the public half of a private key file lies."""
    return path.with_name(path.name + ".pub")


def load_private(path: Path) -> Ed25519PrivateKey:
    """Return the private key. Raises `KeyUnsafe` when others may read the file, `OSError`."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyUnsafe(f"{path.name}：他人可读，请先 chmod 600")
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnsafe(f"{path.name}：不是 Ed25519 私钥")
    return key


def load_public(path: Path) -> Ed25519PublicKey:
    """Return the public key of a `.pub` file. Raises `KeyUnsafe`, `OSError`."""
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnsafe(f"{path.name}：不是 Ed25519 公钥")
    return key


def _write_new(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too, must survive a power cut
    finally:
        os.close(folder)
