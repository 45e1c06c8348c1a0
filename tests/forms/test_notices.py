"""Notices of cases and the morning's digest: told once, read once, and one's own page."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select

from activities.notice_wording import sentence
from audit.tables import audit_outbox
from cases import deliveries, digests
from cases.delivery_tables import digest as digest_table
from cases.duty_tables import duty_contact
from cases.habits import Habits
from tests.forms.conftest import Browsers
from tests.forms.test_duty import post
from tests.forms.test_log_pages import Written
from tests.forms.town import Town
from yichuang.digest_maker import DigestMaker
from yichuang.notices.finding import CENTRE, Lookup

ZONE = ZoneInfo("Asia/Shanghai")


def monday(town: Town) -> date:
    """The first Monday to come with two whole weeks of work; accounts are as old as this run."""
    calendar = town.ports.catalogue.calendar("cn")
    day = datetime.now(ZONE).date() + timedelta(days=2)
    while day.weekday() != 0 or not all(
        calendar.is_working(day + timedelta(days=n)) is (n % 7 < 5) for n in range(14)
    ):
        day += timedelta(days=1)
    return day


def at(town: Town, day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of the nth day of those weeks, the first being a Monday."""
    then = monday(town) + timedelta(days=day)
    return datetime.combine(then, time(hour, minute), ZONE).astimezone(UTC)


def maker(town: Town, now: datetime) -> DigestMaker:
    return DigestMaker(
        town.web,
        town.accounts,
        town.ports.reader,
        town.ports.access,
        town.ports.own.unread,
        Lookup(CENTRE, frozenset({"email"})),
        lambda: town.ports.catalogue.calendar("cn"),
        ZONE,
        lambda: now,
    )


def made(town: Town, login: str) -> list[tuple[str, dict[str, int]]]:
    with town.web.begin() as connection:
        rows = connection.execute(
            select(digest_table).where(digest_table.c.person == town.ids[login])
        )
        return [(row.day, row.counts) for row in rows]


