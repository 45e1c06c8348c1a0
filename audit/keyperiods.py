"""The sizes at which each key of a log is trusted, as comment lines of a policy file.

`#yichuang key <vkey> from <size> [until <size>] [revoked <size>]`: both ends included; `revoked`
means that others may have the key, so that only heads up to that size are trusted, and only those
that a witness cosigned. A key without a line is trusted at every size. Other readers of tlog-policy
take the lines for comments; they then trust each key at every size.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

KEY: Final = "#yichuang key"
"""Begins the line of a period."""

ALSO: Final = "#yichuang log"
"""Begins a line with a log of ours under a key that stands in the file already: the key of a closed
shard. The specification wants each key once, so that other readers take the line for a comment.
Or a log whose key is of a kind that they do not know and would refuse the file for: SM2."""

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_NAMED_KIND = re.compile(r"/[w-z0-9+/]")
"""How base64 of a byte 0xff begins."""


class _Held(Protocol):
    @property
    def vkey(self) -> str: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int | None: ...
    @property
    def revoked(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class KeyPeriod:
    """A key and the sizes at which its heads are trusted."""

    vkey: str
    first: int = 0
    last: int | None = None
    revoked: int | None = None

    @classmethod
    def parse(cls, words: Sequence[str]) -> "KeyPeriod":
        """Read the words after `KEY`. Raises `ValueError`."""
        said = dict(zip(words[1::2], words[2::2], strict=False))
        fits = len(words) % 2 == 1 and len(said) * 2 == len(words) - 1
        if not fits or not {"from"} <= said.keys() <= {"from", "until", "revoked"}:
            raise ValueError("a key, from, and perhaps until and revoked with a size each")
        if not all(_SIZE.fullmatch(size) for size in said.values()):
            raise ValueError("a size is a number without leading zeros")
        until, revoked = said.get("until"), said.get("revoked")
        return cls(
            words[0],
            int(said["from"]),
            None if until is None else int(until),
            None if revoked is None else int(revoked),
        )

    @classmethod
    def of(cls, key: _Held) -> "KeyPeriod":
        """Return the period of a key that a signer holds."""
        return cls(key.vkey, key.first, key.last, key.revoked)

    @property
    def line(self) -> str:
        """The line of the policy file, without its LF."""
        ends = (("until", self.last), ("revoked", self.revoked))
        rest = "".join(f" {word} {size}" for word, size in ends if size is not None)
        return f"{KEY} {self.vkey} from {self.first}{rest}"

    @property
    def is_whole(self) -> bool:
        """Whether it says no more than the key's own line does."""
        return (self.first, self.last, self.revoked) == (0, None, None)

    @property
    def is_revoked(self) -> bool:
        """Whether others may have the key."""
        return self.revoked is not None

    def covers(self, size: int) -> bool:
        """Return whether the signer signed heads of this size with the key."""
        return self.first <= size and (self.last is None or size <= self.last)

    def refusal(self, size: int, *, cosigned: bool) -> str | None:
        """Return why a head of this size is not trusted under this key, None if it is."""
        if not self.covers(size):
            end = "" if self.last is None else f" to {self.last}"
            return f"the key signs sizes from {self.first}{end}, not {size}"
        if self.revoked is not None and (size > self.revoked or not cosigned):
            return f"the key is revoked: trusted up to size {self.revoked} where cosigned"
        return None


def with_keys(text: str, keys: Iterable[_Held]) -> str:
    """Return a policy file in which the log of these keys has them alone, as its first lines.

    Witnesses, groups, the quorum and other logs stay; a key that now signs under another name
    (the shard that is closed) becomes an `ALSO` line, for the format wants each key once.
    """
    fresh = [KeyPeriod.of(key) for key in keys]
    name = fresh[0].vkey.partition("+")[0]
    logs: dict[str, str] = {}
    periods: dict[str, KeyPeriod] = {}
    rest = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["log"] and len(words) > 1:
            logs[words[1]] = " ".join(words[2:])
        elif words[:2] == ALSO.split() and len(words) > 2:
            logs[words[2]] = " ".join(words[3:])
        elif words[:2] == KEY.split():
            period = KeyPeriod.parse(words[2:])
            periods[period.vkey] = period
        else:
            rest.append(line)
    url = next((url for vkey, url in logs.items() if vkey.startswith(f"{name}+")), "")
    others = {vkey: at for vkey, at in logs.items() if not vkey.startswith(f"{name}+")}
    lines = _spelled({key.vkey: url for key in fresh} | others, {**periods, **_by_vkey(fresh)})
    return "".join(f"{line}\n" for line in [*lines, *rest])


def _is_named(key: str) -> bool:
    """Whether a key's kind is one that somebody made up (0xff…): other readers refuse it."""
    return _NAMED_KIND.match(key) is not None


def _by_vkey(periods: Iterable[KeyPeriod]) -> dict[str, KeyPeriod]:
    return {period.vkey: period for period in periods}


def _spelled(logs: dict[str, str], periods: dict[str, KeyPeriod]) -> list[str]:
    first: list[str] = []
    after: list[str] = []
    seen: set[str] = set()
    for vkey, url in logs.items():
        key = vkey.split("+", 2)[2]
        target, word = (after, ALSO) if key in seen or _is_named(key) else (first, "log")
        target.append(f"{word} {vkey} {url}".rstrip())
        seen.add(key)
        period = periods.get(vkey)
        if period is not None and not period.is_whole:
            after.append(period.line)
    return [*first, *after]
