"""What two things one person may not hold, or is better not given: every pair, and who has both.

`gate.grant_faults` judges one change; this tells the whole, of everybody as they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from policies.gate import LEVEL_3, MUST_DIFFER, TWO_STEPS, Fault, grant_faults
from policies.policy import Policy
from policies.vocabulary import ADMINISTRATORS, Kind

BUSINESS = ""
"""In place of a second role: any role that is no administrator's."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Two roles, or two acts on one object, that do not belong in one hand."""

    of: Literal["roles", "acts"]
    first: str
    second: str
    why: str
    basis: str
    object_type: str = ""
    """Of acts: on what."""

    def in_one(self, faults: Iterable[Fault]) -> bool:
        """Tell whether what was found of one person is this."""
        pair = {self.first, self.second}
        return any(pair <= set(one.roles if self.of == "roles" else one.acts) for one in faults)


@dataclass(frozen=True, slots=True)
class Apart:
    """Acts that matters separate, with the articles that say so."""

    acts: tuple[str, ...]
    bases: tuple[str, ...]


def exclusions(apart: Iterable[Apart] = ()) -> tuple[Exclusion, ...]:
    """Return every pair: of administrators, of offices, of steps; of `apart` those of the matters.

    Roles may not meet in one person. Acts may, where somebody approves it with open eyes: inside
    one object the second is refused to whoever did the first.
    """
    administrators = "系统、安全、审计管理员互斥，且不得兼任业务角色"
    found = [
        Exclusion("roles", first, second, administrators, LEVEL_3)
        for first, second in combinations(ADMINISTRATORS, 2)
    ]
    found += [Exclusion("roles", one, BUSINESS, administrators, LEVEL_3) for one in ADMINISTRATORS]
    for pair, why, basis in MUST_DIFFER:
        first, second = sorted(pair)
        found.append(Exclusion("roles", first, second, why, basis))
    steps = {
        (kind, first, second): Exclusion("acts", first, second, "", "", kind)
        for kind, first, second in TWO_STEPS
    }
    for one in apart:
        for first, second in combinations(one.acts, 2):
            key = ("case", first, second)
            known = steps.get(key)
            bases = dict.fromkeys((*(known.basis.split("、") if known else ()), *one.bases))
            joined = "、".join(basis for basis in bases if basis)
            steps[key] = Exclusion("acts", first, second, "", joined, "case")
    return (*found, *steps.values())


def standing(
    held: Iterable[tuple[Kind, frozenset[str]]], policy: Policy, apart: Iterable[Apart] = ()
) -> Mapping[tuple[Kind, frozenset[str]], tuple[Fault, ...]]:
    """Return what is wrong with each set of roles as it stands, and what is only to be known.

    Sets are few where people are many: each is judged once.
    """
    acts = tuple(one.acts for one in apart)
    return {
        (kind, roles): grant_faults((), roles, kind=kind, policy=policy, apart=acts)
        for kind, roles in dict.fromkeys(held)
    }
