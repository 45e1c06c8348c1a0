"""What the pages of the log show, as the roof hands it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from cases.messages import Actor


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What somebody typed; days are in legal time, both included."""

    case_no: str = ""
    person: str = ""
    """Login, full name of an account, or a pseudonym as the log has it."""
    act: str = ""
    result: str = ""
    since: date | None = None
    until: date | None = None
    before: int = 0
    reads: bool = False
    """Only who looked at the case, not what was done in it."""

    @property
    def is_personal(self) -> bool:
        """Whether it looks for what one person did, or for what is about one case."""
        return bool(self.case_no or self.person)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry in a list."""

    n: int
    entry_id: str
    seq: int
    at: datetime
    act: str
    res: str
    who: str
    """Pseudonym."""
    name: str
    """Empty where the reader may not know it, or nobody is known."""
    org: str
    door: str
    case_no: str
    object: str
    behalf: str = ""
    """Pseudonym of whom a deputy acted for; empty: nobody."""
    behalf_name: str = ""
    """As `name`."""
    purpose: str = ""
    """What a person gave as reason for looking; empty: none was asked, or the reader may not."""


@dataclass(frozen=True, slots=True)
class LogPageFound:
    """One page of lines."""

    lines: Sequence[LogLine]
    following: int
    """Where the next page begins; 0: nothing older."""
    size: int
    """Entries in the log."""
    known_person: bool = True
    known_case: bool = True


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """One entry with its place."""

    entry_id: str
    seq: int
    leaf: str
    """Hex."""
    body: Mapping[str, Any]
    text: str
    """The stored bytes."""
    name: str
    behalf_name: str
    """Of whom a deputy acted for; as `LogLine.name`."""
    case_no: str
    sealed: bool
    """Under a signed head, so that it can be proved."""
    previous: str = ""
    """Id of the entry before it in its stream."""
    following: str = ""


@dataclass(frozen=True, slots=True)
class ShownVerification:
    """One verification of the whole log."""

    id: str
    name: str
    asked_at: datetime
    ended_at: datetime | None
    percent: int
    exit_code: int | None
    report: Mapping[str, Any] = field(default_factory=dict)


class LogBook(Protocol):
    """The log, for those who may read it."""

    def search(self, actor: Actor, ip: str, query: LogQuery, names: bool) -> LogPageFound:
        """Return a page; a personal one commits its entry first. `names`: the reader may know."""
        ...

    def acts(self) -> Sequence[str]:
        """Every act that the log has."""
        ...

    def entry(self, actor: Actor, entry_id: str, names: bool) -> ShownEntry | None:
        """An entry; None where there is none, or it is of a case that the reader may not know."""
        ...

    def proof(self, entry_id: str) -> bytes | None:
        """The tlog-proof of an entry; None where it is under no signed head yet."""
        ...

    def verify(self, actor: Actor) -> bool:
        """Start verifying; return False where a verification runs already."""
        ...

    def verifications(self, names: bool) -> Sequence[ShownVerification]:
        """The newest first."""
        ...
