"""The web store: accounts, sessions, drafts, uploads. The web process is its only writer.

Secrets stand here only as hashes; what people typed or handed in stands here only sealed.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

from cases.database import Instant

web_metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys
_User = String(128)
_Digest = String(64)

account = Table(
    "account",
    web_metadata,
    Column("id", _User, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("login", String(64), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("department", String(64), nullable=False),
    Column("grants", JSON, nullable=False),  # [[role, department], …]
    Column("clearance", SmallInteger, nullable=False),
    Column("compartments", JSON, nullable=False),
    Column("password", String(200), nullable=False),  # Argon2id in PHC form; empty: none yet
    Column("password_changed_at", Instant),
    Column("enrolment", _Digest, nullable=False),  # SHA-256 of the one-time code; empty: none
    Column("enrolment_until", Instant),
    Column("token", _Digest, nullable=False),  # SHA-256 of a service's bearer token
    Column("created_at", Instant, nullable=False),
    Column("created_by", _User, nullable=False),
    Column("last_sign_in_at", Instant),
    Column("disabled_at", Instant),
    Column("disabled_why", String(8), nullable=False, server_default=""),  # closed, expired, asleep
    Column("valid_until", Instant),  # exclusive; empty: without end
    Column("awake_since", Instant),  # opened again after it had ended by itself
    Column("nkey", String(56), nullable=False, server_default=""),  # a service's, public half
    Column("token_until", Instant),  # exclusive; empty: none given yet, or of an older program
    Column("former_token", _Digest, nullable=False, server_default=""),
    Column("former_token_until", Instant),
    CheckConstraint("kind IN ('human', 'service', 'citizen')", name="kind"),
    CheckConstraint("clearance BETWEEN 1 AND 4", name="clearance"),
    Index("ix_account_department", "department"),
    Index("ix_account_token", "token"),
    Index(
        "uq_account_nkey",
        "nkey",
        unique=True,
        sqlite_where=text("nkey <> ''"),
        postgresql_where=text("nkey <> ''"),
    ),
)
"""One person or service. `id` never changes and is never given again."""

service_principal = Table(
    "service_principal",
    MetaData(),  # a view: not made with the tables
    Column("id", _User),
    Column("login", String(64)),
    Column("department", String(64)),
    Column("grants", JSON),
    Column("clearance", SmallInteger),
    Column("compartments", JSON),
    Column("nkey", String(56)),
    Column("disabled_at", Instant),
    Column("valid_until", Instant),
)
"""Which service is which NATS user and what it holds, without a secret: what gateway and telemetry
may read of the accounts. Made by migration 0015."""

office_holder = Table(
    "office_holder",
    MetaData(),  # a view: not made with the tables
    Column("id", _User),
    Column("department", String(64)),
    Column("grants", JSON),
    Column("disabled_at", Instant),
)
"""Which person sits where and holds what, without name, login or secret: all that another process
may read of the accounts. Made by migration 0003."""

principal_now = Table(
    "principal_now",
    MetaData(),  # a view: not made with the tables
    Column("id", _User),
    Column("kind", String(10)),
    Column("is_open", Integer),
    Column("valid_until", Instant),
    Column("grants", Text),
    Column("clearance", SmallInteger),
    Column("compartments", Text),
)
"""How each account stands now, people and services alike, without name, login or secret: by it the
worker judges whether an order's actor still holds what they held at the door. JSON as text, which
both databases give alike. Made by a migration."""

PRINCIPAL_NOW = (
    "CREATE VIEW principal_now AS SELECT id, kind, "
    "CASE WHEN disabled_at IS NULL THEN 1 ELSE 0 END AS is_open, valid_until, "
    "CAST(grants AS TEXT) AS grants, clearance, CAST(compartments AS TEXT) AS compartments "
    "FROM account"
)
event.listen(account, "after_create", DDL(PRINCIPAL_NOW))  # type: ignore[no-untyped-call]

printed_name = Table(
    "printed_name",
    MetaData(),  # a view: not made with the tables
    Column("id", _User),
    Column("name", String(100)),
)
"""What a document prints of a person who acted, and of whom they acted for: a name, no login.
Made by a migration."""

PRINTED_NAME = "CREATE VIEW printed_name AS SELECT id, name FROM account WHERE kind = 'human'"
event.listen(account, "after_create", DDL(PRINTED_NAME))  # type: ignore[no-untyped-call]

old_password = Table(
    "old_password",
    web_metadata,
    Column("account_id", _User, ForeignKey("account.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("password", String(200), nullable=False),
)
"""Hashes of passwords that may not come back; `n` grows."""

session = Table(
    "session",
    web_metadata,
    Column("id", String(32), primary_key=True),
    Column("token", _Digest, nullable=False, unique=True),
    Column("account_id", _User, ForeignKey("account.id"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("proved_at", Instant),  # when the second factor was last shown; null: opens nothing
    # The delegation under which it acts; empty: as its own person.
    Column("delegation", String(36), nullable=False, server_default=""),
    Column("wall_at", Instant),  # when it first opened the wall, which may outlast it
    Index("ix_session_account", "account_id"),
    Index("ix_session_ends", "ends_at"),
)
"""A sign-in. The cookie's secret stands here as SHA-256; `id` is what entries name."""

