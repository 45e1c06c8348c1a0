"""A pytest plugin that keeps only the tests whose names stand in a file.

A plugin of its own, because each worker of a parallel run is a process that chooses for itself.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--only-named-in", default="", help="a JSON list of test names")


def name_of(node_id: str) -> str:
    """Return a test's name without its parameters."""
    return node_id.split("[", 1)[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    path = config.getoption("--only-named-in")
    wanted = frozenset(json.loads(Path(path).read_text("utf-8")))
    items[:] = [item for item in items if name_of(item.nodeid) in wanted]
