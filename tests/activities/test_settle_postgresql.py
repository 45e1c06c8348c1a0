"""The database half of settling on a real PostgreSQL: the same answers as on SQLite."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, func, select, true

from activities.indexing import BlindIndex
from cases import numbers, tables
from cases.database import open_engine, reading
from cases.messages import Outcome
from cases.queries import Desk, Queries
from cases.views import WorklistQuery
from policies.warrants import WarrantSigner
from tests.activities.conftest import PRIVATE, START, Town
from tests.postgres.running import running
from yichuang.stores import create_schema, migrate
from yichuang.unsealing import opener

pytestmark = pytest.mark.long

_NAMES = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as address:
        yield address


@pytest.fixture
def town(server: str) -> Iterator[Town]:
    number = next(_NAMES)
    engines: list[Engine] = []
    for store in ("cases", "keys"):
        url = f"{server}{'&' if '?' in server else '?'}schema={store}_{number}"
        create_schema(url)
        engine = open_engine(url)
        migrate(engine, "cases" if store == "cases" else "keys")
        engines.append(engine)
    signer = WarrantSigner("web", Ed25519PrivateKey.from_private_bytes(PRIVATE))
    yield Town(engines[0], engines[1], signer)
    for engine in engines:
        engine.dispose()


def decidable(town: Town):  # type: ignore[no-untyped-def] # a state, as in test_settle
    state = town.filed()
    state, _ = town.settle(state, town.order("accept", {"mode": "plain"}, by="u:a"))
    opinion = {"task": "review-check", "result": "agree", "text": "同意"}
    return town.settle(state, town.order("opine", opinion, by="u:r"))[0]


def test_a_case_is_settled_and_read_back(town: Town) -> None:
    state = decidable(town)
    queries = Queries(town.engine, opener(town.vault), BlindIndex(town.engine, town.sealer).sought)
    assert queries.state(state.case_id) == state
    for scope in ("all", "team", "mine"):
        desk = Desk(("u:window",), ("scjg",))
        page = queries.worklist(true(), desk, WorklistQuery(scope=scope), START)
        assert page.total == (0 if scope == "mine" else 1)
    view = queries.case_view(state.case_id, START)
    assert view is not None and view.opinions[0].text == "同意"


def test_the_same_command_from_six_threads_is_settled_once(town: Town) -> None:
    state = town.filed()
    accept = town.order("accept", {"mode": "plain"}, by="u:a")
    found: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda: found.append(town.outcome(state, accept))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({outcome.documents for outcome in found}) == 1
    assert len(found) == 6
    with reading(town.engine) as connection:
        assert connection.execute(select(func.count()).select_from(tables.step)).scalar_one() == 2
        assert numbers.gaps(connection) == []


def test_the_rows_refuse_who_accepted_as_decider(town: Town) -> None:
    state = decidable(town)
    blind = state.model_copy(
        update={"hands": {act: who for act, who in state.hands.items() if act != "accept"}}
    )
    outcome = town.outcome(blind, town.order("decide", {"result": "grant"}, by="u:a"))
    assert outcome.code == "same_person"
