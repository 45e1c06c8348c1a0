"""Data sets whose answers others published: `bin/yichuang known NAME PATH`.

Each module of this package is one NAME and has `run(path) -> Known`. The path is any file or
folder of the form that the data set was published in.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydantic import JsonValue

SHOWN = 20
"""At most so many differences are printed."""


class KnownUnreadable(Exception):
    """The path holds no such data set; the text says what was expected."""


@dataclass(frozen=True)
class Known:
    """How many of the published answers we gave too, and where we did not."""

    cases: int
    equal: int
    differences: Sequence[str]
    report: Mapping[str, JsonValue] = field(default_factory=dict)
    """What else was found; printed with `--json`."""
    lines: Sequence[str] = ()
    """The same for people."""

    @property
    def different(self) -> int:
        return self.cases - self.equal


def names() -> list[str]:
    """Return the data sets that can be fed."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def run(name: str, path: Path) -> Known:
    """Feed one data set. Raises `KeyError` for an unknown name, `KnownUnreadable`."""
    if name not in names():
        raise KeyError(name)
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return cast(Callable[[Path], Known], module.run)(path)
