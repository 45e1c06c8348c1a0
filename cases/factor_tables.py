"""Tables of the web store for second factors, recovery codes and half-way sign-ins.

A secret that must be read again (an app's) stands here sealed; what need only be compared stands
here as a digest.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    delete,
)

from cases.database import Instant
from cases.web_tables import web_metadata

_User = String(128)
_Digest = String(64)

factor = Table(
    "factor",
    web_metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", _User, ForeignKey("account.id"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("name", String(60), nullable=False),
    Column("sealed", LargeBinary),  # an app's shared secret, sealed
    Column("credential", String(1400), unique=True),  # a passkey's own name, base64url
    Column("public_key", LargeBinary),  # a passkey's, COSE
    Column("counter", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    CheckConstraint("kind IN ('totp', 'passkey')", name="kind"),
    CheckConstraint("(kind = 'totp') = (sealed IS NOT NULL)", name="sealed"),
    CheckConstraint("(kind = 'passkey') = (credential IS NOT NULL)", name="credential"),
    CheckConstraint("(kind = 'passkey') = (public_key IS NOT NULL)", name="public_key"),
    Index("ix_factor_account", "account_id"),
)
"""A second factor of a person. `counter`: the step of an app's last code, a passkey's counter; it
only grows."""

recovery_code = Table(
    "recovery_code",
    web_metadata,
    Column("digest", _Digest, primary_key=True),
    Column("account_id", _User, ForeignKey("account.id"), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("kept_at", Instant),  # the person said that they keep the list
    Column("used_at", Instant),
    Index("ix_recovery_code_account", "account_id"),
)
"""Ten codes, each good once, for who has lost the factor. Only their digests stand here."""

half_way = Table(
    "half_way",
    web_metadata,
    Column("id", String(32), primary_key=True),
    Column("token", _Digest, nullable=False, unique=True),
    Column("account_id", _User, ForeignKey("account.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Index("ix_half_way_account", "account_id"),
    Index("ix_half_way_until", "until"),
)
"""Who has shown the password and not yet the second factor: it opens nothing but that page."""

ceremony = Table(
    "ceremony",
    web_metadata,
    Column("owner", String(40), primary_key=True),  # half:<id> or session:<id>
    Column("kind", String(8), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("until", Instant, nullable=False),
    CheckConstraint("kind IN ('totp', 'make', 'ask')", name="kind"),
    Index("ix_ceremony_until", "until"),
)
"""What was asked of a browser and is not answered yet: a challenge, used once, or the sealed secret
of an app that has not shown a code yet."""


def forget(connection: Connection, user: str) -> None:
    """Forget every factor, code and half-way sign-in of an account: they are lost, or it ends."""
    for table in (factor, recovery_code, half_way):
        connection.execute(delete(table).where(table.c.account_id == user))
