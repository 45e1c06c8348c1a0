"""docs/entries.md knows every act that a town writes, and each act it knows is seen somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from cases.grant_changes import Rights
from cases.incidents.messages import INCIDENT_BODIES
from cases.messages import BODIES
from cases.projects.messages import PROJECT_BODIES
from forms import log_words
from forms.app import routes
from forms.guard import PageRoute
from forms.letter_ports import DeadLetter
from forms.ports import Options
from forms.words import VERBS
from policies.vocabulary import ACTS
from tests.forms.entering import sign_in_fully
from tests.forms.town import ADDRESS, HOST, PASSWORD, Town
from tests.granting import guards, regrant
from yichuang.acts import RELEASES, workflow_of

ROOT = Path(__file__).parents[2]
GROUPS = {
    "orders": frozenset(BODIES),
    "release orders": RELEASES,
    "incident orders": frozenset(INCIDENT_BODIES),
    "project orders": frozenset(PROJECT_BODIES),
    "policy acts": frozenset(act for acts in ACTS.values() for act in acts),
}


@dataclass(frozen=True)
class Row:
    """One line of the page's table."""

    streams: tuple[str, ...]
    acts: frozenset[str]
    named: frozenset[str]
    """Those that are not of a group."""
    workflow: str
    seen: str

    def fits(self, stream: str, act: str) -> bool:
        return act in self.acts and any(re.fullmatch(_pattern(s), stream) for s in self.streams)


def _pattern(stream: str) -> str:
    return re.sub(r"<\w+>", "[^:]+", stream)


