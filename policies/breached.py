"""Passwords known to be breached: a list that the city brings, looked up without the network."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

HEX = 40
"""Characters of a SHA-1 in hex, with which every line begins."""


class ListUnreadable(ValueError):
    """The file is no list of breached passwords ordered by hash."""


@dataclass(frozen=True, slots=True)
class BreachedPasswords:
    """The whole list of Have I Been Pwned as one downloads it: SHA-1 in upper-case hex, a colon,
    a count; one a line, ordered by hash. The hash is the list's, and hides nothing here.

    The file is looked at anew at each question: it may be replaced while we run.
    """

    path: Path

    def holds(self, password: str) -> bool:
        """Return whether the list has the password. A file of 35 GB takes some forty looks.

        Raises `OSError` where it cannot be read and `ListUnreadable` where it is something else:
        a list that is not asked must not look like one that has nothing.
        """
        wanted = sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        with (
            self.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines,
        ):
            low, high = 0, len(lines)  # where there is such a line, low ≤ its start < high
            while low < high:
                start = lines.rfind(b"\n", low, (low + high) // 2) + 1 or low
                found = lines[start : start + HEX]
                _check(found, self.path)
                if found == wanted:
                    return True
                end = lines.find(b"\n", start)
                if found > wanted:
                    high = start
                else:
                    low = len(lines) if end < 0 else end + 1
        return False


def _check(line: bytes, path: Path) -> None:
    if len(line) != HEX or line.strip(b"0123456789ABCDEF"):
        raise ListUnreadable(f"{path} 不是按散列排序的泄露口令清单（每行 SHA-1 大写十六进制:次数）")
