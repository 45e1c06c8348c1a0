"""Proofs for strangers: one entry under one signed head, in C2SP's tlog-proof text.

https://c2sp.org/tlog-proof; the file is offline-verifiable with the log's public key alone.
"""

import base64
import re
from dataclasses import dataclass

from sqlalchemy import Connection

from audit.logstore import LogReader, StoredEntry
from audit.merkle import inclusion_proof, leaf_hash, verify_inclusion
from audit.notes import Checkpoint, NoteInvalid, NoteVerifier, open_checkpoint

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


class NotSealed(Exception):
    """The entry is not under a signed head yet (or not in the log). Seal, and ask again."""


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry with what proves it. `text` is the `.tlog-proof` file; the body goes beside it."""

    entry: StoredEntry
    text: str


def prove(connection: Connection, entry_id: str) -> EntryProof:
    """Return the proof of one entry under the newest signed head. Raises `NotSealed`."""
    reader = LogReader(connection)
    entry = reader.entry(entry_id)
    head = reader.last_checkpoint()
    if entry is None or head is None or head.size <= entry.index:
        raise NotSealed(entry_id)
    path = inclusion_proof(entry.index, head.size, reader.node)
    return EntryProof(entry, spell_proof(entry.index, path, head.note))


def spell_proof(index: int, path: list[bytes], note: str) -> str:
    """Return the tlog-proof text of an inclusion proof and its signed head."""
    hashes = "".join(f"{base64.b64encode(value).decode()}\n" for value in path)
    return f"{_FIRST_LINE}\nindex {index}\n{hashes}\n{note}"


def verify_proof(text: str, body: bytes, trusted: NoteVerifier) -> tuple[int, Checkpoint]:
    """Check a tlog-proof for these stored bytes, and return the index and the signed head.

    Raises `audit.merkle.ProofRefused` if the head does not contain them, `NoteInvalid` if the
    file is ill-formed or the log's key did not sign. Size and root come from the head alone.
    """
    proof, _, note = text.partition("\n\n")
    lines = proof.split("\n")
    if lines[0] != _FIRST_LINE:
        raise NoteInvalid(f"not a {_FIRST_LINE} file")
    if len(lines) > 1 and lines[1].startswith("extra "):
        del lines[1]  # not authenticated, so not used
    index = _INDEX.fullmatch(lines[1]) if len(lines) > 1 else None
    if index is None:
        raise NoteInvalid("the proof has no index line")
    try:
        path = [base64.b64decode(line, validate=True) for line in lines[2:]]
    except ValueError as error:
        raise NoteInvalid("a hash is not base64") from error
    head = open_checkpoint(note, trusted)
    place = int(index[1])
    verify_inclusion(leaf_hash(body), place, head.size, path, head.root)
    return place, head
