"""`forms.suggestion_ports.Suggestions` over the services of the city."""

from __future__ import annotations

from dataclasses import dataclass

from cases.messages import Actor
from yichuang.services import CITY_SUGGESTIONS, INTAKE, Services


@dataclass(frozen=True)
class WebSuggestions:
    """In whose name the open page files; safe in any number of threads."""

    services: Services

    def sender(self) -> Actor | None:
        found = self.services.find(CITY_SUGGESTIONS)
        if found is None:
            return None
        held = [one.department for one in found.grants if one.role == INTAKE]
        return found.actor(held[0]) if held else None
