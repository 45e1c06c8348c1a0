"""The log's pages: who may, what is found, what a search leaves behind, one entry, verify now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from audit.logstore import LogReader, found_log
from audit.notes import NoteVerifier
from audit.proofs import verify_proof
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.tables import audit_outbox
from cases import log_lines, verifications
from cases.database import open_engine, reading
from cases.web_tables import log_line, web_metadata
from forms.disclosure_ports import Shown
from forms.entrance_ports import Where
from tests.forms.conftest import Browsers
from tests.forms.town import Town

ORIGIN = "city.example/log"
PAGES = ("/log", "/verification", "/readers")


class Written:
    """The town's log, sequenced and sealed on demand."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town, self.folder = town, folder
        found_log(town.log, ORIGIN)
        self.trusted: NoteVerifier = init_signer(folder / "k", folder / "s", ORIGIN)
        filed = town.file("云川建设有限公司")
        self.case_no, self.case_id = filed.case_no, filed.case_id
        self.sequence()

    def sequence(self) -> None:
        with closing(Signer(self.folder / "k", self.folder / "s")) as signer:
            sources = {"cases": self.town.cases, "web": self.town.web}
            sequencer = Sequencer(self.town.log, sources, signer)
            sequencer.drain()
            sequencer.seal()

    def bodies(self, act: str) -> list[dict[str, Any]]:
        with reading(self.town.log) as connection:
            found = [json.loads(one.body) for one in LogReader(connection).entries()]
        return [one for one in found if one["act"] == act]

    def waiting(self, act: str) -> list[dict[str, Any]]:
        with reading(self.town.web) as connection:
            rows = connection.execute(select(audit_outbox.c.body)).scalars()
            found = [json.loads(bytes(row)) for row in rows]
        return [one for one in found if one["act"] == act]


@pytest.fixture(scope="module")
def written(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(town, tmp_path_factory.mktemp("signer"))


# --- who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "allowed"),
    [
        ("auditor", {"/log", "/verification", "/readers"}),
        ("feng", {"/log", "/verification", "/readers"}),
        ("chen", set()),
        ("wu", set()),
        ("sysadmin", set()),
        ("secadmin", set()),
    ],
)
def test_each_page_is_for_those_whom_policy_lets(
    browser: Browsers, written: Written, login: str, allowed: set[str]
) -> None:
    reader = browser(login)
    assert {path for path in PAGES if reader.get(path).status_code == 200} == allowed
    entry = written.bodies("file")[0]["id"]
    may = "/log" in allowed
    for path in (f"/log/entries/{entry}", f"/log/entries/{entry}/proof"):
        assert (reader.get(path).status_code == 200) is may


# --- search --------------------------------------------------------------------------------------


def test_a_case_is_found_by_its_number_and_nothing_else_is(
    browser: Browsers, written: Written, town: Town
) -> None:
    other = town.file("另一个有限公司")
    written.sequence()
    page = browser("auditor").get(f"/log?case={written.case_no}").text
    assert "收件" in page and written.case_no in page and other.case_no not in page


def test_a_person_is_found_by_login_by_name_and_by_pseudonym(
    browser: Browsers, written: Written
) -> None:
    who = written.bodies("file")[0]["who"]["id"]
    reader = browser("auditor")
    for typed in ("chen", "陈窗", who):
        page = reader.get("/log", params={"person": typed, "act": "file"}).text
        assert page.count("收件</a>") >= 1, typed
        assert "陈窗" in page
    assert "没有这个人" in reader.get("/log?person=nobody").text
    assert "没有这个办件" in reader.get("/log?case=ZJJ0").text


def test_days_are_of_legal_time_and_both_included(browser: Browsers, written: Written) -> None:
    today = datetime.now(UTC).astimezone().astimezone(tz=None)
    zone_day = (datetime.now(UTC) + timedelta(hours=8)).date()
    assert today
    reader = browser("auditor")
    for since, until, there in (
        (zone_day, zone_day, True),
        (zone_day + timedelta(days=1), zone_day + timedelta(days=2), False),
        (zone_day - timedelta(days=2), zone_day - timedelta(days=1), False),
    ):
        page = reader.get(f"/log?act=file&since={since}&until={until}").text
        assert ("收件</a>" in page) is there, (since, until)
    assert "日期不对" in reader.get("/log?since=yesterday").text


