"""The routes of the designer's desk and of a matter's version."""

from __future__ import annotations

from functools import partial

from starlette.routing import BaseRoute

from forms import designer, notice_words
from forms.guard import page

BODY = 2 * 1024 * 1024
"""Bytes of a posted desk: a matter of the largest text has some 200,000 characters."""


def designer_routes() -> list[BaseRoute]:
    """Return them."""
    post = ("POST",)
    may = partial(page, act="release_propose", thing="release")
    seen = partial(page, act="list", thing="release")
    return [
        may("/designer", designer.designer),
        may("/designer", designer.start, methods=post),
        may("/designer/words", notice_words.words),
        may("/designer/words", notice_words.keep_words, methods=post),
        may("/designer/{draft}", designer.design),
        may("/designer/{draft}", designer.keep, methods=post, body=BODY),
        may("/designer/{draft}/form", designer.design_form),
        may("/designer/{draft}/papers/{kind}", designer.design_paper, rate="export"),
        may("/designer/{draft}/changes", designer.changes),
        may("/designer/{draft}/send", designer.send, methods=post),
        may("/designer/{draft}/drop", designer.drop, methods=post),
        seen("/releases/{release}", designer.release),
        seen("/releases/{release}/form", designer.release_form),
        seen("/releases/{release}/papers/{kind}", designer.release_paper, rate="export"),
    ]
