"""What the rules answered: a plain value that can be stored and asked again for ever."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Fired(BaseModel):
    """One rule that held for the context, with the article it rests on and what it set."""

    model_config = ConfigDict(frozen=True)

    rule: str
    title: str
    basis: str
    then: dict[str, JsonValue] = {}


class Ruling(BaseModel):
    """The answer of one rule pack to one context.

    `outcome` is the merged `then` of the fired rules after chaining to a fixpoint. `context`
    is all that the answer depends on, so that the same pack version gives the same ruling again.
    """

    model_config = ConfigDict(frozen=True)

    pack: str
    version: str
    digest: str
    """SHA-256 (hex) of the pack's canonical text."""
    engine: Literal["durable_rules", "plain"]
    context: dict[str, JsonValue]
    fired: tuple[Fired, ...] = ()
    outcome: dict[str, JsonValue] = {}
    cleared: tuple[str, ...] = Field(default=(), exclude_if=lambda cleared: not cleared)
    """Rules whose alarm, where one stands, has its end in this context; not written when empty."""
