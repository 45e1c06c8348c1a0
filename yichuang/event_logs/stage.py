"""Events and objects on their way from the log to a file: a SQLite database that is thrown away.

It knows the real ids, which are masked as they leave: an id becomes the first half of an HMAC under
a key that this stage alone has and that goes with it. Two exports cannot be laid side by side.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MASK_HEX: Final = 16
"""64 bits: of four billion things two are likely to share one; a city has some million."""
AT_ONCE: Final = 5_000

_TABLES: Final = """
CREATE TABLE event (n INTEGER PRIMARY KEY, id TEXT, type TEXT, at TEXT, attributes TEXT);
CREATE TABLE object (id TEXT PRIMARY KEY, type TEXT, raw TEXT, attributes TEXT) WITHOUT ROWID;
CREATE TABLE link (n INTEGER, object TEXT, qualifier TEXT, PRIMARY KEY (n, object, qualifier))
    WITHOUT ROWID;
CREATE TABLE tie (source TEXT, target TEXT, qualifier TEXT,
    PRIMARY KEY (source, target, qualifier)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class StagedEvent:
    """One event as it leaves."""

    id: str
    type: str
    at: str
    """UTC, with microseconds and `Z`."""
    attributes: Mapping[str, str]
    links: tuple[tuple[str, str], ...]
    """(id of the object, qualifier)."""


@dataclass(frozen=True, slots=True)
class StagedObject:
    """One object as it leaves."""

    id: str
    type: str
    attributes: Mapping[str, str]
    ties: tuple[tuple[str, str], ...] = ()
    """(id of another object, qualifier)."""


@dataclass
class Stage:
    """One export under way; a context, at whose end nothing is left."""

    path: Path
    at_once: int = AT_ONCE
    """Events that are held in memory before they are written."""
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _events: list[tuple[str, str, str, str]] = field(default_factory=list)
    _links: list[tuple[int, str, str]] = field(default_factory=list)
    _objects: dict[str, tuple[str, str]] = field(default_factory=dict)
    events: int = 0

    def __enter__(self) -> Stage:
        self.connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        # Thrown away whatever happens: nothing here need outlive a crash.
        self.connection.execute("PRAGMA journal_mode=OFF")
        self.connection.execute("PRAGMA synchronous=OFF")
        self.connection.executescript(_TABLES)
        self.connection.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.path.unlink(missing_ok=True)

    def masked(self, kind: str, raw: str, *, openly: bool = False) -> str:
        """Return the id under which an object leaves; `openly` for what is no secret, a code."""
        if openly:
            return f"{kind}-{raw}"
        digest = hmac.new(self._key, f"{kind}\n{raw}".encode(), hashlib.sha256).hexdigest()
        return f"{kind}-{digest[:MASK_HEX]}"

    def object(self, kind: str, raw: str, *, openly: bool = False) -> str:
        """Note an object and return its masked id."""
        id = self.masked(kind, raw, openly=openly)
        self._objects[id] = (kind, raw)
        return id

    def event(
        self, id: str, kind: str, at: str, attributes: Mapping[str, str],
        links: Sequence[tuple[str, str]],
    ) -> None:  # fmt: skip
        """Take one event; `links` are masked ids with their qualifiers."""
        self.events += 1
        self._events.append((id, kind, at, json.dumps(attributes, ensure_ascii=False)))
        self._links += [(self.events, object, qualifier) for object, qualifier in links]
        if len(self._events) >= self.at_once:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        run = self.connection.executemany
        run("INSERT INTO event (id, type, at, attributes) VALUES (?, ?, ?, ?)", self._events)
        run("INSERT OR IGNORE INTO link VALUES (?, ?, ?)", self._links)
        rows = [(id, kind, raw) for id, (kind, raw) in self._objects.items()]
        run("INSERT OR IGNORE INTO object VALUES (?, ?, ?, '{}')", rows)
        self._events.clear()
        self._links.clear()
        self._objects.clear()

    def raw_of(self, kind: str) -> Iterator[list[tuple[str, str]]]:
        """Yield (masked id, real id) of the objects of a kind, some at a time."""
        last = ""
        while True:
            page = self.connection.execute(
                "SELECT id, raw FROM object WHERE type = ? AND id > ? ORDER BY id LIMIT 500",
                (kind, last),
            ).fetchall()
            if page:
                yield page
            if len(page) < 500:
                return
            last = page[-1][0]

    def describe(self, id: str, attributes: Mapping[str, str]) -> None:
        """Give an object its attributes."""
        said = json.dumps(attributes, ensure_ascii=False)
        self.connection.execute("UPDATE object SET attributes = ? WHERE id = ?", (said, id))

    def tie(self, source: str, target: str, qualifier: str) -> None:
        """Say that an object belongs to another; both are noted."""
        self.connection.execute(
            "INSERT OR IGNORE INTO tie VALUES (?, ?, ?)", (source, target, qualifier)
        )

    # --- reading back ----------------------------------------------------------------------------

    def event_types(self) -> Mapping[str, tuple[str, ...]]:
        """Return each type of event with the names of its attributes."""
        return self._types("event")

    def object_types(self) -> Mapping[str, tuple[str, ...]]:
        """Return each type of object with the names of its attributes."""
        return self._types("object")

    def _types(self, table: str) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, set[str]] = {}
        kinds = self.connection.execute(f"SELECT DISTINCT type FROM {table}")  # noqa: S608 # ours
        for (kind,) in kinds.fetchall():
            found[kind] = set()
        keys = self.connection.execute(
            f"SELECT DISTINCT {table}.type, key FROM {table}, json_each(attributes)"  # noqa: S608 # ours
        )
        for kind, key in keys:
            found[kind].add(key)
        return {kind: tuple(sorted(keys)) for kind, keys in sorted(found.items())}

    def staged_events(self, kind: str = "") -> Iterator[StagedEvent]:
        """Yield every event in the order of the log; `kind`: of one type alone."""
        links = self.connection.execute("SELECT n, object, qualifier FROM link ORDER BY n")
        following = links.fetchone()
        condition = "WHERE type = ?" if kind else ""
        rows = self.connection.execute(
            f"SELECT n, id, type, at, attributes FROM event {condition} ORDER BY n",  # noqa: S608
            (kind,) if kind else (),
        )
        for n, id, type, at, attributes in rows:
            own: list[tuple[str, str]] = []
            while following is not None and following[0] <= n:
                if following[0] == n:
                    own.append((following[1], following[2]))
                following = links.fetchone()
            yield StagedEvent(id, type, at, json.loads(attributes), tuple(own))

    def staged_objects(self, kind: str = "") -> Iterator[StagedObject]:
        """Yield every object in the order of the ids; `kind`: of one type alone."""
        ties = self.connection.execute("SELECT source, target, qualifier FROM tie ORDER BY source")
        following = ties.fetchone()
        condition = "WHERE type = ?" if kind else ""
        rows = self.connection.execute(
            f"SELECT id, type, attributes FROM object {condition} ORDER BY id",  # noqa: S608
            (kind,) if kind else (),
        )
        for id, type, attributes in rows:
            own: list[tuple[str, str]] = []
            while following is not None and following[0] <= id:
                if following[0] == id:
                    own.append((following[1], following[2]))
                following = ties.fetchone()
            yield StagedObject(id, type, json.loads(attributes), tuple(own))

    def traces(self, kind: str) -> Iterator[tuple[StagedObject, Iterator[StagedEvent]]]:
        """Yield each object of a kind with its events by time, those of one instant by the log."""
        self.connection.execute("CREATE INDEX IF NOT EXISTS link_object ON link (object, n)")
        for one in self.staged_objects(kind):
            yield one, self._of(one.id)

    def _of(self, object: str) -> Iterator[StagedEvent]:
        rows = self.connection.execute(
            "SELECT DISTINCT event.n, id, type, at, attributes FROM link "
            "JOIN event ON event.n = link.n WHERE link.object = ? ORDER BY at, event.n",
            (object,),
        )
        for _, id, type, at, attributes in rows:
            yield StagedEvent(id, type, at, json.loads(attributes), ())
