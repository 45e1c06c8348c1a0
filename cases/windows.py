"""Event-time windows in SQL, only for the hours that new readings touch.

What is new lies in temporary tables first: they are laid over the stored rows, the windows are
computed, the rules are asked, and only then the write transaction begins and takes them in. The
temporary tables live in one connection, which one writer keeps.

The mean of an hour is NULL with too few valid readings; sums of eight and of 24 hours are sums of
such means, so a mean of a day is that of its hours (GB 3095: 日平均 is the mean of 24 小时平均).
All are whole millionths. A late reading moves the windows of the hours behind it: they are targets
as well, as far as the longest window of the item reaches.

Nearly every reading goes on where its series stands: one reading in the hour after the newest. Its
windows are those of the hour before, one hour in and one hour out (`go_on`), a fourth of the work
(2026-11-26: 4 ms for 996 readings against 15). Everything else is laid over the stored rows
(`stage`). Both ways give the same windows: tests/telemetry/test_order.py mixes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

MICRO = 1_000_000
"""Parts of a unit in which values are kept."""

DAY, EIGHT = 24, 8
RUN_MOST = 96
"""Hours that `above` counts to: the longest run that a rule asks for (重污染天气 2018: 96 h)."""
REACH = DAY - 1 + EIGHT - 1
"""Hours behind a changed one whose windows may change: most8 looks at means of eight hours."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series as the windows need it: `needed` valid readings make an hour."""

    id: int
    station: str
    item: str
    kind: str
    needed: int
    above: int | None
    """Millionths; None: no run is counted."""
    eight: bool = False
    """Whether `most8` is made."""

    @property
    def reach(self) -> int:
        """Return how many hours behind a changed one have other windows."""
        return REACH if self.above is None else RUN_MOST


NewReading = tuple[int, int, int | None, str, int]
"""(series, second, millionths or None, flag or empty, revision)"""
NextReading = tuple[int, int, int, int, int | None, str, int]
"""(step from 0, series, hour, second, millionths or None, flag or empty, revision)"""

STEPS_MOST = 48
"""Hours by which a series goes on at once: each is a statement; longer ones are staged."""

_TABLES = (
    """t_reading (series INTEGER, at BIGINT, value BIGINT, flag VARCHAR(12), revision INTEGER,
        PRIMARY KEY (series, at))""",
    """t_next (step INTEGER, series INTEGER, hour INTEGER, at BIGINT, value BIGINT,
        flag VARCHAR(12), revision INTEGER, PRIMARY KEY (step, series))""",
    """t_series (series INTEGER PRIMARY KEY, needed INTEGER, above BIGINT, eight INTEGER,
        reach INTEGER)""",
    """t_hour (series INTEGER, hour INTEGER, n INTEGER, valid INTEGER, most BIGINT, least BIGINT,
        last BIGINT, flag VARCHAR(12), mean BIGINT, old_mean BIGINT, PRIMARY KEY (series, hour))""",
    "t_wanted (series INTEGER, hour INTEGER, PRIMARY KEY (series, hour))",
    "t_target (series INTEGER, hour INTEGER, PRIMARY KEY (series, hour))",
    """t_sum (series INTEGER, hour INTEGER, n8 INTEGER, s8 BIGINT, n24 INTEGER, s24 BIGINT,
        PRIMARY KEY (series, hour))""",
    """t_delta (series INTEGER, hour INTEGER, n8 INTEGER, s8 BIGINT, n24 INTEGER, s24 BIGINT,
        PRIMARY KEY (series, hour))""",
    """t_win (series INTEGER, hour INTEGER, n INTEGER, valid INTEGER, most BIGINT, least BIGINT,
        last BIGINT, flag VARCHAR(12), mean BIGINT, n8 INTEGER, s8 BIGINT, n24 INTEGER, s24 BIGINT,
        most8 BIGINT, above INTEGER, rate BIGINT, gap INTEGER, verdict TEXT, is_new INTEGER,
        PRIMARY KEY (series, hour))""",
)
_NAMES = tuple(text.split(" ", 1)[0] for text in _TABLES)


def rounded(total: str, count: str) -> str:
    """Return SQL for the quotient of two whole numbers, rounded half away from zero."""
    return (
        f"(CASE WHEN {total} >= 0 THEN (2 * {total} + {count}) / (2 * {count}) "
        f"ELSE -((-2 * {total} + {count}) / (2 * {count})) END)"
    )


