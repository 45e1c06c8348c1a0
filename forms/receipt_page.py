"""The page that checks receipts off line: one HTML file with its own script, style and policy.

The house shows no script elsewhere. This page may run exactly one, named by its hash both in the
header and in the file itself, so that the saved copy is as closed as the served one.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent / "verifier"


@dataclass(frozen=True)
class VerifierPage:
    """The file, and the content policy under which it is served."""

    content: bytes
    content_policy: str


def verifier_page(city: str, policy: str) -> VerifierPage:
    """Return the page with the city's trust policy (C2SP tlog-policy) inside."""
    style, script = _text("verifier.css"), _text("verifier.js")
    rules = (
        f"default-src 'none'; script-src '{_hashed(script)}'; style-src '{_hashed(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _text("verifier.html")
    for name, value in (
        ("@content_policy@", escape(rules, quote=False)),
        ("@city@", escape(city)),
        ("@policy@", escape(policy)),
        ("@style@", style),
        ("@script@", script),  # last: its own text is never looked through
    ):
        page = page.replace(name, value)
    return VerifierPage(page.encode(), f"{rules}; frame-ancestors 'none'")


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _hashed(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
