"""Before a pack may act: everything wrong with a folder, and its examples by the engine itself."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from rules.load import Fault, read, tried
from rules.pack import Pack, Slice
from rules.plain import Fact
from rules.process import EngineSilent, engine_trial
from rules.validate import Problem

TRIAL_SECONDS = 5.0
"""For compiling a pack and asking all its examples, in a child that is then thrown away."""


def tried_by_engine(pack: Pack, seconds: float = TRIAL_SECONDS) -> list[Problem]:
    """Return what speaks against publishing a pack after the engine itself was asked.

    Compiles every set of rules that is ever in force together, in a throw-away child with a
    memory limit, and answers every example there.
    """
    until = time.monotonic() + seconds
    with engine_trial(seconds) as trial:

        def match(rules: Slice, fact: Fact) -> Collection[str]:
            if time.monotonic() > until:
                raise EngineSilent(f"more than {seconds} s")
            return trial.match(rules, fact)

        try:
            for rules in pack.slices():
                match(rules, {})
            return tried(pack, match)
        except EngineSilent as silence:
            why = "; ".join(q.reason for q in trial.quarantined()) or str(silence)
            return [Problem((), f"规则引擎没有通过试运行: {why}", "简化规则, 或报告此规则包")]


def check(place: Path) -> list[Fault]:
    """Return every fault of the rule packs of a folder, or of one file, by file and line.

    Loading, validating and the examples by twin and by engine. Empty: all may be used.
    """
    loaded, found = read(place)
    faults = [*found, *(one.fault(p) for one in loaded for p in tried_by_engine(one.pack))]
    return sorted(faults, key=lambda fault: (fault.file, fault.line))
