"""What a log asks of a witness and what it answers: https://c2sp.org/tlog-witness, add-checkpoint.

The same text travels by HTTP and, for a site without a network, as a file.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from audit.notes import NoteInvalid

ADD_CHECKPOINT = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
MAX_PROOF = 63
"""Lines of a consistency proof; tlog-witness."""

MAX_BODY = 65_536
"""Bytes of a question: a proof takes 2.8 kB, a note with a hundred lines 20."""

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Question:
    """A head to be cosigned, and the proof that it extends the one of `old` entries."""

    old: int
    proof: tuple[bytes, ...]
    note: str


def spell_question(old: int, proof: Sequence[bytes], note: str) -> bytes:
    """Return the text that asks for a cosignature."""
    lines = [f"old {old}", *(base64.b64encode(value).decode() for value in proof)]
    return ("\n".join(lines) + "\n\n" + note).encode()


def parse_question(body: bytes) -> Question:
    """Read such a text. Raises `NoteInvalid`; the hashes may be of any length."""
    if len(body) > MAX_BODY:
        raise NoteInvalid(f"longer than {MAX_BODY} bytes")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NoteInvalid("no UTF-8") from error
    head, separator, note = text.partition("\n\n")
    first, *hashes = head.split("\n")
    old = _OLD.fullmatch(first)
    if not separator or old is None:
        raise NoteInvalid("an old size, a proof, an empty line and a checkpoint are expected")
    if len(hashes) > MAX_PROOF:
        raise NoteInvalid(f"more than {MAX_PROOF} lines of proof")
    return Question(int(old[1]), tuple(_hash(line) for line in hashes), note)


def _hash(line: str) -> bytes:
    try:
        value = base64.b64decode(line, validate=True)
    except ValueError as error:
        raise NoteInvalid(f"{line[:64]!r} is not base64") from error
    if base64.b64encode(value).decode() != line:
        raise NoteInvalid(f"{line[:64]!r} is not the canonical base64 of its bytes")
    return value
