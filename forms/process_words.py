"""The words of the process's pages: kinds of things, steps, spans of time."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cases.process_rows import Kind
from forms import incident_words, project_words
from forms.visit import Visit
from forms.words import N_, VERBS

KINDS: Final[Mapping[Kind, str]] = MappingProxyType(
    {"case": N_("办件"), "incident": N_("突发事件"), "project": N_("项目")}
)
SORTS: Final[Mapping[Kind, str]] = MappingProxyType(
    {"case": N_("事项"), "incident": N_("事件类型"), "project": N_("模板")}
)
"""What the second filter is called."""

_WORDS: Final[Mapping[Kind, Mapping[str, str]]] = MappingProxyType(
    {"case": VERBS, "incident": incident_words.VERBS, "project": project_words.VERBS}
)

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def act_word(visit: Visit, kind: Kind, act: str) -> str:
    """Return a step in the reader's language; one that nobody has named, as the log has it."""
    found = _WORDS[kind].get(act)
    return visit.say(found) if found else act


def span_word(visit: Visit, seconds: float) -> str:
    """Return a time in its largest whole unit, to one decimal: 40 秒, 3.5 小时, 12.0 天."""
    size = abs(seconds)
    if size < MINUTE:
        return visit.say(N_("{n} 秒")).format(n=f"{seconds:.0f}")
    if size < HOUR:
        return visit.say(N_("{n} 分钟")).format(n=f"{seconds / MINUTE:.1f}")
    if size < DAY:
        return visit.say(N_("{n} 小时")).format(n=f"{seconds / HOUR:.1f}")
    return visit.say(N_("{n} 天")).format(n=f"{seconds / DAY:.1f}")
