"""The rooms come from this checkout, and no dependency brings a package of the same name."""

from __future__ import annotations

import importlib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent.parent
ROOMS = (
    "activities", "audit", "cases", "catalogue", "forms", "policies", "rules", "workflows",
    "yichuang",
)  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_comes_from_this_checkout(room: str) -> None:
    module = importlib.import_module(room)
    assert Path(str(module.__file__)).parent == CHECKOUT / room


@pytest.mark.parametrize("room", ROOMS)
def test_no_dependency_installs_a_package_named_like_a_room(room: str) -> None:
    assert set(packages_distributions().get(room, ())) <= {"yichuang"}
