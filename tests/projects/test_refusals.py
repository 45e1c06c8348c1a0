"""What is refused of a project's orders, each with its rule and its source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.projects.town import (
    CLERK,
    GATE_ONE,
    GATE_TWO,
    LEAD,
    OUTSIDER,
    concession,
    installation,
    paper,
    town_of,
)
from yichuang.project_door import project_id_for
from yichuang.settings import Settings
from yichuang.worker import Workshop


@pytest.fixture(scope="module")
def installed() -> Iterator[tuple[Settings, Workshop]]:
    with installation() as found:
        yield found


async def test_bad_input_is_refused_with_the_rule_and_its_source(
    installed: tuple[Settings, Workshop],
) -> None:
    async with town_of(*installed) as town, town.working():
        today = town.today

        async def tried(**changed: object) -> tuple[str, str]:
            body = concession(today, **changed)
            return await town.refused(CLERK, project_id_for(str(changed)), "establish", body)

        assert await tried(term_years=41) == ("XM-40-YEARS", "GBH115-2")
        assert (await tried(regime="stock"))[0] == "wrong_regime"
        circle = [
            {"id": "x_one", "stage": "building", "title": "甲", "days": 9, "after": ["x_two"]},
            {"id": "x_two", "stage": "building", "title": "乙", "days": 9, "after": ["x_one"]},
        ]
        assert await tried(milestones=circle) == ("circle", "YCJX-10")
        for fen in (-1, 0.5, "1"):
            assert (await tried(feasibility_fen=fen))[0] == "malformed"
        code, _ = await town.refused(
            OUTSIDER, project_id_for("outsider"), "establish", concession(today)
        )
        assert code == "no_right"


async def test_one_person_opens_no_gate_and_who_gave_the_papers_opens_none(
    installed: tuple[Settings, Workshop],
) -> None:
    async with town_of(*installed) as town, town.working():
        project = await town.established()
        for key in ("scheme", "feasibility"):
            await town.reach(project, key)
        gate = {"milestone": "scheme_review"}
        assert (await town.refused(GATE_ONE, project, "pass_gate", gate))[0] == "evidence_missing"
        given = gate | {"paper": paper("审核意见")}
        await town.done(CLERK, project, "add_evidence", given)
        await town.done(GATE_ONE, project, "pass_gate", gate)
        assert await town.refused(GATE_ONE, project, "pass_gate", gate) == ("same_person", "YCJX-8")
        on = gate | {"on": town.today.isoformat()}
        assert await town.refused(LEAD, project, "achieve", on) == ("XM-TWO", "YCJX-8")
        assert (await town.refused(CLERK, project, "pass_gate", gate))[0] == "no_right"
        await town.done(GATE_TWO, project, "return_gate", gate | {"reason": "意见不全"})
        for who in (GATE_ONE, GATE_TWO):
            await town.done(who, project, "pass_gate", gate)
        await town.done(LEAD, project, "achieve", on)
        before = {"milestone": "company", "on": town.today.isoformat()}
        assert await town.refused(LEAD, project, "achieve", before) == ("not_yet", "YCJX-10")
