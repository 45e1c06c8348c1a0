"""Rows of a repeating group as a form posts them: added, removed and numbered anew, without script.

Each row posts its number under the group's own name, so that a row with nothing checked and nothing
typed is still one. Empty rows stand last and count for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from catalogue.form_schema import MOST_ROWS, is_rows

ADD: Final = "add:"
REMOVE: Final = "remove:"
"""What the buttons of a group say under `do`: add:<group>, remove:<group>.<number>."""

_Posted = Mapping[str, Sequence[str]]


def changes_rows(do: str) -> bool:
    """Return whether a form was posted only to add or to remove a row."""
    return do.startswith((ADD, REMOVE))


def is_typed(posted: _Posted, row: str) -> bool:
    """Return whether anything was typed or checked in a row, `form.group.0`."""
    start = f"{row}."
    return any(
        text.strip() for name, texts in posted.items() if name.startswith(start) for text in texts
    )


def in_rows(schema: Mapping[str, Any], prefix: str, posted: _Posted, do: str = "") -> _Posted:
    """Return what was posted with the rows of each group numbered from nought, the empty ones last.

    `do` is the button: one row more, or one fewer. A number that no row of ours has is left out.
    """
    found = dict(posted)
    for name, part in schema.get("properties", {}).items():
        path = f"{prefix}.{name}"
        if is_rows(part):
            columns = part["items"].get("properties", {})
            _number(found, path, tuple(columns), part.get("maxItems", MOST_ROWS), do)
        elif part.get("type") == "object":
            found = dict(in_rows(part, path, found, do))
    return found


def _number(
    posted: dict[str, Sequence[str]], path: str, columns: Sequence[str], most: int, do: str
) -> None:
    numbers = [
        one
        for one in dict.fromkeys(posted.get(path, ()))
        if one.isascii() and one.isdecimal() and len(one) < 4 and f"{REMOVE}{path}.{one}" != do
    ]
    rows = [
        {column: tuple(posted.get(f"{path}.{number}.{column}", ())) for column in columns}
        for number in numbers
    ]
    for name in [one for one in posted if one.startswith(f"{path}.")]:
        del posted[name]
    typed = [row for row in rows if any(text.strip() for texts in row.values() for text in texts)]
    blank = len(rows) - len(typed) + (do == f"{ADD}{path}")
    # A row too many is kept and told, never thrown away; an empty one too many is not offered.
    shown = max(len(typed), min(len(typed) + blank, most), 1)
    posted[path] = tuple(str(n) for n in range(shown))
    for n, row in enumerate(typed):
        posted |= {f"{path}.{n}.{column}": texts for column, texts in row.items() if texts}
