"""The ground on which attacks are tried: a copy of a real log that answers to keys of its own.

The entries are the real ones, up to a limit; the heads are signed anew by a key made for the
ground, under the log's own name, and cosigned by a witness made for it. So no attack ever has the
real key or the real witness sign a lie, and no payload and no subject's key leaves its store: what
is tried on payloads is tried on three entries that are added at the end.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import Connection, Engine, delete, insert, select, update

from audit.canonical import canonical_bytes
from audit.check import read_producer
from audit.entry import EntryDraft, What, Who, entry_id
from audit.logstore import LogReader, LogState, NewEntry, append, found_log
from audit.merkle import Frontier, consistency_proof, leaf_hash
from audit.notes import Checkpoint, NoteKey, cosigned_text, sign_note, signature_line
from audit.outbox import record
from audit.payloadcheck import check_payloads
from audit.payloads import Payload, seal_payloads
from audit.reading import reading
from audit.report import VerifyReport
from audit.tables import (
    SQLITE_TRIGGERS,
    audit_checkpoint,
    audit_cosignature,
    audit_entry,
    audit_outbox,
    audit_recorded,
    audit_state,
    audit_stream,
    audit_tile,
    keys_metadata,
    log_metadata,
    outbox_metadata,
)
from audit.trust import TrustedLog, TrustedWitness, TrustPolicy
from audit.vault import SubjectVault
from audit.verify import verify_log
from audit.witness import KEY_FILE, Witness, found_witness, origin_hash
from audit.witness_wire import spell_question

FEWEST = 16
"""Entries below which the heads of a ground would lie too close together for the attacks."""

WHOLE_TILE = 256
"""Entries below which there is no full tile to attack."""

STREAM = "sys:ground"
SUBJECTS = ("ground:a", "ground:b", "ground:c")
_WITNESS = "ground.invalid/witness"
_MASTER = bytes(32)
"""Locks nothing of anybody's: the ground's payloads are three made-up lines."""

Opener = Callable[[Path], Engine]
"""Opens a SQLite file; of one path it returns one engine."""

Row = list[Any]
"""Entry id, stream, position in the stream, leaf, body."""


class LogTooSmall(Exception):
    """The log has too few entries to be attacked in all the ways; the argument is how many."""


class LogPurged(Exception):
    """Bodies of these entries were purged: their streams cannot be spelled anew, so nothing can be
    tried on them. Choose another shard."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The copy, its keys, and the sizes of its heads, smallest first: one before the auditor's pin,
    the pin, one after it, the newest."""

    folder: Path
    open_store: Opener
    origin: str
    sizes: tuple[int, int, int, int]
    copied: int
    key: NoteKey
    pin: str

    @property
    def log(self) -> Engine:
        return self.open_store(self.folder / "log.sqlite")

    @property
    def sources(self) -> Engine:
        return self.open_store(self.folder / "sources.sqlite")

    @property
    def vault(self) -> SubjectVault:
        return SubjectVault(self.open_store(self.folder / "keys.sqlite"), _MASTER)

    @property
    def witness(self) -> Witness:
        return Witness(self.folder / "witness")

    @property
    def before_pin(self) -> int:
        """Index of the entry that is attacked under the pin."""
        return (self.sizes[0] + self.sizes[1]) // 2

    @property
    def after_pin(self) -> int:
        """Index of the entry that is attacked above the pin, under a head that the witness saw."""
        return (self.sizes[1] + self.sizes[2]) // 2

    def policy(self, *, quorum: bool) -> TrustPolicy:
        """Return the policy of an auditor: the log's key, and with `quorum` the witness as well."""
        witness = TrustedWitness("witness", self.witness.verifier)
        log = TrustedLog(self.key.verifier)
        return TrustPolicy((log,), (witness,), (), "witness" if quorum else "none")

    def judge(self) -> tuple[VerifyReport, VerifyReport, VerifyReport]:
        """Verify with what each column has: database and key; + pin and quorum; + witness."""
        remembered = self.witness.checkpoint(origin_hash(self.origin))
        alone = self._verified(TrustPolicy.of(self.key.verifier), (), ())
        pinned = self._verified(self.policy(quorum=True), (self.pin,), ())
        return alone, pinned, self._verified(self.policy(quorum=True), (self.pin,), (remembered,))

    def _verified(
        self, policy: TrustPolicy, pins: Sequence[str], witnessed: Sequence[str]
    ) -> VerifyReport:
        log, sources = self.log, {"sources": self.sources}
        with reading(self.sources) as connection:
            producers = {"sources": read_producer(connection)}
        with reading(log) as connection:  # one shard by itself: of those before it nothing is said
            report = verify_log(
                LogReader(connection), policy, producers=producers, pins=pins, witnessed=witnessed
            )
        check_payloads(log, sources, self.vault, report, start=self.copied)
        return report

    def close(self) -> None:
        """Let go of the files."""
        for name in ("log", "sources", "keys"):
            self.open_store(self.folder / f"{name}.sqlite").dispose()

    def copy(self, folder: Path) -> "Ground":
        """Return this ground once more, in a folder that is not there yet."""
        self.close()
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder)


