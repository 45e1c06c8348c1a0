"""Signed notes and checkpoints, as C2SP writes them: https://c2sp.org/signed-note and
https://c2sp.org/tlog-checkpoint. The kinds of signature that are known stand in `_KINDS`."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.merkle import HASH_BYTES
from audit.sm2 import POINT_BYTES, NotSM2, SM2PublicKey

ED25519 = b"\x01"
"""Kind of a log's own key; signed-note, "Signature types"."""

COSIGNATURE = b"\x04"
"""Kind of a witness's key: a time and an Ed25519 signature over it and the text;
https://c2sp.org/tlog-cosignature. What begins with 0xff is named by whoever made it up."""

SM2 = b"\xffgm.sm2-with-sm3.v1"
"""Kind of a key that signs heads of a second tree: the point 04 ‖ x ‖ y; a signature is the DER of
r and s over SM3, under the identity 1234567812345678 (`audit.sm2`). Ours; not one of C2SP's."""

TIME_BYTES = 8
"""A cosignature begins with its time: seconds since 1970, big-endian."""

LAST_TIME = 253_402_300_799
"""The last second of the year 9999. The specification goes to 2^63 - 1, no calendar does."""

MAX_SIGNATURES = 100
"""More lines than this are refused unread; signed-note lets a reader set a limit."""

