"""Nothing that anybody typed about a person is in an entry, an event or the program's own log."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from sqlalchemy import select

from audit.logstore import found_log
from audit.tables import audit_outbox
from cases.database import reading
from cases.tables import outbox
from tests.forms.conftest import Browsers
from tests.forms.town import PASSWORD, PEOPLE, PERMIT_FORM, Town, company

OPINION = "该户主张三丰身份证有误，家住武当山一号"
REASON = "核对张三丰的身份证原件"
WITHDRAWN = "本人王五因病住院不再申请"


def texts(town: Town) -> list[str]:
    found = []
    for engine in (town.cases, town.web):
        with reading(engine) as connection:
            rows = connection.execute(select(audit_outbox.c.body)).scalars()
            found += [bytes(row).decode() for row in rows]
    with reading(town.cases) as connection:
        found += [str(one) for one in connection.execute(select(outbox.c.event)).scalars()]
    return found


def typed() -> set[str]:
    people = {name for name, _, _ in PEOPLE.values()} | set(PEOPLE) - {"li", "sun", "wu", "signer"}
    form = {str(value) for value in PERMIT_FORM.values() if len(str(value)) > 7}
    applicant = set(company("测试人王五").values()) - {"enterprise", "USCC"}
    return {OPINION, REASON, WITHDRAWN, PASSWORD, "张三丰", "王五"} | people | form | applicant


def test_no_entry_and_no_event_holds_what_was_typed(
    browser: Browsers, town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    found_log(town.log, "city.example/log")
    caplog.set_level(logging.DEBUG, logger="yichuang")
    filed = town.file("测试人王五")
    clerk = browser("chen")
    path = f"/cases/{filed.case_no}"
    form = {
        "csrf": clerk.token(path),
        "reason": REASON,
        "purpose": "identify",
        "fields": "applicant.phone",
        "command": "reveal-1",
    }
    assert clerk.post(f"{path}/reveal", data=form).status_code == 200
    browser().post("/sign-in", data={"login": "王五", "password": "wrong"})
    clerk.get("/cases?text=测试人王五")
    browser("auditor").get("/log?person=陈窗")
    browser("feng").get(f"/readers?case={filed.case_no}")
    town.order("chen", "accept", {"mode": "plain"}, filed.case_id)
    opinion = {"task": "review-planning", "result": "agree", "text": OPINION}
    town.order("qian", "opine", opinion, filed.case_id)
    town.order("chen", "withdraw", {"reason": WITHDRAWN}, filed.case_id)
    whole = texts(town)
    assert len(whole) > 20
    for secret in typed():
        held = [text for text in whole if secret in text or json.dumps(secret)[1:-1] in text]
        assert held == [], secret
        assert secret not in caplog.text, secret


def test_the_scan_would_find_it(town: Town) -> None:
    """The names do stand where they may: an account's row; so the scan looks for the real ones."""
    assert town.accounts.names([town.ids["chen"]]) == {town.ids["chen"]: "陈窗"}
    assert "陈窗" in typed() and "13900000001" in typed()


def test_commitments_are_of_32_bytes_and_never_the_same_twice(town: Town) -> None:
    for _ in range(2):
        town.file("同一个申请人有限公司")
    bodies: list[dict[str, Any]] = [json.loads(t) for t in texts(town) if t.startswith("{")]
    said = [one["c"] for body in bodies for one in body.get("pay", ())]
    assert len(said) > 2 and len(set(said)) == len(said)
    assert {len(bytes.fromhex(one)) for one in said} == {32}
    whos = {body["who"]["id"] for body in bodies if "who" in body}
    assert all(w in ("system", "unknown") or w.partition(":")[2].isalnum() for w in whos)
