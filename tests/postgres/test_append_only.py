"""Attacks on what may only grow, on PostgreSQL: as superuser, as the tables' owner, as a writer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, Table, create_engine, make_url, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DatabaseError

from cases import card_tables
from cases.database import open_engine
from policies.warrants import WarrantSigner
from tests.activities.conftest import PRIVATE, Town
from tests.activities.test_append_only import EACH, refused, rows
from tests.activities.test_cards import Desk
from tests.postgres.conftest import _command, _in, the_tests_of

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.activities.test_append_only",
        without=(
            "plain", "attacker", "test_the_triggers_of_sqlite_are_there",
            "test_no_row_takes_the_place_of_another",
            "test_a_replacement_for_a_cards_number_elsewhere_is_refused",
        ),
    )
)  # fmt: skip

ROLES = ("superuser", "owner", "writer")


@pytest.fixture(scope="module")
def city(server: str, template: str) -> Iterator[str]:
    """The name of a database whose tables belong to a role that is no superuser."""
    database = f"cards_{uuid.uuid4().hex[:8]}"
    _command(server, f"CREATE DATABASE {database} TEMPLATE {template}")
    admin = open_engine(_in(server, database, "cases"))
    with admin.begin() as connection:
        for role in ("owner", "writer"):
            connection.execute(text(f"CREATE ROLE {database}_{role}"))
            connection.execute(text(f"GRANT USAGE ON SCHEMA cases TO {database}_{role}"))
        connection.execute(text(f"GRANT ALL ON ALL TABLES IN SCHEMA cases TO {database}_writer"))
        for name in ("card", "card_mark"):
            connection.execute(text(f"ALTER TABLE {name} OWNER TO {database}_owner"))
    yield database
    with admin.begin() as connection:
        connection.execute(text(f"DROP OWNED BY {database}_owner, {database}_writer CASCADE"))
    admin.dispose()
    _command(server, f"DROP DATABASE {database} WITH (FORCE)")
    for role in ("owner", "writer"):
        _command(server, f"DROP ROLE {database}_{role}")


@pytest.fixture(scope="module")
def plain(server: str, city: str) -> Town:
    signer = WarrantSigner("web", Ed25519PrivateKey.from_private_bytes(PRIVATE))
    cases, keys = (open_engine(_in(server, city, store)) for store in ("cases", "keys"))
    return Town(cases, keys, signer)


@pytest.fixture(scope="module", params=ROLES)
def attacker(
    request: pytest.FixtureRequest, server: str, city: str, desk: Desk
) -> Iterator[Engine]:
    """Somebody who writes the store, from the mightiest down."""
    options = "-c search_path=cases -c timezone=UTC"
    if request.param != "superuser":
        options += f" -c role={city}_{request.param}"
    url = make_url(server).set(drivername="postgresql+psycopg", database=city)
    engine = create_engine(url, connect_args={"options": options})
    yield engine
    engine.dispose()


@EACH
def test_no_row_is_truncated_away(desk: Desk, attacker: Engine, table: Table) -> None:
    refused(desk, attacker, lambda sql: sql.execute(text(f"TRUNCATE {table.name}")))


def test_no_row_is_truncated_with_its_case(desk: Desk) -> None:
    act = text("TRUNCATE case_file CASCADE")
    refused(desk, desk.town.engine, lambda sql: sql.execute(act))


@EACH
def test_no_row_is_changed_by_inserting_it_again(
    desk: Desk, attacker: Engine, table: Table
) -> None:
    row = dict(rows(desk.town.engine, table)[0]._mapping)
    again = insert(table).values(row | {"rule": "X"})
    forged = again.on_conflict_do_update(
        index_elements=[*table.primary_key], set_={"rule": again.excluded.rule}
    )
    refused(desk, attacker, lambda sql: sql.execute(forged))


@EACH
def test_no_row_is_changed_by_merging(desk: Desk, attacker: Engine, table: Table) -> None:
    forged = text(
        f"MERGE INTO {table.name} one USING {table.name} other ON one.number = other.number"
        " WHEN MATCHED THEN UPDATE SET rule = 'X'"
    )
    refused(desk, attacker, lambda sql: sql.execute(forged))


@EACH
def test_a_session_that_says_it_replicates_does_not_pass(desk: Desk, table: Table) -> None:
    def act(sql: Connection) -> None:
        sql.execute(text("SET LOCAL session_replication_role = replica"))
        sql.execute(update(table).values(at=table.c.at))

    refused(desk, desk.town.engine, act)


@pytest.mark.parametrize("table", ["card", "card_mark"])
def test_a_writer_does_not_take_the_trigger_away(
    desk: Desk, server: str, city: str, table: str
) -> None:
    options = f"-c search_path=cases -c role={city}_writer"
    url = make_url(server).set(drivername="postgresql+psycopg", database=city)
    engine = create_engine(url, connect_args={"options": options})
    for act in (
        f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only",
        f"DROP TRIGGER {table}_append_only ON {table}",
        f"DROP TABLE {table}",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION card_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NULL; END $$",
    ):
        with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
            with engine.begin() as connection:
                connection.execute(text(act))
    engine.dispose()
    with desk.town.engine.connect() as connection:
        assert connection.execute(select(card_tables.card.c.number)).first() is not None
