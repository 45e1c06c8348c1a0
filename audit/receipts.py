"""Receipts: what a stranger needs to check a step or a whole case off line, in one JSON file.

docs/receipt.md is the specification. A receipt carries no trust: logs, keys and quorum come from
the reader's own policy. What is missing (a head, a token, a payload) is said, never hidden.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, select

from audit.entry import parse_entry
from audit.logstore import LogReader, StoredEntry
from audit.merkle import SHA256, Node, TreeHash, inclusion_proof
from audit.payloads import PayloadAltered, disclose
from audit.reading import reading
from audit.secondtree import SUFFIX, SecondTree
from audit.sm3 import SM3
from audit.tables import audit_outbox, audit_payload
from audit.vault import KeyDestroyed, SealBroken, SubjectVault, UnknownSubject

FORMAT: Final = "yichuang-receipt/1"
ENDING: Final = ".yichuang-proof.json"

STAMPED_BY: Final = "rfc3161"
"""The only kind of anchor that a receipt carries."""

Shows = Callable[[Mapping[str, Any], str], bool]
"""Answers for an entry's body and a payload's name whether the holder may see that payload."""


class NothingToProve(LookupError):
    """No store has an entry of this case, or of this id."""


class Purged(NothingToProve):
    """The retention of these entries is over: their bodies are gone, and only leaves are left."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What the office says beside the log, which proves none of it."""

    issued: Mapping[str, Any]
    """`at` (UTC), and what else the reader should know: office, number, matter."""
    clock: Mapping[str, Any] | None = None
    """The ledgers of the case's periods, each day with its article."""


