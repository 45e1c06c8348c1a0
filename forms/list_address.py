"""The address of a list: its path by scope, and the filters that stand in it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

PATHS = {"mine": "/", "team": "/team", "all": "/cases"}
"""Scope → path."""
FILTERS = (
    "text", "matter", "stage", "state", "department", "received_from", "received_until", "size",
)  # fmt: skip
"""What the form of filters posts, and what the address of the page keeps; what was searched for
stands there as `kept`, readable to the session alone."""


def address(path: str, given: Mapping[str, object]) -> str:
    """Return the path with what is given of the filters."""
    said = {name: value for name, value in given.items() if value}
    return path + (f"?{urlencode(said)}" if said else "")
