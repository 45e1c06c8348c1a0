"""An attacker with a valid session learns nothing of a case that is not theirs to know.

Every route and every question stands in tests/attack/routes.py with how it is attacked. What is
hidden and what is not there are answered alike, to the byte; lists and counts are the same with the
hidden cases as without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast
from uuid import uuid4

import pytest
from httpx2 import Response
from starlette.routing import Route

from cases.messages import BODIES, OF_LAW, Grant
from forms.acts import ACTS
from forms.app import routes
from forms.ports import Options
from tests.attack.conftest import (
    ATTACKERS,
    NOWHERE,
    Browsers,
    Ground,
    addresses,
    of,
    plain,
    seen,
)
from tests.attack.routes import QUESTIONS, ROUTES
from tests.forms.town import ADDRESS, HOST
from tests.granting import regrant
from yichuang.questions import Desk

MZJ = (Grant(role="service_intake", department="mzj"),)
REASONS = ("label", "compartment", "recused")
"""Why a case of chen's own department is hidden from chen."""


def every() -> Iterator[str]:
    for route in routes(Options("城", ADDRESS, (HOST,))):
        if isinstance(route, Route):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield f"{method} {route.path}"


def test_every_route_is_classified() -> None:
    assert set(every()) == set(ROUTES)


def test_every_question_over_nats_is_classified() -> None:
    nothing = cast(Any, None)
    desk = Desk(nothing, "c", nothing, nothing, nothing, nothing, nothing)
    assert desk.questions == set(QUESTIONS)


# --- lists, counts, search, statistics, export ---------------------------------------------------


@pytest.mark.parametrize("path", addresses())
@pytest.mark.parametrize("login", ATTACKERS)
def test_a_list_is_the_same_with_hidden_cases_as_without(
    login: str, path: str, ground: Ground, browser: Browsers
) -> None:
    assert seen(browser(login).get(path)) == ground.before[login, path]


def test_the_lists_would_show_the_cases_to_who_may_know_them(
    ground: Ground, browser: Browsers
) -> None:
    mine = browser("chen").get("/cases").text
    assert ground.cases["department"].case_no in mine
    assert all(ground.cases[reason].case_no not in mine for reason in REASONS)
    changed = [
        path
        for path in addresses()
        if seen(browser("chen").get(path)) != ground.before["chen", path]
    ]
    assert "/cases" in changed and "/cases?text=甲公司" in changed


@pytest.mark.parametrize("login", ATTACKERS)
def test_a_number_in_the_search_finds_a_hidden_case_no_more_than_none(
    login: str, ground: Ground, browser: Browsers
) -> None:
    answers = []
    for number in (ground.cases["department"].case_no, NOWHERE):
        answer = browser(login).get(f"/cases?text={number}", follow_redirects=False)
        answers.append(plain(f"{answer.status_code} {answer.text}", number))
        page = browser(login)
        form = {"csrf": page.token("/"), "text": number}
        posted = page.post("/find", data=form)
        answers.append(plain(f"{posted.status_code} {posted.url.path} {posted.text}", number))
    assert answers[:2] == answers[2:]


def test_who_may_see_no_personal_data_cannot_ask_by_name_whose_a_case_is(
    ground: Ground, browser: Browsers
) -> None:
    supervisor, number = browser("feng"), ground.cases["department"].case_no
    assert number in supervisor.get("/cases").text
    assert number not in supervisor.get("/cases?text=甲公司").text


# --- addresses of a case -------------------------------------------------------------------------


def filled(path: str, ground: Ground, case_no: str) -> str:
    known = {
        "case_no": case_no, "document": ground.document, "upload": ground.upload, "verb": "urge",
        "seq": "1",
    }  # fmt: skip
    return re.sub(r"{(\w+)}", lambda name: known[name[1]], path)


def asked(browser: Browsers, login: str, name: str, path: str) -> Response:
    method, page = name.split(" ")[0], browser(login)
    if method == "GET":
        shown: Response = page.get(path, follow_redirects=False)
        return shown
    form = {"csrf": page.token("/password"), "reason": "看看", "text": "请办"}
    posted: Response = page.post(path, data=form, follow_redirects=False)
    return posted


