"""Parts of different ages: which part of an installation is older than the others.

Whoever puts back an older store, key folder or memory beside newer ones rolls a part of the city
back. Each pair of parts tells it by something that only grows: a stream's positions, the size
that was signed, the keys that the log says were made, the steps that a history has. This reads and
changes nothing, and the city may run meanwhile: what may only lag is read first, or twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, func, select
from temporalio.client import Client

from activities.indexing import KEY_SUBJECT
from audit.erasing import erased_in
from audit.logstore import LogReader
from audit.masters import fingerprint, key_id
from audit.shards import closed_shards, log_engines, stream_of
from audit.signer_memory import SignedHead, read_memory
from audit.tables import (
    audit_checkpoint,
    audit_entry,
    audit_outbox,
    audit_payload,
    audit_stream,
    audit_subject_key,
)
from audit.witness import Witness, WitnessNotFounded
from cases.blind_index import LIVE
from cases.database import open_engine, reading
from cases.index_tables import index_key
from yichuang import joining
from yichuang.acts import workflow_of
from yichuang.history_steps import read_run
from yichuang.key_log import KEYS, MADE, MASTER, ROTATED
from yichuang.keyring import master_keys
from yichuang.rewrapping import VAULT_STORES
from yichuang.sequencer import SOURCES
from yichuang.settings import Settings
from yichuang.signer import STATE_FILE

Older = str
"""The part that is older: a store by its name, `log`, `signer`, `witness`, `keys folder`,
`temporal`."""

NAMES: Final[Mapping[Older, str]] = {
    "cases": "办件库", "web": "人员入口库", "gateway": "系统入口库", "readings": "监测读数库",
    "signals": "信号库",
    "log": "日志库", "keys": "个人密钥库", "signer": "签名目录（signed.json）",
    "witness": "见证人目录", "keys folder": "密钥目录", "temporal": "流程引擎的库",
}  # fmt: skip
SHOWN: Final = 3


@dataclass(frozen=True)
class Rollback:
    """A part that is older than another one, and by what that shows."""

    older: Older
    newer: Older
    why: str

    def __str__(self) -> str:
        return f"{NAMES[self.older]}比{NAMES[self.newer]}旧：{self.why}"


def rollbacks(settings: Settings) -> list[Rollback]:
    """Return every part that is older than another, Temporal apart. Raises `OSError`,
    `LogMissing`, SQLAlchemy's errors for a store that cannot be read."""
    engines: dict[str, Engine] = {
        name: open_engine(settings.store_url(name), read_only=True) for name in (*SOURCES, "keys")
    }
    try:
        found = [
            *_streams(engines),
            *_signer(settings, engines["log"]),
            *_witness(settings, engines["log"]),
            *_keys(settings, engines),
        ]
    finally:
        for engine in engines.values():
            engine.dispose()
    return found


async def rollbacks_of_temporal(settings: Settings, client: Client) -> list[Rollback]:
    """Return whether Temporal's histories and the rows are of different ages. Raises `RPCError`."""
    cases = open_engine(settings.store_url("cases"), read_only=True)
    log = open_engine(settings.store_url("log"), read_only=True)
    try:
        before = _known(cases, log)
        behind: set[str] = set()
        done: dict[str, str] = {}
        async for one in client.list_workflows():
            read = await read_run(client, one.id, one.run_id)
            behind |= {step.entry_id for step in read.evidence}
            done |= {s.entry_id: s.workflow_id for s in read.evidence if s.needed}
        known = _known(cases, log)
    finally:
        cases.dispose()
        log.dispose()
    found = []
    lost = [workflow for entry, workflow in done.items() if entry not in known]
    if lost:
        why = f"流程里有 {len(lost)} 个办完的环节，它和日志都没有记录（{_some(set(lost))}）"
        found.append(Rollback("cases", "temporal", why))
    # What is older than the retention may stand in runs that Temporal has lawfully forgotten.
    oldest = datetime.now(UTC) - timedelta(days=settings.temporal_retention_days)
    unfounded = {
        stream
        for entry, (stream, at) in before.items()
        if entry not in behind and stream and datetime.fromisoformat(at) >= oldest
    }
    if unfounded:
        why = f"日志里 {_some(unfounded)} 等 {len(unfounded)} 个流有它的历史里没有的环节"
        found.append(Rollback("temporal", "cases", why))
    return found


