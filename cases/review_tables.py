"""The quarterly review (季度复核) of who holds what, as the web store keeps it."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from cases.database import Instant
from cases.web_tables import web_metadata

_Counter = BigInteger().with_variant(Integer, "sqlite")
_User = String(128)

account_review = Table(
    "account_review",
    web_metadata,
    Column("n", _Counter, primary_key=True, autoincrement=True),
    Column("account_id", _User, ForeignKey("account.id"), nullable=False),
    Column("quarter", String(6), nullable=False),  # 2026Q4, in legal time
    Column("result", String(7), nullable=False),
    Column("held", Text, nullable=False),  # what it held then, in the codes of the policy
    Column("reviewed_by", _User, nullable=False),
    Column("reviewed_at", Instant, nullable=False),
    UniqueConstraint("account_id", "quarter"),
    CheckConstraint("result IN ('kept', 'removal')", name="result"),
    CheckConstraint("account_id <> reviewed_by", name="not_oneself"),
)
"""One account looked at in one quarter, by somebody else."""

_STAYS = "a review stays as it was made"
SQLITE_REVIEWS = tuple(
    f"CREATE TRIGGER account_review_no_{what.lower()} BEFORE {what} ON account_review "
    f"BEGIN SELECT RAISE(ABORT, '{_STAYS}'); END"
    for what in ("UPDATE", "DELETE")
)
POSTGRESQL_REVIEWS = (
    "CREATE FUNCTION account_review_stays() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_STAYS}'; END $$",
    "CREATE TRIGGER account_review_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON account_review "
    "FOR EACH STATEMENT EXECUTE FUNCTION account_review_stays()",
    "ALTER TABLE account_review ENABLE ALWAYS TRIGGER account_review_stays",
)

for _dialect, _statements in (("sqlite", SQLITE_REVIEWS), ("postgresql", POSTGRESQL_REVIEWS)):
    for _statement in _statements:
        event.listen(
            account_review,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