@pytest.mark.parametrize("name", of("case"))
@pytest.mark.parametrize(
    ("login", "why"), [*((one, "department") for one in ATTACKERS), *(("chen", w) for w in REASONS)]
)
def test_an_address_of_a_hidden_case_answers_as_if_there_were_none(
    name: str, login: str, why: str, ground: Ground, browser: Browsers
) -> None:
    answers = []
    for number in (ground.cases[why].case_no, NOWHERE):
        answer = asked(browser, login, name, filled(name.split(" ")[1], ground, number))
        assert answer.status_code == 404
        answers.append(plain(answer.text, number))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("verb", sorted(ACTS))
def test_no_act_of_a_hidden_case_is_told_from_one_of_no_case(
    verb: str, ground: Ground, browser: Browsers
) -> None:
    answers = []
    for number in (ground.cases["department"].case_no, NOWHERE):
        answer = browser("jiang").get(f"/cases/{number}/do/{verb}?task=x&card=y")
        answers.append((answer.status_code, plain(answer.text, number)))
    assert answers[0] == answers[1] and answers[0][0] == 404


def test_the_turned_away_are_in_the_log_with_the_case_they_tried(
    ground: Ground, browser: Browsers
) -> None:
    case = ground.cases["department"]
    browser("huang").get(f"/cases/{case.case_no}")
    with ground.town.web.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT body FROM audit_outbox WHERE stream = 'sys:refused' ORDER BY pos DESC LIMIT 1"
        )
        body = bytes(rows.scalar_one()).decode()
    assert case.case_id in body and '"no_permission"' in body and '"deny"' in body


def test_somebody_elses_file_is_not_opened_through_a_case_of_ones_own(
    ground: Ground, browser: Browsers
) -> None:
    own = ground.town.file("自家公司")
    paper = {"code": "drawings", "originals": 1, "copies": 1, "upload": ground.upload}
    stolen = ground.town.ports.uploads.read(ground.upload, own.case_id)
    assert stolen is None, paper
    assert ground.town.ports.uploads.read(ground.upload, ground.cases["department"].case_id)


def test_who_may_not_print_is_not_told_the_code_that_opens_the_receipt(
    ground: Ground, browser: Browsers
) -> None:
    case = ground.cases["department"]
    code = ground.town.queries.public_code(case.case_id)
    assert code
    path = f"/cases/{case.case_no}"
    assert code in browser("chen").get(path).text
    assert code not in browser("feng").get(path).text


# --- what hangs on a case ------------------------------------------------------------------------


@pytest.mark.parametrize("tail", ["", "/proof", "/body"])
def test_an_entry_of_a_hidden_case_is_not_there(
    tail: str, ground: Ground, browser: Browsers
) -> None:
    answers = []
    for entry in (ground.entry, str(uuid4())):
        answer = browser("gaojian").get(f"/log/entries/{entry}{tail}")
        answers.append((answer.status_code, plain(answer.text, entry)))
    assert answers[0] == answers[1] and answers[0][0] == 404
    assert browser("feng").get(f"/log/entries/{ground.entry}{tail}").status_code == 200


def test_the_auditor_sees_the_whole_log_and_no_case(ground: Ground, browser: Browsers) -> None:
    number = ground.cases["label"].case_no
    assert number in browser("auditor").get(f"/log?case={number}").text.split("<tbody>")[1]
    assert browser("auditor").get(f"/cases/{number}").status_code == 404


@pytest.mark.parametrize("path", ["/log", "/readers"])
def test_the_log_of_a_hidden_case_is_the_log_of_none(
    path: str, ground: Ground, browser: Browsers
) -> None:
    answers = []
    for number in (ground.cases["department"].case_no, NOWHERE):
        answers.append(plain(browser("gaojian").get(f"{path}?case={number}").text, number))
    assert answers[0] == answers[1]
    shown = browser("gaojian").get("/log").text
    assert all(one.case_no not in shown and one.case_id not in shown
               for one in ground.cases.values())  # fmt: skip
    number = ground.cases["department"].case_no
    assert number in browser("feng").get(f"/log?case={number}").text.split("<tbody>")[1]


def test_a_payment_of_another_department_is_not_there(ground: Ground, browser: Browsers) -> None:
    answers = []
    for payment in (ground.payment, str(uuid4())):
        answer = browser("jiang").get(f"/payments/{payment}")
        answers.append((answer.status_code, plain(answer.text, payment)))
    assert answers[0] == answers[1] and answers[0][0] == 404


