"""What policy may know of a case when it decides: facts, never rows."""

from __future__ import annotations

from pydantic import Field

from cases.messages import Frozen


class CaseFacts(Frozen):
    """The case as an object of access (客体), read by the door at the moment of asking.

    `hands` tells who has performed which act of this case, and is what the separations of duties
    are judged by. For a case that is only now being filed, `id` is its future id and `hands` empty.
    """

    id: str
    matter: str
    department: str
    """The implementing department's code."""
    departments: tuple[str, ...] = ()
    """Departments with a task in the case."""
    label_level: int = 1
    compartments: tuple[str, ...] = ()
    stage: str = ""
    closed: bool = False
    applicant: str = ""
    """Pseudonym of the applicant (subject id)."""
    holder: str = ""
    """User id of the person whose task it is."""
    assignees: tuple[str, ...] = ()
    recused: tuple[str, ...] = ()
    hands: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Act (verb) → user ids, both the person and whom they acted for."""
    separations: tuple[tuple[str, ...], ...] = ()
    """Acts that one person may not share, from the matter's version in the case."""
    separation_bases: tuple[str, ...] = ()
    """The article of each of `separations`, in the same order; a refusal names it."""
    task_departments: dict[str, str] = Field(default_factory=dict)
    """Open task key → its department."""
