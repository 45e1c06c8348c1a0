"""Deputies at the pages: two people, in whose name, both names on every act, nothing typed lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from sqlalchemy import select, text, update

from audit.tables import audit_outbox
from cases import delegations
from cases.database import reading
from cases.messages import Grant
from cases.standing import Standings
from cases.web_tables import account
from tests.forms.conftest import Browser, Browsers
from tests.forms.test_case import accepted, decided_upon
from tests.forms.town import PEOPLE, Town
from tests.granting import regrant


def today() -> date:
    """In the city's zone, asked anew: a run may pass midnight."""
    return datetime.now(ZoneInfo("Asia/Shanghai")).date()


HEAD = "section_head@zjj"


@pytest.fixture(autouse=True)
def fresh(town: Town) -> Iterator[None]:
    """Every delegation of the test before is over, and every account as it was."""
    yield
    town.today = None
    with town.web.begin() as connection:
        for one in delegations.unended(connection):
            delegations.end(connection, one.id, "system", datetime.now(UTC), "ended")
        connection.execute(update(account).values({"disabled_at": None}))
    for login, (_, _, held) in PEOPLE.items():
        grants = tuple(Grant(role=role, department=where) for role, where in sorted(held))
        if town.actor(login).grants != grants or town.actor(login).clearance != 3:
            regrant(town.web, town.ids[login], grants, clearance=3)


def ask(page: Browser, town: Town, who: str, days: int = 3, **changed: Any) -> Any:
    form = {
        "csrf": page.token("/deputies"), "deputy": town.ids.get(who, who),
        "reason": "leave", "first": today().isoformat(),
        "last": (today() + timedelta(days=days)).isoformat(), "grants": [HEAD],
    } | changed  # fmt: skip
    return page.post("/deputies", data=form, follow_redirects=False)


def newest(town: Town) -> str:
    with reading(town.web) as connection:
        return str(
            connection.execute(
                text("SELECT id FROM delegation ORDER BY proposed_at DESC, id LIMIT 1")
            ).scalar_one()
        )


def post(page: Browser, path: str, token_of: str = "/deputies", **form: str) -> Any:
    form = {"csrf": page.token(token_of)} | form
    return page.post(path, data=form, follow_redirects=False)


def running(town: Town, browser: Browsers, deputy: str = "zhao") -> tuple[Browser, Browser, str]:
    """周科长 is away and somebody (赵住建) is the deputy; return both browsers and the id."""
    gives, takes = browser("zhou"), browser(deputy)
    assert ask(gives, town, deputy).status_code == 303
    id = newest(town)
    assert post(takes, f"/deputies/{id}", do="accept").status_code == 303
    return gives, takes, id


def acting(town: Town, browser: Browsers) -> tuple[Browser, Browser, str]:
    gives, takes, id = running(town, browser)
    assert post(takes, "/deputies/act", delegation=id).status_code == 303
    return gives, takes, id


def told(town: Town) -> list[tuple[str, str, str]]:
    """Act, result, why of every entry about a delegation, in their order."""
    query = select(audit_outbox.c.body).where(audit_outbox.c.stream == "sys:auth")
    with reading(town.web) as connection:
        bodies = connection.execute(query.order_by(audit_outbox.c.seq)).scalars()
        found = [orjson.loads(bytes(body)) for body in bodies]
    return [
        (one["act"], one["res"], one.get("why", ""))
        for one in found
        if one["obj"]["type"] == "delegation"
    ]


# --- two people ------------------------------------------------------------------------------


def test_nobody_acts_before_the_deputy_has_accepted(browser: Browsers, town: Town) -> None:
    gives, takes = browser("zhou"), browser("zhao")
    assert ask(gives, town, "zhao").status_code == 303
    assert "待代理人接受" in gives.get("/deputies").text
    assert post(takes, "/deputies/act", delegation=newest(town)).status_code == 409


def test_what_was_accepted_is_offered_and_each_step_is_an_entry(
    browser: Browsers, town: Town
) -> None:
    before = len(told(town))
    gives, takes, id = acting(town, browser)
    assert "以 周科长 的名义办理" in takes.get("/").text
    assert "以 周科长 的名义办理" not in gives.get("/").text
    assert post(takes, "/deputies/act", delegation="").status_code == 303
    assert post(gives, f"/deputies/{id}", do="end").status_code == 303
    assert told(town)[before:] == [
        ("deputy_propose", "ok", ""), ("deputy_accept", "ok", ""), ("deputy_begin", "ok", ""),
        ("deputy_stop", "ok", ""), ("deputy_end", "ok", "ended"),
    ]  # fmt: skip


