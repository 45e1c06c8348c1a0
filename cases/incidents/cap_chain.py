"""What an alert does to those it refers to, in whatever order they come. Pure.

A chain begins with an alert; an Update takes the place of what it names, a Cancel withdraws it. The
first message of a chain is its root, and the root is the reference of every signal made of it.

- A message that comes after the one that replaced it is overtaken: kept, and nothing follows.
- What is named and was never seen leaves a link in waiting, so that it is overtaken when it comes.
- A Cancel withdraws what it names and nothing else: a later Update that it does not name stands,
  for to lose a warning is worse than to keep one too long.
- A chain that was withdrawn stays so: what updates it afterwards begins another.
- An exercise or a test touches no actual chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from cases.incidents.cap import Alert, CapRefused, prose_faults

What = Literal["new", "update", "cancel", "nothing"]
Why = Literal[
    "", "overtaken", "exercise", "acknowledgement", "over", "expired", "nothing_to_cancel",
    "elsewhere",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """One message of a chain, seen or in waiting."""

    key: str
    """`str` of its reference."""
    root: str
    seen: bool = True
    ended_by: str = ""
    """Key of the message that replaced or withdrew it; empty: it stands."""
    told: bool = False
    """Whether it was made into a signal: it is of this city."""

    @property
    def stands(self) -> bool:
        return self.seen and not self.ended_by


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from one message."""

    what: What
    root: str
    why: Why = ""
    withdrawn: tuple[str, ...] = ()
    """Roots of other chains that end with it."""
    links: tuple[Link, ...] = ()
    """To be written: the message's own and those that it changes."""


def named(alert: Alert) -> tuple[str, ...]:
    """Return the keys of what must be known to judge the message: its own and those it names."""
    return (str(alert.reference), *(str(one) for one in alert.references))


def check(alert: Alert) -> None:
    """Raise `CapRefused` for what the prose forbids, and for speaking of others' messages."""
    faults = [*prose_faults(alert)]
    if any(one.sender != alert.sender for one in alert.references):
        faults.append("references 里有别的发布者的消息；只有发布者自己可以更新或者取消")
    if faults:
        raise CapRefused(*faults)


def step(alert: Alert, known: Mapping[str, Link], now: datetime) -> Step:
    """Return what follows from a message that was not taken before.

    `known`: the links of `named(alert)` and of every chain they belong to. Call `check` first.
    """
    key = str(alert.reference)
    if alert.status != "Actual":
        return Step("nothing", key, "exercise", links=(Link(key, key),))
    if alert.kind in ("Ack", "Error"):
        return Step("nothing", key, "acknowledgement", links=(Link(key, key),))
    own = known.get(key)
    before = [known[str(one)] for one in alert.references if str(one) in known]
    live = {link.root for link in known.values() if link.stands and link.told}
    going_on = (one.root for one in before if one.root in live)
    root = own.root if own is not None else next(going_on, key)
    ended = own.ended_by if own is not None else ""
    mine = Link(key, root, ended_by=ended or (key if _is_over(alert, now) else ""))
    changed = [_ended(str(one), known, root, key) for one in alert.references]
    withdrawn = _withdrawn(before, known, key, root if mine.stands else "")
    links = (mine, *changed)
    if ended:
        return Step("nothing", root, "overtaken", withdrawn, links)
    if not mine.stands:
        why: Why = "over" if withdrawn or _is_clear(alert) else "expired"
        if alert.kind == "Cancel":
            why = "" if withdrawn else "nothing_to_cancel"
        return _withdrawing(root, why, withdrawn, links)
    what: What = "update" if root in live else "new"
    links = (replace(mine, told=True), *changed)
    return Step(what, root, "", withdrawn, links)


def elsewhere(alert: Alert, taken: Step) -> Step:
    """Return what follows when the areas of a standing message are none of the city's: a warning
    that was here and moved away is withdrawn."""
    own, *others = taken.links
    key = str(alert.reference)
    if taken.what == "new":
        return replace(
            taken, what="nothing", why="elsewhere", links=(replace(own, told=False), *others)
        )
    gone = replace(own, told=False, ended_by=key)
    return replace(taken, what="cancel", why="elsewhere", links=(gone, *others))


def _withdrawing(root: str, why: Why, withdrawn: tuple[str, ...], links: tuple[Link, ...]) -> Step:
    if not withdrawn:
        return Step("nothing", root, why, links=links)
    return Step("cancel", withdrawn[0], why, withdrawn[1:], links)


def _ended(key: str, known: Mapping[str, Link], root: str, by: str) -> Link:
    found = known.get(key)
    if found is None:
        return Link(key, root, seen=False, ended_by=by)
    return found if found.ended_by else replace(found, ended_by=by)


def _withdrawn(
    before: Iterable[Link], known: Mapping[str, Link], by: str, going_on: str
) -> tuple[str, ...]:
    """Return the roots whose last standing message is among those that end now."""
    ending = {one.key for one in before if one.stands}
    roots = dict.fromkeys(one.root for one in before if one.stands and one.told)
    return tuple(
        root
        for root in roots
        if root != going_on
        and not any(
            link.root == root and link.stands and link.key not in ending and link.key != by
            for link in known.values()
        )
    )


def _is_over(alert: Alert, now: datetime) -> bool:
    """Whether nothing stands after this message: it withdraws, says all clear, or has run out."""
    if alert.kind == "Cancel" or _is_clear(alert):
        return True
    ends = [info.expires for info in alert.infos]
    return bool(ends) and all(end is not None and end <= now for end in ends)


def _is_clear(alert: Alert) -> bool:
    return bool(alert.infos) and all(
        info.urgency == "Past" or "AllClear" in info.responses for info in alert.infos
    )
