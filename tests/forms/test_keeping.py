"""What waits at the doors, and the backups that the log tells of: what is said, and to whom."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert, update

from audit.entry import EntryDraft, What, Where, Who
from audit.logstore import found_log
from audit.outbox import record
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from cases.delivery_tables import delivery, notice_found
from cases.tables import outbox
from tests.forms.conftest import Browsers
from tests.forms.town import Town

INTAKE = ("张接口", "sp", (("intake_operator", "sp"),))
CHIEF = ("韩监察", "dsjc", (("supervisor", "*"),))
DIGEST = "ab" * 32


@pytest.fixture(scope="module")
def people(town: Town) -> Town:
    town.settle_in("zhang", INTAKE)
    town.settle_in("han", CHIEF)
    return town


def test_before_anything_happened_each_part_says_so(people: Town, browser: Browsers) -> None:
    page = browser("zhang").get("/integrations").text
    assert "没有待处理的死信" in page
    assert "没有等待外送的事件" in page
    assert "还没有发过通知" in page
    backups = browser("han").get("/backups").text
    assert "日志里没有一份备份" in backups
    assert "bin/yichuang backup" in backups


def test_an_event_that_waits_is_counted_and_one_that_waits_long_is_told(
    people: Town, browser: Browsers
) -> None:
    people.file()  # its events wait: nothing relays them here
    page = browser("zhang").get("/integrations").text
    (n,) = re.findall(r'<strong class="number">(\d+)</strong> 个等待外送', page)
    assert int(n) > 0
    with people.cases.begin() as connection:
        connection.execute(update(outbox).values(created_at=datetime.now(UTC) - timedelta(hours=2)))
    page = browser("zhang").get("/integrations").text
    assert f'<strong class="number late">{n}</strong>' in page
    assert "bin/yichuang status" in page
    with people.cases.begin() as connection:
        connection.execute(update(outbox).values(sent_at=datetime.now(UTC)))
    page = browser("zhang").get("/integrations").text
    assert "没有等待外送的事件" in page
    assert "最近一次送出" in page


def test_notices_that_failed_stand_by_channel(people: Town, browser: Browsers) -> None:
    now = datetime.now(UTC)
    with people.web.begin() as connection:
        for place, (channel, state) in enumerate((("sms", "failed"), ("in_app", "delivered"))):
            notice = str(uuid4())
            connection.execute(
                insert(notice_found).values(
                    notice_id=notice, n=place, incident_id="i", found_at=now, nobody=""
                )
            )
            connection.execute(
                insert(delivery).values(
                    notice_id=notice, person="u:x", channel=channel, state=state, tries=1,
                    changed_at=now, reason="",
                )
            )  # fmt: skip
    page = browser("zhang").get("/integrations").text
    assert re.search(r'短信</th><td[^>]*><span class="late">未送到</span></td><td[^>]*>1<', page)
    assert re.search(r"站内</th><td[^>]*>已送到</td><td[^>]*>1<", page)


def test_the_backups_are_those_of_the_log(people: Town, browser: Browsers, tmp_path: Path) -> None:
    made = datetime.now(UTC) - timedelta(days=3)
    for act, at in (("backup_made", made), ("backup_restored", made + timedelta(days=1))):
        draft = EntryDraft(
            str(uuid4()), "sys:backup", at, Who("system", "system"), act,
            What("backup", made.isoformat(), step="1200", doc=DIGEST), where=Where(svc="cli"),
        )  # fmt: skip
        with people.web.begin() as connection:
            record(connection, draft)
    found_log(people.log, "town.example/audit/2026H2")
    init_signer(tmp_path / "k", tmp_path / "s", "town.example/audit/2026H2")
    with closing(Signer(tmp_path / "k", tmp_path / "s")) as signer:
        Sequencer(people.log, {"web": people.web}, signer).drain()
    page = browser("han").get("/backups").text
    assert page.count(DIGEST) == 2
    assert "1200" in page
    assert "最近一份备份是 3" in page
    assert "最近一次是恢复" in page
    assert page.count('href="/log/entries/') == 2


def test_each_page_is_for_whose_office_it_is(people: Town, browser: Browsers) -> None:
    assert browser("zhao").get("/integrations").status_code == 403
    assert browser("zhao").get("/backups").status_code == 403
    assert browser("han").get("/integrations").status_code == 403
    assert 'href="/integrations"' in browser("zhang").get("/integrations").text
    assert 'href="/backups"' in browser("han").get("/backups").text
