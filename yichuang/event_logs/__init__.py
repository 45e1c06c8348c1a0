"""The log of a city as event data for process mining: OCEL 2.0 (JSON, SQLite) and XES.

    gather(shards, rows, stage, wanted) -> Gathered    entries of the log, checked and masked
    write_ocel_json(stage, out)                        OCEL 2.0 (2023), JSON
    write_ocel_sqlite(stage, path)                     the same as the relational form
    write_xes(stage, out, kind)                        IEEE 1849-2016, a trace for each thing

Everything goes through a file on the disk (`Stage`), so that a hundred thousand cases need no more
memory than ten. No person is named and no number of a case: docs/process.md.
"""

from yichuang.event_logs.gather import Gathered, NotWhole, Shard, Wanted, gather
from yichuang.event_logs.ocel import write_ocel_json, write_ocel_sqlite
from yichuang.event_logs.stage import Stage
from yichuang.event_logs.xes import write_xes

__all__ = [
    "Gathered",
    "NotWhole",
    "Shard",
    "Stage",
    "Wanted",
    "gather",
    "write_ocel_json",
    "write_ocel_sqlite",
    "write_xes",
]