_OK = "CASE WHEN flag = '' AND value IS NOT NULL THEN 1 ELSE 0 END"
_KNOWN = """
SELECT t.series, t.at, r.value, r.flag, r.revision, r.batch
FROM t_reading t JOIN reading r ON r.series = t.series AND r.at = t.at"""
_HOURS = f"""
INSERT INTO t_hour
SELECT a.series, a.hour, a.n, a.valid, a.most, a.least,
  CASE WHEN a.valid <= 1 THEN a.most ELSE COALESCE(
    (SELECT x.value FROM t_reading x WHERE x.series = a.series AND x.at = a.last_at),
    (SELECT x.value FROM reading x WHERE x.series = a.series AND x.at = a.last_at)) END,
  CASE WHEN a.n = 1 THEN a.flag ELSE COALESCE(
    (SELECT x.flag FROM t_reading x WHERE x.series = a.series AND x.at = a.newest),
    (SELECT x.flag FROM reading x WHERE x.series = a.series AND x.at = a.newest)) END,
  CASE WHEN a.valid >= s.needed THEN {rounded("a.total", "a.valid")} END,
  o.mean
FROM (
  SELECT series, hour, COUNT(*) AS n, SUM(ok) AS valid,
    MAX(CASE WHEN ok = 1 THEN value END) AS most, MIN(CASE WHEN ok = 1 THEN value END) AS least,
    CAST(SUM(CASE WHEN ok = 1 THEN value ELSE 0 END) AS BIGINT) AS total,
    MAX(CASE WHEN ok = 1 THEN at END) AS last_at, MAX(at) AS newest, MAX(flag) AS flag
  FROM (
    SELECT series, at / 3600 AS hour, at, value, flag, {_OK} AS ok FROM t_reading
    UNION ALL
    SELECT r.series, d.hour, r.at, r.value, r.flag,
      CASE WHEN r.flag = '' AND r.value IS NOT NULL THEN 1 ELSE 0 END
    FROM (SELECT DISTINCT series, at / 3600 AS hour FROM t_reading) d
    JOIN reading r ON r.series = d.series AND r.at BETWEEN d.hour * 3600 AND d.hour * 3600 + 3599
    WHERE NOT EXISTS (SELECT 1 FROM t_reading t WHERE t.series = r.series AND t.at = r.at)
  ) every_one GROUP BY series, hour
) a
JOIN t_series s ON s.series = a.series
LEFT JOIN reading_hour o ON o.series = a.series AND o.hour = a.hour"""  # noqa: S608 # constants
_TARGETS = """
INSERT INTO t_target
SELECT series, hour FROM t_hour
UNION
SELECT r.series, r.hour FROM t_hour t
JOIN t_series s ON s.series = t.series
JOIN reading_hour r ON r.series = t.series AND r.hour > t.hour AND r.hour <= t.hour + s.reach
WHERE COALESCE(t.mean, -9000000000000000000) <> COALESCE(t.old_mean, -9000000000000000000)"""
_SUMS = """
INSERT INTO t_sum
SELECT t.series, t.hour,
  COUNT(CASE WHEN r.hour > t.hour - 8 THEN r.mean END),
  CAST(COALESCE(SUM(CASE WHEN r.hour > t.hour - 8 THEN r.mean END), 0) AS BIGINT),
  COUNT(r.mean), CAST(COALESCE(SUM(r.mean), 0) AS BIGINT)
FROM t_target t JOIN reading_hour r ON r.series = t.series AND r.hour BETWEEN t.hour - 23 AND t.hour
GROUP BY t.series, t.hour"""
_NEW = (
    "(CASE WHEN h.mean IS NULL THEN 0 ELSE 1 END - CASE WHEN h.old_mean IS NULL THEN 0 ELSE 1 END)"
)
_MOVED = "(COALESCE(h.mean, 0) - COALESCE(h.old_mean, 0))"
_DELTAS = f"""
INSERT INTO t_delta
SELECT t.series, t.hour,
  SUM(CASE WHEN h.hour > t.hour - 8 THEN {_NEW} ELSE 0 END),
  CAST(SUM(CASE WHEN h.hour > t.hour - 8 THEN {_MOVED} ELSE 0 END) AS BIGINT),
  SUM({_NEW}), CAST(SUM({_MOVED}) AS BIGINT)
FROM t_target t JOIN t_hour h ON h.series = t.series AND h.hour BETWEEN t.hour - 23 AND t.hour
GROUP BY t.series, t.hour"""  # noqa: S608 # constants
_PREVIOUS = "CASE WHEN p.series IS NOT NULL THEN p.mean ELSE q.mean END"
_MEAN = "CASE WHEN h.series IS NOT NULL THEN h.mean ELSE o.mean END"
_WINDOWS = f"""
INSERT INTO t_win
SELECT t.series, t.hour, COALESCE(h.n, o.n), COALESCE(h.valid, o.valid),
  CASE WHEN h.series IS NOT NULL THEN h.most ELSE o.most END,
  CASE WHEN h.series IS NOT NULL THEN h.least ELSE o.least END,
  CASE WHEN h.series IS NOT NULL THEN h.last ELSE o.last END,
  COALESCE(h.flag, o.flag),
  {_MEAN},
  COALESCE(b.n8, 0) + COALESCE(d.n8, 0), COALESCE(b.s8, 0) + COALESCE(d.s8, 0),
  COALESCE(b.n24, 0) + COALESCE(d.n24, 0), COALESCE(b.s24, 0) + COALESCE(d.s24, 0),
  NULL, NULL,
  {_MEAN} - {_PREVIOUS},
  CASE WHEN {_PREVIOUS} IS NOT NULL THEN 0 ELSE t.hour - 1 - COALESCE((
    SELECT MAX(v.hour) FROM (
      SELECT g.hour FROM t_hour g WHERE g.series = t.series AND g.mean IS NOT NULL
        AND g.hour BETWEEN t.hour - 24 AND t.hour - 1
      UNION ALL
      SELECT g.hour FROM reading_hour g WHERE g.series = t.series AND g.mean IS NOT NULL
        AND g.hour BETWEEN t.hour - 24 AND t.hour - 1
        AND NOT EXISTS (SELECT 1 FROM t_hour x WHERE x.series = g.series AND x.hour = g.hour)
    ) v), t.hour - 25) END,
  COALESCE(o.verdict, ''), CASE WHEN o.series IS NULL THEN 1 ELSE 0 END
FROM t_target t
LEFT JOIN t_hour h ON h.series = t.series AND h.hour = t.hour
LEFT JOIN reading_hour o ON o.series = t.series AND o.hour = t.hour
LEFT JOIN t_sum b ON b.series = t.series AND b.hour = t.hour
LEFT JOIN t_delta d ON d.series = t.series AND d.hour = t.hour
LEFT JOIN t_hour p ON p.series = t.series AND p.hour = t.hour - 1
LEFT JOIN reading_hour q ON q.series = t.series AND q.hour = t.hour - 1"""  # noqa: S608 # constants


