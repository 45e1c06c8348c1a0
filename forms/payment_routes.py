"""The routes of money."""

from __future__ import annotations

from starlette.routing import BaseRoute

from cases.fund import OBJECT, OF_FUND, OF_PAYMENT, PAYMENT
from forms import fund, fund_acting, payments
from forms.disclosure_ports import Shown
from forms.fund_words import PATHS
from forms.guard import page


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
        page(
            "/payments/{payment}/receipt",
            payments.receipt,
            act="payment_read",
            thing="payment",
            methods=post,
        ),
        *(
            page(PATHS[verb], fund_acting.step(verb), act=verb, thing=PAYMENT,
                 methods=(method,))
            for verb in OF_PAYMENT
            for method in ("GET", "POST")
        ),
        page("/fund", fund.overview, act="fund_read", thing=OBJECT, shows=Shown("list", OBJECT)),
        page("/fund/journal", fund.journal, act="fund_read", thing=OBJECT,
             shows=Shown("list", OBJECT)),
        page("/fund/journal.csv", fund.exported, act="fund_read", thing=OBJECT,
             shows=Shown("export", OBJECT), rate="export"),
        page("/fund/projects/{project}", fund.project, act="fund_read", thing=OBJECT,
             shows=Shown("read", OBJECT)),
        *(
            page(PATHS[verb], fund_acting.act(verb), act=verb, thing=OBJECT,
                 methods=(method,))
            for verb in OF_FUND
            for method in ("GET", "POST")
        ),
    ]  # fmt: skip
