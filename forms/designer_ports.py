"""What the designer's pages ask of the register and of the check, as the roof hands it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cases.releases import Check
from catalogue.marks import Loc
from catalogue.matters import DocumentKind, Matter
from catalogue.notice_words import NoticeWords

DESIGNS: Final = "design:"
"""Begins what the store of drafts calls a draft of the designer's desk: it is no case's."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that the check found: where in the text, and what to do."""

    loc: Loc
    told: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A text as the check reads it."""

    matter: Matter | None
    """None: it is no matter yet; the findings say why."""
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class ProposedMatter:
    """A version in the register, with the one that counts before it."""

    matter: Matter
    before: Matter | None
    """The version in force now, where it is another; None: the matter is new."""
    gate: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class ProposedWords:
    """A version of the words of notices in the register, with those that count before it."""

    words: NoticeWords
    before: NoticeWords
    gate: tuple[Check, ...]


class Designs(Protocol):
    """Matters that are drafted here. Only reads; a proposal goes through `Releases`."""

    def check(self, text: str) -> Checked:
        """Hold a matter's text against what is in force, exactly as the gate will."""
        ...

    def versions(self, code: str) -> Sequence[str]:
        """Every version of a matter that the register has, proposals and withdrawn ones too."""
        ...

    def open_cases(self, code: str) -> int:
        """How many cases of the matter are open; they keep the version they were filed under."""
        ...

    def paper(self, matter: Matter, kind: DocumentKind) -> bytes:
        """Return a document as PDF with sample values. Raises `PaperFaulty`."""
        ...

    def notice_words(self) -> NoticeWords:
        """The words of notices that count now; none of its kinds: all as shipped."""
        ...

    def words_versions(self) -> Sequence[str]:
        """Every version of the words that the register has, proposals and withdrawn ones too."""
        ...

    def proposed_words(self, release: str) -> ProposedWords | None:
        """A version of the words by its id in the register; None: there is none."""
        ...

    def proposed(self, release: str) -> ProposedMatter | None:
        """A matter's version by its id in the register; None: there is none."""
        ...


class PaperFaulty(Exception):
    """The document cannot be printed as it is worded; the text says why, in Chinese."""
