"""What an incident announced, sent and files is kept on paper: numbered, sealed, once, logged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DatabaseError, OperationalError

from activities.glyphs import GlyphMissing
from cases import numbers, paper_rows
from cases.database import reading
from cases.paper_rows import KeptPaper
from cases.paper_tables import incident_paper
from tests.against_log import altered, empty_log, wrong
from tests.incidents.town import COMMANDER, DUTY, Town
from yichuang import joining
from yichuang.incident_papers import IncidentPapers, PaperDiffers, body_opener, paper_opener
from yichuang.paper_keeper import PaperKeeper
from yichuang.settings import Settings
from yichuang.worker import Workshop

NUMBERED = re.compile(r"云政应急公告〔(\d{4})〕(\d+)号")


class TextPress:
    """Prints the page's own text: what a paper looks like is tried elsewhere."""

    def __init__(self, before: Callable[[str], None] = lambda _: None) -> None:
        self.before = before

    def print_html(self, html: str) -> bytes:
        self.before(html)
        return html.encode()


def keeper(town: Town, settings: Settings, press: TextPress | None = None) -> PaperKeeper:
    vault, catalogue = joining.vault_of(settings), joining.catalogue
    papers = IncidentPapers(
        town.shop.cases, catalogue, body_opener(vault), lambda _: {}, settings.zone, town.now
    )
    return PaperKeeper(
        town.shop.cases, papers, press or TextPress(), vault, catalogue, settings.zone, town.now
    )


def kept(town: Town, incident: str) -> list[KeptPaper]:
    with reading(town.shop.cases) as connection:
        found = paper_rows.listing(connection, incident)
    return sorted(found, key=lambda one: (one.act_at, one.kind))


def opened(town: Town, settings: Settings, one: KeptPaper) -> str:
    with reading(town.shop.cases) as connection:
        found = paper_rows.find(connection, one.incident_id, one.id)
    assert found is not None
    return paper_opener(joining.vault_of(settings))(*found).decode()


async def answered(town: Town) -> str:
    """An incident in response, that was reported upward."""
    incident = await town.sent()
    whole: dict[str, Any] = {
        "matter": "供水管网爆裂", "level": 3, "measures": "关阀\n送水",
        "expected_until": (town.now() + timedelta(hours=6)).isoformat(),
    }  # fmt: skip
    await town.done(COMMANDER, incident, "start_response", whole)
    await town.done(COMMANDER, incident, "adjust_response", whole | {"level": 2})
    await town.done(COMMANDER, incident, "end_response")
    return incident


async def test_each_act_of_a_response_is_announced_on_paper_with_a_number_of_its_own(
    town: Town, installed: tuple[Settings, Workshop]
) -> None:
    settings, _ = installed
    incident = await answered(town)
    assert keeper(town, settings).look() >= 3
    papers = kept(town, incident)
    assert [one.kind for one in papers] == ["announcement"] * 3
    found = [NUMBERED.fullmatch(one.number) for one in papers]
    assert all(found)
    ns = [int(one[2]) for one in found if one]
    assert ns == list(range(ns[0], ns[0] + 3))
    for one, verb in zip(papers, ("启动", "调整", "解除"), strict=True):
        page = opened(town, settings, one)
        assert one.number in page and f"关于{verb}供水管网爆裂" in page
        assert "未加盖电子印章" in page
        assert hashlib.sha256(page.encode()).hexdigest() == one.digest
        (entry,) = town.entries(f"paper:{one.id}")
        assert (entry["act"], entry["obj"]["doc"], entry["why"]) == (
            "paper_kept", one.digest, "announcement",
        )  # fmt: skip
    with reading(town.shop.cases) as connection:
        assert numbers.gaps(connection) == []


async def test_two_keepers_at_once_make_each_paper_once_and_a_later_look_makes_none(
    town: Town, installed: tuple[Settings, Workshop]
) -> None:
    settings, _ = installed
    incident = await answered(town)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda one: one.look(), [keeper(town, settings) for _ in range(2)]))
    assert len(kept(town, incident)) == 3
    assert keeper(town, settings).look() == 0


