"""Loading a notice: what would move is seen first, then moves by one signed act, and back again."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson
import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from benchmarks import ground
from benchmarks.step import CLERK, SOURCE
from cases import clock_check, release_tables, releases, retiming
from cases.approval import clock_rules
from cases.clock_rows import differences
from cases.clocks import ledgers
from cases.database import open_engine, reading
from cases.messages import Command
from cases.orders import ApprovalInput
from cases.releasing import ReleaseAnswer, ReleaseOrder, Revoke, Sign
from cases.retiming import MovedDeadline, Preview
from cases.retiming_tables import retiming_move
from cases.state import CaseState, Timer
from cases.tables import outbox, step
from catalogue.calendar_file import CalendarFile, Year, written
from catalogue.holiday_cn import with_changes
from catalogue.load import HERE
from catalogue.reading import read_calendar_file
from tests.yichuang.registry import (
    BOTH,
    EDITOR,
    FILING,
    SIGNER,
    Town,
    person,
    settings,
    town,
)
from workflows.approval import ApprovalWorkflow, workflow_id
from workflows.releases import release_workflow_id
from yichuang.commands import calendar as command
from yichuang.settings import Settings

__all__ = ["settings", "template", "town"]

SHIPPED = (HERE / "calendars" / "cn.yaml").read_text("utf-8")


CITY = ZoneInfo("Asia/Shanghai")


def file_of(text: str) -> CalendarFile:
    found = read_calendar_file(text, "cn.yaml", [])
    assert found is not None
    return found[0]


def reaching(file: CalendarFile, today: date) -> CalendarFile:
    """Return the calendar reaching two years past today, whatever notices there are by then.

    Years without a notice have weekends only, so that these tests run on any day of any year.
    """
    wanted = range(min(file.years), today.year + 3)
    years = {year: file.years.get(year, Year()) for year in wanted}
    return file.model_copy(
        update={
            "version": "own",
            "holidays": "none",
            "years": years,
            "horizon": date(max(years), 12, 31),
        }
    )


CN = reaching(file_of(SHIPPED), datetime.now(CITY).date())


@pytest.fixture(scope="module")
def template() -> Iterator[Settings]:
    """An installation whose only calendar `cn` is these tests' own."""
    with ground.installed() as settings:
        engine = open_engine(settings.store_url("cases"))
        now = datetime.now(UTC)
        with engine.begin() as connection:
            table = release_tables.release
            connection.execute(
                delete(table).where(table.c.kind == "calendar", table.c.name == "cn")
            )
            own = releases.Proposal("calendar", "cn", CN.version, written(CN))
            releases.seed(connection, own, now, now)
        engine.dispose()
        yield settings


def test_days_to_take_away_are_found_past_the_last_notice() -> None:
    for today in (date(2026, 12, 24), date(2026, 12, 31), date(2031, 12, 30)):
        own = reaching(file_of(SHIPPED), today)
        found = working_days(5, today, own)
        assert len(found) == 5 and all(day > today and day.year in own.years for day in found)


def working_days(
    count: int, start: date | None = None, own: CalendarFile | None = None
) -> list[date]:
    """Return the next days of Monday to Friday that are worked: what a notice could take away.

    In the zone of the city: its day is another than that of UTC from 16:00 UTC on, and the day on
    which a case comes counts in no period.
    """
    day = start or datetime.now(CITY).date()
    found: list[date] = []
    while len(found) < count:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in (own or CN).years[day.year].off:
            found.append(day)
    return found


def holiday(version: str, days: Iterable[date]) -> str:
    """Return the calendar with some days off that were worked."""
    paper = "国办发明电〔2026〕1号"
    return written(with_changes(CN, version, off=days, name="临时放假", paper=paper))


NEXT = holiday("2026-extra", working_days(2))


