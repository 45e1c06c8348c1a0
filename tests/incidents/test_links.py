"""Cases and incidents: who may link them, what a link leaves, and that nothing is told by a no."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, true, update

from benchmarks import ground
from benchmarks.step import CLERK as WINDOW
from benchmarks.step import steps_of_a_case
from cases import tables
from cases.database import reading
from cases.incident_cases import cases_of, incidents_of
from cases.incident_rows import insist_open
from cases.incident_tables import incident, incident_case
from cases.incidents.linking import chain_of
from cases.life_rows import digest_of
from cases.messages import Actor, Grant, Source
from cases.queries import facts_in
from cases.reception import Request
from cases.settling import RuleForbids
from tests import against_log
from tests.against_log import wrong
from tests.incidents.town import DUTY, PEOPLE, Town
from tests.yichuang.registry import LinePress
from yichuang import joining
from yichuang.incident_door import UnknownCase
from yichuang.reception import CityReception
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings
from yichuang.worker import Workshop, workshop

SOURCE = Source(door="web", ip="127.0.0.1")


def both(name: str, *held: tuple[str, str], **more: Any) -> Actor:
    return Actor(
        id=f"u:{name}", department="sw", clearance=2,
        grants=tuple(Grant(role=role, department=where) for role, where in held), **more,
    )  # fmt: skip


KEEPER = both("keeper", ("duty_officer", "zhzx"), ("section_clerk", "scjg"))
"""May act on incidents and read the market office's cases."""
BLIND = both("blind", ("duty_officer", "zhzx"))
"""May act on incidents, and read no case."""
CLERK = both("reader", ("section_clerk", "scjg"))
"""May read the cases, and act on no incident."""
UNIT = both("unit", ("unit_duty", "sw"), ("section_clerk", "scjg"))
WHY = {"ground": "事件中受损，申请重建"}


@pytest.fixture(scope="module")
def installed() -> Iterator[tuple[Settings, Workshop]]:
    """As the others', with a press: a case that is filed has its receipt."""
    with ground.installed() as settings, workshop(settings, LinePress()) as shop:
        ground.admit(settings, *PEOPLE, KEEPER, BLIND, CLERK, UNIT, WINDOW)
        yield settings, shop


@pytest.fixture
def filed(town: Town, installed: Any) -> Callable[[], Any]:
    settings, _ = installed
    sealer = joining.sealer_of(settings, joining.vault_of(settings))
    reception = CityReception(
        town.environment.client, "town",
        access=joining.access_of(settings, "web"),
        queries=joining.queries_of(settings, sealer),
        catalogue=town.shop.incidents.catalogue,
        refusals=RefusalLog(town.web, "web", sealer.who),
    )  # fmt: skip

    async def one() -> str:
        _, verb, body = steps_of_a_case()[0]
        request = Request(id=str(uuid4()), verb=verb, body=body, reference=str(uuid4()))
        (outcome,) = await reception.handle(WINDOW, SOURCE, (request,))
        assert outcome.status == "done", outcome
        return outcome.case_id

    return one


def links(town: Town, incident: str) -> list[tuple[str, int, int | None]]:
    row = incident_case.c
    query = select(row.case_id, row.seq, row.unlinked_seq).where(row.incident_id == incident)
    with reading(town.shop.cases) as connection:
        return [tuple(one) for one in connection.execute(query.order_by(row.seq))]


async def test_a_case_is_linked_once_unlinked_and_linked_again_each_with_its_entry(
    town: Town, filed: Callable[[], Any]
) -> None:
    incident, case = await town.reported(), await filed()
    plain = town.state(incident)
    assert "linked" not in plain.model_dump(mode="json")  # states of before keep their digests
    said = WHY | {"case": case}
    key = str(uuid4())
    first = await town.order(KEEPER, incident, "link_case", said, key)
    again = await town.order(KEEPER, incident, "link_case", said, key)
    assert (first.status, again.status, again.repeated) == ("done", "done", True)
    assert await town.refused(KEEPER, incident, "link_case", said) == "linked_already"
    assert await town.refused(KEEPER, incident, "unlink_case", {"case": case}) == "ground_missing"
    await town.done(KEEPER, incident, "unlink_case", said)
    assert await town.refused(KEEPER, incident, "unlink_case", said) == "not_linked"
    await town.done(KEEPER, incident, "link_case", said)
    assert links(town, incident) == [(case, 2, 3), (case, 4, None)]
    assert chain_of(links(town, incident)) == town.state(incident).linked
    mine = [one for one in town.entries(f"incident:{incident}") if one["res"] == "ok"]
    assert [one["act"] for one in mine] == ["report", "link_case", "unlink_case", "link_case"]
    assert mine[-1]["after"] == digest_of(town.state(incident))
    assert case not in str(mine)