def test_refusals_are_found_by_their_result(browser: Browsers, written: Written) -> None:
    browser("chen").get("/log")
    written.sequence()
    page = browser("auditor").get("/log?result=deny").text
    assert "拒绝" in page and "成功</td>" not in page


def test_a_search_for_a_person_or_a_case_is_an_entry_before_anything_is_shown(
    browser: Browsers, written: Written
) -> None:
    reader = browser("auditor")
    before = len(written.waiting("audit.searched"))
    reader.get("/log")
    reader.get("/log?act=file")
    assert len(written.waiting("audit.searched")) == before
    reader.get("/log?person=chen&before=999999")
    reader.get(f"/readers?case={written.case_no}")
    by_person, by_case = written.waiting("audit.searched")[before:]
    assert by_person["obj"]["step"] == written.bodies("file")[0]["who"]["id"]
    assert by_case["obj"]["id"] == written.case_id
    assert by_person["who"]["kind"] == "human"


def test_pages_follow_each_other_without_gap_or_repetition(
    browser: Browsers, written: Written, town: Town
) -> None:
    for _ in range(60):
        browser().post("/sign-in", data={"login": "nobody"})
    for number in range(log_lines.ROWS + 5):
        town.file(f"公司{number}")
    written.sequence()
    reader, seen, address = browser("auditor"), [], "/log?act=file"
    while address:
        page = reader.get(address).text
        seen += re.findall(r"/log/entries/([0-9a-f-]{36})", page)
        following = re.search(r'href="(/log\?[^"]*before=\d+)">更早的', page)
        address = following[1].replace("&amp;", "&") if following else ""
    assert len(seen) == len(set(seen)) == len(written.bodies("file"))


# --- one entry -----------------------------------------------------------------------------------


def test_an_entry_is_told_in_words_and_proved_by_a_file(
    browser: Browsers, written: Written
) -> None:
    entry = written.bodies("file")[0]["id"]
    reader = browser("auditor")
    page = reader.get(f"/log/entries/{entry}").text
    for words in ("做了什么", "收件", "陈窗", "日志第几条", "叶散列", "在已签名的树头之下"):
        assert words in page, words
    body = reader.get(f"/log/entries/{entry}/body").content
    text = reader.get(f"/log/entries/{entry}/proof").text
    index, head = verify_proof(text, body, written.trusted)
    assert 0 <= index < head.size
    assert reader.get("/log/entries/" + "0" * 36).status_code == 404


def test_the_english_page_has_no_chinese_words_of_ours(browser: Browsers, written: Written) -> None:
    entry = written.bodies("file")[0]["id"]
    reader = browser("auditor")
    reader.get("/language/en?next=/")
    page = reader.get(f"/log/entries/{entry}").text
    assert "What was done" in page and "做了什么" not in page


def test_a_line_and_its_entry_name_the_deputy_and_the_delegator(
    browser: Browsers, written: Written, town: Town
) -> None:
    deputy = town.actor("zhao").model_copy(update={"on_behalf": town.ids["zhou"]})
    town.ports.disclosures.shown(deputy, Where("", ""), Shown("list", "notice"))
    written.sequence()
    reader = browser("auditor")
    page = reader.get("/log", params={"person": "zhao", "act": "list"}).text
    assert re.search(r"赵住建\s*代\s*周科长", page)
    entry = next(one for one in written.bodies("list") if one["who"].get("on_behalf"))
    assert re.search(r"代何人.{0,80}周科长", reader.get(f"/log/entries/{entry['id']}").text, re.S)


# --- who looked ----------------------------------------------------------------------------------


def test_who_looked_names_person_door_and_reason_and_not_who_worked(
    browser: Browsers, written: Written, town: Town
) -> None:
    clerk = browser("chen")
    token = clerk.token(f"/cases/{written.case_no}")
    answer = clerk.post(
        f"/cases/{written.case_no}/reveal",
        data={
            "csrf": token,
            "reason": "核对身份证原件",
            "purpose": "identify",
            "command": "c-1",
            "fields": "applicant.phone",
        },
    )
    assert answer.status_code == 200, answer.text
    written.sequence()
    page = browser("feng").get(f"/readers?case={written.case_no}").text
    assert "陈窗" in page and "查看个人信息" in page and "核对身份证原件" in page and "网页" in page
    assert "收件</a>" not in page and "/log/entries/" in page


