"""The page of erasures: two people, the period first, and what restriction stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.forms.conftest import Browser, Browsers
from tests.forms.town import Town

LATE = datetime(2090, 1, 1, tzinfo=UTC)


def closed(town: Town, name: str) -> tuple[str, str]:
    """A case that its applicant has taken back, of somebody with no other case."""
    filed = town.file(name)
    town.order("chen", "withdraw", {"reason": "不办了，撤回"}, filed.case_id)
    return filed.case_no, filed.case_id


@pytest.fixture
def late(town: Town) -> Iterator[None]:
    town.today = LATE
    yield
    town.today = None


def post(reader: Browser, path: str, **fields: str) -> int:
    form = fields | {"csrf": reader.token("/erasures"), "step": "confirmed"}
    return int(reader.post(path, data=form, follow_redirects=False).status_code)


@pytest.mark.parametrize(
    ("login", "status"),
    [("secadmin", 200), ("mayor", 200), ("auditor", 403), ("feng", 403), ("wu", 403)],
)
def test_the_page_is_for_who_asks_and_who_approves(
    browser: Browsers, login: str, status: int
) -> None:
    assert browser(login).get("/erasures").status_code == status


def test_while_the_period_runs_only_restriction_is_offered_and_it_stops_showing(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = closed(town, "限制处理有限公司")
    view = town.queries.case_view(case_id, datetime.now(UTC))
    assert view is not None
    paper = f"/cases/{case_no}/documents/{view.documents[0].id}"
    asks, settles, clerk = browser("secadmin"), browser("mayor"), browser("chen")
    page = asks.get(f"/erasures?case={case_no}").text
    assert "起可以删除" in page and "提出限制处理" in page and "提出依法删除" not in page
    assert post(asks, "/erasures", case=case_no, kind="erase", ground="GXF-47-1-2") == 409
    assert clerk.get(paper).status_code == 200
    assert post(asks, "/erasures", case=case_no, kind="restrict") == 303
    order = town.register.listing()[0]
    assert clerk.get(paper).status_code == 200
    assert post(settles, f"/erasures/{order.id}/approve") == 303
    refused = clerk.get(paper)
    assert refused.status_code == 403 and "只存储，不显示、不打印" in refused.text
    assert clerk.get(f"/cases/{case_no}").status_code == 200
    assert "erase" not in town.launched


def test_an_erasure_begins_when_another_person_has_approved_it(
    browser: Browsers, town: Town, late: None
) -> None:
    # Everybody in this town applies under one number, so the erasure is of one person.
    case_no, _ = closed(town, "应当删除有限公司")
    asks, settles = browser("secadmin"), browser("mayor")
    page = asks.get(f"/erasures?case={case_no}").text
    assert "提出依法删除" in page and "提出限制处理" not in page
    assert post(asks, "/erasures", case=case_no, kind="erase", ground="nonsense") == 409
    assert post(asks, "/erasures", case=case_no, kind="erase", ground="GXF-47-1-2") == 303
    order = town.register.listing()[0]
    assert (order.state, order.ground) == ("asked", "GXF-47-1-2")
    assert post(asks, f"/erasures/{order.id}/approve") == 403
    assert "erase" not in town.launched
    assert post(settles, f"/erasures/{order.id}/approve") == 303
    assert town.launched.count("erase") == 1
    assert post(settles, f"/erasures/{order.id}/approve") == 409
    assert "已批准，正在办理" in asks.get("/erasures").text
    assert "应当删除有限公司" not in asks.get("/erasures").text


def test_a_licence_is_kept_for_thirty_years(town: Town) -> None:
    case_no, _ = closed(town, "三十年有限公司")
    plan = town.register.planner.by_case(case_no)
    assert {one.archive for one in plan.cases} == {"30年"}
    one = next(one for one in plan.cases if one.case_no == case_no)
    assert one.closed_on and one.until
    assert (one.until.year - one.closed_on.year, one.until.month, one.until.day) == (31, 1, 1)
