"""Where this installation's keys lie, and how each process gets just those that are its own.

<keys>/master.key            32 bytes, or those wrapped by a device: wraps the subjects' keys,
                             seals Temporal's payloads
<keys>/master.key.1 …        older ones, the highest number the youngest: open, never seal
<keys>/master.key.next       a key that is about to become the current one
<keys>/pepper.key            32 bytes: pseudonyms and printed codes; never changes
<keys>/warrants/<door>.key   Ed25519, one per door (see `ISSUERS`); `.key.pub` beside it
<keys>/webhooks.key          Ed25519: signs what goes to departments' systems; `.key.pub` beside it
<keys>/log.vkey              the log's public key

<keys> is the folder of the master key.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.masters import MasterKeys, key_id
from audit.signing_pkcs11 import TokenUnusable
from audit.wrapping_pkcs11 import TokenWrapper
from policies.warrants import WarrantSigner, create_key, load_private, load_public, public_path
from yichuang.settings import Settings

ISSUERS = ("web", "gateway", "signals", "worker")
KEY_BYTES = 32
WRAPPED = b"YK\x01\x00"
"""What the file of a wrapped master key begins with; what a device wrapped follows."""
WRAPPED_BYTES = len(WRAPPED) + KEY_BYTES + 8
"""RFC 3394 makes a key eight bytes longer."""

_log = logging.getLogger("yichuang.keyring")


class KeyMissing(Exception):
    """A key is not there, not whole or open to others; the text says what to do."""


def master_keys(settings: Settings) -> tuple[bytes, ...]:
    """Return the master keys, the current one first, then from the youngest to the oldest.

    Raises `KeyMissing`.
    """
    # The current one first: at a rotation the older name is there before the key changes.
    current = _master(settings, settings.master_key_path)
    older = (_master(settings, path) for path in older_paths(settings))
    return tuple(dict.fromkeys((current, *older)))


def _master(settings: Settings, path: Path) -> bytes:
    """Return the master key in a file, unwrapped by the device that wrapped it."""
    content = _content(path)
    if not content.startswith(WRAPPED):
        return _secret(path)
    if not settings.master_key_wrap:
        raise KeyMissing(f"密钥 {path} 由密码设备包裹，请设 YICHUANG_MASTER_KEY_WRAP")
    try:
        return _unwrapped(settings.master_key_wrap, settings.secrets_folder, content)
    except TokenUnusable as unusable:
        raise KeyMissing(f"密码设备打不开主密钥 {path}：{unusable}") from unusable


@lru_cache(maxsize=64)
def _unwrapped(spec: str, folder: Path, content: bytes) -> bytes:
    # A process asks the device once for each file, not at each look.
    key = TokenWrapper.parse(spec, folder).unwrap(content[len(WRAPPED) :])
    if len(key) != KEY_BYTES:
        raise TokenUnusable(f"what was unwrapped has {len(key)} bytes, not {KEY_BYTES}")
    return key


def _stored(settings: Settings, key: bytes) -> bytes:
    """Return what stands in the file of a master key: itself, or wrapped where there is a device.

    Raises `KeyMissing`.
    """
    if not settings.master_key_wrap:
        return key
    try:
        wrapper = TokenWrapper.parse(settings.master_key_wrap, settings.secrets_folder)
        wrapped = wrapper.wrap(key)
        if wrapper.unwrap(wrapped) != key:
            raise TokenUnusable("the device does not give back what it wrapped")
    except TokenUnusable as unusable:
        raise KeyMissing(f"密码设备包裹不了主密钥：{unusable}") from unusable
    return WRAPPED + wrapped


def wrap_masters(settings: Settings) -> int:
    """Let the device wrap every master key that lies in the clear; return how many those were.

    Raises `KeyMissing`, also without a device.
    """
    if not settings.master_key_wrap:
        raise KeyMissing("没有密码设备：请设 YICHUANG_MASTER_KEY_WRAP")
    done = 0
    with _alone(settings.secrets_folder):
        for path in (*older_paths(settings), settings.master_key_path):
            if _content(path).startswith(WRAPPED):
                continue
            times = path.stat()
            fresh = path.with_name(f".{path.name}.new")
            fresh.unlink(missing_ok=True)
            _write_secret(fresh, _stored(settings, _secret(path)))
            os.utime(fresh, ns=(times.st_atime_ns, times.st_mtime_ns))  # since when it is older
            os.replace(fresh, path)
            _sync(path.parent)
            done += 1
    return done


def masters(settings: Settings) -> MasterKeys:
    """Return the master keys as they stand from second to second. Raises `KeyMissing`."""
    last = master_keys(settings)

    def read() -> Sequence[bytes]:
        nonlocal last
        try:
            last = master_keys(settings)
        except (KeyMissing, OSError) as away:
            _log.warning("master keys cannot be read now, the known ones go on: %s", away)
        return last

    return MasterKeys(read)


def older_paths(settings: Settings) -> list[Path]:
    """Return the files of older master keys, the youngest first."""
    path = settings.master_key_path
    return sorted(path.parent.glob(f"{path.name}.[0-9]*"), key=_number, reverse=True)


def _number(path: Path) -> int:
    return int(path.suffix[1:])


def rotate_master(settings: Settings, announce: Callable[[bytes], None]) -> tuple[bytes, bytes]:
    """Make a new master key the current one; the one before goes on opening. Returns both ids,
    the new one first.

    `announce(new key)` is told before the key counts, and nothing changes when it raises. Cut short
    anywhere, the next call goes on with the same new key. Raises `KeyMissing`.
    """
    path = settings.master_key_path
    with _alone(path.parent):
        fresh = path.with_name(f"{path.name}.next")
        if fresh.exists() and not _is_whole(fresh):  # cut short as it was made: it sealed nothing
            fresh.unlink()
        if not fresh.exists():
            _create_secret(fresh, _stored(settings, secrets.token_bytes(KEY_BYTES)))
        new, old = _master(settings, fresh), _master(settings, path)
        announce(new)
        if old not in [_master(settings, one) for one in older_paths(settings)]:
            _keep(path, _content(path), max(map(_number, older_paths(settings)), default=0) + 1)
        os.replace(fresh, path)
        _sync(path.parent)
    return key_id(new), key_id(old)


def used_until(settings: Settings, id: bytes) -> datetime:
    """Return until when an older master key sealed. Raises `LookupError` for none of this id.

    It is the time of its file; copied by a tool that keeps no times it is later, never earlier.
    """
    return datetime.fromtimestamp(_older(settings, id).stat().st_mtime, UTC)


def destroy_master(settings: Settings, id: bytes) -> None:
    """Destroy an older master key for good. Raises `LookupError` for none of this id."""
    with _alone(settings.secrets_folder):
        path = _older(settings, id)
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        _sync(path.parent)


def _older(settings: Settings, id: bytes) -> Path:
    current = _master(settings, settings.master_key_path)
    for path in older_paths(settings):
        key = _master(settings, path)
        if key_id(key) == id and key != current:
            return path
    raise LookupError(id.hex())


def _is_whole(path: Path) -> bool:
    content = path.read_bytes()
    return len(content) == (WRAPPED_BYTES if content.startswith(WRAPPED) else KEY_BYTES)


def _keep(path: Path, key: bytes, number: int) -> None:
    whole = path.with_name(f"{path.name}.{number}")
    fresh = path.with_name(f".{whole.name}.new")
    fresh.unlink(missing_ok=True)
    _write_secret(fresh, key)
    os.replace(fresh, whole)
    _sync(path.parent)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder of the keys against another process that changes them."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def pepper(settings: Settings) -> bytes:
    """Return the pepper of pseudonyms. Raises `KeyMissing`."""
    return _secret(pepper_path(settings))


def pepper_path(settings: Settings) -> Path:
    return settings.secrets_folder / "pepper.key"


def warrant_path(settings: Settings, issuer: str) -> Path:
    return settings.secrets_folder / "warrants" / f"{issuer}.key"


def webhook_key_path(settings: Settings) -> Path:
    return settings.secrets_folder / "webhooks.key"


def webhook_key(settings: Settings) -> Ed25519PrivateKey:
    """Return what signs webhooks. Raises `KeyMissing`, `policies.warrants.KeyUnsafe`."""
    path = webhook_key_path(settings)
    if not path.is_file():
        raise KeyMissing(f"没有系统推送的签名密钥 {path}：先运行 bin/yichuang init")
    return load_private(path)


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
            key = secrets.token_bytes(KEY_BYTES)
            is_master = path == settings.master_key_path
            _create_secret(path, _stored(settings, key) if is_master else key)
            made.append(path)
    folder = warrant_path(settings, "web").parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pens = [warrant_path(settings, issuer) for issuer in ISSUERS]
    for path in (*pens, webhook_key_path(settings)):
        if not path.exists():
            create_key(path)
            made.append(path)
    return made


def _secret(path: Path) -> bytes:
    key = _content(path)
    if len(key) != KEY_BYTES:
        raise KeyMissing(f"密钥 {path} 应为 {KEY_BYTES} 字节，实为 {len(key)} 字节")
    return key


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        mode = path.stat().st_mode
    except FileNotFoundError as missing:
        raise KeyMissing(f"没有密钥 {path}：先运行 bin/yichuang init") from missing
    if stat.S_IMODE(mode) & 0o077:
        raise KeyMissing(f"密钥 {path} 他人可读，请先 chmod 600")
    return content


def _create_secret(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_secret(path, content)
    _sync(path.parent)  # the name, too, must survive a power cut


def _write_secret(path: Path, key: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, key)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