def _going_on(step: int) -> str:
    """Return the statement for the readings that go on by their (step + 1)th hour: the hours that
    come in and go out are laid out themselves, or stored, depending on how far they lie back."""
    before, eight, day = ("t_win" if step >= back else "reading_hour" for back in (1, EIGHT, DAY))

    def moved(mean: str) -> str:
        return f"CASE WHEN {mean} IS NULL THEN 0 ELSE 1 END"

    return f"""
INSERT INTO t_win
SELECT t.series, t.hour, 1, t.ok, t.v, t.v, t.v, t.flag, t.m,
  COALESCE(p.n8, 0) + {moved("t.m")} - {moved("e.mean")},
  COALESCE(p.s8, 0) + COALESCE(t.m, 0) - COALESCE(e.mean, 0),
  COALESCE(p.n24, 0) + {moved("t.m")} - {moved("d.mean")},
  COALESCE(p.s24, 0) + COALESCE(t.m, 0) - COALESCE(d.mean, 0),
  NULL,
  CASE WHEN t.above IS NULL OR t.m IS NULL THEN NULL WHEN t.m <= t.above THEN 0
    WHEN COALESCE(p.above, 0) >= {RUN_MOST - 1} THEN {RUN_MOST} ELSE COALESCE(p.above, 0) + 1 END,
  t.m - p.mean,
  CASE WHEN p.mean IS NOT NULL THEN 0 WHEN COALESCE(p.gap, {DAY}) >= {DAY} THEN {DAY}
    ELSE p.gap + 1 END,
  '', 1
FROM (
  SELECT n.series, n.hour, n.flag, n.ok, CASE WHEN n.ok = 1 THEN n.value END AS v,
    CASE WHEN n.ok = 1 AND s.needed <= 1 THEN n.value END AS m, s.above
  FROM (SELECT series, hour, flag, value, {_OK} AS ok FROM t_next WHERE step = ?) n
  JOIN t_series s ON s.series = n.series
) t
LEFT JOIN {before} p ON p.series = t.series AND p.hour = t.hour - 1
LEFT JOIN {eight} e ON e.series = t.series AND e.hour = t.hour - {EIGHT}
LEFT JOIN {day} d ON d.series = t.series AND d.hour = t.hour - {DAY}"""  # noqa: S608 # constants


