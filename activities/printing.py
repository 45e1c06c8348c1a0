"""HTML to PDF with WeasyPrint, and a refusal where a font lacks a character.

WeasyPrint itself only warns: a page of empty boxes would look like success.
"""

from __future__ import annotations

import base64
import logging
import re
from functools import cache

from weasyprint import HTML, Attachment
from weasyprint.text.ffi import ffi, fontconfig
from weasyprint.text.fonts import FontConfiguration

from activities.glyphs import FontsMissing, GlyphMissing

COMMON = frozenset("年月日的申请")
"""Characters of every document: if one of these is missing, there is no Chinese font at all."""


_ATTACHED = re.compile(
    r'<link rel="attachment" title="([^"]+)" href="data:application/json;base64,([^"]+)">'
)
"""A file to be carried inside the PDF. WeasyPrint's own reading of such a link gives no name."""


class _Missing(logging.Handler):
    """Keeps the characters that WeasyPrint says no font has."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.characters: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if "notdef" in str(record.msg) and isinstance(record.args, tuple) and record.args:
            self.characters[str(record.args[0])] = None


def printed(html: str) -> bytes:
    """Return the PDF of a page that has everything inside itself; nothing is fetched.

    Raises `GlyphMissing` (`FontsMissing` when there is no Chinese font at all).
    """
    attached = [
        Attachment(string=base64.b64decode(content), name=name, relationship="Data")
        for name, content in _ATTACHED.findall(html)
    ]
    missing = _Missing()
    logger = logging.getLogger("weasyprint")
    logger.addHandler(missing)
    try:
        made = HTML(string=_ATTACHED.sub("", html), base_url=None).write_pdf(
            font_config=_fonts(),
            full_fonts=False,
            # ISO 19005-2 lets a PDF/A carry only other PDF/As; 19005-3 any file.
            pdf_variant="pdf/a-3b" if attached else "pdf/a-2b",
            attachments=attached,
            presentational_hints=False,
        )
    finally:
        logger.removeHandler(missing)
    characters = "".join(missing.characters)
    if COMMON & set(characters):
        raise FontsMissing(characters)
    if characters:
        raise GlyphMissing(characters)
    assert isinstance(made, bytes)
    return made


@cache
def _fonts() -> FontConfiguration:
    # Without any font Pango does not warn: it crashes the process at the first line of text.
    known = ffi.gc(fontconfig.FcInitLoadConfigAndFonts(), fontconfig.FcConfigDestroy)
    if not fontconfig.FcConfigGetFonts(known, fontconfig.FcSetSystem).nfont:
        raise FontsMissing("")
    return FontConfiguration()
