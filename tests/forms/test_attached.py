"""Files attached to an order: kept for their thing alone, handed out under policy, gone with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from audit.entry import parse_entry
from audit.tables import audit_outbox
from cases import incident_ends
from cases.attached import Attached, sealed_under, thing_key
from cases.attached_rows import NO_FILES, KeptFiles
from cases.desk import Desk
from cases.web_tables import upload
from forms.access_ports import Thing
from tests.forms.conftest import Browser, Browsers
from tests.forms.incident_rows import made, put
from tests.forms.test_window import PDF
from tests.forms.town import ADDRESS, Town
from yichuang.scanning import Quarantine
from yichuang.web_attached import AttachedEnds, WebAttached

CHIEF = ("赵指挥", "zhzx", (("duty_officer", "zhzx"), ("commander", "zhzx")))
GAS = ("刘燃气", "rq", (("unit_duty", "rq"),))
GAS_TOO = ("柳燃气", "rq", (("unit_duty", "rq"),))
WATER = ("马水务", "sw", (("unit_duty", "sw"),))
_made = iter(range(20_000, 30_000))


@pytest.fixture(scope="module")
def people(town: Town) -> Town:
    for login, who in (("chief", CHIEF), ("liu", GAS), ("liu2", GAS_TOO), ("ma", WATER)):
        town.settle_in(login, who)
    return town


@pytest.fixture(autouse=True)
def quiet(people: Town) -> Iterator[None]:
    people.incident_door.answer = {"status": "done"}
    people.incident_door.orders.clear()
    yield


@pytest.fixture
def incident(people: Town) -> str:
    kind = people.incidents.kinds["gas_leak"]
    found = made(next(_made), kind, people.incidents.grid, datetime.now(UTC), "dispatched")
    put(people.cases, [found])
    return found.incident_id


def refuse(page: Browser, incident: str, *files: tuple[str, bytes], **typed: Any) -> Any:
    form = {
        "csrf": page.token("/incidents"), "command": f"c-{incident}", "ground": "not_ours",
        "department": "rq", "evidence": "", **typed,
    }  # fmt: skip
    posted = [("attach", (name, content)) for name, content in files]
    path = f"/incidents/{incident}/do/refuse_dispatch"
    return page.post(path, data=form, files=posted or None, follow_redirects=False)


def body_of(town: Town) -> list[dict[str, Any]]:
    (_, verb, body), = town.incident_door.orders  # fmt: skip
    assert verb == "refuse_dispatch"
    return list(body["attached"])


def entries(town: Town, act: str) -> list[dict[str, str]]:
    with town.web.connect() as connection:
        rows = connection.execute(select(audit_outbox.c.body)).scalars()
        found = [parse_entry(bytes(row)) for row in rows]
    return [one["obj"] for one in found if one["act"] == act]


def test_a_refusal_names_its_file_and_who_may_know_of_people_may_open_it(
    people: Town, browser: Browsers, incident: str
) -> None:
    assert 'name="attach"' in browser("liu").get(f"/incidents/{incident}/do/refuse_dispatch").text
    assert refuse(browser("liu"), incident, ("现场.pdf", PDF)).status_code == 303
    (file,) = body_of(people)
    digest = hashlib.sha256(PDF).hexdigest()
    assert (file["sha256"], file["name"], file["size"]) == (digest, "现场.pdf", len(PDF))

    page = browser("chief").get(f"/incidents/{incident}").text
    address = f"/incidents/{incident}/files/{file['upload']}"
    assert address in page and "现场.pdf" in page
    answer = browser("chief").get(address)
    assert (answer.status_code, answer.content) == (200, PDF)
    assert "attachment" in answer.headers["content-disposition"]
    assert entries(people, "attached_read")[-1]["id"] == incident
    assert entries(people, "attached_read")[-1]["doc"] == digest


def test_a_unit_that_was_not_sent_is_told_of_no_file(
    people: Town, browser: Browsers, incident: str
) -> None:
    refuse(browser("liu"), incident, ("现场.pdf", PDF))
    (file,) = body_of(people)
    before = len(entries(people, "attached_read"))
    assert browser("ma").get(f"/incidents/{incident}/files/{file['upload']}").status_code == 404
    assert len(entries(people, "attached_read")) == before


def test_a_file_opens_under_its_own_incident_alone(
    people: Town, browser: Browsers, incident: str
) -> None:
    refuse(browser("liu"), incident, ("现场.pdf", PDF))
    (file,) = body_of(people)
    kind = people.incidents.kinds["gas_leak"]
    other = made(next(_made), kind, people.incidents.grid, datetime.now(UTC), "dispatched")
    put(people.cases, [other])
    address = f"/incidents/{other.incident_id}/files/{file['upload']}"
    assert browser("chief").get(address).status_code == 404
    # Nor is it a case's material.
    assert people.ports.uploads.read(file["upload"], "") is None
    assert people.ports.uploads.known(people.actor("liu"), file["upload"]) is None


def test_what_is_no_accepted_file_is_refused_with_why_and_nothing_is_ordered(
    people: Town, browser: Browsers, incident: str
) -> None:
    for name, content, why in (
        ("坏.exe", b"MZ\x90", "只接受 PDF"), ("图.png", PDF, "后缀与内容不符"),
        ("空.pdf", b"", "文件是空的"),
    ):  # fmt: skip
        answer = refuse(browser("liu"), incident, (name, content))
        assert answer.status_code == 422
        assert why in answer.text
    assert people.incident_door.orders == []


def test_ten_files_go_with_an_order_and_an_eleventh_does_not(
    people: Town, browser: Browsers, incident: str
) -> None:
    files = [(f"{n}.pdf", PDF + str(n).encode()) for n in range(11)]
    assert "一次最多附 10 个文件" in refuse(browser("liu"), incident, *files).text
    assert refuse(browser("liu"), incident, *files[:10]).status_code == 303
    assert len(body_of(people)) == 10


def test_a_file_stays_chosen_when_the_form_comes_back(
    people: Town, browser: Browsers, incident: str
) -> None:
    people.incident_door.answer = {"status": "refused", "code": "wrong_state", "reason": "不行"}
    answer = refuse(browser("liu"), incident, ("现场.pdf", PDF))
    assert answer.status_code == 422
    (file,) = body_of(people)
    assert f'name="attached" value="{file["upload"]}"' in answer.text
    people.incident_door.orders.clear()
    refuse(browser("liu"), incident, command="again", attached=file["upload"])
    assert body_of(people) == [file]


def test_a_file_that_another_person_kept_is_not_taken(
    people: Town, browser: Browsers, incident: str
) -> None:
    refuse(browser("liu"), incident, ("现场.pdf", PDF))
    (file,) = body_of(people)
    people.incident_door.orders.clear()
    refuse(
        browser("liu2"), incident, command="theirs", attached=file["upload"], evidence="权属他人"
    )
    assert body_of(people) == []


def test_a_form_that_is_sent_twice_names_the_same_file(
    people: Town, browser: Browsers, incident: str
) -> None:
    for _ in range(2):
        refuse(browser("liu"), incident, ("现场.pdf", PDF))
    (_, _, first), (_, _, second) = people.incident_door.orders
    assert first == second


class ByWord:
    def finding(self, content: bytes) -> str:
        return "Eicar-Test-Signature" if b"EICAR" in content else ""


def test_a_file_is_held_until_the_scanner_found_nothing_and_for_good_when_it_did(
    people: Town, browser: Browsers, incident: str
) -> None:
    kept = people.ports.attached
    assert isinstance(kept, WebAttached)
    people.ports = replace(people.ports, attached=replace(kept, arrived=lambda: None))
    quarantine = Quarantine(
        people.web, kept.desk, kept.vault, kept.pseudonym_of, ByWord(), kept.now
    )
    page, chief = people_browser(people, "liu"), people_browser(people, "chief")
    try:
        refuse(page, incident, ("好.pdf", PDF), ("坏.pdf", PDF + b"EICAR"))
        good, bad = body_of(people)
        for file in (good, bad):
            waiting = chief.get(f"/incidents/{incident}/files/{file['upload']}")
            assert (waiting.status_code, "正在检查" in waiting.text) == (423, True)
        assert quarantine.look() == 2
        assert chief.get(f"/incidents/{incident}/files/{good['upload']}").status_code == 200
        found = chief.get(f"/incidents/{incident}/files/{bad['upload']}")
        assert (found.status_code, "已隔离" in found.text) == (423, True)
    finally:
        people.ports = replace(people.ports, attached=kept)


def people_browser(town: Town, login: str) -> Browser:
    """A browser over the ports as they stand now."""
    made = Browser(town.app(), base_url=ADDRESS, headers={"origin": ADDRESS})
    made.town = town
    made.sign_in(login)
    return made


def kept_for(town: Town, incident: str, content: bytes = PDF) -> Attached:
    return town.ports.attached.keep(
        town.actor("liu"), Thing("incident", incident), "图.pdf", "application/pdf", content
    )


def test_an_order_may_name_what_its_own_author_kept_for_this_incident_alone(
    people: Town, incident: str
) -> None:
    files, file = KeptFiles(people.web), kept_for(people, incident)
    thing, liu = thing_key("incident", incident), people.ids["liu"]

    def code(owner: str, of: str, one: Attached) -> str:
        fault = files.fault(owner, of, (one,))
        return "" if fault is None else fault.code

    assert code(liu, thing, file) == ""
    assert code(people.ids["liu2"], thing, file) == "file_unknown"
    assert code(liu, thing_key("incident", "another"), file) == "file_unknown"
    assert code(liu, thing, file.model_copy(update={"upload": "0" * 32})) == "file_unknown"
    assert code(liu, thing, file.model_copy(update={"sha256": "0" * 64})) == "file_differs"
    assert code(liu, thing, file.model_copy(update={"size": file.size + 1})) == "file_differs"
    with people.web.begin() as connection:
        connection.execute(update(upload).where(upload.c.id == file.upload).values(finding="Eicar"))
    assert code(liu, thing, file) == "file_infected"


def test_a_process_that_cannot_ask_lets_no_order_with_a_file_pass(
    people: Town, incident: str
) -> None:
    file = kept_for(people, incident)
    thing = thing_key("incident", incident)
    assert NO_FILES.fault(people.ids["liu"], thing, (file,)) is not None
    assert NO_FILES.fault(people.ids["liu"], thing, ()) is None


def test_what_no_order_names_is_forgotten_and_what_one_names_stays(
    people: Town, incident: str
) -> None:
    desk = Desk(people.web)
    used, unused = kept_for(people, incident), kept_for(people, incident, PDF + b"unused")
    people.ports.attached.take(Thing("incident", incident), (used,))
    desk.forget_unused(datetime.now(UTC) + timedelta(hours=1))
    assert desk.find_upload(used.upload) is not None
    assert desk.find_upload(unused.upload) is None


def test_an_incidents_files_go_once_its_peoples_data_is_destroyed_and_not_before(
    people: Town, browser: Browsers, incident: str, tmp_path: Path
) -> None:
    refuse(browser("liu"), incident, ("现场.pdf", PDF))
    (file,) = body_of(people)
    address, chief = f"/incidents/{incident}/files/{file['upload']}", browser("chief")
    kept = people.ports.attached
    assert isinstance(kept, WebAttached)
    ends = AttachedEnds(people.cases, kept.desk, kept.vault)
    with people.cases.begin() as connection:
        incident_ends.begin(connection, incident, "e" * 36, datetime.now(UTC))
    assert ends.look() == 0
    assert chief.get(address).status_code == 200
    with people.cases.begin() as connection:
        incident_ends.finish(connection, incident, datetime.now(UTC))
    assert ends.look() == 1
    assert chief.get(address).status_code == 404
    assert kept.vault.is_destroyed(sealed_under(thing_key("incident", incident)))
    assert ends.look() == 0
