"""Runs chosen tests in a process of its own: `python -m yichuang.compliance_child NAMES ANSWER`.

NAMES holds the tests that are wanted, as pytest names them without parameters; ANSWER gets what
became of each. A file that pytest cannot read leaves its tests out of the answer: missing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from yichuang.compliance_choice import name_of

WORST = ("passed", "skipped", "failed")
"""Of several parameters, or of set-up, call and teardown, the last of these that occurred."""


class Watch:
    """Notes how each test of a session ended."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        name = name_of(report.nodeid)
        known = self.outcomes.get(name, WORST[0])
        self.outcomes[name] = max(known, str(report.outcome), key=WORST.index)


def main(words: Sequence[str]) -> int:
    """Run the tests and write the answer; return pytest's exit code."""
    names, answer, workers = Path(words[0]), Path(words[1]), int(words[2])
    wanted: list[str] = json.loads(names.read_text("utf-8"))
    files = sorted({name.split("::")[0] for name in wanted})
    options = ["-q", "-m", "", "-p", "no:cacheprovider", "-p", "yichuang.compliance_choice"]
    options += [f"--only-named-in={names}", "--rootdir=.", "--continue-on-collection-errors"]
    options += ["-n", str(workers), "--dist", "loadfile"] if workers > 1 else []
    watch = Watch()
    code = pytest.main([*options, *(file for file in files if Path(file).exists())], [watch])
    answer.write_text(json.dumps(watch.outcomes), "utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
