"""A version is tried over the past: the one in force differs in nothing, another by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from activities.sealing import Sealer
from cases import card_tables, releases, tables
from cases.dossier import MUTANTS_NOTICED, SAME_AGAIN, SAME_CLOCKS, Dossier
from cases.releases import Proposal
from catalogue.load import Catalogue, canonical
from rules.model import All, Leaf, Rule
from rules.pack import Pack
from tests.activities.conftest import food
from tests.activities.supervised import PACK
from tests.activities.test_cards import MATTER, Desk, at, desk_in
from yichuang.simulating import Past, simulate, sla_differs, span_of
from yichuang.unsealing import opener

NOW = at("2026-04-30T12:00")


@dataclass
class Known:
    """One pack and the matters in force."""

    pack: Pack
    matters: Catalogue

    def pack_at(self, name: str, at: datetime) -> Pack | None:
        return self.pack if name == self.pack.id else None

    def catalogue(self) -> Catalogue:
        return self.matters


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A case with a promise of ten working days that nobody keeps: all its cards have come."""
    one = desk_in(tmp_path)
    one.do("accept", {"mode": "complete"}, "u:window", "2026-03-03T09:00")
    with one.town.engine.begin() as connection:
        releases.seed(
            connection,
            Proposal("rules", PACK.id, PACK.version, PACK.stored),
            at("2026-01-01T00:00"),
            at("2026-01-01T00:00"),
        )
    from cases import approval

    while (timer := next(iter(approval.pending_timers(one.state)), None)) is not None:
        if timer.due_at > NOW:
            break
        one.fire(timer.key)
    yield one
    one.town.engine.dispose()
    one.town.keys.dispose()


def past_of(desk: Desk, pack: Pack = PACK) -> Past:
    sealer: Sealer = desk.town.sealer
    matters = desk.town.matters
    return Past(desk.town.engine, opener(sealer.vault), Known(pack, matters), matters.calendars)


def tried(desk: Desk, pack: Pack, months: int = 6) -> Dossier:
    one = Proposal("rules", pack.id, pack.version, pack.stored)
    return simulate(past_of(desk), one, "", span_of(months, NOW))


def changed(rule: str, **fields: object) -> Pack:
    """Return the shipped pack with one rule otherwise, as version 2026.2."""
    rules = tuple(
        one.model_copy(update=fields) if one.id == rule else one for one in PACK.definition.rules
    )
    definition = PACK.definition.model_copy(update={"version": "2026.2", "rules": rules})
    return Pack.of(definition)


def rule_of(name: str) -> Rule:
    return next(one for one in PACK.definition.rules if one.id == name)


def checks(made: Dossier) -> dict[str, bool]:
    return {one.name: one.passed for one in made.checks}


# --- the version in force ------------------------------------------------------------------------


def test_the_version_in_force_differs_from_itself_in_nothing(desk: Desk) -> None:
    made = tried(desk, PACK)
    assert made.rulings.looked_at > 0 and made.cards.looked_at == 1
    assert made.rulings.changes == made.cards.changes == ()
    assert checks(made)[SAME_AGAIN] and made.changed_rules == ()


def test_recomputed_cards_are_those_that_were_issued(desk: Desk) -> None:
    counts = tried(desk, PACK).cards.counts
    assert counts["已发"] == counts["现行版本应发"] > 2
    assert counts["与已发不一"] == 0


def test_a_stored_ruling_that_was_altered_is_named(desk: Desk) -> None:
    with desk.town.engine.begin() as connection:
        connection.execute(
            update(tables.ruling).values(outcome='{"level":"reminder"}').where(
                tables.ruling.c.pack == PACK.id
            )
        )  # fmt: skip
    made = tried(desk, PACK)
    assert not checks(made)[SAME_AGAIN] and not made.passed
    case_no = desk.rows(tables.case)[0].case_no
    assert any(case_no in finding for one in made.checks for finding in one.findings)


def test_an_erased_person_is_counted_and_not_guessed(desk: Desk) -> None:
    before = tried(desk, PACK).rulings
    desk.town.sealer.vault.destroy(desk.rows(tables.case)[0].subject)
    after = tried(desk, PACK).rulings
    assert (after.looked_at, after.counts["个人信息已删除"]) == (0, before.looked_at)


def test_what_was_recorded_outside_the_span_is_not_seen(desk: Desk) -> None:
    one = Proposal("rules", PACK.id, PACK.version, PACK.stored)
    first = simulate(past_of(desk), one, "", span_of(1, at("2026-03-02T08:00")))
    assert (first.rulings.looked_at, first.watermark.steps, first.cards.looked_at) == (0, 0, 0)


def test_made_again_it_has_the_same_digest(desk: Desk) -> None:
    pack = changed("JC-YP-CN", when=rule_of("JC-RP-FD").when)
    assert tried(desk, pack).digest == tried(desk, pack).digest
    assert tried(desk, pack).digest != tried(desk, pack, months=5).digest


# --- a changed rule ------------------------------------------------------------------------------


def test_a_rule_taken_out_drops_its_cards_by_department(desk: Desk) -> None:
    cards = [one for one in desk.rows(card_tables.card) if not one.clock.startswith("explain")]
    issued = {(one.clock, one.rule, one.at) for one in cards}
    gone = min(issued)[1]
    rules = tuple(one for one in PACK.definition.rules if one.id != gone)
    pack = Pack.of(PACK.definition.model_copy(update={"version": "2026.2", "rules": rules}))
    made = tried(desk, pack)
    dropped = {(one.about, one.rule) for one in made.cards.changes if one.kind == "dropped"}
    assert dropped == {(clock, rule) for clock, rule, _ in issued if rule == gone}
    assert set(made.cards.departments) == {"scjg"}
    assert gone in made.changed_rules


