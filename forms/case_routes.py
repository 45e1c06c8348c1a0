"""The routes of cases and worklists."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import (
    acceptance,
    acting,
    bulk,
    cards,
    case,
    case_files,
    case_incident,
    document_page,
    list_file,
    lists,
    live_list,
    notices,
    receipts,
    saved_filters,
    uploading,
    window,
)
from forms.disclosure_ports import Shown
from forms.guard import page
from forms.uploading import PIECE_BODY


def case_routes(files: int) -> list[BaseRoute]:
    """Return them. `files`: bytes that a post of files may have."""
    post = ("POST",)
    return [
        page("/", lists.home, shows=Shown("list", "worklist")),
        page("/team", lists.team, shows=Shown("list", "worklist")),
        page("/cases", lists.everything, shows=Shown("list", "worklist"), rate="search"),
        page("/find", lists.find, act="list", thing="case", methods=post, rate="search"),
        page("/counts", live_list.side, act="list", thing="case", quiet=True),
        page("/bulk", bulk.bulk, act="list", thing="case"),
        page(
            "/bulk",
            bulk.bulk_step,
            act="list",
            thing="case",
            methods=post,
            shows=Shown("list", "worklist"),
            rate="search",
        ),
        page("/filters", saved_filters.filters, act="list", thing="case"),
        page("/filters", saved_filters.save, act="list", thing="case", methods=post),
        page("/filters/{saved}", saved_filters.open_filter, act="list", thing="case"),
        page("/filters/{saved}", saved_filters.change, act="list", thing="case", methods=post),
        page("/cases.csv", list_file.listed, shows=Shown("export", "worklist")),
        page("/new", window.choose, act="file", thing="case", shows=Shown("list", "draft")),
        page(
            "/new/{matter}",
            window.new_case,
            act="file",
            thing="case",
            shows=Shown("read", "draft"),
        ),
        page("/uploads", uploading.piece, act="file", thing="case", methods=post, body=PIECE_BODY),
        page("/new/drafts/remove", window.remove_draft, act="file", thing="case", methods=post),
        page("/new/{matter}", window.file_case, act="file", thing="case", methods=post, body=files),
        page(
            "/acceptance",
            acceptance.acceptance,
            act="list",
            thing="case",
            shows=Shown("list", "acceptance"),
        ),
        page(
            "/cards",
            cards.cards,
            act="review_explanation",
            thing="case",
            shows=Shown("list", "card"),
        ),
        page("/notices", notices.notices, shows=Shown("list", "notice")),
        page("/notices", notices.read, methods=post),
        page("/cases/{case_no}", case.case, shows=Shown("read", "case")),
        page(
            "/cases/{case_no}/reveal",
            case.reveal,
            methods=post,
            shows=Shown("read", "case"),
        ),
        page("/cases/{case_no}/documents/{document}", case_files.document, rate="export"),
        page(
            "/cases/{case_no}/documents/{document}/view",
            document_page.document_page,
            shows=Shown("read", "case"),
        ),
        page("/cases/{case_no}/documents/{document}/inline", document_page.inline, rate="export"),
        page("/cases/{case_no}/incident", case_incident.choose, shows=Shown("read", "case")),
        page("/cases/{case_no}/receipt", receipts.of_case, methods=post),
        page("/cases/{case_no}/steps/{seq}/receipt", receipts.of_step, methods=post),
        page("/cases/{case_no}/materials/{upload}", case_files.material, rate="export"),
        page("/cases/{case_no}/do/{verb}", acting.act_page, shows=Shown("read", "case")),
        page(
            "/cases/{case_no}/do/{verb}",
            acting.do,
            methods=post,
            body=files,
            shows=Shown("read", "case"),
        ),
    ]
