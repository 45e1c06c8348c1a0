"""The responsibility table for the pages: the catalogue's, with what rulings taught."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from cases.database import reading
from cases.incident_lines import learned_lines
from cases.incidents.place import Place
from cases.incidents.routing import Learned, route
from catalogue.load import Catalogue
from forms.responsibility_ports import ShownLesson, ShownRoute


@dataclass(frozen=True)
class WebResponsibility:
    """`forms.responsibility_ports.ResponsibilityTable`."""

    cases: Engine
    catalogue: Callable[[], Catalogue]

    def streets(self) -> Sequence[str]:
        return [one.department for one in self.catalogue().grid.streets]

    def routes(self, street: str) -> Sequence[ShownRoute]:
        catalogue, learned = self.catalogue(), self._learned()
        cells = (one.id for one in catalogue.grid.cells if one.department == street)
        place = Place(cell=next(cells, ""))
        return [
            ShownRoute(
                kind.code, kind.name, kind.english, kind.kind == "part",
                route(kind, place, catalogue.responsibility, catalogue.grid, learned),
            )
            for kind in catalogue.incident_types.types
        ]  # fmt: skip

    def lessons(self) -> Sequence[ShownLesson]:
        kinds = self.catalogue().incident_types.by_code
        return [
            ShownLesson(
                kinds[one.type].name if one.type in kinds else one.type,
                kinds[one.type].english if one.type in kinds else one.type,
                one.street, one.department, one.number, one.incident_id, one.ruled_at,
            )
            for one in self._learned()
        ]  # fmt: skip

    def _learned(self) -> tuple[Learned, ...]:
        with reading(self.cases) as connection:
            return learned_lines(connection)
