"""A matter's YAML held against what is in force here: the same at the gate and at the designer's
desk, so that what the desk calls sound the gate does not refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

from activities.document_samples import sample_of
from activities.documents import html_for
from activities.glyphs import GlyphMissing
from activities.press import DocumentPress
from activities.wordings import wording_faults
from catalogue.check import faults_of
from catalogue.load import HERE, Catalogue
from catalogue.marks import Fault, Marked
from catalogue.matters import Matter
from catalogue.reading import Sources, read_calendar, read_matter, read_sources
from rules.pack import Pack


class InForce(Protocol):
    """What counts here now, as far as a text is held against it."""

    def catalogue(self) -> Catalogue: ...

    def packs(self) -> Mapping[str, Pack]: ...

    def calendar_texts(self) -> Mapping[str, str]: ...


MATTER_FILE = "matter.yaml"
"""How findings call a text of which not even the matter's name can be read."""


@dataclass(frozen=True, slots=True)
class MatterRead:
    """What a text says, and what is wrong with it."""

    matter: Matter | None
    """None: it is no matter at all; the faults say why."""
    marked: Marked | None
    faults: tuple[Fault, ...]
    """Those of the catalogue's check, in the order of the lines."""
    wording: tuple[Fault, ...] = ()
    """Those of the organ's own words."""


def read_text(released: InForce, text: str) -> MatterRead:
    """Return a matter's text beside the law, the city and what is in force."""
    faults: list[Fault] = []
    found = read_matter(text, MATTER_FILE, faults)
    if found is None:
        return MatterRead(None, None, tuple(sorted(set(faults))))
    # A matter's file is named for it, and so is the place in each finding.
    matter = found[0]
    found = read_matter(text, f"matters/{matter.code}-{matter.version}.yaml", faults)
    assert found is not None  # it was read a moment ago
    faults = around(released, replace(sources_in_force(released), matters=(found,)))
    return MatterRead(*found, tuple(faults), tuple(sorted(set(wording_faults(*found)))))


def sources_in_force(released: InForce) -> Sources:
    """Return law and city as shipped, and the calendars in force; no matters.

    Which of several versions counts is said by their signatures, so a new version need not
    close the period that an older text left open.
    """
    calendars = []
    bases = released.catalogue().calendars
    for name, text in released.calendar_texts().items():
        found = read_calendar(text, f"calendars/{name}.yaml", [], bases)
        assert found is not None  # it passed this gate
        calendars.append(found)
    return replace(read_sources(HERE), matters=(), calendars=tuple(calendars))


def around(released: InForce, sources: Sources) -> list[Fault]:
    """Return the faults of what was read beside the rule packs in force."""
    return faults_of(sources, frozenset(released.packs()))


def unprintable(released: InForce, matter: Matter) -> tuple[str, ...]:
    """Return what no font of this machine can print of the matter's own words.

    Prints each once with sample values, in a process of its own: some seconds.
    """
    if not matter.wordings:
        return ()
    found: list[str] = []
    with closing(DocumentPress(released.catalogue, "")) as press:
        for one in matter.wordings:
            try:
                press.print_html(html_for(one.kind, sample_of(one.kind), one.body))
            except GlyphMissing as missing:
                found.append(f"文书 {one.kind} 的正文：{missing}")
    return tuple(found)
