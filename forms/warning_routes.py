"""The routes of our own warnings, those that need a session."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import warnings
from forms.guard import page


def warning_routes() -> list[BaseRoute]:
    """Return them."""
    post = ("POST",)
    return [
        page("/warnings", warnings.listing, act="warning_read", thing="warning"),
        page("/warnings/new", warnings.issue, act="warning_issue", thing="warning"),
        page("/warnings/new", warnings.issue, act="warning_issue", thing="warning", methods=post),
        page("/warnings/{warning}", warnings.warning, act="warning_read", thing="warning"),
        page(
            "/warnings/{warning}/adjust",
            warnings.adjust,
            act="warning_adjust",
            thing="warning",
        ),
        page(
            "/warnings/{warning}/adjust",
            warnings.adjust,
            act="warning_adjust",
            thing="warning",
            methods=post,
        ),
        page(
            "/warnings/{warning}/lift",
            warnings.lift,
            act="warning_lift",
            thing="warning",
        ),
        page(
            "/warnings/{warning}/lift",
            warnings.lift,
            act="warning_lift",
            thing="warning",
            methods=post,
        ),
    ]
