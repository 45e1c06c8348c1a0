"""Behind policy's condition stands the database's own: plain SQL of the pages' role sees no more.

Each test speaks as that role, as an attacker would who had found a query without its condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, create_engine, insert, select, text, true, update
from sqlalchemy.exc import DBAPIError, ProgrammingError

from activities.indexing import BlindIndex
from cases import tables, tally
from cases.database import Bounds, bounded, reading
from cases.messages import Actor, Grant
from cases.queries import Queries
from cases.tables import cases_metadata
from cases.views import WorklistQuery
from cases.worklists import Desk
from policies.access import Access
from policies.policy import load_policy
from policies.warrants import WarrantSigner
from tests.activities.conftest import START, Town
from yichuang.settings import Store
from yichuang.stores import INCIDENT_TABLES, PAGE_TABLES, PROJECT_TABLES, open_to_pages
from yichuang.unsealing import opener

pytestmark = pytest.mark.long

OURS = Bounds("zjj|xf", "u:clerk", 2, "")
ROLE = "yichuang_page"
OF_NOBODY = ("index_key", "matter_version", "tally_state")
"""What the pages read that tells of no case."""
NAMES = ("ours", "theirs", "secret", "apart")
IDS: dict[str, str] = {}
"""What the cases are called here → their ids: the same in each city, since references make them."""


@pytest.fixture
def store(town: Town) -> Engine:
    """Four cases: ours, another department's, one of a higher label, one in a compartment."""
    with town.engine.begin() as connection:
        connection.execute(
            text(
                f"DO $$ BEGIN CREATE ROLE {ROLE} NOLOGIN; CREATE ROLE whole_one NOLOGIN;"
                " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
        )
        for role in (ROLE, "whole_one"):
            connection.execute(text(f"GRANT USAGE ON SCHEMA cases TO {role}"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA cases TO whole_one"))
    open_to_pages(town.engine, ROLE)
    for name in NAMES:
        IDS[name] = town.filed(name).case_id
    place(town.engine, "ours", "zjj", label_level=2)
    place(town.engine, "theirs", "scjg", label_level=2)
    place(town.engine, "secret", "zjj", label_level=4)
    place(town.engine, "apart", "zjj", compartments="|涉军|")
    with town.engine.begin() as connection:
        row = {"case_id": IDS["apart"], "compartment": "涉军"}
        connection.execute(insert(tables.case_compartment).values(row))
    return town.engine


def place(engine: Engine, name: str, department: str, **more: object) -> None:
    with engine.begin() as connection:
        connection.execute(
            update(tables.case)
            .where(tables.case.c.id == IDS[name])
            .values(department=department, **more)
        )
        connection.execute(
            update(tables.task)
            .where(tables.task.c.case_id == IDS[name])
            .values(department=department)
        )


@contextmanager
def page(store: Engine, bounds: Bounds = OURS) -> Iterator[Connection]:
    with reading(bounded(store, ROLE, bounds)) as connection:
        yield connection


def ids(connection: Connection, query: str = "SELECT id FROM case_file") -> set[str]:
    """Return which cases a query gives, by the names that they have here."""
    called = {id: name for name, id in IDS.items()}
    return {called[one] for one in connection.execute(text(query)).scalars()}


def test_plain_sql_sees_what_is_ours_and_nothing_else(store: Engine) -> None:
    with page(store) as connection:
        assert ids(connection) == {"ours"}
        assert connection.execute(text("SELECT count(*) FROM case_file")).scalar_one() == 1


def test_without_settings_nothing_is_seen(store: Engine) -> None:
    with reading(store) as connection:
        connection.execute(text(f"SET LOCAL ROLE {ROLE}"))
        assert ids(connection) == set()
        assert connection.execute(text("SELECT count(*) FROM task")).scalar_one() == 0


def test_the_next_transaction_of_the_same_connection_starts_from_nothing(store: Engine) -> None:
    bound = bounded(store, ROLE, OURS)
    with reading(bound) as connection:
        assert ids(connection) == {"ours"}
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with reading(store) as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() == backend
        assert connection.execute(text("SELECT current_user")).scalar_one() != ROLE
        connection.execute(text(f"SET LOCAL ROLE {ROLE}"))
        assert ids(connection) == set()


def test_a_wider_reach_clearance_or_compartment_sees_more(store: Engine) -> None:
    for bounds, seen in (
        (Bounds("*", "u:x", 2, ""), {"ours", "theirs"}),
        (Bounds("zjj", "u:x", 4, ""), {"ours", "secret"}),
        (Bounds("zjj", "u:x", 2, "涉军|涉外"), {"ours", "apart"}),
        (Bounds("zjj", "u:x", 1, ""), set[str]()),
        (Bounds("", "u:x", 4, "涉军"), set[str]()),
    ):
        with page(store, bounds) as connection:
            assert ids(connection) == seen, bounds


def test_who_has_a_task_or_is_asked_to_sign_sees_the_case(store: Engine) -> None:
    with store.begin() as connection:
        connection.execute(
            text("UPDATE task SET signers = '|u:other|u:clerk|' WHERE case_id = :id"),
            {"id": IDS["theirs"]},
        )
    with page(store) as connection:
        assert ids(connection) == {"ours", "theirs"}
    with page(store, Bounds("", "u:cler", 4, "")) as connection:
        assert ids(connection) == set()


@pytest.mark.parametrize(
    "table", [one for one in PAGE_TABLES if one not in {"case_file", "tally_sum", *OF_NOBODY}]
)
def test_no_table_of_a_case_shows_another_departments_rows(store: Engine, table: str) -> None:
    with page(store) as connection:
        assert ids(connection, f"SELECT DISTINCT case_id FROM {table}") <= {"ours"}


def test_neither_a_join_nor_a_union_nor_a_cursor_goes_round_it(store: Engine) -> None:
    with page(store) as connection:
        joined = "SELECT s.case_id FROM step s LEFT JOIN case_file c ON true"
        assert ids(connection, joined) == {"ours"}
        both = "SELECT id FROM case_file UNION ALL SELECT case_id FROM timer"
        assert ids(connection, both) == {"ours"}
        connection.execute(text("DECLARE c CURSOR FOR SELECT id FROM case_file"))
        assert ids(connection, "FETCH ALL FROM c") == {"ours"}


def test_a_function_of_ones_own_is_not_shown_hidden_rows(store: Engine) -> None:
    """Were it not for the policy, so cheap a function would be asked first."""
    told: list[str] = []
    with store.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        driver.add_notice_handler(lambda notice: told.append(notice.message_primary))
        connection.execute(
            text(
                "CREATE FUNCTION pg_temp.tell(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0001"
                " AS $$ BEGIN RAISE NOTICE '%', t; RETURN true; END $$"
            )
        )
        connection.execute(
            text(
                "SELECT set_config('yichuang.reach', 'zjj', true),"
                " set_config('yichuang.persons', '', true),"
                " set_config('yichuang.clearance', '2', true),"
                " set_config('yichuang.compartments', '', true)"
            )
        )
        connection.execute(text(f"SET LOCAL ROLE {ROLE}"))
        connection.execute(text("SELECT count(*) FROM case_file WHERE pg_temp.tell(case_no)"))
        connection.execute(text("RESET ROLE"))
        number = text("SELECT case_no FROM case_file WHERE id = :id")
        assert told == [connection.execute(number, {"id": IDS["ours"]}).scalar_one()]
        connection.rollback()


def test_a_plan_names_nothing_of_a_hidden_row(store: Engine) -> None:
    with page(store) as connection:
        plan = connection.execute(
            text(f"EXPLAIN (VERBOSE) SELECT id FROM case_file WHERE id = '{IDS['theirs']}'")
        )
        shown = "\n".join(plan.scalars())
    # The condition that was typed, and the policy; no number of a case and no department's name.
    assert "scjg" not in shown
    with reading(store) as connection:
        numbers = set(connection.execute(text("SELECT case_no FROM case_file")).scalars())
    assert not any(one in shown for one in numbers)


def test_the_role_reads_nothing_but_what_lists_are_made_of_and_writes_nothing(
    store: Engine,
) -> None:
    for statement in (
        "SELECT 1 FROM outbox", "SELECT 1 FROM command", "SELECT 1 FROM inspection",
        "SELECT 1 FROM separated", "SELECT 1 FROM document_number", "SELECT 1 FROM whole_reader",
        "SELECT 1 FROM alarm", "SELECT 1 FROM audit_outbox",
        "DELETE FROM task", "UPDATE case_file SET label_level = 1",
        "ALTER TABLE case_file DISABLE ROW LEVEL SECURITY", "GRANT SELECT ON outbox TO PUBLIC",
    ):  # fmt: skip
        with pytest.raises(DBAPIError), page(store) as connection:
            connection.execute(text(statement))
            raise AssertionError(statement)


def test_a_system_reader_sees_every_case_and_the_owner_too(store: Engine) -> None:
    for role in ("whole_one", ""):
        with reading(store) as connection:
            if role:
                connection.execute(text(f"SET LOCAL ROLE {role}"))
            assert ids(connection) == {"ours", "theirs", "secret", "apart"}


def test_every_table_of_a_case_has_row_security_in_the_database(store: Engine) -> None:
    of_a_case = {
        one.name
        for one in cases_metadata.sorted_tables
        if any(key.target_fullname == "case_file.id" for key in one.foreign_keys)
    }
    with reading(store) as connection:
        held = connection.execute(
            text("SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace ="
                 " current_schema()::regnamespace")
        ).scalars()  # fmt: skip
        bare = {"case_file", "tally", "tally_mark", "tally_sum"}
        assert set(held) == of_a_case | {*bare, *INCIDENT_TABLES, *PROJECT_TABLES}
    assert set(PAGE_TABLES) - set(OF_NOBODY) <= of_a_case | bare


def test_a_sum_of_cases_is_seen_as_its_cases_are(store: Engine) -> None:
    """Marked or summed: what is not ours adds nothing that plain SQL could read."""
    for _ in range(2):
        with page(store) as connection:
            assert ids(connection, "SELECT case_id FROM tally_mark UNION SELECT case_id FROM tally"
                       ) == {"ours"}  # fmt: skip
            sums = connection.execute(
                text("SELECT DISTINCT department, label_level FROM tally_sum")
            )
            assert {tuple(row) for row in sums} <= {("zjj", 2)}
        with store.begin() as connection:
            while tally.fold(connection, "Asia/Shanghai"):
                pass
    with page(store, Bounds("*", "u:x", 4, "涉军")) as connection:
        found = connection.execute(text("SELECT DISTINCT label_level FROM tally_sum")).scalars()
        assert set(found) >= {2, 4}, "there are such sums"


def test_the_pages_own_lists_run_within_the_bounds(town: Town, store: Engine) -> None:
    queries = Queries(
        bounded(store, ROLE, OURS), opener(town.vault), BlindIndex(store, town.sealer).sought
    )
    # No condition of policy at all: the database alone.
    listed = queries.worklist(true(), Desk(("u:clerk",)), WorklistQuery(scope="all"), START)
    assert [row.case_id for row in listed.rows] == [IDS["ours"]] and listed.total == 1
    filters = ({"department": "zjj"}, {"matter": "food"}, {"received_from": START.date()})
    for one in filters:  # each leads to its cases (`cases.few`)
        led = queries.worklist(
            true(), Desk(("u:clerk",)), WorklistQuery.model_validate({"scope": "all", **one}), START
        )
        assert ([row.case_id for row in led.rows], led.total) == ([IDS["ours"]], 1), one
    assert queries.counts(true(), Desk(("u:clerk",), ("zjj",)), START).all == 1
    assert queries.notices(Desk(("u:clerk",), ("scjg",))) == []


def test_a_case_and_its_documents_are_read_within_the_bounds(town: Town, store: Engine) -> None:
    queries = Queries(store, opener(town.vault), BlindIndex(store, town.sealer).sought)
    bound = bounded(store, ROLE, OURS)
    # No condition of policy at all: the database alone.
    seen = {name for name in NAMES if queries.case_view(IDS[name], START, within=bound)}
    assert seen == {"ours"}
    assert all(queries.case_view(IDS[name], START) for name in NAMES)
    state = town.filed("papers")
    IDS["papers"] = state.case_id
    accepted = town.order("accept", {"mode": "plain"}, case="papers", by="u:a")
    (paper,) = town.settle(state, accepted)[1].steps[0].outcome.documents
    for department, may in (("scjg", False), ("zjj", True)):
        place(store, "papers", department)
        assert (queries.document_file(paper.id, within=bound) is not None) is may


def grants(*held: tuple[str, str]) -> tuple[Grant, ...]:
    return tuple(Grant(role=role, department=department) for role, department in held)


READERS = (
    Actor(id="u:clerk", department="zjj", clearance=2, grants=grants(("section_clerk", "zjj"))),
    Actor(id="u:assigned", department="xf", clearance=4, grants=grants(("section_clerk", "xf"))),
    Actor(id="u:boss", department="gov", clearance=4, grants=grants(("government_head", "gov"))),
    Actor(id="u:sees", department="gov", clearance=2, grants=grants(("supervisor", "*"))),
    Actor(id="u:apart", department="zjj", clearance=2, compartments=("涉军",),
          grants=grants(("organ_head", "zjj"))),
    Actor(id="u:admin", department="", clearance=4, grants=grants(("sysadmin", "*"))),
    Actor(id="s:system", kind="service", department="scjg", clearance=2,
          grants=grants(("service_intake", "scjg"))),
    Actor(id="u:deputy", on_behalf="u:clerk", department="zjj", clearance=1,
          grants=grants(("section_clerk", "zjj"))),
)  # fmt: skip


@pytest.mark.parametrize("actor", READERS, ids=lambda one: one.id)
@pytest.mark.parametrize("act", ["list", "read", "read_personal"])
def test_the_database_never_hides_what_policy_lets_one_see(
    store: Engine, actor: Actor, act: str
) -> None:
    """As far as the rows go, policy stays the judge: the bounds are no second, narrower policy."""
    access = Access(
        load_policy(),
        {"gov": "", "zjj": "gov", "scjg": "gov", "xf": "zjj"},
        WarrantSigner("web", Ed25519PrivateKey.generate()),
    )
    with store.begin() as connection:
        connection.execute(
            text("UPDATE task SET holder = 'u:assigned' WHERE case_id = :id"),
            {"id": IDS["theirs"]},
        )
    wanted = select(tables.case.c.id).where(access.where(actor, act))
    with reading(store) as connection:
        whole = set(connection.execute(wanted).scalars())
    with page(store, access.bounds(actor)) as connection:
        assert set(connection.execute(wanted).scalars()) == whole
    if actor.id in ("u:clerk", "u:assigned", "u:sees", "u:apart") and act == "list":
        assert whole


def test_where_there_is_no_such_role_it_is_said(open_named: Callable[[Store], Engine]) -> None:
    with pytest.raises(ProgrammingError, match="nobody_of_that_name"):
        open_to_pages(open_named("cases"), "nobody_of_that_name")


def test_on_sqlite_the_engine_stays_as_it_is() -> None:
    engine = create_engine("sqlite://")
    assert bounded(engine, ROLE, OURS) is engine
