"""The routes of one's own session: sign-out, password, deputies, proof, security."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import deputies, me, preferences, proving, security, signing_in
from forms.disclosure_ports import Shown
from forms.guard import page


def session_routes() -> list[BaseRoute]:
    """Return them."""
    post = ("POST",)
    return [
        page("/sign-out", signing_in.sign_out, methods=post),
        page("/me", me.me),
        page("/still-here.svg", signing_in.still_here),
        page("/password", signing_in.password_page),
        page("/password", signing_in.password, methods=post),
        page("/deputies", deputies.deputies),
        page("/deputies", deputies.propose, methods=post),
        page("/deputies/act", deputies.act, methods=post),
        page("/deputies/{delegation}", deputies.deputy, shows=Shown("list", "delegation")),
        page(
            "/deputies/{delegation}",
            deputies.change,
            methods=post,
            shows=Shown("list", "delegation"),
        ),
        page("/preferences", preferences.preferences),
        page("/preferences", preferences.choose, methods=post),
        page("/prove", proving.prove_page),
        page("/prove", proving.prove, methods=post),
        page("/security", security.overview),
        page("/security/factor", security.factor_page, step_up=True),
        page("/security/factor", security.add_factor, methods=post, step_up=True),
        page("/security/factors/{factor}/remove", security.remove, methods=post, step_up=True),
        page("/security/codes", security.codes_page, step_up=True),
        page("/security/codes", security.make_codes, methods=post, step_up=True),
        page("/security/codes/kept", security.keep_codes, methods=post),
        page("/security/sessions", security.end_sessions, methods=post),
    ]
