"""The routes of supervision."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import process, supervision
from forms.guard import page
from forms.ports import Shown


def supervision_routes() -> list[BaseRoute]:
    """Return them."""
    return [
        page(
            "/supervision",
            supervision.board,
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
        ),
        page(
            "/supervision.csv",
            supervision.table,
            rate="export",
            act="supervise",
            thing="supervision",
            shows=Shown("export", "supervision"),
        ),
        page(
            "/supervision/clocks",
            supervision.watch,
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
        ),
        page(
            "/process",
            process.process,
            rate="search",
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
        ),
        page(
            "/process/passages",
            process.passages,
            rate="search",
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
        ),
        page(
            "/process/held",
            process.held,
            rate="search",
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
        ),
        page(
            "/supervision/report/{month}",
            supervision.report,
            act="report",
            thing="supervision",
            rate="export",
        ),
    ]
