"""The pages of a 文书 as HTML, and as PDF within this process.

Settling does not print in its own process: see activities/press.py. The layout is GB/T 9704-2012
(templates/document.css).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import segno

from activities.document_facts import KINDS, DocumentFacts, Letter
from activities.layout import environment, style_sheet
from activities.wordings import WORDS, is_worded, paragraphs
from catalogue.matters import DocumentKind

TYPE_AREA_PT = 442.20
"""Width of 版心, 156 mm (GB/T 9704-2012 §5.2.1)."""
LETTERHEAD_PT = 46.0
"""Largest letterhead; the standard leaves its size open, one line is the custom."""

QR_MASK = 3
"""Every reader accepts every mask; weighing all eight took 19 ms a page, this takes 1."""

COMPUTED = ("css", "organ_size", "qr")
"""What a template gets besides the fields of its facts."""


def html_for(kind: DocumentKind, facts: DocumentFacts, wording: str = "") -> str:
    """Return the whole page with its style sheet and QR code inside. Same facts, same text.

    `wording` is what the organ says in its own words; empty: the shipped ones.
    Raises `ValueError` when the facts are those of another kind.
    """
    if not isinstance(facts, KINDS[kind]):
        raise ValueError(f"文书种类是 {kind}，内容却是 {facts.kind} 的")
    if wording and is_worded(kind, facts):
        own = {
            "paragraphs": paragraphs(kind, wording, facts),
            "signed_for": WORDS[kind].signed_for,
        }
        return environment().get_template("worded.html").render({**context_of(facts), **own})
    return environment().get_template(f"{kind}.html").render(context_of(facts))


def context_of(facts: Letter) -> Mapping[str, object]:
    """Return what the template is rendered with: the fields by name, and `COMPUTED`."""
    own = {one.name: getattr(facts, one.name) for one in fields(facts)}
    return own | {
        "css": style_sheet("document.css"),
        "organ_size": f"{min(LETTERHEAD_PT, TYPE_AREA_PT / len(facts.organ)):.2f}",
        "qr": segno.make(facts.verify_address, error="m", mask=QR_MASK).svg_data_uri(border=1),
    }


def render(kind: DocumentKind, facts: DocumentFacts) -> bytes:
    """Return the PDF, made in this process. Raises `GlyphMissing`, `FontsMissing`."""
    from activities.printing import printed

    return printed(html_for(kind, facts))
