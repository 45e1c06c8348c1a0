"""The class of a surface-water section (GB 3838-2002, table 1). Pure.

The limits are the scales of the rule pack `water`; here stands how a section's class follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from rules.scales import Number, Scale, decimal_of

CLASSES = ("Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ")
"""Names of the classes 1 to 6."""
WORST = len(CLASSES)
PH_FROM, PH_TO = Decimal(6), Decimal(9)
"""pH for every class (GB 3838-2002, table 1); outside it a section is worse than class V."""
SATURATED = Decimal(90)
"""Oxygen saturation, in per cent, that is class I whatever the mg/L (the same)."""
NOT_COUNTED = frozenset({"tn", "temperature", "fecal_coliform"})
"""Left out of a section's class in practice [M]; the published classes of 578 sections agree."""


@dataclass(frozen=True)
class WaterClass:
    """The answer for one section at one time."""

    number: int | None
    """1 to 5, 6 for worse than V; None: nothing was measured that counts."""
    factors: Mapping[str, int]
    """Class by factor."""

    @property
    def name(self) -> str:
        """Return the class as it is published; `--` when there is none."""
        return "--" if self.number is None else CLASSES[self.number - 1]

    @property
    def worst(self) -> tuple[str, ...]:
        """Return the factors that make the class, where it is not the best there is."""
        return tuple(f for f, grade in self.factors.items() if 1 < grade == self.number)


def water_class(scales: Mapping[str, Scale], measured: Mapping[str, Number | None]) -> WaterClass:
    """Return the worst class of the single factors; what was not measured does not count.

    `scales` are those in force for the section's day and water body, by item. Values are in mg/L,
    pH without unit, `do_saturation` in per cent. Raises `NotANumber`.
    """
    factors: dict[str, int] = {}
    for item, value in measured.items():
        if value is None or item in NOT_COUNTED or item == "do_saturation":
            continue
        if item == "ph":
            factors[item] = 1 if PH_FROM <= decimal_of(value) <= PH_TO else WORST
        elif (grade := scales[item].index(value)) is not None:
            factors[item] = int(grade)
    saturation = measured.get("do_saturation")
    if saturation is not None and decimal_of(saturation) >= SATURATED:
        factors["do"] = 1
    return WaterClass(max(factors.values(), default=None), factors)
