"""A file attached to an order that is no case's material: evidence of a refusal, of a milestone.

The bytes stand in the web store, scanned and sealed under a key of the thing's own; an order names
them by id and digest, so that the log proves what was attached long after the bytes are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from cases.messages import Frozen

MOST_ATTACHED: Final = 10
"""Files of one order: as many as one post of a page may carry."""


class Attached(Frozen):
    """One file, as the order that brings it names it."""

    upload: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    """Id under which the web keeps it."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the bytes as they came."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    media: Annotated[str, StringConstraints(min_length=3, max_length=100)]
    size: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Bytes."""


Attachments = Annotated[tuple[Attached, ...], Field(max_length=MOST_ATTACHED)]
"""What an order's body carries, as its field `attached`."""


def thing_key(type: str, id: str) -> str:
    """Return how the web store names the thing to which a file belongs."""
    return f"{type}:{id}"


def sealed_under(thing: str) -> str:
    """Return under which subject's key a thing's files are sealed.

    It is nobody's else: destroying it destroys the thing's files and nothing more.
    """
    return f"attached:{thing}"


def digests(files: Sequence[Attached]) -> list[str]:
    """Return what stands in the clear of an order's files: no name, which a person typed."""
    return [one.sha256 for one in files]
