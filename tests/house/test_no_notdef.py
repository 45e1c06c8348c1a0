"""House test 10: no document is printed with an empty box for a character."""

import pytest

from activities.document_facts import KINDS
from activities.document_samples import SAMPLES
from activities.documents import html_for
from activities.glyphs import GlyphMissing
from activities.layout import TEMPLATES
from activities.printing import printed
from catalogue.matters import DocumentKind


def test_every_kind_of_document_is_tried() -> None:
    assert set(SAMPLES) == set(KINDS)


@pytest.mark.parametrize("kind", list(KINDS))
def test_no_document_has_a_character_without_a_glyph(kind: DocumentKind) -> None:
    assert printed(html_for(kind, SAMPLES[kind]))


def test_no_template_has_a_character_without_a_glyph() -> None:
    """Also what a sample does not show: the other branch of every condition."""
    words = {char for path in TEMPLATES.glob("*.html") for char in path.read_text("utf-8")}
    assert printed(f"<p>{''.join(sorted(words - set('<>&')))}</p>")


def test_a_box_for_a_character_is_noticed() -> None:
    with pytest.raises(GlyphMissing):
        printed("<p>\ue123</p>")
