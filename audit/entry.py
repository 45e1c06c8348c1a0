"""Entry v1: what one line of the log says, and how a draft becomes the bytes that are hashed.

Field names are those of the plan (who, from, act, obj, res, why, pol, rule, wf, s, pay). Bodies
hold pseudonyms and commitments, never names, numbers or free text about a person.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import UUID, uuid5

from audit.canonical import check, parse_strict, spell

VERSION: Final = 1
NO_PREVIOUS: Final = bytes(32)
"""What `s.prev` says for the first entry of a stream."""

CLOCK_SLACK_SECONDS = 60
"""How far an entry's instant may lie before its predecessor's in the stream: several doors with
clocks kept by NTP write to one system stream. More is a clock set back, which is refused."""

ERASED: Final = "payload.erased"
"""Act of the entry that records an erasure: `obj` is type `subject` with the pseudonym as id, and
`why` its legal ground (个人信息保护法第四十七条). Without it a destroyed key is a tampering."""

LOG_STREAM: Final = "sys:log"
"""What befalls the log: keys, shards, anchors, witnesses, erasure, verification, searches."""

KEY_ROTATED: Final = "audit.key.rotated"
"""Act of the entry that announces the log's next key: `obj` is type `key` with the new vkey as id.
It stands under a head of the old key."""

KEY_REVOKED: Final = "audit.key.revoked"
"""Act of the entry about a compromised key: `obj` is type `key` with its vkey as id and, as `step`,
the last size at which its heads are trusted; `why` the reason. It stands under the new key."""

SHARD_CLOSED: Final = "audit.shard.closed"
"""Act of an entry near a shard's end: `obj` is type `shard` with the shard's origin as id."""

SHARD_OPENED: Final = "audit.shard.opened"
"""Act of a shard's first entry: `obj` is type `shard` with the new origin as id and, as `step`,
`<size> <origin>` of the shard before; `before` is that shard's root, `after` its root under SM3
where there is a second tree; `why` says what its last head lacks (`unwitnessed`, `untokened`)."""

ANCHORED: Final = "audit.anchored"
"""Act of the entry about a time-stamp token: `obj` is type `head` with the origin as id, as `step`
the size, as `doc` the token's SHA-256; with result `error`, `why` says what failed."""

COMMAND_NAMESPACE: Final = UUID("8f3b1d1e-6d0c-5c55-9a5e-2f6c6f1f9b10")
"""Namespace for command ids that are not UUIDs themselves. Fixed for ever: ids derive from it."""

Kind = Literal["human", "service", "ai", "citizen", "system"]
Outcome = Literal["ok", "deny", "error"]