async def test_no_is_the_same_for_a_case_that_is_not_there_and_for_one_that_is_not_theirs(
    town: Town, filed: Callable[[], Any]
) -> None:
    incident, case = await town.reported(), await filed()
    answers = [
        await town.order(who, incident, "link_case", WHY | {"case": named})
        for who, named in ((BLIND, case), (BLIND, str(uuid4())), (KEEPER, str(uuid4())))
    ]
    told = {(one.code, one.reason, one.field, one.case_no, one.stage) for one in answers}
    assert told == {("unknown_case", str(UnknownCase().reason), "body.case", "", "")}
    assert await town.refused(CLERK, incident, "link_case", WHY | {"case": case}) == "no_right"
    with town.shop.cases.begin() as connection:
        raised = update(tables.state).where(tables.state.c.case_id == case)
        state = connection.execute(
            select(tables.state.c.state).where(tables.state.c.case_id == case)
        ).scalar_one()
        connection.execute(raised.values(state=state.replace('"level":2', '"level":4')))
        about = facts_in(connection, case)
        assert about is not None and about.label_level == 4
    refused = await town.order(KEEPER, incident, "link_case", WHY | {"case": case})
    assert (refused.code, refused.reason) == ("unknown_case", answers[0].reason)
    assert links(town, incident) == []


async def test_who_lost_the_case_on_the_way_is_refused_where_the_order_is_settled(
    town: Town, filed: Callable[[], Any]
) -> None:
    """The door's own question left out: what counts is what is so when it is settled."""
    incident, case = await town.reported(), await filed()
    town.door._insist_on_case = lambda command, at: None  # type: ignore[method-assign]
    refused = await town.order(BLIND, incident, "link_case", WHY | {"case": case})
    assert (refused.code, refused.field) == ("unknown_case", "body.case")
    assert links(town, incident) == []


async def test_two_at_once_link_a_case_once(town: Town, filed: Callable[[], Any]) -> None:
    incident, case = await town.reported(), await filed()
    said = WHY | {"case": case}
    outcomes = await asyncio.gather(
        *(town.order(KEEPER, incident, "link_case", said) for _ in range(3))
    )
    assert sorted(one.status for one in outcomes) == ["done", "refused", "refused"]
    assert [one[0] for one in links(town, incident)] == [case]


async def test_a_closed_incident_is_linked_still_and_one_that_ended_no_more(
    town: Town, filed: Callable[[], Any]
) -> None:
    case = await filed()
    untrue = await town.reported()
    await town.done(DUTY, untrue, "verify", {"true": False, "ground": "误报"})
    said = WHY | {"case": case}
    assert await town.refused(KEEPER, untrue, "link_case", said) == "unfounded"
    merged, into = await town.reported(), await town.reported()
    await town.done(KEEPER, merged, "link_case", said)
    await town.done(DUTY, merged, "merge", {"into": into})
    assert await town.refused(KEEPER, merged, "unlink_case", said) == "merged"


async def test_a_unit_links_what_it_was_sent_to_and_nothing_else(
    town: Town, filed: Callable[[], Any]
) -> None:
    mine, other, case = await town.sent("sw"), await town.sent("cgj"), await filed()
    said = WHY | {"case": case}
    await town.done(UNIT, mine, "link_case", said)
    assert await town.refused(UNIT, other, "link_case", said) == "no_right"


