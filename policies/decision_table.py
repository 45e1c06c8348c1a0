"""The decision table: who may do what, as data beside the policy, and whether policy says so.

One line: subject | acts | situation | answer. Subjects are `role@department` joined by `+`; acts
are joined by `,`, and `others` means every act of the type that no earlier line of the same subject
and situation names; the answer is a code of `Decision`, or `refused` for any refusal. A line says
in a second place what the rows say in the first, so that a change of either alone is noticed.

A policy text may carry lines of its own, each after `#?`: they add to the shipped table, and take
the place of its answer to the same question. So a city that changes a right says it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cases.facts import CaseFacts
from cases.messages import Actor, Grant
from policies.access import Access
from policies.scopes import Thing
from policies.situations import TOWN, Counterexample, Step
from policies.vocabulary import ACT_TITLES, ACTS, OBJECT_TITLES, ROLES

FOLDER = Path(__file__).resolve().parent / "decisions"

OWN = "#?"
"""What a line of the table begins with inside a policy text."""

OTHERS = "others"
REFUSED = "refused"
ANSWERS = (
    "allowed", REFUSED, "no_right", "forbidden", "separation", "label", "not_a_person",
    "unknown_act", "no_such_task",
)  # fmt: skip

ME, OTHER, DELEGATOR = "u:me", "u:other", "u:delegator"

TYPES = tuple(kind for kind in ACTS if kind != "case")
"""Situation words that name an object that is no case."""

_ACTOR_WORDS: Mapping[str, Mapping[str, Any]] = {
    "service": {"id": "s:portal", "kind": "service"},
    "citizen": {"id": "citizen:0123", "kind": "citizen"},
    "system": {"id": "system", "kind": "system"},
    "deputy": {"on_behalf": DELEGATOR},
    "clearance2": {"clearance": 2},
    "clearance3": {"clearance": 3},
    "clearance4": {"clearance": 4},
    "cleared_health": {"compartments": ("health",)},
}
_CASE_WORDS: Mapping[str, Mapping[str, Any]] = {
    "closed": {"closed": True},
    "accepted_by_other": {"hands": {"accept": (OTHER,)}},
    "accepted_by_delegator": {"hands": {"accept": (DELEGATOR,)}},
    "unseparated": {"separations": ()},
    "level2": {"label_level": 2},
    "level3": {"label_level": 3},
    "level4": {"label_level": 4},
    "health": {"compartments": ("health",)},
}
_MY_WORDS = (
    "mine", "own", "recused", "accepted_by_me", "decided_by_me", "inspected_by_me", "about_me",
    "proposed_by_me", "handled_by_me", "of_food", "plain",
)  # fmt: skip


class TableFault(Exception):
    """A line that is no decision. The message is Chinese, with file and line."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision that policy must give."""

    held: str
    act: str
    situation: str
    answer: str
    where: str
    """File and line, for a finding."""

    def step(self) -> Step:
        """Return the question."""
        actor, thing, task = _asked(self.held, self.situation)
        return Step(actor, self.act, thing, task, self.answer == "allowed")


@dataclass(frozen=True, slots=True)
class Broken:
    """A decision that policy gives otherwise than the table."""

    decided: Decided
    answer: str
    row: str

    def sentence(self) -> str:
        """Return the finding in Chinese, with what to do."""
        one = self.decided
        kind = kind_of(one.situation)
        act = ACT_TITLES.get(one.act, one.act)
        return (
            f"{one.where}：{_told(one.held)}对{OBJECT_TITLES[kind]}「{act}」（{one.act}，"
            f"{one.situation or 'plain'}）应为 {one.answer}，实为 {self.answer}。若确要改变，"
            f"请在策略文本中加一行 {OWN} {one.held} | {one.act} | {one.situation} | {self.answer}"
        )

    def counterexample(self) -> Counterexample:
        """Return the decision as a counterexample: what policy answers, that it may not."""
        asked = self.decided.step()
        happening = Step(asked.actor, asked.act, asked.thing, asked.task, self.answer == "allowed")
        roles = tuple(dict.fromkeys(grant.role for grant in asked.actor.grants))
        rows = (self.row,) if self.row else ()
        return Counterexample(roles, (asked.act,), rows, self.sentence(), (happening,))


def kind_of(situation: str) -> str:
    """Return the object type that a situation is about."""
    return next((word for word in situation.split() if word in TYPES), "case")


@lru_cache(maxsize=1)
def shipped() -> tuple[Decided, ...]:
    """Return the table that came with the program. Raises `TableFault`, `OSError`."""
    found: list[Decided] = []
    for path in sorted(FOLDER.glob("*.csv")):
        lines = enumerate(path.read_text("utf-8").splitlines(), start=1)
        found += read(((f"{path.name}:{number}", line) for number, line in lines))
    return tuple(found)


