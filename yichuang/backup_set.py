"""What a backup is: parts in one folder, and a signed list of them that is written last."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from yichuang.backup_seal import BackupKey, PartDamaged, opened

FORMAT: Final = "yichuang-backup/v1"
LIST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"


class NoBackup(Exception):
    """The folder holds no finished backup, or one that cannot be read; the text says why."""


class WrongSecret(Exception):
    """The passphrase or key file is not the one of this backup."""


@dataclass(frozen=True)
class Part:
    """One file. `kind`: store, temporal, archive (a closed shard of the log), folder (small files
    as tar) or stream; `name` says of what. `sha256` is of the sealed file."""

    kind: str
    name: str
    file: str
    bytes: int
    sha256: str
    revision: str = ""
    """Of a store: which migration it has reached."""

    @property
    def bound(self) -> str:
        """What stands for the part in its own sealing."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Manifest:
    """The list: whose backup it is, of which instant, where log and streams stood, the parts."""

    city: str
    origin: str
    profile: str
    at: str
    """ISO 8601, UTC: every part is of this instant, the streams but the queue of just after it."""
    held_ms: int
    """How long writers waited for it."""
    salt: str
    check: str
    size: int
    """Entries of the log's open shard."""
    checkpoint: str
    """Its newest signed head; empty before the first."""
    masters: tuple[str, ...]
    """Ids of the master keys, the current one first."""
    parts: tuple[Part, ...] = field(default_factory=tuple)
    format: str = FORMAT

    def spelled(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode() + b"\n"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.spelled()).hexdigest()

    def key(self, secret: bytes) -> BackupKey:
        """Return the key of the parts. Raises `WrongSecret`, `SecretTooWeak`."""
        key = BackupKey.of(secret, base64.b64decode(self.salt))
        if key.check != self.check:
            raise WrongSecret
        return key

    def part(self, bound: str) -> Part | None:
        return next((one for one in self.parts if one.bound == bound), None)


def write_list(folder: Path, manifest: Manifest, pen: Ed25519PrivateKey) -> None:
    """Finish a backup: the signature first, then the list, whole. Raises `OSError`."""
    text = manifest.spelled()
    public = pen.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signed = {"key": public.hex(), "signature": pen.sign(_bound(text)).hex()}
    for name, content in ((SIGNATURE, json.dumps(signed).encode() + b"\n"), (LIST, text)):
        fresh = folder / f".{name}.new"
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / name)
        sync(folder)


def read_list(folder: Path) -> tuple[Manifest, str]:
    """Return the list and the public key (hex) under which it is signed. Raises `NoBackup`."""
    try:
        text = (folder / LIST).read_bytes()
        said: Mapping[str, Any] = json.loads(text)
        if said.get("format") != FORMAT:
            raise NoBackup(f"{folder} 的格式是 {said.get('format')}，本程序只认 {FORMAT}")
        parts = tuple(Part(**one) for one in said["parts"])
        manifest = Manifest(**{**said, "masters": tuple(said["masters"]), "parts": parts})
        signed = json.loads((folder / SIGNATURE).read_bytes())
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed["key"]))
        key.verify(bytes.fromhex(signed["signature"]), _bound(text))
    except FileNotFoundError as missing:
        raise NoBackup(
            f"{folder} 里没有做完的备份（缺 {Path(missing.filename).name}）"
        ) from missing
    except InvalidSignature as forged:
        raise NoBackup(f"{folder} 的清单与签名不符：被改动过") from forged
    except (ValueError, KeyError, TypeError, OSError) as broken:
        raise NoBackup(f"{folder} 的清单读不懂：{broken}") from broken
    return manifest, signed["key"]


def faults(folder: Path, manifest: Manifest) -> list[str]:
    """Return what is wrong with the files of a backup, one sentence each. Raises `OSError`."""
    found = []
    for part in manifest.parts:
        path = folder / part.file
        if Path(part.file).name != part.file or not path.is_file():
            found.append(f"缺 {part.file}（{part.bound}）")
        elif path.stat().st_size != part.bytes or digest_of(path) != part.sha256:
            found.append(f"{part.file}（{part.bound}）被改动过或不完整")
    known = {LIST, SIGNATURE, *(one.file for one in manifest.parts)}
    found += [f"多出 {one.name}" for one in sorted(folder.iterdir()) if one.name not in known]
    return found


def unsealed_faults(folder: Path, manifest: Manifest, key: BackupKey) -> list[str]:
    """Return which parts do not open to their end under the key."""
    found = []
    for part in manifest.parts:
        try:
            for _ in opened(key, part.bound, folder / part.file):
                pass
        except PartDamaged as damaged:
            found.append(str(damaged))
    return found


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(folder: Path) -> None:
    """Let the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _bound(text: bytes) -> bytes:
    return FORMAT.encode() + b"\x00" + text
