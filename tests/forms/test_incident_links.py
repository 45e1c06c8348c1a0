"""Cases and incidents on each other's pages: for who may know of both, and no hint for the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from cases import tables
from cases.database import reading
from cases.incident_tables import incident, incident_case
from cases.queries import MOST_LINKED
from tests.forms.conftest import Browsers
from tests.forms.incident_rows import change, made, put
from tests.forms.test_related import filed
from tests.forms.town import Town
from yichuang.event_logs.rows import StoredRows

CHIEF = ("赵指挥", "zhzx", (("duty_officer", "zhzx"), ("section_clerk", "zjj")))
DUTY = ("丁值班", "zhzx", (("duty_officer", "zhzx"),))
UNIT = ("卞值守", "zjj", (("unit_duty", "zjj"), ("section_clerk", "zjj")))
_n = iter(range(7000, 9000))


@pytest.fixture(scope="module")
def people(town: Town) -> Town:
    for login, who in (("chief", CHIEF), ("ding", DUTY), ("bian", UNIT)):
        town.settle_in(login, who)
    return town


@pytest.fixture(autouse=True)
def quiet(people: Town) -> Iterator[None]:
    people.incident_door.answer, people.incident_door.away = {"status": "done"}, False
    people.incident_door.orders.clear()
    yield


def one(town: Town, *departments: str) -> Any:
    kind = town.incidents.kinds["gas_leak"]
    stage = "dispatched" if departments else "graded"
    state = made(
        next(_n), kind, town.incidents.grid, datetime.now(UTC), stage,  # type: ignore[arg-type]
        "", departments,
    )  # fmt: skip
    put(town.cases, [state])
    return state


def link(town: Town, state: Any, *cases: str, by: tuple[str, str] = ("u:signals", "")) -> None:
    """Put links into the rows with their steps, as orders leave them."""
    for case in cases:
        state = state.model_copy(update={"seq": state.seq + 1, "updated_at": datetime.now(UTC)})
        change(town.cases, state, "link_case", {}, by)
        row = {"incident_id": state.incident_id, "seq": state.seq, "case_id": case,
               "at": datetime.now(UTC)}  # fmt: skip
        with town.cases.begin() as connection:
            connection.execute(insert(incident_case).values(row))


def test_each_page_shows_the_other_to_who_may_know_of_both(browser: Browsers, people: Town) -> None:
    state, (mine, case), (also, second) = (
        one(people, "zjj"),
        filed(people, "庚方有限公司", "91990100MA0000201X"),
        filed(people, "辛方有限公司", "91990100MA0000202X"),
    )
    link(people, state, case, second)
    page = f"/incidents/{state.incident_id}"
    shown = browser("bian").get(page).text
    assert f'href="/cases/{mine}"' in shown.split('id="h-cases"')[1]
    assert shown.split('id="h-told"')[1].count(mine) == 2  # link and number of the step
    about = browser("bian").get(f"/cases/{mine}").text.split('id="h-related"')[1]
    assert state.number in about and f"/cases/{also}" in about
    # Who reads the case alone, and who reads the incident alone, hears nothing of the other.
    clerk = browser("chen").get(f"/cases/{mine}").text
    assert state.number not in clerk and also not in clerk and "突发事件编号" not in clerk
    duty = browser("ding").get(page).text
    assert mine not in duty and also not in duty and "h-cases" not in duty
    with people.cases.begin() as connection:
        raised = update(tables.case).where(tables.case.c.id == second)
        connection.execute(raised.values(label_level=4))
    assert also not in browser("bian").get(page).text
    assert also not in browser("bian").get(f"/cases/{mine}").text


def test_what_was_merged_leads_to_the_cases_of_both(browser: Browsers, people: Town) -> None:
    first, into = one(people, "zjj"), one(people, "zjj")
    (mine, case), (also, second) = (
        filed(people, "壬方有限公司", "91990100MA0000203X"),
        filed(people, "癸方有限公司", "91990100MA0000204X"),
    )
    link(people, first, case)
    link(people, into, second)
    with people.cases.begin() as connection:
        merged = update(incident).where(incident.c.id == first.incident_id)
        connection.execute(merged.values(merged_into=into.incident_id, stage="merged"))
    shown = browser("bian").get(f"/incidents/{into.incident_id}").text
    assert mine in shown and also in shown
    # Taken back where it was linked, which merged and changes no more.
    assert f"unlink_case?case={also}" in shown and f"unlink_case?case={mine}" not in shown
    assert f"/cases/{also}" in browser("bian").get(f"/cases/{mine}").text


def test_the_number_becomes_the_case_and_an_unknown_one_goes_to_the_door_as_it_is(
    browser: Browsers, people: Town
) -> None:
    state, (mine, case) = one(people), filed(people, "子方有限公司", "91990100MA0000205X")
    page, path = browser("chief"), f"/incidents/{state.incident_id}/do/link_case"
    assert f'value="{mine}"' in page.get(f"{path}?case={mine}").text
    form = {"csrf": page.token("/incidents"), "ground": "重建"}
    page.post(path, data=form | {"command": "l-1", "case": f" {mine.lower()} "})
    people.incident_door.answer = {
        "status": "refused", "reason": "没有这个办件", "code": "unknown_case", "field": "body.case",
    }  # fmt: skip
    blind = browser("ding")
    form["csrf"] = blind.token("/incidents")
    answer = blind.post(path, data=form | {"command": "l-2", "case": mine})
    assert answer.status_code == 422 and "没有这个办件" in answer.text
    assert 'id="f-case-fault"' in answer.text and "重建" in answer.text  # nothing typed is lost
    sent = [body["case"] for _, _, body in people.incident_door.orders]
    assert sent == [case, mine]  # who may not read it learns of no id
    # Who can list no case at all is told who can; who can is not.
    whom = "您的岗位看不到办件，不能独自关联"
    assert whom in answer.text and "本件还没有派发" in answer.text
    sent_to = f"/incidents/{one(people, 'zjj').incident_id}/do/link_case"
    assert "请已派单位（市住建局）中" in blind.get(sent_to).text
    assert whom not in page.get(path).text


def test_from_a_case_the_way_leads_to_an_incident_that_one_may_list(
    browser: Browsers, people: Town
) -> None:
    state, other = one(people, "zjj"), one(people, "rq")
    mine, _ = filed(people, "丑方有限公司", "91990100MA0000206X")
    page, path = browser("bian"), f"/cases/{mine}/incident"
    assert path in page.get(f"/cases/{mine}").text
    found = page.get(path, params={"number": state.number}, follow_redirects=False)
    wanted = f"/incidents/{state.incident_id}/do/link_case?case={mine}"
    assert (found.status_code, found.headers["location"]) == (303, wanted)
    texts = {
        page.get(path, params={"number": number}).text.split("<h1")[1].replace(number, "")
        for number in (other.number, "云突〔2026〕999999号")
    }
    assert len(texts) == 1 and "没有这个突发事件，或者您无权查看" in texts.pop()
    assert browser("chen").get(path).status_code == 403


def test_a_thousand_cases_of_one_incident_leave_its_page_short(
    browser: Browsers, people: Town
) -> None:
    state = one(people, "zjj")
    mine, case = filed(people, "寅方有限公司", "91990100MA0000207X")
    link(people, state, case)
    with people.cases.begin() as connection:
        row = dict(
            connection.execute(select(tables.case).where(tables.case.c.id == case)).mappings().one()
        )
        copies = [
            row | {"id": f"copy-{n:05}", "case_no": f"COPY{n:05}", "public_code": f"C{n:05}"}
            for n in range(1000)
        ]
        connection.execute(insert(tables.case), copies)
        links = [
            {"incident_id": state.incident_id, "seq": 10 + n, "case_id": one["id"],
             "at": datetime.now(UTC)}
            for n, one in enumerate(copies)
        ]  # fmt: skip
        connection.execute(insert(incident_case), links)
    try:
        page = f"/incidents/{state.incident_id}"
        first = browser("bian").get(page).text
        assert first.count("/do/unlink_case") == MOST_LINKED and "共 1001 件" in first
        last = browser("bian").get(f"{page}?cases=51").text
        assert last.count("/do/unlink_case") == 1 and "cases=50" in last
        assert browser("bian").get(f"{page}?cases=x9").status_code == 200
        related = browser("bian").get(f"/cases/{mine}").text.split("同一突发事件")[1]
        assert related.count("COPY") == 20  # ten, each as link and text
    finally:
        with people.cases.begin() as connection:
            connection.execute(incident_case.delete().where(incident_case.c.case_id.like("copy-%")))
            connection.execute(tables.case.delete().where(tables.case.c.id.like("copy-%")))


def test_event_data_ties_a_case_to_the_incidents_that_may_be_told(people: Town) -> None:
    told, untold, ended = one(people), one(people), one(people)
    _, case = filed(people, "卯方有限公司", "91990100MA0000208X")
    for state in (told, untold, ended):
        link(people, state, case)
    gone = update(incident_case).where(incident_case.c.incident_id == ended.incident_id)
    with people.cases.begin() as connection:
        connection.execute(gone.values(unlinked_seq=3, unlinked_at=datetime.now(UTC)))
    listed = {"incident": incident.c.id == told.incident_id}
    with reading(people.cases) as connection:
        rows = StoredRows(connection, listed, frozenset())
        _, ties = rows.attributes("case", [case])[case]
        assert [one for one in ties if one[0] == "incident"] == [
            ("incident", told.incident_id, "concerns")
        ]


def test_the_timeline_of_a_case_tells_of_its_links_to_who_may_know_of_the_incident(
    browser: Browsers, people: Town
) -> None:
    state, (mine, case) = one(people, "zjj"), filed(people, "辰方有限公司", "91990100MA0000209X")
    link(people, state, case)
    gone = update(incident_case).where(incident_case.c.incident_id == state.incident_id)
    state = state.model_copy(update={"seq": state.seq + 2, "updated_at": datetime.now(UTC)})
    change(people.cases, state, "unlink_case", {})
    with people.cases.begin() as connection:
        connection.execute(gone.values(unlinked_seq=state.seq, unlinked_at=datetime.now(UTC)))
    page = f"/cases/{mine}?tab=timeline"
    told = browser("bian").get(page).text
    lines = told.split('<ol class="timeline card">')[1]
    assert lines.count(f'href="/incidents/{state.incident_id}"') == 2
    assert (
        lines.index("解除与突发事件的关联")
        < lines.index("关联突发事件")
        < lines.index('id="step-1"')
    )
    assert "（有内容，您无权查看）" not in lines and "已记录，等待编入日志" in lines
    # Who may not list the incident is told of no step and counts none.
    plain = browser("chen").get(page).text
    assert state.number not in plain and "关联突发事件" not in plain
    counts = [re.findall(r"(?:时间线|全部) \((\d+)\)", one) for one in (told, plain)]
    assert [len(set(one)) for one in counts] == [1, 1]
    assert int(counts[0][0]) == int(counts[1][0]) + 2
    only = browser("bian").get(f"{page}&show=document").text
    assert f'href="/incidents/{state.incident_id}"' not in only.split('<ol class="timeline')[1]


def test_a_link_made_for_somebody_else_and_one_of_an_erased_case_are_told_as_they_are(
    browser: Browsers, people: Town
) -> None:
    state, (mine, case) = one(people, "zjj"), filed(people, "巳方有限公司", "91990100MA0000210X")
    by = (people.ids["bian"], people.ids["chief"])
    link(people, state, case, by=by)
    timeline, page = f"/cases/{mine}?tab=timeline", f"/incidents/{state.incident_id}"
    assert "卞值守 代 赵指挥" in browser("bian").get(timeline).text
    vault = people.ports.disclosures.vault  # type: ignore[attr-defined]  # the one pages open with
    vault.destroy(people._subject(case))
    shown = browser("bian").get(page)
    assert shown.status_code == 200 and mine in shown.text.split('id="h-cases"')[1]
    told = browser("bian").get(timeline)
    assert told.status_code == 200 and state.number in told.text
    assert "（已依法删除）" in browser("bian").get(f"/cases/{mine}").text
