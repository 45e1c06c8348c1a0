"""An incident's papers at the pages: made for whoever may print it, with an entry that says so."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import insert, select

from audit.entry import parse_entry
from audit.tables import audit_outbox
from cases.incident_tables import incident_event
from cases.incidents.state import IncidentState, Lesson, Report
from cases.incidents.timing import timers_of
from cases.messages import Grant
from forms.incident import ring_words, rung_of
from tests.forms import incident_rows
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import ADDRESS, Town
from tests.granting import regrant
from yichuang.web_incident_papers import WebIncidentPapers

AT = datetime.now(UTC) - timedelta(minutes=20)


@pytest.fixture(scope="module")
def one(town: Town) -> IncidentState:
    """An incident that the gas company has acknowledged; Zhao is a duty officer, Zhou of the gas
    company, Feng of the waterworks."""
    for login, role, department in (
        ("zhao", "duty_officer", "zhzx"), ("zhou", "unit_duty", "rq"), ("feng", "unit_duty", "sw"),
    ):  # fmt: skip
        regrant(town.web, town.ids[login], [Grant(role=role, department=department)])
    kind = town.matters.incident_types.by_code["gas_leak"]
    made = incident_rows.made(3, kind, town.matters.grid, AT, "acknowledged", "red")
    incident_rows.put(town.cases, [made])
    return made


def entries(town: Town) -> list[dict[str, str]]:
    with town.web.connect() as connection:
        rows = connection.execute(select(audit_outbox.c.body)).scalars()
        bodies = [parse_entry(bytes(row)) for row in rows]
    return [
        {**body["obj"], "why": body.get("why", "")}
        for body in bodies
        if body["act"] == "print" and body["obj"]["type"] == "incident" and body["res"] == "ok"
    ]


@pytest.mark.parametrize("kind", ["brief", "after_action", "report"])
def test_who_may_print_gets_the_paper_and_the_log_its_digest(
    town: Town, browser: Browsers, one: IncidentState, kind: str
) -> None:
    answer = browser("zhao").get(f"/incidents/{one.incident_id}/papers/{kind}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert one.number in answer.text
    last = entries(town)[-1]
    assert (last["id"], last["why"]) == (one.incident_id, kind)
    assert last["doc"] == hashlib.sha256(answer.content).hexdigest()


def test_the_unit_that_was_sent_may_print_and_another_is_told_of_nothing(
    town: Town, browser: Browsers, one: IncidentState
) -> None:
    address = f"/incidents/{one.incident_id}/papers/brief"
    assert browser("zhou").get(address).status_code == 200
    told = len(entries(town))
    hidden = browser("feng").get(address)
    absent = browser("feng").get("/incidents/no-such/papers/brief")
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert len(entries(town)) == told


def test_there_is_no_other_kind_and_nothing_to_announce_without_a_response(
    browser: Browsers, one: IncidentState
) -> None:
    page = browser("zhao")
    assert page.get(f"/incidents/{one.incident_id}/papers/secret").status_code == 404
    told = page.get(f"/incidents/{one.incident_id}/papers/announcement")
    assert told.status_code == 404
    assert "没有启动过应急响应" in told.text


def test_a_clerk_of_licences_is_turned_away(browser: Browsers, one: IncidentState) -> None:
    answer = browser("huang").get(f"/incidents/{one.incident_id}/papers/brief")
    assert answer.status_code == 403


def test_a_report_that_was_sent_is_printed_word_for_word_and_one_that_waits_is_drafted(
    town: Town, one: IncidentState
) -> None:
    kind = town.matters.incident_types.by_code["gas_leak"]
    links = tuple(
        Report(
            chain=chain, to=to, minutes=60, article="SGBG-9", starts_at=AT,
            due_at=AT + timedelta(minutes=10), sent_at=sent_at,
        )
        for chain, to, sent_at in (
            ("unit_head", "county_department", AT + timedelta(minutes=12)),
            ("county_department", "city_department", None),
        )
    )  # fmt: skip
    made = incident_rows.made(77, kind, town.matters.grid, AT, "acknowledged", "red")
    made = made.model_copy(update={"reports": links})
    incident_rows.put(town.cases, [made])
    papers = town.ports.incident_papers
    assert isinstance(papers, WebIncidentPapers)
    told = "县级部门：\n三号井泄漏，已关阀，无人伤亡。"
    event = {
        "incident_id": made.incident_id, "seq": 2, "command_id": "c-sent", "order_digest": "0" * 64,
        "kind": "report_up", "at": AT, "recorded_at": AT, "actor": town.ids["zhao"],
        "on_behalf": "", "role": "duty_officer", "department": "zhzx", "stage": made.stage,
        "said": orjson.dumps({"chain": "unit_head"}).decode(), "body_sealed": b"",
        "entry_id": "entry-of-the-report", "after": "0" * 64,
    }  # fmt: skip
    with town.cases.begin() as connection:
        connection.execute(insert(incident_event).values(event))

    opened = replace(
        papers.papers,
        open_body=lambda _, event: {"text": told} if event.kind == "report_up" else {},
    )
    town.ports = replace(town.ports, incident_papers=replace(papers, papers=opened))
    try:
        sent = paper_of(town, "zhao", made.incident_id, "unit_head")
        for words in (
            "三号井泄漏，已关阀，无人伤亡。",
            "迟报2分00秒",
            "日志条目 entry-of-the-report",
        ):
            assert words in sent, words
        assert "代拟稿" not in sent
        waiting = paper_of(town, "zhao", made.incident_id, "county_department")
        assert "代拟稿" in waiting and "三号井泄漏" not in waiting
    finally:
        town.ports = replace(town.ports, incident_papers=papers)


def paper_of(town: Town, login: str, incident: str, chain: str) -> str:
    """The paper as text, by a browser over the ports as they stand now."""
    page = Browser(town.app(), base_url=ADDRESS, headers={"origin": ADDRESS})
    page.town = town
    page.sign_in(login)
    answer = page.get(f"/incidents/{incident}/papers/report?chain={chain}")
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def test_each_limit_that_rings_is_named_in_words(one: IncidentState) -> None:
    keys = [due.key for due in timers_of(one)]
    assert keys
    for key in (*keys, "graded", "again:1", "report:county:1", "report_soon:county:1"):
        assert ":" not in ring_words(str, key, {}) and ring_words(str, key, {}) != key, key


def test_a_limit_that_rings_a_unit_names_the_unit(one: IncidentState) -> None:
    unit = one.units[-1]
    lesson = Lesson(id="l1", department=unit.department, due_on="2026-12-01", due_at=AT)
    learned = one.model_copy(update={"lessons": (lesson,)})
    rung = rung_of(learned, {unit.department: "市<城管>局"})
    for key in (f"again:{unit.n}", f"forgotten:{unit.n}:1780000000:0", "lesson:l1"):
        assert ring_words(str, key, rung).endswith(" · 市<城管>局"), key
    assert "·" not in ring_words(str, "again:99", rung) + ring_words(str, "graded", rung)
