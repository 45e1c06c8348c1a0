"""Separation of duties inside a case: who has done one act may not do the other.

Both the person and whom they acted for count, on both sides; so does a service, whoever it names,
or it could be on both sides by naming two people. Where a matter separates two acts, a department
connects two systems.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cases.facts import CaseFacts
from cases.messages import Actor
from cases.separations import HOST_HEARING
from catalogue.told import Told
from policies.refusing import HOST, SEPARATED
from policies.vocabulary import ACT_TITLES


@dataclass(frozen=True, slots=True)
class Clash:
    """An act that would put one person on both sides."""

    person: str
    act: str
    done: str
    """The act that the person (or their deputy, or whom they deputise for) has done."""
    basis: str


def persons_of(actor: Actor) -> frozenset[str]:
    """Return the ids that answer for what the actor does."""
    return frozenset(filter(None, (actor.id, actor.on_behalf)))


def clash(act: str, persons: Collection[str], facts: CaseFacts) -> Clash | None:
    """Return the first separation of the case that the act by these persons would break."""
    for number, acts in enumerate(facts.separations):
        if act not in acts:
            continue
        for other in acts:
            both = set() if other == act else set(persons) & set(facts.hands.get(other, ()))
            if both:
                bases = facts.separation_bases
                basis = bases[number] if number < len(bases) else "本事项规定的职责分离"
                return Clash(min(both), act, other, basis)
    return None


def sentence(found: Clash) -> str:
    """Return the refusal in Chinese."""
    titles = {HOST_HEARING: HOST, **ACT_TITLES}
    act, done = titles.get(found.act, found.act), titles.get(found.done, found.done)
    return Told(SEPARATED, done=done, person=found.person, act=act)


__all__ = ["HOST_HEARING", "Clash", "clash", "persons_of", "sentence"]
