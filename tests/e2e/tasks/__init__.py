"""The tasks: a module for each room, a function for each thing that somebody does to its end.

Import a new module below; each function is noted by `tests.e2e.office.task`.
"""

from tests.e2e.tasks import (
    administrators,
    cases,
    catalogue,
    citizens,
    deputies,
    entering,
    incidents,
    integration,
    money,
    new_clerk,
    plan,
    projects,
    supervision,
)

__all__ = [
    "administrators", "cases", "catalogue", "citizens", "deputies", "entering", "incidents",
    "integration", "money", "new_clerk", "plan", "projects", "supervision",
]  # fmt: skip
