"""The routes of what is in force: calendar, releases, policy, rules."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import admin, calendar, dossier, policy_pages, rule_pages, separation
from forms.disclosure_ports import Shown
from forms.guard import page


def release_routes() -> list[BaseRoute]:
    """Return them."""
    post = ("POST",)
    return [
        page("/calendar", calendar.calendar, act="read", thing="release"),
        page("/calendar/notice", calendar.propose_notice, methods=post, body=2 * 1024 * 1024),
        page("/calendar/change", calendar.propose_change, methods=post),
        page("/calendar/{release}/look-ahead", calendar.look_ahead, methods=post),
        page("/calendar/{release}/ask-revocation", calendar.ask_revocation, methods=post),
        page("/calendar/{release}/revoke", calendar.revoke, methods=post),
        page("/releases/{release}/ask-revocation", calendar.ask_revocation, methods=post),
        page("/releases/{release}/revoke", calendar.revoke, methods=post),
        page("/releases", admin.releases, act="list", thing="release"),
        page(
            "/releases",
            admin.propose_release,
            methods=post,
            body=1024 * 1024,
        ),
        page("/policy", policy_pages.policy, act="policy_read", thing="policy"),
        page("/policy/new", policy_pages.new_policy, act="policy_propose", thing="policy"),
        page(
            "/policy/new",
            policy_pages.propose_policy,
            act="policy_propose",
            thing="policy",
            methods=post,
            body=2 * 1024 * 1024,
        ),
        page(
            "/policy/duties",
            separation.separation,
            act="policy_read",
            thing="policy",
            shows=Shown("list", "account"),
        ),
        page(
            "/policy/duties.csv",
            separation.separation_file,
            act="policy_read",
            thing="policy",
            shows=Shown("export", "account"),
            rate="export",
        ),
        page("/policy/{release}", policy_pages.proposal, act="policy_read", thing="policy"),
        page(
            "/policy/{release}/approve",
            policy_pages.approve_policy,
            act="policy_approve",
            thing="policy",
            methods=post,
        ),
        page(
            "/policy/{release}/withdraw",
            policy_pages.withdraw_policy,
            act="policy_propose",
            thing="policy",
            methods=post,
        ),
        page("/rules", rule_pages.rules, act="read", thing="release"),
        page("/rules/{pack}", rule_pages.rule_pack, act="read", thing="release"),
        page("/releases/{release}/dossier", dossier.dossier, shows=Shown("read", "dossier")),
        page("/releases/{release}/endorse", dossier.endorse, methods=post),
        page("/releases/{release}/simulate", dossier.simulate, methods=post),
        page("/releases/{release}/sign", admin.sign_release, methods=post),
        page("/releases/{release}/withdraw", admin.withdraw_release, methods=post),
    ]
