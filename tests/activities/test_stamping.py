"""作废章: on each page of a copy, over what stands there; the press prints it once."""

from __future__ import annotations

from io import BytesIO

from pypdf import PdfReader

from activities.printing import printed
from activities.stamping import Stamps

TWO_PAGES = (
    '<html lang="zh"><title>x</title><p>准予行政许可决定书</p>'
    '<p style="break-before: page">第二页</p></html>'
)


def words(content: bytes) -> list[str]:
    return [page.extract_text().replace(" ", "") for page in PdfReader(BytesIO(content)).pages]


def test_every_page_of_a_void_copy_says_so_and_keeps_what_stood_there() -> None:
    prints: list[str] = []

    def press(html: str) -> bytes:
        prints.append(html)
        return printed(html)

    stamps, issued = Stamps(press), printed(TWO_PAGES)
    copy = words(stamps.copy(issued, True, "云市监许准〔2026〕2号"))
    assert len(copy) == 2
    for said, stood in zip(copy, ("准予行政许可决定书", "第二页"), strict=True):
        assert "已经作废，由云市监许准〔2026〕2号代替" in said and stood in said
    assert "代替" not in words(stamps.copy(issued, True))[0], "nothing took its place"
    stamps.copy(issued, True, "云市监许准〔2026〕2号")
    assert len(prints) == 2, "a stamp that was printed is kept"


def test_what_is_valid_leaves_as_it_was_issued() -> None:
    assert Stamps(printed).copy(b"%PDF-as-issued", False, "") == b"%PDF-as-issued"
