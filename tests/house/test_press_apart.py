"""What draws pages is loaded by the press's own process alone, which settling does not wait for."""

from __future__ import annotations

import subprocess
import sys

from activities.press import ROOT


def test_no_door_and_no_worker_loads_what_draws() -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import yichuang.web, yichuang.worker, sys; print('weasyprint' in sys.modules)",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "False\n"
