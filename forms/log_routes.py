"""The routes of the log: entries, proofs, erasures, who read what, verification."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import anomalies, erasures, log_pages
from forms.disclosure_ports import Shown
from forms.guard import page


def log_routes() -> list[BaseRoute]:
    """Return them."""
    post = ("POST",)
    return [
        page(
            "/log",
            log_pages.log,
            rate="search",
            act="audit_read",
            thing="audit",
            shows=Shown("list", "log"),
        ),
        page(
            "/log/entries/{entry}",
            log_pages.entry,
            act="audit_read",
            thing="audit",
            shows=Shown("read", "log"),
        ),
        page(
            "/log/entries/{entry}/proof",
            log_pages.proof,
            rate="export",
            act="audit_read",
            thing="audit",
            shows=Shown("read", "log"),
        ),
        page(
            "/log/entries/{entry}/body",
            log_pages.body,
            rate="export",
            act="audit_read",
            thing="audit",
            shows=Shown("read", "log"),
        ),
        page("/erasures", erasures.erasures),
        page("/erasures", erasures.ask, act="erase_ask", thing="audit", methods=post),
        page(
            "/erasures/{order}/approve",
            erasures.approve,
            act="erase_approve",
            thing="audit",
            methods=post,
        ),
        page(
            "/erasures/{order}/refuse",
            erasures.refuse,
            act="erase_approve",
            thing="audit",
            methods=post,
        ),
        page("/readers", log_pages.readers, act="case_readers", thing="audit", rate="search"),
        page(
            "/anomalies",
            anomalies.anomalies,
            act="case_readers",
            thing="audit",
            shows=Shown("list", "anomaly"),
        ),
        page("/verification", log_pages.verification, act="audit_verify", thing="audit"),
        page(
            "/verification", log_pages.verify_now, act="audit_verify", thing="audit", methods=post
        ),
    ]