async def test_a_crash_before_the_paper_is_written_leaves_it_to_be_made_under_the_same_number(
    town: Town, installed: tuple[Settings, Workshop]
) -> None:
    settings, _ = installed
    keeper(town, settings).look()
    incident = await answered(town)

    def crash(_: str) -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    away = keeper(town, settings, TextPress(crash))
    with pytest.raises(OperationalError):
        away.look()
    assert kept(town, incident) == []
    with reading(town.shop.cases) as connection:
        reserved = connection.execute(
            text("SELECT number FROM document_number WHERE state = 'reserved'")
        ).scalar_one()
    away.press = TextPress()
    assert away.look() == 3
    assert kept(town, incident)[0].number == reserved
    with reading(town.shop.cases) as connection:
        assert numbers.gaps(connection) == []


async def test_a_paper_with_a_sign_that_no_font_has_holds_up_no_other(
    town: Town, installed: tuple[Settings, Workshop]
) -> None:
    settings, _ = installed
    keeper(town, settings).look()
    bad, good = await answered(town), await answered(town)

    def holes(html: str) -> None:
        if town.state(bad).number in html and "关于启动" in html:
            raise GlyphMissing("𠀀")

    assert keeper(town, settings, TextPress(holes)).look() == 5
    assert [len(kept(town, one)) for one in (bad, good)] == [2, 3]


async def test_what_was_sent_upward_is_kept_as_it_was_sent(
    town: Town, installed: tuple[Settings, Workshop]
) -> None:
    settings, _ = installed
    incident = await town.reported(type="gas_leak", title="燃气泄漏", deaths=3)
    (first, *_) = town.state(incident).reports
    said = {"chain": first.chain, "text": "三人死亡，正在救援。"}
    await town.done(DUTY, incident, "report_up", said)
    keeper(town, settings).look()
    (one,) = kept(town, incident)
    assert (one.kind, one.number) == ("report", "")
    assert "三人死亡，正在救援。" in opened(town, settings, one)


async def test_a_kept_paper_that_was_changed_is_found_by_the_rows_and_by_the_file(
    town: Town, installed: tuple[Settings, Workshop]
) -> None:
    settings, _ = installed
    incident = await answered(town)
    keeper(town, settings).look()
    with reading(town.shop.cases) as connection:
        ids = connection.execute(select(incident_paper.c.id)).scalars().all()
    said = {one: town.entries(f"paper:{one}")[-1]["after"] for one in ids}
    with reading(town.shop.cases) as connection:
        assert list(paper_rows.check(connection, said)) == []
    one = kept(town, incident)[0]
    with pytest.raises(DatabaseError, match="append-only"), town.shop.cases.begin() as connection:
        connection.execute(update(incident_paper).values(number="云政应急公告〔2026〕999号"))
    with town.shop.cases.connect() as connection:
        connection.execute(text("DROP TRIGGER incident_paper_no_update"))
        mine = incident_paper.c.id == one.id
        connection.execute(update(incident_paper).where(mine).values(digest="0" * 64))
        assert [wrong.paper for wrong in paper_rows.check(connection, said)] == [one.id]
        found = paper_rows.find(connection, incident, one.id)
        connection.rollback()
    assert found is not None
    with pytest.raises(PaperDiffers):
        paper_opener(joining.vault_of(settings))(*found)


async def test_the_whole_log_is_held_against_kept_papers_each_by_its_own_entry(
    town: Town, installed: tuple[Settings, Workshop], tmp_path: Path
) -> None:
    settings, _ = installed
    incident = await answered(town)
    keeper(town, settings).look()
    log = empty_log(tmp_path)
    assert wrong(altered(town.shop.cases, tmp_path), log, "paper") == []
    one = kept(town, incident)[0]
    changed = f"UPDATE incident_paper SET digest = '{'0' * 64}' WHERE id = '{one.id}'"
    named = [it.case_id for it in wrong(altered(town.shop.cases, tmp_path, changed), log, "paper")]
    assert named == [f"paper:{one.id}"]
    gone = f"DELETE FROM incident_paper WHERE id = '{one.id}'"
    named = [it.case_id for it in wrong(altered(town.shop.cases, tmp_path, gone), log, "paper")]
    assert named == [f"paper:{one.id}"]