_STREAM = re.compile(r"[a-z]{2,16}:\S{1,190}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX32 = re.compile(r"[0-9a-f]{64}")


class EntryInvalid(ValueError):
    """An entry does not have the shape of v1; the message names the field."""


@dataclass(frozen=True, slots=True)
class Who:
    """The actor. `id` is a pseudonym (`audit.vault.pseudonym`), or `system` for a timer's step."""

    id: str
    kind: Kind
    org: str | None = None
    role: str | None = None
    auth: str | None = None
    on_behalf: str | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """Whence the act came. Spelled `from` in the body."""

    ip: str | None = None
    host: str | None = None
    svc: str | None = None
    ver: str | None = None
    cert: str | None = None


@dataclass(frozen=True, slots=True)
class What:
    """The object acted on. `doc` is the hex SHA-256 of the step's document."""

    type: str
    id: str
    step: str | None = None
    doc: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """Which policy decision: its id (the warrant's), its effect, and model+policy version."""

    dec: str
    eff: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class RuleRef:
    """Which version of which rule set was applied, with its digest."""

    id: str
    ver: str
    hash: str


@dataclass(frozen=True, slots=True)
class WorkflowRef:
    """Where in Temporal's history the step stands."""

    ns: str
    id: str
    run: str | None = None
    evt: int | None = None
    act: str | None = None
    att: int | None = None


@dataclass(frozen=True, slots=True)
class PayloadRef:
    """A committed payload: its name, commitment, length in bytes and media type."""

    name: str
    commitment: bytes
    length: int
    media_type: str


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """One entry before it has a place in its stream.

    `id` is `entry_id(command_id, step)`. `at` is the instant of recording (aware); business time
    that lies elsewhere (补录) goes to `occurred_at`. `before` and `after` are hex SHA-256 digests
    of the canonical state, salted when the state can be guessed. `closes`: with it the case is in
    the archive, and the entry says how many there are.
    """

    id: str
    stream: str
    at: datetime
    who: Who
    act: str
    obj: What
    res: Outcome = "ok"
    why: str | None = None
    where: Where | None = None
    before: str | None = None
    after: str | None = None
    pol: PolicyRef | None = None
    rule: RuleRef | None = None
    wf: WorkflowRef | None = None
    occurred_at: datetime | None = None
    closes: bool = False


def entry_id(command_id: UUID | str, step: str) -> str:
    """Return the id of the entry that `step` of this command writes: the same at every retry.

    A workflow's run id takes no part: it would change after a reset.
    """
    return str(uuid5(_namespace(command_id), step))


def digest_of(content: bytes) -> str:
    """Return the hex SHA-256 of a document or a canonical state, as `obj.doc` wants it."""
    return sha256(content).hexdigest()


def utc_text(moment: datetime) -> str:
    """Return the moment as UTC with six decimals and `Z`. Raises `EntryInvalid` if naive."""
    if moment.tzinfo is None:
        raise EntryInvalid(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def facts_of(draft: EntryDraft, payloads: Sequence[PayloadRef]) -> dict[str, Any]:
    """Return the body without its place: everything the caller says, absent fields left out.

    Raises `EntryInvalid` for the shape, `NotCanonical` for the spelling.
    """
    _check_draft(draft, payloads)
    body: dict[str, Any] = {
        "v": VERSION,
        "id": draft.id,
        "t": utc_text(draft.at),
        "who": _present(draft.who),
        "act": draft.act,
        "obj": _present(draft.obj),
        "res": draft.res,
    }
    for name, text in (("why", draft.why), ("before", draft.before), ("after", draft.after)):
        if text is not None:
            body[name] = text
    parts = (("from", draft.where), ("pol", draft.pol), ("rule", draft.rule), ("wf", draft.wf))
    for name, part in parts:
        if part is not None:
            body[name] = _present(part)
    if draft.occurred_at is not None:
        body["occ"] = utc_text(draft.occurred_at)
    if payloads:
        body["pay"] = [
            {"n": p.name, "c": p.commitment.hex(), "len": p.length, "mt": p.media_type}
            for p in payloads
        ]
    check(body)
    return body


def content_digest(facts: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 that tells a retry from another entry under the same id.

    Leaves out `t` and `wf`: a second attempt has another clock reading and attempt number, and
    still says the same thing.
    """
    said = {name: value for name, value in facts.items() if name not in ("t", "wf", "s")}
    return sha256(spell(said)).digest()


def body_bytes(
    facts: Mapping[str, Any], stream: str, seq: int, previous: bytes, closes: bool = False
) -> bytes:
    """Return the stored bytes: the facts with their place in the stream (`seq` from 1).

    An entry that closes a case carries `s.count`, the entries of the stream up to itself: who has
    them all, with nothing after, has the whole case.
    """
    place: dict[str, Any] = {"id": stream, "seq": seq, "prev": previous.hex()}
    if closes:
        place["count"] = seq
    check(place)
    return spell({**facts, "s": place})


def parse_entry(stored: bytes) -> dict[str, Any]:
    """Return a stored body after checking spelling and shape; the verifier's reader.

    Raises `NotCanonical` for the spelling, `EntryInvalid` for an unknown, missing or ill-typed
    field.
    """
    body = parse_strict(stored)
    _check_fields("", body, _TOP, _TOP_REQUIRED)
    for name, (fields, required) in _PARTS.items():
        if name in body:
            _check_fields(name + ".", body[name], fields, required)
    for payload in body.get("pay", ()):
        _check_fields("pay.", payload, _PAY, frozenset(_PAY))
    if body["v"] != VERSION or body["s"]["seq"] < 1 or body["res"] not in ("ok", "deny", "error"):
        raise EntryInvalid("v, s.seq or res is out of range")
    if body["s"].get("count", body["s"]["seq"]) != body["s"]["seq"]:
        raise EntryInvalid("s.count is not the entry's own place")
    for text, pattern in ((body["t"], _TIME), (body["s"]["prev"], _HEX32)):
        if not pattern.fullmatch(text):
            raise EntryInvalid(f"{text!r} is not spelled as a v1 entry spells it")
    return body


_WORDS = {
    "who": ("id", "kind", "org", "role", "auth", "on_behalf"),
    "from": ("ip", "host", "svc", "ver", "cert"),
    "obj": ("type", "id", "step", "doc"),
    "pol": ("dec", "eff", "rule"),
    "rule": ("id", "ver", "hash"),
    "wf": ("ns", "id", "run", "act"),
    "s": ("id", "prev"),
}
_NUMBERS = {"wf": ("evt", "att"), "s": ("seq", "count")}
_NEEDED = {
    "who": ("id", "kind"),
    "obj": ("type", "id"),
    "pol": ("dec", "eff"),
    "rule": ("id", "ver", "hash"),
    "wf": ("ns", "id"),
    "s": ("id", "seq", "prev"),
}
_PARTS: dict[str, tuple[dict[str, type], frozenset[str]]] = {
    name: (
        {**dict.fromkeys(words, str), **dict.fromkeys(_NUMBERS.get(name, ()), int)},
        frozenset(_NEEDED.get(name, ())),
    )
    for name, words in _WORDS.items()
}
_TOP: dict[str, type] = {
    **dict.fromkeys(("id", "t", "occ", "act", "res", "why", "before", "after"), str),
    **dict.fromkeys(_WORDS, dict),
    "v": int,
    "pay": list,
}
_TOP_REQUIRED = frozenset({"v", "id", "t", "who", "act", "obj", "res", "s"})
_PAY: dict[str, type] = {"n": str, "c": str, "len": int, "mt": str}


def _namespace(command_id: UUID | str) -> UUID:
    if isinstance(command_id, UUID):
        return command_id
    try:
        return UUID(command_id)
    except ValueError:
        return uuid5(COMMAND_NAMESPACE, command_id)


def _check_fields(
    where: str, value: Any, fields: Mapping[str, type], required: frozenset[str]
) -> None:
    if type(value) is not dict:
        raise EntryInvalid(f"{where or 'the body'} is not an object")
    for name, member in value.items():
        wanted = fields.get(name)
        if wanted is None:
            raise EntryInvalid(f"{where}{name} is not a field of entry v{VERSION}")
        if type(member) is not wanted:
            raise EntryInvalid(f"{where}{name} is {type(member).__name__}, not {wanted.__name__}")
    if not required <= value.keys():
        raise EntryInvalid(f"{where}{min(required - value.keys())} is missing")


def _check_draft(draft: EntryDraft, payloads: Sequence[PayloadRef]) -> None:
    if not _STREAM.fullmatch(draft.stream):
        raise EntryInvalid(f"{draft.stream!r} is not a stream such as case:2026-17 or sys:auth:07")
    if not _ID.fullmatch(draft.id):
        raise EntryInvalid(f"{draft.id!r} is not an entry id in lower case")
    for digest in (draft.before, draft.after, draft.obj.doc):
        if digest is not None and not _HEX32.fullmatch(digest):
            raise EntryInvalid(f"{digest!r} is not a hex SHA-256")
    if len({p.name for p in payloads}) != len(payloads):
        raise EntryInvalid("two payloads of one entry have the same name")


def _present(part: Who | Where | What | PolicyRef | RuleRef | WorkflowRef) -> dict[str, Any]:
    return {name: value for name in part.__slots__ if (value := getattr(part, name)) is not None}
