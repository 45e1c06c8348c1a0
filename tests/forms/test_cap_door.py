"""CAP messages at the door: who may, what follows, the same again, and not now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from audit.tables import audit_outbox
from cases.database import reading
from cases.incidents.cap import Alert, Area, Info, write_alert
from cases.messages import Actor, Grant
from catalogue.cap_sources import CapSources, load_cap_sources
from forms.entrance_ports import Where
from tests.forms.cap_signing import holder, signed
from tests.forms.town import ADDRESS, Town
from yichuang.cap_intake import CapIntake
from yichuang.web_intake import aside

SENT = datetime.now(UTC).replace(microsecond=0)
SENDER = "cap@qxt.yunchuan.example"


def alert(name: str, kind: str = "Alert", *named: Alert, minutes: int = 0, **said: object) -> Alert:
    info = Info("zh-CN", ("Met",), "暴雨", "Expected", "Extreme", "Likely", headline="暴雨红色预警",
                areas=(Area("全市"),))  # fmt: skip
    made = {"identifier": name, "sender": SENDER, "sent": SENT + timedelta(minutes=minutes),
            "status": "Actual", "kind": kind, "scope": "Public",
            "references": tuple(one.reference for one in named), "infos": (info,)}  # fmt: skip
    return Alert(**{**made, **said})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def client(town: Town) -> TestClient:
    return bearing(town, "weather", (Grant(role="service_signal", department="zhzx"),))


def bearing(town: Town, login: str, grants: tuple[Grant, ...]) -> TestClient:
    token = town.accounts.create_account(
        login, "气象台", "zhzx", at=datetime.now(UTC), by="system", kind="service", grants=grants,
        clearance=1,
    )[1]  # fmt: skip
    return TestClient(
        town.app(), base_url=ADDRESS,
        headers={"authorization": f"Bearer {token}", "content-type": "application/cap+xml"},
    )  # fmt: skip


def test_alert_update_and_cancel_are_signals_of_one_reference(
    town: Town, client: TestClient
) -> None:
    first = alert("one")
    second = alert("two", "Update", first, minutes=1)
    third = alert("three", "Cancel", first, second, minutes=2)
    answers = [client.post("/api/v1/cap", content=write_alert(one)) for one in (first, second)]
    assert [one.status_code for one in answers] == [202, 202]
    assert [one.json()["what"] for one in answers] == ["new", "update"]
    (known_as,) = answers[0].json()["signals"]
    fate = client.get(f"/api/v1/signals/{known_as}").json()
    assert fate["state"] == "incident"
    withdrawn = client.post("/api/v1/cap", content=write_alert(third)).json()
    assert withdrawn["what"] == "cancel"
    said = town.door.said[-3:]
    assert [one.change for one in said] == ["new", "update", "cancel"]
    assert len({one.reference for one in said}) == 1
    assert said[0].level == "red"
    (last,) = withdrawn["signals"]
    found = client.get(f"/api/v1/signals/{last}").json()
    assert (found["state"], found["turns"][0]["because"]) == ("merged", "withdrawn")


def test_the_same_message_again_is_the_same_and_another_under_its_name_is_refused(
    town: Town, client: TestClient
) -> None:
    body = write_alert(alert("again"))
    first = client.post("/api/v1/cap", content=body)
    before = len(town.door.said)
    again = client.post("/api/v1/cap", content=body)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["signals"] == first.json()["signals"]
    assert town.door.said[before:] == [town.door.said[before - 1]]  # and the store takes it once
    other = client.post("/api/v1/cap", content=write_alert(alert("again", note="别的")))
    assert (other.status_code, other.json()["code"]) == (409, "other_content")


def test_without_the_stream_the_sender_hears_not_now_and_the_same_goes_out_later(
    town: Town, client: TestClient
) -> None:
    body, before = write_alert(alert("away")), len(town.door.said)
    town.door.away = True
    try:
        assert client.post("/api/v1/cap", content=body).status_code == 503
    finally:
        town.door.away = False
    assert len(town.door.said) == before
    later = client.post("/api/v1/cap", content=body)
    assert (later.status_code, later.json()["what"]) == (202, "new")
    assert len(town.door.said) == before + 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no", 422),
        (write_alert(alert("x")).replace(b"?>", b'?><!DOCTYPE a SYSTEM "file:///x">'), 422),
        (write_alert(alert("x", sender="cap@stranger.example")), 422),
        (write_alert(alert("x", "Cancel")), 422),
        (b" " * (1024 * 1024 + 2048), 413),
    ],
)  # fmt: skip
def test_what_is_no_alert_of_a_known_sender_is_refused(
    town: Town, client: TestClient, body: bytes, status: int
) -> None:
    before = len(town.door.said)
    assert client.post("/api/v1/cap", content=body).status_code == status
    assert len(town.door.said) == before


def test_only_a_system_that_may_signal_is_heard(town: Town, client: TestClient) -> None:
    portal = bearing(town, "portal-cap", (Grant(role="service_intake", department="zjj"),))
    assert portal.post("/api/v1/cap", content=write_alert(alert("p"))).status_code == 403
    assert portal.get("/api/v1/signals/x").status_code == 403
    plain = client.post(
        "/api/v1/cap", content=b"{}", headers={"content-type": "application/json"}
    )  # fmt: skip
    assert plain.status_code == 415
    assert client.get("/api/v1/signals/nothing").status_code == 404


def test_each_message_is_an_entry_and_each_refusal(town: Town, client: TestClient) -> None:
    def entries() -> list[str]:
        with reading(town.web) as connection:
            rows = connection.execute(audit_outbox.select())
            return [row.body for row in rows if row.stream == "sys:alerts"]

    before = len(entries())
    client.post("/api/v1/cap", content=write_alert(alert("entered")))
    client.post("/api/v1/cap", content=b"no")
    taken, refused = entries()[before:]
    assert "alert_taken" in str(taken)
    assert "deny" in str(refused)


async def test_of_a_sender_with_a_certificate_only_what_it_signed_is_taken(town: Town) -> None:
    sender = holder("weather")
    shipped = load_cap_sources()
    sources = CapSources(
        sources=tuple(
            one.model_copy(update={"certificate": sender[1]}) if one.sender == SENDER else one
            for one in shipped.sources
        )
    )
    intake = CapIntake(
        town.web,
        sources,
        lambda: town.matters,
        town.door.submit,
        aside,
        str,
        lambda: datetime.now(UTC),
    )
    weather = Actor(
        id="s:signed-weather", kind="service", department="zhzx",
        grants=(Grant(role="service_signal", department="zhzx"),),
    )  # fmt: skip
    body, before = write_alert(alert("by-key")), len(town.door.said)
    for wrong in (body, signed(body, holder("mallory"))):
        no = await intake.take(weather, Where("127.0.0.1", ""), wrong)
        assert (no.what, no.code) == ("refused", "invalid")
        assert "签名" in no.faults[0]
    assert len(town.door.said) == before
    taken = await intake.take(weather, Where("127.0.0.1", ""), signed(body, sender))
    assert (taken.what, len(town.door.said)) == ("new", before + 1)
    other = write_alert(alert("of-water", sender="cap@slj.yunchuan.example"))
    assert (
        await intake.take(weather, Where("127.0.0.1", ""), other)
    ).what == "new"  # it has no certificate