def documented() -> list[Row]:
    found = []
    for line in (ROOT / "docs/entries.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and cells[0].startswith("`"):
            names = re.findall(r"`([^`]+)`", cells[1])
            named = frozenset(name for name in names if not name.startswith("{"))
            acts = named.union(*(GROUPS[name[1:-1]] for name in names if name not in named))
            streams = tuple(re.findall(r"`([^`]+)`", cells[0]))
            found.append(Row(streams, acts, named, cells[4], cells[5]))
    assert found
    return found


def bodies_of(town: Town) -> Iterator[dict[str, Any]]:
    """Yield every entry of the town's stores."""
    for engine in (town.cases, town.web, town.readings):
        with engine.connect() as connection:
            if not engine.dialect.has_table(connection, "audit_outbox"):
                continue
            for (body,) in connection.execute(text("SELECT body FROM audit_outbox")):
                yield orjson.loads(bytes(body))


def undocumented(bodies: Iterator[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return stream and act of what the page does not know."""
    rows = documented()
    acts = {(body["s"]["id"], body["act"]) for body in bodies}
    return sorted(one for one in acts if not any(row.fits(*one) for row in rows))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A town in which people have worked, looked, tried and failed."""
    town = Town(tmp_path_factory.mktemp("entries"))
    town.letters.letters["7"] = DeadLetter(
        "7", "cmd.demo.zjj.x.case.file", datetime.now(UTC), "malformed", "data", "open", "{}"
    )
    filed = town.file()
    town.order("chen", "accept", {}, filed.case_id)
    _clerk(town, filed.case_no)
    _others(town, filed.case_no)
    return town


def _clerk(town: Town, case_no: str) -> None:
    client = _at_the_door(town, "chen")
    for path in (
        "/", "/team", "/cases", "/notices", f"/cases/{case_no}", f"/cases/{case_no}/do/urge",
        "/supervision", "/accounts", "/census",
    ):  # fmt: skip
        client.get(path)
    page = client.get(f"/cases/{case_no}?tab=documents").text
    document = re.search(rf"/cases/{case_no}/documents/([\w-]+)", page)
    assert document and client.get(document[0]).status_code == 200
    _post(
        client,
        f"/cases/{case_no}/reveal",
        reason="核对身份",
        purpose="identify",
        fields="applicant.phone",
        command=str(uuid4()),
    )
    wrong = {"old": PASSWORD, "new": "chen-chen-chen", "again": "chen-chen-chen"}
    _post(client, "/password", **wrong)
    client.post(f"/cases/{case_no}/reveal", data={"csrf": "0" * 64})
    _post(client, "/sign-out")


def _others(town: Town, case_no: str) -> None:
    stranger = TestClient(town.app(), base_url=ADDRESS)
    for _ in range(6):
        form = {"login": "zhao", "password": "wrong", "csrf": _token(stranger, "/sign-in")}
        stranger.post("/sign-in", data=form)
    supervisor = _at_the_door(town, "feng")
    for path in ("/supervision", "/supervision.csv", "/supervision/clocks"):
        assert supervisor.get(path).status_code == 200
    intake = _at_the_door(town, "intake")
    for path in ("/letters", "/letters/7"):
        assert intake.get(path).status_code == 200
    admin = _at_the_door(town, "sysadmin")
    assert admin.get("/accounts").status_code == 200
    _post(admin, "/accounts", login="Not A Login", name="x", department="zjj", kind="human")
    token = town.accounts.create_account(
        "portal", "门户", "zjj", at=datetime.now(UTC), by="system", kind="service"
    )[1]
    for bearer in (token, "wrong"):
        client = TestClient(
            town.app(), base_url=ADDRESS, headers={"authorization": f"Bearer {bearer}"}
        )
        client.get(f"/api/v1/cases/{case_no}")
    spare = town.ids["editor"]
    town.accounts.renew(spare, "u:x", datetime.now(UTC))
    for ending in ("refuse", "withdraw"):
        _propose(town, spare, ending)
    regrant(town.web, spare, (), clearance=2, record=town.changes.record)
    town.accounts.revoke_sessions(spare, "u:x", datetime.now(UTC))
    town.accounts.close(spare, "u:x", datetime.now(UTC))


def _propose(town: Town, account: str, ending: str) -> None:
    one, other = guards(town.web)
    changes, now = town.changes, datetime.now(UTC)
    key = changes.propose(account, Rights((), 1), "岗位调整", one, now)
    if ending == "refuse":
        changes.refuse(key, "依据不足", other, now)
    else:
        changes.withdraw(key, one, now)


def _at_the_door(town: Town, login: str) -> TestClient:
    client = TestClient(town.app(), base_url=ADDRESS)
    sign_in_fully(client, town, login)
    return client


def _post(client: TestClient, path: str, **form: str) -> None:
    client.post(path, data=form | {"csrf": _token(client)}, follow_redirects=False)


def _token(client: TestClient, path: str = "/password") -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get(path).text)
    assert found
    return found[1]


def test_every_act_a_town_writes_is_documented(town: Town) -> None:
    assert undocumented(bodies_of(town)) == []


def test_every_act_said_to_be_seen_in_the_town_is(town: Town) -> None:
    acts = {(body["s"]["id"], body["act"]) for body in bodies_of(town)}
    missing = []
    for row in documented():
        if row.seen == "town":
            there = {act for stream, act in acts if row.fits(stream, act)}
            assert there, row
            missing += sorted(row.named - there)
    assert missing == []


def _told_of(act: str, words: str) -> bool:
    """Whether a test's text has the act, or the constant that is it."""
    source = "".join(path.read_text("utf-8") for path in (ROOT / "yichuang").glob("*.py"))
    names = re.findall(rf'^(\w+)(?:: Final)? = "{re.escape(act)}"$', source, re.M)
    return f'"{act}"' in words or any(re.search(rf"\b{name}\b", words) for name in names)


UNSEEN = {"alarm_updated", "alarm_withdrawn", "release_retimed"}
"""Written where the others of their stream are; no test makes late readings withdraw an alarm, or
waits for the minutes until a retiming ends."""


def test_every_other_act_names_the_test_that_sees_it() -> None:
    for row in documented():
        if row.seen != "town":
            if row.seen == "-":
                assert row.acts <= UNSEEN
                continue
            words = "".join((ROOT / one).read_text("utf-8") for one in row.seen.split())
            if not row.acts > row.named:
                assert {act for act in row.named if not _told_of(act, words)} == set(), row


def test_what_the_page_says_of_workflows_is_what_is_reconciled() -> None:
    for row in documented():
        for stream in row.streams:
            for act in row.acts:
                known = workflow_of(stream.replace("<", "").replace(">", ""), act)
                assert known == row.workflow, (stream, act)


def test_a_denied_password_change_and_a_lock_are_entries_with_their_codes(town: Town) -> None:
    why = {(b["act"], b.get("why")) for b in bodies_of(town) if b["res"] == "deny"}
    assert why >= {
        ("sign_in", "wrong_password"),
        ("sign_in", "locked"),
        ("sign_in", "wrong_token"),
        ("password_change", "weak_password"),
        ("account_create", "bad_login"),
        ("request", "wrong_token"),
        ("supervise", "no_permission"),
    }


def test_who_looked_at_a_case_is_told_by_its_id(town: Town) -> None:
    read = [
        body
        for body in bodies_of(town)
        if body["act"] == "read" and body["obj"]["type"] == "case" and body["res"] == "ok"
    ]
    assert len({body["obj"]["id"] for body in read}) == 1
    assert {body["who"]["kind"] for body in read} == {"human"}


NOTHING_PERSONAL = {
    "/healthz", "/sign-in", "/sign-in/second", "/sign-in/set-up", "/enrol", "/prove", "/security",
    "/security/factor", "/security/codes", "/language/{language}", "/granted", "/verify",
    "/guides", "/guides/{matter}", "/mine/sign-in", "/mine/go", "/mine/callback",
    "/mine/signed-out", "/mine/leave",
    "/verify/{code}", "/verify/receipt", "/verify/receipt/{file}",
    "/password", "/alarms", "/alarms/dead", "/alarms/{alarm}", "/census",
    "/backups", "/integrations",
    "/signals", "/signals/{signal}", "/signals/windows",
    "/calendar", "/releases", "/rules", "/rules/{pack}", "/verification", "/erasures",
    "/duty", "/duty/of/{department}", "/duty/of/{department}/hand-over",
    "/duty/shifts/{shift}/stand-in", "/duty/contacts",
    "/payments/new", "/deputies", "/policy", "/policy/new", "/policy/{release}",
    "/process/events", "/progress", "/suggest", "/plan", "/plan/{kpi}/report",
    "/responsibility", "/incidents/new", "/warnings", "/warnings/new", "/warnings/{warning}",
    "/projects/new", "/fund/open", "/fund/allotments/new", "/fund/contracts/new", "/fund/uses/new",
    "/payments/{payment}/review", "/payments/{payment}/return", "/payments/{payment}/pay",
    "/payments/{payment}/release", "/payments/{payment}/reverse",
    "/warnings/{warning}/adjust", "/warnings/{warning}/lift", "/alerts/{warning}.cap",
    "/alerts/{warning}/{seq:int}.cap", "/alerts.atom",
    "/bulk", "/counts", "/filters", "/filters/{saved}", "/me", "/preferences",
    "/still-here.svg",
    "/designer", "/designer/words", "/designer/{draft}", "/designer/{draft}/changes",
    "/designer/{draft}/form",
    "/designer/{draft}/papers/{kind}", "/releases/{release}", "/releases/{release}/form",
    "/releases/{release}/papers/{kind}",
}  # fmt: skip
"""Law, versions, drafts of them, stations, forms before a session, and what is one's own: roles,
sign-ins, habits, kept filters. Case numbers are no personal data; samples are of nobody."""
ITS_OWN = {
    "/status", "/suggest/rate",
    "/cases/{case_no}/documents/{document}", "/cases/{case_no}/documents/{document}/inline",
    "/cases/{case_no}/materials/{upload}",
    "/supervision/report/{month}", "/readers", "/incidents/{incident}/papers/{kind}",
    "/process/events/{form}",
    "/incidents/{incident}/files/{upload}", "/projects/{project}/papers/{upload}",
    "/projects/{project}/performance/files/{upload}",
    "/dashboard/report", "/mine", "/mine/{case_no}", "/apply/{matter}",
    "/mine/{case_no}/withdraw", "/mine/{case_no}/papers/{paper}", "/status/{case_no}/{code}",
}  # fmt: skip
"""Whose handler writes the entry itself."""


def test_every_page_says_what_it_shows_of_people() -> None:
    silent = {
        route.path
        for route in routes(Options("城", ADDRESS, (HOST,)))
        if isinstance(route, PageRoute) and "GET" in (route.methods or ()) and route.shows is None
    }
    assert silent == NOTHING_PERSONAL | ITS_OWN


def test_every_act_of_the_page_has_a_word_for_the_office() -> None:
    acts = {act for row in documented() for act in row.acts}
    assert not {act for act in acts if act not in log_words.ACTS and act not in VERBS}
