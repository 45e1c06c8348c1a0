"""任职与职责分离: offices, pairs, who has both; the same as a file; who may not see it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import insert, select, update

from audit.tables import audit_outbox
from cases.web_tables import account
from forms.policy_ports import PolicyProposal
from forms.release_ports import Release
from policies.exclusions import Apart, exclusions, standing
from policies.gate import MUST_DIFFER
from policies.policy import MODEL_FILE, ROWS_FILE, load_policy, parse_policy
from policies.vocabulary import ADMINISTRATORS
from tests.forms.conftest import Browsers
from tests.forms.town import PEOPLE, Town

DUTIES = "/policy/duties"


def shown(page: str) -> str:
    return re.sub(r"<[^>]+>", " ", page)


def test_every_office_of_everybody_is_counted_and_found_by_role_and_place(
    browser: Browsers,
) -> None:
    seen = browser("secadmin")
    assert f'href="{DUTIES}"' in seen.get("/policy").text
    page = seen.get(DUTIES).text
    offices = sum(len(grants) for _, _, grants in PEOPLE.values())
    assert f"{len(PEOPLE)} 名人员" in page and f"共任 {offices} 项" in page
    heads = seen.get(f"{DUTIES}?role=section_head").text
    part = heads[heads.index('id="held"') :]
    assert "周科长" in part and "蒋民政" in part and "市住建局" in part
    assert "陈窗" not in part
    one = seen.get(f"{DUTIES}?role=section_head&department=mzj").text
    part = one[one.index('id="held"') :]
    assert "蒋民政" in part and "周科长" not in part
    assert "没有人这样任职" in seen.get(f"{DUTIES}?role=section_head&department=xfjy").text
    assert seen.get(f"{DUTIES}?role=<b>&department='").status_code == 200


@contextmanager
def left_over(town: Town, name: str, *grants: tuple[str, str]) -> Iterator[None]:
    """An account as an old installation may have left it: the gate refuses such rights now, and
    the row's guard their change. Closed afterwards, for an account is never taken away."""
    key = f"u:{uuid4()}"
    with town.web.begin() as connection:
        feng = connection.execute(select(account).where(account.c.login == "feng")).one()
        held = [list(one) for one in grants]
        made = {**feng._mapping, "id": key, "login": key[2:12], "name": name, "grants": held}
        connection.execute(insert(account).values(made))
    yield
    with town.web.begin() as connection:
        closed = update(account).where(account.c.id == key)
        connection.execute(closed.values(disabled_at=datetime.now(UTC)))


def told(browser: Browsers) -> str:
    page = browser("secadmin").get(DUTIES).text
    return shown(page[: page.index('id="held"')])


def test_who_holds_two_that_exclude_each_other_is_named_with_the_reason(
    browser: Browsers, town: Town
) -> None:
    with left_over(town, "旧监察", ("supervisor", "*"), ("window_clerk", "zjj")):
        part = told(browser)
    assert "旧监察" in part and "不得兼任" in part and "不得监督自己的办理" in part
    assert "1 个账号兼任了不得兼任的" in part
    assert "旧监察" not in told(browser)


def test_who_can_do_two_steps_is_told_and_not_called_forbidden(
    browser: Browsers, town: Town
) -> None:
    with left_over(town, "兼科长", ("section_head", "zjj"), ("window_clerk", "zjj")):
        part = told(browser)
        pairs = browser("secadmin").get(DUTIES).text
    assert "兼科长" in part and "须知悉" in part and "没有人兼任不得兼任的" in part
    row = next(one for one in pairs.split("<tr>") if "办件·受理" in one and "办件·作出决定" in one)
    assert ">1 个<" in row and "须知悉" in row


def test_the_file_says_the_same_and_has_its_entry(browser: Browsers, town: Town) -> None:
    answer = browser("auditor").get(f"{DUTIES}.csv?role=supervisor")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [one[:4] for one in rows[2:]] == [
        ["冯监察", "feng", "电子监察员", "全市"], ["高监察", "gaojian", "电子监察员", "市民政局"],
    ]  # fmt: skip
    assert "审计管理员" in rows[0][0] and "2 行" in rows[0][0]
    with town.web.connect() as connection:
        rows_of = connection.execute(select(audit_outbox.c.body).order_by(audit_outbox.c.seq))
        entries = [orjson.loads(one.body) for one in rows_of]
    (entry,) = [one for one in entries if one["act"] == "export"][-1:]
    assert (entry["obj"]["type"], entry["obj"]["step"]) == ("account", "2")


@pytest.mark.parametrize("login", ["sysadmin", "chen", "feng", "wu", "editor"])
def test_others_see_neither(login: str, browser: Browsers) -> None:
    seen = browser(login)
    assert seen.get(DUTIES).status_code == 403
    assert seen.get(f"{DUTIES}.csv").status_code == 403


def test_what_the_last_signed_policy_changed_is_told(browser: Browsers, town: Town) -> None:
    assert "还没有签署过策略版本" in browser("secadmin").get(DUTIES).text
    text = ROWS_FILE.read_text("utf-8")
    lines = text.splitlines(keepends=True)
    gone = next(
        n for n, line in enumerate(lines)
        if line.startswith("auditadmin,") and "account_read," in line
    )  # fmt: skip
    former = "".join(lines[:gone] + lines[gone + 1 :])
    old = parse_policy(MODEL_FILE.read_text("utf-8"), former)
    first, now = (
        Release(name, "policy", "access", name * 8, "0" * 64, state, "u:secadmin",  # type: ignore[arg-type]
                at, at, signed_by="u:secadmin2")
        for name, state, at in (
            ("old", "superseded", town.ports.policies.in_force().since),
            ("new", "active", town.ports.policies.in_force().since),
        )
    )  # fmt: skip
    known = town.releases.releases[:]
    town.releases.releases[:] = [now, first]
    town.policies.proposals["old"] = PolicyProposal("old", old, former, ())
    try:
        page = shown(browser("secadmin").get(DUTIES).text)
    finally:
        town.releases.releases[:] = known
        del town.policies.proposals["old"]
    part = page[page.index("上次签署的策略改了什么") :]
    assert "审计管理员可以对账号「查阅账号" in part.replace("  ", "")
    assert "加上的行" in part and "删去的行" not in part


def test_every_pair_that_may_not_meet_is_listed_once() -> None:
    found = exclusions([Apart(("accept", "decide", "inspect"), ("XKF-26", "XKF-34"))])
    pairs = [(one.of, one.object_type, one.first, one.second) for one in found]
    assert len(pairs) == len(set(pairs))
    roles = {frozenset({one.first, one.second}) for one in found if one.of == "roles"}
    assert {pair for pair, _, _ in MUST_DIFFER} <= roles
    assert len(roles) == len(MUST_DIFFER) + 3 + len(ADMINISTRATORS)
    (accept,) = [one for one in found if (one.first, one.second) == ("accept", "decide")]
    assert accept.basis == "XKF-26、XKF-34"


def test_a_set_of_roles_is_judged_as_it_stands_and_once() -> None:
    sets = [("human", frozenset({"sysadmin", "window_clerk"}))] * 3
    found = standing(sets, load_policy())  # type: ignore[arg-type]
    assert len(found) == 1
    ((fault, *_),) = found.values()
    assert fault.blocking and fault.code == "administrators_apart"
