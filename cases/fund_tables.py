"""The fund in the cases store: orders and their journal, append-only; totals that cap it.

A journal entry is written after its lines and only when they balance to zero. Totals move by one
entry at a time, in the order of `seq`, and by nothing else: the triggers refuse every other change,
whoever writes. Their CHECKs are the caps: Σ拨付 ≤ Σ指标 ≤ 基金总额 ≤ 5 亿元. Money is whole fen.
The worker is the only writer. No personal data.
"""

# ruff: noqa: S608 -- the words of its statements are its own

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from cases.apart_tables import payment_hand
from cases.database import Instant
from cases.fund import (
    ACCOUNTS,
    ALLOT,
    FUND,
    FUND_LIMIT_FEN,
    MOVING,
    OF_PAYMENT,
    PAY,
    RELEASE,
    RETENTION_MOST_BP,
    RETURN,
    REVERSE,
    REVIEW,
    USE,
    VERBS,
)
from cases.payments import MOST_FEN
from cases.tables import cases_metadata

_Id = String(36)
_Code = String(64)
_User = String(200)
SCOPES = ("fund", "project", "year", "contract")
"""What a row of totals is about. Key of a year: `2026|department|project`."""

fund = Table(
    "fund",
    cases_metadata,
    Column("id", String(16), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("limit_fen", BigInteger, nullable=False),
    CheckConstraint(f"id = '{FUND}'", name="one"),
    CheckConstraint(f"limit_fen > 0 AND limit_fen <= {FUND_LIMIT_FEN}", name="limit"),
)
"""专项基金: one, and never larger than the plan says."""

contract = Table(
    "contract",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("fund_id", String(16), ForeignKey("fund.id"), nullable=False),
    Column("project", _Code, nullable=False),
    Column("department", _Code, nullable=False),
    Column("number", String(200), nullable=False, unique=True),
    Column("title", String(200), nullable=False),
    Column("payee", String(200), nullable=False),
    Column("payee_code", String(18), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("retention_bp", SmallInteger, nullable=False),
    Column("sme", Boolean, nullable=False),
    Column("agreed_days", SmallInteger, nullable=True),
    Column("linked", Boolean, nullable=False),
    Column("signed_on", String(10), nullable=False),
    CheckConstraint(f"amount_fen > 0 AND amount_fen <= {MOST_FEN}", name="amount"),
    CheckConstraint(f"retention_bp >= 0 AND retention_bp <= {RETENTION_MOST_BP}", name="retention"),
    Index("ix_contract_project", "project"),
)
"""合同."""

payment_claim = Table(
    "payment_claim",
    cases_metadata,
    Column("payment_id", _Id, ForeignKey("payment.id"), primary_key=True),
    Column("contract_id", _Id, ForeignKey("contract.id"), nullable=False),
    Column("milestone", String(200), nullable=False),
    Index("ix_payment_claim_contract", "contract_id"),
)
"""Which contract and milestone a payment request stands on."""

fund_order = Table(
    "fund_order",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("command_id", String(128), nullable=False, unique=True),
    Column("order_digest", String(64), nullable=False),
    Column("verb", String(16), nullable=False),
    Column("thing", String(64), nullable=False),
    Column("payment_id", _Id, ForeignKey("payment.id"), nullable=True),
    Column("contract_id", _Id, ForeignKey("contract.id"), nullable=True),
    Column("project", _Code, nullable=False),
    Column("department", _Code, nullable=False),
    Column("budget_year", SmallInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("actor", _User, nullable=False),
    Column("body", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("entry_id", _Id, nullable=False),
    Column("digests", Text, nullable=False),
    UniqueConstraint("payment_id", "verb"),  # each step of a payment once
    CheckConstraint(f"verb IN {VERBS}", name="verb"),
    CheckConstraint(f"(verb IN {OF_PAYMENT}) = (payment_id IS NOT NULL)", name="of_payment"),
    Index("ix_fund_order_project", "project", "recorded_at"),
    Index("ix_fund_order_contract", "contract_id", "recorded_at"),
    Index("ix_fund_order_recorded", "recorded_at"),
)
"""What was ordered: one row for each settled order, of the fund or of a payment's life."""

journal_entry = Table(
    "journal_entry",
    cases_metadata,
    Column("order_id", _Id, ForeignKey("fund_order.id"), primary_key=True),
    Column("seq", Integer, nullable=False, unique=True),  # 凭证号, from 1 without a gap
    Column("kind", String(16), nullable=False),
    Column("fund_id", String(16), ForeignKey("fund.id"), nullable=False),
    Column("project", _Code, nullable=False),
    Column("department", _Code, nullable=False),
    Column("budget_year", SmallInteger, nullable=False),
    Column("contract_id", String(36), nullable=False),  # empty: an allotment
    Column("payment_id", String(36), nullable=False),  # empty: no payment's
    Column("allot_fen", BigInteger, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("retained_fen", BigInteger, nullable=False),
    Column("used_fen", BigInteger, nullable=False),
    Column("interest_fen", BigInteger, nullable=False),
    CheckConstraint(f"kind IN {MOVING}", name="kind"),
    Index("ix_journal_entry_project", "project", "seq"),
    Index("ix_journal_entry_contract", "contract_id", "seq"),
    Index("ix_journal_entry_payment", "payment_id"),
)
"""分录账: what moved, and by how much it changes each capped sum."""

journal_line = Table(
    "journal_line",
    cases_metadata,
    Column(
        "order_id",
        _Id,
        ForeignKey("journal_entry.order_id", deferrable=True, initially="DEFERRED"),
        primary_key=True,
    ),
    Column("n", SmallInteger, primary_key=True, autoincrement=False),
    Column("account", String(16), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    UniqueConstraint("order_id", "account"),
    CheckConstraint(f"account IN {ACCOUNTS}", name="account"),
    CheckConstraint("amount_fen <> 0", name="amount"),
)
"""Lines of the entries: debit positive, credit negative. Written before their entry."""

fund_total = Table(
    "fund_total",
    cases_metadata,
    Column("scope", String(8), primary_key=True),
    Column("key", String(160), primary_key=True),
    Column("limit_fen", BigInteger, nullable=False),
    Column("allotted_fen", BigInteger, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("retained_fen", BigInteger, nullable=False),
    Column("used_fen", BigInteger, nullable=False),
    Column("interest_fen", BigInteger, nullable=False),
    Column("last", Integer, nullable=False),  # seq of the journal entry that moved it last
    CheckConstraint(f"scope IN {SCOPES}", name="scope"),
    CheckConstraint(
        f"limit_fen > 0 AND (scope = 'contract' OR limit_fen <= {FUND_LIMIT_FEN})", name="limit"
    ),
    CheckConstraint("allotted_fen >= 0 AND allotted_fen <= limit_fen", name="allotted"),
    CheckConstraint(
        "paid_fen >= 0 AND retained_fen >= 0 AND interest_fen >= 0", name="not_negative"
    ),
    CheckConstraint("used_fen >= 0 AND used_fen <= paid_fen", name="used"),
    CheckConstraint(
        "paid_fen + retained_fen + CASE WHEN scope = 'contract' THEN 0 ELSE interest_fen END"
        " <= allotted_fen",
        name="paid",
    ),
)
"""Sums by fund, project, budget year and contract. The triggers are their only writer."""

for _first in (journal_line, payment_claim, payment_hand):
    fund_total.add_is_dependent_on(_first)  # the triggers come with the last of the tables

# --- triggers ------------------------------------------------------------------------------------

_KEYS = {
    "fund": "id = NEW.id",
    "contract": "id = NEW.id OR number = NEW.number",
    "payment_claim": "payment_id = NEW.payment_id",
    "payment_hand": ("payment_id = NEW.payment_id AND (act = NEW.act OR person = NEW.person)"),
    "fund_order": (
        "id = NEW.id OR command_id = NEW.command_id"
        " OR (payment_id = NEW.payment_id AND verb = NEW.verb)"
    ),
    "journal_entry": "order_id = NEW.order_id OR seq = NEW.seq",
    "journal_line": "order_id = NEW.order_id AND (n = NEW.n OR account = NEW.account)",
}
_YEAR_KEY = "NEW.budget_year || '|' || NEW.department || '|' || NEW.project"
_SUMS = ("paid_fen", "retained_fen", "used_fen", "interest_fen")


def _step(verb: str, also: str = "") -> str:
    return (
        "EXISTS (SELECT 1 FROM fund_order s WHERE s.payment_id = NEW.payment_id"
        f" AND s.verb = '{verb}'{also})"
    )


def _hand(act: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM payment_hand h WHERE h.payment_id = NEW.payment_id"
        f" AND h.act = '{act}' AND h.person = NEW.actor)"
    )


def _sum(account: str) -> str:
    return (
        "(SELECT COALESCE(SUM(l.amount_fen), 0) FROM journal_line l"
        f" WHERE l.order_id = NEW.order_id{account})"
    )


_OF = " AND l.account = '{}'"
_JUDGED = (
    "EXISTS (SELECT 1 FROM payment p JOIN payment_claim c ON c.payment_id = p.id"
    " WHERE p.id = NEW.payment_id AND p.outcome = 'may_pay' AND c.contract_id = NEW.contract_id"
    " AND p.amount_fen = NEW.amount_fen AND p.budget_year = NEW.budget_year)"
)
_PAYER = " AND s.actor = NEW.actor"
_MAY_STEP = (
    f"(NEW.verb = '{REVIEW}' AND {_JUDGED} AND {_hand(REVIEW)} AND NOT {_step(RETURN)})"
    f" OR (NEW.verb = '{RETURN}' AND NOT {_step(PAY)})"
    f" OR (NEW.verb = '{PAY}' AND {_JUDGED} AND {_step(REVIEW)} AND NOT {_step(RETURN)}"
    f" AND {_hand(PAY)} AND (SELECT COUNT(DISTINCT h.person) FROM payment_hand h"
    "  WHERE h.payment_id = NEW.payment_id) = 3)"
    f" OR (NEW.verb = '{RELEASE}' AND {_step(PAY)} AND NOT {_step(REVERSE)})"
    f" OR (NEW.verb = '{REVERSE}' AND {_step(PAY)} AND NOT {_step(PAY, _PAYER)})"
)


def _before(column: str) -> str:
    return (
        f"(SELECT COALESCE(SUM(e.{column}), 0) FROM journal_entry e"
        " WHERE e.payment_id = NEW.payment_id)"
    )


_BALANCED = (
    f"{_sum('')} = 0"
    f" AND {_sum(_OF.format('granted'))} = -NEW.allot_fen"
    f" AND {_sum(_OF.format('advanced'))} + {_sum(_OF.format('used'))} = NEW.paid_fen"
    f" AND {_sum(_OF.format('retained'))} = NEW.retained_fen"
    f" AND {_sum(_OF.format('used'))} = NEW.used_fen"
    f" AND {_sum(_OF.format('interest'))} = NEW.interest_fen"
    " AND EXISTS (SELECT 1 FROM journal_line l WHERE l.order_id = NEW.order_id)"
)
_NOTHING_ELSE = "NEW.allot_fen = 0 AND NEW.used_fen = 0"
_AS_ORDERED = (
    "EXISTS (SELECT 1 FROM fund_order o WHERE o.id = NEW.order_id AND o.verb = NEW.kind"
    " AND o.project = NEW.project AND o.department = NEW.department"
    " AND o.budget_year = NEW.budget_year AND COALESCE(o.contract_id, '') = NEW.contract_id"
    " AND COALESCE(o.payment_id, '') = NEW.payment_id AND ("
    f"(NEW.kind = '{ALLOT}' AND NEW.allot_fen = o.amount_fen AND NEW.paid_fen = 0"
    " AND NEW.retained_fen = 0 AND NEW.used_fen = 0 AND NEW.interest_fen = 0)"
    f" OR (NEW.kind = '{USE}' AND NEW.used_fen = o.amount_fen AND NEW.used_fen > 0"
    " AND NEW.allot_fen = 0 AND NEW.paid_fen = 0 AND NEW.retained_fen = 0"
    " AND NEW.interest_fen = 0)"
    f" OR (NEW.kind = '{PAY}' AND NEW.paid_fen + NEW.retained_fen = o.amount_fen"
    " AND NEW.paid_fen > 0 AND NEW.retained_fen >= 0 AND NEW.interest_fen >= 0"
    f" AND {_NOTHING_ELSE})"
    f" OR (NEW.kind = '{RELEASE}' AND NEW.retained_fen = -{_before('retained_fen')}"
    " AND NEW.paid_fen = -NEW.retained_fen AND NEW.paid_fen > 0 AND NEW.interest_fen = 0"
    f" AND {_NOTHING_ELSE})"
    f" OR (NEW.kind = '{REVERSE}' AND NEW.paid_fen = -{_before('paid_fen')}"
    f" AND NEW.retained_fen = -{_before('retained_fen')}"
    f" AND NEW.interest_fen = -{_before('interest_fen')} AND {_NOTHING_ELSE})))"
)
_NEXT = (
    "NEW.seq = (SELECT t.last + 1 FROM fund_total t WHERE t.scope = 'fund' AND t.key = NEW.fund_id)"
)
_FUND_LIMIT = f"(SELECT f.limit_fen FROM fund f WHERE f.id = '{FUND}')"
_FIRST = (
    "NEW.paid_fen = 0 AND NEW.retained_fen = 0 AND NEW.used_fen = 0 AND NEW.interest_fen = 0"
    " AND NEW.last = 0 AND ("
    f"(NEW.scope = 'fund' AND NEW.key = '{FUND}' AND NEW.allotted_fen = 0"
    f" AND NEW.limit_fen = {_FUND_LIMIT})"
    " OR (NEW.scope IN ('project', 'year') AND NEW.allotted_fen = 0"
    f" AND NEW.limit_fen = {_FUND_LIMIT})"
    " OR (NEW.scope = 'contract' AND NEW.allotted_fen = NEW.limit_fen AND NEW.limit_fen ="
    " (SELECT c.amount_fen FROM contract c WHERE c.id = NEW.key)))"
)
_KEY_OF = (
    "CASE OLD.scope WHEN 'fund' THEN e.fund_id WHEN 'project' THEN e.project"
    " WHEN 'year' THEN e.budget_year || '|' || e.department || '|' || e.project"
    " ELSE e.contract_id END"
)
_BY_ENTRY = (
    "NEW.scope = OLD.scope AND NEW.key = OLD.key AND NEW.limit_fen = OLD.limit_fen"
    " AND NEW.last > OLD.last AND EXISTS (SELECT 1 FROM journal_entry e"
    f" WHERE e.seq = NEW.last AND OLD.key = {_KEY_OF}"
    " AND NEW.allotted_fen = OLD.allotted_fen + CASE OLD.scope WHEN 'contract' THEN 0"
    " ELSE e.allot_fen END"
    + "".join(f" AND NEW.{one} = OLD.{one} + e.{one}" for one in _SUMS)
    + ")"
)
OUT_OF_ORDER = "a payment is reviewed, then paid, by three people, each once"
UNBALANCED = "a journal entry balances, in its turn, as it was ordered"
CLOSED = "a journal entry takes no more lines"
NOT_BY_ENTRY = "fund_total moves by journal entries alone"
_GUARDS = (
    ("fund_order_in_turn", "INSERT ON fund_order",
     f"NEW.payment_id IS NOT NULL AND NOT ({_MAY_STEP})", OUT_OF_ORDER,
     "PERFORM 1 FROM payment WHERE id = NEW.payment_id FOR UPDATE; "),
    ("journal_entry_balances", "INSERT ON journal_entry",
     f"NOT COALESCE({_BALANCED} AND {_NEXT} AND {_AS_ORDERED}, FALSE)", UNBALANCED,
     "PERFORM 1 FROM fund_total WHERE scope = 'fund' AND key = NEW.fund_id FOR UPDATE; "),
    ("journal_line_open", "INSERT ON journal_line",
     "EXISTS (SELECT 1 FROM journal_entry e WHERE e.order_id = NEW.order_id)", CLOSED, ""),
    ("fund_total_first", "INSERT ON fund_total", f"NOT COALESCE({_FIRST}, FALSE)",
     NOT_BY_ENTRY, ""),
    ("fund_total_moved", "UPDATE ON fund_total", f"NOT COALESCE({_BY_ENTRY}, FALSE)",
     NOT_BY_ENTRY, ""),
)  # fmt: skip
"""Name, when, what is refused, sentence, what PostgreSQL locks first: of two that race, the second
sees what the first wrote."""


def _total(scope: str, key: str, limit: str, allotted: str = "0") -> str:
    return (
        "INSERT INTO fund_total (scope, key, limit_fen, allotted_fen, paid_fen, retained_fen,"
        f" used_fen, interest_fen, last) SELECT '{scope}', {key}, {limit}, {allotted},"
        " 0, 0, 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM fund_total t"
        f" WHERE t.scope = '{scope}' AND t.key = {key}); "
    )


_FOLLOWING = (
    ("fund_opens", "fund", _total("fund", "NEW.id", "NEW.limit_fen")),
    ("contract_opens", "contract",
     _total("contract", "NEW.id", "NEW.amount_fen", "NEW.amount_fen")),
    ("journal_entry_posts", "journal_entry",
     _total("project", "NEW.project", _FUND_LIMIT)
     + _total("year", f"({_YEAR_KEY})", _FUND_LIMIT)
     + "UPDATE fund_total SET allotted_fen = allotted_fen"
     " + CASE scope WHEN 'contract' THEN 0 ELSE NEW.allot_fen END, "
     + ", ".join(f"{one} = {one} + NEW.{one}" for one in _SUMS)
     + ", last = NEW.seq WHERE (scope = 'fund' AND key = NEW.fund_id)"
     " OR (scope = 'project' AND key = NEW.project)"
     f" OR (scope = 'year' AND key = ({_YEAR_KEY}))"
     " OR (scope = 'contract' AND key = NEW.contract_id AND NEW.contract_id <> ''); "),
)  # fmt: skip
"""Name, table, what follows each row of it."""


def _sqlite() -> tuple[str, ...]:
    found = []
    for name, key in _KEYS.items():
        said = f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
        found += [
            f"CREATE TRIGGER {name}_no_update BEFORE UPDATE ON {name} {said}",
            f"CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name} {said}",
            f"CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {name} "
            f"WHEN EXISTS (SELECT 1 FROM {name} WHERE {key}) {said}",
        ]
    gone = f"BEGIN SELECT RAISE(ABORT, '{NOT_BY_ENTRY}'); END"
    found.append(f"CREATE TRIGGER fund_total_stays BEFORE DELETE ON fund_total {gone}")
    found.append(
        "CREATE TRIGGER fund_total_no_replace BEFORE INSERT ON fund_total WHEN EXISTS "
        f"(SELECT 1 FROM fund_total WHERE scope = NEW.scope AND key = NEW.key) {gone}"
    )
    for name, when, refused, said, _ in _GUARDS:
        found.append(
            f"CREATE TRIGGER {name} BEFORE {when} WHEN {refused} "
            f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
        )
    for name, table, then in _FOLLOWING:
        found.append(f"CREATE TRIGGER {name} AFTER INSERT ON {table} BEGIN {then} END")
    return tuple(found)


def _postgresql() -> tuple[str, ...]:
    found = [
        "CREATE OR REPLACE FUNCTION fund_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME "
        "USING ERRCODE = 'check_violation'; END $$"
    ]
    for name in (*_KEYS, "fund_total"):
        what = "DELETE OR TRUNCATE" if name == "fund_total" else "UPDATE OR DELETE OR TRUNCATE"
        found += [
            f"CREATE TRIGGER {name}_append_only BEFORE {what} ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION fund_refuse()",
            f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER {name}_append_only",
        ]
    for name, when, refused, said, lock in _GUARDS:
        found += _function(
            name,
            f"BEFORE {when}",
            f"{lock}IF {refused} THEN RAISE EXCEPTION '{said}' "
            "USING ERRCODE = 'check_violation'; END IF; RETURN NEW; ",
        )
    for name, table, then in _FOLLOWING:
        found += _function(name, f"AFTER INSERT ON {table}", f"{then} RETURN NULL; ")
    return tuple(found)


def _function(name: str, when: str, body: str) -> list[str]:
    table = when.rpartition(" ")[2]
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {body}END $$",
        f"CREATE TRIGGER {name} {when} FOR EACH ROW EXECUTE FUNCTION {name}()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
    ]


SQLITE_FUND = _sqlite()
POSTGRESQL_FUND = _postgresql()
"""What was ordered and booked stays; sums move by balanced entries alone; caps hold, whoever
writes."""

for _dialect, _statements in (("sqlite", SQLITE_FUND), ("postgresql", POSTGRESQL_FUND)):
    for _statement in _statements:
        event.listen(
            fund_total,
            "after_create",
            DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
