"""A log of a million entries: how long it takes to verify, what a proof costs and weighs."""

from __future__ import annotations

import random
import statistics
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine

from audit.check import verify_stores
from audit.entry import NO_PREVIOUS, EntryDraft, body_bytes, facts_of
from audit.logstore import LogReader, NewEntry, append
from audit.merkle import leaf_hash
from audit.notes import NoteVerifier
from audit.proofs import prove, verify_proof
from audit.reading import reading
from audit.receipts import ReceiptMaker, Statement, spell_receipt
from audit.report import CLEAN
from audit.shards import reading_all
from audit.vault import SubjectVault
from benchmarks.audit_ground import STREAM_LENGTH, Stores, drafts, sqlite_stores

ENTRIES = 1_000_000
PART = 10_000
PROOFS = 300
STEPS = 20
CASE = "case:with-a-receipt"


def million(folder: Path, entries: int = ENTRIES) -> dict[str, Any]:
    """Return figures of a log of so many entries on SQLite."""
    with sqlite_stores(folder) as stores:
        _fill(stores, entries)
        trusted = NoteVerifier.parse(stores.signer.vkey())
        found: dict[str, Any] = {"entries": entries, "sync": stores.sync}
        found["bytes_an_entry"] = round((folder / "log.sqlite").stat().st_size / entries)
        for name, strict in (("hashes", False), ("strict", True)):
            wall, cpu = time.perf_counter(), time.process_time()
            report = verify_stores(stores.log, trusted, strict=strict)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if report.exit_code != CLEAN or report.entries != entries:
                raise RuntimeError(f"the log is not clean: {report.as_json()}")
            found[f"verified_{name}"] = round(entries / wall)
            found[f"verified_{name}_a_cpu_second"] = round(entries / cpu)
        found |= _proofs(stores.log, trusted, entries)
        found["receipt"] = _receipt(stores.log)
    sys.stderr.write(f"{found}\n")
    return found


def _fill(stores: Stores, entries: int) -> None:
    """Append so many entries, among them the steps of one case, spread over the whole log."""
    sequencer = stores.sequencer()
    case = _chained([_step(n) for n in range(STEPS)])
    for number, part in enumerate(_parts(entries - STEPS)):
        due = (number + 1) * STEPS // -(-(entries - STEPS) // PART)
        own = case[number * STEPS // -(-(entries - STEPS) // PART) : due]
        with stores.log.begin() as connection:
            append(connection, LogReader(connection).state(), [*part, *own])
    sequencer.seal()


def _step(number: int) -> EntryDraft:
    ((draft,),) = drafts(1, 1)
    return replace(draft, stream=CASE, at=draft.at + timedelta(days=number))


def _parts(entries: int) -> Iterator[list[NewEntry]]:
    """Yield entries as the outbox would hand them over, streams chained."""
    for first in range(0, entries, PART):
        part: list[NewEntry] = []
        for batch in drafts(min(PART, entries - first), STREAM_LENGTH):
            part += _chained(batch)
        yield part


def _chained(batch: Sequence[EntryDraft]) -> list[NewEntry]:
    previous, made = NO_PREVIOUS, []
    for seq, draft in enumerate(batch, 1):
        body = body_bytes(facts_of(draft, ()), draft.stream, seq, previous)
        previous = leaf_hash(body)
        made.append((draft.id, draft.stream, seq, previous, body))
    return made


def _receipt(log: Engine) -> dict[str, Any]:
    vault = SubjectVault(create_engine("sqlite://"), bytes(32))  # there is nothing to open
    maker = ReceiptMaker(partial(reading_all, log), {}, vault)
    began = time.perf_counter()
    receipt = spell_receipt(maker.of_case(CASE[5:], lambda *_: False, Statement({})))
    return {
        "steps": STEPS,
        "ms": round((time.perf_counter() - began) * 1_000, 1),
        "bytes": len(receipt),
        "deflated": len(zlib.compress(receipt, 9)),
    }


def _proofs(log: Engine, trusted: NoteVerifier, entries: int) -> dict[str, Any]:
    chance = random.Random(11)  # noqa: S311 -- places, no secret
    with reading(log) as connection:
        reader = LogReader(connection)
        places = [chance.randrange(entries) for _ in range(PROOFS)]
        ids = [next(reader.entries(place, place + 1)).entry_id for place in places]
    made, checked, sizes, with_body = [], [], [], []
    for entry_id in ids:
        with reading(log) as connection:  # a reader of its own: no tile is in its memory
            began = time.perf_counter()
            proof = prove(connection, entry_id)
            made.append((time.perf_counter() - began) * 1_000)
        began = time.perf_counter()
        verify_proof(proof.text, proof.entry.body, trusted)
        checked.append((time.perf_counter() - began) * 1_000)
        sizes.append(len(proof.text.encode()))
        with_body.append(len(zlib.compress(proof.text.encode() + proof.entry.body)))
    cuts = statistics.quantiles(made, n=100)
    return {
        "proof_ms": {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2)},
        "proof_verified_ms_p50": round(statistics.median(checked), 3),
        "proof_bytes": max(sizes),
        "proof_and_body_deflated": round(statistics.median(with_body)),
    }
