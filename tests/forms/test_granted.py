"""准予许可决定公开: what is granted and in force is there for everybody, and nobody's person is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

import pytest
from starlette.testclient import TestClient

from cases import published
from cases.database import reading
from cases.views import Granted
from tests.forms.test_case import accepted, decided_upon
from tests.forms.town import ADDRESS, Town

PERMIT = {"construction-permit"}


def public_page(town: Town, path: str = "/granted") -> str:
    answer = TestClient(town.app(), base_url=ADDRESS).get(path)
    assert answer.status_code == 200
    return str(answer.text)


def granted(town: Town, name: str, **more: str) -> tuple[str, str]:
    case_no, case_id = decided_upon(town, name)
    town.order("zhou", "decide", {"result": "grant", **more}, case_id)
    return case_no, case_id


def listed(town: Town, *, page: int = 1, matters: set[str] = PERMIT) -> Granted:
    with reading(town.queries.engine) as connection:
        return published.granted_decisions(
            connection, town.queries.open, matters, date(2031, 12, 31), page
        )


def test_a_grant_is_there_for_everybody_with_number_organ_day_and_term(town: Town) -> None:
    _, case_id = decided_upon(town, "甲公司")
    assert "甲公司" not in public_page(town)
    town.order("zhou", "decide", {"result": "grant", "valid_until": "2031-12-31"}, case_id)
    text = public_page(town)
    row = text[: text.index("</tr>", text.index("甲公司"))].rpartition("<tr>")[2]
    assert "建筑工程施工许可" in row and "2031-12-31" in row and "已过期" not in row
    assert "云建许准〔" in row and "市住建局" in row
    assert "第四十条" in text
    assert 'href="/granted"' in public_page(town, "/status")


def test_nothing_personal_is_there(town: Town) -> None:
    case_no, case_id = granted(town, "乙公司", conditions="按图施工")
    text = public_page(town)
    code = town.queries.public_code(case_id)
    assert code and "乙公司" in text
    for private in ("王小明", "13900000001", "91990100MA0000001X", "学府路", case_no, code, "按图"):
        assert private not in text


def test_a_natural_person_is_named_by_the_masked_name_only(town: Town) -> None:
    granted(town, "丙公司")

    def a_person(sealed: Sequence[tuple[str, bytes, bytes]]) -> Sequence[bytes | None]:
        plain = [json.loads(one or b"{}") for one in town.queries.open(sealed)]
        return [
            json.dumps(one | {"kind": "natural_person", "name": "诸葛明亮"}).encode()
            for one in plain
        ]

    with reading(town.queries.engine) as connection:
        found = published.granted_decisions(connection, a_person, PERMIT, date(2026, 3, 2))
    assert {one.holder for one in found.decisions} == {"诸**亮"}
    assert "诸葛" not in found.model_dump_json()


def test_a_refused_a_withdrawn_and_an_undecided_one_are_not_listed(town: Town) -> None:
    _, refused = decided_upon(town, "丁公司")
    town.order("zhou", "decide", {"result": "refuse", "reasons": "不符合条件"}, refused)
    _, withdrawn = accepted(town, "戊公司")
    town.order("chen", "withdraw", {"reason": "不办了"}, withdrawn)
    accepted(town, "己公司")
    text = public_page(town)
    assert not [name for name in ("丁公司", "戊公司", "己公司") if name in text]


def test_a_revoked_licence_is_not_listed_as_in_force_any_more(town: Town) -> None:
    _, case_id = granted(town, "庚公司")
    for who, verb, body in (
        ("zheng", "certify", {"certificate": "建筑工程施工许可证"}),
        ("chen", "serve", {"method": "direct", "recipient": "庚公司"}),
        ("chen", "close", {}),
    ):
        town.order(who, verb, body, case_id)
    assert "庚公司" in public_page(town)
    town.order("wu", "revoke_licence", {"ground": "other", "reason": "违反法定程序"}, case_id)
    assert "庚公司" not in public_page(town)


def test_what_has_run_out_is_marked_from_the_day_after_its_last(town: Town) -> None:
    granted(town, "辛公司", valid_until="2031-12-30")
    granted(town, "壬公司", valid_until="2031-12-31")
    told = {one.holder: one.run_out for one in listed(town).decisions}
    assert (told["辛公司"], told["壬公司"]) == (True, False)


def test_pages_hold_each_decision_once_the_newest_first(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    granted(town, "癸公司")
    whole = listed(town).decisions
    monkeypatch.setattr(published, "PAGE", 1)
    pages = [listed(town, page=n) for n in range(1, len(whole) + 1)]
    assert tuple(one for page in pages for one in page.decisions) == whole
    assert {page.pages for page in pages} == {len(whole)}
    assert whole[0].holder == "癸公司"
    assert listed(town, page=999).page == len(whole)
    assert 'href="/granted?page=2"' in public_page(town)


def test_only_licences_are_published(town: Town) -> None:
    granted(town, "子公司")
    assert listed(town, matters={"information-disclosure"}).total == 0
