"""A registered system's questions over NATS tell a hidden case from none no more than the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import select

from audit.tables import audit_outbox, keys_metadata, outbox_metadata
from audit.vault import SubjectVault
from cases.database import open_engine
from cases.facts import CaseFacts
from cases.gateway_tables import gateway_metadata
from cases.messages import Actor, Grant
from tests.attack.conftest import NOWHERE, Ground
from tests.attack.routes import QUESTIONS
from yichuang.inbox import Inbox
from yichuang.questions import Desk
from yichuang.reading import CityReader
from yichuang.unit_incidents import UnitIncidents


@dataclass
class Asked:
    """A message that somebody waits on; keeps the answer."""

    subject: str
    data: bytes
    reply: str = "_INBOX.1"
    answers: list[Any] = field(default_factory=list)

    async def respond(self, data: bytes) -> None:
        self.answers.append(orjson.loads(data))


class Bus:
    """Takes the subscription, so that a test may ask."""

    async def subscribe(self, _subject: str, queue: str, cb: Any) -> None:
        self.take = cb


@dataclass
class Office:
    """The gateway's desk over the town's cases, with a store of its own."""

    ground: Ground
    folder: Path

    def __post_init__(self) -> None:
        self.store = open_engine(f"sqlite:///{self.folder / 'gateway.sqlite'}")
        for metadata in (gateway_metadata, outbox_metadata, keys_metadata):
            metadata.create_all(self.store)
        self.inbox = Inbox(self.store, SubjectVault(self.store, b"m" * 32), lambda who: f"p:{who}")

    async def ask(self, question: str, asked: Mapping[str, object]) -> Any:
        bus = Bus()
        town = self.ground.town
        desk = Desk(
            cast(Any, bus),
            "yc",
            CityReader(town.queries),
            self.inbox,
            self._actor,
            self._may,
            UnitIncidents(town.queries.engine, town.access.inner.access),
        )
        await desk.open()
        message = Asked(f"qry.yc.minzheng.{question}", orjson.dumps(asked))
        await bus.take(message)
        (answer,) = message.answers
        return answer

    def _actor(self, user: str, _department: str) -> Actor | None:
        grant = Grant(role="service_intake", department="mzj")
        return Actor(id=f"s:{user}", kind="service", department="mzj", grants=(grant,), clearance=2)

    def _may(self, actor: Actor, act: str, facts: CaseFacts) -> bool:
        access = self.ground.town.access.inner.access
        return access.decide(actor, act, facts, datetime.now(UTC)).allowed

    def entries(self) -> list[Any]:
        with self.store.connect() as connection:
            rows = connection.execute(select(audit_outbox.c.body)).scalars()
            return [orjson.loads(bytes(row)) for row in rows]


@pytest.fixture
def office(ground: Ground, tmp_path: Path) -> Office:
    return Office(ground, tmp_path)


@pytest.mark.parametrize("question", [q for q, kind in QUESTIONS.items() if kind == "case"])
@pytest.mark.parametrize("why", ["department", "label", "compartment"])
@pytest.mark.parametrize("name", ["case_no", "case_id"])
async def test_a_question_about_a_hidden_case_is_answered_as_about_none(
    question: str, why: str, name: str, office: Office
) -> None:
    case = office.ground.cases[why]
    there = {"case_no": case.case_no, "case_id": case.case_id}[name]
    nowhere = {"case_no": NOWHERE, "case_id": str(uuid4())}[name]
    answers = [await office.ask(question, {name: one}) for one in (there, nowhere)]
    assert answers[0] == answers[1]
    assert answers[0]["problem"]["status"] == 404
    (entry,) = office.entries()
    assert (entry["res"], entry["obj"]["id"]) == ("deny", case.case_id)


async def test_a_reference_is_looked_up_among_ones_own_cases_alone(office: Office) -> None:
    answer = await office.ask("case.status", {"reference": "the-window-s-own"})
    assert answer["problem"]["status"] == 404


async def test_the_outcome_of_somebody_elses_message_is_not_there(office: Office) -> None:
    asked = {"source": "/window", "id": office.ground.cases["department"].command_id}
    answers = [
        await office.ask("command.outcome", one) for one in (asked, asked | {"id": str(uuid4())})
    ]
    assert answers[0] == answers[1]
    assert answers[0]["problem"]["status"] == 404


@pytest.mark.parametrize("question", [q for q, kind in QUESTIONS.items() if kind == "role"])
async def test_dead_letters_are_for_the_web_alone(question: str, office: Office) -> None:
    answer = await office.ask(question, {"number": 1, "by": "u:x", "body": ""})
    assert answer["problem"]["status"] == 403
