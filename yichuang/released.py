"""What counts in this city now: the versions that two people have signed, and nothing else.

The files that came with the program are the seed of the register and never read again for matters,
rules, policy or calendars: an edited file changes nothing until it is proposed and signed. Law and
city stand in the program's files; they are no releases.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from cases import releases
from cases.database import reading
from cases.releases import Release
from catalogue.load import Catalogue, MatterUnknown, load_catalogue
from catalogue.matters import Matter
from catalogue.reading import read_calendars
from catalogue.working_days import NONE, Calendar
from policies.policy import Policy, PolicyFault, PolicyStale, parse_whole
from rules.pack import Pack

LOOK_EVERY_S = 0.5
"""How often at most the register is looked at: 4 ms on a busy machine (2 cores, 2026-11-22)."""
FRESH_S = 1.0
"""What a policy may be old: a version that was signed, or taken back, counts in every process
within a second; who cannot look that often says no."""
STALE_AFTER_S = 60.0
"""How long what was read last may serve while the register cannot be read. After that the error
rises: policy that may be stale means no."""

_log = logging.getLogger("yichuang.released")
_Value = TypeVar("_Value")


class NothingReleased(Exception):
    """The register has no policy in force: `bin/yichuang init` has not run, or all has lapsed."""


class ReleaseAltered(Exception):
    """A signed version's text is not the one signed: impossible; stop and have it looked at."""


@dataclass(frozen=True)
class SignedCatalogue(Catalogue):
    """The catalogue of one moment, which looks once more before it denies a version."""

    fresh: Callable[[], Catalogue] = field(kw_only=True, repr=False, compare=False)

    def matter(self, code: str, version: str) -> Matter:
        """Return that version. Raises `MatterUnknown`."""
        try:
            return Catalogue.matter(self, code, version)
        except MatterUnknown:
            # A door may have seen a signature up to a second before this process does.
            return Catalogue.matter(self.fresh(), code, version)


@dataclass(frozen=True)
class _Now:
    """Everything in force, read in one moment; replaced whole."""

    stamp: tuple[int, int, str]
    until: datetime | None
    """When one of the versions begins or ceases to count."""
    catalogue: Catalogue
    packs: Mapping[str, Pack]
    policy: Policy
    policy_text: tuple[str, datetime] = field(repr=False)
    calendar_texts: Mapping[str, str] = field(repr=False)
    rules: tuple[Release, ...] = field(repr=False)
    """Every signed version of every pack, past and future ones too."""


@lru_cache(maxsize=1)
def shipped() -> Catalogue:
    """Return the catalogue as shipped with this version, read once: law and city are used of it."""
    return load_catalogue()


