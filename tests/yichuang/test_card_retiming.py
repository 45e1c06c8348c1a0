"""Other rules that give cards: what they would move is counted first, then open cases look anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from benchmarks.step import SOURCE
from cases import approval, retiming
from cases.database import reading
from cases.releasing import ReleaseAnswer, Revoke, Sign
from cases.state import Timer
from rules.load import PACKS
from tests.yichuang.registry import BOTH, EDITOR, SIGNER, Town, settings, template, town
from tests.yichuang.test_retiming import accepted, events_of, rows, settled, state_of

__all__ = ["settings", "template", "town"]

SHIPPED = (PACKS / "supervision.yaml").read_text("utf-8")
REMINDER = "card:promised:JC-TS-75"


def earlier(version: str = "2026.3") -> str:
    """Return the pack with its reminder at two fifths of the promised period."""
    before, rule = SHIPPED.replace('version: "2026.2"', f'version: "{version}"').split(
        "  - id: JC-TS-75\n"
    )
    changed = rule.replace("op: gte, value: 75", "op: gte, value: 40", 1)
    for old, new in (
        ("75, remaining_working_days: 5", "40, remaining_working_days: 9"),
        ("70, remaining_working_days: 6", "39, remaining_working_days: 9"),
    ):
        changed = changed.replace(f"elapsed_percent: {old}", f"elapsed_percent: {new}", 1)
    assert changed != rule
    return f"{before}  - id: JC-TS-75\n{changed}"


def cards(town: Town, case: str) -> dict[str, Timer]:
    waited = approval.pending_timers(state_of(town, case))
    return {one.key: one for one in waited if one.is_card}


async def propose(town: Town, text: str | None = None) -> ReleaseAnswer:
    made = await town.propose(EDITOR, "rules", text or earlier())
    assert (made.status, made.state) == ("done", "proposed"), made
    return made


async def retimed(town: Town, case: str, count: int = 1) -> dict[str, Any]:
    """Return what the case was told, once it was told so often."""

    def told() -> list[dict[str, Any]]:
        return [one for one in events_of(town, case) if one["verb"] == "retimed"]

    await settled(lambda: len(told()) == count)
    found: dict[str, Any] = next(e for e in told()[-1]["events"] if e["kind"] == "retimed")["data"]
    return found


async def test_a_proposal_counts_the_cards_that_it_would_move(town: Town) -> None:
    case, _ = await accepted(town), await accepted(town)
    made = await propose(town)
    preview, moves = rows(town, made)
    assert made.moves == preview.counts.card_words
    assert preview.counts.card_words in made.findings
    mine = [one for one in moves if one.case_id == case]
    assert [one.key for one in mine] == [REMINDER]
    assert mine[0].due_before == cards(town, case)[REMINDER].due_at
    assert mine[0].due_after is not None and mine[0].due_after < mine[0].due_before
    assert (preview.counts.cases, preview.counts.earlier, preview.counts.later) == (2, 2, 0)
    assert (preview.from_version, preview.to_version) == ("2026.2", "2026.3")


async def test_open_cases_look_again_when_the_rules_are_signed_and_again_when_revoked(
    town: Town,
) -> None:
    case = await accepted(town)
    before = state_of(town, case).timers
    made = await propose(town)
    _, moves = rows(town, made)
    signed = await town.sign(SIGNER, made.release)
    assert signed.state == "active" and signed.retiming is not None
    said = await retimed(town, case)
    assert (said["kind"], said["name"], said["version"], said["article"]) == (
        "rules", "supervision", "2026.3", "XKF-60",
    )  # fmt: skip
    assert [one["key"] for one in said["moved"]] == [REMINDER]
    assert cards(town, case)[REMINDER].due_at == moves[0].due_after
    # The clocks themselves stand where they stood.
    now = {one.key: one for one in state_of(town, case).timers if not one.is_card}
    assert now == {one.key: one for one in before if not one.is_card}

    asked = await town.door.ask_revocation(EDITOR, SOURCE, str(uuid4()), made.release, "过密")
    assert (asked.status, asked.preview != "") == ("done", True), asked
    gone = await town.door.revoke(SIGNER, SOURCE, str(uuid4()), made.release, Revoke())
    assert (gone.status, gone.state) == ("done", "revoked"), gone
    back = await retimed(town, case, 2)
    assert (back["version"], back["reason"]) == ("2026.2", "过密")
    assert state_of(town, case).timers == before


async def test_the_signature_is_on_a_list_with_its_entry(town: Town) -> None:
    await accepted(town)
    made = await propose(town)
    preview, _ = rows(town, made)
    await town.sign(SIGNER, made.release)
    said = town.entries("release:rules:supervision")
    previewed = next(one for one in said if one["act"] == "release_previewed")
    assert (previewed["obj"]["doc"], previewed["why"]) == (
        preview.digest, preview.counts.card_words,
    )  # fmt: skip


async def test_a_list_that_is_old_is_made_anew_and_a_wrong_one_is_not_signed(town: Town) -> None:
    await accepted(town)
    first, second = await propose(town), await propose(town, earlier("2026.4"))
    assert (await town.sign(SIGNER, first.release)).state == "active"
    wrong = await town.sign(SIGNER, second.release, preview=second.preview)
    assert (wrong.status, wrong.code) == ("refused", "preview_stale")
    again = await town.door.simulate(EDITOR, SOURCE, str(uuid4()), second.release)
    await town.door.endorse(EDITOR, SOURCE, str(uuid4()), second.release, again.dossier)
    signed = await town.sign(SIGNER, second.release)
    assert (signed.state, signed.preview != second.preview) == ("active", True)


async def test_rules_signed_for_later_move_nothing_before_their_instant(town: Town) -> None:
    case = await accepted(town)
    before = cards(town, case)
    made = await propose(town)
    since = datetime.now(UTC) + timedelta(seconds=4)
    body = Sign(in_force_from=since, dossier=made.dossier)
    signed = await town.door.sign(SIGNER, SOURCE, str(uuid4()), made.release, body)
    assert signed.in_force_from == since
    assert cards(town, case) == before
    await retimed(town, case)
    assert datetime.now(UTC) >= since
    assert cards(town, case)[REMINDER].due_at < before[REMINDER].due_at


async def test_a_pack_that_cases_have_frozen_moves_nothing(town: Town) -> None:
    await accepted(town)
    text = (PACKS / "routing.yaml").read_text("utf-8")
    made = await town.propose(EDITOR, "rules", text.replace('"2026.2"', '"2026.3"', 1))
    assert (made.status, made.preview, made.moves) == ("done", "", "")
    signed = await town.sign(SIGNER, made.release)
    assert (signed.state, signed.retiming) == ("active", None)
    asked = await town.door.ask_revocation(BOTH, SOURCE, str(uuid4()), made.release, "有误")
    assert (asked.status, asked.code) == ("refused", "wrong_verb")
    with reading(town.shop.cases) as connection:
        assert retiming.of_release(connection, made.release) == []
