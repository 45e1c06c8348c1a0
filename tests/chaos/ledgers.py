"""What must be true of a city's stores after a bad run, read from the rows and streams alone."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

from nats.errors import TimeoutError as NothingThere
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from sqlalchemy import func, select

from cases import numbers
from cases.database import reading
from cases.gateway_tables import inbox
from cases.tables import case, command, document, document_number, outbox, step
from tests.chaos.city import City
from yichuang.events import read

APART = ("urge", "copy_to")
"""Orders that move nothing and may have been lost before they were acknowledged."""


def outcomes(city: City, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Return the stored outcomes of these commands."""
    with reading(city.store("cases")) as connection:
        rows = connection.execute(select(command.c.id, command.c.outcome))
        return {row.id: json.loads(row.outcome) for row in rows if row.id in set(ids)}


def door_outcomes(city: City, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Return what the gateway itself keeps as the answers to these commands: its inbox."""
    with reading(city.store("gateway")) as connection:
        query = select(inbox.c.command_id, inbox.c.outcome).where(inbox.c.state == "answered")
        rows = connection.execute(query)
        return {row.command_id: json.loads(row.outcome) for row in rows if row.command_id in ids}


def steps_with_gaps(city: City) -> list[str]:
    """Return the cases whose steps are not 1, 2, 3, … up to the case's own number."""
    found: dict[str, list[int]] = defaultdict(list)
    with reading(city.store("cases")) as connection:
        for row in connection.execute(select(step.c.case_id, step.c.seq).order_by(step.c.seq)):
            found[row.case_id].append(row.seq)
        last = {row.id: row.seq for row in connection.execute(select(case.c.id, case.c.seq))}
    whole = {case_id: list(range(1, seq + 1)) for case_id, seq in last.items()}
    return [one for one in {*found, *whole} if found.get(one) != whole.get(one)]


def commands_twice(city: City) -> list[str]:
    """Return the commands that made more than one step, or a step without an outcome."""
    with reading(city.store("cases")) as connection:
        steps = Counter(connection.execute(select(step.c.command_id)).scalars())
        done = set(
            connection.execute(select(command.c.id).where(command.c.status == "done")).scalars()
        )
    return [one for one in {*steps, *done} if steps[one] != 1 or one not in done]


def number_faults(city: City) -> list[str]:
    """Return gaps in any series, numbers neither used nor void, and documents without a number."""
    with reading(city.store("cases")) as connection:
        faults = [f"gap {gap}" for gap in numbers.gaps(connection)]
        rows = connection.execute(select(document_number.c.number, document_number.c.state)).all()
        used = Counter(row.number for row in rows if row.state == "used")
        printed = Counter(connection.execute(select(document.c.number)).scalars())
        printed += Counter(connection.execute(select(case.c.case_no)).scalars())
    faults += [f"left {row.number}" for row in rows if row.state == "reserved"]
    return faults + [f"differs {one}" for one in {*used, *printed} if used[one] != printed[one]]


def unsent(city: City) -> int:
    """Return how many events wait for the relay."""
    with reading(city.store("cases")) as connection:
        query = select(func.count()).select_from(outbox).where(outbox.c.sent_at.is_(None))
        return int(connection.execute(query).scalar_one())


async def published(city: City) -> dict[str, set[bytes]]:
    """Return every event of stream EVT: its id, and each payload under which it was published."""
    bus = await city.bus("admin")
    js = bus.jetstream()
    info = await js.stream_info("EVT")
    await js.add_consumer(
        "EVT",
        ConsumerConfig(
            name="ledger",
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=60,
        ),
    )
    pull = await js.pull_subscribe_bind(consumer="ledger", stream="EVT")
    found: dict[str, set[bytes]] = defaultdict(set)
    left = info.state.messages
    while left:
        try:
            messages = await pull.fetch(256, timeout=5)
        except NothingThere:
            break
        left -= len(messages)
        for message in messages:
            found[read(message.data, message.headers).id].add(message.data)
    await bus.close()
    return found


def outbox_ids(city: City) -> set[str]:
    with reading(city.store("cases")) as connection:
        return set(connection.execute(select(outbox.c.id)).scalars())


def shape_of(city: City, case_no: str) -> dict[str, Any]:
    """Return what a case came to, free of instants, numbers and of the orders that move nothing."""
    with reading(city.store("cases")) as connection:
        row = connection.execute(select(case).where(case.c.case_no == case_no)).one()
        steps = connection.execute(
            select(step.c.verb, step.c.events).where(step.c.case_id == row.id).order_by(step.c.seq)
        ).all()
        kinds = connection.execute(
            select(document.c.kind).where(document.c.case_id == row.id).order_by(document.c.seq)
        ).scalars()
        return {
            "stage": row.stage,
            "ending": row.ending,
            "documents": list(kinds),
            "steps": [
                (one.verb, [event["kind"] for event in json.loads(one.events)])
                for one in steps
                if one.verb not in APART
            ],
        }
