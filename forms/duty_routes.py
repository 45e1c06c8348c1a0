"""The routes of duty: the rota is the offices'; notices and addresses are one's own."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import duty, duty_notices
from forms.disclosure_ports import Shown
from forms.guard import page


def duty_routes() -> list[BaseRoute]:
    """Return them."""
    post = ("POST",)
    return [
        page("/duty", duty.overview, act="duty_read", thing="duty"),
        page("/duty/notices", duty_notices.notices, shows=Shown("list", "notice")),
        page("/duty/notices", duty_notices.read, methods=post),
        page("/duty/contacts", duty_notices.contacts),
        page("/duty/contacts", duty_notices.set_contact, methods=post),
        page("/duty/of/{department}", duty.week, act="duty_read", thing="duty"),
        page("/duty/of/{department}", duty.lay_out, act="duty_plan", thing="duty", methods=post),
        page(
            "/duty/of/{department}/hand-over", duty.hand_over_page, act="duty_serve", thing="duty"
        ),
        page(
            "/duty/of/{department}/hand-over",
            duty.hand_over,
            act="duty_serve",
            thing="duty",
            methods=post,
        ),
        page(
            "/duty/shifts/{shift}/withdraw",
            duty.withdraw,
            act="duty_plan",
            thing="duty",
            methods=post,
        ),
        page("/duty/shifts/{shift}/stand-in", duty.stand_in_page, act="duty_serve", thing="duty"),
        page(
            "/duty/shifts/{shift}/stand-in",
            duty.stand_in,
            act="duty_serve",
            thing="duty",
            methods=post,
        ),
        page(
            "/duty/overrides/{override}",
            duty.answer,
            act="duty_serve",
            thing="duty",
            methods=post,
        ),
        page(
            "/duty/handovers/{handover}",
            duty.handover,
            act="duty_serve",
            thing="duty",
            shows=Shown("read", "handover"),
        ),
        page(
            "/duty/handovers/{handover}",
            duty.take_over,
            act="duty_serve",
            thing="duty",
            methods=post,
            shows=Shown("read", "handover"),
        ),
    ]
