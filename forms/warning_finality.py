"""What an act of a warning brings about: each is announced to everybody, and none is unsaid."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from cases.warning_areas import unknown_cells
from cases.warning_rows import KeptAct
from cases.warnings import (
    ADJUST,
    ADJUSTING,
    ENDS,
    FIELDS_OF_LAW,
    ISSUE,
    LAPSE,
    LIFT,
    Announced,
    Lifting,
    faults,
    late_faults,
    lifting_faults,
)
from forms.fields import Form
from forms.for_good import Asking, Standing, said_in
from forms.rendering import moment
from forms.visit import Visit
from forms.words import N_

LEVEL_WORDS = {"red": N_("红色"), "orange": N_("橙色"), "yellow": N_("黄色"), "blue": N_("蓝色")}
VERB_WORDS = {ISSUE: N_("发布"), ADJUST: N_("调整"), LIFT: N_("宣布解除"), LAPSE: N_("到时失效")}
FINAL: Final = (ISSUE, ADJUST, LIFT)
"""Whatever was announced stays announced: another act stands beside it, none takes it back."""


def asking_of(
    visit: Visit, verb: str, last: KeptAct | None, body: Announced | Lifting, form: Form,
    command: str,
) -> Asking | None:  # fmt: skip
    """Return what an act brings about; None: it will be refused, and the form says why."""
    if last is not None and last.verb in ENDS:
        return None
    if isinstance(body, Lifting):
        if last is None or any(lifting_faults(body)):
            return None
        words = visit.say(N_("解除预警：{what}")).format(what=_event(visit, last.said))
        follows = [visit.say(N_("向社会公布解除的事实，预警期即行终止；再有危险须另行发布。"))]
        stands = [Standing(visit.say(N_("预警")), _act(visit, last), visit.say(VERB_WORDS[LIFT]))]
    else:
        nowhere = unknown_cells(body.cells, visit.ports.intake.grid())
        if nowhere or any(faults(body)) or any(late_faults(body, datetime.now(UTC))):
            return None
        told = N_("发布{level}预警：{what}") if verb == ISSUE else N_("调整为{level}预警：{what}")
        level = visit.say(LEVEL_WORDS[body.level])
        words = visit.say(told).format(level=level, what=_event(visit, body))
        follows = [
            visit.say(N_("即刻以中英文 CAP 报文向社会公布；只能调整或者解除，不能收回。")),
            visit.say(N_("{n} 个网格内采取 {m} 项措施")).format(
                n=len(body.cells), m=len(body.measures)
            ),
        ]  # fmt: skip
        stands = _moved(visit, last, body)
    about = _event(visit, last.said) if last is not None else ""
    back = f"/warnings/{last.warning}" if last is not None else "/warnings"
    articles = (FIELDS_OF_LAW if verb == ISSUE else ADJUSTING,)
    return Asking(words, about, back, said_in(form), stands, follows, articles, command)


def _moved(visit: Visit, last: KeptAct | None, body: Announced) -> list[Standing]:
    if last is None:
        return []
    was, say = last.said, visit.say
    found = [
        Standing(say(N_("预警")), _act(visit, last), say(VERB_WORDS[ADJUST])),
        Standing(say(N_("预警级别")), say(LEVEL_WORDS[was.level]), say(LEVEL_WORDS[body.level])),
        Standing(say(N_("起始时间")), _at(visit, was.starts_at), _at(visit, body.starts_at)),
        Standing(say(N_("失效时间")), _at(visit, was.expires_at), _at(visit, body.expires_at)),
        Standing(say(N_("网格")), str(len(was.cells)), str(len(body.cells))),
    ]
    return [one if one.now != one.then else Standing(one.label, one.now) for one in found]


def _act(visit: Visit, one: KeptAct) -> str:
    """Return the newest act with its moment, so that another one since is told."""
    return f"{visit.say(VERB_WORDS[one.verb])} {moment(one.issued_at, visit.zone)}"


def _event(visit: Visit, said: Announced) -> str:
    return said.event_en if visit.language == "en" else said.event


def _at(visit: Visit, at: datetime | None) -> str:
    return moment(at, visit.zone) if at is not None else "—"