def _known(cases: Engine, log: Engine) -> dict[str, tuple[str, str]]:
    """Return every entry id of the log and of the cases store, with stream and time where it is a
    step that a workflow must have in its history, else empty."""
    found: dict[str, tuple[str, str]] = {}
    for engine, table in ((cases, audit_outbox), *((e, audit_entry) for e in log_engines(log))):
        with reading(engine) as connection:
            for row in connection.execute(select(table.c.entry_id, table.c.stream, table.c.body)):
                found[row.entry_id] = _claimed(row.stream, bytes(row.body))
    return found


def _claimed(stream: str, body: bytes) -> tuple[str, str]:
    if not body:
        return "", ""
    said = orjson.loads(body)
    denied = said["res"] == "deny"
    is_step = workflow_of(stream, said["act"], denied) == "step" and not denied
    return (stream, said["t"]) if is_step else ("", "")


# --- stores against the log ----------------------------------------------------------------------


def _streams(engines: Mapping[str, Engine]) -> Iterator[Rollback]:
    before = _logged(engines["log"])
    owners: dict[str, str] = {}
    for name in SOURCES:
        with reading(engines[name]) as connection:
            heads = _heads(connection)
            waiting = _waiting(connection)
        logged = _logged(engines["log"])
        owners |= dict.fromkeys(heads, name)
        if name == "log":
            continue
        behind = {one: before[one] - seq for one, seq in heads.items() if before.get(one, 0) > seq}
        if behind:
            why = f"日志里有它没有的 {sum(behind.values())} 条（{_some(behind)}）"
            yield Rollback(name, "log", why)
        ahead = {
            one: seq - logged.get(one, 0) - waiting.get(one, 0)
            for one, seq in heads.items()
            if seq > logged.get(one, 0) + waiting.get(one, 0)
        }
        if ahead:
            why = f"它交给日志的 {sum(ahead.values())} 条不在日志里（{_some(ahead)}）"
            yield Rollback("log", name, why)
    strange: dict[str, set[str]] = {}
    for stream in before.keys() - owners.keys():
        strange.setdefault(_owner(stream), set()).add(stream)
    for owner, streams in sorted(strange.items()):
        why = f"日志里有它没有的 {len(streams)} 个流（{_some(streams)}）"
        yield Rollback(owner, "log", why)


def _heads(connection: Connection) -> dict[str, int]:
    stream = audit_stream.c
    return {row.stream: row.seq for row in connection.execute(select(stream.stream, stream.seq))}


def _waiting(connection: Connection) -> dict[str, int]:
    query = select(audit_outbox.c.stream, func.count().label("n")).group_by(audit_outbox.c.stream)
    return {row.stream: row.n for row in connection.execute(query)}


def _logged(log: Engine) -> dict[str, int]:
    newest: dict[str, int] = {}
    column = audit_entry.c
    query = select(column.stream, func.max(column.stream_seq).label("seq")).group_by(column.stream)
    for engine in log_engines(log):
        with reading(engine) as connection:
            for row in connection.execute(query):
                newest[row.stream] = max(newest.get(row.stream, 0), row.seq)
    return newest


def _owner(stream: str) -> str:
    """Return which store writes a stream that none has."""
    last = stream.rsplit(":", 1)[-1]
    if last in SOURCES:
        return last
    if stream.startswith(("case:", "release:", "payment:", "warning:", "performance:")):
        return "cases"
    of = {
        "sys:orders": "gateway", "sys:read:nats": "gateway", "sys:gateway": "gateway",
        "sys:readings": "readings", "sys:events:readings": "readings", "sys:signals": "signals",
        "sys:signalling": "signals",
        "sys:log": "log",
        "sys:alarms": "cases", "sys:reconcile": "cases", "sys:backup": "cases",
    }  # fmt: skip
    return of.get(stream, "web")


# --- memories against the log --------------------------------------------------------------------


def _signer(settings: Settings, log: Engine) -> Iterator[Rollback]:
    signed = _signed(log)
    try:
        head = read_memory(settings.signer_path / STATE_FILE).head
    except FileNotFoundError:
        return  # another machine's
    yield from _remembered("signer", "签名", head, log, signed)


def _witness(settings: Settings, log: Engine) -> Iterator[Rollback]:
    try:
        heads = [
            SignedHead(o.origin, o.size, o.root) for o in Witness(settings.witness_path).logs()
        ]
    except (WitnessNotFounded, OSError):
        return
    for head in heads:
        if not head.origin.endswith("/sm3"):
            yield from _remembered("witness", "联署", head, log, None)


def _signed(log: Engine) -> tuple[str, int]:
    """Return the open shard and its last signed size."""
    with reading(log) as connection:
        origin = LogReader(connection).state().origin
        return origin, connection.scalar(select(func.max(audit_checkpoint.c.size))) or 0


