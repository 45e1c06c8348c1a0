"""The ground and the walk of `bench pages`: copies are read as cases are, links are followed,
streams are left alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, true

from activities.indexing import BlindIndex
from audit.logstore import LogReader, append, found_log
from audit.tables import log_metadata
from benchmarks import pages, pages_copies, pages_ground, pages_log
from benchmarks.audit_ground import drafts
from benchmarks.audit_million import _chained
from cases import tally
from cases.database import open_engine, reading
from cases.log_lines import LineQuery, search
from cases.queries import Desk, Queries
from cases.tables import case, step
from cases.tally_tables import tally_state
from cases.views import WorklistQuery
from cases.web_tables import web_metadata
from forms.cookies import SESSION_COOKIE
from tests.activities.conftest import START
from tests.activities.conftest import Town as Office
from tests.activities.conftest import town as office  # noqa: F401 -- a fixture
from tests.activities.test_queries import reviewed
from tests.forms.conftest import Browser as Client
from tests.forms.conftest import town  # noqa: F401 -- a fixture
from tests.forms.test_browser import address  # noqa: F401 -- a fixture
from tests.forms.town import ADDRESS, Town
from yichuang.unsealing import opener

SIZE = 40


@pytest.fixture
def queries(office: Office) -> Queries:  # noqa: F811
    index = BlindIndex(office.engine, office.sealer)
    return Queries(office.engine, opener(office.vault), index.sought)


@pytest.fixture
def copied(office: Office) -> Iterator[Office]:  # noqa: F811
    office.filed("c1")
    reviewed(office, "c2")
    pages_copies.multiplied(office.engine, office.sealer, SIZE)
    yield office


def test_copies_are_listed_with_names_of_their_own(copied: Office, queries: Queries) -> None:
    found = queries.worklist(true(), Desk(("u:x",)), WorklistQuery(scope="all", size=50), START)
    names = [row.applicant for row in found.rows if row.case_no.startswith("COPY")]
    assert (found.total, len(names)) == (SIZE, SIZE - 2)
    assert all("*" in name for name in names)
    team = queries.worklist(true(), Desk(("u:x",), ("scjg",)), WorklistQuery(scope="team"), START)
    assert team.total > 2


def test_copies_lie_whole_days_back(copied: Office) -> None:
    with reading(copied.engine) as connection:
        rows = connection.execute(select(case.c.case_no, case.c.received_at, case.c.due_at)).all()
    own = {row.received_at.time() for row in rows if not row.case_no.startswith("COPY")}
    copies = [row for row in rows if row.case_no.startswith("COPY")]
    assert {row.received_at.time() for row in copies} <= own
    assert len({row.received_at.date() for row in copies}) > 5
    assert all(row.received_at <= START + timedelta(days=1) for row in copies)


def test_copies_are_in_the_sums_as_their_rows_say(copied: Office) -> None:
    with reading(copied.engine) as connection:
        ids, wrong = tally.differing(connection, "", SIZE, pages_copies.ZONE)
        unequal = tally.unequal_sums(connection)
        whole = connection.execute(select(tally_state.c.is_whole)).scalar_one()
    assert (len(ids), wrong, unequal, whole) == (SIZE, [], [], True)


def test_each_copy_has_an_entry_of_its_own_and_a_line(copied: Office, tmp_path: Path) -> None:
    log = open_engine(f"sqlite:///{tmp_path / 'log.sqlite'}")
    web = open_engine(f"sqlite:///{tmp_path / 'web.sqlite'}")
    log_metadata.create_all(log)
    web_metadata.create_all(web)
    found_log(log, "bench.invalid/log")
    (lived,) = drafts(2, 2)
    with log.begin() as connection:
        append(connection, LogReader(connection).state(), _chained(lived))
    assert pages_log.logged(copied.engine, log, web) == SIZE - 2
    assert pages_log.logged(copied.engine, log, web) == 0
    with reading(log) as connection:
        assert LogReader(connection).state().size == SIZE
    with reading(copied.engine) as connection:
        chosen = select(case.c.id, step.c.entry_id).join(step, step.c.case_id == case.c.id)
        newest = chosen.where(case.c.case_no.like("COPY%"), step.c.seq == case.c.seq)
        known = {tuple(row) for row in connection.execute(newest)}
    with reading(web) as connection:
        lines = [one for id, _ in known for one in search(connection, LineQuery(case_id=id))[0]]
    assert {(one.case_id, one.entry_id) for one in lines} == known
    assert {one.act for one in lines} == {"case.decide"}


def test_a_page_that_nobody_reaches_has_its_reason() -> None:
    assert pages.APART.keys() <= pages.KINDS.keys()
    walk = pages.Walk({kind: [] for kind in pages.KINDS.keys() - {"/team", "/fund/open"}})
    assert pages.unreached(walk) == {"/team": "", "/fund/open": pages.APART["/fund/open"]}


def test_a_city_that_has_them_is_given_no_more(copied: Office) -> None:
    assert pages_copies.multiplied(copied.engine, copied.sealer, SIZE - 5) == SIZE


def test_a_full_case_is_read_whole(office: Office, queries: Queries) -> None:  # noqa: F811
    state = office.filed("c1")
    office.settle(state, office.order("accept", {"mode": "plain"}, case="c1", by="u:a"))
    before = queries.case_view(state.case_id, START)
    case_no = pages_ground.heavy(office.engine, office.sealer, 20, 7)
    after = queries.case_view(state.case_id, START, ("materials",))
    assert before is not None
    assert after is not None
    assert after.row.case_no == case_no
    assert len(after.timeline) == len(before.timeline) + 20
    assert [one.file_name for one in after.materials if one.received][-1] == "附件第6号图纸.pdf"


def test_links_are_followed_to_pages_and_timed(town: Town, address: str) -> None:  # noqa: F811
    client = Client(town.app(), base_url=ADDRESS, headers={"origin": ADDRESS})
    client.town = town
    client.sign_in("chen")
    host, _, port = address.removeprefix("http://").partition(":")
    other = Client(town.app(), base_url=ADDRESS, headers={"origin": ADDRESS})
    other.town = town
    other.sign_in("sysadmin")
    cookies = {"chen": client.cookies[SESSION_COOKIE], "sysadmin": other.cookies[SESSION_COOKIE]}
    people = pages.People((host, int(port)), cookies, time.process_time)
    walk = pages.walked(people, {"chen": ["/cases?stage=received"]})
    assert walk.kept["/cases"][0] == ("chen", "/cases?stage=received")
    assert walk.kept["/accounts"] == [("sysadmin", "/accounts")]  # where "/" sends them
    # The town has no account in whose name the open page files suggestions, and no proposal of a
    # holiday notice, but those of its tests.
    assert walk.broken[:2] == ["- /suggest: 404", "- /suggest/rate: 404"]
    assert set(walk.broken[2:]) <= {"sysadmin /calendar: 404"}
    assert walk.kept["/status"] == [("", "/status")]
    assert {"/", "/team", "/cases", "/new", "/new/{matter}", "/guides"} <= walk.kept.keys()
    assert walk.kept["/team"] == [("chen", "/team")]
    assert "/incidents/changes" not in pages.KINDS
    figures = pages._timed(people, "chen", "/team", 2)
    assert figures["status"] == 200
    assert figures["p50"] <= figures["p95"]
    assert figures["bytes"] > 1_000
    assert figures["cpu"] > 0
