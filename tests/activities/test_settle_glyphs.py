"""A character that no font has is told to whoever typed it; no fonts at all is only *not now*."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from activities.glyphs import FontsMissing, GlyphMissing
from activities.papers import DocumentOrder
from cases import tables
from cases.database import reading
from tests.activities.conftest import PlainPress, Town


class PressWithout(PlainPress):
    """Lacks something."""

    def __init__(self, lack: Exception) -> None:
        super().__init__()
        self.lack: Exception | None = lack

    def render(self, order: DocumentOrder) -> bytes:
        if self.lack is not None:
            raise self.lack
        return super().render(order)


def lacking(town: Town, lack: Exception) -> Town:
    return Town(town.engine, town.keys, town.signer, press=PressWithout(lack))


def numbers_by_state(town: Town) -> list[tuple[str, str]]:
    table = tables.document_number.c
    with reading(town.engine) as connection:
        return [
            (row.number, row.state) for row in connection.execute(select(table.number, table.state))
        ]


def test_a_missing_character_refuses_the_step_names_it_and_voids_the_number(town: Town) -> None:
    state = town.filed()
    poor = lacking(town, GlyphMissing("\ue000"))
    after, settled = poor.settle(state, poor.order("accept", {"mode": "plain"}, by="u:a"))
    outcome = settled.steps[0].outcome
    assert (outcome.status, outcome.code) == ("refused", "glyph_missing")
    assert "\ue000" in outcome.reason
    assert after.stage == "received"
    assert [one for _, one in numbers_by_state(town)].count("void") == 1


def test_a_machine_without_fonts_is_the_world_being_away(town: Town) -> None:
    state = town.filed()
    poor = lacking(town, FontsMissing("受"))
    with pytest.raises(FontsMissing):
        poor.settle(state, poor.order("accept", {"mode": "plain"}, by="u:a"))
