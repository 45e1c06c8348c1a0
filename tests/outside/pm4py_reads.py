"""What pm4py makes of event logs, as JSON on stdout. Runs in an interpreter of its own.

    pm4py_reads.py FILE...     # .json and .sqlite: OCEL 2.0; .xes: XES

Nothing of this house is imported: what is counted is what their readers made of our files.
"""

import collections
import contextlib
import json
import sys

with contextlib.redirect_stdout(sys.stderr):  # it greets whoever imports it
    import pm4py


def ocel(path: str) -> dict[str, object]:
    found = pm4py.read_ocel2(path)
    events, objects = found.events, found.objects
    at = events[found.event_timestamp]
    return {
        "events": dict(collections.Counter(events[found.event_activity])),
        "objects": dict(collections.Counter(objects[found.object_type_column])),
        "links": len(found.relations),
        "ties": len(found.o2o),
        "ids": sorted(events[found.event_id_column]),
        "span": [at.min().isoformat(), at.max().isoformat()],
        "mined": sorted(pm4py.discover_ocdfg(found)["activities"]),
    }


def xes(path: str) -> dict[str, object]:
    found = pm4py.read_xes(path)
    arrows, starts, ends = pm4py.discover_dfg(found)
    net = pm4py.discover_petri_net_inductive(found)
    return {
        "events": dict(collections.Counter(found["concept:name"])),
        "traces": int(found["case:concept:name"].nunique()),
        "starts": dict(starts),
        "ends": dict(ends),
        "arrows": sum(arrows.values()),
        "fitness": pm4py.fitness_token_based_replay(found, *net)["log_fitness"],
    }


with contextlib.redirect_stdout(sys.stderr):
    told = {one: (xes if one.endswith(".xes") else ocel)(one) for one in sys.argv[1:]}
json.dump(told, sys.stdout, default=int)