def test_a_third_person_neither_accepts_nor_ends_nor_sees_nor_acts(
    browser: Browsers, town: Town
) -> None:
    _, _, id = running(town, browser)
    third = browser("qian")
    assert third.get(f"/deputies/{id}").status_code == 404
    for path, form in (
        (f"/deputies/{id}", {"do": "accept"}),
        (f"/deputies/{id}", {"do": "end"}),
        ("/deputies/act", {"delegation": id}),
    ):
        assert post(third, path, **form).status_code in (404, 409), (path, form)
    assert town.ports.deputies.whose(town.actor("zhao"), "none") is None


def test_the_deputys_own_account_does_not_delegate_to_itself(browser: Browsers, town: Town) -> None:
    assert ask(browser("zhou"), town, "zhou").status_code == 422


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"grants": ["organ_head@zjj"]}, "只能委托本人现在持有的角色"),
        ({"deputy": "u:nobody"}, "没有这个人"),
        ({"first": "2020-01-01"}, "起日不得早于今天"),
        ({"days": 90}, "最长 90 天"),
        ({"days": -1}, "止日不得早于起日"),
        ({"last": "soon"}, "请按 2026-11-22 的样子填写日期"),
        ({"grants": []}, "委托的角色"),
    ],
)
def test_a_faulty_proposal_is_told_why_and_keeps_what_was_typed(
    browser: Browsers, town: Town, changed: dict[str, Any], sentence: str
) -> None:
    answer = ask(browser("zhou"), town, "zhao", **changed)
    assert answer.status_code == 422
    assert sentence in answer.text


def test_ninety_days_may_be_proposed(browser: Browsers, town: Town) -> None:
    assert ask(browser("zhou"), town, "zhao", days=89).status_code == 303


@pytest.mark.parametrize("login", ["sysadmin", "secadmin", "auditor", "editor", "signer"])
def test_personal_roles_are_not_offered(browser: Browsers, login: str) -> None:
    assert "没有可以委托的角色" in browser(login).get("/deputies").text


def test_an_administrator_is_nobodys_deputy(browser: Browsers, town: Town) -> None:
    regrant(town.web, town.ids["zhao"], [Grant(role="auditadmin", department="*")])
    answer = ask(browser("zhou"), town, "zhao")
    assert answer.status_code == 422 and "三员分立" in answer.text


# --- in whose name ---------------------------------------------------------------------------


