"""From proposal to signature on a real worker: nothing changed counts before it was tried."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import select

from benchmarks import ground
from benchmarks.step import SOURCE
from cases import dossier_rows, release_tables
from cases.dossier import MUTANTS_NOTICED, SAME_AGAIN, Dossier
from cases.messages import Actor
from cases.releasing import Propose, ReleaseAnswer
from tests.yichuang.registry import (
    BOTH,
    EDITOR,
    SIGNER,
    Town,
    city,
    person,
    settings,
    template,
    town,
)
from tests.yichuang.test_card_retiming import earlier
from tests.yichuang.test_releasing import ROUTING, food, sealed
from tests.yichuang.test_retiming import accepted
from yichuang.settings import Settings

__all__ = ["settings", "template", "town"]

OTHER = person("other", "catalogue_editor")


async def propose(town: Town, kind: str, text: str, who: Actor = EDITOR) -> ReleaseAnswer:
    body = Propose.model_validate({"kind": kind, "text": text})
    return await town.door.propose(who, SOURCE, str(uuid4()), body)


async def endorse(town: Town, who: Actor, made: ReleaseAnswer, digest: str = "") -> ReleaseAnswer:
    ground.admit(town.settings, who)
    return await town.door.endorse(who, SOURCE, str(uuid4()), made.release, digest or made.dossier)


def whole(town: Town, made: ReleaseAnswer) -> Dossier:
    with town.shop.cases.connect() as connection:
        table = release_tables.dossier.c
        query = select(table.id).where(
            table.release_id == made.release, table.digest == made.dossier
        )
        found = dossier_rows.content(connection, connection.execute(query).scalar_one())
    assert found is not None
    return found


async def test_changed_rules_count_after_two_signatures_on_their_dossier(town: Town) -> None:
    case = await accepted(town)
    made = await propose(town, "rules", earlier())
    assert (made.status, made.state, len(made.dossier)) == ("done", "proposed", 64)
    tried = whole(town, made)
    assert {one.name: one.passed for one in tried.checks} == {
        SAME_AGAIN: True, MUTANTS_NOTICED: True,
    }  # fmt: skip
    assert tried.changed_rules == ("JC-TS-75",) and tried.cards.looked_at == 1 and case

    early = await town.sign(SIGNER, made.release, dossier=made.dossier)
    assert early.code == "not_endorsed"
    assert (await endorse(town, OTHER, made)).code == "not_own"
    assert (await endorse(town, EDITOR, made, "0" * 64)).code == "dossier_stale"
    assert (await endorse(town, EDITOR, made)).status == "done"
    assert (await town.sign(SIGNER, made.release, dossier="")).code == "dossier_stale"
    signed = await town.sign(SIGNER, made.release, dossier=made.dossier)
    assert (signed.status, signed.state) == ("done", "active")


async def test_the_version_in_force_proposed_again_differs_in_nothing(town: Town) -> None:
    await accepted(town)
    made = await propose(town, "rules", ROUTING.replace('version: "2026.2"', 'version: "2026.3"'))
    tried = whole(town, made)
    assert tried.changed_rules == () and tried.rulings.changes == ()
    assert tried.rulings.looked_at == 1 and tried.passed


async def test_one_person_cannot_propose_endorse_and_sign(town: Town) -> None:
    made = await propose(town, "matter", food("2026.2", 5), BOTH)
    assert made.dossier and (await endorse(town, BOTH, made)).status == "done"
    own = await town.sign(BOTH, made.release, dossier=made.dossier)
    assert (own.status, own.code) == ("refused", "forbidden")


async def test_a_matter_with_the_same_limits_needs_no_dossier(town: Town) -> None:
    made = await propose(town, "matter", food("2026.2", 10))
    assert (made.state, made.dossier) == ("proposed", "")
    assert (await town.sign(SIGNER, made.release, dossier="")).state == "active"


async def test_a_threshold_that_no_example_notices_keeps_the_rules_from_being_signed(
    town: Town,
) -> None:
    loose = earlier().replace("elapsed_percent: 39, remaining", "elapsed_percent: 30, remaining")
    made = await propose(town, "rules", loose)
    tried = whole(town, made)
    assert not tried.passed
    assert any("JC-TS-75" in finding for one in tried.checks for finding in one.findings)
    refused = await endorse(town, EDITOR, made)
    assert (refused.code, "卷宗" in refused.reason) == ("dossier_failed", True)


async def test_both_signatures_and_the_dossier_stand_in_a_log_that_verifies(town: Town) -> None:
    made = await propose(town, "matter", food("2026.2", 5))
    await endorse(town, EDITOR, made)
    await town.sign(SIGNER, made.release, dossier=made.dossier)
    stream = town.entries("release:matter:food-operation")
    told = [(one["act"], one["obj"]["doc"]) for one in stream if "dossier" in one["act"]]
    assert told == [
        ("release_dossier", made.dossier),
        ("release_dossier_signed", made.dossier),
        ("release_dossier_signed", made.dossier),
    ]
    who = {one["who"]["id"] for one in stream if one["act"] == "release_dossier_signed"}
    assert len(who) == 2
    verify = sealed(town.settings)
    assert await asyncio.to_thread(lambda: verify().exit_code) == 0


@pytest.mark.parametrize("column", ["digest", "content", "id"])
async def test_a_dossier_altered_behind_the_log_is_named(town: Town, column: str) -> None:
    await propose(town, "matter", food("2026.2", 5))
    verify = sealed(town.settings)
    with town.shop.cases.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER dossier_no_update")
        connection.exec_driver_sql(f"UPDATE dossier SET {column} = {column} || 'x'")
    verdict = await asyncio.to_thread(verify)
    assert verdict.exit_code == 1
    assert any(one.case_id.startswith("dossier:") for one in verdict.rows)


async def test_made_anew_over_more_months_the_older_dossier_no_longer_counts(town: Town) -> None:
    made = await propose(town, "matter", food("2026.2", 5))
    await endorse(town, EDITOR, made)
    ground.admit(town.settings, OTHER)
    again = await town.door.simulate(OTHER, SOURCE, str(uuid4()), made.release, 12)
    assert again.dossier not in ("", made.dossier)
    assert whole(town, again).span.months == 12
    late = await town.sign(SIGNER, made.release, dossier=made.dossier)
    assert late.code == "dossier_stale"


async def test_of_two_people_signing_at_once_one_succeeds(town: Town) -> None:
    made = await propose(town, "matter", food("2026.2", 5))
    await endorse(town, EDITOR, made)
    signers = [SIGNER, person("second-signer", "catalogue_signer")]
    answers = await asyncio.gather(
        *(town.sign(one, made.release, dossier=made.dossier) for one in signers)
    )
    assert sorted(one.status for one in answers) == ["done", "refused"]


async def test_while_the_past_is_not_tried_nothing_is_signed(settings: Settings) -> None:
    async with city(settings) as (town, working), working(without=("simulate",)):
        asking = asyncio.create_task(propose(town, "matter", food("2026.2", 5)))
        release = ""
        until = datetime.now(UTC).timestamp() + 30
        while not release and datetime.now(UTC).timestamp() < until:
            await asyncio.sleep(0.1)
            with town.shop.cases.connect() as connection:
                table = release_tables.release.c
                of = (table.name == "food-operation", table.version == "2026.2")
                query = select(table.id).where(*of)
                release = connection.execute(query).scalar() or ""
        assert release
        signed = await town.sign(SIGNER, release, dossier="")
        assert (signed.status, signed.code) == ("refused", "no_dossier")
        asking.cancel()
