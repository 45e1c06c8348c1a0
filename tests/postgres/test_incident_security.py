"""Behind policy's condition on incidents stands the database's own, as it does on cases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from unittest.mock import Mock, sentinel

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, insert, select, text
from sqlalchemy.exc import DBAPIError

from cases import paper_rows
from cases.database import Bounds, bounded, reading
from cases.incident_lists import Filters
from cases.incident_tables import incident, incident_case, incident_signal
from cases.messages import Actor, Grant
from cases.paper_rows import KeptPaper
from cases.tables import case
from catalogue.load import load_catalogue
from policies.access import Access
from policies.policy import load_policy
from policies.warrants import WarrantSigner
from tests.forms.incident_rows import made, put
from tests.postgres.conftest import Stores
from yichuang.incident_papers import IncidentPapers, NoSuchPaper
from yichuang.stores import INCIDENT_TABLES, open_to_pages
from yichuang.web_incident_papers import WebIncidentPapers
from yichuang.web_incidents import WebIncidents

pytestmark = pytest.mark.long

AT = datetime(2026, 11, 27, tzinfo=UTC)
ROLE = "yichuang_page"
PARENTS = {"city": "", "sw": "city", "sw1": "sw", "rq": "city", "zhzx": "city"}
SENT = {"water": ("sw",), "pipes": ("sw1", "rq"), "gas": ("rq",), "nobody": ()}
"""What the incidents are called here → who was sent to them."""
IDS: dict[str, str] = {}


@pytest.fixture
def store(stores: Stores) -> Engine:
    engine = stores["cases"]
    with engine.begin() as connection:
        connection.execute(
            text(
                f"DO $$ BEGIN CREATE ROLE {ROLE} NOLOGIN;"
                " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
        )
    open_to_pages(engine, ROLE)
    catalogue = load_catalogue()
    kind = catalogue.incident_types.by_code["water_damage"]
    for n, (name, units) in enumerate(SENT.items(), 1):
        state = made(n, kind, catalogue.grid, AT, "dispatched" if units else "graded", "", units)
        IDS[name] = state.incident_id
        put(engine, [state])
    with engine.begin() as connection:
        rows = [{"incident_id": one, "signal_id": f"s-{one}", "at": AT} for one in IDS.values()]
        connection.execute(insert(incident_signal), rows)
        for one in IDS.values():
            kept = KeptPaper(one, one, one, "brief", "", "0" * 64, AT, AT, one)
            paper_rows.put(connection, kept, b"sealed")
        connection.execute(insert(case).values(_a_case()))
        links = [{"incident_id": one, "seq": 2, "case_id": CASE, "at": AT} for one in IDS.values()]
        connection.execute(insert(incident_case), links)
    return engine


CASE = "the-case"


def _a_case() -> dict[str, object]:
    """A case of the department zjj, of the second label; the rest of its row does not matter."""
    blank = {str: "", int: 1, bool: False, bytes: b"", object: AT}
    row: dict[str, object] = {
        one.name: blank[one.type.python_type] for one in case.c if not one.nullable
    }
    return row | {"id": CASE, "department": "zjj", "departments": "|zjj|", "label_level": 2}


@contextmanager
def page(store: Engine, incidents: str, cases: str = "*") -> Iterator[Connection]:
    with reading(bounded(store, ROLE, Bounds(cases, "u:x", 4, "", incidents))) as connection:
        yield connection


def shown(connection: Connection, query: str = "SELECT id FROM incident") -> set[str]:
    called = {id: name for name, id in IDS.items()}
    return {called[one] for one in connection.execute(text(query)).scalars()}


@pytest.mark.parametrize(
    ("bounds", "seen"),
    [
        ("*", set(SENT)),
        ("sw|sw1", {"water", "pipes"}),
        ("rq", {"pipes", "gas"}),
        ("s", set()),
        ("", set()),
    ],
)
def test_plain_sql_sees_the_incidents_of_the_units_and_no_other(
    store: Engine, bounds: str, seen: set[str]
) -> None:
    with page(store, bounds) as connection:
        assert shown(connection) == seen
        for table in sorted(set(INCIDENT_TABLES) - {"incident"}):
            query = f"SELECT incident_id FROM {table}"
            assert shown(connection, query) == seen - ({"nobody"} if "unit" in table else set())


def test_a_link_is_seen_by_who_sees_both_its_ends_alone(store: Engine) -> None:
    query = "SELECT incident_id FROM incident_case"
    for incidents, cases, seen in (
        ("*", "zjj", set(SENT)), ("sw", "zjj", {"water"}), ("", "zjj", set[str]()),
        ("*", "scjg", set[str]()), ("*", "", set[str]()),
    ):  # fmt: skip
        with page(store, incidents, cases) as connection:
            assert shown(connection, query) == seen, (incidents, cases)


def test_without_settings_nothing_is_seen_and_nothing_else_is_read_or_written(
    store: Engine,
) -> None:
    with reading(store) as connection:
        assert shown(connection) == set(SENT)
        connection.execute(text(f"SET LOCAL ROLE {ROLE}"))
        assert shown(connection) == set()
        assert shown(connection, "SELECT incident_id FROM incident_change") == set()
    for statement in (
        "SELECT 1 FROM incident_hand", "SELECT 1 FROM incident_line", "SELECT 1 FROM incident_end",
        "SELECT 1 FROM notice", "UPDATE incident SET title = ''", "DELETE FROM incident_unit",
        "INSERT INTO incident_change VALUES (9, '', now(), '')",
    ):  # fmt: skip
        with pytest.raises(DBAPIError, match="permission denied"), page(store, "*") as connection:
            connection.execute(text(statement))


def actor(role: str, department: str) -> Actor:
    return Actor(id="u:x", department="city", grants=(Grant(role=role, department=department),))


READERS = (
    (actor("duty_officer", "zhzx"), set(SENT)),
    (actor("evaluator", "zhzx"), set(SENT)),
    (actor("unit_duty", "sw"), {"water", "pipes"}),
    (actor("unit_duty", "sw1"), {"pipes"}),
    (actor("unit_duty", "zhzx"), set[str]()),
    (actor("section_clerk", "sw"), set[str]()),
    (actor("citizen", "sw"), set[str]()),
)


@pytest.fixture
def access() -> Access:
    return Access(load_policy(), PARENTS, WarrantSigner("web", Ed25519PrivateKey.generate()))


@pytest.mark.parametrize(("reader", "seen"), READERS)
def test_the_database_shows_what_policy_lets_one_see_and_no_more(
    store: Engine, access: Access, reader: Actor, seen: set[str]
) -> None:
    with reading(bounded(store, ROLE, access.bounds(reader))) as connection:
        assert shown(connection) == seen
        wanted = select(incident.c.id).where(access.where(reader, "list", "incident"))
        assert set(connection.execute(wanted).scalars()) == {IDS[one] for one in seen}


@pytest.mark.parametrize(("reader", "seen"), READERS)
def test_the_board_and_its_changes_are_read_under_the_role(
    store: Engine, access: Access, reader: Actor, seen: set[str]
) -> None:
    catalogue = load_catalogue()
    pages = WebIncidents(
        store, access, sentinel.accounts, lambda: catalogue, sentinel.door, sentinel.opened,
        sentinel.drafted, sentinel.leaves, ROLE,
    )  # fmt: skip
    board = pages.board(reader, Filters(), 1, 20)
    ids = {IDS[one] for one in seen}
    assert {row.id for row in board.window} == ids and board.counters.open == len(seen)
    assert set(board.units) == ids - {IDS["nobody"]} and sum(board.cells.values()) == len(seen)
    assert {one.incident_id for one in pages.since(reader, 0)} == ids
    assert set(pages.numbers(reader, list(IDS.values()))) == ids


@pytest.mark.parametrize(("reader", "seen"), READERS)
def test_one_incident_and_its_papers_are_read_under_the_role(
    store: Engine, access: Access, reader: Actor, seen: set[str]
) -> None:
    catalogue = load_catalogue()

    accounts = Mock(names=lambda _users: {})
    pages = WebIncidents(
        store, access, accounts, lambda: catalogue, sentinel.door, sentinel.opened,
        sentinel.drafted, sentinel.leaves, ROLE,
    )  # fmt: skip
    papers = IncidentPapers(
        store, lambda: catalogue, lambda *_: {}, accounts.names, "Asia/Shanghai", lambda: AT
    )
    web = WebIncidentPapers(
        papers,
        access,
        sentinel.web,
        sentinel.pseudonym,
        sentinel.press,
        lambda: AT,
        sentinel.file,
        ROLE,
    )
    for name, incident_id in IDS.items():
        shown_one = pages.incident(reader, incident_id)
        assert (shown_one is not None) == (name in seen)
        try:
            story, _ = web.within(reader).html(incident_id, "brief")
        except NoSuchPaper:
            assert name not in seen
        else:
            assert name in seen and story.number
