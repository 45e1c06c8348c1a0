"""Tables of kept sums: what boards count, by month, so that no page adds up all cases again.

`tally_sum` holds the sums, `tally` what each case has put into them, `tally_mark` which cases have
moved since: a settled step marks its case in its own transaction, one worker puts marked cases
into the sums anew (cases/tally.py), and a reader takes a marked case from its rows
(cases/tallied.py). So a sum is never older than the page, and no two steps wait for one row.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
)

from cases.tables import cases_metadata

_Counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys


def _group() -> tuple[Column[str] | Column[int], ...]:
    """Return what the cases of a sum have in common: all that policy asks of a case, but persons,
    and what pages filter by."""
    return (
        Column("matter", String(64), nullable=False),
        Column("matter_digest", String(64), nullable=False),
        Column("department", String(64), nullable=False),
        Column("departments", Text, nullable=False),
        Column("label_level", SmallInteger, nullable=False),
        Column("compartments", Text, nullable=False),
    )


tally = Table(
    "tally",
    cases_metadata,
    Column("case_id", String(36), primary_key=True),
    *_group(),
    Column("said", Text, nullable=False),
)
"""What a case has put into the sums, and into whose: part → month → name → number, as JSON."""

tally_sum = Table(
    "tally_sum",
    cases_metadata,
    Column("part", String(8), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("group", String(64), primary_key=True),  # SHA-256 of the next six
    *_group(),
    Column("said", Text, nullable=False),
)
"""The sum over the cases of a group: name → number, as JSON."""

tally_mark = Table(
    "tally_mark",
    cases_metadata,
    Column("id", _Counter, primary_key=True, autoincrement=True),
    Column("case_id", String(36), nullable=False),
    Index("ix_tally_mark_case", "case_id"),
)
"""Cases that have moved since they were summed; a case as often as it moved. Rows are only added
and taken away, never changed, so that a mark made while another is worked off stays."""

tally_state = Table(
    "tally_state",
    cases_metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("rules", String(64), nullable=False),
    Column("is_whole", Boolean(create_constraint=False), nullable=False),
    CheckConstraint("id = 0", name="one"),
)
"""By which rules the sums were made (months of which zone, which version of the counts), and
whether every case is in them."""
