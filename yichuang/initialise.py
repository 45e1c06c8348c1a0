"""Making an installation: keys, stores, log, the shipped versions, the three administrators.

Idempotent and safe to interrupt: each step looks at what is there and adds what is missing, so a
crash in the middle is mended by the next run. Nothing that is there is ever replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ProgrammingError

from activities.releasing import seeded
from audit.logstore import LogFounded, found_log
from audit.notes import NoteVerifier
from audit.outbox import record
from audit.signer import Signer, init_signer
from cases.accounts import Accounts
from cases.clock_check import mend, without_rows
from cases.database import open_engine
from cases.releases import (
    LOADED,
    SEED_AUTHOR,
    Check,
    Proposal,
    exists,
    find,
    names,
    propose,
    release_id,
    seed,
)
from catalogue.load import HERE, canonical, load_catalogue, period_of
from catalogue.reading import read_calendar_file
from policies.identity import Credentials
from policies.policy import MODEL_FILE, ROWS_FILE, load_policy, whole_text
from rules.load import load_packs
from yichuang import keyring
from yichuang.index_keys import index_keys
from yichuang.joining import released_of, sealer_of, vault_of
from yichuang.key_log import note_installed
from yichuang.national import found_second
from yichuang.service_seeds import seed_city, seed_services
from yichuang.settings import STORES, SettingMissing, Settings, Store
from yichuang.sharding import first_origin
from yichuang.signer import KEY_FILE, STATE_FILE, passphrase
from yichuang.stores import create_schema, let_in, migrate, open_to_pages
from yichuang.trusting import (
    change_policy,
    city_policy,
    first_policy,
    policy_path,
    with_address,
    with_witness,
)
from yichuang.web_accounts import recorder
from yichuang.witness import FOR_SHOW, SHOWN, founded

SEEDED = Check("随程序发布，由构建时的检查放行", True)


def initialise(settings: Settings) -> list[str]:
    """Make what is missing and return the lines to show, once: codes are in no store in plain.

    Raises `StoreUnwritable`, `SchemaAhead`, `OSError`; run again once the cause is removed.
    """
    _folders(settings)
    lines = [f"已生成密钥 {path.name}" for path in keyring.create_missing_keys(settings)]
    lines += _signer(settings)
    lines += _policy(settings)
    lines += _witness(settings)
    for store in STORES:
        create_schema(settings.store_url(store))
        engine = open_engine(settings.store_url(store))
        if migrate(engine, store):
            lines.append(f"已建好 {store} 库")
        engine.dispose()
    lines += _holders(settings)
    lines += _pages(settings)
    lines += _log(settings)
    lines += found_second(settings, passphrase(settings))
    _keys(settings)
    _index(settings)
    lines += _releases(settings)
    lines += _clocks(settings)
    lines += _administrators(settings)
    return lines


def _holders(settings: Settings) -> Iterator[str]:
    """Let those who come as owners of other stores see who holds which role: the worker of people,
    gateway, telemetry and signals of services."""
    stores: tuple[Store, ...] = ("cases", "gateway", "readings", "signals")
    roles = {make_url(settings.store_url(store)).username for store in stores} - {None}
    engine = open_engine(settings.store_url("web"))
    try:
        for role in sorted(role for role in roles if role):
            try:
                let_in(engine, role)
            except ProgrammingError as refused:
                yield (
                    f"注意：数据库角色 {role} 读不了人员入口的视图，"
                    f"监察牌送达的角色、业务系统的账号核对不了：{refused.orig}"
                )
    finally:
        engine.dispose()


def _pages(settings: Settings) -> Iterator[str]:
    """Let the role under which pages read lists into the cases store."""
    if not settings.page_role:
        return
    engine = open_engine(settings.store_url("cases"))
    try:
        open_to_pages(engine, settings.page_role)
    except ProgrammingError as refused:
        yield (
            f"注意：数据库没有角色 {settings.page_role}，页面的列表读不了办件库；"
            f"请照 docs/operating.md 建好后再次运行 init：{refused.orig}"
        )
    finally:
        engine.dispose()


def log_verifier(settings: Settings) -> NoteVerifier:
    """Return the log's public key. Raises `FileNotFoundError` before the first `initialise`."""
    return NoteVerifier.parse(keyring.log_vkey_path(settings).read_text(encoding="utf-8"))


def _folders(settings: Settings) -> None:
    for folder in (settings.data, settings.secrets_folder, settings.signer_path):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _signer(settings: Settings) -> Iterator[str]:
    key, state = settings.signer_path / KEY_FILE, settings.signer_path / STATE_FILE
    public = keyring.log_vkey_path(settings)
    if public.exists():
        return
    secret = passphrase(settings)
    if not state.exists():
        # A crash between the two files: the key has signed nothing yet, so it is made anew.
        key.unlink(missing_ok=True)
        origin = first_origin(settings, datetime.now(UTC))
        init_signer(key, state, origin, passphrase=secret, key=settings.signer_key)
    founded = Signer(key, state, passphrase=secret, new_key=settings.signer_key)
    try:
        _write_whole(public, founded.verifier.vkey)
    finally:
        founded.close()
    yield f"已生成日志签名密钥 {founded.last().origin}"


def _policy(settings: Settings) -> Iterator[str]:
    if policy_path(settings).exists():
        return
    verifier = log_verifier(settings)
    change_policy(settings, lambda text: text or first_policy(verifier))
    yield "已写出日志信任策略 log.policy（尚无见证人）"


