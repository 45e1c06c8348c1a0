"""Refusals: what units sent back and how it was ruled on, orders of cases answered no, for whom."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from cases.messages import Outcome, Source
from cases.reception import Request
from tests.forms.conftest import Browsers
from tests.forms.incident_rows import change, made, put
from tests.forms.town import Town

CHIEF = ("韩监察", "dsjc", (("supervisor", "*"),))
AT = datetime.now(UTC) - timedelta(minutes=30)
PATH = "/supervision/refusals"


@pytest.fixture(scope="module")
def people(town: Town) -> Town:
    town.settle_in("han", CHIEF)
    return town


@pytest.fixture(scope="module")
def disputed(people: Town) -> Town:
    """One refusal ruled to stand, one moved, one that waits, and a first one nobody ruled on."""
    kind, grid = people.incidents.kinds["gas_leak"], people.incidents.grid
    states = [made(9600 + n, kind, grid, AT, level="red") for n in range(4)]
    put(people.cases, states)

    def then(n: int, act: str, minutes: int, **said: object) -> None:
        state = states[n].model_copy(
            update={"seq": states[n].seq + 1, "updated_at": AT + timedelta(minutes=minutes)}
        )
        states[n] = state
        change(people.cases, state, act, said)

    for n in range(3):
        then(n, "refuse_dispatch", 1, unit="rq", ground="not_ours", count=1)
        then(n, "refuse_dispatch", 2, unit="sw", ground="not_our_area", count=2)
    then(0, "arbitrate", 9, unit="sw", ruling="stands", to="")
    then(1, "arbitrate", 12, unit="sw", ruling="moves", to="rq")
    then(3, "refuse_dispatch", 3, unit="rq", ground="duplicate", count=1)
    return people


def refuse(town: Town, login: str, case: Outcome) -> Outcome:
    """Order what the state of the case does not allow."""
    request = Request(id=str(uuid4()), verb="accept", body={"mode": "plain"}, case_id=case.case_id)
    outcome = town.reception.settled(town.actor(login), Source(door="web"), request)
    assert outcome.status == "refused"
    return outcome


@pytest.fixture(scope="module")
def answered_no(disputed: Town) -> tuple[Outcome, Outcome]:
    """A case that was accepted once and ordered to be accepted twice more; and the last answer."""
    filed = disputed.file()
    disputed.order("chen", "accept", {"mode": "plain"}, filed.case_id)
    refuse(disputed, "chen", filed)
    return filed, refuse(disputed, "chen", filed)


def test_an_empty_month_says_so(people: Town, browser: Browsers) -> None:
    page = browser("han").get(f"{PATH}?from=2020-01&until=2020-01").text
    assert "这几个月里没有处置单位退单" in page
    assert "没有被退回的操作" in page


def test_each_refusal_stands_with_its_ruling(
    disputed: Town, answered_no: object, browser: Browsers
) -> None:
    page = browser("han").get(PATH).text
    section = page[page.index("处置单位的退单") : page.index("办件上被退回的操作")]
    lines = re.findall(r'<tr><td><a href="/incidents/[^"]+">.*?</tr>', section, flags=re.S)
    assert len(lines) == 7
    ruled = [re.sub(r"<[^>]+>", " ", line) for line in lines]
    assert sum("裁定由原单位办" in one for one in ruled) == 1
    assert sum("裁定改派" in one and "燃气" in one for one in ruled) == 1
    assert sum("待仲裁" in one for one in ruled) == 1
    assert sum("未经仲裁" in one for one in ruled) == 4


def test_the_table_of_units_adds_up(disputed: Town, browser: Browsers) -> None:
    page = browser("han").get(PATH).text
    units = {
        name: tuple(int(n) for n in re.findall(r">(\d+)<", rest))
        for name, rest in re.findall(
            r'<tr><th scope="row">([^<]+)</th>((?:<td class="number".*?</td>)+)</tr>', page
        )
    }
    names = disputed.ports.catalogue.departments()
    assert units[names["sw"]] == (3, 1, 1, 1)
    assert units[names["rq"]] == (4, 0, 0, 0)


def test_an_order_that_was_refused_stands_with_its_reason_and_its_count(
    disputed: Town, answered_no: tuple[Outcome, Outcome], browser: Browsers
) -> None:
    filed, no = answered_no
    seen = browser("han")
    page = seen.get(PATH).text
    assert no.reason in page
    assert page.count(f'href="/cases/{filed.case_no}"') == 2
    (link,) = re.findall(rf'href="({PATH}\?[^"]*code={no.code})">2<', page)
    only = seen.get(link.replace("&amp;", "&")).text
    assert "共 2 次" in only
    assert only.count(f'href="/cases/{filed.case_no}"') == 2
    none = seen.get(f"{PATH}?code=unheard_of").text
    assert "没有这样的退回" in none


def test_whoever_may_not_list_incidents_sees_the_orders_alone(
    disputed: Town, answered_no: tuple[Outcome, Outcome], browser: Browsers
) -> None:
    page = browser("zhou").get(PATH).text
    assert "处置单位的退单" not in page
    assert answered_no[0].case_no in page


def test_the_page_is_the_supervisors(disputed: Town, browser: Browsers) -> None:
    assert browser("zhao").get(PATH).status_code == 403
    assert browser("han").get(f"{PATH}?from=x&until=y").status_code == 404
    assert f'href="{PATH}?' in browser("han").get("/supervision").text
