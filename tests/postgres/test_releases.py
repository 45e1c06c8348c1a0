"""The register on PostgreSQL: the same digests, instants and order as on SQLite."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from cases import releases
from cases.releases import Check, Proposal
from catalogue.load import HERE, canonical, load_catalogue
from policies.policy import MODEL_FILE, ROWS_FILE, whole_text
from yichuang.released import Released
from yichuang.settings import Store

pytestmark = pytest.mark.long

AT = datetime(2026, 11, 1, 8, 0, 0, 123456, tzinfo=UTC)
PASSED = (Check("gate", True),)


def signed(engine: Engine, proposal: Proposal, since: datetime) -> releases.Release:
    with engine.begin() as connection:
        made = releases.propose(connection, proposal, "u:a", AT)
        return releases.sign(connection, made.id, "u:b", AT, since)


def test_signed_versions_count_and_their_rows_keep_their_digest(
    stores: Mapping[Store, Engine],
) -> None:
    cases = stores["cases"]
    policy = whole_text(MODEL_FILE.read_text("utf-8"), ROWS_FILE.read_text("utf-8"))
    signed(cases, Proposal("policy", "access", "1", policy, PASSED), AT)
    calendar = (HERE / "calendars" / "cn.yaml").read_text("utf-8")
    signed(cases, Proposal("calendar", "cn", "1", calendar, PASSED), AT)
    old = load_catalogue().matter("food-operation", "2026.1")
    new = old.model_copy(update={"version": "2026.2"})
    for matter, days in ((old, 0), (new, 1)):
        text = canonical(matter).decode()
        kept = signed(
            cases,
            Proposal("matter", matter.code, matter.version, text, PASSED),
            AT + timedelta(days=days),
        )
        with cases.connect() as connection:
            assert releases.find(connection, kept.id).row_digest == kept.row_digest
    catalogue = Released(cases, now=lambda: AT).catalogue()
    assert catalogue.matter_at("food-operation", AT).version == "2026.1"
    assert catalogue.matter_at("food-operation", AT + timedelta(days=1)).version == "2026.2"
    assert catalogue.calendars["cn"].name == "cn"


def test_the_rows_refuse_one_person_on_both_sides(stores: Mapping[Store, Engine]) -> None:
    with stores["cases"].begin() as connection:
        releases.propose(connection, Proposal("matter", "x", "1", "{}", PASSED), "u:a", AT)
    with stores["cases"].begin() as connection, pytest.raises(IntegrityError, match="two_people"):
        connection.exec_driver_sql(
            "UPDATE release SET signed_by = proposed_by, signed_at = proposed_at,"
            " in_force_from = proposed_at"
        )


def test_changed_rules_are_not_signed_without_a_dossier(stores: Mapping[Store, Engine]) -> None:
    rules = Proposal("rules", "untried", "1", "{}", PASSED, needs_dossier=True)
    with pytest.raises(DBAPIError, match="needs its dossier"):
        with stores["cases"].begin() as connection:
            made = releases.propose(connection, rules, "u:a", AT)
            releases.endorse(connection, made.id, "u:a", AT, "0" * 64)
            releases.sign(connection, made.id, "u:b", AT, AT)