def test_another_level_is_told_with_both_levels(desk: Desk) -> None:
    rule = next(one for one in desk.rows(card_tables.card) if one.level == "yellow").rule
    pack = changed(rule, then={**rule_of(rule).then, "level": "warning"}, examples=tuple(
        one.model_copy(update={"outcome": {}}) for one in rule_of(rule).examples))  # fmt: skip
    made = tried(desk, pack)
    levels = [one for one in made.cards.changes if one.rule == rule and one.kind == "level"]
    assert levels and levels[0].before.startswith("yellow") and levels[0].after.startswith("warn")
    assert any(rule in one.before or rule in one.after for one in made.rulings.changes)


def test_a_rule_of_next_year_is_asked_of_the_past_as_if_its_day_had_come(desk: Desk) -> None:
    rule = desk.rows(card_tables.card)[0].rule
    later = NOW.date() + timedelta(days=200)
    examples = tuple(one.model_copy(update={"day": later}) for one in rule_of(rule).examples)
    pack = changed(rule, in_force_from=later, examples=examples)
    made = tried(desk, pack)
    assert made.changed_rules == (rule,)
    assert made.cards.changes == made.rulings.changes == ()


# --- mutation ------------------------------------------------------------------------------------


def reminding(days: int, *lefts: int) -> Pack:
    """A changed rule that holds from so few days on, with an example at each of `lefts`."""
    base = rule_of("JC-RP-FD")
    when = All(all=(
        Leaf(field="clock", op="eq", value="promised"),
        Leaf(field="remaining_working_days", op="lte", value=days),
        Leaf(field="is_paused", op="eq", value=False),
    ))  # fmt: skip
    examples = tuple(
        base.examples[0].model_copy(update={
            "given": {"clock": "promised", "remaining_working_days": left, "is_paused": False},
            "holds": left <= days, "outcome": {}, "day": None,
        })
        for left in lefts
    )  # fmt: skip
    return changed("JC-RP-FD", when=when, examples=examples)


@pytest.mark.parametrize(
    ("lefts", "passed"), [((3, 4), True), ((3, 9), False), ((1, 4), False), ((1, 9), False)]
)
def test_a_threshold_without_an_example_on_either_side_blocks(
    desk: Desk, lefts: tuple[int, ...], passed: bool
) -> None:
    made = tried(desk, reminding(3, *lefts))
    assert checks(made)[MUTANTS_NOTICED] is passed
    assert any(one.blocks for one in made.mutants) is not passed
    assert {one.rule for one in made.mutants} == {"JC-RP-FD"}


def test_survivors_of_other_kinds_are_listed_and_do_not_block(desk: Desk) -> None:
    made = tried(desk, reminding(3, 3, 4))
    kinds = {one.kind for one in made.survivors}
    assert "dates" in kinds and "threshold" not in kinds
    assert checks(made)[MUTANTS_NOTICED]


# --- a matter's limits ---------------------------------------------------------------------------


def limited(desk: Desk, promised: int, months: int = 6) -> Dossier:
    limit = {"时限": promised, "单位": "working_day", "依据": "YSHJ-36"}
    matter = food(**(MATTER | {"承诺办结时限": limit, "版本": "2026.2"}))
    text = canonical(matter).decode()
    one = Proposal("matter", matter.code, matter.version, text)
    assert sla_differs(past_of(desk).released, matter, NOW) is (promised != 10)
    return simulate(past_of(desk), one, "", span_of(months, NOW))


def test_the_same_limits_move_no_deadline(desk: Desk) -> None:
    made = limited(desk, 10)
    assert made.deadlines.changes == made.cards.changes == ()
    assert checks(made)[SAME_CLOCKS] and made.deadlines.looked_at == 1


def test_a_shorter_promise_makes_the_case_due_earlier(desk: Desk) -> None:
    made = limited(desk, 7)
    (one,) = [each for each in made.deadlines.changes if each.about == "promised"]
    assert (one.kind, one.department) == ("earlier", "scjg")
    assert one.before and one.after and one.after < one.before
    moved = {each.about for each in made.cards.changes}
    assert "promised" in moved and "statutory" not in moved


def test_a_longer_promise_would_have_been_kept(desk: Desk) -> None:
    made = limited(desk, 60)
    (one,) = [each for each in made.deadlines.changes if each.about == "promised"]
    assert one.kind == "no_longer_late"


def test_a_clock_row_that_does_not_follow_from_its_events_is_named(desk: Desk) -> None:
    with desk.town.engine.begin() as connection:
        connection.execute(
            update(tables.clock)
            .where(tables.clock.c.key == "statutory")
            .values(due_at=datetime(2026, 3, 4, tzinfo=UTC))
        )
    made = limited(desk, 10)
    assert not checks(made)[SAME_CLOCKS] and not made.passed


def test_what_there_is_none_of_is_said_with_its_reason(desk: Desk) -> None:
    made = tried(desk, PACK)
    for section in (made.alarms, made.payments, made.deadlines):
        assert not section.compared and section.reason
