"""作废章: each page of a copy of a void document says that it is void, and what took its place.

What was issued is never touched: its bytes stay sealed as the log's digest has them, and only what
is handed out bears the stamp. pypdf lays it over the page: well kept, without a native part.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO

from pypdf import PdfReader, PdfWriter

from activities.layout import environment, style_sheet

STAMPS_KEPT = 64
"""Stamps that a process keeps printed, each some 10 KiB; a page takes a fifth of a second."""


def stamp_html(current: str) -> str:
    """Return the stamp as a page of its own. `current`: number of what took the place, or ""."""
    css = style_sheet("void_stamp.css")
    return environment().get_template("void_stamp.html").render(css=css, current=current)


def stamped(content: bytes, stamp: bytes) -> bytes:
    """Return the PDF with the stamp's first page laid over each of its own."""
    over = PdfReader(BytesIO(stamp)).pages[0]
    writer = PdfWriter(clone_from=BytesIO(content))
    for page in writer.pages:
        page.merge_page(over)
    made = BytesIO()
    writer.write(made)
    return made.getvalue()


class Stamps:
    """Stamps copies of what is void. `print_html` is the press's: it may raise what the press
    does, and then nothing is handed out."""

    def __init__(self, print_html: Callable[[str], bytes]) -> None:
        self._page = lru_cache(STAMPS_KEPT)(lambda current: print_html(stamp_html(current)))

    def copy(self, content: bytes, void: bool, current: str = "") -> bytes:
        """Return the file as it may leave: what is valid as it is, what is void stamped."""
        return stamped(content, self._page(current)) if void else content
