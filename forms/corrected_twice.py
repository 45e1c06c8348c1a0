"""Two people who correct one case at once: the second sees both versions before theirs counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cases.passages import Change
from cases.views import CaseView, TimelineItem
from forms.fields import Form
from forms.rendering import moment
from forms.visit import Visit
from forms.words import N_

SEEN: Final = "seen"
"""Hidden field of an act: the last step of the case that its page showed."""

SHOWN = N_(
    "{who}已于 {at} 把这一项由“{before}”改为“{after}”，您填的还没有保存；"
    "仍要用您填的就再次提交，不改就清空这一项"
)
HIDDEN = N_(
    "{who}已于 {at} 改过这一项（内容须查看个人信息才显示），您填的还没有保存；"
    "仍要用您填的就再次提交，不改就清空这一项"
)


def seen_of(visit: Visit, view: CaseView) -> int:
    """Return the last step that the page in the reader's hands showed; the newest on a new page."""
    given = visit.text(SEEN)
    return int(given) if given.isdecimal() and len(given) < 10 else newest(view)


def newest(view: CaseView) -> int:
    return max((item.seq for item in view.timeline), default=0)


def corrected_since(
    visit: Visit, view: CaseView, form: Form, body: Mapping[str, Any]
) -> dict[str, str]:
    """Return a sentence per field that somebody else has corrected since the page was opened, and
    that is corrected here to something else again."""
    typed = body.get("form")
    if not isinstance(typed, Mapping):
        return {}
    seen, found = seen_of(visit, view), dict[str, str]()
    for item in sorted(view.timeline, key=lambda one: one.seq):
        if item.seq <= seen:
            continue
        for change in item.changes:
            if change.what == "field" and change.of in typed:
                if typed[change.of] != view.form.get(change.of):
                    found[_field(form, change.of)] = _sentence(visit, item, change)
    return found


def _field(form: Form, name: str) -> str:
    """Return the field that shows a name of the form; of a nested object the first of its parts."""
    path = f"form.{name}"
    named = (f.name for f in form.fields if f.name == path or f.name.startswith(f"{path}."))
    return next(named, path)


def _sentence(visit: Visit, item: TimelineItem, change: Change) -> str:
    said = {"who": item.who_name or item.who, "at": moment(item.recorded_at, visit.zone)}
    if not change.before and not change.after:
        return visit.say(HIDDEN).format(**said)
    return visit.say(SHOWN).format(**said, before=change.before, after=change.after)
