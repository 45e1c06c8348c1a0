"""Habits of one person at the pages, over the web store: `forms.habit_ports` of `cases.habits`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.vault import SubjectVault
from cases.habits import MOST_FILTERS, Habits, NoSuchChoice, SealedFilter, TooManyFilters
from cases.messages import Actor
from forms.habit_ports import SavedFilter


@dataclass(frozen=True)
class WebPreferences:
    """`forms.habit_ports.Preferences`."""

    habits: Habits
    now: Callable[[], datetime]

    def of(self, actor: Actor) -> Mapping[str, str]:
        return self.habits.preferences(actor.id)

    def prefer(self, actor: Actor, chosen: Mapping[str, str]) -> bool:
        try:
            self.habits.prefer(actor.id, chosen, self.now())
        except NoSuchChoice:
            return False
        return True


@dataclass(frozen=True)
class WebSavedFilters:
    """`forms.habit_ports.SavedFilters`: sealed under their owner's key, as begun forms are."""

    habits: Habits
    vault: SubjectVault
    pseudonym_of: Callable[[str], str]
    now: Callable[[], datetime]

    def listing(self, actor: Actor) -> Sequence[SavedFilter]:
        subject = self.pseudonym_of(actor.id)
        found = []
        for one in self.habits.filters(actor.id):
            said = json.loads(self.vault.open(subject, one.sealed, _place(one.id)))
            found.append(SavedFilter(one.id, said["name"], said["scope"], said["query"]))
        return found

    def save(self, actor: Actor, kept: SavedFilter) -> str:
        others = [one for one in self.listing(actor) if one.id != kept.id]
        if any(one.name == kept.name for one in others):
            return f"已有名为“{kept.name}”的筛选，请换一个名称"
        said = {"name": kept.name, "scope": kept.scope, "query": dict(kept.query)}
        text = json.dumps(said, ensure_ascii=False).encode()
        sealed = self.vault.seal(self.pseudonym_of(actor.id), text, _place(kept.id))
        try:
            self.habits.save_filter(actor.id, SealedFilter(kept.id, sealed, self.now()))
        except TooManyFilters:
            return f"最多保存 {MOST_FILTERS} 个筛选，请先删除不用的"
        return ""

    def remove(self, actor: Actor, saved: str) -> None:
        self.habits.remove_filter(actor.id, saved)


def _place(saved: str) -> bytes:
    return f"saved_filter:{saved}".encode()
