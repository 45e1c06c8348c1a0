"""Related cases: of one applicant, of one project, and not a word of what may not be known."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from cases import tables
from tests.forms.conftest import Browsers
from tests.forms.town import PERMIT_FORM, Town, company

PROJECT = "2026-990100-83-01-000123"


def filed(town: Town, name: str, number: str, project: str = "") -> tuple[str, str]:
    """File a permit for somebody of this number, of a project where one is named."""
    permit = next(
        one for one in town.ports.catalogue.matters() if one.code == "construction-permit"
    )
    body: dict[str, Any] = {
        "matter": permit.code,
        "version": permit.version,
        "applicant": company(name) | {"id_number": number},
        "form": PERMIT_FORM,
        "materials": [{"code": m.code, "copies": 1} for m in permit.materials if m.required],
        "project_code": project,
    }
    outcome = town.order("chen", "file", body)
    return outcome.case_no, outcome.case_id


def test_cases_of_one_applicant_and_of_one_project_lead_to_each_other(
    browser: Browsers, town: Town
) -> None:
    mine, _ = filed(town, "甲方有限公司", "91990100MA0000101X", PROJECT)
    same, _ = filed(town, "甲方有限公司", "91990100MA0000101X")
    project, _ = filed(town, "乙方有限公司", "91990100MA0000102X", PROJECT)
    other, _ = filed(town, "丙方有限公司", "91990100MA0000103X", "2026-990100-83-01-000999")
    html = browser("chen").get(f"/cases/{mine}").text
    applicant, of_project = html.split("同一投资项目")
    assert f"/cases/{same}" in applicant.split("同一申请人")[1]
    assert f"/cases/{project}" in of_project and f"/cases/{project}" not in applicant
    assert other not in html
    alone = browser("chen").get(f"/cases/{other}").text
    assert "相关办件" not in alone


def test_whoever_may_not_see_personal_data_is_not_told_whose_cases_are_one_persons(
    browser: Browsers, town: Town
) -> None:
    mine, _ = filed(town, "丁方有限公司", "91990100MA0000104X", PROJECT)
    same, _ = filed(town, "丁方有限公司", "91990100MA0000104X")
    html = browser("feng").get(f"/cases/{mine}").text  # a supervisor, who reads and sees nobody
    assert "同一申请人" not in html and same not in html


def test_a_case_that_may_not_be_known_is_not_hinted_at(browser: Browsers, town: Town) -> None:
    mine, _ = filed(town, "戊方有限公司", "91990100MA0000105X", "2026-990100-83-01-000777")
    hidden, case_id = filed(town, "戊方有限公司", "91990100MA0000105X", "2026-990100-83-01-000777")
    assert hidden in browser("chen").get(f"/cases/{mine}").text
    change = update(tables.case).where(tables.case.c.id == case_id).values(label_level=4)
    with town.cases.begin() as connection:
        connection.execute(change)
    html = browser("chen").get(f"/cases/{mine}").text
    assert hidden not in html and "相关办件" not in html
