"""Payment requests in the cases store: written once with their rulings, never changed.

Money is whole fen. The worker is the only writer. No personal data.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Table,
    Text,
    event,
)

from cases.database import Instant
from cases.payments import MOST_FEN
from cases.tables import cases_metadata

_Id = String(36)
_Digest = String(64)
_Day = String(10)

payment = Table(
    "payment",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("number", String(24), nullable=False, unique=True),
    Column("command_id", String(128), nullable=False, unique=True),
    Column("order_digest", _Digest, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("department", String(64), nullable=False),
    Column("project", String(200), nullable=False),
    Column("payee_code", String(18), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("budget_year", SmallInteger, nullable=False),
    Column("body", Text, nullable=False),  # the whole request, canonical JSON
    Column("asked_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("outcome", String(8), nullable=False),
    Column("due_on", _Day, nullable=False),  # empty: no term
    Column("verdict", Text, nullable=False),
    Column("entry_id", _Id, nullable=False),
    Column("digests", Text, nullable=False),  # column or ruling → digest; bound by the entry
    CheckConstraint(f"amount_fen > 0 AND amount_fen <= {MOST_FEN}", name="amount"),
    CheckConstraint("currency = 'CNY'", name="currency"),
    CheckConstraint("outcome IN ('may_pay', 'stopped')", name="outcome"),
    Index("ix_payment_department", "department", "recorded_at"),
    Index("ix_payment_recorded", "recorded_at"),
)
"""付费申请: what was asked, and what the rules made of it."""

payment_ruling = Table(
    "payment_ruling",
    cases_metadata,
    Column("payment_id", _Id, ForeignKey("payment.id"), primary_key=True),
    Column("pack", String(80), primary_key=True),
    Column("version", String(32), nullable=False),
    Column("digest", _Digest, nullable=False),
    Column("engine", String(16), nullable=False),
    Column("context", Text, nullable=False),
    Column("fired", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Index("ix_payment_ruling_pack", "pack"),
)
"""What one pack said of one request: context, version, rules; made again for ever."""

_SQLITE = (
    "CREATE TRIGGER TABLE_no_update BEFORE UPDATE ON TABLE "
    "BEGIN SELECT RAISE(ABORT, 'TABLE is append-only'); END",
    "CREATE TRIGGER TABLE_no_delete BEFORE DELETE ON TABLE "
    "BEGIN SELECT RAISE(ABORT, 'TABLE is append-only'); END",
    "CREATE TRIGGER TABLE_no_replace BEFORE INSERT ON TABLE "
    "WHEN EXISTS (SELECT 1 FROM TABLE WHERE KEY) "
    "BEGIN SELECT RAISE(ABORT, 'TABLE is append-only'); END",
)
_KEYS = {
    "payment": "id = NEW.id OR number = NEW.number OR command_id = NEW.command_id",
    "payment_ruling": "payment_id = NEW.payment_id AND pack = NEW.pack",
}
SQLITE_PAYMENTS = tuple(
    statement.replace("KEY", key).replace("TABLE", name)
    for name, key in _KEYS.items()
    for statement in _SQLITE
)
POSTGRESQL_PAYMENTS = (
    "CREATE OR REPLACE FUNCTION payment_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'payment is append-only'; END $$",
    *(
        statement
        for name in _KEYS
        for statement in (
            f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION payment_refuse()",
            f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER {name}_append_only",
        )
    ),
)
"""A request that was judged stays as it was, whoever writes."""

for _dialect, _statements in (("sqlite", SQLITE_PAYMENTS), ("postgresql", POSTGRESQL_PAYMENTS)):
    for _statement in _statements:
        event.listen(
            payment_ruling,  # created after `payment`: by foreign key
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
