"""The designer's desk over the register: reads and checks, and never writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from activities.document_samples import SAMPLES, sample_of
from activities.documents import html_for
from activities.glyphs import GlyphMissing
from activities.wordings import WordingFaulty
from cases import releases
from cases.database import reading
from cases.release_tables import release as release_table
from cases.releases import ReleaseRefused
from cases.tables import case
from catalogue.load import Catalogue, MatterUnknown
from catalogue.marks import Fault, Loc, marked_text
from catalogue.matters import DocumentKind, Matter
from catalogue.notice_words import NAME, NoticeWords, read_notice_words
from forms.designer_ports import Checked, Found, PaperFaulty, ProposedMatter, ProposedWords
from yichuang.matter_text import MatterRead
from yichuang.notice_words import WordsInForce
from yichuang.web_supervision import Press


@dataclass(frozen=True)
class WebDesigns:
    """`forms.designer_ports.Designs`."""

    engine: Engine
    """The cases store, which is only read here."""
    catalogue: Callable[[], Catalogue]
    read: Callable[[str], MatterRead]
    """The gate's own reading of a text."""
    press: Press
    now: Callable[[], datetime]

    def check(self, text: str) -> Checked:
        read = self.read(text)
        marked = read.marked or marked_text(text, "")[0]
        lines = {} if marked is None else marked.lines
        places: dict[int, Loc] = {}
        for loc, line in lines.items():
            if len(loc) >= len(places.get(line, ())):
                places[line] = loc
        return Checked(
            read.matter, tuple(_found(one, places) for one in (*read.faults, *read.wording))
        )

    def versions(self, code: str) -> Sequence[str]:
        return self._versions("matter", code)

    def _versions(self, kind: str, name: str) -> Sequence[str]:
        query = select(release_table.c.version).where(
            release_table.c.kind == kind, release_table.c.name == name
        )
        with reading(self.engine) as connection:
            return list(connection.execute(query).scalars())

    def notice_words(self) -> NoticeWords:
        return WordsInForce(self.engine, self.now)()

    def words_versions(self) -> Sequence[str]:
        return self._versions("template", NAME)

    def proposed_words(self, release: str) -> ProposedWords | None:
        one = self._find(release)
        if one is None or one.kind != "template":
            return None
        words = read_notice_words(one.content)[0]
        return None if words is None else ProposedWords(words, self.notice_words(), one.gate)

    def _find(self, release: str) -> releases.Release | None:
        try:
            with reading(self.engine) as connection:
                return releases.find(connection, release)
        except ReleaseRefused:
            return None

    def open_cases(self, code: str) -> int:
        query = select(func.count()).where(case.c.matter == code, case.c.is_open)
        with reading(self.engine) as connection:
            return int(connection.execute(query).scalar_one())

    def paper(self, matter: Matter, kind: DocumentKind) -> bytes:
        if kind not in SAMPLES:
            raise PaperFaulty("没有这种文书")
        every = self.catalogue().city.departments
        organ = next((one for one in every if one.code == matter.department), None)
        given = {"matter": matter.name}
        if organ is not None:
            given |= {"organ": organ.name, "address": organ.address, "phone": organ.phone}
        sample = sample_of(kind, **{name: text for name, text in given.items() if text})
        try:
            return self.press.print_html(html_for(kind, sample, matter.wording(kind)))
        except (WordingFaulty, GlyphMissing) as faulty:
            raise PaperFaulty(str(faulty)) from faulty

    def proposed(self, release: str) -> ProposedMatter | None:
        one = self._find(release)
        if one is None or one.kind != "matter":
            return None
        matter = Matter.model_validate_json(one.content)
        try:
            before = self.catalogue().matter_at(matter.code, self.now())
        except MatterUnknown:
            before = None
        if before is not None and before.version == matter.version:
            before = None
        return ProposedMatter(matter, before, one.gate)


def _found(one: Fault, places: dict[int, Loc]) -> Found:
    return Found(places.get(one.line, ()), f"{one.message}。{one.remedy}")
