"""The witness: another owner's program that cosigns the heads of one history of each log, and no
other. It reads no store of the city; it needs `cryptography` and this folder.

Its memory is on disk before a cosignature exists, as the signer's: whatever instant it is killed
at, it never vouches for two histories, nor for a smaller tree after a larger one. Each question is
checked, remembered and signed under one lock, so that several processes may share a folder (the
door serves while a file is cosigned). A log whose memory is gone is unknown, never begun anew.
"""

import base64
import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from audit.merkle import EMPTY_ROOT, SHA256, ProofRefused, TreeHash, verify_extension
from audit.notes import (
    COSIGNATURE,
    SM2,
    Checkpoint,
    NoteInvalid,
    NoteVerifier,
    cosigned_text,
    open_note,
    parse_checkpoint,
    signature_line,
    signature_of,
)
from audit.sm3 import SM3
from audit.witness_wire import Question, parse_question

KEY_FILE: Final = "witness.key"
NAME_FILE: Final = "witness.vkey"
LOCK_FILE: Final = "lock"
LOGS: Final = "logs"
EVIDENCE: Final = "evidence"

MAX_EVIDENCE: Final = 1_000
"""Refused heads that are kept; each is one small file, and one is enough to accuse a log."""

Step = Literal["written", "replaced", "remembered", "signed"]
_HASH = re.compile(r"[0-9a-f]{64}")


class WitnessFounded(Exception):
    """A witness's key, or a log's memory, stands there already; nothing was touched."""


class WitnessNotFounded(Exception):
    """The folder holds no witness, or one that cannot be read. Found it, or mend the path."""


