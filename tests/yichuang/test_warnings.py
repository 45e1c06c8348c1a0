"""An act of a warning through the real door: announced once, kept, bound, told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DatabaseError

from benchmarks import ground
from benchmarks.step import SOURCE
from cases import tables, warning_rows
from cases.database import open_engine
from cases.incidents.cap import prose_faults, read_alert
from cases.messages import Actor, Grant
from cases.warning_tables import warning_act
from cases.warnings import ADJUST, ISSUE, LAPSE, LIFT, WarningAnswer, warning_id
from tests.cases.test_warnings import BODY
from tests.yichuang.registry import Town, settings, template, town
from yichuang import asyncapi
from yichuang.warning_door import WarningDoor

__all__ = ["settings", "template", "town"]

OVER = {"reason": "坡体已加固", "reason_en": "The slope is secured"}


def somebody(role: str, name: str = "lei") -> Actor:
    return Actor(id=f"u:{name}", department="zhzx", grants=(Grant(role=role, department="zhzx"),))


COMMANDER = somebody("commander")


async def act(
    town: Town, verb: str = ISSUE, warning: str = "", who: Actor = COMMANDER, key: str = "",
    body: Mapping[str, Any] = BODY,
) -> WarningAnswer:  # fmt: skip
    ground.admit(town.settings, who)
    door = WarningDoor(
        town.door._client,
        town.door._task_queue,
        access=town.access,
        engine=open_engine(town.settings.store_url("cases"), read_only=True),
        refusals=town.door._refusals,
    )
    said = orjson.loads(orjson.dumps(dict(body)))
    return await door.act(who, SOURCE, key or str(uuid4()), verb, warning, said)


def rows(town: Town, table: Any = warning_act) -> list[Any]:
    with town.shop.cases.connect() as connection:
        return list(connection.execute(select(table)))


async def test_a_warning_lives_from_issue_to_lifting_with_row_entry_event_and_cap(
    town: Town,
) -> None:
    first = await act(town)
    assert (first.status, first.reason, first.seq) == ("done", "", 1)
    red = BODY | {"level": "red", "measures": ["66-1", "67-6"]}
    second = await act(town, ADJUST, first.warning, body=red)
    third = await act(town, LIFT, first.warning, body=OVER)
    assert (second.seq, third.seq, third.warning) == (2, 3, first.warning)
    entries = town.entries(f"warning:{first.warning}")
    assert [one["act"] for one in entries] == [
        "warning_issue", "warning_adjust", "warning_lift",
    ]  # fmt: skip
    assert [one["why"] for one in entries] == ["yellow", "red", "red"]
    assert [one["id"] for one in entries] == [first.entry, second.entry, third.entry]
    alerts = [read_alert(one.cap.encode()) for one in rows(town)]
    assert [one.kind for one in alerts] == ["Alert", "Update", "Cancel"]
    assert not [fault for one in alerts for fault in prose_faults(one)]
    assert alerts[2].references == (alerts[0].reference, alerts[1].reference)
    told = [one for one in rows(town, tables.outbox) if ".warning." in one.subject]
    assert [one.subject.split(".zhzx.")[1] for one in told] == [
        "warning.issued", "warning.adjusted", "warning.lifted",
    ]  # fmt: skip
    for one in told:
        event = orjson.loads(one.event)
        schema = asyncapi.schemas()[event["dataschema"].rsplit("/", 1)[1]]
        Draft202012Validator(schema).validate(event["data"])


async def test_the_same_command_gets_the_same_answer_and_one_row(town: Town) -> None:
    same = await asyncio.gather(*(act(town, key="a-warning") for _ in range(4)))
    again = await act(town, key="a-warning")
    assert again.repeated and {one.entry for one in same} == {again.entry}
    assert again.warning == warning_id("a-warning")
    other = await act(town, key="a-warning", body=BODY | {"area": "别处"})
    assert (other.status, other.code) == ("refused", "id_reused")
    assert len(rows(town)) == 1 and len(town.entries(f"warning:{again.warning}")) == 1


async def test_two_who_act_on_one_warning_at_once_follow_each_other(town: Town) -> None:
    first = await act(town)
    lifted, *adjusted = await asyncio.gather(
        act(town, LIFT, first.warning, body=OVER), act(town, ADJUST, first.warning),
        act(town, ADJUST, first.warning),
    )  # fmt: skip
    assert lifted.status == "done"
    assert {one.code for one in adjusted} <= {"", "not_now"}
    seqs = sorted(one.seq for one in rows(town))
    assert seqs == list(range(1, len(seqs) + 1)) and rows(town)[-1].verb == LIFT


@pytest.mark.parametrize(
    ("changes", "field", "basis"),
    [
        ({"category": "weather"}, "body.category", "QXZH-30"),
        ({"starts_at": None}, "body.starts_at", "TFSJ-64"),
        ({"measures": ["67-1", "66-1"]}, "body.measures", "TFSJ-67"),
    ],
)
async def test_what_may_not_be_announced_is_refused_with_its_article_and_an_entry(
    town: Town, changes: dict[str, Any], field: str, basis: str
) -> None:
    no = await act(town, body=BODY | changes)
    assert (no.status, no.code, no.field, no.basis) == ("refused", "incomplete", field, basis)
    assert rows(town) == []
    (entry,) = town.entries("warning:-")
    assert (entry["res"], entry["why"]) == ("deny", "incomplete")


async def test_after_the_lifting_nothing_follows_and_an_unknown_one_is_none(town: Town) -> None:
    first = await act(town)
    await act(town, LIFT, first.warning, body=OVER)
    for verb, warning in ((ADJUST, first.warning), (LIFT, first.warning), (LIFT, "none")):
        no = await act(town, verb, warning, body=BODY if verb == ADJUST else OVER)
        assert (no.status, no.code, no.basis) == ("refused", "not_now", "TFSJ-70")
    assert len(rows(town)) == 2


async def test_when_its_time_has_run_out_it_lapses_once_with_row_entry_event_and_cap(
    town: Town,
) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)
    first = await act(town, body=BODY | {"expires_at": ends.isoformat()})
    await act(town)  # this one stands until it is lifted
    lapsing = town.shop.lapsing
    before = replace(lapsing, now=lambda: ends - timedelta(seconds=1))
    then = replace(lapsing, now=lambda: ends)
    assert before.look() == ([], [])
    looks = await asyncio.gather(*(asyncio.to_thread(then.look) for _ in range(3)))
    assert sorted(looks) == [([], []), ([], []), ([first.warning], [])]
    last = [one for one in rows(town) if one.warning_id == first.warning][-1]
    assert (last.seq, last.verb, last.actor, last.issued_at) == (2, LAPSE, "system", ends)
    alerts = [read_alert(one.cap.encode()) for one in rows(town)]
    cancel = read_alert(last.cap.encode())
    assert cancel.kind == "Cancel" and cancel.references == (alerts[0].reference,)
    # Nobody has said that the danger is over.
    assert [one.responses for one in cancel.infos] == [(), ()] and not list(prose_faults(cancel))
    entries = town.entries(f"warning:{first.warning}")
    assert [(one["act"], one["who"]["id"]) for one in entries][1:] == [("warning_lapse", "system")]
    with town.shop.cases.connect() as connection:
        said = {first.warning: entries[-1]["after"]}
        found = [one.warning for one in warning_rows.check(connection, said)]
        assert first.warning not in found
    (told,) = [one for one in rows(town, tables.outbox) if one.subject.endswith(".lapsed")]
    event = orjson.loads(told.event)
    schema = asyncapi.schemas()[event["dataschema"].rsplit("/", 1)[1]]
    Draft202012Validator(schema).validate(event["data"])
    no = await act(town, LIFT, first.warning, body=OVER)
    assert (no.status, no.code, no.basis) == ("refused", "not_now", "TFSJ-70")


async def test_what_was_adjusted_to_last_longer_does_not_lapse_at_its_old_instant(
    town: Town,
) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)
    first = await act(town, body=BODY | {"expires_at": ends.isoformat()})
    later = (ends + timedelta(hours=1)).isoformat()
    await act(town, ADJUST, first.warning, body=BODY | {"expires_at": later})
    at_old = replace(town.shop.lapsing, now=lambda: ends)
    assert at_old.look() == ([], [])
    assert [one.verb for one in rows(town)] == [ISSUE, ADJUST]


@pytest.mark.parametrize("role", ["duty_officer", "arbiter", "sysadmin", "government_head"])
async def test_who_is_no_commander_announces_nothing(town: Town, role: str) -> None:
    for verb in (ISSUE, ADJUST, LIFT):
        no = await act(town, verb, "some", who=somebody(role, role))
        assert (no.status, no.code) == (
            "refused",
            "forbidden" if role == "sysadmin" else "no_right",
        )
    assert rows(town) == []


async def test_a_changed_or_lost_act_is_found_against_the_log(town: Town) -> None:
    first = await act(town)
    await act(town, LIFT, first.warning, body=OVER)
    (after,) = {one["after"] for one in town.entries(f"warning:{first.warning}")[-1:]}
    said = {first.warning: after}
    with town.shop.cases.connect() as connection:
        assert list(warning_rows.check(connection, said)) == []
        assert [one.column for one in warning_rows.check(connection, {})] == ["warning_act"]
    with pytest.raises(DatabaseError, match="append-only"), town.shop.cases.begin() as connection:
        connection.execute(update(warning_act).values(level="blue"))
    with town.shop.cases.begin() as connection:
        for name in ("no_update", "no_delete"):
            connection.execute(text(f"DROP TRIGGER warning_act_{name}"))
        connection.execute(update(warning_act).where(warning_act.c.seq == 1).values(level="blue"))
        found = list(warning_rows.check(connection, said))
        assert [(one.seq, one.column) for one in found] == [(1, "level")]
        connection.execute(delete(warning_act).where(warning_act.c.seq == 1))
        assert [one.seq for one in warning_rows.check(connection, said)] == [1]
        connection.execute(delete(warning_act))
        assert [one.found for one in warning_rows.check(connection, said)] == ["none"]
