"""The process's pages: what really happened, to whom it is shown, and what lies behind."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import insert, select, update

from audit.tables import audit_outbox
from cases.database import reading
from cases.messages import Outcome
from cases.months import month_of
from cases.process_rows import Sought, held, held_cases
from cases.tables import case, clock, clock_share
from forms.process_ports import MapQuery
from tests.forms.conftest import Browsers
from tests.forms.incident_rows import change, made, put
from tests.forms.project_rows import Maker
from tests.forms.test_case import accepted, decided_upon
from tests.forms.town import Town

MONTH = month_of(datetime.now(UTC), "Asia/Shanghai")
ALL = MapQuery("case", MONTH, MONTH, by_itself=True)


@pytest.fixture(scope="module")
def worked(town: Town) -> tuple[Outcome, str, str]:
    """A case that was just filed, one that is under review, one that was granted."""
    filed = town.file("甲公司")
    under_review, _ = accepted(town, "乙公司")
    granted, case_id = decided_upon(town, "丙公司")
    town.order("zhou", "decide", {"result": "grant"}, case_id)
    shares = [
        ("department", "zjj", False, 7.5), ("department", "xfjy", False, 4.5),
        ("applicant", "", True, 3.0),
    ]  # fmt: skip
    # As twelve days of work would have left them: a test cannot wait for a ledger of days.
    with town.cases.begin() as connection:
        connection.execute(
            update(clock)
            .where(clock.c.case_id == case_id, clock.c.key == "promised")
            .values(used=12, on_time=False, limit_unit="working_day")
        )
        connection.execute(clock_share.delete().where(clock_share.c.case_id == case_id))
        connection.execute(
            insert(clock_share),
            [
                {"case_id": case_id, "key": "promised", "holder_kind": kind, "holder": name,
                 "paused": paused, "amount": amount, "exact": str(amount),
                 "together": amount}
                for kind, name, paused, amount in shares
            ],
        )  # fmt: skip
    return filed, under_review, granted


def test_the_map_tells_each_step_that_has_an_entry_and_no_other(
    worked: tuple[Outcome, str, str], town: Town
) -> None:
    found = town.ports.process.map(town.actor("feng"), ALL)
    with reading(town.cases) as connection:
        rows = connection.execute(
            select(audit_outbox.c.body).where(audit_outbox.c.stream.like("case:%"))
        )
        bodies = [orjson.loads(row.body) for row in rows]
    entries = Counter(
        one["act"] for one in bodies
        if one["res"] == "ok" and one["obj"]["type"] == "case" and "step" in one["obj"]
    )  # fmt: skip
    told = {one.act: one.count for one in found.map.boxes}
    assert told == {act: entries[act] for act in told}
    assert found.map.steps == sum(told.values())
    assert set(entries) - set(told) <= {"issue_document"}


def test_the_page_draws_it_and_an_arrow_leads_to_the_slowest_and_on_to_the_ledger(
    worked: tuple[Outcome, str, str], browser: Browsers
) -> None:
    seen = browser("feng")
    assert 'href="/process?' in seen.get("/supervision").text
    page = seen.get("/process").text
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in page and "受理" in page
    pattern = r'<a href="(/process/passages\?[^"]*source=file&amp;target=accept[^"]*)"'
    (link,) = set(re.findall(pattern, page))
    behind = seen.get(link.replace("&amp;", "&")).text
    assert worked[1] in behind and worked[2] in behind
    assert worked[0].case_no not in behind  # it was not accepted
    (ledger,) = re.findall(rf'href="(/cases/{worked[2]}[^"]*clock=promised[^"]*)"', behind)
    assert "台账" in seen.get(ledger.replace("&amp;", "&")).text


def test_who_held_it_is_told_and_leads_to_the_cases(
    worked: tuple[Outcome, str, str], browser: Browsers
) -> None:
    seen = browser("feng")
    page = seen.get("/process").text
    part = page[page.index('id="h-held"') :]
    rows = re.findall(r'<th scope="row"><a href="([^"]+)">([^<]+)</a></th><td[^>]*>([\d.]+)', part)
    assert [(name, used) for _, name, used in rows] == [
        ("市住建局", "7.5"), ("市消防救援支队", "4.5"), ("申请人", "0.0"),
    ]  # fmt: skip
    cases = seen.get(rows[0][0].replace("&amp;", "&")).text
    assert worked[2] in cases and "7.50" in cases and "超期" in cases
    assert f"/cases/{worked[2]}" in cases and "#shares" in cases
    assert worked[1] not in cases


def test_holders_sum_to_the_ledger(worked: tuple[Outcome, str, str], town: Town) -> None:
    day = timedelta(days=40)
    sought = Sought("case", datetime.now(UTC) - day, datetime.now(UTC) + day)
    with reading(town.cases) as connection:
        found = held(connection, case.c.id != "", sought)
        late, n = held_cases(
            connection, case.c.id != "", sought, ("department", "xfjy"), 10, late=True
        )
    assert sum(one.used for one in found) == 12
    assert [(one.used, one.whole, one.on_time) for one in late] == [(4.5, 12, False)]
    assert n == 1
    assert {one.name: one.late for one in found} == {"zjj": 7.5, "xfjy": 4.5, "": 0.0}


def test_filters_of_the_address_narrow_it(
    worked: tuple[Outcome, str, str], browser: Browsers
) -> None:
    seen = browser("feng")
    assert "<svg xmlns" in seen.get("/process?sort=construction-permit&department=zjj").text
    for none in ("sort=food-operation", "department=fgw", "from=2026-01&until=2026-02"):
        assert "没有符合条件" in seen.get(f"/process?{none}").text
    assert seen.get("/process?from=2026-00").status_code == 404
    assert seen.get("/process?until=x").status_code == 404
    assert seen.get("/process/passages").status_code == 404


def test_steps_of_their_own_accord_are_drawn_only_when_asked(
    worked: tuple[Outcome, str, str], town: Town
) -> None:
    person = town.actor("feng")
    plain = town.ports.process.map(person, MapQuery("case", MONTH, MONTH))
    acts = {one.act for one in plain.map.boxes}
    assert "accept" in acts and not acts & {"timer_fired", "retimed"}


def test_who_may_not_supervise_sees_no_map(
    worked: tuple[Outcome, str, str], browser: Browsers
) -> None:
    for path in ("/process", "/process/passages?source=file&target=accept", "/process/held"):
        assert browser("chen").get(path).status_code == 403


def test_incidents_have_a_map_too(town: Town, browser: Browsers) -> None:
    kind = next(iter(town.incidents.kinds.values()))
    at = datetime.now(UTC) - timedelta(minutes=30)
    first = made(9001, kind, town.incidents.grid, at)
    put(town.cases, [first])
    verified = {"seq": 2, "stage": "verified", "updated_at": at + timedelta(minutes=2)}
    change(town.cases, first.model_copy(update=verified), "verify")
    page = browser("feng").get(f"/process?kind=incident&sort={kind.code}").text
    assert "核实" in page and "2.0 分钟" in page
    (link,) = re.findall(r'<td[^>]*><a href="(/process/passages\?kind=incident[^"]*)"', page)
    behind = browser("feng").get(link.replace("&amp;", "&")).text
    assert f'href="/incidents/{first.incident_id}"' in behind


def test_projects_have_a_map_too(town: Town, browser: Browsers) -> None:
    Maker(town.cases, datetime.now(UTC).date()).project("流程图的项目")
    page = browser("feng").get("/process?kind=project").text
    assert "立项" in page and "模板" in page


def test_in_english_no_chinese_word_stands_in_the_picture(
    worked: tuple[Outcome, str, str], browser: Browsers
) -> None:
    seen = browser("feng")
    page = seen.get("/process", headers={"accept-language": "en"})
    seen.get("/language/en")
    page = seen.get("/process")
    seen.get("/language/zh")
    drawn = page.text[page.text.index('class="chart process"') :].partition("</svg>")[0]
    words = re.sub(r'font-family="[^"]*"', "", drawn)
    assert not re.search(r"[一-鿿]", words)


def test_clearing_the_filters_is_an_address(browser: Browsers) -> None:
    page = browser("feng").get("/process?sort=food-operation").text
    assert re.findall(r'href="([^"]*)">清除筛选', page) == ["/process?kind=case"] * 2
