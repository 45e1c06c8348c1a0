"""A version counts when the gate has passed it and a second person has signed it; nothing else."""

from __future__ import annotations

import argparse
import asyncio
import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from audit.sequencer import Sequencer
from audit.signer import Signer
from audit.tables import audit_outbox
from benchmarks.step import CLERK, SOURCE
from cases import releases
from cases.database import open_engine
from cases.messages import Grant
from cases.releasing import Propose
from catalogue.load import HERE, canonical, load_catalogue
from forms.release_ports import Release
from policies.policy import ROWS_FILE
from rules.load import PACKS
from tests.yichuang.registry import (
    BOTH,
    EDITOR,
    FILING,
    GUARD,
    SECOND_GUARD,
    SIGNER,
    LinePress,
    Town,
    settings,
    template,
    town,
    visitor,
)
from tests.yichuang.registry import now as _now
from yichuang.commands import releases as command
from yichuang.initialise import initialise, log_verifier
from yichuang.released import ReleaseAltered, Released
from yichuang.settings import Settings
from yichuang.signer import KEY_FILE, STATE_FILE
from yichuang.stores import migrate
from yichuang.verifying import verify_everything
from yichuang.web_releases import WebReleases
from yichuang.worker import workshop

__all__ = ["settings", "template", "town"]

FOOD = (HERE / "matters" / "food-operation-2026.1.yaml").read_text("utf-8")
ROUTING = (PACKS / "routing.yaml").read_text("utf-8")
ROWS = ROWS_FILE.read_text("utf-8")


def food(version: str, promised: int, since: str = "2026-03-01") -> str:
    """Return 食品经营许可 with another promised limit."""
    text = FOOD.replace('版本: "2026.1"', f'版本: "{version}"')
    text = text.replace("承诺办结时限: {时限: 10", f"承诺办结时限: {{时限: {promised}")
    text = text.replace("生效日期: 2026-01-01", f"生效日期: {since}")
    assert text.count(version) == 1
    return text


# --- a matter ------------------------------------------------------------------------------------


async def test_a_new_case_takes_the_new_version_and_a_running_case_keeps_its_own(
    town: Town,
) -> None:
    running = await town.order(CLERK, "file", FILING)
    made = await town.propose(BOTH, "matter", food("2026.2", 5))
    assert (made.status, made.state, made.findings) == ("done", "proposed", ())
    meanwhile = await town.order(CLERK, "file", FILING)
    assert town.matter_of(meanwhile.case_id).version == "2026.1"

    own = await town.sign(BOTH, made.release)
    assert (own.status, own.code) == ("refused", "forbidden")
    signed = await town.sign(SIGNER, made.release)
    assert (signed.status, signed.state) == ("done", "active")

    new = await town.order(CLERK, "file", FILING)
    kept, taken = town.matter_of(running.case_id), town.matter_of(new.case_id)
    assert (kept.version, kept.promised.n) == ("2026.1", 10)
    assert (taken.version, taken.promised.n) == ("2026.2", 5)
    await town.order(CLERK, "accept", {}, running.case_id)
    state = town.queries.state(running.case_id)
    assert state is not None and (state.plan.version, state.plan.promised.n) == ("2026.1", 10)


async def test_a_version_counts_from_its_instant_and_never_from_before_its_signature(
    town: Town,
) -> None:
    made = await town.propose(EDITOR, "matter", food("2026.2", 5))
    past = datetime.now(UTC) - timedelta(days=3)
    early = await town.sign(SIGNER, made.release, in_force_from=past)
    assert (early.status, early.code) == ("refused", "retroactive")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    signed = await town.sign(SIGNER, made.release, in_force_from=tomorrow)
    assert signed.in_force_from == tomorrow
    catalogue = town.released.catalogue()
    assert catalogue.matter_at("food-operation", datetime.now(UTC)).version == "2026.1"
    assert catalogue.matter_at("food-operation", tomorrow).version == "2026.2"


async def test_a_past_instant_counts_where_it_is_said(town: Town) -> None:
    made = await town.propose(EDITOR, "matter", food("2026.2", 5))
    past = datetime.now(UTC) - timedelta(days=3)
    signed = await town.sign(SIGNER, made.release, in_force_from=past, retroactive=True)
    assert signed.in_force_from == past


