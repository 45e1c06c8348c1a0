"""Where something happens, as far as it is known."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cases.messages import Frozen, Remark


class Place(Frozen):
    """A place in WGS-84 degrees, an address, or only a district; empty is unknown.

    `cell` is of the city's own grid and is filled by whoever knows the grid, not by senders.
    """

    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    address: Remark = ""
    district: Annotated[str, Field(max_length=64)] = ""
    cell: Annotated[str, Field(max_length=64)] = ""

    @property
    def point(self) -> tuple[float, float] | None:
        """Longitude and latitude, None unless both are known."""
        if self.lon is None or self.lat is None:
            return None
        return self.lon, self.lat
