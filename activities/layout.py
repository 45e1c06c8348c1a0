"""What every paper is made of before the press: its templates and its style sheets."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES: Final = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """Return where templates are found: escaped, and strict about what is missing."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def style_sheet(name: str) -> Markup:
    """Return a style sheet that stands beside the templates, whole."""
    # CSS, not HTML: quotes must stay quotes inside <style>.
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 -- our own file