def test_the_case_page_leads_supervisors_to_who_looked(browser: Browsers, written: Written) -> None:
    link = f"/readers?case={written.case_no}"
    assert link in browser("feng").get(f"/cases/{written.case_no}").text
    assert link not in browser("chen").get(f"/cases/{written.case_no}").text


# --- verify now ----------------------------------------------------------------------------------


@pytest.fixture
def quiet(town: Town) -> Iterator[None]:
    yield
    with town.web.begin() as connection:
        connection.execute(web_metadata.tables["verification"].delete())


def test_verify_now_starts_one_process_and_a_second_is_refused(
    browser: Browsers, written: Written, town: Town, quiet: None
) -> None:
    started = len(town.launched)
    reader = browser("auditor")
    form = {"csrf": reader.token("/verification")}
    assert reader.post("/verification", data=form, follow_redirects=False).status_code == 303
    again = reader.post("/verification", data=form)
    assert again.status_code == 409 and "已有一次核验正在进行" in again.text
    assert len(town.launched) == started + 1
    page = reader.get("/verification")
    assert "正在核验" in page.text and page.headers["refresh"] == "2"
    report = json.dumps({"log": {"entries": 7, "failures": [], "incomplete": []}, "steps": 3})
    with town.web.begin() as connection:
        verifications.end(connection, town.launched[-1], 0, report, datetime.now(UTC))
    page = reader.get("/verification")
    assert "完好" in page.text and "refresh" not in page.headers and "现在核验" in page.text


def test_one_whose_process_was_killed_makes_room_after_half_a_minute(
    written: Written, town: Town, quiet: None
) -> None:
    then = datetime.now(UTC)
    with town.web.begin() as connection:
        verifications.begin(connection, "first", "u:a", then)
    for later, room in ((verifications.DEAD_AFTER, False), (timedelta(seconds=31), True)):
        connection = town.web.connect()
        try:
            with connection.begin():
                verifications.begin(connection, f"second-{room}", "u:a", then + later)
            assert room
        except verifications.AlreadyRunning:
            assert not room
        finally:
            connection.close()
    with reading(town.web) as connection:
        first = verifications.find(connection, "first")
    assert first is not None and (first.running, first.exit_code) == (None, 3)


# --- speed ---------------------------------------------------------------------------------------


def test_every_search_of_120_000_lines_uses_an_index(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'web.sqlite'}")
    web_metadata.create_all(engine)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {
            "origin": ORIGIN, "seq": n, "entry_id": f"{n:036d}", "at": start + timedelta(minutes=n),
            "act": f"act-{n % 40}", "res": "deny" if n % 100 == 0 else "ok",
            "who": f"account:{n % 500}", "case_id": f"case-{n % 9000}",
        }
        for n in range(120_000)
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(log_line), rows)
    asked = [
        log_lines.LineQuery(),
        log_lines.LineQuery(case_id="case-77"),
        log_lines.LineQuery(who=["account:3"]),
        log_lines.LineQuery(acts=["act-7"]),
        log_lines.LineQuery(result="deny"),
        log_lines.LineQuery(since=start + timedelta(days=40), until=start + timedelta(days=41)),
        log_lines.LineQuery(who=["account:3"], acts=["act-3"], before=5_000),
    ]
    with reading(engine) as connection:
        for query in asked:
            compiled = log_lines._chosen(query).order_by(log_line.c.n.desc()).limit(51)
            text = str(compiled.compile(engine, compile_kwargs={"literal_binds": True}))
            plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text).fetchall()
            said = " ".join(str(row[3]) for row in plan)
            assert "SEARCH" in said or "SCAN log_line" == said, (query, said)
            lines, _ = log_lines.search(connection, query)
            assert lines and [one.n for one in lines] == sorted((o.n for o in lines), reverse=True)
        assert len(log_lines.acts(connection)) == 40
    engine.dispose()
