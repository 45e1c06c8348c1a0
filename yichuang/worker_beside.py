"""What a worker does beside running cases: its jobs and services, by name."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import Engine
from temporalio.client import Client

from activities.alarming import Alarms
from activities.settle import Settlement
from audit.shards import log_engines
from cases.database import open_engine
from yichuang import paper_keeper, personal_ends, tallying
from yichuang.beside import AWAY, Job, Service
from yichuang.census import Census
from yichuang.index_keys import index_keys
from yichuang.life_watch import INCIDENTS, PROJECTS, LifeWatch
from yichuang.reconciling import Reconciler
from yichuang.rewrapping import Rewrapper
from yichuang.settings import Settings
from yichuang.tallying import Tallying

SWEEP_EVERY: Final = timedelta(hours=1)
"""How often unused document numbers are voided (those older than a day)."""
CARDS_EVERY: Final = timedelta(minutes=1)
"""How often it is looked whether somebody is there for what waits to be read."""
WITNESS_EVERY: Final = timedelta(seconds=10)
"""How often it is looked whether a witness of the log stays away."""
LAPSES_EVERY: Final = timedelta(seconds=20)
"""How often it is looked whether one of our own warnings has come to the end of its time."""
CALENDAR_EVERY: Final = timedelta(minutes=10)
"""How often the calendars are looked at for the year that is missing; a signature looks at once."""

Look = Callable[[], tuple[list[str], list[str]]]
"""Raises and clears alarms; returns the keys of both."""

_log = logging.getLogger("yichuang.worker")


def watch(name: str, look: Look, every: timedelta) -> Job:
    """Return the job of alarms that are raised and cleared."""
    return Job(name, partial(_told, look), every, AWAY)


def sweep(settlement: Settlement) -> Job:
    """Return the job that voids document numbers which nobody used."""
    return Job("作废未用的文号", partial(_swept, settlement), SWEEP_EVERY, AWAY)


def summing(settings: Settings, cases: Engine) -> Job:
    """Return the job that keeps the sums of boards."""
    return Job("看板汇总", Tallying(cases, settings.zone).look, tallying.EVERY, AWAY)


def services(
    settings: Settings, cases: Engine, alarms: Alarms, client: Client
) -> tuple[Service, ...]:
    """Return what runs for as long as the worker does. Raises `KeyMissing`."""
    queue = settings.temporal_task_queue
    return (
        Service("办件时钟普查", Census(cases, client, queue, alarms).run),
        Service("事件普查", LifeWatch(cases, client, queue, INCIDENTS).run),
        Service("项目普查", LifeWatch(cases, client, queue, PROJECTS).run),
        Service("流程历史与日志的核对", partial(_reconcile, settings, cases, alarms, client)),
        Service("换主密钥后重新包裹", Rewrapper(settings, "keys").run),
        Service("事件个人信息的销毁", partial(personal_ends.carry_on, settings)),
        Service("归档文书的补印", partial(paper_keeper.carry_on, settings)),
        Service("检索密钥的轮换", index_keys(settings).run),
    )


def _swept(settlement: Settlement) -> None:
    for number in settlement.sweep_unused_numbers():
        _log.info("文号作废 %s", number)


def _told(look: Look) -> None:
    raised, cleared = look()
    for key in raised:
        _log.warning("警报 %s", key)
    for key in cleared:
        _log.info("警报解除 %s", key)


async def _reconcile(settings: Settings, cases: Engine, alarms: Alarms, client: Client) -> None:
    """Hold histories and log against one another, now and again."""
    log = open_engine(settings.store_url("log"), read_only=True)
    try:
        holder = f"{socket.gethostname()}:{os.getpid()}"
        await Reconciler(cases, lambda: log_engines(log), client, alarms).run(holder)
    finally:
        log.dispose()