async def propose(town: Town, text: str = NEXT, who: Any = EDITOR) -> ReleaseAnswer:
    made = await town.propose(who, "calendar", text)
    assert (made.status, made.state) == ("done", "proposed"), made
    return made


def rows(town: Town, answer: ReleaseAnswer) -> tuple[Preview, list[MovedDeadline]]:
    with reading(town.shop.cases) as connection:
        (preview,) = [
            one
            for one in retiming.of_release(connection, answer.release)
            if one.digest == answer.preview
        ]
        moves, total = retiming.moves_page(connection, preview.id, 1, 1000)
        assert total == len(moves)
    return preview, moves


def state_of(town: Town, case: str) -> CaseState:
    state = town.queries.state(case)
    assert state is not None
    return state


def timers(town: Town, case: str) -> dict[str, Timer]:
    return {one.key: one for one in state_of(town, case).timers}


async def settled(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 -- the worker tells nobody in this process
            await asyncio.sleep(0.05)


async def accepted(town: Town) -> str:
    filed = await town.order(CLERK, "file", FILING)
    await town.order(CLERK, "accept", {}, filed.case_id)
    return filed.case_id


async def sign(town: Town, made: ReleaseAnswer, who: Any = SIGNER, **body: Any) -> ReleaseAnswer:
    return await town.sign(who, made.release, **({"preview": made.preview} | body))


def events_of(town: Town, case: str) -> list[dict[str, Any]]:
    with reading(town.shop.cases) as connection:
        query = select(step.c.verb, step.c.events).where(step.c.case_id == case)
        return [
            {"verb": row.verb, "events": orjson.loads(row.events)}
            for row in connection.execute(query.order_by(step.c.seq))
        ]


def whole(town: Town, case: str) -> Any:
    """Return timers with their versions, clock rows and day-by-day ledgers of a case."""
    state = state_of(town, case)
    view = town.queries.case_view(case, datetime.now(UTC))
    assert view is not None
    calendars = town.released.catalogue().calendars
    until = datetime.now(UTC) + timedelta(days=120)
    with reading(town.shop.cases) as connection:
        lines = clock_check.lines_of(connection, case, calendars)
        differing = differences(connection, case, lines)
    assert differing == []
    told = ledgers(
        clock_rules(state.plan), view.clock, calendars[state.plan.calendar], state.plan.zone, until
    )
    return state.timers, lines, told


# --- looking ahead -------------------------------------------------------------------------------


async def test_a_proposal_says_how_many_deadlines_would_move_and_the_list_says_which(
    town: Town,
) -> None:
    filed = await town.order(CLERK, "file", FILING)
    case = await accepted(town)
    made = await propose(town)
    preview, moves = rows(town, made)
    assert made.moves == preview.counts.words
    assert preview.counts.words in made.findings
    assert {(one.case_id, one.key) for one in moves} == {
        (filed.case_id, "notice"),
        (case, "statutory"), (case, "promised"), (case, "step:review-site-check"),
    }  # fmt: skip
    assert (preview.counts.open_cases, preview.counts.looked_at, preview.counts.cases) == (2, 2, 2)
    assert (preview.counts.moved, preview.counts.later, preview.counts.earlier) == (4, 4, 0)
    assert all(one.department == "scjg" and one.due_after > one.due_before for one in moves)  # type: ignore[operator] # both are there
    gate = town.entries("release:calendar:cn")
    assert [one["act"] for one in gate] == ["release_seed", "release_propose", "release_gate"]


async def test_a_version_that_moves_nothing_is_seen_to_move_nothing(town: Town) -> None:
    await accepted(town)
    made = await propose(town, holiday("2020-again", [date(2020, 3, 2)]))
    preview, moves = rows(town, made)
    assert (moves, preview.counts.deadlines, preview.first) == ([], 0, date(2020, 3, 2))
    signed = await sign(town, made)
    assert signed.state == "active"


async def test_nobody_signs_what_they_have_not_seen(town: Town) -> None:
    await accepted(town)
    made = await propose(town)
    blind = await town.sign(SIGNER, made.release)
    assert (blind.status, blind.code) == ("refused", "preview_stale")
    await accepted(town)
    anew = await town.door.look_ahead(SIGNER, SOURCE, str(uuid4()), made.release)
    assert (anew.status, anew.preview != made.preview) == ("done", True)
    old = await sign(town, made)
    assert (old.status, old.code) == ("refused", "preview_stale")
    assert (await sign(town, anew)).state == "active"


async def test_a_preview_against_a_calendar_that_counts_no_more_is_not_signed(town: Town) -> None:
    first, second = await propose(town), await propose(town, holiday("other", working_days(1)))
    assert (await sign(town, first)).state == "active"
    late = await sign(town, second)
    assert (late.status, late.code) == ("refused", "preview_stale")
    assert "现行日历已经变了" in late.reason


async def test_the_same_signature_again_gets_the_same_answer(town: Town) -> None:
    made = await propose(town)
    body = Sign(preview=made.preview)
    first = await town.door.sign(SIGNER, SOURCE, "sign-1", made.release, body)
    assert first.retiming is not None
    assert await town.door.sign(SIGNER, SOURCE, "sign-1", made.release, body) == first


async def test_another_text_under_a_known_version_makes_no_preview_of_it(town: Town) -> None:
    made = await propose(town)
    other = await town.propose(BOTH, "calendar", holiday("2026-extra", working_days(5)))
    assert (other.status, other.code) == ("refused", "version_taken")
    assert (await sign(town, made)).code in ("", "preview_stale")


async def test_the_command_sees_what_a_proposal_would_move_and_writes_nothing(
    town: Town,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    case = await accepted(town)
    file = tmp_path / "next.yaml"
    file.write_text(NEXT, "utf-8")

    async def previewed(*words: str) -> int:
        parser = argparse.ArgumentParser()
        command.add(parser)
        args = parser.parse_args(["preview", str(file), *words])
        return await asyncio.to_thread(command.run, args, town.settings)

    assert await previewed("--json") == 0
    said = orjson.loads(capsys.readouterr().out)
    assert {one["case_id"] for one in said["deadlines"]} == {case}
    assert (said["counts"]["open_cases"], said["counts"]["later"]) == (1, 3)
    assert await previewed() == 0
    assert "推后 3" in capsys.readouterr().out
    with reading(town.shop.cases) as connection:
        assert connection.execute(select(retiming_move)).first() is None


# --- applying ------------------------------------------------------------------------------------


async def test_what_was_seen_is_what_moves_and_reverting_gives_identical_ledgers(
    town: Town,
) -> None:
    filed = await town.order(CLERK, "file", FILING)
    cases = [filed.case_id, await accepted(town), await accepted(town)]
    before = [whole(town, case) for case in cases]
    made = await propose(town)
    _, moves = rows(town, made)
    signed = await sign(town, made)
    assert signed.moves == made.moves
    await settled(
        lambda: all(timers(town, one.case_id)[one.key].due_at == one.due_after for one in moves)
    )
    for case in cases:
        told = {one.key: one for one in moves if one.case_id == case}
        now = timers(town, case)
        assert {key: now[key].due_at for key in told} == {
            key: one.due_after for key, one in told.items()
        }
        assert {one.calendar_version for one in now.values()} == {"2026-extra"}
        last = events_of(town, case)[-1]
        assert last["verb"] == "retimed"
        data = next(one for one in last["events"] if one["kind"] == "retimed")["data"]
        assert (data["release"], data["version"], data["article"]) == (
            made.release, "2026-extra", "XKF-82",
        )  # fmt: skip
        assert {one["key"] for one in data["moved"]} == set(told)
    new = await accepted(town)
    assert {one.calendar_version for one in timers(town, new).values()} == {"2026-extra"}
    applied = [whole(town, case) for case in cases]
    assert applied != before

    asked = await town.door.ask_revocation(
        EDITOR, SOURCE, str(uuid4()), made.release, "通知有误，已更正"
    )
    assert (asked.status, asked.state, asked.preview != "") == ("done", "active", True)
    _, back = rows(town, asked)
    assert len(back) == len(moves) + 3  # and those of the case that came since
    gone = await town.door.revoke(
        SIGNER, SOURCE, str(uuid4()), made.release, Revoke(preview=asked.preview)
    )
    assert (gone.status, gone.state) == ("done", "revoked"), gone
    await settled(
        lambda: all(timers(town, one.case_id)[one.key].due_at == one.due_after for one in back)
    )
    assert [whole(town, case) for case in cases] == before
    assert [one["verb"] for one in events_of(town, cases[0])] == ["file", "retimed", "retimed"]
    last = events_of(town, cases[0])[-1]["events"]
    assert next(one for one in last if one["kind"] == "retimed")["data"]["reason"] == (
        "通知有误，已更正"
    )


async def test_the_entries_of_a_signature_say_what_the_signer_had_seen(town: Town) -> None:
    await accepted(town)
    made = await propose(town)
    preview, _ = rows(town, made)
    await sign(town, made)
    said = town.entries("release:calendar:cn")[-1]
    assert (said["act"], said["obj"]["doc"], said["why"]) == (
        "release_previewed", made.preview, preview.counts.words,
    )  # fmt: skip
    assert said["obj"]["id"] == preview.id
    assert said["wf"]["id"].startswith("release-")


async def test_an_event_of_a_moved_deadline_leaves_for_the_city(town: Town) -> None:
    case = await accepted(town)
    made = await propose(town)
    await sign(town, made)
    await settled(lambda: events_of(town, case)[-1]["verb"] == "retimed")
    with reading(town.shop.cases) as connection:
        query = select(outbox.c.subject, outbox.c.event).where(outbox.c.case_id == case)
        subject, event = connection.execute(query.order_by(outbox.c.pos.desc())).first()  # type: ignore[misc] # there is one
    assert subject.endswith(".case.retimed")
    data = orjson.loads(event)["data"]
    assert data["detail"]["moved"] and data["due_clock"] == "step:review-site-check"


async def test_a_step_that_comes_before_the_signal_derives_the_instants_itself(
    town: Town,
) -> None:
    case = await accepted(town)
    old = timers(town, case)
    text = holiday("unsignalled", working_days(2))
    with town.shop.cases.begin() as connection:  # a version that counts without its retiming
        proposal = releases.Proposal("calendar", "cn", "unsignalled", text)
        now = datetime.now(UTC)
        releases.seed(connection, proposal, now, now)
    await asyncio.sleep(1.1)  # as long as the worker may serve what it has read
    await town.order(CLERK, "urge", {"text": "请抓紧"}, case)
    kinds = [one["kind"] for one in events_of(town, case)[-1]["events"]]
    assert kinds[:2] == ["retimed", "timers_set"] and "urged" in kinds
    assert timers(town, case)["statutory"].due_at > old["statutory"].due_at


async def test_a_signature_settled_before_still_sets_its_retiming_going(town: Town) -> None:
    """A worker that died after the commit: the retry's answer must name what the first would."""
    case = await accepted(town)
    made = await propose(town)
    body = Sign(preview=made.preview)
    given = await town.door.sign(SIGNER, SOURCE, "sign-1", made.release, body)
    client = town.shop.signals.client
    assert client is not None and given.retiming is not None
    history = await client.get_workflow_handle(release_workflow_id("sign-1")).fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes.input.payloads
    (command,) = await client.data_converter.decode(started, [Command])
    again = town.shop.releasing.act(ReleaseOrder(command=command, admitted_at=datetime.now(UTC)))
    assert again == given
    assert timers(town, case)


async def test_a_case_whose_workflow_is_away_is_told_when_it_is_back(town: Town) -> None:
    case = await accepted(town)
    client = town.shop.signals.client
    assert client is not None
    made = await propose(town)
    handle = client.get_workflow_handle(workflow_id(case))
    state = state_of(town, case)
    await handle.terminate("behind its back")
    await sign(town, made)
    preview, _ = rows(town, made)

    def noted() -> bool:
        with reading(town.shop.cases) as connection:
            now = retiming.find(connection, preview.id)
        return now is not None and now.passes >= 0 and now.away == 1

    await settled(noted)
    given = ApprovalInput(case_id=case, state=state)
    await client.start_workflow(
        ApprovalWorkflow.run, given, id=workflow_id(case), task_queue="town"
    )
    await settled(lambda: events_of(town, case)[-1]["verb"] == "retimed")


async def test_a_case_that_ends_before_the_signature_keeps_its_instants(town: Town) -> None:
    gone, kept = await accepted(town), await accepted(town)
    made = await propose(town)
    before = timers(town, gone)
    await town.order(CLERK, "withdraw", {"reason": "不办了"}, gone)
    await sign(town, made)
    await settled(lambda: events_of(town, kept)[-1]["verb"] == "retimed")
    assert events_of(town, gone)[-1]["verb"] == "withdraw"
    assert before


# --- two people ----------------------------------------------------------------------------------


async def test_who_asks_for_a_revocation_does_not_agree_to_it(town: Town) -> None:
    made = await propose(town)
    await sign(town, made)
    asked = await town.door.ask_revocation(BOTH, SOURCE, str(uuid4()), made.release, "有误")
    assert asked.status == "done"
    again = await town.door.ask_revocation(EDITOR, SOURCE, str(uuid4()), made.release, "有误")
    assert (again.status, again.code) == ("refused", "revoke_asked")
    own = await town.door.revoke(
        BOTH, SOURCE, str(uuid4()), made.release, Revoke(preview=asked.preview)
    )
    assert (own.status, own.code) == ("refused", "forbidden")
    blind = await town.door.revoke(SIGNER, SOURCE, str(uuid4()), made.release, Revoke())
    assert (blind.status, blind.code) == ("refused", "preview_stale")
    with town.shop.cases.begin() as connection, pytest.raises(IntegrityError, match="two_people"):
        connection.exec_driver_sql(
            "UPDATE release SET revoked_by = revoke_asked_by, revoked_at = revoke_asked_at"
            " WHERE id = ?",
            (made.release,),
        )


async def test_what_nobody_asked_for_is_not_revoked_and_neither_is_the_only_version(
    town: Town,
) -> None:
    with reading(town.shop.cases) as connection:
        shipped = releases.active(connection, "calendar", "cn", datetime.now(UTC))
    assert shipped is not None
    asked = await town.door.ask_revocation(EDITOR, SOURCE, str(uuid4()), shipped.id, "有误")
    assert (asked.status, asked.code) == ("refused", "nothing_else")
    made = await propose(town)
    await sign(town, made)
    early = await town.door.revoke(SIGNER, SOURCE, str(uuid4()), made.release, Revoke())
    assert (early.status, early.code) == ("refused", "preview_stale")


async def test_a_matter_is_not_revoked_this_way(town: Town) -> None:
    with reading(town.shop.cases) as connection:
        food = releases.active(connection, "matter", "food-operation", datetime.now(UTC))
    assert food is not None
    asked = await town.door.ask_revocation(EDITOR, SOURCE, str(uuid4()), food.id, "有误")
    assert (asked.status, asked.code) == ("refused", "wrong_verb")


async def test_who_may_see_may_not_look_ahead_by_that_alone(town: Town) -> None:
    made = await propose(town)
    seeing = person("seeing", "supervisor")
    looked = await town.door.look_ahead(seeing, SOURCE, str(uuid4()), made.release)
    assert (looked.status, looked.code) == ("refused", "no_right")