_DASH = "— "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class NoteInvalid(ValueError):
    """A note is ill-formed, or no trusted key signed it."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How long a key of this kind is, and when a signature of it holds."""

    key_bytes: int
    accepts: Callable[[bytes, bytes, bytes], bool]
    """Told the key, the text and the signature without its key id."""


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """A public key of a kind under a name; `vkey` is its published one-line form."""

    name: str
    public: bytes
    kind: bytes = ED25519

    @property
    def key_id(self) -> bytes:
        """First four bytes of SHA-256(name ‖ LF ‖ kind ‖ key)."""
        return sha256(f"{self.name}\n".encode() + self.kind + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """`name+hex key id+base64(kind ‖ key)`."""
        key = base64.b64encode(self.kind + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def parse(cls, vkey: str) -> "NoteVerifier":
        """Read a vkey. Raises `NoteInvalid`, also for a key id that is not the key's."""
        name, _, rest = vkey.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        _require_name(name)
        verifier = cls(name, *_key_and_kind(_decode(encoded)))
        if verifier.key_id.hex() != key_id:
            raise NoteInvalid(f"the key of {name} has id {verifier.key_id.hex()}, not {key_id}")
        return verifier

    def accepts(self, text: str, signature: bytes) -> bool:
        """Return whether this key made the signature (without its key id) over the text."""
        return _KINDS[self.kind].accepts(self.public, text.encode(), signature)


def _key_and_kind(encoded: bytes) -> tuple[bytes, bytes]:
    for prefix, kind in _KINDS.items():
        if encoded.startswith(prefix) and len(encoded) == len(prefix) + kind.key_bytes:
            return encoded[len(prefix) :], prefix
    raise NoteInvalid("a key of no kind that is known here")


def accepts_ed25519(public: bytes, text: bytes, signature: bytes) -> bool:
    """Return whether this key made the 64 bytes over the text; RFC 8032, without a pre-hash."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _accepts_cosignature(public: bytes, text: bytes, signature: bytes) -> bool:
    seconds = int.from_bytes(signature[:TIME_BYTES])
    if len(signature) <= TIME_BYTES or not 0 < seconds <= LAST_TIME:
        return False
    return accepts_ed25519(public, cosigned_text(text, seconds), signature[TIME_BYTES:])


def _accepts_sm2(public: bytes, text: bytes, signature: bytes) -> bool:
    try:
        return _sm2_key(public).accepts(text, signature)
    except NotSM2:
        return False


@lru_cache(maxsize=16)
def _sm2_key(public: bytes) -> SM2PublicKey:
    return SM2PublicKey.from_point(public)  # 20 ms, once a key


_KINDS: Mapping[bytes, _Kind] = {
    ED25519: _Kind(32, accepts_ed25519),
    COSIGNATURE: _Kind(32, _accepts_cosignature),
    SM2: _Kind(POINT_BYTES, _accepts_sm2),
}


def cosigned_text(text: bytes, seconds: int) -> bytes:
    """Return what a witness signs: two lines of its own, then the text."""
    return b"cosignature/v1\ntime %d\n%b" % (seconds, text)


class SigningKey(Protocol):
    """Whatever signs notes: a file's key, a device's, a server's (`audit.signing`)."""

    @property
    def verifier(self) -> NoteVerifier:
        """The public half, under the key's name."""

    def sign(self, text: bytes) -> bytes:
        """Return the signature over the text, as its type spells it, without the key id."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A private Ed25519 key under a name, held in this process."""

    name: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> NoteVerifier:
        """The public half."""
        return NoteVerifier(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """Return the 64 bytes over the text."""
        return self.private.sign(text)


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note's text, with the trusted keys whose signatures were checked and hold."""

    text: str
    signed_by: tuple[NoteVerifier, ...]
    times: Mapping[NoteVerifier, datetime]
    """When each witness cosigned (its newest line); of other kinds of keys nothing."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: log name, size, root hash (32 bytes); extension lines as they stand."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the lines that are signed."""
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.extensions))


def sign_note(text: str, keys: Sequence[SigningKey]) -> str:
    """Return the text with one signature line per key."""
    _require_text(text)
    lines = [f"{signature_line(key.verifier, key.sign(text.encode()))}\n" for key in keys]
    return f"{text}\n{''.join(lines)}"


def open_note(note: str, trusted: Sequence[NoteVerifier]) -> OpenedNote:
    """Return the text once every trusted signature on it holds and there is at least one.

    Lines of unknown keys are passed over, as the specification asks. Raises `NoteInvalid`.
    """
    text, separator, signatures = note.rpartition("\n\n")
    text += "\n"
    if not separator or not signatures.endswith("\n"):
        raise NoteInvalid("no signature block")
    _require_text(text)
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteInvalid(f"{len(lines)} signature lines; at most {MAX_SIGNATURES} are read")
    known = {(verifier.name, verifier.key_id): verifier for verifier in trusted}
    signed_by: list[NoteVerifier] = []
    times: dict[NoteVerifier, datetime] = {}
    for line in lines:
        name, signature = signature_of(line)
        verifier = known.get((name, signature[:4]))
        if verifier is None:
            continue
        if not verifier.accepts(text, signature[4:]):
            raise NoteInvalid(f"the signature of {name} does not fit the text")
        if verifier.kind == COSIGNATURE:
            at = cosigned_at(signature)
            times[verifier] = max(at, times.get(verifier, at))
        if verifier not in signed_by:
            signed_by.append(verifier)
    if not signed_by:
        raise NoteInvalid("no trusted key signed this note")
    return OpenedNote(text, tuple(signed_by), times)


def cosigned_at(signature: bytes) -> datetime:
    """Return the time in a cosignature with its key id, UTC. It has been checked before."""
    return datetime.fromtimestamp(int.from_bytes(signature[4 : 4 + TIME_BYTES]), UTC)


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the tree head that a note's text spells; one spelling only. Raises `NoteInvalid`."""
    _require_text(text)
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise NoteInvalid("a checkpoint has an origin, a size and a root, and no empty line")
    origin, size, root = lines[:3]
    if not _SIZE.fullmatch(size):
        raise NoteInvalid(f"{size!r} is not a size")
    digest = _decode(root)
    if len(digest) != HASH_BYTES:
        raise NoteInvalid(f"a root has {HASH_BYTES} bytes, not {len(digest)}")
    return Checkpoint(origin, int(size), digest, tuple(lines[3:]))


def open_checkpoint(note: str, trusted: NoteVerifier) -> Checkpoint:
    """Return the tree head a log's key signed, if the origin is that key's name.

    Raises `NoteInvalid`; a head of another log under the same key is one of its reasons.
    """
    head = parse_checkpoint(open_note(note, [trusted]).text)
    if head.origin != trusted.name:
        raise NoteInvalid(f"this is a head of {head.origin}, not of {trusted.name}")
    return head


def signature_line(verifier: NoteVerifier, signature: bytes) -> str:
    """Return the line, without its LF, of a signature that has no key id yet."""
    _require_name(verifier.name)
    return f"{_DASH}{verifier.name} {base64.b64encode(verifier.key_id + signature).decode()}"


def signature_of(line: str) -> tuple[str, bytes]:
    """Return the name and the signature, key id first, of one line. Raises `NoteInvalid`."""
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise NoteInvalid(f"{line!r} is not a signature line")
    _require_name(name)
    signature = _decode(encoded)
    if len(signature) < 5:
        raise NoteInvalid(f"the signature of {name} is too short")
    return name, signature


def _decode(encoded: str) -> bytes:
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteInvalid(f"{encoded!r} is not base64") from error
    if base64.b64encode(decoded).decode() != encoded:
        raise NoteInvalid(f"{encoded!r} is not the canonical base64 of its bytes")
    return decoded


def _require_name(name: str) -> None:
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise NoteInvalid(f"{name!r} is not a key name")


def _require_text(text: str) -> None:
    if not text.endswith("\n") or any(c < " " and c != "\n" for c in text):
        raise NoteInvalid("a note's text ends its lines with LF and has no control characters")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise NoteInvalid("a note is UTF-8")
