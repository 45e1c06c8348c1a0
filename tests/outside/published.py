"""A published log for verifiers that nobody here wrote: an export, proofs, and forgeries of both.

The files are read here in the plainest way, not by the room that wrote them.
"""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import insert

from audit.export import export_log
from audit.logstore import LogReader, found_log
from audit.merkle import consistency_proof
from audit.notes import NoteVerifier
from audit.outbox import record
from audit.proofs import EntryProof, prove
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.tables import audit_anchor, audit_cosignature, log_metadata, outbox_metadata
from audit.timestamps import ask_authority, query, stamped_digest
from audit.trust import TrustPolicy
from audit.witness import Witness, found_witness
from audit.witness_wire import spell_question
from tests.audit.authority import authority
from tests.audit.conftest import make_draft, sqlite_engine

ORIGIN = "city.example/audit/2026H2"
OLDER, SIZE = 500, 1_200
PROVEN = (0, 255, 256, 321, 1_023, 1_199)
"""Leaves of which there is a proof: the first, both sides of a tile's edge, the right edge."""


@dataclass(frozen=True)
class Proof:
    """One tlog-proof file as it stands: the entry's bytes, its index, the path, the note."""

    body: bytes
    index: int
    path: list[bytes]
    note: str


@dataclass(frozen=True)
class Published:
    """What a stranger has: files, and the public keys that came by another way."""

    folder: Path
    log: NoteVerifier
    witness: NoteVerifier
    proofs: tuple[Proof, ...]
    older: str
    """A signed head of 500 entries, kept from before."""
    consistency: list[bytes]
    certificates: str
    """Of the time-stamp authority, PEM."""

    @property
    def note(self) -> str:
        return (self.folder / "checkpoint").read_text("utf-8")

    @property
    def size(self) -> int:
        return int(self.note.split("\n")[1])

    @property
    def root(self) -> bytes:
        return base64.b64decode(self.note.split("\n")[2])

    def bodies(self) -> Iterator[bytes]:
        """Yield the entries from the bundles."""
        for index in range(-(-self.size // 256)):
            width = min(256, self.size - index * 256)
            name = f"{index:03}" if width == 256 else f"{index:03}.p/{width}"
            content, at = (self.folder / "tile" / "entries" / name).read_bytes(), 0
            while at < len(content):
                length = int.from_bytes(content[at : at + 2], "big")
                yield content[at + 2 : at + 2 + length]
                at += 2 + length


def leaf_of(body: bytes) -> bytes:
    return sha256(b"\x00" + body).digest()


def another_root(note: str) -> str:
    """Return the note with one bit of its root turned and its signatures as they were."""
    lines = note.split("\n")
    root = bytearray(base64.b64decode(lines[2]))
    root[0] ^= 1
    lines[2] = base64.b64encode(root).decode()
    return "\n".join(lines)


def public_pem(verifier: NoteVerifier) -> bytes:
    """Return an Ed25519 key as PEM: the fixed prefix of RFC 8410 and the 32 bytes."""
    der = bytes.fromhex("302a300506032b6570032100") + verifier.public
    body = base64.b64encode(der).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode()


def signature_by(note: str, verifier: NoteVerifier) -> bytes:
    """Return the bytes after the key id on the line of this key."""
    for line in note.partition("\n\n")[2].splitlines():
        dash, name, encoded = line.split(" ")
        signature = base64.b64decode(encoded)
        if (dash, name, signature[:4]) == ("\u2014", verifier.name, verifier.key_id):
            return signature[4:]
    raise AssertionError(f"no line of {verifier.name}")


def run(*command: str, cwd: Path) -> tuple[int, str]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@contextmanager
def publishing(folder: Path) -> Iterator[Published]:
    """Found a log of 1,200 entries, have it signed, cosigned and stamped, and publish it."""
    cases, log = sqlite_engine(folder / "cases.db"), sqlite_engine(folder / "log.db")
    outbox_metadata.create_all(cases)
    log_metadata.create_all(log)
    found_log(log, ORIGIN)
    verifier = init_signer(folder / "k", folder / "s", ORIGIN)
    found_witness(folder / "witness", "audit-office.example/w1")
    witness = Witness(folder / "witness")
    witness.watch(verifier)
    signer = Signer(folder / "k", folder / "s")
    sequencer = Sequencer(log, {"cases": cases}, signer)
    for start, size in ((0, OLDER), (OLDER, SIZE)):
        with cases.begin() as connection:
            for number in range(start, size):
                record(connection, make_draft(number, f"case:C-{number % 7}"))
        sequencer.drain()
        sequencer.seal()
    with authority(folder / "tsa") as stamps, log.begin() as connection:
        reader = LogReader(connection)
        older, newest = (head.note for head in reader.checkpoints())
        line = witness.cosign(spell_question(0, (), newest))
        row = {"size": SIZE, "name": witness.verifier.name, "line": line, "at": make_draft().at}
        connection.execute(insert(audit_cosignature), row)
        token = ask_authority(stamps.url, query(stamped_digest(newest)))
        stamp = {"size": SIZE, "kind": "rfc3161", "at": make_draft().at, "token": token}
        connection.execute(insert(audit_anchor), stamp)
        export_log(reader, folder / "out", TrustPolicy.of(verifier))
        ids = [entry.entry_id for entry in reader.entries()]
        proofs = tuple(_read(prove(connection, ids[index])) for index in PROVEN)
        consistency = consistency_proof(OLDER, SIZE, reader.node)
        yield Published(
            folder / "out", verifier, witness.verifier, proofs, older, consistency,
            stamps.certificates,
        )  # fmt: skip
    signer.close()
    for engine in (cases, log):
        engine.dispose()


def _read(proof: EntryProof) -> Proof:
    head, _, note = proof.text.partition("\n\n")
    first, index, *path = head.split("\n")
    assert first == "c2sp.org/tlog-proof@v1"
    hashes = [base64.b64decode(line) for line in path]
    return Proof(proof.entry.body, int(index.removeprefix("index ")), hashes, note)
