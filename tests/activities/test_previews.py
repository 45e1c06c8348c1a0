"""Previews as rows: made by pages, replaced, paged, and never signed before they are whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from activities.looking_ahead import Change, LookingAhead
from cases import releases, retiming
from cases.database import reading
from cases.releases import Proposal, Release, ReleaseRefused
from cases.retiming import Direction, Preview
from catalogue.working_days import NONE, Calendar, first_difference
from tests.activities.conftest import START, Town, food, recorded, small_city

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
OLD = Calendar("cn", "old", FIRST, LAST)
NEW = Calendar("cn", "new", FIRST, LAST, off=frozenset({date(2026, 3, 4)}))
NOTICE = Calendar("cn", "new", FIRST, date(2027, 12, 31))
LATER = START + timedelta(days=1)


def looking(town: Town, new: Calendar = NEW) -> LookingAhead:
    before: Mapping[str, Calendar] = {"cn": OLD}

    def changes(one: Proposal | Release, direction: Direction) -> Change:
        after = {"cn": new if direction == "apply" else OLD}
        return Change("cn", before, after, ("cn",), first_difference(OLD, new))

    return LookingAhead(town.engine, changes, lambda: LATER)


@pytest.fixture
def proposed(town: Town) -> Release:
    matters = (food(日历="cn"), recorded())
    town.matters = replace(small_city(), matters=matters, calendars={"cn": OLD, "none": NONE})
    for number in range(5):
        town.filed(f"c{number}")
    with town.engine.begin() as connection:
        releases.seed(connection, Proposal("calendar", "cn", "old", "old text"), START, START)
        return releases.propose(
            connection, Proposal("calendar", "cn", "new", "new text"), "u:editor", LATER
        )


def newest(town: Town, one: Release, direction: Direction = "apply") -> Preview | None:
    with reading(town.engine) as connection:
        return retiming.newest(connection, one.id, one.digest, direction)


def test_a_preview_is_read_back_as_it_was_made(town: Town, proposed: Release) -> None:
    made = looking(town).preview("look-1", proposed, "apply")
    assert newest(town, proposed) == made
    assert (made.from_version, made.to_version, made.first) == ("old", "new", date(2026, 3, 4))
    assert (made.counts.open_cases, made.counts.cases, made.counts.later) == (5, 5, 5)
    assert made.counts.departments == {"scjg": 5}


def test_looking_again_replaces_what_nobody_signed_and_says_the_same(
    town: Town, proposed: Release
) -> None:
    first = looking(town).preview("look-1", proposed, "apply")
    second = looking(town).preview("look-2", proposed, "apply")
    assert (first.digest, first.id != second.id) == (second.digest, True)
    with reading(town.engine) as connection:
        assert [one.id for one in retiming.of_release(connection, proposed.id)] == [second.id]
        assert retiming.moves_page(connection, first.id, 1, 50) == ([], 0)


def test_another_filing_makes_another_digest(town: Town, proposed: Release) -> None:
    first = looking(town).preview("look-1", proposed, "apply")
    town.filed("one-more")
    assert looking(town).preview("look-2", proposed, "apply").digest != first.digest


def test_a_preview_that_was_not_finished_cannot_be_signed(town: Town, proposed: Release) -> None:
    made = looking(town).preview("look-1", proposed, "apply")
    with town.engine.begin() as connection:
        retiming.begin(connection, replace(made, id="half", digest=""))
    assert newest(town, proposed) is None


def test_moves_come_in_pages_by_what_is_due_first(town: Town, proposed: Release) -> None:
    made = looking(town).preview("look-1", proposed, "apply")
    with reading(town.engine) as connection:
        pages = [retiming.moves_page(connection, made.id, page, 2) for page in (1, 2, 3, 4)]
        assert [len(rows) for rows, _ in pages] == [2, 2, 1, 0]
        assert {total for _, total in pages} == {5}
        assert retiming.moves_page(connection, made.id, 1, 50, "zjj") == ([], 0)
        rows, _ = retiming.moves_page(connection, made.id, 1, 50, "scjg")
    assert {one.key for one in rows} == {"notice"}
    for one in rows:
        assert one.due_before is not None and one.due_after is not None
        assert one.due_after - one.due_before == timedelta(days=1)


def test_a_notice_that_moves_nothing_here_touches_nobody(town: Town, proposed: Release) -> None:
    made = looking(town, NOTICE).preview("look-1", proposed, "apply")
    assert (made.counts.looked_at, made.counts.deadlines, made.first) == (0, 0, LAST)


def test_an_instant_into_or_out_of_the_past_is_counted_so(town: Town, proposed: Release) -> None:
    due = datetime(2026, 3, 9, 16, tzinfo=UTC)  # five working days after Monday, 2 March
    changes = looking(town).changes
    for now, into, out in ((due, 0, 5), (due - timedelta(seconds=1), 0, 0)):
        ahead = LookingAhead(town.engine, changes, lambda: now)  # noqa: B023 -- called at once
        seen = ahead.preview("look", proposed, "apply")
        assert (seen.counts.into_past, seen.counts.out_of_past) == (into, out)


def test_a_revocation_takes_two_people_and_leaves_the_version_before(
    town: Town, proposed: Release
) -> None:
    with town.engine.begin() as connection:
        releases.sign(connection, proposed.id, "u:signer", LATER, LATER)
    hour = timedelta(hours=1)
    with town.engine.begin() as connection:
        with pytest.raises(ReleaseRefused, match="revoke_not_asked"):
            releases.revoke(connection, proposed.id, "u:signer", LATER + hour)
        asked = releases.ask_revocation(connection, proposed.id, "u:editor", LATER + hour, "有误")
        assert (asked.state, asked.revoke_reason) == ("active", "有误")
        with pytest.raises(ReleaseRefused, match="revoke_asked"):
            releases.ask_revocation(connection, proposed.id, "u:other", LATER + hour, "有误")
        with pytest.raises(ReleaseRefused, match="same_person"):
            releases.revoke(connection, proposed.id, "u:editor", LATER + hour)
        before = releases.stamp(connection)
        gone = releases.revoke(connection, proposed.id, "u:signer", LATER + hour)
        assert gone.state == "revoked" and releases.stamp(connection) != before
        assert gone.row_digest not in (asked.row_digest, proposed.row_digest)
    with reading(town.engine) as connection:
        for at, version in ((LATER, "new"), (LATER + hour, "old")):
            found = releases.active(connection, "calendar", "cn", at)
            assert found is not None and found.version == version
            counting = releases.counting(releases.signed(connection, "calendar"), at)
            assert [one.version for one in counting] == [version]


def test_the_only_version_is_not_revoked(town: Town, proposed: Release) -> None:
    with town.engine.begin() as connection:
        shipped = releases.active(connection, "calendar", "cn", LATER)
        assert shipped is not None
        with pytest.raises(ReleaseRefused, match="nothing_else"):
            releases.ask_revocation(connection, shipped.id, "u:editor", LATER, "有误")
