"""What a signer remembers: the last head it signed, its keys and the sizes each may sign.

One file, replaced as a whole and on the disk before anything follows from it, so that a crash
finds either the old memory or the new one. A memory of a signer that never changed its key or its
shard is spelled as it always was: origin, size, root.
"""

import base64
import fcntl
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from audit.signing import sync_folder


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The last head signed: the log's name, its size, its root (32 bytes)."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key and the sizes of this shard that it signs, both ends included.

    `backend` is a line for `audit.signing.open_key`. `revoked` is the size at which verifiers stop
    to trust it, once it is compromised: at most the size it had signed.
    """

    backend: str
    vkey: str
    first: int = 0
    last: int | None = None
    revoked: int | None = None

    def signs(self, size: int) -> bool:
        """Return whether a head of this size bears its signature."""
        return self.first <= size and (self.last is None or size <= self.last)


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything a signer must not forget. No `keys` means the one it was founded with.

    `pending` is a key made, and known to nobody yet as the log's; `opened` the leaf hash (hex) of
    the entry that opened this shard.
    """

    head: SignedHead
    keys: tuple[HeldKey, ...] = ()
    pending: HeldKey | None = None
    opened: str | None = None

    def at(self, head: SignedHead) -> "Memory":
        """Return the memory after that head."""
        return replace(self, head=head)

    def spelled(self) -> bytes:
        """Return the file's content."""
        said: dict[str, Any] = {
            "origin": self.head.origin,
            "size": self.head.size,
            "root": base64.b64encode(self.head.root).decode(),
        }
        if self.keys or self.pending or self.opened:
            said["keys"] = [_said(key) for key in self.keys]
            said["pending"] = _said(self.pending) if self.pending else None
            said["opened"] = self.opened
        return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def read_memory(path: Path) -> Memory:
    """Return what the file says. Raises `OSError`, `ValueError`, `KeyError`, `TypeError`."""
    content = path.read_bytes()
    stored = json.loads(content)
    root = base64.b64decode(stored["root"], validate=True)
    head = SignedHead(str(stored["origin"]), int(stored["size"]), root)
    keys = tuple(HeldKey(**key) for key in stored.get("keys", ()))
    pending = stored.get("pending")
    memory = Memory(head, keys, HeldKey(**pending) if pending else None, stored.get("opened"))
    if content != memory.spelled():
        raise ValueError("the memory is not spelled as it was written")
    return memory


@dataclass(slots=True)
class MemoryFile:
    """The file, held by one process at a time."""

    path: Path
    _lock_file: BinaryIO = field(repr=False)

    @classmethod
    def claim(cls, path: Path) -> "MemoryFile":
        """Take it. Raises `FileNotFoundError`, and `BlockingIOError` if another process has it.

        The lock stands beside the memory, which is replaced at each signature.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there")
        lock_file = open(path.with_name(path.name + ".lock"), "ab")
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock_file.close()
            raise
        return cls(path, lock_file)

    def replace(self, memory: Memory) -> None:
        """Put the memory on the disk; it is there when this returns."""
        fresh = self.path.with_name(self.path.name + ".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(memory.spelled())
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self.path)
        sync_folder(self.path.parent)

    def release(self) -> None:
        """Let another process have it."""
        self._lock_file.close()


def _said(key: HeldKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in key.__slots__}
