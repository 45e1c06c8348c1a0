"""The addresses under which systems hand in signals and ask what became of them."""

from __future__ import annotations

from starlette.routing import Route

from forms.cap_rest import read_signal, take_cap
from forms.open311 import open311_routes
from forms.rest import service_route


def signal_routes() -> list[Route]:
    """Return CAP and signals under /api/v1, and Open311 beside it."""
    return [
        service_route("/cap", take_cap, "POST"),
        service_route("/signals/{signal}", read_signal, "GET"),
        *open311_routes(),
    ]
