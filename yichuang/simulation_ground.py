"""What a simulation stands on: the stores opened for reading, and the text as a version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import yaml

from cases.database import open_engine
from cases.releases import Proposal
from cases.releasing import Unreadable
from catalogue.load import HERE
from catalogue.stations import load_stations
from rules.load import written_out
from yichuang import joining
from yichuang.alarm_replay import AlarmReplay
from yichuang.release_gates import Gates
from yichuang.released import Released
from yichuang.settings import SettingMissing, Settings
from yichuang.simulating import Past
from yichuang.unsealing import opener


@contextmanager
def past_of(settings: Settings) -> Iterator[tuple[Past, Released]]:
    """Open the stores for reading. Raises `StoreUnwritable`, `SettingMissing`, `KeyMissing`."""
    cases = open_engine(settings.store_url("cases"), read_only=True)
    keys = open_engine(settings.store_url("keys"), read_only=True)
    try:
        released = joining.released_of(settings, cases)
        vault = joining.vault_of(settings, keys)
        calendars = released.catalogue().calendars
        with _alarms(settings) as alarms:
            yield Past(cases, opener(vault), released, calendars, alarms), released
    finally:
        cases.dispose()
        keys.dispose()


@contextmanager
def _alarms(settings: Settings) -> Iterator[AlarmReplay | None]:
    """Open the readings for reading; None where this process has no way to them."""
    try:
        readings = open_engine(settings.store_url("readings"), read_only=True)
    except SettingMissing:
        yield None
        return
    try:
        yield AlarmReplay(readings, load_stations(HERE))
    finally:
        readings.dispose()


def proposal_of(released: Released, settings: Settings, text: str) -> Proposal:
    """Return a rule pack's or a matter's YAML as the gate has it. Raises `Unreadable`."""
    gates = Gates(released, joining.warrant_signer(settings, "worker"), lambda: datetime.now(UTC))
    return gates.rules(text) if is_pack(text) else gates.matter(text)


def text_of(path: Path) -> str:
    """Return a version's text as it is proposed: with the CSV files beside it written into it.

    Raises `Unreadable`.
    """
    try:
        return written_out(path.read_text("utf-8"), path.parent)
    except UnicodeDecodeError as wrong:
        raise Unreadable((f"{path.name} 不是 UTF-8 文本：第 {wrong.start + 1} 个字节",)) from wrong


def is_pack(text: str) -> bool:
    """Tell a rule pack's YAML from a matter's. Raises `Unreadable`."""
    try:
        whole = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as wrong:
        raise Unreadable((f"不是 YAML：{wrong}",)) from wrong
    return isinstance(whole, dict) and "pack" in whole
