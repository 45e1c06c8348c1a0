"""Versions for the pages: proposed here, checked by the gate, activated by a second person.

The register stands in the cases store. A release is written by the web, a few times a month; the
write lock queues it behind the worker's steps.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from audit.entry import EntryDraft, What, Who, entry_id
from audit.outbox import record
from cases import releases
from cases.database import reading
from cases.releases import Check, Proposal, ReleaseRefused
from catalogue.check import faults_of
from catalogue.load import HERE, canonical
from catalogue.matters import Matter
from catalogue.reading import read_sources
from forms.ports import Release, Visitor
from rules.check import tried_by_engine
from rules.load import load_packs, load_text
from rules.pack import Pack

STREAM = "sys:release"
PROPOSED_FILE = "proposed-by-page.yaml"


@dataclass(frozen=True)
class WebReleases:
    """`forms.ports.Releases` over the register. Matters and rule packs have a gate here."""

    engine: Engine
    """The cases store, to be written."""
    pseudonym_of: Callable[[str], str]
    now: Callable[[], datetime]

    def listing(self) -> Sequence[Release]:
        with reading(self.engine) as connection:
            return [_shown(one) for one in releases.listing(connection)]

    def propose(self, visitor: Visitor, kind: str, text: str) -> Release | str:
        made = {"matter": _matter, "rules": _rules}[kind](text)
        if isinstance(made, str):
            return made
        at = self.now()
        try:
            with self.engine.begin() as connection:
                kept = releases.propose(connection, made, visitor.actor.id, at)
                self._note(connection, visitor, "release_propose", kept, at)
        except ReleaseRefused as no:
            return no.reason
        return _shown(kept)

    def sign(self, visitor: Visitor, release: str) -> str:
        at = self.now()
        try:
            with self.engine.begin() as connection:
                known = releases.find(connection, release)
                since, until = _period(known, at)
                signed = releases.sign(connection, release, visitor.actor.id, at, since, until)
                self._note(connection, visitor, "release_sign", signed, at)
        except ReleaseRefused as no:
            return no.reason
        return ""

    def _note(
        self,
        connection: Connection,
        visitor: Visitor,
        act: str,
        version: releases.Release,
        at: datetime,
    ) -> None:
        actor = visitor.actor
        record(
            connection,
            EntryDraft(
                # The same text proposed again is the same release, and one entry.
                id=entry_id(version.id, f"{act}:{actor.id}"),
                stream=STREAM,
                at=at,
                who=Who(self.pseudonym_of(actor.id), "human", org=actor.department or None),
                act=act,
                obj=What("release", version.id, doc=version.digest),
            ),
        )


def _shown(one: releases.Release) -> Release:
    state = "active" if one.signed_by else "proposed" if one.passed else "blocked"
    findings = tuple(text for check in one.gate for text in (check.findings or ()))
    return Release(
        id=one.id,
        kind=one.kind,
        name=one.name,
        version=one.version,
        digest=one.digest,
        state=state,
        proposed_by=one.proposed_by,
        proposed_at=one.proposed_at,
        in_force_from=one.in_force_from,
        signed_by=one.signed_by,
        findings=findings,
    )


def _matter(text: str) -> Proposal | str:
    """Return the proposal of a matter with the whole catalogue checked around it."""
    with tempfile.TemporaryDirectory(prefix="yichuang-proposal-") as folder:
        copy = Path(folder) / "catalogue"
        shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        (copy / "matters" / PROPOSED_FILE).write_text(text, encoding="utf-8")
        sources = read_sources(copy)
        faults = faults_of(sources, load_packs())
    found = next((m for m, marked in sources.matters if marked.file.endswith(PROPOSED_FILE)), None)
    if found is None:
        return "；".join(str(fault) for fault in faults) or "读不出事项"
    check = Check("目录检查", not faults, tuple(str(fault) for fault in faults))
    return Proposal("matter", found.code, found.version, canonical(found).decode(), (check,))


def _rules(text: str) -> Proposal | str:
    """Return the proposal of a rule pack, its examples tried by the twin and by the engine."""
    loaded, faults = load_text(text, PROPOSED_FILE)
    if loaded is None:
        return "；".join(str(fault) for fault in faults)
    problems = tuple(str(loaded.fault(problem)) for problem in tried_by_engine(loaded.pack))
    check = Check("规则试运行", not problems, problems)
    pack = loaded.pack
    return Proposal("rules", pack.id, pack.version, pack.stored, (check,))


def _period(known: releases.Release, now: datetime) -> tuple[datetime, datetime | None]:
    """Return from when a version may count: its own first day, but never before it was signed."""
    if known.kind == "matter":
        matter = Matter.model_validate_json(known.content)
        zone = ZoneInfo(matter.zone)
        last = matter.in_force_until
        until = None if last is None else datetime.combine(last, time(), zone)
        return max(_midnight(matter.in_force_from, zone), now), until
    if known.kind == "rules":
        definition = Pack.from_stored(known.content).definition
        first = min(rule.in_force_from for rule in definition.rules)
        return max(_midnight(first, ZoneInfo(definition.zone)), now), None
    return now, None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
