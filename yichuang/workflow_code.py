"""The digest of the workflow code: every source that a workflow's decisions hang on."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

ROOMS = frozenset(
    {"activities", "audit", "cases", "catalogue", "policies", "rules", "workflows", "yichuang"}
)
"""Where our own modules lie; of what others wrote, the versions in `OTHERS` count."""
HOUSE = Path(__file__).parents[1]
"""All rooms lie beside one another, in a checkout and where they are installed."""
OTHERS = ("temporalio", "pydantic")
"""What decides, besides our code, how a history is read back."""


def code_digest(modules: Iterable[str]) -> str:
    """Return the SHA-256 (hex) over these modules and all of ours that they import, however far,
    with their names, and over the versions of `OTHERS`. A comment counts too."""
    told = hashlib.sha256()
    for name, source in sorted(sources_of(modules).items()):
        told.update(f"{name} {hashlib.sha256(source).hexdigest()}\n".encode())
    for name in OTHERS:
        told.update(f"{name}=={version(name)}\n".encode())
    return told.hexdigest()


def sources_of(modules: Iterable[str]) -> Mapping[str, bytes]:
    """Return the bytes of every module of ours that these reach, by name, these included."""
    found: dict[str, bytes] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found or name.split(".")[0] not in ROOMS:
            continue
        source = _source(name)
        if source is None:
            continue
        found[name] = source
        waiting += _imported(source, name)
        waiting += [name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1)]
    return found


def _source(name: str) -> bytes | None:
    """Return a module's source; None where the name is a thing inside a module."""
    place = HOUSE.joinpath(*name.split("."))
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file.read_bytes()
    return None


def _imported(source: bytes, name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source, name)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)
