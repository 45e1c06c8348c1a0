"""The address of a case's public status as a QR code, drawn on the page itself."""

from __future__ import annotations

from io import BytesIO
from typing import Final
from urllib.parse import quote

import segno

from forms.visit import Visit
from forms.words import N_

SCALE: Final = 3
"""Pixels of a module: about 120 on the side, which a telephone reads at arm's length."""
QUIET: Final = 4
"""Modules of white around it (GB/T 18284-2000, ISO/IEC 18004 §6.3.8)."""


def status_path(case_no: str, code: str) -> str:
    """Return the path of the status page of whoever holds number and code."""
    return f"/status/{quote(case_no, safe='')}/{quote(code, safe='')}"


def status_code(visit: Visit, case_no: str, code: str) -> str:
    """Return the code as SVG, dark on white in both colour schemes: a reader wants the contrast."""
    image = BytesIO()
    address = visit.options.address + status_path(case_no, code)
    segno.make(address, error="m", micro=False).save(
        image, kind="svg", scale=SCALE, border=QUIET, light="#fff", xmldecl=False, svgns=True,
        svgclass="qr", lineclass=None, title=visit.say(N_("办件进度的二维码")),
    )  # fmt: skip
    return image.getvalue().decode()
