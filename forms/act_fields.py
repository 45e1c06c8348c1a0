"""The fields that the forms of many acts have in common."""

from __future__ import annotations

from collections.abc import Sequence

from forms import words
from forms.act_scene import Fields, Scene
from forms.fields import Field, Option
from forms.words import N_, Say

OPINION = 1000
"""GB/T 39046-2020: opinions are an..1000."""


def sentence_field(name: str, label: str, *, required: bool = True, hint: str = "") -> Field:
    return Field(
        name, label, "textarea", required=required, hint=hint, max_length=OPINION, wide=True
    )


def word_options(table: str, codes: Sequence[str], say: Say) -> tuple[Option, ...]:
    return tuple(Option(code, say(words.word(table, code))) for code in codes)


def task_field(scene: Scene, *kinds: str, required: bool = True) -> Field:
    tasks = scene.tasks(*kinds)
    options = tuple(
        Option(
            t.key,
            f"{scene.task_name(t)} · {scene.departments.get(t.department, t.department)}",
        )
        for t in tasks
    )
    chosen = (tasks[0].key,) if tasks and required else ()
    return Field("task", scene.say(N_("环节")), "select", required, options=options, values=chosen)


def colleague_field(scene: Scene, name: str, label: str, required: bool = True) -> Field:
    options = tuple(Option(code, who) for code, who in scene.colleagues)
    return Field(name, label, "select", required, options=options)


def sentences(*named: tuple[str, str, bool]) -> Fields:
    """Fields that are all plain sentences: name, label, required."""
    return lambda s: [
        sentence_field(name, s.say(label), required=must) for name, label, must in named
    ]
