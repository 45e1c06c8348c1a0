"""The routes of supervision."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import (
    comparing,
    drilling,
    event_data,
    live_supervision,
    process,
    refusals,
    sharing,
    supervision,
    wall,
)
from forms.disclosure_ports import Shown
from forms.guard import page


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
            "/supervision/changes",
            live_supervision.changes,
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
            quiet=True,
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
            "/supervision/cases",
            drilling.drilled,
            rate="search",
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
        ),
        page(
            "/supervision/departments",
            comparing.comparison,
            rate="search",
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
        ),
        page(
            "/supervision/refusals",
            refusals.refusals,
            rate="search",
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
        ),
        page(
            "/supervision/shares",
            sharing.shares,
            rate="search",
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
        ),
        page(
            "/supervision/shares/clocks",
            sharing.shared,
            rate="search",
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
            "/wall",
            wall.wall,
            act="list",
            thing="incident",
            shows=Shown("list", "incident"),
            quiet=True,
            screen=True,
        ),
        page(
            "/wall/changes",
            wall.changes,
            act="list",
            thing="incident",
            shows=Shown("list", "incident"),
            quiet=True,
            screen=True,
        ),
        page("/process/events", event_data.choose, act="supervise", thing="supervision"),
        page(
            "/process/events/{form}",
            event_data.take,
            rate="export",
            act="supervise",
            thing="supervision",
        ),
        page(
            "/supervision/report/{month}",
            supervision.report,
            act="report",
            thing="supervision",
            rate="export",
        ),
    ]
