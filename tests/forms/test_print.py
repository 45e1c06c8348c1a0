"""What is printed: paper is narrower than a desk, and yet a table stays a table there."""

from __future__ import annotations

import re

from forms.rendering import STATIC

CSS = re.sub(r"/\*.*?\*/", "", (STATIC / "page.css").read_text(encoding="utf-8"), flags=re.S)


def test_what_a_narrow_window_changes_paper_does_not_take() -> None:
    """A sheet of A4 is some 790 pixels wide: rules for telephones would stack its tables."""
    asked = re.findall(r"@media ([^{]+)\{", CSS)
    narrow = [one.strip() for one in asked if "max-width" in one]
    assert narrow
    assert not [one for one in narrow if not one.startswith("screen and ")]
    wide = [one.strip() for one in asked if "min-width" in one]
    assert not [one for one in wide if not one.endswith(", print")]
