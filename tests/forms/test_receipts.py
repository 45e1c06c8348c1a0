"""Receipts over the pages: who may have one, its entry, and the page that checks them."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from audit import yichuang_verify
from audit.tables import audit_outbox
from cases.messages import Grant
from tests.forms.conftest import Browsers
from tests.forms.town import ADDRESS, TRUST, Town
from yichuang.web_receipts import WebReceipts


def issues(town: Town) -> list[dict[str, Any]]:
    """Return the bodies of all issues of receipts so far."""
    query = select(audit_outbox.c.body).where(audit_outbox.c.stream == "sys:receipt")
    with town.web.connect() as connection:
        return [json.loads(row) for row in connection.scalars(query.order_by(audit_outbox.c.pos))]


def token_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


@pytest.fixture
def stranger(town: Town) -> TestClient:
    return TestClient(town.app(), base_url=ADDRESS)


def asked(client: TestClient, case_no: str, code: str, kind: str) -> dict[str, str]:
    token = token_of(client.get("/status").text)
    return {"csrf": token, "case_no": case_no, "code": code, "as": kind}


def test_the_applicant_gets_the_file_by_number_and_code(town: Town, stranger: TestClient) -> None:
    filed = town.file()
    code = town.queries.public_code(filed.case_id) or ""
    before = len(issues(town))
    told = stranger.post("/status", data=asked(stranger, filed.case_no, code, ""))
    assert "下载回执（PDF）" in told.text
    answer = stranger.post("/status/receipt", data=asked(stranger, filed.case_no, code, "file"))
    assert answer.status_code == 200
    assert f"case-{filed.case_id}.yichuang-proof.json" in answer.headers["content-disposition"]
    report = yichuang_verify.verify(answer.content, TRUST)
    assert (report.exit_code, report.marks) == (2, ["unsealed", "not_closed"])
    receipt = answer.json()
    assert receipt["issued"]["case_no"] == filed.case_no
    assert receipt["clock"]["clocks"][0]["days"][0]["article"] in receipt["clock"]["articles"]
    # What the applicant filed is opened; it is theirs.
    assert [json.loads(one["text"])["matter"] for one in report.disclosed] == [
        "construction-permit"
    ]
    (entry,) = issues(town)[before:]
    assert entry["act"] == "receipt.issued"
    digest = hashlib.sha256(answer.content).hexdigest()
    assert entry["obj"] == {"type": "case", "id": filed.case_id, "doc": digest}
    assert entry["who"] == {"id": town.queries.state(filed.case_id).subject, "kind": "citizen"}  # type: ignore[union-attr]


def test_of_restricted_data_nothing_is_disclosed(town: Town) -> None:
    filed = town.file()
    state = town.queries.state(filed.case_id)
    assert state is not None and isinstance(town.ports.receipts, WebReceipts)
    restricted: list[str] = []
    desk = replace(town.ports.receipts.desk, is_restricted=restricted.__contains__)
    for expected in (1, 0):
        receipt = desk.of_case(filed.case_id).receipt
        assert len(receipt["payloads"]) == expected
        entry = json.loads(base64.b64decode(receipt["entries"][0]["body"]))["id"]
        assert len(desk.of_entry(entry).receipt["payloads"]) == expected
        restricted.append(state.subject)


def test_a_wrong_code_gets_nothing_and_leaves_no_issue(town: Town, stranger: TestClient) -> None:
    filed = town.file()
    before = issues(town)
    answer = stranger.post(
        "/status/receipt", data=asked(stranger, filed.case_no, "AAAAAAAAAAAA", "file")
    )
    assert answer.status_code == 422 and "查询码不符" in answer.text
    assert issues(town) == before


def test_the_words_of_the_office_are_withheld(town: Town, browser: Browsers) -> None:
    filed = town.file()
    clerk = browser("chen")
    page = f"/cases/{filed.case_no}"
    given = {
        "csrf": token_of(clerk.get(page).text),
        "mode": "plain",
        "command": "accept-receipt",
        "step": "confirmed",
    }
    assert clerk.post(f"{page}/do/accept", data=given).status_code == 200
    answer = clerk.post(f"{page}/receipt", data={"csrf": given["csrf"], "as": "file"})
    receipt = answer.json()
    acts = [json.loads(base64.b64decode(one["body"]))["act"] for one in receipt["entries"]]
    assert acts == ["file", "accept"]
    assert [(one["entry"], one["why"]) for one in receipt["withheld"]] == [(1, "withheld")]
    assert issues(town)[-1]["who"]["kind"] == "human"


def test_the_paper_carries_file_fingerprint_and_address(town: Town, browser: Browsers) -> None:
    filed = town.file()
    clerk = browser("chen")
    token = token_of(clerk.get(f"/cases/{filed.case_no}").text)
    answer = clerk.post(f"/cases/{filed.case_no}/receipt", data={"csrf": token, "as": "paper"})
    assert answer.headers["content-type"] == "application/pdf"
    page = html.unescape(answer.text)
    inside = re.search(r'base64,([^"]+)"', page)
    assert inside
    digest = hashlib.sha256(base64.b64decode(inside[1])).hexdigest()
    assert page.count(digest) == 2
    assert issues(town)[-1]["obj"]["doc"] == digest
    for words in (filed.case_no, "真实，但不完整", "收件", f"{ADDRESS}/verify/receipt",
                  hashlib.sha256(TRUST.encode()).hexdigest()):  # fmt: skip
        assert words in page


def test_a_receipt_is_for_whoever_may_print(town: Town, browser: Browsers) -> None:
    filed = town.file()
    admin = browser("sysadmin")
    token = token_of(admin.get("/password").text)
    before = issues(town)
    answer = admin.post(f"/cases/{filed.case_no}/receipt", data={"csrf": token})
    assert answer.status_code == 404
    assert issues(town) == before


def test_a_system_gets_the_file_over_rest_without_anybodys_words(
    town: Town, stranger: TestClient
) -> None:
    filed = town.file()
    path = f"/api/v1/cases/{filed.case_no}/receipt"
    answers = []
    for grants in ((), (Grant(role="service_intake", department="zjj"),)):
        token = town.accounts.create_account(
            f"s{uuid4().hex[:8]}", "门户", "zjj", at=datetime.now(UTC), by="system",
            kind="service", grants=grants, clearance=3,
        )[1]  # fmt: skip
        headers = {"authorization": f"Bearer {token}"}
        answers.append(stranger.get(path, headers=headers))
    assert [answer.status_code for answer in answers] == [404, 200]
    assert yichuang_verify.verify(answers[1].content, TRUST).exit_code == 2
    assert answers[1].json()["payloads"] == []
    digest = hashlib.sha256(answers[1].content).hexdigest()
    assert issues(town)[-1]["obj"]["doc"] == digest


def test_the_page_that_checks_has_the_one_script_of_the_house(stranger: TestClient) -> None:
    answer = stranger.get("/verify/receipt")
    policy = answer.headers["content-security-policy"]
    scripts = re.findall(r"<script>(.*?)</script>", answer.text, re.S)
    (script,) = scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy and policy.startswith("default-src 'none'")
    assert TRUST in html.unescape(answer.text)
    assert "script-src" not in stranger.get("/verify").headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("yichuang-verify.html", b"<!doctype html>"),
        ("yichuang_verify.py", b"#!/usr/bin/env python3"),
        ("log.policy", b"log town.example/audit/2026H2+"),
    ],
)
def test_page_program_and_policy_are_there_to_keep(
    stranger: TestClient, name: str, begins: bytes
) -> None:
    answer = stranger.get(f"/verify/receipt/{name}")
    assert answer.content.startswith(begins)
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"


def test_there_is_no_other_file(stranger: TestClient) -> None:
    assert stranger.get("/verify/receipt/log.vkey").status_code == 404
