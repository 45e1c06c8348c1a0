"""An order that one activity settles once: how it comes to it, and what comes of it.

The fund, payments, warnings, the performance of projects and reports of the plan are ordered so.
"""

from __future__ import annotations

import hashlib
from typing import Literal, TypeVar

from pydantic import AwareDatetime

from cases.messages import Command, Frozen
from cases.projection import json_text


class OneStepOrder(Frozen):
    """An order as its workflow hands it to the activity."""

    command: Command
    admitted_at: AwareDatetime
    """When Temporal took it in: a warrant's expiry is judged by this instant."""


class OneStepAnswer(Frozen):
    """What came of an order; the same command gets the same one."""

    command_id: str
    order_digest: str
    status: Literal["done", "refused"]
    entry: str = ""
    code: str = ""
    reason: str = ""
    basis: str = ""
    field: str = ""
    repeated: bool = False


Answer = TypeVar("Answer", bound=OneStepAnswer)


def order_digest(command: Command) -> str:
    """Return SHA-256 (hex) of what is asked and by whom; not when or from where."""
    said = [command.verb, command.case_id, command.body, command.actor.id]
    return hashlib.sha256(json_text(said).encode()).hexdigest()
