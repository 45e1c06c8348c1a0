"""A document of an archived case is issued and served again, from the door to the rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from activities.papers import DocumentOrder
from benchmarks import ground, step
from benchmarks.step import CLERK, HEAD, steps_of_a_case
from cases.case_papers import documents_with_fate
from cases.database import reading
from cases.views import DocumentView
from catalogue.load import Catalogue
from tests.yichuang.test_reception import ORGAN, Town, town
from yichuang.settings import Settings
from yichuang.worker import Workshop, workshop

__all__ = ["town"]


class Lines:
    """Prints a line: what a document looks like is not what is tried here."""

    def render(self, order: DocumentOrder) -> bytes:
        return f"{order.kind} {order.number}".encode()


def with_documents() -> Catalogue:
    """Return the benchmark's matter with its decision and the record of service."""
    plain = step.catalogue()
    documents = {"documents": ("grant", "service_record")}
    return replace(plain, matters=tuple(m.model_copy(update=documents) for m in plain.matters))


@pytest.fixture(scope="module")
def installation() -> Iterator[tuple[Settings, Workshop]]:
    with ground.installed() as settings, workshop(settings, Lines(), with_documents) as shop:
        yield settings, shop


def grants(town: Town, case_id: str) -> list[DocumentView]:
    state = town.queries.state(case_id)
    assert state is not None
    with reading(town.queries.engine) as connection:
        found = documents_with_fate(connection, state)
    return [one for one in found if one.kind == "grant"]


async def test_an_archived_document_is_issued_again_once_and_served_again(town: Town) -> None:
    case_id = ""
    for who, verb, body in steps_of_a_case():
        case_id = (await town.order(who, verb, body, case_id=case_id)).case_id
    (former,) = grants(town, case_id)
    lost = {"document": former.id, "ground": "loss", "reason": "申请人声明遗失"}
    no = await town.order(CLERK, "reissue", lost, case_id=case_id)
    assert no.status == "refused", "the window does not issue decisions"
    answers = await asyncio.gather(
        town.order(ORGAN, "reissue", lost, case_id=case_id),
        town.order(HEAD, "reissue", lost, case_id=case_id),
    )
    assert sorted((one.status, one.code) for one in answers) == [
        ("done", ""), ("refused", "already_reissued"),
    ]  # fmt: skip
    was, now = grants(town, case_id)
    assert was.void and was.replaced_by == now.number and now.version == 2 and now.waits
    served = {"of_step": now.seq, "method": "direct", "recipient": "本人"}
    again = await town.order(CLERK, "serve_reissued", served, case_id=case_id)
    assert (again.status, again.stage) == ("done", "ended")
    assert not grants(town, case_id)[1].waits
    twice = await town.order(CLERK, "serve_reissued", served, case_id=case_id)
    assert twice.status == "refused"