async def test_a_faulty_proposal_is_blocked_with_its_line_and_remedy(town: Town) -> None:
    wrong = food("2026.2", 5).replace("依据: XKF-44}", "依据: NO-SUCH-ARTICLE}")
    made = await town.propose(EDITOR, "matter", wrong)
    line = 1 + next(n for n, text in enumerate(wrong.splitlines()) if "NO-SUCH" in text)
    assert (made.status, made.state) == ("done", "blocked")
    assert made.findings[0].startswith(f"matters/food-operation-2026.2.yaml:{line}: ")
    assert "请" in made.findings[0]
    signed = await town.sign(SIGNER, made.release)
    assert (signed.status, signed.code) == ("refused", "gate_failed")
    gate = town.entries("release:matter:food-operation")[-2]
    assert (gate["act"], gate["res"], gate["why"]) == ("release_gate", "deny", "事项目录核对")


async def test_a_text_that_cannot_be_read_is_refused_with_its_line(town: Town) -> None:
    made = await town.propose(EDITOR, "matter", food("2026.2", 5).replace("标识: ", "标志: "))
    assert (made.status, made.code) == ("refused", "unreadable")
    assert any(one.startswith("matter.yaml:2: ") for one in made.findings)
    assert [one["why"] for one in town.entries("release:-")] == ["unreadable"]


async def test_one_version_stands_for_one_text(town: Town) -> None:
    await town.propose(EDITOR, "matter", food("2026.2", 5))
    again = await town.propose(EDITOR, "matter", food("2026.2", 4))
    assert (again.status, again.code) == ("refused", "version_taken")
    shipped = await town.propose(EDITOR, "matter", food("2026.1", 4))
    assert (shipped.status, shipped.code) == ("refused", "version_taken")


async def test_a_withdrawn_proposal_cannot_be_signed_and_only_its_author_withdraws(
    town: Town,
) -> None:
    made = await town.propose(EDITOR, "matter", food("2026.2", 5))
    other = await town.door.withdraw(BOTH, SOURCE, str(uuid4()), made.release)
    assert (other.status, other.code) == ("refused", "not_own")
    gone = await town.door.withdraw(EDITOR, SOURCE, str(uuid4()), made.release)
    assert (gone.status, gone.state) == ("done", "withdrawn")
    signed = await town.sign(SIGNER, made.release)
    assert (signed.status, signed.code) == ("refused", "withdrawn")


async def test_the_same_order_again_gets_the_same_answer(town: Town) -> None:
    body = Propose(kind="matter", text=food("2026.2", 5))
    first = await town.door.propose(EDITOR, SOURCE, "order-1", body)
    assert await town.door.propose(EDITOR, SOURCE, "order-1", body) == first
    other = await town.door.propose(
        EDITOR, SOURCE, "order-1", Propose(kind="matter", text=food("2026.3", 5))
    )
    assert (other.status, other.code) == ("refused", "id_reused")


async def test_who_may_not_is_refused_and_it_is_written_down(town: Town) -> None:
    made = await town.propose(CLERK, "matter", food("2026.2", 5))
    assert (made.status, made.code) == ("refused", "no_right")
    policy = await town.propose(EDITOR, "policy", ROWS)
    assert (policy.status, policy.code) == ("refused", "no_right")
    with town.web.connect() as connection:
        rows = connection.execute(select(audit_outbox.c.body).order_by(audit_outbox.c.pos))
        said = [orjson.loads(row.body) for row in rows][-2:]
    assert [(one["act"], one["obj"]["type"], one["res"]) for one in said] == [
        ("release_propose", "release", "deny"),
        ("policy_propose", "policy", "deny"),
    ]


async def test_a_department_proposes_its_own_matters_and_nothing_of_the_city(town: Town) -> None:
    here = Grant(role="catalogue_editor", department="scjg")
    editor = EDITOR.model_copy(update={"id": "u:caibian", "grants": (here,)})
    made = await town.propose(editor, "matter", food("2026.2", 5))
    assert (made.status, made.state) == ("done", "proposed")
    taken = food("2026.3", 5).replace("实施主体: scjg", "实施主体: zjj")
    for kind, text in (
        ("matter", taken),  # another department would get it
        ("matter", food("2026.4", 5).replace("标识: food-operation", "标识: construction-permit")),
        ("rules", ROUTING.replace('version: "2026.2"', 'version: "2026.9"')),
    ):
        no = await town.propose(editor, kind, text)
        assert (no.status, no.code) == ("refused", "elsewhere"), kind
    fire = editor.model_copy(update={"grants": (Grant(role="catalogue_editor", department="xf"),)})
    no = await town.propose(fire, "matter", food("2026.5", 5))
    assert (no.status, no.code) == ("refused", "elsewhere")


