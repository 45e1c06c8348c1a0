"""The supervisors' pages: what they show of real cases, to whom, and what leaves as a file."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import orjson
import pytest
from sqlalchemy import select, text, update

from activities.alarming import Alarms
from cases.alarms import Alarm
from cases.messages import Outcome
from cases.months import month_of
from cases.tables import clock, clock_event
from tests.forms.conftest import Browsers
from tests.forms.town import Town

MONTH = month_of(datetime.now(UTC), "Asia/Shanghai")


@pytest.fixture(scope="module")
def joint(town: Town) -> Outcome:
    """A construction permit that four departments review, and whose promise has run out."""
    filed = town.file()
    town.order("chen", "accept", {"mode": "plain"}, filed.case_id)
    # Two weeks ago, as the rows have it: nobody may file in the past, and a test cannot wait.
    with town.cases.begin() as connection:
        told = connection.execute(
            select(clock_event).where(clock_event.c.case_id == filed.case_id)
        ).all()
        for row in told:
            connection.execute(
                update(clock_event)
                .where(
                    clock_event.c.case_id == row.case_id,
                    clock_event.c.seq == row.seq,
                    clock_event.c.n == row.n,
                )
                .values(at=row.at - timedelta(days=14))
            )
        connection.execute(
            update(clock)
            .where(clock.c.case_id == filed.case_id, clock.c.key == "promised")
            .values(due_at=datetime.now(UTC) - timedelta(hours=1))
        )
    return filed


def test_the_board_links_each_count_to_its_list(joint: Outcome, browser: Browsers) -> None:
    page = browser("feng").get("/supervision")
    assert page.status_code == 200
    found = dict(re.findall(r'href="/supervision/clocks\?watch=(\w+)"><b>(\d+)</b>', page.text))
    assert found["overdue"] == "1"
    assert {"warning", "standing", "provisional"} <= set(found)
    lists = browser("feng").get("/supervision/clocks?watch=overdue")
    assert joint.case_no in lists.text
    # Over since an hour: no working day has passed, and it is not "due today" any more.
    assert 'class="pill overdue"' in lists.text and "今日到期" not in lists.text


def test_a_list_of_clocks_says_the_number_that_led_to_it(joint: Outcome, browser: Browsers) -> None:
    feng = browser("feng")
    for query in ("", "matter=construction-permit", "department=zjj", "matter=food-operation"):
        page = unescape(feng.get(f"/supervision?{query}").text)
        tiles = re.findall(r'href="(/supervision/clocks[^"]*)"><b>(\d+)</b>', page)
        assert len(tiles) == 5
        for address, told in tiles:
            said = re.findall(r">(\d+) 件共 \d+ 个时钟<", feng.get(address).text)
            assert said == [told], (query, address)
    # Of one kind of clock no cases are kept: the clocks alone are told.
    assert "件共" not in feng.get("/supervision/clocks?clock=promised").text


def test_who_supervises_has_the_stages_folded_below_the_desks(
    joint: Outcome, browser: Browsers
) -> None:
    feng = browser("feng")
    side = feng.get("/supervision").text.partition('id="side"')[2].partition("</nav>")[0]
    desk, fold = side.index('href="/supervision"'), side.index("<details><summary")
    assert desk < fold < side.index('href="/cases?stage=review"')
    held = feng.get("/cases?stage=review").text.partition('id="side"')[2]
    assert held.index("<details open>") < held.index('aria-current="page"')
    for login in ("zhao", "zhou"):  # who works at them has them as they were
        text = browser(login).get("/").text
        assert "<details" not in text.partition('id="side"')[2].partition("</nav>")[0]


def test_a_line_leads_to_the_ledger_of_its_clock(joint: Outcome, browser: Browsers) -> None:
    lists = browser("feng").get("/supervision/clocks?watch=overdue").text
    assert "住建" in re.findall(r'#shares">([^<]*)<', lists)[0]
    (link,) = set(re.findall(r'href="(/cases/[^"#]+clock=promised)"', lists))
    ledger = browser("feng").get(link.replace("&amp;", "&"))
    assert "谁用了多少" in ledger.text
    assert "《一窗用时分摊规则》第一条" in ledger.text
    assert "逐日分摊" in ledger.text


def test_filters_live_in_the_address(joint: Outcome, browser: Browsers) -> None:
    seen = browser("feng")
    page = seen.get("/supervision?matter=construction-permit&department=zjj").text
    assert "watch=overdue&amp;matter=construction-permit&amp;department=zjj" in page
    assert seen.get("/supervision?matter=food-operation").text.count(joint.case_no) == 0


def test_months_that_are_none_are_refused(browser: Browsers) -> None:
    answer = browser("feng").get("/supervision?from=2026-13&until=2026-13")
    assert answer.status_code == 404
    assert "不是月份" in answer.text


def test_every_metric_stands_on_the_board_with_its_formula(browser: Browsers) -> None:
    page = browser("feng").get("/supervision").text
    assert len(set(re.findall(r"YC-ZB-\d\d", page))) >= 22
    assert "承诺时限内办结件 ÷ 办结件" in page


def test_the_board_is_cut_to_what_its_reader_may_list(joint: Outcome, browser: Browsers) -> None:
    """The head of the housing section sees the permit; the board of another office would not."""
    assert "<b>1</b>" in browser("zhou").get("/supervision").text
    page = browser("zhao").get("/supervision")
    assert page.status_code == 403


def test_the_table_is_a_csv_that_a_spreadsheet_reads(joint: Outcome, browser: Browsers) -> None:
    answer = browser("feng").get("/supervision.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(answer.text[1:])))
    received = [r for r in rows if r["分组"] == "全部" and r["指标编号"] == "YC-ZB-12"]
    assert [(r["分子"], r["分母"]) for r in received] == [("0", "1")]


def test_a_report_is_an_entry_before_it_is_handed_out(
    town: Town, joint: Outcome, browser: Browsers
) -> None:
    entries = text("SELECT count(*) FROM audit_recorded WHERE stream = 'sys:report'")
    with town.web.connect() as connection:
        before = connection.execute(entries).scalar_one()
    answer = browser("feng").get(f"/supervision/report/{MONTH}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert joint.case_no in answer.text
    with town.web.connect() as connection:
        assert connection.execute(entries).scalar_one() == before + 1
        newest = text(
            "SELECT body FROM audit_outbox WHERE stream = 'sys:report' ORDER BY pos DESC LIMIT 1"
        )
        assert orjson.loads(connection.execute(newest).scalar_one())["act"] == "report"


def test_the_board_shows_alarms_to_whoever_answers_for_the_department(
    town: Town, browser: Browsers
) -> None:
    sounding = Alarms("demo", "https://city.invalid/schemas")
    alarm = Alarm("card_unheard:r:section_head:xf", "card_unheard", "消防没有科室负责人", "", "xf")
    now = datetime.now(UTC)
    with town.cases.begin() as connection:
        sounding.sound(connection, alarm, now)
    try:
        assert alarm.text in browser("feng").get("/supervision").text  # the whole city's
        assert alarm.text in browser("zhou").get("/supervision").text  # of zjj, above xf
        other = replace(alarm, key="card_unheard:d:rf", department="rf", text="人防没有人")
        with town.cases.begin() as connection:
            sounding.sound(connection, other, now)
        assert other.text in browser("feng").get("/supervision").text
        assert other.text not in browser("zhou").get("/supervision").text
    finally:
        with town.cases.begin() as connection:
            sounding.agree(connection, "card_unheard", {}, now)
    assert alarm.text not in browser("feng").get("/supervision").text


def test_who_may_look_may_not_therefore_issue_a_report(browser: Browsers) -> None:
    head = browser("zhou")
    assert head.get("/supervision").status_code == 200
    assert head.get(f"/supervision/report/{MONTH}").status_code == 403


def test_the_pages_speak_english(joint: Outcome, browser: Browsers) -> None:
    seen = browser("feng")
    seen.get("/language/en?next=/supervision")
    page = seen.get("/supervision").text
    assert "Departments compared" in page
    # An article is quoted in the words of the law, and says in which language they are.
    quoted = r'<(span|blockquote) lang="zh-CN">.*?</\1>'
    body = re.sub(quoted, "", page.partition("<main")[2], flags=re.S)
    chinese = set(re.findall(r">([^<]*[一-鿿]+[^<]*)<", body))
    assert not {one for one in chinese if "中文" not in one}, chinese


# --- behind a number -----------------------------------------------------------------------------

NUMBER = re.compile(r'href="(/supervision/(?:cases|shares/clocks)\?[^"]+)"[^>]*>(\d+)<')


def numbers(page: str) -> set[tuple[str, int]]:
    """Return every number of a page that leads to the rows behind it, with its address."""
    return {(url.replace("&amp;", "&"), int(n)) for url, n in NUMBER.findall(page)}


def rows_of(page: str) -> int:
    (n,) = set(re.findall(r"共 (\d+) 件", page)) or set(re.findall(r"(\d+) 件，用得最多", page))
    body = page.partition("<main")[2].rpartition("<tbody>")[2]
    assert body.count("<tr>") == int(n), "no more rows than one page holds were filed here"
    return int(n)


@pytest.mark.parametrize("path", ["/supervision", "/supervision/departments"])
def test_each_number_leads_to_a_list_as_long_as_it_says(
    path: str, joint: Outcome, browser: Browsers
) -> None:
    seen = browser("feng")
    found = numbers(seen.get(path).text)
    assert len(found) >= 4
    for url, n in found:
        assert rows_of(seen.get(url).text) == n, url


def test_a_list_behind_a_number_leads_on_to_the_day_and_to_the_case(
    joint: Outcome, browser: Browsers
) -> None:
    seen = browser("feng")
    month = seen.get(f"/supervision/cases?count=received&from={MONTH}&until={MONTH}").text
    assert joint.case_no in month
    (day,) = set(re.findall(r'href="(/supervision/cases\?[^"]*day=[^"]+)"', month))
    one = seen.get(day.replace("&amp;", "&"))
    assert one.status_code == 200
    assert joint.case_no in one.text
    (case,) = set(re.findall(r'href="(/cases/[^"]+clock=promised)"', one.text))
    assert seen.get(case.replace("&amp;", "&")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/supervision/cases?count=nothing",
        "/supervision/cases?count=closed&day=2020-01-01",
        "/supervision/cases?count=closed&from=x&until=y",
        "/supervision/departments?from=2026-13&until=2026-13",
        "/supervision/shares?from=2026-13&until=2026-13",
        "/supervision/shares/clocks",
    ],
)
def test_what_is_no_number_month_or_day_is_refused(path: str, browser: Browsers) -> None:
    assert browser("feng").get(path).status_code == 404


def test_an_empty_list_says_why_and_what_next(joint: Outcome, browser: Browsers) -> None:
    seen = browser("feng")
    page = seen.get("/supervision/cases?count=received&matter=food-operation").text
    assert "您有权查看的办件中，没有符合这些条件的" in page
    assert "清除筛选" in page
    assert "没有这样的时钟结束" in seen.get("/supervision/shares").text


@pytest.mark.parametrize(
    "path", ["/supervision/cases?count=received", "/supervision/departments", "/supervision/shares"]
)
def test_the_lists_behind_numbers_are_the_supervisors(path: str, browser: Browsers) -> None:
    assert browser("zhao").get(path).status_code == 403


def test_departments_are_sorted_by_the_column_that_was_asked_for(
    joint: Outcome, browser: Browsers
) -> None:
    page = browser("feng").get("/supervision/departments?sort=steps_open").text
    assert 'aria-sort="descending">在办环节' in page
