"""A town with cases that its attackers may not know, and browsers for those attackers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from httpx2 import Response
from pydantic import JsonValue
from sqlalchemy import insert, update
from starlette.testclient import TestClient

from audit.logstore import LogReader, found_log
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from cases import census, leases, tables
from cases.census import Looked
from cases.census_view import LEASE
from cases.database import reading
from cases.messages import Grant, Outcome, Source
from cases.payments import RequestPayment
from cases.state import CaseState
from catalogue.matters import Label
from policies.scopes import RECUSED
from tests.attack.routes import ROUTES
from tests.cases.test_payments import body as payment_body
from tests.forms.conftest import Browser
from tests.forms.town import ADDRESS, Town

ATTACKERS = ("huang", "jiang", "gaojian")
"""Window and section clerk, head of section and organ, supervisor: all of 民政局, which has no part
in a construction permit."""

NOWHERE = "ZJJ-SGXK-2026-999999"
"""Number of a case that is not there."""

OPINION = {"task": "review-planning", "result": "agree", "text": "符合规划"}
SAID: dict[str, JsonValue] = {
    "watched": 0, "waiting": 0, "unproven": 0, "away": "", "away_since": None,
    "late_hour": {"count": 0}, "late_day": {"count": 0},
}  # fmt: skip


@dataclass
class Ground:
    """The town, and what was put there that attackers must not learn of."""

    town: Town
    folder: Path
    before: dict[tuple[str, str], str] = field(default_factory=dict)
    """Login and address → the page as it was before there was any hidden case."""
    cases: dict[str, Outcome] = field(default_factory=dict)
    """Why a case is hidden → the case."""
    document: str = ""
    upload: str = ""
    payment: str = ""
    entry: str = ""

    def hide(self) -> None:
        """Put the hidden cases there, each with everything that hangs on a case."""
        self.cases["department"] = self._filed("甲公司")
        case_id = self.cases["department"].case_id
        self.town.order("qian", "opine", OPINION, case_id)
        card = {"ground": "illegal_fee", "text": "收取复印费二十元"}
        self.town.order("feng", "issue_card", card, case_id)
        self.cases["label"] = self._relabelled(4, ())
        self.cases["compartment"] = self._relabelled(2, ("涉军",))
        self.cases["recused"] = self._recused()
        view = self.town.queries.case_view(case_id, datetime.now(UTC))
        assert view is not None and view.documents
        self.document = view.documents[0].id
        kept = self.town.ports.uploads.keep(
            self.town.actor("chen"), "图.pdf", "application/pdf", b"%PDF-1.4 secret drawing"
        )
        self.upload = kept.id
        self.town.ports.uploads.hand_over(self.town.actor("chen"), [kept.id], case_id)
        asked = self.town.ports.payments.request(
            self.town.actor("zhao"),
            Source(door="web"),
            str(uuid4()),
            RequestPayment.model_validate(payment_body(department="zjj")),
        )
        assert asked.payment, asked
        self.payment = asked.payment
        self._wrong_timer(case_id)
        self._log()

    def _filed(self, name: str) -> Outcome:
        filed = self.town.file(name)
        self.town.order("chen", "accept", {"mode": "plain"}, filed.case_id)
        return filed

    def _changed(self, case_id: str, label: Label) -> None:
        """Write another label into the rows, as a matter with such a label would."""
        state = self.town.queries.state(case_id)
        assert state is not None
        plan = state.plan.model_copy(update={"label": label})
        self._save(state.model_copy(update={"plan": plan}))
        marked = "".join(f"|{one}" for one in label.compartments)
        values = {"label_level": label.level, "compartments": f"{marked}|" if marked else ""}
        with self.town.cases.begin() as connection:
            connection.execute(
                update(tables.case).where(tables.case.c.id == case_id).values(**values)
            )
            for one in label.compartments:
                connection.execute(
                    insert(tables.case_compartment).values(case_id=case_id, compartment=one)
                )

    def _save(self, state: CaseState) -> None:
        with self.town.cases.begin() as connection:
            connection.execute(
                update(tables.state)
                .where(tables.state.c.case_id == state.case_id)
                .values(state=state.model_dump_json())
            )

    def _relabelled(self, level: int, compartments: tuple[str, ...]) -> Outcome:
        filed = self._filed("乙公司")
        self._changed(filed.case_id, Label(level=level, compartments=compartments))
        return filed

    def _recused(self) -> Outcome:
        filed = self._filed("丙公司")
        state = self.town.queries.state(filed.case_id)
        assert state is not None
        me = self.town.ids["chen"]
        self._save(state.model_copy(update={"hands": {**state.hands, RECUSED: (me,)}}))
        with self.town.cases.begin() as connection:
            connection.execute(
                insert(tables.hand).values(case_id=filed.case_id, act=RECUSED, person=me)
            )
        return filed

    def _wrong_timer(self, case_id: str) -> None:
        at = datetime.now(UTC) - timedelta(seconds=5)
        with self.town.cases.begin() as connection:
            look = Looked(case_id, 1, at, fault="unarmed", fault_since=at)
            census.save(connection, [look])

    def _log(self) -> None:
        files = self.folder / "log.key", self.folder / "signed.json"
        init_signer(*files, "town.example/log")
        with closing(Signer(*files)) as signer:
            sources = {"cases": self.town.cases, "web": self.town.web}
            sequencer = Sequencer(self.town.log, sources, signer)
            sequencer.drain()
            sequencer.seal()
        stream = f"case:{self.cases['department'].case_id}"
        with reading(self.town.log) as connection:
            entries = LogReader(connection).entries()
            self.entry = next(one.entry_id for one in entries if one.stream == stream)

    def service(self, *grants: Grant) -> TestClient:
        """Return a client of a registered system with these grants."""
        token = self.town.accounts.create_account(
            f"s{uuid4().hex[:8]}", "门户", "mzj", at=datetime.now(UTC), by="system",
            kind="service", grants=grants, clearance=2,
        )[1]  # fmt: skip
        bearer = {"authorization": f"Bearer {token}"}
        return TestClient(self.town.app(), base_url=ADDRESS, headers=bearer)


Browsers = Callable[[str], Browser]


@pytest.fixture(scope="package")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("attacked")
    town = Town(folder)
    found_log(town.log, "town.example/log")
    with town.cases.begin() as connection:
        at = datetime.now(UTC)
        leases.take(connection, LEASE, "w", at, timedelta(hours=1))
        leases.note(connection, LEASE, "w", at, SAID)
    return Ground(town, folder)


@pytest.fixture(scope="package")
def browser(bare: Ground) -> Iterator[Browsers]:
    """Each person signs in once for all tests here."""
    app, known = bare.town.app(), dict[str, Browser]()
    app.state.closing.set()  # a stream tells what is so now, and ends

    def make(login: str) -> Browser:
        if login not in known:
            known[login] = Browser(app, base_url=ADDRESS, headers={"origin": ADDRESS})
            known[login].town = bare.town
            known[login].sign_in(login)
        return known[login]

    yield make


_MOVING = re.compile(
    r"[0-9a-f]{64}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(\d{4}-)?\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?|(?:T|\b)\d{2}:\d{2}(:\d{2}(\.\d+)?)?\b"
    r"|kept(=|%3D)[\w%=-]+"
)


def plain(text: str, *named: str) -> str:
    """Return an answer without what differs from one request to the next: tokens, ids, instants,
    and what the request itself had named."""
    for one in named:
        text = text.replace(one, "")
    return _MOVING.sub("*", text)


def of(kind: str, *, rest: bool = False) -> list[str]:
    return sorted(name for name, one in ROUTES.items() if one == kind and ("/api/" in name) is rest)


LISTS = {
    "GET /cases": ("/cases", "/cases?state=open", "/cases?state=overdue", "/cases?text=甲公司",
                   "/cases?department=zjj", "/cases?matter=construction-permit",
                   "/cases?stage=review"),
    "GET /cases.csv": ("/cases.csv", "/cases.csv?text=甲公司", "/cases.csv?scope=team"),
    "GET /acceptance": ("/acceptance?matter=construction-permit", "/acceptance"),
    "GET /supervision": ("/supervision", "/supervision?department=zjj"),
    "GET /process": ("/process", "/process?share=100&by_itself=1", "/process?kind=incident"),
    "GET /process/passages": ("/process/passages?source=file&target=accept",),
    "GET /process/held": ("/process/held?holder_kind=department&holder=zjj",),
    "GET /supervision/cases": (
        "/supervision/cases?count=received", "/supervision/cases?count=handled&duty=zjj",
        "/supervision/cases?count=steps_open", "/supervision/cases?count=reminders",
    ),
    "GET /supervision/departments": ("/supervision/departments",),
    "GET /supervision/shares": ("/supervision/shares", "/supervision/shares?clock=statutory"),
    "GET /supervision/shares/clocks": ("/supervision/shares/clocks?holder=department:zjj",),
    "GET /process/events/{form}": (),  # holds the log's own size; tests/forms/test_event_data.py
    "GET /supervision/report/{month}": ("/supervision/report/2026-11",),
    "GET /calendar": ("/calendar",),
    "GET /payments": ("/payments", "/payments?outcome=payable"),
    "GET /readers": ("/readers",),
    "POST /bulk": (),  # a hidden number is answered like none: tried by itself
    "POST /find": (),  # leads to GET /cases, or to a case: tried by itself
    "GET /plan": (),  # counts of the whole city, which /progress shows to everybody
    "GET /dashboard": (),  # the plan's figures count every case, for everybody; tests/forms tries
    "GET /projects.xlsx": (),  # the rows of /projects; its bytes hold the hour
    "GET /log": (),  # below: the log itself grows
}  # fmt: skip
"""Addresses to ask where the bare route is not enough."""


def addresses() -> list[str]:
    return [one for name in of("list") for one in LISTS.get(name, (name.split(" ")[1],))]


@pytest.fixture(scope="package")
def ground(bare: Ground, browser: Browsers) -> Ground:
    """Every list as it is without the hidden cases; then the cases."""
    for login in (*ATTACKERS, "chen"):
        for path in addresses():
            bare.before[login, path] = seen(browser(login).get(path))
    bare.hide()
    return bare


def seen(answer: Response) -> str:
    # What prints a page stamps the moment into it; which cases it is about is in the text.
    content = re.sub(rb"20\d\d-\d\d-\d\d", b"*", answer.content)
    return plain(f"{answer.status_code} {content.decode(errors='replace')}")