async def test_a_deputy_neither_proposes_nor_signs(town: Town) -> None:
    deputy = EDITOR.model_copy(update={"on_behalf": "u:somebody"})
    made = await town.propose(deputy, "matter", food("2026.2", 5))
    assert (made.status, made.code) == ("refused", "no_deputy")


async def test_the_rows_refuse_one_person_on_both_sides(town: Town) -> None:
    made = await town.propose(EDITOR, "matter", food("2026.2", 5))
    with town.shop.cases.begin() as connection, pytest.raises(IntegrityError, match="two_people"):
        connection.exec_driver_sql(
            "UPDATE release SET signed_by = proposed_by, signed_at = proposed_at,"
            " in_force_from = proposed_at WHERE id = ?",
            (made.release,),
        )


async def test_an_unsigned_edit_of_a_file_changes_nothing(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    file = folder / "matters" / "food-operation-2026.1.yaml"
    file.write_text(FOOD.replace("承诺办结时限: {时限: 10", "承诺办结时限: {时限: 1"), "utf-8")
    edited = load_catalogue(folder)
    assert edited.matter("food-operation", "2026.1").promised.n == 1
    released = Released(town.shop.cases, files=lambda: edited)
    assert released.catalogue().matter("food-operation", "2026.1").promised.n == 10
    assert [line for line in initialise(town.settings) if "随程序" in line] == []


async def test_the_pages_port_proposes_signs_and_lists_by_the_worker(town: Town) -> None:
    port = WebReleases(town.queries.engine, town.door, asyncio.get_running_loop(), _now)
    editor, signer = visitor(EDITOR), visitor(SIGNER)
    made = await asyncio.to_thread(port.propose, editor, "matter", food("2026.2", 5))
    assert isinstance(made, Release) and made.state == "proposed"
    assert "matter.yaml:2: " in str(await asyncio.to_thread(port.propose, editor, "matter", "x: ["))
    assert "notices.yaml:1: " in str(await asyncio.to_thread(port.propose, editor, "template", "x"))
    assert "在这里" in str(await asyncio.to_thread(port.propose, editor, "law", "x"))
    assert await asyncio.to_thread(port.sign, editor, made.id) != ""
    assert "卷宗" in await asyncio.to_thread(port.sign, signer, made.id)
    (shown,) = [one for one in await asyncio.to_thread(port.listing) if one.id == made.id]
    assert shown.needs_dossier and not shown.endorsed_by
    kept = await asyncio.to_thread(port.dossier, made.id)
    assert kept is not None and kept.row.passed
    digest = kept.row.digest
    assert "提出人" in await asyncio.to_thread(port.sign, signer, made.id, "", digest)
    assert await asyncio.to_thread(port.endorse, editor, made.id, digest) == ""
    assert await asyncio.to_thread(port.sign, signer, made.id, "", digest) == ""
    assert await asyncio.to_thread(port.withdraw, editor, made.id) != ""
    states = {
        one.version: one.state
        for one in await asyncio.to_thread(port.listing)
        if one.name == "food-operation"
    }
    assert states == {"2026.2": "active", "2026.1": "superseded"}


def test_the_command_lists_the_register(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    command.run(argparse.Namespace(order="list", json=True, limit=5), settings)
    listed = orjson.loads(capsys.readouterr().out)["releases"]
    assert len(listed) == 5
    assert {one["state"] for one in listed} == {"active"}
    command.run(argparse.Namespace(order="list", json=False, limit=200), settings)
    assert "food-operation\t2026.1\t已签署" in capsys.readouterr().out


# --- rules ---------------------------------------------------------------------------------------


async def test_a_running_case_keeps_its_rules_also_after_the_worker_has_gone(town: Town) -> None:
    running = await town.order(CLERK, "file", FILING)
    before = town.queries.state(running.case_id)
    text = ROUTING.replace('version: "2026.2"', 'version: "2026.3"')
    signed = await town.activate("rules", text)
    assert signed.state == "active"
    new = await town.order(CLERK, "file", FILING)
    after = town.queries.state(new.case_id)
    assert before is not None and after is not None
    old, fresh = before.plan.rule_digests["routing"], after.plan.rule_digests["routing"]
    assert old != fresh
    with workshop(town.settings, LinePress()) as another:
        rules = another.settlement._planner.rules
        assert rules.digest("routing") == fresh
        context = {"matter": "food-operation", "step_departments": ["scjg"]}
        assert rules.evaluate(old, context, datetime.now(UTC)).version == "2026.2"
        assert rules.digest("routing") == fresh


async def test_a_pack_whose_example_is_wrong_is_refused_with_its_line(town: Town) -> None:
    wrong = ROUTING.replace("holds: true", "holds: false", 1)
    assert wrong != ROUTING
    made = await town.propose(EDITOR, "rules", wrong.replace('"2026.2"', '"2026.3"', 1))
    assert made.status == "refused"
    assert made.findings[0].startswith("rules.yaml:")


# --- policy --------------------------------------------------------------------------------------


async def test_a_policy_by_which_one_role_accepts_and_decides_is_blocked(town: Town) -> None:
    row = "section_head, implementing, case, accept, always, allow # 一人包办\n"
    made = await town.propose(GUARD, "policy", ROWS + row)
    assert (made.status, made.state) == ("done", "blocked")
    line = len(ROWS.splitlines()) + 1
    assert made.findings[0].startswith(f"policy.csv:{line}: ")
    assert "section_head" in made.findings[0] and "accept" in made.findings[0]
    signed = await town.sign(SECOND_GUARD, made.release)
    assert (signed.status, signed.code) == ("refused", "gate_failed")


@pytest.mark.parametrize(
    ("without", "check"),
    [
        ("sysadmin,          held,          case", "管理员只做本职"),
        ("*,                 held,          release,      release_sign", "提出人不得签署"),
        ("secadmin,          held,          policy,       policy_approve", "仍有人能改"),
    ],
)
async def test_a_policy_that_opens_or_locks_a_door_is_blocked(
    town: Town, without: str, check: str
) -> None:
    extra = ""
    if "release_sign" in without:
        extra = "catalogue_signer, held, release, release_propose, always, allow # 试\n"
    rows = "\n".join(line for line in ROWS.splitlines() if not line.startswith(without))
    made = await town.propose(GUARD, "policy", f"{rows}\n{extra}")
    assert made.state == "blocked"
    with town.shop.cases.connect() as connection:
        gate = releases.find(connection, made.release).gate
    assert any(one.name.startswith(check) for one in gate if not one.passed)


async def test_a_signed_policy_counts_from_the_next_question_on(town: Town) -> None:
    before = town.access.ever(CLERK, "urge", "case")
    assert before.allowed
    start = "window_clerk,      implementing,  case,         urge"
    rows = "\n".join(line for line in ROWS.splitlines() if not line.startswith(start))
    silent = await town.propose(GUARD, "policy", rows)
    assert silent.state == "blocked"  # a right that goes must go from the decision table too
    assert any("#? window_clerk@food | urge" in finding for finding in silent.findings)
    said = "\n".join(
        f"#? window_clerk@food | urge | {situation} | no_right"
        for situation in ("plain", "task=review-fire", "task=review-fire mine", "closed")
    )
    made = await town.propose(GUARD, "policy", f"# 催办改由科室经办人负责\n{said}\n{rows}")
    assert made.state == "proposed", made.findings
    assert town.access.ever(CLERK, "urge", "case").allowed
    same = await town.sign(GUARD, made.release)
    assert (same.status, same.code) == ("refused", "forbidden")
    assert (await town.sign(SECOND_GUARD, made.release)).state == "active"
    after = town.access.ever(CLERK, "urge", "case")
    assert not after.allowed
    assert after.policy != before.policy


# --- the log -------------------------------------------------------------------------------------


def sealed(settings: Settings) -> Callable[[], Any]:
    """Sequence and seal what there is; return how to verify it."""
    log = open_engine(settings.store_url("log"))
    sources = {name: open_engine(settings.store_url(name)) for name in ("cases", "web", "gateway")}
    folder = settings.signer_path
    with closing(Signer(folder / KEY_FILE, folder / STATE_FILE)) as signer:
        sequencer = Sequencer(log, sources, signer)
        sequencer.drain()
        sequencer.seal()
    return lambda: verify_everything(log, log_verifier(settings), sources)


async def test_each_step_is_an_entry_and_the_whole_log_verifies(town: Town) -> None:
    made = await town.propose(EDITOR, "matter", food("2026.2", 5))
    await town.propose(EDITOR, "matter", food("2026.2", 4))
    await town.sign(SIGNER, made.release)
    stream = town.entries("release:matter:food-operation")
    assert [one["act"] for one in stream] == [
        "release_seed", "release_propose", "release_gate", "release_dossier",
        "release_endorse", "release_dossier_signed", "release_sign", "release_dossier_signed",
    ]  # fmt: skip
    assert [one["why"] for one in town.entries("release:-")] == ["version_taken"]
    assert stream[1]["who"]["id"] != stream[3]["who"]["id"]
    assert "u:editor" not in str(stream)
    verdict = sealed(town.settings)()
    assert (verdict.exit_code, verdict.wrong_rows) == (0, 0), verdict.as_json()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE release SET in_force_from = '2020-01-01 00:00:00.000000' WHERE name = 'access'",
        "UPDATE release SET content = content || ' ' WHERE name = 'access'",
        "UPDATE release SET signed_by = 'u:nobody' WHERE name = 'routing'",
        "DELETE FROM release WHERE name = 'routing'",
        "INSERT INTO release SELECT 'x', kind, name, '9', digest, content, proposed_by,"
        " proposed_at, gate, passed, signed_by, signed_at, in_force_from, in_force_until,"
        " withdrawn_by, withdrawn_at, revoke_asked_by, revoke_asked_at, revoke_reason, revoked_by,"
        " revoked_at, needs_dossier, endorsed_by, endorsed_at, dossier"
        " FROM release WHERE name = 'routing'",
    ],
)
def test_a_register_changed_behind_the_log_is_named(settings: Settings, change: str) -> None:
    verify = sealed(settings)
    assert verify().exit_code == 0
    with open_engine(settings.store_url("cases")).begin() as connection:
        connection.exec_driver_sql(change)
    verdict = verify()
    assert (verdict.exit_code, verdict.wrong_rows > 0) == (1, True)


