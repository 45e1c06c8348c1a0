"""CAP messages in the web store: which came, what each replaced, and the signals they made.

A message is named by what its sender says it is; its row is written once it is taken, or before,
when another message names it. Alerts are public words of authorities: nothing in them is personal.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, String, Table, Text

from cases.database import Instant
from cases.web_tables import web_metadata

cap_link = Table(
    "cap_link",
    web_metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of `key`
    Column("key", Text, nullable=False),  # sender,identifier,sent
    Column("root", Text, nullable=False),
    Column("root_id", String(64), nullable=False),
    Column("seen", Boolean, nullable=False),
    Column("ended_by", Text, nullable=False),
    Column("told", Boolean, nullable=False),
    Column("digest", String(64), nullable=False),  # SHA-256 of the document; empty: not seen
    Column("what", String(8), nullable=False),
    Column("why", String(20), nullable=False),
    Column("sent_by", String(128), nullable=False),  # the account that handed it in
    Column("received_at", Instant),
    Column("signals", Text, nullable=False),  # JSON, as they go to stream SIG
    Column("is_out", Boolean, nullable=False),  # they lie in the stream
    Index("ix_cap_link_root", "root_id"),
)
