"""The gate before a change of rights: what one person may never hold, and words that exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cases.accounts import Account
from cases.grant_changes import Gate, Rights
from catalogue.city import City
from policies.gate import Fault, grant_faults
from policies.policy import Policy
from policies.scopes import EVERYWHERE

CLEARANCES = (1, 2, 3, 4)
"""Levels of 敏感标记 (catalogue.matters.Label)."""


def gate_of(city: Callable[[], City], policy: Callable[[], Policy | None]) -> Gate:
    """Return the gate under the city's closed lists and the policy in force."""

    def gate(holder: Account, after: Rights) -> Sequence[str]:
        found = [one.sentence for one in judged(holder, after, policy()) if one.blocking]
        return [*found, *unlisted(after, city())]

    return gate


def judged(holder: Account, after: Rights, policy: Policy | None) -> tuple[Fault, ...]:
    """Return what the roles together would bring about, what only is to be known too."""
    before = {grant.role for grant in holder.grants}
    has = {grant.role for grant in after.grants}
    return grant_faults(before, has, kind=holder.kind, policy=policy)


def unlisted(after: Rights, city: City) -> list[str]:
    """Return a sentence for each department, level and compartment that the city does not have."""
    departments = {one.code for one in city.departments} | {EVERYWHERE}
    compartments = {one.code for one in city.compartments}
    found = [
        f"没有部门「{grant.department}」，请从部门表中选择"
        for grant in after.grants
        if grant.department not in departments
    ]
    found += [
        f"没有知悉范围「{one}」，请从知悉范围表中选择"
        for one in after.compartments
        if one not in compartments
    ]
    if after.clearance not in CLEARANCES:
        found.append("许可级别为 1 至 4")
    return found
