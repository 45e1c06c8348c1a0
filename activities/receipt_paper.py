"""The 回执 on paper: what the proof file says, in words, with the file itself inside the PDF.

It is no 文书: it has no number, decides nothing, and stands apart from the documents, whose digests
it proves; inside one it would change the digest that it proves.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, fields
from typing import Final

import segno

from activities.documents import QR_MASK
from activities.layout import environment, style_sheet

TITLE: Final = "办件回执"


@dataclass(frozen=True)
class PaperStep:
    """One entry as a line."""

    seq: int
    at: str
    act: str
    result: str
    index: str


@dataclass(frozen=True)
class PaperClock:
    """One period as a line."""

    clock: str
    started: str
    due: str
    used: str
    article: str


@dataclass(frozen=True)
class ReceiptPaper:
    """All that the paper says. `file` is the proof file, `digest` its SHA-256 in hex."""

    organ: str
    case_no: str
    matter: str
    issued_at: str
    verdict: str
    file_name: str
    file: bytes
    digest: str
    policy_digest: str
    checked: tuple[str, ...]
    unchecked: tuple[str, ...]
    vouchers: tuple[str, ...]
    steps: tuple[PaperStep, ...]
    clocks: tuple[PaperClock, ...]
    verify_address: str


def receipt_html(paper: ReceiptPaper) -> str:
    """Return the whole page with style sheet, QR code and proof file inside."""
    said = {one.name: getattr(paper, one.name) for one in fields(paper)}
    code = segno.make(paper.verify_address, error="m", mask=QR_MASK)
    own = {
        "title": TITLE,
        "css": style_sheet("document.css"),
        "file": base64.b64encode(paper.file).decode(),
        "qr": code.svg_data_uri(border=1),
    }
    return environment().get_template("log_receipt.html").render(said | own)
