"""The routes of money."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import payments
from forms.guard import page
from forms.ports import Shown


def payment_routes() -> list[BaseRoute]:
    """Return them."""
    post = ("POST",)
    return [
        page(
            "/payments",
            payments.listing,
            act="payment_read",
            thing="payment",
            shows=Shown("list", "payment"),
        ),
        page("/payments/new", payments.new, act="payment_request", thing="payment"),
        page(
            "/payments/new",
            payments.request,
            act="payment_request",
            thing="payment",
            methods=post,
        ),
        page(
            "/payments/{payment}",
            payments.payment,
            act="payment_read",
            thing="payment",
            shows=Shown("read", "payment"),
        ),
    ]