class Released:
    """The versions in force. Safe in any number of threads; a question sees one whole moment."""

    def __init__(
        self,
        engine: Engine,
        *,
        files: Callable[[], Catalogue] = shipped,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """`engine` is the cases store, which is only read. Reads nothing yet."""
        self._engine = engine
        self._files = files
        self._clock = now
        self._look_every_s = look_every_s
        self._one = threading.Lock()
        self._held: _Now | None = None
        self._looked = self._read = 0.0
        self._parsed: dict[str, Matter | Pack | Policy | str] = {}
        self._versions: tuple[tuple[Release, ...], Mapping[str, Pack]] = ((), {})
        self._policies: frozenset[str] = frozenset()
        self._laid: tuple[Mapping[str, str], Mapping[str, Calendar]] | None = None

    def catalogue(self) -> Catalogue:
        """Return every signed matter with its period, the calendars in force, law and city."""
        return self._now().catalogue

    def packs(self) -> Mapping[str, Pack]:
        """Return the rule packs in force, by id."""
        return self._now().packs

    def pack_at(self, name: str, at: datetime) -> Pack | None:
        """Return the version of a pack in force at an instant, as far as it is signed today."""
        held = self._now()
        named = (one for one in held.rules if one.name == name)
        one = next(releases.counting(named, at), None)
        return None if one is None else self._value(one, _pack)

    def rule_versions(self) -> Mapping[str, Pack]:
        """Return every signed version of every rule pack by digest, past and future ones too; the
        same object as long as nothing else is signed."""
        held = self._now()
        if held.rules is not self._versions[0]:
            packs = {one.digest: self._value(one, _pack) for one in held.rules}
            self._versions = (held.rules, MappingProxyType(packs))
        return self._versions[1]

    def policy(self) -> Policy:
        """Return the policy in force, as it was not longer ago than `FRESH_S`.

        Raises `PolicyStale` where the register cannot be read or a signed text is not the one that
        was signed: the other versions may serve on for a while, policy may not.
        """
        try:
            held = self._now()
        except (SQLAlchemyError, OSError, ReleaseAltered, NothingReleased, PolicyFault) as away:
            raise PolicyStale(str(away)) from away
        if time.monotonic() - self._read > FRESH_S:
            raise PolicyStale("登记簿读不到，现行策略无法确认")
        return held.policy

    def policy_text(self) -> tuple[str, datetime]:
        """Return the text in force as it was signed, notes and decisions included, and since when.

        Raises `NothingReleased`.
        """
        return self._now().policy_text

    def knows_policy(self, version: str) -> bool:
        """Whether a policy of that version was ever signed here. Looks anew before it denies."""
        if version not in self._policies:
            with reading(self._engine) as connection:
                signed = releases.signed(connection, "policy")
            self._policies = frozenset(map(self._version, signed))
        return version in self._policies

    def _version(self, one: Release) -> str:
        try:
            return self._value(one, _policy).version
        except PolicyFault:
            return ""  # of an older program, whose rows are no longer read

    def calendar_texts(self) -> Mapping[str, str]:
        """Return the YAML of the calendars in force that were released here, by name."""
        return self._now().calendar_texts

    def look_again(self) -> None:
        """Let the next question look at the register, however soon it comes."""
        self._looked = float("-inf")

    # --- looking ---------------------------------------------------------------------------------

    def _fresh(self) -> Catalogue:
        """Return the catalogue as it stands at this very moment."""
        with self._one:
            self.look_again()
            return self._look(time.monotonic()).catalogue

    def _now(self) -> _Now:
        held, at = self._held, time.monotonic()
        if held is not None and at - self._looked < self._look_every_s:
            return held
        # Whoever comes while another looks takes what there is, if it is fresh; else they wait: a
        # process that was asked nothing for an hour must not answer by what was so an hour ago.
        old = held is None or at - self._looked > FRESH_S
        if not self._one.acquire(blocking=old):
            assert held is not None
            return held
        try:
            return self._look(time.monotonic())
        finally:
            self._one.release()

    def _look(self, at: float) -> _Now:
        if self._held is not None and at - self._looked < self._look_every_s:
            return self._held
        try:
            self._held = self._newest(self._held)
            self._read = time.monotonic()
        except (SQLAlchemyError, OSError, ReleaseAltered):
            if self._held is None or at - self._read > STALE_AFTER_S:
                raise
            _log.exception("the register cannot be read; what was in force serves on for a while")
        self._looked = at
        return self._held

    def _newest(self, held: _Now | None) -> _Now:
        now = self._clock()
        with reading(self._engine) as connection:
            stamp = releases.stamp(connection)
            if held is not None and held.stamp == stamp:
                if held.until is None or now < held.until:
                    return held
            return self._load(connection, stamp, now)

    def _load(self, connection: Connection, stamp: tuple[int, int, str], now: datetime) -> _Now:
        rows = {kind: releases.signed(connection, kind) for kind in releases.LOADED}
        texts = {one.name: one.content for one in releases.counting(rows["calendar"], now)}
        matters = [(self._value(one, _matter), one) for one in rows["matter"]]
        policy = next(releases.counting(rows["policy"], now), None)
        if policy is None:
            raise NothingReleased("登记簿里没有生效的权限策略：请先运行 bin/yichuang init")
        changes = [
            moment
            for kind in ("rules", "policy", "calendar")
            for one in rows[kind]
            for moment in (one.in_force_from, one.in_force_until)
            if moment is not None and moment > now
        ]
        files = self._files()
        calendars = self._calendars(tuple(releases.counting(rows["calendar"], now)))
        return _Now(
            stamp=stamp,
            until=min(changes, default=None),
            catalogue=SignedCatalogue(
                matters=tuple(matter for matter, _ in matters),
                law=files.law,
                city=files.city,
                calendars={**calendars, NONE.name: NONE},
                periods={(m.code, m.version): _period(one) for m, one in matters},
                incident_types=files.incident_types,
                grid=files.grid,
                responsibility=files.responsibility,
                performance=files.performance,
                templates=files.templates,
                fresh=self._fresh,
            ),
            packs=MappingProxyType(
                {one.name: self._value(one, _pack) for one in releases.counting(rows["rules"], now)}
            ),
            policy=self._value(policy, _policy),
            policy_text=(policy.content, policy.in_force_from or now),
            calendar_texts=MappingProxyType(texts),
            rules=tuple(rows["rules"]),
        )

    def _value(self, one: Release, parse: Callable[[str], _Value]) -> _Value:
        """Return a version's value, parsed once: the same object as long as it counts."""
        key = f"{one.kind} {one.digest}"
        if key not in self._parsed:
            if hashlib.sha256(one.content.encode()).hexdigest() != one.digest:
                raise ReleaseAltered(f"{one.kind} {one.name} {one.version}：文本与签署的摘要不符")
            self._parsed[key] = parse(one.content)  # type: ignore[assignment]  # by kind, below
        return self._parsed[key]  # type: ignore[return-value]  # a kind has one parser

    def _calendars(self, rows: tuple[Release, ...]) -> Mapping[str, Calendar]:
        """Return the calendars by name, overlays laid over the bases in force; read once."""
        texts = {one.name: self._value(one, str) for one in rows}
        if self._laid is None or self._laid[0] != texts:
            try:
                self._laid = (texts, read_calendars(texts))
            except ValueError as wrong:
                raise ReleaseAltered(str(wrong)) from wrong
        return self._laid[1]


class LiveCalendars(Mapping[str, Calendar]):
    """The calendars in force, for who keeps the mapping."""

    def __init__(self, catalogue: Callable[[], Catalogue]) -> None:
        self._catalogue = catalogue

    def __getitem__(self, name: str) -> Calendar:
        return self._catalogue().calendars[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._catalogue().calendars)

    def __len__(self) -> int:
        return len(self._catalogue().calendars)


def _period(one: Release) -> tuple[datetime, datetime | None]:
    assert one.in_force_from is not None
    return one.in_force_from, one.in_force_until


def _matter(text: str) -> Matter:
    return Matter.model_validate_json(text)


def _pack(text: str) -> Pack:
    return Pack.from_stored(text)


def _policy(text: str) -> Policy:
    return parse_whole(text)
