"""`forms.reading_ports.Readings` over the readings store, named by catalogue and register."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Engine

from cases import reading_views
from cases.database import reading
from cases.reading_views import DeadReadingLine, Named, Pulse, ReadingAlarm, Said, Standing
from cases.rulings import Ruling
from catalogue.law import Article
from catalogue.stations import Stations
from forms.reading_ports import ItemMeans
from forms.reason_ports import RulingReasons
from rules.model import Rule
from rules.pack import Pack
from rules.why import why_again
from rules.words import words_for


@dataclass(frozen=True)
class WebReadings:
    """Reads alarms and refused readings. Names that are no longer known are shown as codes."""

    engine: Engine
    stations_known: Stations
    versions: Callable[[], Mapping[str, Pack]]
    """Every signed rule pack by digest."""
    law: Mapping[str, Article]
    departments: Mapping[str, str]
    """Code → name."""

    def alarms(
        self, state: Standing, level: str, station: str, page: int, language: str
    ) -> tuple[Sequence[Named], int]:
        with reading(self.engine) as connection:
            found, total = reading_views.alarms(connection, state, level, station, page)
        return [self._named(one, language) for one in found], total

    def alarm(
        self, alarm_id: str, language: str
    ) -> (
        tuple[
            Named,
            Sequence[Said],
            Sequence[ItemMeans],
            Sequence[tuple[str, str, str]],
        ]
        | None
    ):
        with reading(self.engine) as connection:
            found = reading_views.alarm(connection, alarm_id)
        if found is None:
            return None
        one, said, means = found
        raised = next((s for s in reversed(said) if s.kind == "raised"), None)
        why = [] if raised is None else self._why(one, raised.context, language)
        charts = [self._means(item, some, language) for item, some in means]
        return self._named(one, language), said, charts, why

    def _means(
        self, item: str, means: Sequence[tuple[datetime, float | None]], language: str
    ) -> ItemMeans:
        known = self.stations_known.item_by_id.get(item)
        if known is None:
            return ItemMeans(item, "", means)
        return ItemMeans(str(getattr(known, language, known.zh)), known.unit, means)

    def reasons(self, alarm_id: str) -> RulingReasons | None:
        with reading(self.engine) as connection:
            found = reading_views.standing_ruling(connection, alarm_id)
        if found is None:
            return None
        rule, text = found
        try:
            ruling = Ruling.model_validate_json(text)
        except ValidationError:
            return None  # said while no pack had an answer: there is nothing to explain
        known = (0, ruling.pack, ruling.version, ruling.digest)
        pack = self.versions().get(ruling.digest)
        if pack is None:
            return RulingReasons(*known, None, "unknown")
        try:
            return RulingReasons(*known, why_again(pack, ruling, rule))
        except ValueError:
            return RulingReasons(*known, None, "altered")

    def dead(self, page: int) -> tuple[Sequence[DeadReadingLine], int]:
        with reading(self.engine) as connection:
            return reading_views.dead(connection, page)

    def pulse(self) -> Pulse:
        with reading(self.engine) as connection:
            return reading_views.pulse(connection)

    def stations(self, language: str) -> Sequence[tuple[str, str]]:
        with reading(self.engine) as connection:
            found = reading_views.stations(connection)
        return [(code, self._station(code, language)) for code in found]

    # --- names -----------------------------------------------------------------------------------

    def _named(self, one: ReadingAlarm, language: str) -> Named:
        item = self.stations_known.item_by_id.get(one.item)
        rule = self._rule(one)
        article = self.law.get(one.basis)
        title = one.title if rule is None else getattr(rule.title, language, rule.title.zh)
        note = "" if rule is None or rule.verified else rule.note or one.basis
        return Named(
            one,
            self._station(one.station, language),
            one.item if item is None else getattr(item, language, item.zh),
            "" if item is None else item.unit,
            title,
            one.basis if article is None else article.cited,
            self.departments.get(one.department, one.department),
            note,
        )

    def _station(self, code: str, language: str) -> str:
        station = self.stations_known.station_by_id.get(code)
        return code if station is None else str(getattr(station, language, station.zh))

    def _pack(self, one: ReadingAlarm) -> Pack | None:
        return self.versions().get(one.digest)

    def _rule(self, one: ReadingAlarm) -> Rule | None:
        pack = self._pack(one)
        rules = () if pack is None else pack.definition.rules
        return next((rule for rule in rules if rule.id == one.rule), None)

    def _why(
        self, one: ReadingAlarm, context: Mapping[str, Any], language: str
    ) -> list[tuple[str, str, str]]:
        pack = self._pack(one)
        fields = {} if pack is None else pack.definition.fields
        found = []
        for name, value in context.items():
            spec = fields.get(name)
            title = name if spec is None else getattr(spec.title, language, spec.title.zh)
            unit = "" if spec is None else spec.unit
            found.append(
                (name, title, f"{self._value(pack, name, value, language)} {unit}".strip())
            )
        return found

    def _value(self, pack: Pack | None, name: str, value: object, language: str) -> str:
        """Return a value in words: stations and items by name, codes by the pack's words."""
        if isinstance(value, float):
            return f"{value:g}"
        if name == "station":
            return self._station(str(value), language)
        if name == "item" and (item := self.stations_known.item_by_id.get(str(value))):
            return str(getattr(item, language, item.zh))
        title = None if pack is None else words_for(pack.definition, name).get(str(value))
        return str(value) if title is None else str(getattr(title, language, title.zh))