@dataclass(slots=True)
class _Log:
    """One log of the receipt, with the nodes that its proofs need."""

    origin: str
    size: int
    note: str
    token: bytes | None = None
    nodes: dict[str, str] = field(default_factory=dict)
    second: "_Log | None" = None
    """The tree over SM3, where there is one and its head covers the same rows."""

    def spelled(self) -> dict[str, Any]:
        """Return what the receipt says of this log."""
        said: dict[str, Any] = {"origin": self.origin, "checkpoint": self.note, "nodes": self.nodes}
        if self.token is not None:
            said["token"] = _text(self.token)
        if self.second is not None:
            said["sm3"] = self.second.spelled()
        return said

    def prove(self, index: int, node: Node, tree: TreeHash) -> None:
        """Keep the nodes that the proof of this leaf needs."""

        def kept(height: int, at: int) -> bytes:
            value = node(height, at)
            self.nodes[f"{height}.{at}"] = _text(value)
            return value

        inclusion_proof(index, self.size, kept, tree)


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry, and where it is proved; `log` None: under no signed head."""

    entry_id: str
    seq: int
    body: bytes
    log: int | None
    index: int | None


@dataclass(frozen=True, slots=True)
class ReceiptMaker:
    """Makes receipts out of the stores; reads only.

    `logs` opens the shards, the oldest first (`audit.shards.reading_all`: where the archive of a
    closed one is away, nothing is issued, since a receipt with a hole would look like a forgery);
    `producers` are the stores that record entries.
    """

    logs: Callable[[], AbstractContextManager[Sequence[Connection]]]
    producers: Mapping[str, Engine]
    vault: SubjectVault

    def of_case(self, case_id: str, shows: Shows, statement: Statement) -> dict[str, Any]:
        """Return the receipt of a whole case. Raises `NothingToProve`, `Purged`."""
        # The waiting ones first: what is drained meanwhile is in the log by then, never in neither.
        stream = f"case:{case_id}"
        waiting = self._waiting(audit_outbox.c.stream == stream)
        logs, found = self._sealed(lambda reader: reader.stream(stream))
        last = found[-1].seq if found else 0
        found += [one for one in waiting if one.seq > last]
        if not found:
            raise NothingToProve(case_id)
        return self._receipt("case", case_id, logs, found, shows, statement)

    def of_entry(self, entry_id: str, shows: Shows, statement: Statement) -> dict[str, Any]:
        """Return the receipt of one entry. Raises `NothingToProve`, `Purged`."""
        waiting = self._waiting(audit_outbox.c.entry_id == entry_id)
        logs, found = self._sealed(
            lambda reader: [one] if (one := reader.entry(entry_id)) is not None else []
        )
        found = found or waiting
        if not found:
            raise NothingToProve(entry_id)
        if not found[0].body:
            raise Purged(entry_id)
        stream = str(parse_entry(found[0].body)["s"]["id"])
        case_id = stream.partition(":")[2] if stream.startswith("case:") else ""
        return self._receipt("entry", case_id, logs, found[:1], shows, statement)

    # --- the entries and their proofs ---

    def _waiting(self, condition: Any) -> list[_Found]:
        table = audit_outbox.c
        query = select(table.entry_id, table.seq, table.body).where(condition).order_by(table.seq)
        found = []
        for engine in self.producers.values():
            with reading(engine) as connection:
                for row in connection.execute(query):
                    found.append(_Found(row.entry_id, row.seq, bytes(row.body), None, None))
        return found

    def _sealed(
        self, entries: Callable[[LogReader], Sequence[StoredEntry]]
    ) -> tuple[list[_Log], list[_Found]]:
        logs: list[_Log] = []
        found: list[_Found] = []
        with self.logs() as connections:
            for connection in connections:
                reader, second = LogReader(connection), SecondTree(connection)
                rows = entries(reader)
                if not rows:
                    continue
                log = _log(reader, second, rows)
                if log is not None:
                    logs.append(log)
                found += [_found(reader, second, row, log, len(logs) - 1) for row in rows]
        return logs, found

    # --- the whole ---

    def _receipt(
        self,
        scope: str,
        case_id: str,
        logs: Sequence[_Log],
        found: Sequence[_Found],
        shows: Shows,
        statement: Statement,
    ) -> dict[str, Any]:
        if any(not one.body for one in found):
            raise Purged(case_id or found[0].entry_id)
        payloads, withheld = self._payloads(found, shows)
        return {
            "format": FORMAT,
            "scope": scope,
            "case": case_id,
            "issued": dict(statement.issued),
            "logs": [log.spelled() for log in logs],
            "entries": [
                {"log": one.log, "index": one.index, "body": _text(one.body)} for one in found
            ],
            "payloads": payloads,
            "withheld": withheld,
            "clock": None if statement.clock is None else dict(statement.clock),
        }

    def _payloads(
        self, found: Sequence[_Found], shows: Shows
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        shown: list[dict[str, Any]] = []
        withheld: list[dict[str, Any]] = []
        stored = self._stored([one.entry_id for one in found])
        for place, one in enumerate(found):
            body = parse_entry(one.body)
            for said in body.get("pay", ()):
                name = str(said["n"])
                if not shows(body, name):
                    withheld.append({"entry": place, "name": name, "why": "withheld"})
                    continue
                row = stored.get((one.entry_id, name))
                opened = self._opened(one.entry_id, name, row, bytes.fromhex(said["c"]))
                if isinstance(opened, str):
                    withheld.append({"entry": place, "name": name, "why": opened})
                    continue
                salt, content = opened
                part = {"entry": place, "name": name}
                shown.append({**part, "salt": _text(salt), "content": _text(content)})
        return shown, withheld

    def _opened(
        self, entry_id: str, name: str, row: tuple[str, bytes] | None, committed: bytes
    ) -> tuple[bytes, bytes] | str:
        """Return salt and content, or why there is none: a receipt is never a reason to fail."""
        if row is None:
            return "gone"
        try:
            return disclose(self.vault, entry_id, name, *row, committed)
        except KeyDestroyed:
            return "erased"
        except UnknownSubject:
            return "gone"
        except (PayloadAltered, SealBroken):
            return "altered"

    def _stored(self, ids: Sequence[str]) -> dict[tuple[str, str], tuple[str, bytes]]:
        table = audit_payload.c
        query = select(table.entry_id, table.name, table.subject, table.sealed)
        found: dict[tuple[str, str], tuple[str, bytes]] = {}
        for engine in self.producers.values():
            with reading(engine) as connection:
                for start in range(0, len(ids), 500):  # bound variables per statement
                    chosen = list(ids[start : start + 500])
                    for row in connection.execute(query.where(table.entry_id.in_(chosen))):
                        found[row.entry_id, row.name] = (row.subject, bytes(row.sealed))
        return found


def spell_receipt(receipt: Mapping[str, Any]) -> bytes:
    """Return the file: sorted compact JSON in UTF-8."""
    spelled = json.dumps(receipt, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return spelled.encode()


def file_name(receipt: Mapping[str, Any]) -> str:
    """Return the file's name: of a case `case-<id>…`, of a step the entry's id."""
    if receipt["scope"] == "case":
        return f"case-{receipt['case']}{ENDING}"
    body = parse_entry(base64.b64decode(receipt["entries"][0]["body"]))
    return f"entry-{body['id']}{ENDING}"


def _log(reader: LogReader, second: SecondTree, rows: Sequence[StoredEntry]) -> _Log | None:
    """Return the log with the head that proves most of the rows and says most about itself.

    An older head with a time-stamp token is taken before the newest, if it covers as many rows and
    as many witnesses cosigned it. The head of the tree over SM3 goes with either.
    """
    newest = reader.last_checkpoint()
    if newest is None or newest.size <= rows[0].index:
        return None
    covered = max(row.index for row in rows if row.index < newest.size) + 1
    newest = reader.vouched_checkpoint(covered) or newest
    note, origin = reader.cosigned_note(newest.size), reader.state().origin
    log = _Log(origin, newest.size, note)
    anchor = reader.anchor_over(covered)
    if anchor is not None and anchor.kind == STAMPED_BY:
        stamped = reader.cosigned_note(anchor.size)
        if stamped.count("\n") >= note.count("\n"):
            log = _Log(origin, anchor.size, stamped, anchor.token)
    head = second.last_checkpoint()
    if head is not None and head.size >= covered:
        log.second = _Log(f"{origin}{SUFFIX}", head.size, head.note)
    return log


def _found(
    reader: LogReader, second: SecondTree, row: StoredEntry, log: _Log | None, place: int
) -> _Found:
    if log is None or row.index >= log.size:
        return _Found(row.entry_id, row.stream_seq, row.body, None, None)
    log.prove(row.index, reader.node, SHA256)
    if log.second is not None:
        log.second.prove(row.index, second.node, SM3)
    return _Found(row.entry_id, row.stream_seq, row.body, place, row.index)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
