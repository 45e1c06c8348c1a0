"""The pages of signals: who sees what became of them, who plans a window, what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from sqlalchemy import Connection, delete, select

from audit.tables import audit_outbox
from audit.vault import SubjectVault
from cases.database import reading
from cases.incidents.signal import Signal
from cases.messages import Grant
from cases.signal_tables import signal, signals_metadata
from cases.window_tables import signal_window
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import Town
from tests.granting import regrant
from tests.signals.city import incident_of, reader
from tests.signals.city import signal as said
from yichuang.signals.reading import SignalRefused
from yichuang.signals.store import Delivery, SignalStore

NOW = datetime.now(UTC)


def take(town: Town, *signals: Signal, windows: Any = lambda: lambda _: "") -> None:
    """Have the town's own store of signals take some."""
    read = reader()
    store = SignalStore(
        town.signals, SubjectVault(town.signals, b"k" * 32), read.kinds, incident_of, windows
    )
    taken = []
    for n, one in enumerate(signals):
        delivery = Delivery(n, "sig.demo.web.x.plain", "web", one.id.encode(), None)
        try:
            delivery.taken = read.take(one, "web", NOW)
        except SignalRefused as no:
            delivery.refused = no
        taken.append(delivery)
    store.take(taken, NOW)


@contextmanager
def unguarded(connection: Connection) -> Iterator[None]:
    """Take the guards of signals and windows away and put them back: what no city can do."""
    guards = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'signal_%'"
    ).all()
    for name, _ in guards:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    for _, statement in guards:
        connection.exec_driver_sql(statement)


@pytest.fixture
def centre(town: Town) -> Iterator[None]:
    """Let two people sit in the command centre, for one test: the town serves every test."""
    before = {login: town.accounts.find(town.ids[login]) for login in ("jiang", "gaojian")}
    for login, role in (("jiang", "commander"), ("gaojian", "duty_officer")):
        regrant(town.web, town.ids[login], [Grant(role=role, department="zhzx")])
    yield
    for login, account in before.items():
        assert account is not None
        regrant(town.web, town.ids[login], account.grants)
    for engine, tables in (
        (town.signals, signals_metadata.sorted_tables), (town.web, [signal_window]),
    ):  # fmt: skip
        with engine.begin() as connection:
            with unguarded(connection):
                for table in tables:
                    connection.execute(delete(table))


@pytest.mark.usefixtures("centre")
@pytest.mark.parametrize(
    ("login", "status"),
    [("jiang", 200), ("gaojian", 200), ("intake", 200), ("chen", 403), ("sysadmin", 403)],
)
def test_signals_are_for_the_command_centre_and_the_operator(
    browser: Browsers, login: str, status: int
) -> None:
    for address in ("/signals", "/signals/windows"):
        assert browser(login).get(address).status_code == status


@pytest.mark.usefixtures("centre")
def test_the_list_says_what_became_of_each_and_not_what_was_said(
    town: Town, browser: Browsers
) -> None:
    now: dict[str, Any] = {"occurred_at": NOW}
    take(
        town, said("a", title="王某家漏水", text="王某", **now), said("b", **now),
        said("c", "noise", **now), said("d", "gone", **now),
    )  # fmt: skip
    page = browser("gaojian").get("/signals").text
    for words in ("立件", "并入", "已记", "同类、同地、同时", "聚集 1/5"):
        assert words in page
    assert "王某" not in page
    refused = browser("gaojian").get("/signals?state=refused").text
    assert "没有突发事件类型 gone" in refused
    with reading(town.signals) as connection:
        (one,) = connection.execute(select(signal.c.id).where(signal.c.key == "b")).scalars()
    assert "并入" in browser("gaojian").get(f"/signals/{one}").text
    assert browser("gaojian").get("/signals/no-such").status_code == 404


def post(page: Browser, address: str, data: dict[str, str] | None = None) -> Any:
    """Post as the page's own form does."""
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', page.get("/signals/windows").text)
    form = dict(data or {}) | ({"csrf": token.group(1)} if token else {})
    return page.post(address, data=form, follow_redirects=False)


def planned(**more: str) -> dict[str, str]:
    begin = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(hours=1)
    words = {
        "type": "noise", "source": "", "district": "", "street": "", "reason": "市民运动会",
        "starts_at": f"{begin:%Y-%m-%dT%H:%M}",
        "ends_at": f"{begin + timedelta(hours=2):%Y-%m-%dT%H:%M}",
    }  # fmt: skip
    return words | more


@pytest.mark.usefixtures("centre")
def test_a_commander_plans_a_window_ahead_and_lifts_it_and_both_are_entries(
    town: Town, browser: Browsers
) -> None:
    commander = browser("jiang")
    assert post(commander, "/signals/windows", planned()).status_code == 303
    page = browser("gaojian").get("/signals/windows").text
    assert "市民运动会" in page
    assert "尚未开始" in page
    assert "提前解除" not in page  # a duty officer only reads
    with reading(town.web) as connection:
        (window,) = connection.execute(select(signal_window.c.id)).scalars()
    assert post(commander, f"/signals/windows/{window}/lift").status_code == 303
    assert "已提前解除" in commander.get("/signals/windows").text
    assert post(commander, f"/signals/windows/{window}/lift").status_code == 409
    query = select(audit_outbox.c.body).where(audit_outbox.c.stream == "sys:windows")
    with reading(town.web) as connection:
        bodies = [orjson.loads(bytes(row.body)) for row in connection.execute(query)]
    assert [body["act"] for body in bodies[-2:]] == ["window_planned", "window_lifted"]
    assert {body["obj"]["id"] for body in bodies[-2:]} == {window}


@pytest.mark.usefixtures("centre")
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"type": ""}, "须指明类型或者来源"),
        ({"reason": " "}, "须写明理由"),
        ({"starts_at": "2026-01-01T00:00"}, "不能在过去"),
        ({"starts_at": "soon"}, "请填写日期和时刻"),
    ],
)
def test_a_window_that_may_not_be_planned_is_refused_in_words(
    browser: Browsers, wrong: dict[str, str], says: str
) -> None:
    answer = post(browser("jiang"), "/signals/windows", planned(**wrong))
    assert answer.status_code == 422
    assert says in answer.text


@pytest.mark.usefixtures("centre")
def test_a_duty_officer_may_not_plan(browser: Browsers) -> None:
    assert post(browser("gaojian"), "/signals/windows", planned()).status_code == 403
