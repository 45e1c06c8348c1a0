"""The page on which a report is typed: it becomes one signal, with its place, and says what of it
became."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from cases.messages import Grant
from tests.forms.entering import sign_in_fully
from tests.forms.town import ADDRESS, Town
from tests.granting import regrant

ZONE = ZoneInfo("Asia/Shanghai")
PATH = "/incidents/new"


@pytest.fixture(scope="module")
def client(town: Town) -> TestClient:
    regrant(town.web, town.ids["qian"], [Grant(role="duty_officer", department="zhzx")])
    client = TestClient(town.app(), base_url=ADDRESS)
    sign_in_fully(client, town, "qian")
    return client


def asked(client: TestClient) -> dict[str, str]:
    """Return a filled form, with its token and id."""
    page = client.get(PATH).text
    names = ("csrf", "command")
    found = {name: re.search(rf'name="{name}" value="([^"]+)"', page) for name in names}
    assert all(found.values())
    return {
        "channel": "hotline", "type": "manhole", "level": "", "title": "学府路井盖没了",
        "occurred_at": f"{datetime.now(ZONE) - timedelta(minutes=2):%Y-%m-%dT%H:%M}", "text": "",
        "address": "学府路8号门前", "cell": "", "lon": "", "lat": "", "name": "王小明",
        "phone": "13900000001", **{name: match[1] for name, match in found.items() if match},
    }  # fmt: skip


def posted(client: TestClient, change: Mapping[str, str]) -> tuple[int, str, str]:
    answer = client.post(PATH, data={**asked(client), **change}, follow_redirects=False)
    return answer.status_code, answer.headers.get("location", ""), answer.text


def test_a_call_becomes_a_signal_and_the_page_says_what_became_of_it(
    client: TestClient, town: Town
) -> None:
    status, address, _ = posted(client, {})
    assert status == 303
    said = town.door.said[-1]
    assert (said.source, said.type, said.title) == ("page/hotline", "manhole", "学府路井盖没了")
    assert said.reporter is not None
    assert said.reporter.phone == "13900000001"
    told = client.get(address).text
    assert "立件" in told
    assert re.search(r'href="/incidents/[0-9a-f-]{36}"', told)
    assert "13900000001" not in told


def test_a_form_posted_twice_is_one_report(client: TestClient, town: Town) -> None:
    form = asked(client)
    first, second = (client.post(PATH, data=form, follow_redirects=False) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]


def test_a_cell_or_a_point_is_the_place(client: TestClient, town: Town) -> None:
    cell = town.matters.grid.cells[5]
    posted(client, {"cell": cell.id, "address": ""})
    place = town.door.said[-1].place
    assert (place.cell, place.district) == (cell.id, cell.district)
    lon, lat = (f"{one:.6f}" for one in cell.centre)
    posted(client, {"lon": lon, "lat": lat, "address": ""})
    assert town.door.said[-1].place.cell == cell.id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "nonsense"}, "请选择类型"), ({"channel": "x"}, "请选择来路"),
        ({"title": " "}, "请用一句话写明"), ({"occurred_at": "x"}, "请填写日期和时刻"),
        ({"address": ""}, "请写明地点"), ({"lon": "112.4", "lat": ""}, "两个都要写"),
        ({"lon": "100.0", "lat": "33.1"}, "这个点不在本市"), ({"level": "purple"}, "填写有误"),
        ({"occurred_at": f"{datetime.now(ZONE) + timedelta(hours=1):%Y-%m-%dT%H:%M}"}, "在将来"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_said_beside_its_field_and_all_typed_stays(
    client: TestClient, town: Town, change: Mapping[str, str], words: str
) -> None:
    before = len(town.door.said)
    status, _, page = posted(client, {"text": "井边有围栏", **change})
    assert status == 422
    assert words in page
    assert "井边有围栏" in page
    assert len(town.door.said) == before


def test_without_the_stream_the_page_keeps_what_was_typed(client: TestClient, town: Town) -> None:
    town.door.away = True
    try:
        status, _, page = posted(client, {})
    finally:
        town.door.away = False
    assert status == 503
    assert "学府路8号门前" in page
    assert "再按一次" in page


def test_who_may_not_report_has_no_such_page(town: Town) -> None:
    clerk = TestClient(town.app(), base_url=ADDRESS)
    sign_in_fully(clerk, town, "zhao")
    assert clerk.get(PATH).status_code == 403