class Refused(Exception):
    """A head is not cosigned; `status` is HTTP's, and 409 carries the `size` last cosigned."""

    def __init__(self, status: int, reason: str, size: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.size = status, reason, size


class LogUnknown(Exception):
    """This witness does not watch a log of that name."""


@dataclass(frozen=True, slots=True)
class WatchedLog:
    """A log, whose heads are believed by these keys, and the head last cosigned (size 0: none).

    `seconds` is that cosignature's time, since 1970; `note` the head with the log's own lines.
    """

    origin: str
    keys: tuple[NoteVerifier, ...]
    size: int = 0
    root: bytes = EMPTY_ROOT
    seconds: int = 0
    note: str = ""

    @property
    def tree(self) -> TreeHash:
        """The hash of its tree: that of its keys' kind, never what a question says."""
        return SM3 if any(key.kind == SM2 for key in self.keys) else SHA256

    def spelled(self) -> bytes:
        """Return the memory's content."""
        said = {
            "origin": self.origin,
            "keys": [key.vkey for key in self.keys],
            "size": self.size,
            "root": base64.b64encode(self.root).decode(),
            "time": self.seconds,
            "note": self.note,
        }
        return json.dumps(said, ensure_ascii=False, indent=1).encode() + b"\n"

    @classmethod
    def parse(cls, content: bytes) -> "WatchedLog":
        """Read a memory. Raises `ValueError`, `KeyError`, `TypeError`."""
        said: Mapping[str, Any] = json.loads(content)
        log = cls(
            str(said["origin"]),
            tuple(NoteVerifier.parse(key) for key in said["keys"]),
            int(said["size"]),
            base64.b64decode(said["root"], validate=True),
            int(said["time"]),
            str(said["note"]),
        )
        if log.spelled() != content:
            raise ValueError("the memory is not spelled as it was written")
        return log


def origin_hash(origin: str) -> str:
    """Return the name under which a log's newest head is asked for; tlog-witness, "Monitor"."""
    return sha256(origin.encode()).hexdigest()


def found_witness(folder: Path, name: str, *, passphrase: bytes | None = None) -> NoteVerifier:
    """Make a key under a name, and return its public half. Raises `WitnessFounded`."""
    if (folder / KEY_FILE).exists() or (folder / NAME_FILE).exists():
        raise WitnessFounded(f"{folder} holds a witness already")
    private = Ed25519PrivateKey.generate()
    verifier = NoteVerifier(name, private.public_key().public_bytes_raw(), COSIGNATURE)
    NoteVerifier.parse(verifier.vkey)  # a name that cannot be read back is refused here
    locked: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    (folder / LOGS).mkdir(parents=True, exist_ok=True, mode=0o700)
    for file, content in ((KEY_FILE, pem), (NAME_FILE, f"{verifier.vkey}\n".encode())):
        _write(folder / file, content, _nothing)
    return verifier


class Witness:
    """Key and memories of one folder. May be used by many threads and processes at once."""

    def __init__(
        self,
        folder: Path,
        *,
        passphrase: bytes | None = None,
        clock: Callable[[], float] = time.time,
        observe: Callable[[Step], None] = lambda _step: None,
    ) -> None:
        """`observe` hears of each step done. Raises `WitnessNotFounded`."""
        self._folder, self._clock, self._observe = folder, clock, observe
        try:
            private = load_pem_private_key((folder / KEY_FILE).read_bytes(), passphrase)
            self.verifier = NoteVerifier.parse((folder / NAME_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError) as error:
            raise WitnessNotFounded(f"{folder}: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise WitnessNotFounded(f"{folder / KEY_FILE} holds no Ed25519 key")
        if self.verifier.public != private.public_key().public_bytes_raw():
            raise WitnessNotFounded(f"{folder}: the public key is not that of the private one")
        self._private = private

    def watch(self, key: NoteVerifier, origin: str | None = None) -> WatchedLog:
        """Begin to watch a log from size 0, or believe a further key of one that is watched.

        `origin` where the log's heads do not begin with the key's name. Raises `NoteInvalid`.
        """
        if key.kind == COSIGNATURE:
            raise NoteInvalid("a witness's key does not sign a log")
        name = origin or key.name
        parse_checkpoint(Checkpoint(name, 0, EMPTY_ROOT).text())
        with self._locked():
            known = self._read(name)
            log = known or WatchedLog(name, ())
            if key not in log.keys:
                if known is not None and (key.kind == SM2) != (known.tree is SM3):
                    raise NoteInvalid(f"a key of another kind of tree than that of {name}")
                log = replace(log, keys=(*log.keys, key))
                if known is None:
                    log = replace(log, root=log.tree.empty_root)
                self._remember(log)
        return log

    def logs(self) -> list[WatchedLog]:
        """Return every log that is watched, with the head last cosigned."""
        found = (path.read_bytes() for path in sorted((self._folder / LOGS).glob("*.json")))
        return [WatchedLog.parse(content) for content in found]

    def evidence(self) -> list[Path]:
        """Return the kept questions whose heads a trusted key signed and which fit no history."""
        return sorted((self._folder / EVIDENCE).glob("*.txt"))

    def cosign(self, body: bytes) -> str:
        """Return the line, without LF, for a question of add-checkpoint.

        Raises `Refused`; `OSError` where the memory cannot be written (nothing was signed).
        """
        try:
            question = parse_question(body)
            head = parse_checkpoint(_text_of(question.note))
        except NoteInvalid as error:
            raise Refused(400, str(error)) from error
        with self._locked():
            log = self._read(head.origin)
            if log is None:
                raise Refused(404, "unknown log")
            note = _own_note(question.note, log)
            self._judge(log, question, head, body)
            seconds = self._now(log)
            log = replace(log, size=head.size, root=head.root, seconds=seconds, note=note)
            self._remember(log)
            line = self._line(log)
            self._observe("signed")
        return line

    def checkpoint(self, hashed: str) -> str:
        """Return the newest cosigned head of the log of this `origin_hash`, as a note.

        Raises `LogUnknown`, also when none was cosigned yet.
        """
        log = self._read_file(hashed) if _HASH.fullmatch(hashed) else None
        if log is None or not log.note:
            raise LogUnknown(hashed)
        return f"{log.note}{self._line(log)}\n"

    def _judge(self, log: WatchedLog, question: Question, head: Checkpoint, body: bytes) -> None:
        if question.old > head.size:
            raise Refused(400, f"old size {question.old} is above the size {head.size}")
        if question.old != log.size:
            raise Refused(409, f"last cosigned: {log.size}", log.size)
        try:
            verify_extension(log.size, head.size, question.proof, log.root, head.root, log.tree)
        except ProofRefused as error:
            self._keep(body)
            raise Refused(422, f"the consistency proof does not hold: {error}") from error

    def _now(self, log: WatchedLog) -> int:
        now = int(self._clock())
        if now < log.seconds or now < 1:
            raise Refused(503, f"the clock went back: {now} after {log.seconds}")
        return now

    def _line(self, log: WatchedLog) -> str:
        # Ed25519 is deterministic: the line of a remembered head is the same whenever it is asked.
        signed = self._private.sign(cosigned_text(_text_of(log.note).encode(), log.seconds))
        return signature_line(self.verifier, log.seconds.to_bytes(8) + signed)

    def _keep(self, body: bytes) -> None:
        folder = self._folder / EVIDENCE
        folder.mkdir(exist_ok=True, mode=0o700)
        path = folder / f"{sha256(body).hexdigest()}.txt"
        if not path.exists() and len(self.evidence()) < MAX_EVIDENCE:
            _write(path, body, _nothing)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # A lock of an open file: it keeps threads apart as well, and dies with its holder.
        with (self._folder / LOCK_FILE).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self, origin: str) -> WatchedLog | None:
        log = self._read_file(origin_hash(origin))
        if log is not None and log.origin != origin:
            raise WitnessNotFounded(f"the memory of {origin} is that of {log.origin}")
        return log

    def _read_file(self, hashed: str) -> WatchedLog | None:
        path = self._folder / LOGS / f"{hashed}.json"
        try:
            return WatchedLog.parse(path.read_bytes())
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise WitnessNotFounded(f"{path}: {error}") from error

    def _remember(self, log: WatchedLog) -> None:
        path = self._folder / LOGS / f"{origin_hash(log.origin)}.json"
        _write(path, log.spelled(), self._observe)
        self._observe("remembered")


def _own_note(note: str, log: WatchedLog) -> str:
    """Return the note with the log's own lines only. Raises `Refused`."""
    try:
        opened = open_note(note, log.keys)
        lines = note.rpartition("\n\n")[2][:-1].split("\n")
        wanted = {(key.name, key.key_id) for key in opened.signed_by}
        own = [line for line in lines if _signer(line) in wanted]
    except NoteInvalid as error:
        raise Refused(403, f"invalid signature: {error}") from error
    return f"{opened.text}\n" + "".join(f"{line}\n" for line in own)


def _signer(line: str) -> tuple[str, bytes]:
    name, signature = signature_of(line)
    return name, signature[:4]


def _text_of(note: str) -> str:
    text, separator, _ = note.rpartition("\n\n")
    if not separator:
        raise NoteInvalid("the checkpoint has no signature block")
    return text + "\n"


def _nothing(_step: Step) -> None:
    return None


def _write(path: Path, content: bytes, observe: Callable[[Step], None]) -> None:
    """Put a file on the disk, whole or not at all; it is there when this returns."""
    fresh = path.with_name(path.name + ".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    observe("written")
    os.replace(fresh, path)
    observe("replaced")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
