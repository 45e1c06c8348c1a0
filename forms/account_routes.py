"""The routes of accounts and of changed rights."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import account_review, accounts, granting
from forms.disclosure_ports import Shown
from forms.guard import page


def account_routes() -> list[BaseRoute]:
    """Return them."""
    post = ("POST",)
    return [
        page("/accounts", accounts.accounts, shows=Shown("list", "account")),
        page(
            "/accounts",
            accounts.create_account,
            act="account_manage",
            thing="account",
            methods=post,
            shows=Shown("list", "account"),
        ),
        page("/accounts/review", account_review.review, shows=Shown("list", "account")),
        page(
            "/accounts/{account}/review",
            account_review.reviewed,
            methods=post,
            shows=Shown("list", "account"),
        ),
        page(
            "/accounts/{account}/term",
            account_review.term,
            methods=post,
            shows=Shown("read", "account"),
        ),
        page("/accounts/{account}", accounts.account, shows=Shown("read", "account")),
        page(
            "/accounts/{account}",
            accounts.change_account,
            methods=post,
            shows=Shown("read", "account"),
        ),
        page(
            "/accounts/{account}/rights",
            accounts.propose_change,
            methods=post,
            shows=Shown("read", "account"),
        ),
        page("/grants", granting.grants, shows=Shown("list", "account")),
        page(
            "/grants/{change}/approve",
            granting.approve,
            act="grant_approve",
            thing="account",
            methods=post,
            shows=Shown("list", "account"),
        ),
        page(
            "/grants/{change}/refuse",
            granting.refuse,
            act="grant_approve",
            thing="account",
            methods=post,
            shows=Shown("list", "account"),
        ),
        page(
            "/grants/{change}/withdraw",
            granting.withdraw,
            act="account_grant",
            thing="account",
            methods=post,
            shows=Shown("list", "account"),
        ),
    ]
