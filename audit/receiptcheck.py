"""Checking a receipt with the house's own parts: `audit verify-bundle`.

Written apart from `audit.yichuang_verify`, which imports nothing, and from the page: what the three
say of one file is compared. docs/receipt.md names the checks.
"""

import base64
import json
import re
import unicodedata
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.canonical import MAX_DEPTH, MAX_INTEGER, NotCanonical
from audit.commitments import opens
from audit.entry import CLOCK_SLACK_SECONDS, NO_PREVIOUS, EntryInvalid, parse_entry
from audit.merkle import (
    HASH_BYTES,
    SHA256,
    ProofRefused,
    TreeHash,
    inclusion_proof,
    leaf_hash,
    verify_inclusion,
)
from audit.notes import NoteInvalid
from audit.receipts import FORMAT
from audit.report import CLEAN, INCOMPLETE, TAMPERED, UNREADABLE
from audit.secondtree import SUFFIX
from audit.sm3 import SM3
from audit.timestamps import (
    TokenInvalid,
    TokenUnchecked,
    imprint_of,
    stamped_digest,
    verify_token,
)
from audit.trust import PolicyInvalid, TrustedHead, TrustPolicy

MAX_BYTES = 16 * 1024 * 1024
"""Largest receipt that is read; one of 20 steps has 40 KiB."""

_SLACK = timedelta(seconds=CLOCK_SLACK_SECONDS)
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

Place = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Tree(_Part):
    origin: str
    checkpoint: str
    nodes: dict[Annotated[str, Field(pattern=r"^(0|[1-9][0-9]?)\.(0|[1-9][0-9]{0,15})$")], str]


class _Log(_Tree):
    token: str | None = None
    sm3: _Tree | None = None


class _Entry(_Part):
    log: Place | None
    index: Place | None
    body: str


class _Payload(_Part):
    entry: Place
    name: str
    salt: str
    content: str


class _Withheld(_Part):
    entry: Place
    name: str
    why: str


