"""The window takes over what earlier cases of the same applicant say: cut by policy, told to the
log first, and free to be changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from httpx2 import Response
from sqlalchemy import update

from cases import tables
from cases.facts import CaseFacts
from cases.messages import Actor
from tests.forms.conftest import Browser, Browsers
from tests.forms.test_citizens import bodies_of
from tests.forms.test_related import filed
from tests.forms.town import ADDRESS, Town

PATH = "/new/construction-permit"


def looked(page: Browser, **typed: str) -> Response:
    html = page.get(PATH).text
    names = ("csrf", "command")
    form: dict[str, Any] = {
        name: re.search(rf'name="{name}" value="([^"]+)"', html)[1]  # type: ignore[index]  # there
        for name in names
    }
    form |= {name.replace("__", "."): text for name, text in typed.items()}
    return page.post(PATH, data=form | {"do": "earlier"})


def value(html: str, name: str) -> str:
    tag = html.split(f'name="{name}"', 1)[1].split(">", 1)[0]
    return tag.split('value="', 1)[1].split('"', 1)[0]


def looks(town: Town) -> list[dict[str, Any]]:
    return [one for one in bodies_of(town) if one["act"] == "read_personal"]


def test_what_was_said_before_is_filled_in_with_whence_and_when(
    town: Town, browser: Browsers
) -> None:
    case_no, case_id = filed(town, "己方有限公司", "91990100MA0000201X")
    before = len(looks(town))
    page = browser("chen")
    shown = looked(
        page, applicant__id_number="91990100MA0000201X", applicant__phone="13911112222"
    ).text
    assert value(shown, "applicant.name") == "己方有限公司"
    assert value(shown, "form.contact") == "王小明"
    assert value(shown, "applicant.phone") == "13911112222", "what was typed stays"
    assert re.search(rf"按 {case_no}（\d{{4}}-\d\d-\d\d 收件）所填", shown)
    assert value(shown, "form.floor_area_m2") == "", "of the applicant alone, not of the work"
    (entry,) = looks(town)[before:]
    assert entry["obj"]["id"] == case_id
    told = set(entry["obj"]["step"].split(","))
    assert {"applicant.name", "form.contact"} <= told and "applicant.phone" not in told


def test_a_case_that_policy_hides_fills_nothing_and_is_not_hinted_at(
    town: Town, browser: Browsers
) -> None:
    case_no, case_id = filed(town, "庚方有限公司", "91990100MA0000202X")
    with town.cases.begin() as connection:
        connection.execute(
            update(tables.case).where(tables.case.c.id == case_id).values(label_level=4)
        )
    before = len(looks(town))
    shown = looked(browser("chen"), applicant__id_number="91990100MA0000202X").text
    unknown = looked(browser("chen"), applicant__id_number="91990100MA0009999X").text
    assert "庚方" not in shown and case_no not in shown
    said = "没有查到这个号码以前的办件里可以带出的内容，或者您无权查看"
    assert said in shown and said in unknown
    assert len(looks(town)) == before


def test_without_a_number_nobody_is_looked_for(town: Town, browser: Browsers) -> None:
    assert "请先填写申请人的证件号码" in looked(browser("chen"), applicant__name="己方").text


def test_half_a_number_finds_nobody(town: Town, browser: Browsers) -> None:
    filed(town, "辛方有限公司", "91990100MA0000203X")
    shown = looked(browser("chen"), applicant__id_number="91990100MA0000203").text
    assert "没有查到" in shown and "辛方" not in shown


class Overtaken:
    """Reads as the town does; what it finds by a number is secret by the time it is opened."""

    def __init__(self, town: Town) -> None:
        self.reader, self.found = town.ports.reader, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reader, name)

    def earlier(self, actor: Actor, number: str, most: int) -> Sequence[str]:
        found = self.reader.earlier(actor, number, most)
        self.found += len(found)
        return found

    def find(self, case_no: str) -> CaseFacts | None:
        facts = self.reader.find(case_no)
        return facts and facts.model_copy(update={"label_level": 4})


def test_policy_is_asked_again_of_each_case_that_was_found(town: Town, browser: Browsers) -> None:
    case_no, _ = filed(town, "壬方有限公司", "91990100MA0000204X")
    reader: Any = Overtaken(town)
    page = Browser(
        town.app(ports=replace(town.ports, reader=reader)),
        base_url=ADDRESS, headers={"origin": ADDRESS},
    )  # fmt: skip
    page.town = town
    page.sign_in("chen")
    before = len(looks(town))
    shown = looked(page, applicant__id_number="91990100MA0000204X").text
    assert reader.found == 1 and "没有查到" in shown
    assert "壬方" not in shown and case_no not in shown and len(looks(town)) == before
