"""The routes of the city's plan, those that need a session."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import plan
from forms.disclosure_ports import Shown
from forms.guard import page


def plan_routes() -> list[BaseRoute]:
    """Return them."""
    return [
        page("/plan", plan.plan, act="plan_read", thing="plan"),
        page("/plan/{kpi}", plan.kpi, act="plan_read", thing="plan", shows=Shown("list", "plan")),
        page("/plan/{kpi}/report", plan.report, act="plan_read", thing="plan"),
        page("/plan/{kpi}/report", plan.report, act="plan_read", thing="plan", methods=("POST",)),
    ]
