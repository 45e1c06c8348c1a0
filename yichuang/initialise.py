"""Making an installation: keys, stores, log, the shipped versions, the three administrators.

Idempotent and safe to interrupt: each step looks at what is there and adds what is missing, so a
crash in the middle is mended by the next run. Nothing that is there is ever replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import Connection

from audit.logstore import LogFounded, found_log
from audit.notes import NoteKey, NoteVerifier
from audit.signer import init_signer
from cases.accounts import Accounts
from cases.database import open_engine
from cases.releases import Check, Proposal, ReleaseRefused, seed
from catalogue.load import Catalogue, canonical, load_catalogue
from catalogue.matters import Matter
from policies.identity import Credentials
from policies.policy import MODEL_FILE, ROWS_FILE, load_policy
from rules.load import load_packs
from yichuang import keyring
from yichuang.joining import sealer_of, vault_of
from yichuang.settings import STORES, Settings
from yichuang.signer import KEY_FILE, STATE_FILE
from yichuang.stores import create_schema, migrate
from yichuang.web_accounts import recorder

SEEDED = Check("随程序发布，由构建时的检查放行", True)


def initialise(settings: Settings) -> list[str]:
    """Make what is missing and return the lines to show, once: codes are in no store in plain.

    Raises `StoreUnwritable`, `SchemaAhead`, `OSError`; run again once the cause is removed.
    """
    _folders(settings)
    lines = [f"已生成密钥 {path.name}" for path in keyring.create_missing_keys(settings)]
    lines += _signer(settings)
    for store in STORES:
        create_schema(settings.store_url(store))
        engine = open_engine(settings.store_url(store))
        if migrate(engine, store):
            lines.append(f"已建好 {store} 库")
        engine.dispose()
    lines += _log(settings)
    lines += _releases(settings)
    lines += _administrators(settings)
    return lines


def log_vkey_path(settings: Settings) -> Path:
    """Where the log's public key lies, as a C2SP signed-note verifier key."""
    return settings.keys_folder / "log.vkey"


def log_verifier(settings: Settings) -> NoteVerifier:
    """Return the log's public key. Raises `FileNotFoundError` before the first `initialise`."""
    return NoteVerifier.parse(log_vkey_path(settings).read_text(encoding="utf-8"))


def _folders(settings: Settings) -> None:
    for folder in (settings.data, settings.keys_folder, settings.signer_path):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _signer(settings: Settings) -> Iterator[str]:
    key, state = settings.signer_path / KEY_FILE, settings.signer_path / STATE_FILE
    public = log_vkey_path(settings)
    if public.exists():
        return
    if not state.exists():
        # A crash between the two files: the key has signed nothing yet, so it is made anew.
        key.unlink(missing_ok=True)
        init_signer(key, state, settings.origin)
    private = load_pem_private_key(key.read_bytes(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError(f"{key} 不是 Ed25519 私钥")
    _write_whole(public, NoteKey(settings.origin, private).verifier.vkey)
    yield f"已生成日志签名密钥 {settings.origin}"


def _log(settings: Settings) -> Iterator[str]:
    engine = open_engine(settings.store_url("log"))
    try:
        found_log(engine, settings.origin)
    except LogFounded:
        return
    finally:
        engine.dispose()
    yield f"已建立日志 {settings.origin}"


def _releases(settings: Settings) -> Iterator[str]:
    engine = open_engine(settings.store_url("cases"))
    now = datetime.now(UTC)
    try:
        with engine.begin() as connection:
            yield from _matters(connection, load_catalogue(packs=load_packs()), now)
            yield from _packs(connection, now)
            yield from _policy(connection, now)
    finally:
        engine.dispose()


def _matters(connection: Connection, catalogue: Catalogue, now: datetime) -> Iterator[str]:
    for matter in catalogue.matters:
        proposal = Proposal(
            "matter", matter.code, matter.version, canonical(matter).decode(), (SEEDED,)
        )
        yield from _seeded(connection, proposal, now, *_in_force(matter))


def _in_force(matter: Matter) -> tuple[datetime, datetime | None]:
    zone = ZoneInfo(matter.zone)
    since = datetime.combine(matter.in_force_from, time(), zone)
    if matter.in_force_until is None:
        return since, None
    # The last day counts whole: a day ends at 24:00.
    return since, datetime.combine(matter.in_force_until + timedelta(days=1), time(), zone)


def _packs(connection: Connection, now: datetime) -> Iterator[str]:
    for pack in load_packs().values():
        proposal = Proposal("rules", pack.id, pack.version, pack.stored, (SEEDED,))
        first = min(rule.in_force_from for rule in pack.definition.rules)
        since = datetime.combine(first, time(), ZoneInfo(pack.definition.zone))
        yield from _seeded(connection, proposal, now, since, None)


def _policy(connection: Connection, now: datetime) -> Iterator[str]:
    policy = load_policy()
    content = f"{MODEL_FILE.read_text('utf-8')}\n{ROWS_FILE.read_text('utf-8')}"
    # The policy has no number of its own: its digest names it, and each new text is a version.
    proposal = Proposal("policy", "access", policy.version[:32], content, (SEEDED,))
    yield from _seeded(connection, proposal, now, now, None)


def _seeded(
    connection: Connection,
    proposal: Proposal,
    now: datetime,
    since: datetime,
    until: datetime | None,
) -> Iterator[str]:
    try:
        if seed(connection, proposal, now, since, until):
            yield f"已激活随程序发布的 {proposal.kind} {proposal.name} {proposal.version}"
    except ReleaseRefused as taken:
        yield f"注意：{taken.reason}（登记的文本保持不变）"


def _administrators(settings: Settings) -> Iterator[str]:
    engine = open_engine(settings.store_url("web"))
    keys = open_engine(settings.store_url("keys"))
    sealer = sealer_of(settings, vault_of(settings, keys))
    accounts = Accounts(engine, Credentials(), recorder(sealer.who, lambda: str(uuid4())))
    try:
        made = accounts.first_administrators(datetime.now(UTC))
    finally:
        engine.dispose()
        keys.dispose()
    for login, code in made:
        yield f"管理员 {login} 的一次性登记码（只显示这一次）：{code}"


def _write_whole(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
