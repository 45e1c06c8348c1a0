"""A name of fifty characters, and one that is rare, go through every door whole."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader

from activities.document_orders import facts_of
from activities.documents import render
from activities.papers import DocumentOrder
from activities.planning import Planner
from activities.sealing import Sealer
from catalogue.load import load_catalogue
from policies.access import Access
from tests.forms.conftest import Browsers
from tests.forms.test_case import posted
from tests.forms.town import Town, company

RARE = "\U00020bb7\U0002a700\U0002b740\U0002b820\U0002ceb0\u3447\u9fcf"
"""A character of each extension B to F, one of A, one from the end of the basic block: GB
18030-2022 at implementation level 3, which is what a register of persons may hold."""
LONG = ("买买提艾力·阿卜杜热合曼·吐尔逊江·玉山江·" + "艾则孜·" * 20)[:50]
NAMES = {"rare": RARE, "fifty": LONG}


class Printer:
    """Prints documents as a city does, in this process."""

    def __init__(self) -> None:
        self.catalogue = load_catalogue()

    def render(self, order: DocumentOrder) -> bytes:
        return render(order.kind, facts_of(order, self.catalogue, "https://town.test/verify"))

    def print_html(self, html: str) -> bytes:
        return html.encode()


class PrintingTown(Town):
    """A town whose documents are real ones."""

    def _planner(self, sealer: Sealer, access: Access) -> Planner:
        return replace(super()._planner(sealer, access), press=Printer())


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    folder: Path = tmp_path_factory.mktemp("town")
    return PrintingTown(folder)


def filed(town: Town, name: str) -> tuple[str, str]:
    """File a case of a person of this name; return its number and the receipt's id."""
    permit = next(
        one for one in town.ports.catalogue.matters() if one.code == "construction-permit"
    )
    person = {
        "kind": "natural_person", "name": name, "id_type": "111",
        "id_number": "110101199003078515", "phone": "13900000001",
    }  # fmt: skip
    body = {
        "matter": permit.code,
        "version": permit.version,
        "applicant": person,
        "agent": company("代办有限公司") | {"name": name},
        "form": {},
        "materials": [{"code": m.code, "copies": 1} for m in permit.materials if m.required],
    }
    outcome = town.order("chen", "file", body)
    return outcome.case_no, outcome.documents[0].id


def test_fifty_is_fifty_and_rare_is_rare() -> None:
    assert len(LONG) == 50
    assert sum(ord(one) > 0xFFFF for one in RARE) == 5


@pytest.mark.parametrize("which", sorted(NAMES))
def test_a_name_is_whole_on_the_page_on_paper_in_lists_and_in_search(
    browser: Browsers, town: Town, which: str
) -> None:
    name = NAMES[which]
    case_no, receipt = filed(town, name)
    page = browser("chen")
    path = f"/cases/{case_no}"
    masked = f"{name[0]}{'*' * (len(name) - 2)}{name[-1]}"
    html = page.get(path).text
    assert masked in html and name not in html
    asked = {"reason": "核对身份", "purpose": "identify", "fields": "applicant.name"}
    assert name in page.post(f"{path}/reveal", data=posted(page, path, **asked)).text
    found = page.post("/find", data={"csrf": page.token("/"), "text": name})
    assert case_no in found.text
    part = page.post("/find", data={"csrf": page.token("/"), "text": name[:-1]})
    assert f'href="/cases/{case_no}"' not in part.text
    assert masked in page.get("/cases.csv").content.decode("utf-8-sig")
    file = page.get(f"{path}/documents/{receipt}/inline")
    text = "".join(one.extract_text() for one in PdfReader(io.BytesIO(file.content)).pages)
    assert name in "".join(text.split())