_GOING_ON = tuple(_going_on(step) for step in range(STEPS_MOST))
_MEAN8 = f"CASE WHEN v.n8 >= 6 THEN {rounded('v.s8', 'v.n8')} END"
_MOST8 = f"""
UPDATE t_win SET most8 = (SELECT MAX(m.v) FROM (
    SELECT {_MEAN8} AS v FROM t_win v
      WHERE v.series = t_win.series AND v.hour BETWEEN t_win.hour - 23 AND t_win.hour
    UNION ALL
    SELECT {_MEAN8} AS v FROM reading_hour v
      WHERE v.series = t_win.series AND v.hour BETWEEN t_win.hour - 23 AND t_win.hour
      AND NOT EXISTS (SELECT 1 FROM t_target x WHERE x.series = v.series AND x.hour = v.hour)
  ) m)
WHERE series IN (SELECT series FROM t_series WHERE eight = 1)"""  # noqa: S608 # constants
# A run of hours above: after the last hour that was not above, or, where the hours before are not
# being computed now, after the run that is stored for the hour before.
_ABOVE = f"""
UPDATE t_win SET above = (SELECT r.run FROM (
  SELECT series, hour, CASE WHEN mean IS NULL THEN NULL WHEN mean <= bound THEN 0
    ELSE CASE WHEN hour - MAX(start) OVER own < {RUN_MOST}
      THEN hour - MAX(start) OVER own ELSE {RUN_MOST} END END AS run
  FROM (
    SELECT w.series, w.hour, w.mean, s.above AS bound,
      CASE WHEN w.mean IS NULL OR w.mean <= s.above THEN w.hour
        WHEN LAG(w.hour) OVER (PARTITION BY w.series ORDER BY w.hour) = w.hour - 1 THEN NULL
        ELSE w.hour - 1 - COALESCE(q.above, 0) END AS start
    FROM t_win w JOIN t_series s ON s.series = w.series AND s.above IS NOT NULL
    LEFT JOIN reading_hour q ON q.series = w.series AND q.hour = w.hour - 1
  ) marked WINDOW own AS (PARTITION BY series ORDER BY hour)
) r WHERE r.series = t_win.series AND r.hour = t_win.hour)
WHERE series IN (SELECT series FROM t_series WHERE above IS NOT NULL)"""  # noqa: S608 # constants
WINDOW_COLUMNS = (
    "series", "hour", "n", "valid", "most", "least", "last", "flag", "mean", "n8", "s8", "n24",
    "s24", "most8", "above", "rate", "gap", "verdict", "is_new",
)  # fmt: skip
_FOUND = f"SELECT {', '.join(WINDOW_COLUMNS)} FROM t_win ORDER BY series, hour"  # noqa: S608
_STORED = WINDOW_COLUMNS[:-1]
_HAS = (
    f"SELECT {', '.join(f'r.{name}' for name in _STORED)} FROM t_wanted w "  # noqa: S608 # constants
    "JOIN reading_hour r ON r.series = w.series AND r.hour = w.hour"
)
_WHOLE = """
INSERT INTO reading_hour (series, hour, n, valid, flag, n8, s8, n24, s24, verdict)
VALUES (?, ?, 0, 0, '', 0, 0, 0, 0, ?)
ON CONFLICT (series, hour) DO UPDATE SET verdict = excluded.verdict"""
_TAKE_READINGS = """
INSERT INTO reading (series, at, value, flag, revision, batch)
SELECT series, at, value, flag, revision, {mark} FROM t_reading WHERE 1 = 1
ON CONFLICT (series, at) DO UPDATE SET value = excluded.value, flag = excluded.flag,
  revision = excluded.revision, batch = excluded.batch"""
_TAKE_NEXT = """
INSERT INTO reading (series, at, value, flag, revision, batch)
SELECT series, at, value, flag, revision, {mark} FROM t_next"""
_TAKE_HOURS = (
    f"INSERT INTO reading_hour ({', '.join(_STORED)}) "  # noqa: S608 # constants
    f"SELECT {', '.join(_STORED)} FROM t_win WHERE 1 = 1 ON CONFLICT (series, hour) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _STORED[2:])
)

CACHE_KIB = 65_536
"""SQLite's pages in memory. Each series' newest hour lies in a page of its own: a thousand series
are 4 MB of pages that every batch touches, and SQLite's own choice is 2 MB."""

Row = tuple[Any, ...]


