"""Signals (信号): from a source's message to an incident, merged, none lost and none doubled."""

import importlib
from collections.abc import Callable
from typing import cast

from yichuang.settings import Settings


def main(settings: Settings) -> int:
    """Run the role. Its parts are loaded here: who only hands signals in needs none of them."""
    role = importlib.import_module("yichuang.signals.role")
    return cast(Callable[[Settings], int], role.main)(settings)