@pytest.fixture(scope="module", autouse=True)
def log(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(town, tmp_path_factory.mktemp("signer"))


@pytest.fixture
def urged(town: Town) -> str:
    """A case whose holder was urged."""
    filed = town.file("云川建设有限公司")
    town.order("chen", "accept", {"mode": "plain"}, filed.case_id)
    town.order("feng", "urge", {"task": "review-housing", "text": "请尽快"}, filed.case_id)
    return filed.case_no


def test_a_notice_is_unread_until_it_is_marked_and_for_each_by_themselves(
    town: Town, browser: Browsers, urged: str
) -> None:
    page = browser("zhao")
    shown = page.get("/notices").text
    assert urged in shown
    unread = int(re.search(r"(\d+) 条未读", shown)[1])  # type: ignore[index]
    assert f'通知<span class="count">({unread})' in page.get("/team").text
    first = re.search(r'name="notice" value="([^"]+)"', shown)
    assert first is not None
    assert post(browser("chen"), "/notices", notice=first[1]).status_code == 303
    assert f"{unread} 条未读" in page.get("/notices").text, "another marks nothing of mine"
    assert post(page, "/notices", notice=first[1]).status_code == 303
    assert post(page, "/notices", notice=first[1]).status_code == 303, "twice changes nothing"
    left = page.get("/notices").text
    assert (f"{unread - 1} 条未读" in left) or unread == 1
    assert post(page, "/notices", notice="not-a-notice").status_code == 303


def test_a_digest_tells_on_a_working_day_at_the_hour_that_was_chosen_and_once(
    town: Town, urged: str
) -> None:
    Habits(town.web).prefer(town.ids["zhao"], {"digest": "13:30"}, at(town, 0, 1))
    Habits(town.web).prefer(town.ids["qian"], {"digest": "off"}, at(town, 0, 1))
    assert maker(town, at(town, 5, 14)).make() == 0, "Saturday"
    assert maker(town, at(town, 0, 8, 29)).make() == 0
    morning = maker(town, at(town, 0, 8, 31)).make()
    assert morning > 5
    assert made(town, "zhao") == [] and made(town, "qian") == []
    assert maker(town, at(town, 0, 13, 31)).make() == 1
    assert maker(town, at(town, 0, 18)).make() == 0, "once a day"
    [(day, counts)] = made(town, "zhao")
    assert day == monday(town).isoformat() and counts["team"] + counts["open"] >= 1
    assert made(town, "qian") == []


def test_a_digest_goes_to_the_address_that_the_person_gave_and_says_numbers_alone(
    town: Town, urged: str
) -> None:
    who = town.ids["chen"]
    with town.web.begin() as connection:
        connection.execute(
            insert(duty_contact).values(
                person=who, channel="email", address_sealed=b"x", changed_at=at(town, 0, 1)
            )
        )
    town.file("另一家有限公司")
    assert maker(town, at(town, 1, 9)).make() > 0
    wanted = digests.digest_id(who, at(town, 1, 9).astimezone(ZONE).date())
    with town.web.begin() as connection:
        ways = deliveries.of_notices(connection, [wanted])[wanted]
        notice = digests.as_notice(connection, wanted)
        bodies = connection.execute(select(audit_outbox.c.body)).scalars()
        told = [one for one in bodies if wanted.encode() in bytes(one)]
    assert [(one.person, one.channel, one.state) for one in ways] == [(who, "email", "queued")]
    assert notice is not None and len(told) == 1
    text = sentence(notice.kind, notice.fields, {}, "Asia/Shanghai")
    assert text.startswith("【今日提醒】") and "团队未签收" in text and "有限公司" not in text


def test_nobody_is_told_nothing_and_a_newcomer_not_before_tomorrow(town: Town) -> None:
    today = datetime.now(ZONE)
    if town.ports.catalogue.calendar("cn").is_working(today.date()):
        late = today.replace(hour=23, minute=59)
        assert maker(town, late.astimezone(UTC)).make() == 0
    assert maker(town, at(town, 3, 9)).make() > 0
    day = at(town, 3, 9).astimezone(ZONE).date()
    with town.web.begin() as connection:
        silent = [
            row.id
            for row in connection.execute(
                select(digest_table).where(digest_table.c.day == day.isoformat())
            )
            if not any(row.counts.values())
        ]
        assert silent and not deliveries.known(connection, silent)
    assert all(not digests_of(town, login) for login in ("sysadmin",))


def digests_of(town: Town, login: str) -> list[digests.Digest]:
    with town.web.begin() as connection:
        return digests.of_person(connection, town.ids[login], at(town, 3, 9))


def test_two_processes_make_one_digest(town: Town) -> None:
    one, two = maker(town, at(town, 4, 9)), maker(town, at(town, 4, 9))
    first = one.make()
    assert first > 0 and two._make(town.ids["chen"], at(town, 4, 9)) is False


def test_the_digest_links_to_the_lists_that_it_counts(town: Town, browser: Browsers) -> None:
    now = datetime.now(UTC)
    made_now = digests.Digest(
        "d" * 36, town.ids["chen"], "2026-01-01", {"open": 3, "overdue": 1}, now
    )
    with town.web.begin() as connection:
        digests.make(connection, made_now)
    page = browser("chen")
    shown = page.get("/notices").text
    assert "今日提醒" in shown and '<a href="/?state=overdue">超期 1</a>' in shown
    assert page.get("/?state=overdue").status_code == 200


def test_ones_own_page_shows_roles_and_the_hour_is_a_preference(
    town: Town, browser: Browsers
) -> None:
    page = browser("chen")
    shown = page.get("/me").text
    assert "窗口" in shown and "登录记录" in shown
    assert post(page, "/preferences", digest="17:00").status_code == 303
    assert town.ports.preferences.of(town.actor("chen"))["digest"] == "17:00"
    assert post(page, "/preferences", digest="03:00").status_code == 422
    assert town.ports.preferences.of(town.actor("chen"))["digest"] == "17:00"


def test_failed_tries_at_my_account_stand_in_my_history_and_in_nobody_else_s(
    town: Town, browser: Browsers, log: Written
) -> None:
    stranger = browser()
    tried = {"login": "zhou", "password": "not-it", "csrf": stranger.token("/sign-in")}
    assert stranger.post("/sign-in", data=tried).status_code == 422
    page = browser("zhou")
    log.sequence()
    lines = town.ports.own.sign_ins(town.actor("zhou"))
    assert [(one.act, one.ok, one.why) for one in lines if not one.ok] == [
        ("sign_in", False, "wrong_password")
    ]
    assert any(one.act == "sign_in" and one.ok for one in lines)
    assert lines == sorted(lines, key=lambda one: one.at, reverse=True)
    assert not [one for one in town.ports.own.sign_ins(town.actor("zhao")) if not one.ok]
    shown = page.get("/me").text
    assert "未成功" in shown and "口令不对" in shown
