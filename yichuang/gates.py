"""The gates of this house, as commands: what `test` and `check` run and CI runs too."""

import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from yichuang.settings import CHECKOUT
from yichuang.terminal import say

WORKERS = 2
"""Test processes at once: the suites start real servers, and more only waits for the disk."""

NO_TESTS = 5
"""pytest's exit code when it found nothing to run."""

SCRIPTS = Path(sysconfig.get_path("scripts"))

STATIC: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("格式 ruff format", (str(SCRIPTS / "ruff"), "format", "--check", "--quiet", ".")),
    ("检查 ruff check", (str(SCRIPTS / "ruff"), "check", "--quiet", ".")),
    ("类型 mypy", (str(SCRIPTS / "mypy"),)),
    ("引用 lint-imports", (str(SCRIPTS / "lint-imports"),)),
)


def run_quietly(words: Sequence[str]) -> tuple[int, str]:
    """Run a gate in the checkout; return its exit code and what it said."""
    done = subprocess.run(  # noqa: S603 -- our own tools
        words,
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def static() -> list[str]:
    """Run every gate that needs no test and return the names of those that failed."""
    failed = []
    for name, words in STATIC:
        code, words_said = run_quietly(words)
        say(f"{'✓' if code == 0 else '✗'} {name}")
        if code != 0:
            say(words_said)
            failed.append(name)
    return failed


def tests(extra: Sequence[str] = (), *, long: bool = False) -> int:
    """Run pytest and return its exit code; its closing line is the last thing it prints.

    `long` adds the tests marked so. What the caller passes goes to pytest as it is; a caller that
    chooses with -m or -n chooses alone.
    """
    chosen = list(extra)
    words = [sys.executable, "-m", "pytest"]
    if not _has(chosen, "-n", "--numprocesses"):
        words += ["-n", str(WORKERS), "--dist", "loadfile"]
    if not long and not _has(chosen, "-m"):
        words += ["-m", "not long"]
    return subprocess.run(  # noqa: S603 -- our own tools
        [*words, *chosen], cwd=CHECKOUT, check=False
    ).returncode


def _has(words: Sequence[str], *options: str) -> bool:
    return any(word.startswith(options) for word in words)