def lay_ground(log: Connection, folder: Path, open_store: Opener, limit: int) -> Ground:
    """Copy the first `limit` entries of a log into a folder, and make them a ground.

    Only reads the log. Raises `LogTooSmall`, `LogPurged`.
    """
    folder.mkdir(parents=True)
    reader = LogReader(log)
    state = reader.state()
    count = min(limit, state.size)
    if count < FEWEST:
        raise LogTooSmall(count)
    rows = [_row(entry) for entry in reader.entries(0, count)]
    if not all(body for *_, body in rows):
        raise LogPurged
    key = NoteKey(state.origin, Ed25519PrivateKey.generate())
    witness = found_witness(folder / "witness", _WITNESS)
    Witness(folder / "witness").watch(key.verifier)
    size = count + len(SUBJECTS)
    sizes = (size // 4, size // 2, size * 3 // 4, size)
    ground = Ground(folder, open_store, state.origin, sizes, count, key, "")
    _make_stores(ground)
    with ground.log.begin() as connection:
        append(connection, LogReader(connection).state(), [_new(row) for row in rows])
    agree(ground)
    live_on(ground, SUBJECTS)
    for head in sizes:
        seal(ground, head)
    with reading(ground.log) as connection:
        pin = LogReader(connection).cosigned_note(sizes[1])
    assert witness == ground.witness.verifier
    return replace(ground, pin=pin)


# --- what the honest city does ------------------------------------------------------------------


def live_on(ground: Ground, subjects: Sequence[str], number: int = 0, *, dropped: int = -1) -> None:
    """Record an entry with a payload about each subject and drain the outbox into the log, but for
    the one that is dropped before."""
    payload = [Payload("opinion", subject, f"意见 {subject}".encode()) for subject in subjects]
    drafts = [_draft(number + n) for n in range(len(subjects))]
    sealed = [
        seal_payloads(ground.vault, draft.id, [one])
        for draft, one in zip(drafts, payload, strict=True)
    ]
    with ground.sources.begin() as connection:
        for draft, one in zip(drafts, sealed, strict=True):
            record(connection, draft, one)
        if dropped >= 0:
            lost = drafts[dropped].id
            connection.execute(delete(audit_outbox).where(audit_outbox.c.entry_id == lost))
        drain(ground, connection)


def drain(ground: Ground, connection: Connection) -> None:
    """Append to the log what waits."""
    row = audit_outbox.c
    query = select(row.entry_id, row.stream, row.seq, row.leaf, row.body).order_by(row.pos)
    waiting = [(r[0], r[1], r[2], bytes(r[3]), bytes(r[4])) for r in connection.execute(query)]
    with ground.log.begin() as log:
        append(log, LogReader(log).state(), waiting)
    connection.execute(delete(audit_outbox))


def seal(ground: Ground, size: int, *, cosigned: bool = True) -> None:
    """Sign the head of a size; the witness cosigns it, as far as it agrees."""
    with ground.log.begin() as connection:
        reader = LogReader(connection)
        root = _root_of(reader.leaves(0, size))
        note = sign_note(Checkpoint(ground.origin, size, root).text(), [ground.key])
        _put_head(connection, size, root, note)
        if cosigned:
            (known,) = ground.witness.logs()
            proof = consistency_proof(known.size, size, reader.node)
            line = ground.witness.cosign(spell_question(known.size, proof, note))
            _put_line(connection, size, ground.witness.verifier.name, line)


# --- what the owner of the database can do --------------------------------------------------------


def rows_of(ground: Ground) -> list[Row]:
    """Return all rows of the log."""
    with reading(ground.log) as connection:
        return [_row(entry) for entry in LogReader(connection).entries()]


def rewrite(ground: Ground, rows: Sequence[Row], *, chains: bool = True) -> None:
    """Put rows in the place of the log, every number, leaf, tile and the frontier recomputed; with
    `chains` the links of the streams as well. The producing stores then tell the same."""
    fresh = _chained(rows) if chains else [[*row[:3], leaf_hash(row[4]), row[4]] for row in rows]
    with ground.log.begin() as connection:
        for table in (audit_entry, audit_tile):
            connection.execute(delete(table))
        connection.execute(update(audit_state).values(size=0, peaks=b""))
        append(connection, LogState(ground.origin, 0, b""), [_new(row) for row in fresh])
    agree(ground)


def agree(ground: Ground) -> None:
    """Let the producing store remember what the log's rows say of each stream, and nothing wait."""
    tails = {row[1]: row for row in rows_of(ground)}
    heads = [
        {"stream": name, "seq": row[2], "head": row[3], "last_us": 0} for name, row in tails.items()
    ]
    with ground.sources.begin() as connection:
        for table in (audit_stream, audit_outbox, audit_recorded):
            connection.execute(delete(table))
        if heads:
            connection.execute(insert(audit_stream), heads)


def cut(ground: Ground, size: int) -> None:
    """Put the log back to a size, with the heads of that size and before."""
    rewrite(ground, rows_of(ground)[:size], chains=False)
    with ground.log.begin() as connection:
        for table in (audit_checkpoint, audit_cosignature):
            connection.execute(delete(table).where(table.c.size > size))


def edit(ground: Ground, index: int, **values: Any) -> None:
    """Change columns of one row."""
    with ground.log.begin() as connection:
        connection.execute(update(audit_entry).where(audit_entry.c.seq == index).values(**values))


def another_result(body: bytes) -> bytes:
    """Return the body of an entry that says the opposite."""
    said = json.loads(body)
    said["res"] = "deny" if said["res"] == "ok" else "ok"
    return canonical_bytes(said)


def falsify(ground: Ground, index: int) -> None:
    """Change what one entry says and recompute every hash, so that nothing but heads can tell."""
    rows = rows_of(ground)
    rows[index][4] = another_result(rows[index][4])
    rewrite(ground, rows)


# --- what a stolen key can do ---------------------------------------------------------------------


def resign(ground: Ground, key: NoteKey | None = None, *, above: int = 0) -> None:
    """Sign every head above a size anew over the leaves as they are; no cosignature is left."""
    with ground.log.begin() as connection:
        reader = LogReader(connection)
        for head in [head for head in reader.checkpoints() if head.size > above]:
            root = _root_of(reader.leaves(0, head.size))
            text = Checkpoint(ground.origin, head.size, root).text()
            _put_head(connection, head.size, root, sign_note(text, [key or ground.key]))
        table = audit_cosignature
        connection.execute(delete(table).where(table.c.size > above))


def recosign(ground: Ground, *, above: int = 0) -> None:
    """Cosign every head above a size with the witness's stolen key, past its memory."""
    verifier = ground.witness.verifier
    with ground.log.begin() as connection:
        for head in [h for h in LogReader(connection).checkpoints() if h.size > above]:
            line = signature_line(verifier, stolen_cosignature(ground, text_of(head.note)))
            _put_line(connection, head.size, verifier.name, line)


def stolen_cosignature(ground: Ground, text: str) -> bytes:
    """Return a cosignature without its key id, made with the witness's stolen key."""
    pem = (ground.folder / "witness" / KEY_FILE).read_bytes()
    private = load_pem_private_key(pem, None)
    assert isinstance(private, Ed25519PrivateKey)
    seconds = int(datetime.now(UTC).timestamp())
    return seconds.to_bytes(8) + private.sign(cosigned_text(text.encode(), seconds))


def put_note(ground: Ground, size: int, note: str) -> None:
    """Put a note in the place of the signed head of a size."""
    with ground.log.begin() as connection:
        table = audit_checkpoint
        connection.execute(update(table).where(table.c.size == size).values(note=note))


def text_of(note: str) -> str:
    """Return the text of a note, without its signatures."""
    return note.partition("\n\n")[0] + "\n"


# --- small things ---------------------------------------------------------------------------------


def _make_stores(ground: Ground) -> None:
    log_metadata.create_all(ground.log)
    outbox_metadata.create_all(ground.sources)
    keys_metadata.create_all(ground.open_store(ground.folder / "keys.sqlite"))
    found_log(ground.log, ground.origin)
    with ground.log.begin() as connection:
        for statement in SQLITE_TRIGGERS:  # the attacker owns the database
            connection.exec_driver_sql(f"DROP TRIGGER {statement.split()[2]}")


def _draft(number: int) -> EntryDraft:
    return EntryDraft(
        id=entry_id(f"ground-{number}", "try"),
        stream=STREAM,
        at=datetime.now(UTC) + timedelta(microseconds=number),
        who=Who("system", "system"),
        act="ground.tried",
        obj=What("ground", str(number)),
    )


def _chained(rows: Sequence[Row]) -> list[Row]:
    tails: dict[str, tuple[int, bytes]] = {}
    found: list[Row] = []
    for name, stream, first, _, body in rows:
        said = json.loads(body)
        # A stream may have begun in an older shard: its first entry here keeps its place and link.
        seq, head = tails.get(stream, (first - 1, bytes.fromhex(said["s"]["prev"])))
        said["s"] |= {"id": stream, "seq": seq + 1, "prev": head.hex()}  # a closing count stays
        fresh = canonical_bytes(said)
        tails[stream] = (seq + 1, leaf_hash(fresh))
        found.append([name, stream, seq + 1, leaf_hash(fresh), fresh])
    return found


def _row(entry: Any) -> Row:
    return [entry.entry_id, entry.stream, entry.stream_seq, entry.leaf, entry.body]


def _new(row: Row) -> NewEntry:
    return row[0], row[1], row[2], row[3], row[4]


def _root_of(leaves: bytes) -> bytes:
    frontier = Frontier()
    frontier.extend(leaves[i : i + 32] for i in range(0, len(leaves), 32))
    return frontier.root()


def _put_head(connection: Connection, size: int, root: bytes, note: str) -> None:
    connection.execute(delete(audit_checkpoint).where(audit_checkpoint.c.size == size))
    row = {"size": size, "root": root, "note": note, "sealed_at": datetime.now(UTC)}
    connection.execute(insert(audit_checkpoint), row)


def _put_line(connection: Connection, size: int, name: str, line: str) -> None:
    row = {"size": size, "name": name, "line": line, "at": datetime.now(UTC)}
    connection.execute(insert(audit_cosignature), row)