def test_a_deputy_may_what_the_delegator_may_and_only_in_that_name(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = accepted(town)
    path = f"/cases/{case_no}/do/transfer"
    _, takes, id = running(town, browser)
    assert takes.get(path).status_code == 403
    post(takes, "/deputies/act", delegation=id)
    assert takes.get(path).status_code == 200
    post(takes, "/deputies/act", delegation="")
    assert takes.get(path).status_code == 403


def test_every_act_carries_both_names(browser: Browsers, town: Town) -> None:
    case_no, case_id = accepted(town)
    _, takes, _ = acting(town, browser)
    path = f"/cases/{case_no}/do/transfer"
    page = takes.get(path).text
    command = re.search(r'name="command" value="([^"]+)"', page)
    assert command
    form = {
        "csrf": takes.token(path), "command": command[1], "task": "review-zjj",
        "to": town.ids["zhou"], "reason": "转由周科长",
    }  # fmt: skip
    with reading(town.cases) as connection:
        keys = connection.execute(
            text("SELECT key FROM task WHERE case_id = :c AND state = 'open' "
                 "AND department = 'zjj'"), {"c": case_id},
        ).scalars().all()  # fmt: skip
    form["task"] = keys[0]
    answer = takes.post(path, data=form, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    with reading(town.cases) as connection:
        row = connection.execute(
            text("SELECT actor, on_behalf, entry_id FROM step WHERE case_id = :c "
                 "ORDER BY seq DESC LIMIT 1"), {"c": case_id},
        ).one()  # fmt: skip
        assert (row.actor, row.on_behalf) == (town.ids["zhao"], town.ids["zhou"])
        bodies = connection.execute(
            select(audit_outbox.c.body).where(audit_outbox.c.stream == f"case:{case_id}")
        ).scalars()
        who = [orjson.loads(bytes(body))["who"] for body in bodies][-1]
    assert who["id"] != who["on_behalf"] and who["on_behalf"]
    timeline = takes.get(f"/cases/{case_no}?tab=timeline").text
    assert re.search(r"赵住建\s*代\s*周科长", timeline)


def test_a_document_may_print_the_names_of_people_and_of_nobody_else(town: Town) -> None:
    asked = [town.ids["zhao"], town.ids["zhou"], "s:portal", "u:nobody"]
    names = Standings(town.web).names(asked)
    assert names == {town.ids["zhao"]: "赵住建", town.ids["zhou"]: "周科长"}


@pytest.mark.parametrize("path", ["/accounts", "/releases", "/erasures", "/letters"])
def test_what_is_done_in_person_is_not_reached_in_anothers_name(
    browser: Browsers, town: Town, path: str
) -> None:
    _, takes, _ = acting(town, browser)
    assert takes.get(path).status_code == 403


def test_the_ending_of_the_delegator_counts_for_the_next_page(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = accepted(town)
    gives, takes, id = acting(town, browser)
    path = f"/cases/{case_no}/do/transfer"
    assert takes.get(path).status_code == 200
    post(gives, f"/deputies/{id}", do="end")
    assert takes.get(path).status_code == 403
    assert "代 周科长 办理已经终止" in takes.get("/").text


def test_a_revoked_role_counts_for_the_next_page(browser: Browsers, town: Town) -> None:
    case_no, _ = accepted(town)
    _, takes, _ = acting(town, browser)
    regrant(town.web, town.ids["zhou"], [Grant(role="section_clerk", department="zjj")])
    assert takes.get(f"/cases/{case_no}/do/transfer").status_code == 403


def test_who_acts_for_another_does_not_delegate_on(browser: Browsers, town: Town) -> None:
    _, takes, _ = acting(town, browser)
    assert "先回到本人名义" in takes.get("/deputies").text
    answer = post(takes, "/deputies", deputy=town.ids["wu"], reason="leave", grants=HEAD,
                  first=today().isoformat(), last=today().isoformat())  # fmt: skip
    assert answer.status_code == 409
    post(takes, "/deputies/act", delegation="")
    assert ask(takes, town, "wu").status_code == 422


# --- two tabs --------------------------------------------------------------------------------


def test_a_form_of_another_name_does_nothing_and_loses_nothing(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = accepted(town)
    _, takes, id = running(town, browser)
    path = f"/cases/{case_no}/do/urge"
    page = takes.get(path).text
    command = re.search(r'name="command" value="([^"]+)"', page)
    assert command
    form = {"csrf": takes.token(path), "command": command[1], "text": "请尽快<办理>"}
    post(takes, "/deputies/act", delegation=id)
    steps = _steps(town, case_id)
    answer = takes.post(path, data=form, follow_redirects=False)
    assert answer.status_code == 409
    assert "以「本人」的名义打开" in answer.text and "周科长" in answer.text
    assert 'name="text" value="请尽快&lt;办理&gt;"' in answer.text
    assert f'name="command" value="{command[1]}"' in answer.text
    assert _steps(town, case_id) == steps
    tokens = re.findall(r'name="csrf" value="([0-9a-f]{64})">以', answer.text)
    assert len(tokens) == 2 and tokens[1] == form["csrf"]
    # Chosen knowingly, it goes through in the name in which the person acts now …
    assert takes.post(path, data=form | {"csrf": tokens[0]}).status_code != 409
    # … and the other button keeps saying so until they have changed back.
    assert takes.post(path, data=form, follow_redirects=False).status_code == 409
    post(takes, "/deputies/act", delegation="")
    assert takes.post(path, data=form, follow_redirects=False).status_code != 409


def test_a_file_of_a_form_of_another_name_is_kept(browser: Browsers, town: Town) -> None:
    gives, takes, id = running(town, browser)
    del gives
    before = takes.token("/deputies")
    post(takes, "/deputies/act", delegation=id)
    answer = takes.post(
        "/deputies", data={"csrf": before, "a": "b"},
        files={"file.plan": ("图.pdf", b"%PDF-1.7 plan"), "tables": ("t.csv", b"a,b")},
        follow_redirects=False,
    )  # fmt: skip
    assert answer.status_code == 409
    assert re.search(r'name="upload.plan" value="[^"]+"', answer.text)
    assert "t.csv" in answer.text


def test_a_forged_token_is_still_no_token(browser: Browsers, town: Town) -> None:
    _, takes, _ = acting(town, browser)
    answer = takes.post("/deputies", data={"csrf": "0" * 64}, follow_redirects=False)
    assert answer.status_code == 403


def test_a_token_of_somebody_elses_session_is_not_one_of_another_name(
    browser: Browsers, town: Town
) -> None:
    gives, takes, _ = acting(town, browser)
    stolen = gives.token("/deputies")
    answer = takes.post("/deputies", data={"csrf": stolen}, follow_redirects=False)
    assert answer.status_code == 403


def _steps(town: Town, case_id: str) -> int:
    with reading(town.cases) as connection:
        query = text("SELECT count(*) FROM step WHERE case_id = :c")
        return int(connection.execute(query, {"c": case_id}).scalar_one())


# --- preflight -------------------------------------------------------------------------------


def test_a_step_that_nobody_else_may_is_said_to_stall_unless_the_deputy_may(
    browser: Browsers, town: Town
) -> None:
    # 吴局长 is the only head of the organ: without a deputy the decision waits.
    case_no, _ = decided_upon(town)
    gives = browser("wu")
    assert ask(gives, town, "zhou", grants=["organ_head@zjj"]).status_code == 303
    page = gives.get(f"/deputies/{newest(town)}").text
    assert "没有会无人可办的" in page
    assert case_no not in page


def test_who_accepted_the_case_clashes_as_deputy_for_the_decision(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = decided_upon(town)
    with town.web.begin() as connection:
        values = {"department": "zjj"}
        where = account.c.id == town.ids["chen"]
        connection.execute(update(account).where(where).values(values))
    regrant(town.web, town.ids["zhou"], [])  # nobody else may decide
    gives = browser("wu")
    assert ask(gives, town, "chen", grants=["organ_head@zjj"]).status_code == 303
    page = gives.get(f"/deputies/{newest(town)}").text
    assert case_no in page and "职责冲突" in page and "无人可办" in page
    assert "没有别人可以办理" in page


def test_a_deputy_without_the_clearance_is_told_before_the_leave(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = decided_upon(town)
    with town.cases.begin() as connection:
        state = connection.execute(
            text("SELECT state FROM case_state WHERE case_id = :c"), {"c": case_id}
        ).scalar_one()
        known = orjson.loads(state)
        known["plan"]["label"]["level"] = 2
        connection.execute(
            text("UPDATE case_state SET state = :s WHERE case_id = :c"),
            {"s": orjson.dumps(known).decode(), "c": case_id},
        )
        connection.execute(
            text("UPDATE case_file SET label_level = 2 WHERE id = :c"), {"c": case_id}
        )
    regrant(town.web, town.ids["zhou"], clearance=1)
    try:
        gives = browser("wu")
        ask(gives, town, "zhou", grants=["organ_head@zjj"])
        page = gives.get(f"/deputies/{newest(town)}").text
        # The deputy may not even list the case: it is counted, its number is not told.
        assert case_no not in page
        assert re.search(r"许可级别不够 <strong class=\"number\">[1-9]", page)
        assert "只计数，不列出编号" in page
    finally:
        regrant(town.web, town.ids["zhou"], clearance=3)


def test_what_is_due_in_those_days_is_listed(browser: Browsers, town: Town) -> None:
    case_no, _ = accepted(town)
    gives = browser("zhao")
    assert ask(gives, town, "zhou", days=80, grants=["section_clerk@zjj"]).status_code == 303
    page = gives.get(f"/deputies/{newest(town)}").text
    assert case_no in page and "期间到期" in page


# --- recusal ---------------------------------------------------------------------------------


def recuse(page: Browser, case_no: str, **typed: str) -> Any:
    path = f"/cases/{case_no}/do/recuse"
    html = page.get(path).text
    command = re.search(r'name="command" value="([^"]+)"', html)
    assert command, html
    form = {
        "csrf": page.token(path), "command": command[1], "ground": "relative",
        "step": "confirmed",
    } | typed  # fmt: skip
    return page.post(path, data=form, follow_redirects=False)


def test_who_recuses_sees_the_case_no_more_and_another_goes_on(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = accepted(town)
    clerk, head = browser("zhao"), browser("zhou")
    assert case_no in clerk.get("/cases").text
    answer = recuse(clerk, case_no)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert clerk.get(f"/cases/{case_no}").status_code in (403, 404)
    assert case_no not in clerk.get("/cases").text
    assert head.get(f"/cases/{case_no}").status_code == 200


def test_the_deputy_of_who_is_recused_sees_it_no_more_in_that_name(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = accepted(town)
    gives, takes, _ = acting(town, browser)
    assert takes.get(f"/cases/{case_no}").status_code == 200
    assert recuse(gives, case_no).status_code == 303
    assert takes.get(f"/cases/{case_no}").status_code in (403, 404)
    post(takes, "/deputies/act", delegation="")
    assert takes.get(f"/cases/{case_no}").status_code == 200


def test_a_clerk_does_not_order_a_colleague_to_recuse_and_a_head_does(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = accepted(town)
    refused = recuse(browser("zhao"), case_no, person=town.ids["chen"])
    assert refused.status_code == 422 and "须由科室负责人" in refused.text
    assert recuse(browser("zhou"), case_no, person=town.ids["chen"]).status_code == 303
    assert browser("chen").get(f"/cases/{case_no}").status_code in (403, 404)


# --- the end (last, because the log of the town then stands ten days ahead) ----------------------


def test_what_time_or_an_account_has_ended_is_closed_with_an_entry(
    browser: Browsers, town: Town
) -> None:
    running(town, browser)
    before = len(told(town))
    town.today = datetime.now(UTC) + timedelta(days=10)
    assert town.ports.deputies.close_lapsed() >= 1  # type: ignore[attr-defined]  # the roof's own
    assert ("deputy_end", "ok", "time") in told(town)[before:]
    assert town.ports.deputies.close_lapsed() == 0  # type: ignore[attr-defined]  # the roof's own