LINKED = {
    "DELETE FROM incident_case": "incident_case",
    "UPDATE incident_case SET case_id = 'other' WHERE unlinked_seq IS NULL": "incident_case",
    "UPDATE incident_case SET unlinked_seq = 9 WHERE unlinked_seq IS NULL": "incident_case",
    "UPDATE incident_case SET seq = 8 WHERE unlinked_seq IS NULL": "incident_case",
}
"""What somebody with the file does to a link → the column that is named."""


async def test_a_link_that_somebody_changed_or_took_away_is_named(
    town: Town, filed: Callable[[], Any], tmp_path: Path
) -> None:
    incident, case = await town.reported(), await filed()
    said = WHY | {"case": case}
    for verb in ("link_case", "unlink_case", "link_case"):
        await town.done(KEEPER, incident, verb, said)
    log = against_log.empty_log(tmp_path)
    store = against_log.altered(town.shop.cases, tmp_path)
    assert wrong(store, log, "incident") == []
    for attack, column in LINKED.items():
        mine = (
            attack.replace(" WHERE", f" WHERE incident_id = '{incident}' AND")
            if " WHERE" in attack
            else f"{attack} WHERE incident_id = '{incident}'"
        )
        found = wrong(against_log.altered(town.shop.cases, tmp_path, mine), log, "incident")
        assert {(one.case_id, one.column) for one in found} == {(f"incident:{incident}", column)}


async def test_what_cannot_be_entered_leaves_no_row_and_the_retry_leaves_both(
    town: Town, filed: Callable[[], Any]
) -> None:
    """The entry fails after the rows were written: a crash between the two."""
    incident, case = await town.reported(), await filed()
    stream = f"incident:{incident}"
    with town.shop.cases.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER no_entry BEFORE INSERT ON audit_outbox"
            f" WHEN NEW.stream = '{stream}' BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    said = WHY | {"case": case}
    waiting = asyncio.create_task(town.order(KEEPER, incident, "link_case", said))
    done, _ = await asyncio.wait({waiting}, timeout=2)
    assert not done and links(town, incident) == [] and town.state(incident).seq == 1
    with town.shop.cases.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER no_entry")
    assert (await waiting).status == "done"
    assert links(town, incident) == [(case, 2, None)]
    acts = [one["act"] for one in town.entries(stream) if one["res"] == "ok"]
    assert acts == ["report", "link_case"]


async def test_a_case_goes_along_however_often_its_incident_is_merged(
    town: Town, filed: Callable[[], Any]
) -> None:
    first, second, last = [await town.reported() for _ in range(3)]
    mine, other = await filed(), await filed()
    await town.done(KEEPER, first, "link_case", WHY | {"case": mine})
    await town.done(KEEPER, last, "link_case", WHY | {"case": other})
    await town.done(DUTY, first, "merge", {"into": second})
    await town.done(DUTY, second, "merge", {"into": last})
    with reading(town.shop.cases) as connection:
        told, ids = incidents_of(connection, mine, true(), 10)
        assert [one.incident_id for one in told] == [first] and set(ids) == {first, second, last}
        for whose, all_of in ((last, {mine, other}), (second, {mine})):
            found = connection.execute(cases_of([whose], true())).scalars()
            assert set(found) == all_of
        hidden = incident.c.id != second  # what one may not know of leads nowhere
        assert set(connection.execute(cases_of([last], hidden)).scalars()) == {other}


async def test_of_two_that_are_merged_into_each_other_at_once_one_goes_on(town: Town) -> None:
    for _ in range(3):
        one, other = await town.reported(), await town.reported()
        done = await asyncio.gather(
            town.order(DUTY, one, "merge", {"into": other}),
            town.order(DUTY, other, "merge", {"into": one}),
        )
        assert sorted(each.status for each in done) == ["done", "refused"]
        assert {town.state(one).open, town.state(other).open} == {True, False}


async def test_what_ended_since_the_door_looked_takes_nobody_in(town: Town) -> None:
    into, one = await town.reported(), await town.reported()
    await town.done(DUTY, into, "verify", {"true": False, "ground": "误报"})
    with town.shop.cases.begin() as connection, pytest.raises(RuleForbids, match="已经办结"):
        insist_open(connection, one, into)
