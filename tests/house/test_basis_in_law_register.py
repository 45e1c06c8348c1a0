"""House test 5: every `basis` in catalogue and rules names an article in force all that while."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalogue.load import load_catalogue
from catalogue.matter_check import bases_of
from rules.load import load_file

ROOT = Path(__file__).parents[2]
CATALOGUE = load_catalogue()
PACKS = sorted((ROOT / "rules/packs").glob("*.yaml"))


def wrong(basis: str, first: date, until: date | None) -> str:
    article = CATALOGUE.law.get(basis)
    if article is None:
        return f"{basis}: not in catalogue/law.yaml"
    if not article.covers(first, until):
        return (
            f"{basis}: in force {article.in_force_from}–{article.in_force_until}, used from {first}"
        )
    return ""


def test_every_basis_of_a_matter_covers_the_matters_span() -> None:
    named = [
        (f"{matter.code} {loc}", wrong(basis, matter.in_force_from, matter.in_force_until))
        for matter in CATALOGUE.matters
        for loc, basis in bases_of(matter)
    ]
    assert len(named) > 50
    assert [one for one in named if one[1]] == []


def resting(pack: Path) -> list[dict[str, Any]]:
    """Return all that rests on an article in a pack: rules, scales, tables and their rows."""
    whole = yaml.safe_load(pack.read_text(encoding="utf-8"))
    loaded, _ = load_file(pack)
    assert loaded is not None
    tables = [spec.model_dump() for spec in loaded.pack.definition.tables]
    rows = [
        {**table, "id": f"{table['id']} {row['id']}", "basis": row["basis"]}
        for table in tables
        for row in table["rows"]
        if row["basis"]
    ]
    return [*whole["rules"], *whole.get("scales", []), *tables, *rows]


@pytest.mark.parametrize("pack", PACKS, ids=[pack.stem for pack in PACKS])
def test_every_basis_of_a_rule_covers_the_rules_span(pack: Path) -> None:
    rules = resting(pack)
    named = [
        (rule["id"], wrong(rule["basis"], rule["in_force_from"], rule.get("in_force_until")))
        for rule in rules
    ]
    assert named
    assert [one for one in named if one[1]] == []


def test_a_rule_on_an_unverified_article_says_so() -> None:
    """A rule from a pack may be called verified only when its article is."""
    silent = [
        f"{pack.stem} {rule['id']}"
        for pack in PACKS
        for rule in resting(pack)
        if rule["basis"] in CATALOGUE.law
        and not CATALOGUE.law[rule["basis"]].verified
        and rule.get("verified", True)
    ]
    assert silent == []
