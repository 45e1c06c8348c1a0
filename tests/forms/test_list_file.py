"""A worklist as a file: masked, labelled, with who took it, and an entry of how many lines."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from urllib.parse import unquote

import orjson
import pytest
from sqlalchemy import func, select, text, true, update

from cases.masking import mask_file_name
from cases.messages import Source
from cases.reception import Request
from cases.tables import case, state
from cases.views import WorklistQuery
from cases.worklists import Desk
from catalogue.matters import Label
from forms.rendering import tally
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import Town


def taken(page: Browser, address: str = "/cases.csv") -> list[list[str]]:
    answer = page.get(address)
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def entries(town: Town) -> list[dict[str, dict[str, str]]]:
    query = text("SELECT body FROM audit_outbox WHERE stream = 'sys:read' ORDER BY pos")
    with town.web.connect() as connection:
        rows = [orjson.loads(bytes(body)) for body in connection.execute(query).scalars()]
    return [one for one in rows if one["act"] == "export"]


def relabel(town: Town, case_id: str, level: int, *compartments: str) -> None:
    known = town.queries.state(case_id)
    assert known is not None
    label = Label(level=level, compartments=compartments)
    changed = known.model_copy(update={"plan": known.plan.model_copy(update={"label": label})})
    with town.cases.begin() as connection:
        connection.execute(update(case).where(case.c.id == case_id).values(label_level=level))
        connection.execute(
            update(state).where(state.c.case_id == case_id).values(state=changed.model_dump_json())
        )


def test_the_file_holds_the_lines_of_the_page_masked(browser: Browsers, town: Town) -> None:
    number = town.file("云川建设有限公司").case_no
    rows = taken(browser("chen"))
    assert any(row[0] == number for row in rows)
    assert not any("13900000001" in cell or "王大明" in cell for row in rows for cell in row)
    assert not any(row[0] == number for row in taken(browser("huang")))


def test_label_taker_and_moment_stand_at_both_ends(browser: Browsers, town: Town) -> None:
    town.file()
    rows = taken(browser("chen"))
    assert rows[0] == rows[-1]
    assert rows[0][0].startswith("敏感标记 2 级") and "陈窗" in rows[0][1] and "导出" in rows[0][1]


def test_the_file_carries_the_label_of_its_highest_row(browser: Browsers, town: Town) -> None:
    relabel(town, town.file().case_id, 3)
    answer = browser("chen").get("/cases.csv")
    assert "敏感标记 3 级" in unquote(answer.headers["content-disposition"])
    assert "敏感标记 3 级" in answer.text


def test_the_entry_says_how_many_and_which_filter_but_not_what_was_searched(
    browser: Browsers, town: Town
) -> None:
    town.file("某某建材公司")
    page = browser("chen")
    lines = len(taken(page, "/cases.csv?state=open")) - 3
    seen = entries(town)[-1]["obj"]
    assert (seen["type"], seen["id"]) == ("worklist", "scope=all&state=open")
    assert str(lines) in seen.values()
    taken(page, "/cases.csv?text=某某建材公司")
    assert entries(town)[-1]["obj"]["id"] == "scope=all&text"
    assert "某某建材公司" not in str(entries(town))


def test_what_a_spreadsheet_would_take_for_a_formula_is_made_text(
    browser: Browsers, town: Town
) -> None:
    town.file("=HYPERLINK(1)")
    cells = [cell for row in taken(browser("chen")) for cell in row]
    assert "'=HYPERLINK(1)" in cells and "=HYPERLINK(1)" not in cells


def test_the_page_leads_to_the_file_and_puts_no_name_into_its_address(
    browser: Browsers, town: Town
) -> None:
    town.file()
    page = browser("chen")
    assert 'href="/cases.csv?scope=all&amp;state=open"' in page.get("/cases?state=open").text
    assert "/cases.csv" not in page.get("/cases?text=云川建设有限公司").text


# --- nothing is written down ---------------------------------------------------------------------


@pytest.mark.parametrize(("level", "status"), [(2, "done"), (3, "refused")])
def test_a_copy_goes_to_nobody_whose_clearance_is_below_the_label(
    town: Town, level: int, status: str
) -> None:
    filed = town.file()
    relabel(town, filed.case_id, level)
    low, _ = town.accounts.create_account(
        f"low{level}", "新来的", "zjj", at=datetime.now(UTC), by="system", clearance=2
    )
    request = Request(id=f"copy-{level}", verb="copy_to", body={"to": [low]}, case_id=filed.case_id)
    outcome = town.reception.settled(town.actor("chen"), Source(door="web"), request)
    assert outcome.status == status, outcome
    assert (outcome.code == "label") is (status == "refused")


def test_a_name_that_is_no_account_gets_no_labelled_case(town: Town) -> None:
    for level, status in ((2, "done"), (3, "refused")):
        filed = town.file()
        relabel(town, filed.case_id, level)
        body = {"to": ["法制科"], "text": "请知悉"}
        request = Request(id=f"name-{level}", verb="copy_to", body=body, case_id=filed.case_id)
        outcome = town.reception.settled(town.actor("chen"), Source(door="web"), request)
        assert outcome.status == status, outcome


# --- reveal --------------------------------------------------------------------------------------


def test_a_reveal_needs_a_purpose_of_the_list_and_a_reason(browser: Browsers, town: Town) -> None:
    path = f"/cases/{town.file().case_no}"
    page = browser("chen")
    whole = {
        "csrf": page.token(path), "reason": "核对原件", "purpose": "identify",
        "fields": "applicant.legal_representative",
    }  # fmt: skip
    for lacking in (
        {"purpose": ""}, {"purpose": "curiosity"}, {"reason": " "}, {"fields": ""},
        {"fields": "applicant.kind"},
    ):  # fmt: skip
        refused = page.post(f"{path}/reveal", data=whole | lacking)
        assert refused.status_code == 422 and "王大明" not in refused.text
    shown = page.post(f"{path}/reveal", data=whole)
    assert shown.status_code == 200 and "王大明" in shown.text


def test_a_revealed_page_left_open_goes_back_to_the_masked_one(
    browser: Browsers, town: Town
) -> None:
    path = f"/cases/{town.file().case_no}"
    page = browser("chen")
    form = {
        "csrf": page.token(path), "reason": "核对原件", "purpose": "identify",
        "fields": "applicant.legal_representative",
    }  # fmt: skip
    shown = page.post(f"{path}/reveal", data=form)
    seconds, _, masked = shown.headers["refresh"].partition("; url=")
    assert int(seconds) <= 300 and masked == path
    assert shown.headers["cache-control"] == "no-store"
    assert "refresh" not in page.get(path).headers and "王大明" not in page.get(path).text


@pytest.mark.parametrize(
    ("name", "masked"), [("张三身份证.pdf", "***.pdf"), ("图", "***"), ("", ""), (".pdf", "***")]
)
def test_a_files_name_is_masked_to_its_ending(name: str, masked: str) -> None:
    assert mask_file_name(name) == masked


def test_a_long_list_is_counted_as_far_as_it_is_handed_out_unless_asked_to_the_end(
    browser: Browsers, town: Town
) -> None:
    for name in ("云川一", "云川二", "云川三", "云川四"):
        town.file(name)
    page, now = browser("chen"), datetime.now(UTC)
    with town.cases.connect() as connection:
        every = connection.execute(select(func.count()).select_from(case)).scalar_one()
    for exact, total in ((False, 3), (True, every)):
        query = WorklistQuery(scope="all", exact=exact)
        found, _, _ = town.queries.export(true(), Desk(()), query, now, None, 2)
        assert (len(found.rows), found.total) == (2, total)
        assert tally(found.total, found.counted_to) == (str(total) if exact else "2+")
    assert "cases.csv?scope=all&amp;exact=1" in page.get("/cases?exact=1").text
