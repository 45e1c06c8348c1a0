"""The casework of the log as a file from a page: whole, cut to its reader, its entry first."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
from lxml import etree
from sqlalchemy import text, update

from audit.logstore import found_log
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.trust import TrustPolicy
from cases.messages import Outcome
from cases.tables import case
from tests.forms.conftest import Browsers
from tests.forms.test_supervision import MONTH
from tests.forms.town import Town
from tests.yichuang.event_log_grammar import OCEL_JSON, XES_XSD

ORIGIN = "town.example/audit/2026H2"
ALL = f"from={MONTH}&until={MONTH}"


@pytest.fixture(scope="module")
def two(town: Town) -> tuple[Outcome, Outcome]:
    """Two cases of the housing office."""
    first, second = town.file(), town.file("云川置业有限公司")
    town.order("chen", "accept", {"mode": "plain"}, first.case_id)
    return first, second


@pytest.fixture(scope="module")
def sealed(
    town: Town, two: tuple[Outcome, Outcome], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """The town with a signed head of its log."""
    folder = tmp_path_factory.mktemp("signer")
    found_log(town.log, ORIGIN)
    unsigned, town.trusted = (
        town.trusted,
        TrustPolicy.of(init_signer(folder / "k", folder / "s", ORIGIN)),
    )
    with closing(Signer(folder / "k", folder / "s")) as signer:
        sequencer = Sequencer(town.log, {"cases": town.cases}, signer)
        sequencer.drain()
        sequencer.seal()
    yield town
    town.trusted = unsigned


def exports(town: Town) -> list[dict[str, Any]]:
    rows = text("SELECT body FROM audit_outbox WHERE stream = 'sys:read' ORDER BY pos")
    with town.web.connect() as connection:
        bodies = [orjson.loads(row) for row in connection.scalars(rows)]
    return [one for one in bodies if one["act"] == "export"]


def test_before_a_head_is_signed_nothing_leaves_and_the_page_says_why(
    town: Town, two: tuple[Outcome, Outcome], browser: Browsers
) -> None:
    answer = browser("feng").get(f"/process/events/xes?{ALL}")
    assert answer.status_code == 409
    assert "还没有签名的树头" in answer.text
    assert exports(town) == []


def test_each_form_is_linked_from_the_map(sealed: Town, browser: Browsers) -> None:
    seen = browser("feng")
    assert 'href="/process/events?' in seen.get("/process").text
    page = seen.get("/process/events").text
    assert set(re.findall(r'formaction="/process/events/([\w-]+)"', page)) == {
        "ocel", "ocel-sqlite", "xes",
    }  # fmt: skip


def test_the_xes_has_a_trace_for_each_case_that_one_may_list(
    sealed: Town, browser: Browsers
) -> None:
    answer = browser("feng").get(f"/process/events/xes?{ALL}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/xml")
    assert unquote(answer.headers["content-disposition"]).endswith(f"{MONTH}-{MONTH}.xes")
    log = etree.fromstring(answer.content)
    etree.XMLSchema(etree.fromstring(XES_XSD.encode())).assertValid(log)
    assert len(log.findall("trace")) == 2
    assert len(log.findall("trace/event")) == 3


def test_the_ocel_is_as_the_standard_has_it_and_names_nobody(
    sealed: Town, two: tuple[Outcome, Outcome], browser: Browsers
) -> None:
    from jsonschema import Draft7Validator

    answer = browser("feng").get(f"/process/events/ocel?{ALL}")
    found = json.loads(answer.content)
    Draft7Validator(OCEL_JSON).validate(found)
    assert sum(one["type"] == "case" for one in found["objects"]) == 2
    for secret in ("云川", two[0].case_no, two[0].case_id, "chen"):
        assert secret not in answer.text


def test_the_database_opens(sealed: Town, browser: Browsers, tmp_path: Path) -> None:
    file = tmp_path / "events.sqlite"
    file.write_bytes(browser("feng").get(f"/process/events/ocel-sqlite?{ALL}").content)
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM event").fetchone() == (3,)


def test_the_entry_with_the_digest_is_written_before_the_file_leaves(
    sealed: Town, browser: Browsers
) -> None:
    before = len(exports(sealed))
    answer = browser("feng").get(f"/process/events/ocel?{ALL}")
    (entry,) = exports(sealed)[before:]
    digest = hashlib.sha256(answer.content).digest()
    assert entry["obj"]["doc"] == digest.hex()
    assert entry["obj"]["step"] == "3"
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"


def test_of_another_month_there_are_no_events(sealed: Town, browser: Browsers) -> None:
    answer = browser("feng").get("/process/events/xes?from=2020-01&until=2020-01")
    assert etree.fromstring(answer.content).findall("trace") == []


def test_what_one_may_not_list_is_not_in_the_file(
    sealed: Town, two: tuple[Outcome, Outcome], browser: Browsers
) -> None:
    own = f"/process/events/xes?{ALL}"
    assert len(etree.fromstring(browser("zhou").get(own).content).findall("trace")) == 2
    label(sealed, two[1].case_id, 4)
    try:
        answer = browser("zhou").get(own)
        assert len(etree.fromstring(answer.content).findall("trace")) == 1
    finally:
        label(sealed, two[1].case_id, 1)


def label(town: Town, case_id: str, level: int) -> None:
    with town.cases.begin() as connection:
        connection.execute(update(case).where(case.c.id == case_id).values(label_level=level))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/process/events/csv?{ALL}", 404),
        (f"/process/events/xes?{ALL}&of=person", 404),
        ("/process/events/xes?from=x&until=y", 404),
    ],
)
def test_what_is_no_form_or_month_is_refused(
    path: str, status: int, sealed: Town, browser: Browsers
) -> None:
    assert browser("feng").get(path).status_code == status


def test_whoever_may_not_supervise_takes_nothing_away(sealed: Town, browser: Browsers) -> None:
    assert browser("zhao").get("/process/events").status_code == 403
    assert browser("zhao").get(f"/process/events/ocel?{ALL}").status_code == 403


def test_a_head_that_policy_does_not_believe_gives_no_file(
    sealed: Town, browser: Browsers, tmp_path: Path
) -> None:
    true, sealed.trusted = (
        sealed.trusted,
        TrustPolicy.of(init_signer(tmp_path / "k", tmp_path / "s", ORIGIN)),
    )
    try:
        before = len(exports(sealed))
        answer = browser("feng").get(f"/process/events/ocel?{ALL}")
        assert answer.status_code == 409
        assert "与签名的不符" in answer.text
        assert len(exports(sealed)) == before
    finally:
        sealed.trusted = true


def test_nothing_is_left_behind_when_the_file_was_sent(
    sealed: Town, browser: Browsers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert browser("feng").get(f"/process/events/ocel?{ALL}").status_code == 200
    assert list(tmp_path.glob("yichuang-events-*")) == []
