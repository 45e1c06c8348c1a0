"""Proofs for strangers: one entry under one signed head, in C2SP's tlog-proof text.

Under a head of the second tree the same lines follow another first line: who knows only C2SP would
compute SHA-256, and must not take the file for one of his.

https://c2sp.org/tlog-proof; the file is offline-verifiable with the log's public key alone.
"""

import base64
import re
from dataclasses import dataclass

from sqlalchemy import Connection

from audit.logstore import LogReader, StoredEntry
from audit.merkle import SHA256, TreeHash, inclusion_proof, verify_inclusion
from audit.notes import SM2, Checkpoint, NoteInvalid, NoteVerifier, open_checkpoint
from audit.secondtree import SecondTree
from audit.sm3 import SM3

_FIRST_LINES = {SHA256.name: "c2sp.org/tlog-proof@v1", SM3.name: "yichuang/tlog-proof-sm3@v1"}
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


class NotSealed(Exception):
    """The entry is not under a signed head yet (or not in the log). Seal, and ask again."""


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry with what proves it. `text` is the `.tlog-proof` file; the body goes beside it."""

    entry: StoredEntry
    text: str


def prove(connection: Connection, entry_id: str, tree: TreeHash = SHA256) -> EntryProof:
    """Return the proof of one entry under a signed head of a tree: the one that most witnesses
    vouch for, or the newest. Raises `NotSealed`."""
    reader = LogReader(connection)
    entry = reader.entry(entry_id)
    heads = reader if tree is SHA256 else SecondTree(connection)
    head = heads.last_checkpoint()
    if entry is not None and tree is SHA256:
        head = reader.vouched_checkpoint(entry.index + 1)
    if entry is None or head is None or head.size <= entry.index:
        raise NotSealed(entry_id)
    path = inclusion_proof(entry.index, head.size, heads.node, tree)
    note = reader.cosigned_note(head.size) if tree is SHA256 else head.note
    return EntryProof(entry, spell_proof(entry.index, path, note, tree))


def spell_proof(index: int, path: list[bytes], note: str, tree: TreeHash = SHA256) -> str:
    """Return the tlog-proof text of an inclusion proof and its signed head."""
    hashes = "".join(f"{base64.b64encode(value).decode()}\n" for value in path)
    return f"{_FIRST_LINES[tree.name]}\nindex {index}\n{hashes}\n{note}"


def verify_proof(text: str, body: bytes, trusted: NoteVerifier) -> tuple[int, Checkpoint]:
    """Check a tlog-proof for these stored bytes, and return the index and the signed head.

    Raises `audit.merkle.ProofRefused` if the head does not contain them, `NoteInvalid` if the
    file is ill-formed or the log's key did not sign. Size and root come from the head alone.
    """
    proof, _, note = text.partition("\n\n")
    lines = proof.split("\n")
    tree = SM3 if trusted.kind == SM2 else SHA256  # the key says which tree, never the file
    if lines[0] != _FIRST_LINES[tree.name]:
        raise NoteInvalid(f"not a {_FIRST_LINES[tree.name]} file")
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
    verify_inclusion(tree.leaf(body), place, head.size, path, head.root, tree)
    return place, head
