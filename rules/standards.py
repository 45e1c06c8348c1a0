"""The scales of a pack in force on a day, ready to be read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from rules.model import Definition
from rules.scales import Scale


def scales_on(
    pack: Definition, day: date, facts: Mapping[str, str] | None = None
) -> dict[str, Scale]:
    """Return the scales in force on a day in the pack's zone, by the field that they read.

    `facts` are those by which a scale applies (`water_body: lake`); one that asks for a fact which
    is not given does not apply.
    """
    return {
        spec.field: spec.scale
        for spec in pack.scales
        if spec.in_force(day) and spec.applies(facts or {})
    }
