"""CloudEvents JSON conformance events: all valid ones read, all invalid ones refused.

Form: a folder with `valid-events.json` and `invalid-events.json`, or one such file, as published
in cloudevents/conformance `format/json/`. Valid events that share a `sampleId` are one sample in
several spellings and must come out equal; an event written and read again must be the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.known import Known, KnownUnreadable
from yichuang.events import Event, EventInvalid, from_document, read


def run(path: Path) -> Known:
    """Return how many of the published verdicts the reader gives too."""
    files = sorted(path.glob("*-events.json")) if path.is_dir() else [path]
    tests: list[tuple[bool, dict[str, Any]]] = []
    for file in files:
        document = json.loads(file.read_bytes())
        if not isinstance(document, dict) or "testType" not in document:
            raise KnownUnreadable(f"{file}：没有 testType；应是 cloudevents/conformance 的 JSON")
        is_valid = document["testType"].startswith("Valid")
        tests += [(is_valid, test) for test in document["tests"]]
    if not tests:
        raise KnownUnreadable(f"{path}：没有 *-events.json")
    samples: dict[str, Event] = {}
    differences = [said for valid, test in tests if (said := _difference(valid, test, samples))]
    return Known(len(tests), len(tests) - len(differences), differences)


def _difference(is_valid: bool, test: dict[str, Any], samples: dict[str, Event]) -> str:
    """Return what differs from the published verdict, an empty string when nothing does."""
    try:
        event = from_document(test["event"])
    except EventInvalid as refused:
        return f"{test['id']}: refused ({refused})" if is_valid else ""
    if not is_valid:
        return f"{test['id']}: accepted"
    if read(event.to_json()) != event:
        return f"{test['id']}: written and read again it is another event"
    if samples.setdefault(test.get("sampleId", test["id"]), event) != event:
        return f"{test['id']}: differs from another spelling of {test['sampleId']}"
    return ""
