"""Planned windows for signals, in the web store: made ahead by a person, and perhaps lifted."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Float, Index, Integer, MetaData, String, Table

from cases.database import Instant
from cases.web_tables import web_metadata

_Id = String(36)
_User = String(128)

signal_window = Table(
    "signal_window",
    web_metadata,
    Column("id", _Id, primary_key=True),
    Column("type", String(32), nullable=False),
    Column("source", String(100), nullable=False),
    Column("district", String(64), nullable=False),
    Column("street", String(64), nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    Column("radius_m", Integer, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("reason", String(1000), nullable=False),
    Column("made_by", _User, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("lifted_by", _User, nullable=False),
    Column("lifted_at", Instant),
    CheckConstraint("type <> '' OR source <> ''", name="narrow"),
    CheckConstraint("reason <> ''", name="reason"),
    CheckConstraint("starts_at >= made_at", name="ahead"),
    CheckConstraint("ends_at > starts_at", name="order"),
    CheckConstraint("(lifted_by = '') = (lifted_at IS NULL)", name="lifted"),
    CheckConstraint("(lon IS NULL) = (lat IS NULL)", name="point"),
    Index("ix_signal_window_end", "ends_at"),
)
"""One window: never for every kind from every source, never for what has begun already."""

signal_silence = Table(
    "signal_silence",
    MetaData(),  # a view: not made with the tables
    Column("id", _Id),
    Column("type", String(32)),
    Column("source", String(100)),
    Column("district", String(64)),
    Column("street", String(64)),
    Column("lon", Float),
    Column("lat", Float),
    Column("radius_m", Integer),
    Column("starts_at", Instant),
    Column("ends_at", Instant),
    Column("lifted_at", Instant),
)
"""The windows without who and why: what the signals process may see of the web store."""
