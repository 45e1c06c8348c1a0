"""Who there is to be told: active people, where they sit, and which role they hold where.

A recipient is a user id, `d:<department>`, or `r:<role>:<department>` (`*`: in the whole city).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

EVERYWHERE = "*"
"""Department of a role held in the whole city."""
PERSON, SYSTEM = "u:", "s:"
"""What the ids of people and of services begin with."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Everybody with an account, as it stood at one look."""

    people: frozenset[str]
    """Ids of those whose account is active."""
    departments: frozenset[str]
    """Codes of departments in which somebody active sits or holds a role."""
    roles: frozenset[tuple[str, str]]
    """Role and department of each grant of somebody active."""
    left: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    """Ids of those whose account was disabled, and when."""

    def nearest(self, role: str, upwards: Iterable[str]) -> str:
        """Return the first department of `upwards`, else `*`, in which somebody holds the role;
        empty: nobody does."""
        for code in (*upwards, EVERYWHERE):
            if (role, code) in self.roles:
                return code
        return ""

    def has(self, recipient: str) -> bool:
        """Whether somebody is there now who would read what is for that recipient."""
        if recipient.startswith("d:"):
            return recipient[2:] in self.departments
        if recipient.startswith("r:"):
            _, role, department = recipient.split(":", 2)
            return (role, department) in self.roles
        # A system holds no desk: what is for it goes out as an event, not as a notice to read.
        return recipient.startswith(SYSTEM) or recipient in self.people

    def had(self, recipient: str, told_at: datetime) -> bool:
        """Whether what was told then has reached somebody.

        Who left afterwards had read it, or could have; an office must have somebody now.
        """
        if self.has(recipient):
            return True
        left = self.left.get(recipient)
        return left is not None and told_at < left


def holders_of(
    rows: Iterable[tuple[str, str, Sequence[tuple[str, str]], datetime | None]],
) -> Holders:
    """Return who there is, of rows: id, department, grants (role, department), disabled at."""
    people, departments, roles, left = set(), set(), set(), {}
    for user, department, grants, disabled_at in rows:
        if disabled_at is not None:
            left[user] = disabled_at
            continue
        people.add(user)
        held = {(role, where) for role, where in grants}
        roles |= held
        departments |= {department, *(where for _, where in held)} - {"", EVERYWHERE}
    return Holders(
        frozenset(people), frozenset(departments), frozenset(roles), MappingProxyType(left)
    )
