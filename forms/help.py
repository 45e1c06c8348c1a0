"""The help that stands on every page: what it is for, what comes next, the article in its words."""

from __future__ import annotations

from collections.abc import Sequence

from forms.help_words import HELP, HelpPanel, Quoted
from forms.rendering import Page
from forms.visit import Visit


async def help_of(visit: Visit, page: Page) -> HelpPanel | None:
    """Return the help of a page; None for a template that has none."""
    found = HELP.get(page.template)
    if found is None:
        return None
    articles = await quoted(visit, page.rests_on() or found.articles)
    return HelpPanel(visit.say(found.what), visit.say(found.then), articles)


async def quoted(visit: Visit, articles: Sequence[str]) -> tuple[Quoted, ...]:
    """Return articles of the law register as a page quotes them; unknown ids are left out."""
    found = (visit.ports.catalogue.article(one) for one in dict.fromkeys(articles))
    return tuple(
        Quoted(a.cited, a.gist, a.text, a.in_force_from, a.verified) for a in found if a is not None
    )
