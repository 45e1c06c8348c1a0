"""Planned windows as rows of the web store: planned ahead, lifted, read by who takes signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from cases.incidents.windows import LONGEST, Window
from cases.window_tables import signal_silence, signal_window

LOOKED_BACK = timedelta(days=31)
"""How long a window's end is remembered for signals that come late (`LATEST` of the reader, and a
day)."""


class WindowRefused(Exception):
    """A window that may not be planned, or lifted. Final; `field` names what is at fault."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field, self.sentence = field, sentence


@dataclass(frozen=True)
class PlannedWindow:
    """A window with who planned it and why."""

    window: Window
    reason: str
    made_by: str
    made_at: datetime
    lifted_by: str = ""


def plan(connection: Connection, planned: PlannedWindow) -> None:
    """Write a window in the caller's transaction. Raises `WindowRefused`."""
    one = planned.window
    if not one.type and not one.source:
        raise WindowRefused("type", "须指明类型或者来源：不能让全部信号静默")
    if not planned.reason.strip():
        raise WindowRefused("reason", "须写明理由")
    if one.starts_at < planned.made_at:
        raise WindowRefused("starts_at", "静默须事先计划，开始时刻不能在过去")
    if one.ends_at <= one.starts_at:
        raise WindowRefused("ends_at", "结束须晚于开始")
    if one.ends_at - one.starts_at > LONGEST:
        raise WindowRefused("ends_at", f"一次最长 {LONGEST.days} 日；更久的到时再计划")
    if one.point is not None and one.radius_m <= 0:
        raise WindowRefused("radius_m", "写明半径（米）")
    lon, lat = one.point or (None, None)
    connection.execute(
        insert(signal_window).values(
            id=one.id, type=one.type, source=one.source, district=one.district, street=one.street,
            lon=lon, lat=lat, radius_m=round(one.radius_m), starts_at=one.starts_at,
            ends_at=one.ends_at, reason=planned.reason, made_by=planned.made_by,
            made_at=planned.made_at, lifted_by="", lifted_at=None,
        )
    )  # fmt: skip


def lift(connection: Connection, window_id: str, by: str, at: datetime) -> None:
    """End a window now, or before it begins. Raises `WindowRefused` where it is over."""
    done = connection.execute(
        update(signal_window)
        .where(
            signal_window.c.id == window_id,
            signal_window.c.lifted_at.is_(None),
            signal_window.c.ends_at > at,
        )
        .values(lifted_by=by, lifted_at=at)
    )
    if done.rowcount != 1:
        raise WindowRefused("id", "没有这个静默计划，或它已结束")


def planned(connection: Connection, limit: int = 200) -> Sequence[PlannedWindow]:
    """Return windows with who and why, the latest first."""
    query = select(signal_window).order_by(signal_window.c.starts_at.desc()).limit(limit)
    return [
        PlannedWindow(_window(row), row.reason, row.made_by, row.made_at, row.lifted_by)
        for row in connection.execute(query)
    ]


def silences(connection: Connection, now: datetime) -> Sequence[Window]:
    """Return the windows that a signal of now or of the last month may fall into."""
    view = signal_silence
    query = select(view).where(view.c.ends_at > now - LOOKED_BACK).order_by(view.c.starts_at)
    return [_window(row) for row in connection.execute(query)]


def _window(row: Row[Any]) -> Window:
    return Window(
        id=row.id, type=row.type, source=row.source, district=row.district, street=row.street,
        point=None if row.lon is None else (row.lon, row.lat), radius_m=row.radius_m,
        starts_at=row.starts_at, ends_at=row.ends_at, lifted_at=row.lifted_at,
    )  # fmt: skip