def test_a_supervisor_of_another_department_is_told_of_no_case_in_the_census(
    ground: Ground, browser: Browsers
) -> None:
    case_no = ground.cases["department"].case_no
    assert case_no not in browser("gaojian").get("/census").text
    assert case_no in browser("feng").get("/census").text


# --- drafts, roles -------------------------------------------------------------------------------


def test_a_draft_of_somebody_else_is_an_empty_form(ground: Ground, browser: Browsers) -> None:
    page, path = browser("chen"), "/new/construction-permit"
    form = {"csrf": page.token(path), "do": "draft", "applicant.name": "张三丰", "draft": "d-1"}
    assert page.post(path, data=form, follow_redirects=False).status_code == 303
    assert "张三丰" in page.get(f"{path}?draft=d-1").text
    thief = browser("huang")
    stolen = thief.get(f"{path}?draft=d-1")
    assert "张三丰" not in stolen.text
    named = ("?draft=d-1", "%3Fdraft%3Dd-1")
    assert plain(stolen.text, *named) == plain(thief.get(path).text, *named)
    assert "张三丰" not in thief.get("/new").text


@pytest.mark.parametrize("name", of("role"))
@pytest.mark.parametrize("login", ["huang", "jiang"])
def test_an_office_that_is_not_theirs_turns_a_clerk_away(
    name: str, login: str, ground: Ground, browser: Browsers
) -> None:
    path = re.sub(r"{(\w+)}", "some", name.split(" ")[1])
    assert asked(browser, login, name, path).status_code in (403, 404)


def test_a_right_given_or_taken_in_one_tab_counts_in_the_other_at_once(
    ground: Ground, browser: Browsers
) -> None:
    case_no, accounts = ground.cases["department"].case_no, ground.town.accounts
    other_tab, me = browser("huang"), ground.town.ids["huang"]
    path = f"/cases/{case_no}"
    assert other_tab.get(path).status_code == 404
    wide = Grant(role="section_clerk", department="zjj")
    before = accounts.find(me)
    assert before is not None
    regrant(ground.town.web, me, (*before.grants, wide))
    assert other_tab.get(path).status_code == 200
    form = {"csrf": other_tab.token(path), "text": "请办", "command": str(uuid4())}
    regrant(ground.town.web, me, before.grants)
    # The form was opened with the right and is posted without it.
    assert other_tab.post(f"{path}/do/urge", data=form).status_code == 404


# --- REST ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/cases/{}", "/cases/{}/receipt"])
def test_a_system_is_told_of_a_hidden_case_what_it_is_told_of_none(
    path: str, ground: Ground
) -> None:
    client, answers = ground.service(*MZJ), []
    for number in (ground.cases["department"].case_no, NOWHERE):
        answer = client.get(f"/api/v1{path.format(number)}")
        answers.append((answer.status_code, dict(answer.headers), plain(answer.text, number)))
    assert answers[0] == answers[1] and answers[0][0] == 404


def test_the_outcome_of_somebody_elses_command_is_not_there(ground: Ground) -> None:
    client, answers = ground.service(*MZJ), []
    for command in (ground.cases["department"].command_id, str(uuid4())):
        answer = client.get(f"/api/v1/commands/{command}")
        answers.append((answer.status_code, answer.text))
    assert answers[0] == answers[1] and answers[0][0] == 404


def test_a_system_is_not_told_of_a_payment_of_another_department(ground: Ground) -> None:
    client, answers = ground.service(*MZJ), []
    for payment in (ground.payment, str(uuid4())):
        answer = client.get(f"/api/v1/payments/{payment}")
        answers.append((answer.status_code, answer.text))
    assert answers[0] == answers[1] and answers[0][0] == 404


@pytest.mark.parametrize("verb", sorted(set(BODIES) - {"file", *OF_LAW}))
def test_no_command_of_a_system_tells_a_hidden_case_from_none(verb: str, ground: Ground) -> None:
    client, answers = ground.service(*MZJ), []
    for number in (ground.cases["department"].case_no, NOWHERE):
        headers = {"idempotency-key": str(uuid4())}
        answer = client.post(f"/api/v1/cases/{number}/commands/{verb}", json={}, headers=headers)
        answers.append((answer.status_code, plain(answer.text, headers["idempotency-key"])))
    assert answers[0] == answers[1]