async def test_a_changed_calendar_counts_for_deadlines_and_may_not_know_fewer_days(
    town: Town,
) -> None:
    text = (HERE / "calendars" / "cn.yaml").read_text("utf-8")
    version = town.released.catalogue().calendars["cn"].version
    changed = text.replace(version, "2027-notice").replace("09:00-12:00", "08:00-12:00")
    signed = await town.activate("calendar", changed)
    assert signed.state == "active"
    calendar = town.released.catalogue().calendars["cn"]
    assert (calendar.version, calendar.hours[0][0].hour) == ("2027-notice", 8)
    horizon = f"截止: {calendar.horizon.isoformat()}"
    shorter = changed.replace("2027-notice", "2027-short")
    shorter = shorter.replace(horizon, f"截止: {calendar.horizon.year}-06-30")
    made = await town.propose(EDITOR, "calendar", shorter)
    assert made.state == "blocked"
    assert any("早于现行" in one for one in made.findings)


async def test_a_text_altered_in_the_register_is_not_used(settings: Settings) -> None:
    engine = open_engine(settings.store_url("cases"))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE release SET content = replace(content, 'scjg', 'zjj') WHERE kind = 'matter'"
        )
    with pytest.raises(ReleaseAltered):
        Released(engine).catalogue()


def test_a_newer_programs_version_is_only_proposed(tmp_path: Path) -> None:
    """Where the city has versions of a matter, a shipped one must be signed like any other."""
    settings = Settings(data=tmp_path, city="test")
    engine = open_engine(settings.store_url("cases"))
    migrate(engine, "cases")
    older = load_catalogue().matter("food-operation", "2026.1")
    older = older.model_copy(update={"version": "2025.9"})
    text, at = canonical(older).decode(), datetime(2025, 9, 1, tzinfo=UTC)
    with engine.begin() as connection:
        releases.seed(
            connection, releases.Proposal("matter", "food-operation", "2025.9", text), at, at
        )
    said = [line for line in initialise(settings) if "food-operation" in line]
    assert len(said) == 1 and "须由签署人签署" in said[0]
    now = datetime.now(UTC)
    assert Released(engine).catalogue().matter_at("food-operation", now).version == "2025.9"
    with engine.connect() as connection:
        listed = releases.listing(connection)
    assert sorted(one.state for one in listed if one.name == "food-operation") == [
        "active", "proposed",
    ]  # fmt: skip
