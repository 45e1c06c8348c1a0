"""The notifier: tells people of incidents, over every channel that is set up, and writes what came
of it. Who is told is looked up at the moment it goes out (docs/duty.md)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import nats.errors
from nats.js import JetStreamContext
from sqlalchemy import Engine

from activities.notice_wording import sentence
from audit.vault import SubjectVault
from cases import deliveries, digests
from cases.database import open_engine
from cases.notices_out import OF_PROJECTS, KeptNotice
from catalogue.city import City
from catalogue.grid import load_grid
from catalogue.incident_types import load_incident_types
from yichuang import joining, roles, subjects, way_in
from yichuang.bus import connect
from yichuang.keyring import webhook_key
from yichuang.notice_words import WordsInForce
from yichuang.notices.channels import Channel
from yichuang.notices.finding import CENTRE, Lookup
from yichuang.notices.gateways import MESSAGES, RECEIPTS, Gateway, Receipts
from yichuang.notices.mail import Mail
from yichuang.notices.sending import (
    AT_ONCE,
    Finding,
    Sending,
    address_of,
    delivery_of,
    keep_finding,
    keep_sending,
)
from yichuang.notices.webhooks import Webhooks, checked_address
from yichuang.settings import Settings
from yichuang.web_duty import contact_place

_log = logging.getLogger("yichuang.notifier")


def now() -> datetime:
    return datetime.now(UTC)


def upwards_of(city: City) -> Mapping[str, tuple[str, ...]]:
    """Return the departments above each one, the nearest first."""
    parents = {one.code: one.parent for one in city.departments}

    def above(code: str) -> Iterator[str]:
        seen: set[str] = {code}
        while (code := parents.get(code, "")) and code not in seen:
            seen.add(code)
            yield code

    return {code: tuple(above(code)) for code in parents}


def channels_of(
    settings: Settings, js: JetStreamContext, loop: asyncio.AbstractEventLoop
) -> dict[deliveries.Channel, Channel]:
    """Return the channels that the settings name. Raises `SettingMissing`, `KeyMissing`."""
    found: dict[deliveries.Channel, Channel] = {}
    if settings.smtp_host:
        found["email"] = mail_of(settings)
    carried = {channel for those in settings.notice_gateways.values() for channel in those}
    if "sms" in carried:
        found["sms"] = Gateway(js, loop, settings.city, "sms")
    if "im" in carried:
        found["im"] = Gateway(js, loop, settings.city, "im")
    if settings.webhooks:
        addresses = {code: checked_address(url) for code, url in settings.webhooks.items()}
        found["webhook"] = Webhooks(addresses, webhook_key(settings), now, settings.tls_ca)
    return found


def mail_of(settings: Settings) -> Mail:
    """Return the mail server of the settings. Raises `OSError` without its password's file."""
    password = ""
    if settings.smtp_password is not None:
        password = settings.smtp_password.read_text(encoding="utf-8").strip()
    return Mail(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        settings.smtp_sender or f"yichuang@{settings.public_host}",
        settings.public_host,
        settings.smtp_user,
        password,
        settings.tls_ca,
    )


def wording_of(settings: Settings, cases: Engine) -> Callable[[KeptNotice, str], str]:
    """Return what says a notice in a sentence, for a channel, in the words that count now."""
    names = {one.code: one.name for one in load_incident_types().types}
    names |= {code: one.name for code, one in load_grid().district_by_code.items()}
    words = WordsInForce(cases, now)

    def said(notice: KeptNotice, channel: str) -> str:
        return sentence(notice.kind, notice.fields, names, settings.zone, words(), channel)

    return said


def carried_by(settings: Settings) -> frozenset[str]:
    """Return the channels to people that are set up, beside the tray."""
    gateways = {channel for those in settings.notice_gateways.values() for channel in those}
    return frozenset({*gateways, *({"email"} if settings.smtp_host else ())})


def sending_of(
    settings: Settings,
    cases: Engine,
    web: Engine,
    vault: SubjectVault,
    channels: Mapping[deliveries.Channel, Channel],
) -> Sending:
    """Return what tries the channels, over the real stores."""
    sealer = joining.sealer_of(settings, vault)

    def opened(person: str, channel: str, sealed: bytes) -> str:
        return vault.open(sealer.who(person), sealed, contact_place(channel)).decode()

    def link(notice: KeptNotice) -> str:
        there = f"/incidents/{notice.incident_id}" if notice.incident_id else "/duty"
        if notice.kind == digests.KIND:
            there = "/notices"
        if notice.kind in OF_PROJECTS:
            there = f"/projects/{notice.incident_id}"
        return f"{settings.address}{there}"

    return Sending(cases, web, channels, address_of(opened), wording_of(settings, cases), link, now)


@contextlib.asynccontextmanager
async def _stores(settings: Settings) -> AsyncIterator[tuple[Engine, Engine]]:
    cases = open_engine(settings.store_url("cases"), read_only=True)
    web = open_engine(settings.store_url("web"))
    try:
        yield cases, web
    finally:
        cases.dispose()
        web.dispose()


async def _serve(settings: Settings) -> None:
    bus = await connect(settings, "notifier")
    js = bus.jetstream()
    loop = asyncio.get_running_loop()
    channels = channels_of(settings, js, loop)
    gateways = any(one in channels for one in ("sms", "im"))
    beating = asyncio.create_task(roles.until_stopped())
    if gateways:
        await _declared(js)
    city = joining.catalogue().city
    upwards = upwards_of(city)
    async with _stores(settings) as (cases, web):
        lookup = Lookup(
            CENTRE, frozenset(channels), frozenset(settings.webhooks),
            lambda code: upwards.get(code, ()),
        )  # fmt: skip
        sending = sending_of(settings, cases, web, way_in.desk_vault_of(settings, web), channels)
        with ThreadPoolExecutor((AT_ONCE + 1) * (len(channels) + 1), "notice") as threads:
            tasks = [
                asyncio.create_task(keep_finding(Finding(cases, web, lookup, now), threads)),
                *(asyncio.create_task(keep_sending(sending, one, threads)) for one in channels),
            ]
            if gateways:
                tasks.append(asyncio.create_task(_receipts(settings, web, js, sending).run()))
            roles.ready(settings, "notifier", "、".join(["站内", *map(_named, channels)]))
            try:
                await asyncio.wait((beating, *tasks), return_when=asyncio.FIRST_COMPLETED)
                for one in tasks:
                    if one.done():
                        one.result()  # raises what ended it: the supervisor starts us anew
            finally:
                for one in (beating, *tasks):
                    one.cancel()
                await asyncio.gather(beating, *tasks, return_exceptions=True)
    await bus.drain()


async def _declared(js: JetStreamContext) -> None:
    while True:
        try:
            await subjects.declare(js, MESSAGES, RECEIPTS)
        except (nats.errors.Error, TimeoutError) as away:
            _log.warning("JetStream is away: %s", away)
            await asyncio.sleep(1)
        else:
            return


def _receipts(settings: Settings, web: Engine, js: JetStreamContext, sending: Sending) -> Receipts:
    return Receipts(js, settings.notice_gateways, lambda key: delivery_of(web, key), sending.note)


def _named(channel: deliveries.Channel) -> str:
    return deliveries.CHANNEL_WORDS[channel]


def main(settings: Settings) -> int:
    """Tell people until the process is asked to stop."""
    asyncio.run(_serve(settings))
    return 0