def _remembered(
    who: Older, did: str, head: SignedHead, log: Engine, signed: tuple[str, int] | None
) -> Iterator[Rollback]:
    """Hold what a signer or witness remembers against the log's own heads.

    `signed` is what the log had before the memory was read; None for a witness, which may have
    been away and remember less.
    """
    with reading(log) as connection:
        state = LogReader(connection).state()
        shards = {one.origin for one in closed_shards(connection)}
        column = audit_checkpoint.c
        same = select(column.root).where(column.size == head.size)
        root = connection.scalar(same) if head.origin == state.origin else None
    if head.origin in shards:
        if signed is not None and signed[0] != head.origin:
            yield Rollback(who, "log", f"它记得的分片 {head.origin} 已经关闭")
        return
    if head.origin != state.origin:
        yield Rollback("log", who, f"{did}到了分片 {head.origin}，日志还在 {state.origin}")
    elif head.size > state.size:
        yield Rollback("log", who, f"已{did}到 {head.size} 条，日志只有 {state.size} 条")
    elif root is not None and bytes(root) != head.root:
        yield Rollback("log", who, f"{did}过的第 {head.size} 条处的树头与日志不同：另有一部历史")
    elif signed is not None and signed[0] == head.origin and head.size < signed[1]:
        yield Rollback(who, "log", f"日志有 {signed[1]} 条的签名树头，它只记得签到 {head.size} 条")


# --- keys ----------------------------------------------------------------------------------------


def _keys(settings: Settings, engines: Mapping[str, Engine]) -> Iterator[Rollback]:
    held = {store: joining.vault_of(settings, engines[store]).under() for store in VAULT_STORES}
    masters = master_keys(settings)
    ids = {key_id(one).hex() for one in masters}
    for store, under in held.items():
        for id in sorted(under.keys() - ids - {""}):
            why = f"{under[id]} 个个人密钥封在它没有的主密钥 {id} 下"
            yield Rollback("keys folder", store, why)
    told = _told(engines, "cases")
    made = {one["obj"]["id"] for one in told if _is(one, MADE, "subject")}
    with reading(engines["cases"]) as connection:
        # A key is told of before it is made: only what has sealed something must be there.
        used = set(connection.scalars(select(audit_payload.c.subject).distinct()))
        asked = select(index_key.c.id).where(index_key.c.state.in_(LIVE))
        searched = set(connection.scalars(asked))
    key = audit_subject_key.c
    with reading(engines["keys"]) as connection:
        there = set(connection.scalars(select(key.id)))
        living = set(connection.scalars(select(key.id).where(key.wrapped_key.is_not(None))))
    if lacking := (made & used) - there:
        yield Rollback("keys", "cases", f"它没有 {len(lacking)} 个封着材料的个人密钥")
    if unfound := {KEY_SUBJECT + one for one in searched} - there:
        yield Rollback("keys", "cases", f"它没有 {len(unfound)} 个盲索引的密钥，按姓名查不到人")
    if back := living & erased_in(engines["log"]).keys():
        yield Rollback("keys", "log", f"{len(back)} 个已依法删除的个人密钥又在里面，须再删一次")
    rotated = [one for one in told if _is(one, ROTATED, "key")]
    if rotated and rotated[-1]["obj"]["doc"] != fingerprint(masters[0]):
        known = {fingerprint(one) for one in masters}
        if rotated[-1]["obj"]["doc"] not in known:
            why = f"日志说已换用主密钥 {rotated[-1]['obj']['doc'][:16]}，它没有"
            yield Rollback("keys folder", "log", why)


def _told(engines: Mapping[str, Engine], store: str) -> list[dict[str, Any]]:
    """Return the entries about a store's keys, in order: those of the log, then those that wait."""
    stream = KEYS + store
    bodies = [one.body for one in stream_of(engines["log"], stream)]
    query = select(audit_outbox.c.body).where(audit_outbox.c.stream == stream)
    with reading(engines[store]) as connection:
        bodies += [bytes(one) for one in connection.scalars(query.order_by(audit_outbox.c.pos))]
    return [orjson.loads(one) for one in bodies if one]


def _is(entry: Mapping[str, Any], act: str, kind: str) -> bool:
    named = kind != "key" or entry["obj"]["id"] == MASTER
    return bool(entry["act"] == act and entry["obj"]["type"] == kind and named)


def _some(names: Mapping[str, object] | set[str] | Sequence[str]) -> str:
    return "、".join(sorted(names)[:SHOWN])
