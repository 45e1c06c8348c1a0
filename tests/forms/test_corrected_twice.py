"""Two people correct one case at once: the second sees both versions, and loses nothing."""

from __future__ import annotations

import re
from typing import Any

from tests.forms.conftest import Browser, Browsers
from tests.forms.town import Town


def opened(page: Browser, case_no: str) -> dict[str, str]:
    """Return the hidden fields of the form of a correction."""
    text = page.get(f"/cases/{case_no}/do/correct_on_spot").text
    form = text[text.index('enctype="multipart/form-data"') :]
    return {
        found[1]: found[2]
        for found in re.finditer(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
        if found[1] in ("csrf", "command", "seen")
    }


def sent(page: Browser, case_no: str, hidden: dict[str, str], **typed: str) -> Any:
    data = hidden | {f"form.{name}": value for name, value in typed.items()}
    return page.post(f"/cases/{case_no}/do/correct_on_spot", data=data, follow_redirects=False)


def value(town: Town, case_id: str, name: str) -> Any:
    view = town.ports.reader.case(town.actor("chen"), case_id)
    assert view is not None
    return view.form.get(name)


def test_the_second_sees_both_versions_and_decides(town: Town, browser: Browsers) -> None:
    filed = town.file("云川建设有限公司")
    page = browser("chen")
    first, second = opened(page, filed.case_no), opened(page, filed.case_no)
    assert sent(page, filed.case_no, first, floor_area_m2="1000").status_code == 303
    answer = sent(page, filed.case_no, second, floor_area_m2="2000")
    assert answer.status_code == 409
    assert "改为“1000”" in answer.text and 'value="2000"' in answer.text
    assert value(town, filed.case_id, "floor_area_m2") == 1000
    again = second | {"seen": re.search(r'name="seen" value="(\d+)"', answer.text)[1]}  # type: ignore[index]
    assert sent(page, filed.case_no, again, floor_area_m2="2000").status_code == 303
    assert value(town, filed.case_id, "floor_area_m2") == 2000


def test_who_corrects_another_field_or_to_the_same_is_not_asked(
    town: Town, browser: Browsers
) -> None:
    filed = town.file("云川建设有限公司")
    page = browser("chen")
    first, second, third = (opened(page, filed.case_no) for _ in range(3))
    assert sent(page, filed.case_no, first, floor_area_m2="1000").status_code == 303
    assert sent(page, filed.case_no, second, contract_sum_wan="30").status_code == 303
    assert sent(page, filed.case_no, third, floor_area_m2="1000").status_code == 303


def test_the_same_order_sent_twice_answers_as_before(town: Town, browser: Browsers) -> None:
    filed = town.file("云川建设有限公司")
    page = browser("chen")
    first = opened(page, filed.case_no)
    assert sent(page, filed.case_no, first, floor_area_m2="1000").status_code == 303
    town.order("chen", "correct_on_spot", {"form": {"floor_area_m2": 1500}}, filed.case_id)
    assert sent(page, filed.case_no, first, floor_area_m2="1000").status_code == 303
    assert value(town, filed.case_id, "floor_area_m2") == 1500