def table_for(text: str) -> tuple[Decided, ...]:
    """Return the shipped table under the lines that a policy text carries. Raises `TableFault`."""
    own = read(
        (f"策略第 {number} 行", line.removeprefix(OWN))
        for number, line in enumerate(text.splitlines(), start=1)
        if line.startswith(OWN)
    )
    said = {(one.held, one.act, one.situation): one for one in own}
    rest = (one for one in shipped() if (one.held, one.act, one.situation) not in said)
    return (*said.values(), *rest)


def read(lines: Iterable[tuple[str, str]]) -> Iterator[Decided]:
    """Yield the decisions of (place, line) pairs. Raises `TableFault`."""
    named: dict[tuple[str, str], set[str]] = {}
    for where, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        fields = tuple(field.strip() for field in line.split("|"))
        if len(fields) != 4:
            raise TableFault(f"{where}：应为四栏：主体 | 动作 | 情形 | 答案")
        held, acts, situation, answer = fields
        _check(where, held, situation, answer)
        seen = named.setdefault((held, situation), set())
        if acts == OTHERS:
            wanted = [act for act in ACTS[kind_of(situation)] if act not in seen]
        else:
            wanted = [act.strip() for act in acts.split(",")]
        seen |= set(wanted)
        for act in wanted:
            yield Decided(held, act, situation, answer, where)


def _check(where: str, held: str, situation: str, answer: str) -> None:
    if answer not in ANSWERS:
        raise TableFault(f"{where}：答案 {answer!r} 不在答案表中")
    if any("@" not in word for word in held.split("+") if held):
        raise TableFault(f"{where}：主体应写成 角色@部门")
    for word in situation.split():
        known = (*TYPES, *_ACTOR_WORDS, *_CASE_WORDS, *_MY_WORDS)
        if word not in known and not word.startswith(("task=", "id=")):
            raise TableFault(f"{where}：情形中没有「{word}」")


def broken(access: Access, table: Iterable[Decided], at: datetime) -> Iterator[Broken]:
    """Yield each decision that policy gives otherwise. `access` must stand in `TOWN`."""
    for one in table:
        step = one.step()
        decision = access.decide(step.actor, step.act, step.thing, at, step.task)
        wanted = one.answer
        if decision.code != wanted and (wanted != REFUSED or decision.allowed):
            yield Broken(one, decision.code, decision.row)


def _told(held: str) -> str:
    if not held:
        return "没有角色的人"
    parts = (word.split("@", 1) for word in held.split("+"))
    return "、".join(
        f"「{ROLES[role].title if role in ROLES else role}」@{at}" for role, at in parts
    )


# --- people and objects ----------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _asked(held: str, situation: str) -> tuple[Actor, CaseFacts | Thing, str]:
    words = situation.split()
    actor = _actor(held, words)
    task = next((word[5:] for word in words if word.startswith("task=")), "")
    return actor, _object(actor, words), task


def _actor(held: str, words: list[str]) -> Actor:
    grants = tuple(
        Grant(role=role, department=at)
        for role, at in (word.split("@") for word in held.split("+") if word)
    )
    fields: dict[str, Any] = {"id": ME, "grants": grants}
    for word in words:
        fields |= _ACTOR_WORDS.get(word, {})
        if word.startswith("id="):
            fields["id"] = word[3:]
    return Actor.model_validate(fields)


def _object(actor: Actor, words: list[str]) -> CaseFacts | Thing:
    kinds = [word for word in words if word in TYPES]
    if not kinds:
        return _case(actor, words)
    return Thing(
        kinds[0],
        about=actor.id if "about_me" in words else OTHER,
        proposed_by=actor.id if "proposed_by_me" in words else OTHER,
        department="food" if "of_food" in words else "",
        departments=("food",) if kinds[0] in ("incident", "project") else (),
        hands=(actor.id if "handled_by_me" in words else OTHER,),
    )


def _case(actor: Actor, words: list[str]) -> CaseFacts:
    fields: dict[str, Any] = {
        "id": "case-1",
        "matter": "food-permit",
        "department": "food",
        "departments": ("food", "fire", "health"),
        "applicant": "citizen:somebody-else",
        "separations": (("accept", "decide"), ("inspect", "decide")),
        "task_departments": {"review-fire": "fire", "decide": "food"},
    }
    mine: Mapping[str, Mapping[str, Any]] = {
        "mine": {"assignees": (actor.id,)},
        "own": {"applicant": actor.id},
        "recused": {"recused": (actor.id,)},
        "accepted_by_me": {"hands": {"accept": (actor.id,)}},
        "decided_by_me": {"hands": {"decide": (actor.id,)}},
        "inspected_by_me": {"hands": {"inspect": (actor.id,)}},
    }
    for word in words:
        fields |= {**_CASE_WORDS.get(word, {}), **mine.get(word, {})}
    return CaseFacts.model_validate(fields)


__all__ = ["TOWN", "Broken", "Decided", "TableFault", "broken", "shipped", "table_for"]