class Windows:
    """The temporary tables of one connection and what is done with them.

    Every method runs in the caller's transaction. `stage` … `windows` need only read the store;
    `take` writes it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mark = "?" if connection.dialect.name == "sqlite" else "%s"
        self._steps = 0
        self._is_staged = False

    def prepare(self) -> None:
        """Make the temporary tables, once per connection, in a transaction of its own."""
        if self._connection.dialect.name == "sqlite":
            cursor = self._connection.connection.cursor()
            cursor.execute("PRAGMA temp_store = MEMORY")  # refused inside a transaction
            cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            cursor.close()
        with self._connection.begin():
            for text in _TABLES:
                self._run(f"CREATE TEMPORARY TABLE IF NOT EXISTS {text}")

    def stage(
        self,
        series: Iterable[Series],
        readings: Sequence[NewReading],
        going_on: Sequence[NextReading] = (),
    ) -> dict[tuple[int, int], Row]:
        """Lay readings (one per key) out; return those that the store has under their keys:
        (series, second) → (value, flag, revision, batch).

        `going_on`: of series that have nothing in `readings`, one reading an hour without a gap
        from the hour after the newest stored one (or from anywhere, where none is stored); at most
        `STEPS_MOST` of a series.
        """
        for name in _NAMES:
            self._run(f"DELETE FROM {name}")  # noqa: S608 # constants
        self._many(
            "INSERT INTO t_series VALUES (?, ?, ?, ?, ?)",
            [(one.id, one.needed, one.above, int(one.eight), one.reach) for one in series],
        )
        self._many("INSERT INTO t_reading VALUES (?, ?, ?, ?, ?)", readings)
        self._many("INSERT INTO t_next VALUES (?, ?, ?, ?, ?, ?, ?)", going_on)
        self._is_staged = bool(readings)
        self._steps = max((one[0] for one in going_on), default=-1) + 1
        if not readings:
            return {}
        return {(row[0], row[1]): row[2:] for row in self._all(_KNOWN)}

    def forget(self, keys: Sequence[tuple[int, int]]) -> None:
        """Take laid-out readings away again: repeated, refused, or of a lower revision."""
        self._many("DELETE FROM t_reading WHERE series = ? AND at = ?", keys)

    def windows(self) -> list[Row]:
        """Return the windows of every hour that changes, as `WINDOW_COLUMNS`.

        `verdict` is the one that is stored, `is_new` 1 for an hour that is not stored yet.
        """
        if self._is_staged:
            for statement in (_HOURS, _TARGETS, _SUMS, _DELTAS, _WINDOWS, _ABOVE):
                self._run(statement)
        for step in range(self._steps):
            self._run(_GOING_ON[step], (step,))
        self._run(_MOST8)
        return self._all(_FOUND)

    def stored(self, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Row]:
        """Return the hours that the store has of these (series, hour), as `WINDOW_COLUMNS`."""
        self._run("DELETE FROM t_wanted")
        self._many("INSERT INTO t_wanted VALUES (?, ?)", list(wanted))
        return {(row[0], row[1]): (*row, 0) for row in self._all(_HAS)}

    def judged(self, verdicts: Sequence[tuple[str, int, int]]) -> None:
        """Set the verdict (text, series, hour) of hours whose verdict is another now."""
        self._many("UPDATE t_win SET verdict = ? WHERE series = ? AND hour = ?", verdicts)

    def take(self, batch: int) -> None:
        """Write what is laid out into the store."""
        if self._is_staged:
            self._run(_TAKE_READINGS.replace("{mark}", "?"), (batch,))
        if self._steps:
            self._run(_TAKE_NEXT.replace("{mark}", "?"), (batch,))
        self._run(_TAKE_HOURS)

    def take_whole(self, verdicts: Sequence[tuple[int, int, str]]) -> None:
        """Write what was said of stations as a whole: (series, hour, verdict)."""
        self._many(_WHOLE, verdicts)

    def keep_old(self, rows: Sequence[Row]) -> None:
        """Keep readings that others replaced: (series, second, revision, value, flag, batch)."""
        self._many(
            "INSERT INTO reading_old (series, at, revision, value, flag, batch) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            rows,
        )

    # --- the driver's own cursor: a thousand rows a time pass here -------------------------------

    def _run(self, statement: str, values: Row = ()) -> None:
        self._connection.exec_driver_sql(statement.replace("?", self._mark), values)

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        if rows:
            self._connection.exec_driver_sql(statement.replace("?", self._mark), list(rows))

    def _all(self, statement: str) -> list[Row]:
        cursor = self._connection.connection.cursor()
        try:
            cursor.execute(statement)
            return list(cursor.fetchall())
        finally:
            cursor.close()
