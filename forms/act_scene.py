"""What the form of an act is, and what its fields depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from cases.approval.walk import TO_SERVE_AGAIN
from cases.state import Task
from cases.views import CaseView
from catalogue.matters import Matter
from forms.fields import Field, Posted
from forms.words import N_, Language, Say


@dataclass(frozen=True)
class Scene:
    """All that the fields of an act depend on."""

    view: CaseView
    matter: Matter
    department: str
    """The actor's own department."""
    colleagues: tuple[tuple[str, str], ...]
    departments: Mapping[str, str]
    language: Language
    say: Say
    zone: ZoneInfo

    def tasks(self, *kinds: str) -> tuple[Task, ...]:
        """Open tasks of these kinds (all where none is named), the actor's own department first."""
        found = [t for t in self.view.tasks if t.state == "open" and (not kinds or t.kind in kinds)]
        return tuple(sorted(found, key=lambda t: t.department != self.department))

    def task_name(self, task: Task) -> str:
        """Return what the clerk calls a task: the step's name, else the word of its stage."""
        return name_of_task(task, self.matter, self.language, self.say)


def name_of_task(task: Task, matter: Matter | None, language: Language, say: Say) -> str:
    """Return what clerks call a task: the step's name, else the word of its stage."""
    for step in matter.steps if matter is not None else ():
        if step.code == task.step:
            return step.name_en if language == "en" and step.name_en else step.name
    if task.kind == "explain":
        return f"{say(N_('书面说明'))} {task.key.removeprefix('explain-')}"
    if task.kind == TO_SERVE_AGAIN:
        return say(N_("再次送达"))
    return say(TASKS.get(task.key, task.key))


TASKS = {
    "pre_review": N_("预审"),
    "receive": N_("受理审查"),
    "supplement": N_("等待补正"),
    "gather": N_("汇总意见"),
    "decide": N_("作出决定"),
    "certify": N_("制证"),
    "serve": N_("送达"),
    "close": N_("办结"),
    "rectify": N_("差评整改"),
    "call_back": N_("回访"),
}


Fields = Callable[[Scene], Sequence[Field]]


Sentence = Callable[[Scene, Mapping[str, Any]], str]


@dataclass(frozen=True)
class Act:
    """One verb as a form. `consequence` is said above the button. Of an act that is for good the
    form leads to its confirm page: `forms.act_finality`."""

    verb: str
    button: str = ""
    """Empty where the act is for good whatever is typed: the next page has the button."""
    consequence: str = ""
    fields: Fields = lambda scene: ()
    parts: Callable[[Scene, Posted], dict[str, Any]] | None = None
    """Parts of the body that are not one field each."""
    main: bool = True
    """False: listed under 其他操作."""