attempt = Table(
    "attempt",
    web_metadata,
    Column("key", String(80), primary_key=True),  # login:<SHA-256> or address:<SHA-256>
    Column("failures", Integer, nullable=False),
    Column("until", Instant, nullable=False),
    Index("ix_attempt_until", "until"),
)
"""Failed sign-ins by login and by address. By login, not by account, so that a login nobody has
is locked just as one that somebody has."""

refused_command = Table(
    "refused_command",
    web_metadata,
    Column("id", String(128), primary_key=True),
    Column("actor", String(200), nullable=False),
    Column("verb", String(40), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)
"""Orders to which law or state said no before they reached any workflow's history, each with its
one answer: asked again with the same id, it is the same one. The gateway's is its inbox."""

draft = Table(
    "draft",
    web_metadata,
    Column("owner", _User, primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("matter", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("saved_at", Instant, nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),
)
"""A form that somebody has begun; visible to its owner only. `version` grows with each saving."""

incoming = Table(
    "incoming",
    web_metadata,
    Column("id", String(40), primary_key=True),
    Column("owner", _User, nullable=False),
    Column("name_sealed", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes of the whole, as its sender said
    Column("begun_at", Instant, nullable=False),
    Index("ix_incoming_owner", "owner"),
    Index("ix_incoming_begun", "begun_at"),
)
"""A file that is coming piece by piece; when it is whole it becomes an upload."""

incoming_piece = Table(
    "incoming_piece",
    web_metadata,
    Column("incoming_id", String(40), ForeignKey("incoming.id"), primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("size", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""Bytes of it from `start` on."""

preference = Table(
    "preference",
    web_metadata,
    Column("owner", _User, primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
    Column("changed_at", Instant, nullable=False),
)
"""How somebody wants their pages: a choice among those of `cases.habits.CHOICES`. What is not here
is as it comes."""

saved_filter = Table(
    "saved_filter",
    web_metadata,
    Column("owner", _User, primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),  # its name and filters: may name a person
    Column("saved_at", Instant, nullable=False),
)
"""Filters of a list that somebody keeps under a name; visible to their owner only."""

upload = Table(
    "upload",
    web_metadata,
    Column("id", String(40), primary_key=True),
    Column("owner", _User, nullable=False),
    Column("digest", _Digest, nullable=False),  # SHA-256 of the bytes as they came
    Column("size", Integer, nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("name_sealed", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("case_id", String(36), nullable=False),  # empty: no case has it yet
    Column("is_held", Boolean(create_constraint=False), nullable=False),
    Column("finding", String(200)),  # of the scanner; NULL: not looked at, empty: found nothing
    # For what an order to it brings the file, `type:id`; empty: a case's material.
    Column("thing", String(140), nullable=False, server_default=""),
    Column(
        "is_used", Boolean(create_constraint=False), nullable=False, server_default=text("false")
    ),  # an order to the thing names it
    UniqueConstraint("id", "owner"),
    Index("ix_upload_owner", "owner", "created_at"),
    Index("ix_upload_case", "case_id"),
    Index("ix_upload_thing", "thing"),
)
"""A file handed in. `is_held` is the quarantine: nobody gets a held file."""

attached_file = Table(
    "attached_file",
    MetaData(),  # a view: not made with the tables
    Column("id", String(40)),
    Column("owner", _User),
    Column("thing", String(140)),
    Column("digest", _Digest),
    Column("size", Integer),
    Column("media_type", String(100)),
    Column("is_infected", Integer),
)
"""Which files are kept for which thing, without name or bytes: by it the worker judges whether what
an order names is there. Made by migration 0022."""

ATTACHED_FILE = (
    "CREATE VIEW attached_file AS SELECT id, owner, thing, digest, size, media_type, "
    "CASE WHEN finding IS NULL OR finding = '' THEN 0 ELSE 1 END AS is_infected "
    "FROM upload WHERE thing <> ''"
)
event.listen(upload, "after_create", DDL(ATTACHED_FILE))  # type: ignore[no-untyped-call]

citizen = Table(
    "citizen",
    web_metadata,
    Column("id", _User, primary_key=True),  # c:<uuid>
    Column("subject", _Digest, nullable=False, unique=True),  # SHA-256 of provider and its name
    Column("sealed", LargeBinary, nullable=False),  # name, ID number, telephone, as it said last
    Column("first_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)
"""Somebody whom the city's identity provider has vouched for; no password of theirs is here."""

citizen_session = Table(
    "citizen_session",
    web_metadata,
    Column("token", _Digest, primary_key=True),
    Column("citizen_id", _User, ForeignKey("citizen.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("provider_session", _Digest),
    Index("ix_citizen_session_ends", "ends_at"),
    Index("ix_citizen_session_provider", "provider_session"),
)
"""A citizen's sign-in; the cookie's secret stands here as SHA-256, and so does the identity
provider's name for its own session (NULL: it gave none)."""

citizen_logout = Table(
    "citizen_logout",
    web_metadata,
    Column("token", _Digest, primary_key=True),
    Column("at", Instant, nullable=False),
    Index("ix_citizen_logout_at", "at"),
)
"""Ids of the provider's logout tokens, as digests, for as long as one could be sent once more."""

citizen_case = Table(
    "citizen_case",
    web_metadata,
    Column("case_id", String(36), primary_key=True),
    Column("citizen_id", _User, ForeignKey("citizen.id"), nullable=False),
    Column("filed_at", Instant, nullable=False),
    Index("ix_citizen_case_citizen", "citizen_id", "filed_at"),
)
"""Who filed a case on line. Written before the order, so that no case is nobody's; one that was
refused then names a case that there is none of."""

erasure = Table(
    "erasure",
    web_metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("case_no", String(50), nullable=False),  # the case that was named; empty: none
    Column("ground", String(32), nullable=False),  # article of the law register
    Column("state", String(8), nullable=False),
    Column("asked_by", _User, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("settled_by", _User, nullable=False),
    Column("settled_at", Instant),
    Column("done_at", Instant),
    Column("counts", JSON, nullable=False),  # what of each copy was destroyed
    CheckConstraint("kind IN ('erase', 'restrict')", name="kind"),
    CheckConstraint("state IN ('asked', 'approved', 'refused', 'done')", name="state"),
    CheckConstraint("settled_by = '' OR settled_by <> asked_by", name="two_people"),
    CheckConstraint("(state = 'asked') = (settled_by = '')", name="settled"),
    Index("ix_erasure_subject", "subject"),
    Index("ix_erasure_state", "state", "asked_at"),
)
"""Orders to erase (删除) or only to store (限制处理) what is kept of one person: asked for by one
account, settled by another. No free text stands here: it would outlive what it speaks of."""

log_line = Table(
    "log_line",
    web_metadata,
    Column("n", _Counter, primary_key=True, autoincrement=True),
    Column("origin", String(200), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("entry_id", String(36), nullable=False),
    Column("at", Instant, nullable=False),
    Column("act", String(64), nullable=False),
    Column("res", String(8), nullable=False),
    Column("who", String(80), nullable=False),
    Column("case_id", String(200), nullable=False),  # empty: about no case
    UniqueConstraint("origin", "seq"),
    Index("ix_log_line_at", "at", "n"),
    Index("ix_log_line_act", "act", "n"),
    Index("ix_log_line_res", "res", "n"),
    Index("ix_log_line_who", "who", "n"),
    Index("ix_log_line_case", "case_id", "n"),
)
"""What the log's entries are found by. Made from the log, and again at will: nothing is believed
because it stands here, each entry that is shown is read in the log."""

verification = Table(
    "verification",
    web_metadata,
    Column("id", String(36), primary_key=True),
    Column("asked_by", _User, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("running", SmallInteger, unique=True),  # 1 while it runs, so that two never do
    Column("seen", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("beat_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("exit_code", SmallInteger),
    Column("report", Text, nullable=False),
    CheckConstraint("(running IS NULL) = (ended_at IS NOT NULL)", name="ended"),
)
"""Verifications of the whole log that somebody asked for at the pages, with what came of each."""

access_finding = Table(
    "access_finding",
    web_metadata,
    Column("id", String(36), primary_key=True),
    Column("rule", String(64), nullable=False),
    Column("who", String(80), nullable=False),
    Column("pack", String(64), nullable=False),  # digest of the version that found it
    Column("facts", Text, nullable=False),
    Column("entries", Text, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("cleared_at", Instant),
    Column("standing", SmallInteger),  # 1 while it stands, so that two of a kind never do
    UniqueConstraint("rule", "who", "standing"),
    CheckConstraint("(standing IS NULL) = (cleared_at IS NOT NULL)", name="cleared"),
    Index("ix_access_finding_raised", "raised_at"),
)
"""What a rule found unusual in how somebody looks at cases, and the entries behind it."""