class _Receipt(_Part):
    format: Literal["yichuang-receipt/1"]
    scope: Literal["case", "entry"]
    case: str
    issued: dict[str, Any]
    logs: list[_Log]
    entries: list[_Entry]
    payloads: list[_Payload]
    withheld: list[_Withheld]
    clock: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A check that failed: its code (docs/receipt.md), the entry from 0 or None, and why."""

    code: str
    entry: int | None
    text: str


@dataclass(slots=True)
class ReceiptReport:
    """What was found of one receipt."""

    unreadable: str = ""
    faults: list[Fault] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    heads: list[TrustedHead] = field(default_factory=list)
    entries: int = 0
    disclosed: int = 0
    stamped: list[datetime] = field(default_factory=list)
    """Times that a trusted authority vouches for."""
    unchecked: list[str] = field(default_factory=list)
    """Tokens and second trees that could not be looked at here, and why."""
    scope: str = ""
    case: str = ""
    count: int | None = None
    """What the closing entry counts; None: not closed with a count."""

    @property
    def exit_code(self) -> int:
        """0 genuine, 1 tampered, 2 incomplete, 3 unreadable."""
        if self.unreadable:
            return UNREADABLE
        if self.faults:
            return TAMPERED
        return INCOMPLETE if self.marks else CLEAN

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "exit_code": self.exit_code,
            "unreadable": self.unreadable,
            "faults": [{"code": f.code, "entry": f.entry, "text": f.text} for f in self.faults],
            "marks": list(self.marks),
            "heads": [head.as_json() for head in self.heads],
            "scope": self.scope,
            "case": self.case,
            "entries": self.entries,
            "count": self.count,
            "disclosed": self.disclosed,
            "stamped": [at.isoformat() for at in self.stamped],
            "unchecked": list(self.unchecked),
        }


def check_receipt(stored: bytes, policy: str, authorities: bytes = b"") -> ReceiptReport:
    """Check a receipt against a policy file's text. Never raises for what either says.

    `authorities`: PEM of the time-stamp authorities that are trusted; without, a token must be over
    the head that it stands with, and its maker is not asked.
    """
    report = ReceiptReport()
    try:
        trusted = TrustPolicy.parse(policy)
        receipt = _read(stored)
    except (PolicyInvalid, ValueError) as error:
        report.unreadable = str(error)
        return report
    _Check(receipt, trusted, report, authorities).run()
    return report


# --- reading -------------------------------------------------------------------------------------


def _read(stored: bytes) -> _Receipt:
    """Raises `ValueError` for what is no receipt."""
    if stored.startswith(b"%PDF-"):
        stored = _out_of_paper(stored)
    if len(stored) > MAX_BYTES:
        raise ValueError(f"a receipt has at most {MAX_BYTES} bytes")
    try:
        value = json.loads(
            stored.decode(),
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_refused,
            parse_constant=_refused,
        )
        _check_texts(value, MAX_DEPTH)
        receipt = _Receipt.model_validate(value)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except ValidationError as error:
        raise ValueError(f"not a {FORMAT}: {error.errors()[0]['loc']}") from error
    _check_places(receipt)
    return receipt


_ATTACHED = re.compile(
    rb"/Type /EmbeddedFile.{0,580}?/FlateDecode.{0,40}?/Length ([0-9]{1,9})\s*>>\s*stream\r?\n",
    re.DOTALL,
)


def _out_of_paper(pdf: bytes) -> bytes:
    """Return the one file inside a 回执 PDF. Raises `ValueError`.

    With two, a reader could be shown another than is checked.
    """
    found = _ATTACHED.search(pdf)
    if found is None or pdf.count(b"/Type /EmbeddedFile") != 1:
        raise ValueError("the PDF has not exactly one file inside")
    opened = zlib.decompressobj()
    try:
        content = opened.decompress(pdf[found.end() :][: int(found[1])], MAX_BYTES + 1)
    except zlib.error as error:
        raise ValueError("the file inside the PDF is broken") from error
    if not opened.eof:
        raise ValueError(f"a receipt has at most {MAX_BYTES} bytes")
    return content


def _check_places(receipt: _Receipt) -> None:
    length = len(receipt.entries)
    if length == 0 or (receipt.scope == "entry" and length != 1):
        raise ValueError(f"{length} entries do not fit the scope")
    for entry in receipt.entries:
        if (entry.log is None) != (entry.index is None):
            raise ValueError("an entry has a log and an index, or neither")
        if entry.log is not None and entry.log >= len(receipt.logs):
            raise ValueError(f"there is no log {entry.log}")
    places = [one.entry for one in receipt.payloads] + [one.entry for one in receipt.withheld]
    if max(places, default=0) >= length:
        raise ValueError(f"there is no entry {max(places)}")
    if any("token" in log.model_fields_set and log.token is None for log in receipt.logs):
        raise ValueError("a token is a text")
    if any("sm3" in log.model_fields_set and log.sm3 is None for log in receipt.logs):
        raise ValueError("sm3 is an object")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or not -MAX_INTEGER <= int(text) <= MAX_INTEGER:
        raise ValueError("an integer beyond ±(2^53−1)")
    return int(text)


def _refused(text: str) -> Any:
    raise ValueError(f"{text[:20]} has no place in a receipt")


def _check_texts(value: Any, depth: int, key: str = "") -> None:
    if isinstance(value, str):
        # A checkpoint has line ends, and is held to its own spelling.
        if key != "checkpoint" and any(unicodedata.category(c) in _HIDDEN for c in value):
            raise ValueError(f"{key}: a control or format character")
    elif isinstance(value, dict | list):
        if depth == 0:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        members = value.items() if isinstance(value, dict) else (("", one) for one in value)
        for name, member in members:
            if name and not (name.isascii() and name.isprintable()):
                raise ValueError("a key is not printable ASCII")
            _check_texts(member, depth - 1, name)


def _decoded(encoded: str) -> bytes:
    """Raises `ValueError` for what is not canonical base64."""
    found = base64.b64decode(encoded, validate=True)
    if base64.b64encode(found).decode() != encoded:
        raise ValueError("not the canonical base64 of its bytes")
    return found


# --- checking ------------------------------------------------------------------------------------


class _Check:
    def __init__(
        self, receipt: _Receipt, policy: TrustPolicy, report: ReceiptReport, authorities: bytes
    ) -> None:
        self.receipt, self.policy, self.report = receipt, policy, report
        self.authorities = authorities
        self.stored: list[bytes] = []
        self.bodies: list[dict[str, Any] | None] = []

    def run(self) -> None:
        receipt, report = self.receipt, self.report
        report.scope, report.case = receipt.scope, receipt.case
        report.entries = len(receipt.entries)
        heads = [self._head(log) for log in receipt.logs]
        for place, entry in enumerate(receipt.entries):
            self._body(place, entry)
            if entry.log is None or entry.index is None:
                self._mark("unsealed")
            else:
                self._proved(place, entry.index, heads[entry.log], receipt.logs[entry.log])
        if receipt.scope == "case":
            self._stream()
        elif self.bodies[0] is not None and receipt.case:
            self._own(0, self.bodies[0])
        self._payloads()

    def _proved(self, place: int, index: int, head: TrustedHead | None, log: _Log) -> None:
        if head is not None:
            self._included(place, index, head, log.nodes)
        if log.sm3 is not None and (second := self._second(log.sm3, log.origin)) is not None:
            self._included(place, index, second, log.sm3.nodes, SM3)

    def _second(self, tree: _Tree, origin: str) -> TrustedHead | None:
        """Return the head of the tree over SM3, None without a key of it in the policy."""
        if f"{origin}{SUFFIX}" != tree.origin:
            self._once(Fault("sm3", None, f"a tree of {tree.origin} beside {origin}"))
            return None
        if tree.origin not in self.policy.origins:
            said = f"{tree.origin}: no key of it in the policy"
            if said not in self.report.unchecked:
                self.report.unchecked.append(said)
            return None
        try:
            head = self.policy.open(tree.checkpoint)
        except NoteInvalid as error:
            self._once(Fault("sm3", None, str(error)))
            return None
        if head.checkpoint.origin != tree.origin:
            self._once(Fault("sm3", None, f"a head of {head.checkpoint.origin}"))
            return None
        return head

    def _once(self, fault: Fault) -> None:
        if fault not in self.report.faults:
            self.report.faults.append(fault)

    def _fault(self, code: str, place: int | None, text: str) -> None:
        self.report.faults.append(Fault(code, place, text))

    def _mark(self, name: str) -> None:
        if name not in self.report.marks:
            self.report.marks.append(name)

    def _head(self, log: _Log) -> TrustedHead | None:
        try:
            head = self.policy.open(log.checkpoint)
        except NoteInvalid as error:
            self._fault("signature", None, str(error))
            return None
        if head.checkpoint.origin != log.origin or head.checkpoint.size > MAX_INTEGER:
            self._fault("origin", None, f"a head of {head.checkpoint.origin}, not {log.origin}")
            return None
        self.report.heads.append(head)
        if not head.quorum_met:
            self._mark("quorum")
        if log.token is not None:
            self._token(log.checkpoint, log.token)
        return head

    def _token(self, note: str, token: str) -> None:
        try:
            response, digest = _decoded(token), stamped_digest(note)
            if imprint_of(response) != digest:
                raise TokenInvalid("it is over another head")
            if self.authorities:
                self.report.stamped.append(verify_token(response, digest, self.authorities).at)
        except (ValueError, TokenInvalid) as error:
            self._fault("token", None, str(error))
        except TokenUnchecked as away:
            self.report.unchecked.append(str(away))

    def _body(self, place: int, entry: _Entry) -> None:
        body, stored = None, b""
        try:
            stored = _decoded(entry.body)
            body = parse_entry(stored)
            datetime.fromisoformat(body["t"])
        except (NotCanonical, EntryInvalid, ValueError) as error:
            body = None
            self._fault("spelling", place, str(error))
        self.stored.append(stored)
        self.bodies.append(body)

    def _included(
        self,
        place: int,
        index: int,
        head: TrustedHead,
        nodes: Mapping[str, str],
        tree: TreeHash = SHA256,
    ) -> None:
        def node(height: int, at: int) -> bytes:
            found = _decoded(nodes[f"{height}.{at}"])
            if len(found) != HASH_BYTES:
                raise ValueError(f"node {height}.{at} has {len(found)} bytes")
            return found

        size, root = head.checkpoint.size, head.checkpoint.root
        try:
            path = inclusion_proof(index, size, node, tree)
            verify_inclusion(tree.leaf(self.stored[place]), index, size, path, root, tree)
        except (KeyError, ValueError, ProofRefused) as error:
            self._fault(
                "proof" if tree is SHA256 else "sm3", place, f"index {index} of {size}: {error}"
            )

    def _own(self, place: int, body: Mapping[str, Any]) -> None:
        if body["s"]["id"] != f"case:{self.receipt.case}":
            self._fault("stream", place, f"belongs to {body['s']['id']}")

    def _stream(self) -> None:
        previous, latest, reached = NO_PREVIOUS, None, (-1, -1)
        seen: set[str] = set()
        unsealed = False
        for place, body in enumerate(self.bodies):
            if body is None:
                return  # named already; what follows cannot be linked to it
            entry = self.receipt.entries[place]
            self._own(place, body)
            self._linked(place, body, previous, seen)
            at = datetime.fromisoformat(body["t"])
            if latest is not None and at < latest - _SLACK:
                self._fault("time", place, f"{at} after {latest}")
            here = None if entry.log is None else (entry.log, entry.index or 0)
            if here is not None and (unsealed or here <= reached):
                self._fault("sequence", place, f"{here} after {reached}")
            unsealed = unsealed or here is None
            reached = here or reached
            seen.add(body["id"])
            previous = leaf_hash(self.stored[place])
            latest = at if latest is None else max(at, latest)
            self.report.count = body["s"].get("count", self.report.count)
        if self.report.count is None:
            self._mark("not_closed")

    def _linked(self, place: int, body: Mapping[str, Any], previous: bytes, seen: set[str]) -> None:
        if body["s"]["seq"] != place + 1:
            self._fault("sequence", place, f"place {body['s']['seq']}, not {place + 1}")
        if body["s"]["prev"] != previous.hex():
            self._fault("chain", place, "not linked to the entry before")
        if body["id"] in seen:
            self._fault("identity", place, body["id"])

    def _payloads(self) -> None:
        shown: set[tuple[int, str]] = set()
        for one in self.receipt.payloads:
            if (one.entry, one.name) in shown:
                self._fault("payload", one.entry, f"{one.name} twice")
            shown.add((one.entry, one.name))
            body = self.bodies[one.entry]
            if body is not None and not _opens(one, body):
                self._fault("payload", one.entry, f"{one.name} is not what was committed to")
        self.report.disclosed = len(shown)


def _opens(payload: _Payload, body: Mapping[str, Any]) -> bool:
    said = [one for one in body.get("pay", ()) if one["n"] == payload.name]
    try:
        salt, content = _decoded(payload.salt), _decoded(payload.content)
        committed = bytes.fromhex(said[0]["c"]) if len(said) == 1 else b""
    except ValueError:
        return False
    return opens(committed, salt, content) and said[0]["len"] == len(content)