def _witness(settings: Settings) -> Iterator[str]:
    """Let the embedded city's own witness be trusted until another owner's is: it is for show."""
    if settings.form != "embedded":
        return
    try:
        host, port = settings.witness
    except SettingMissing:
        return  # `up` gives it a port; alone, `init` starts none
    verifier, url = founded(settings), f"http://{host}:{port}"
    witnesses = city_policy(settings).witnesses
    if not witnesses:
        change_policy(settings, lambda text: with_witness(text, SHOWN, verifier, url, "any"))
        yield f"已登记{FOR_SHOW}的见证人（换成审计局的：bin/yichuang witness trust）"
    elif any(one.verifier == verifier and one.url != url for one in witnesses):
        change_policy(settings, lambda text: with_address(text, verifier, url))


def _log(settings: Settings) -> Iterator[str]:
    engine = open_engine(settings.store_url("log"))
    try:
        origin = log_verifier(settings).name  # the signer's, though a half-year may turn in between
        found_log(engine, origin)
    except LogFounded:
        return
    finally:
        engine.dispose()
    yield f"已建立日志 {origin}"


def _keys(settings: Settings) -> None:
    """Write down which keys this installation has: once each."""
    engine = open_engine(settings.store_url("cases"))
    try:
        with engine.begin() as connection:
            note_installed(settings, connection)
    finally:
        engine.dispose()


def _index(settings: Settings) -> None:
    """Give the index over applicants its first key; the worker fills it for earlier cases."""
    keys = index_keys(settings)
    try:
        keys.found()
    finally:
        keys.close()


def _releases(settings: Settings) -> Iterator[str]:
    """Fill the register: what has no version yet is activated, what has one is only proposed.

    A newer program must not put its own version in the place of one that this city has signed.
    """
    engine = open_engine(settings.store_url("cases"))
    now = datetime.now(UTC)
    try:
        with engine.begin() as connection:
            known = {kind: names(connection, kind) for kind in LOADED}
            for proposal, since, until in _shipped(now):
                if proposal.name in known[proposal.kind]:
                    yield from _proposed(connection, proposal, now)
                else:
                    yield from _seeded(connection, proposal, now, since, until)
    finally:
        engine.dispose()


def _shipped(now: datetime) -> Iterator[tuple[Proposal, datetime, datetime | None]]:
    packs = load_packs()
    for matter in load_catalogue(packs=packs).matters:
        text = canonical(matter).decode()
        yield Proposal("matter", matter.code, matter.version, text, (SEEDED,)), *period_of(matter)
    for pack in packs.values():
        first = min(rule.in_force_from for rule in pack.definition.rules)
        since = datetime.combine(first, time(), ZoneInfo(pack.definition.zone))
        yield Proposal("rules", pack.id, pack.version, pack.stored, (SEEDED,)), since, None
    for path in sorted((HERE / "calendars").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        found = read_calendar_file(text, path.name, [])
        assert found is not None  # load_catalogue has found no fault in it
        file = found[0]
        yield Proposal("calendar", file.name, file.version, text, (SEEDED,)), now, None
    policy = load_policy()
    text = whole_text(MODEL_FILE.read_text("utf-8"), ROWS_FILE.read_text("utf-8"))
    # The policy has no number of its own: its digest names it, and each new text is a version.
    yield Proposal("policy", "access", policy.version[:32], text, (SEEDED,)), now, None


def _seeded(
    connection: Connection,
    proposal: Proposal,
    now: datetime,
    since: datetime,
    until: datetime | None,
) -> Iterator[str]:
    if seed(connection, proposal, now, since, until):
        _note(connection, proposal, now)
        yield f"已激活随程序发布的 {proposal.kind} {proposal.name} {proposal.version}"


def _proposed(connection: Connection, proposal: Proposal, now: datetime) -> Iterator[str]:
    key = release_id(proposal.kind, proposal.name, proposal.version)
    if exists(connection, key):
        if find(connection, key).digest != proposal.digest:
            yield (
                f"注意：{proposal.kind} {proposal.name} {proposal.version} 与登记的文本不同"
                "（登记的保持不变；要改请另提新版本）"
            )
        return
    propose(connection, proposal, SEED_AUTHOR, now)
    _note(connection, proposal, now)
    yield (
        f"随程序发布的 {proposal.kind} {proposal.name} {proposal.version} 已登记为提案，"
        "须由签署人签署后生效"
    )


def _note(connection: Connection, proposal: Proposal, now: datetime) -> None:
    key = release_id(proposal.kind, proposal.name, proposal.version)
    record(connection, seeded(find(connection, key), now))


def _clocks(settings: Settings) -> list[str]:
    """Derive the clock rows of cases that an older program wrote."""
    engine = open_engine(settings.store_url("cases"))
    try:
        missing = without_rows(engine)
        if missing:
            calendars = released_of(settings, engine).catalogue().calendars
            for case_id in missing:
                mend(engine, calendars, case_id)
    finally:
        engine.dispose()
    return [f"已为 {len(missing)} 件补建时钟表"] if missing else []


def _administrators(settings: Settings) -> Iterator[str]:
    engine = open_engine(settings.store_url("web"))
    keys = open_engine(settings.store_url("keys"))
    sealer = sealer_of(settings, vault_of(settings, keys))
    accounts = Accounts(engine, Credentials(), recorder(sealer.who, lambda: str(uuid4())))
    try:
        now = datetime.now(UTC)
        made = accounts.first_administrators(now)
        added = accounts.missing_security_administrator(now)
        seeded = seed_services(settings, accounts, now)
        seed_city(accounts, now)
    finally:
        engine.dispose()
        keys.dispose()
    for login, code in (*made, *added):
        yield f"管理员 {login} 的一次性登记码（只显示这一次）：{code}"
    for name in seeded:
        yield f"已登记业务系统 {name}（取自 YICHUANG_NATS_INTEGRATORS，此后以账号为准）"
    if added:
        yield "权限变更须由一名安全管理员提出、另一名批准：安全管理员不足二名，已补设"


def _write_whole(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
