"""Behind policy's condition on projects stands the database's own, as it does on incidents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from unittest.mock import Mock, sentinel
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError

from activities.project_reports import Quarter
from cases.database import Bounds, bounded, open_engine, reading
from cases.messages import Actor, Grant
from cases.project_lists import Filters
from cases.project_tables import project
from catalogue.load import load_catalogue
from policies.access import Access
from policies.policy import load_policy
from policies.warrants import WarrantSigner
from tests.forms.project_rows import Maker, evidence
from tests.postgres.conftest import _command, _in
from yichuang.stores import PROJECT_TABLES, open_to_pages
from yichuang.web_project_reports import WebProjectReports
from yichuang.web_projects import WebProjects

pytestmark = pytest.mark.long

TODAY = date(2026, 11, 27)
AT = datetime(2026, 11, 27, 4, tzinfo=UTC)
ROLE = "yichuang_page"
PARENTS = {"city": "", "zjj": "city", "zjj1": "zjj", "fgw": "city", "zxb": "city", "spv1": "city"}
ALL = {"road", "plant", "lamp"}
IDS: dict[str, str] = {}
"""What the projects are called here → their ids."""


@pytest.fixture(scope="module")
def store(server: str, template: str) -> Iterator[Engine]:
    """A project of zjj, one of zjj that spv1 operates, one of fgw: nothing here writes."""
    database = f"projects_{uuid4().hex[:8]}"
    _command(server, f"CREATE DATABASE {database} TEMPLATE {template}")
    engine = open_engine(_in(server, database, "cases"))
    with engine.begin() as connection:
        connection.execute(
            text(
                f"DO $$ BEGIN CREATE ROLE {ROLE} NOLOGIN;"
                " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
        )
    open_to_pages(engine, ROLE)
    maker = Maker(engine, TODAY)
    risk = ("add_risk", {"title": "管线不明", "level": "high"})
    signed = {"operator": "spv1", "number": "XY-1", "signed_on": "2026-11-01",
              "ends_on": "2051-10-31"}  # fmt: skip
    made = {
        "road": maker.project("road", [evidence("proposal", "项目建议书批复"), risk]),
        "plant": maker.project(
            "plant", [("sign_contract", signed), risk], template="concession",
            regime="concession", user_pays=True, term_years=25, starts_on="2026-11-01",
        ),
        "lamp": maker.project("lamp", [risk], department="fgw"),
    }  # fmt: skip
    IDS.clear()
    IDS.update({name: one.project_id for name, one in made.items()})
    yield engine
    engine.dispose()
    _command(server, f"DROP DATABASE {database} WITH (FORCE)")


@contextmanager
def page(store: Engine, projects: str) -> Iterator[Connection]:
    bounds = Bounds("*", "u:x", 4, "", "*", projects)
    with reading(bounded(store, ROLE, bounds)) as connection:
        yield connection


def shown(connection: Connection, query: str = "SELECT id FROM project") -> set[str]:
    called = {id: name for name, id in IDS.items()}
    return {called[one] for one in connection.execute(text(query)).scalars()}


@pytest.mark.parametrize(
    ("bounds", "seen"),
    [
        ("*", ALL),
        ("zjj", {"road", "plant"}),
        ("spv1", {"plant"}),
        ("spv1|fgw", {"plant", "lamp"}),
        ("zj", set()),
        ("", set()),
        ("|", set()),  # the road has no operator: an empty word is nobody's
    ],
)
def test_plain_sql_sees_the_projects_of_those_engaged_and_no_other(
    store: Engine, bounds: str, seen: set[str]
) -> None:
    with page(store, bounds) as connection:
        assert shown(connection) == seen
        for table in sorted(set(PROJECT_TABLES) - {"project"}):
            assert shown(connection, f"SELECT project_id FROM {table}") == seen


def test_without_settings_nothing_is_seen_and_nothing_else_is_read_or_written(
    store: Engine,
) -> None:
    with reading(store) as connection:
        assert shown(connection) == ALL
        connection.execute(text(f"SET LOCAL ROLE {ROLE}"))
        assert shown(connection) == set()
        assert shown(connection, "SELECT project_id FROM project_event") == set()
    for statement in (
        "SELECT 1 FROM project_paper", "SELECT 1 FROM project_gate", "SELECT 1 FROM fund_order",
        "SELECT 1 FROM fund_total", "SELECT 1 FROM journal_line", "SELECT 1 FROM performance_act",
        "SELECT 1 FROM plan_report", "SELECT 1 FROM payment",
        "UPDATE project SET title = ''", "DELETE FROM project_milestone",
        "INSERT INTO project_event SELECT * FROM project_event",
    ):  # fmt: skip
        with pytest.raises(DBAPIError, match="permission denied"), page(store, "*") as connection:
            connection.execute(text(statement))


def actor(role: str, department: str) -> Actor:
    return Actor(id="u:x", department="city", grants=(Grant(role=role, department=department),))


READERS = (
    (actor("project_clerk", "zxb"), ALL),
    (actor("leader", "*"), ALL),
    (actor("operator", "spv1"), {"plant"}),
    (actor("operator", "fgw"), {"lamp"}),
    (actor("section_head", "zjj"), {"road", "plant"}),
    (actor("section_head", "zjj1"), set[str]()),
    (actor("organ_head", "city"), ALL),
    (actor("section_clerk", "zjj"), set[str]()),
    (actor("sysadmin", "*"), set[str]()),
)


@pytest.fixture
def access() -> Access:
    return Access(load_policy(), PARENTS, WarrantSigner("web", Ed25519PrivateKey.generate()))


@pytest.mark.parametrize(("reader", "seen"), READERS)
def test_what_the_database_shows_is_what_policy_lets_one_see_list_board_page_and_report_alike(
    store: Engine, access: Access, reader: Actor, seen: set[str]
) -> None:
    ids = {IDS[one] for one in seen}
    with reading(bounded(store, ROLE, access.bounds(reader))) as connection:
        assert shown(connection) == seen
        wanted = select(project.c.id).where(access.where(reader, "list", "project"))
        assert set(connection.execute(wanted).scalars()) == ids
    catalogue = load_catalogue()
    pages = WebProjects(
        store, access, Mock(names=lambda _users: {}), lambda: catalogue, sentinel.door,
        lambda: AT, ZoneInfo("Asia/Shanghai"), ROLE,
    )  # fmt: skip
    listed = pages.listing(reader, Filters(), 1, 20)
    assert {row.id for row in listed.rows} == ids and listed.total == len(ids)
    board = pages.dashboard(reader)
    assert {one.row.id for one in board.risks} == ids
    assert sum(board.slippages.values()) == len(ids)
    assert {row.id for row, _ in (*board.overdue, *board.coming)} <= ids
    assert (board.late > 0) is ("road" in seen or "lamp" in seen)
    for name, id in IDS.items():
        one = pages.project(reader, id)
        assert (one is not None) == (name in seen)
        assert one is None or one.told
    reports = WebProjectReports(
        store, access, lambda: catalogue, sentinel.web, sentinel.pseudonym, sentinel.press,
        lambda: AT, "Asia/Shanghai", ROLE,
    )  # fmt: skip
    engine = bounded(store, ROLE, access.bounds(reader))
    within = access.where(reader, "list", "project")
    facts = reports.facts(engine, within, Quarter.named("2026Q4"), "全市", AT)
    assert {row.id for row in facts.projects} == set(facts.milestones) == ids
