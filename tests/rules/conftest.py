"""Packs made for a test, and the real child process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from rules.load import load_packs
from rules.model import Definition
from rules.pack import Pack
from rules.process import Limits, RulesProcess

Make = Callable[..., dict[str, Any]]

FIELDS: dict[str, Any] = {
    "pm": {"type": "number"},
    "base": {"type": "number"},
    "st": {"type": "text"},
    "open": {"type": "boolean"},
    "tags": {"type": "text_list"},
    "vals": {"type": "number_list"},
}


def title(text: str) -> dict[str, str]:
    return {"zh": text, "en": text}


def make_rule(number: int, when: Any, **more: Any) -> dict[str, Any]:
    """A rule without honest examples: for packs that are built, not loaded from a file."""
    return {
        "id": f"R{number}",
        "title": title(f"规则 {number}"),
        "basis": "XKF-26",
        "in_force_from": "2020-01-01",
        "when": when,
        "then": {"hit": [f"R{number}"]},
        "examples": [{"given": {}, "holds": True}, {"given": {}, "holds": False}],
        **more,
    }


def make_pack(rules: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    fields = {name: {"title": title(name), **spec} for name, spec in FIELDS.items()}
    fields.update(more.pop("fields", {}))
    outcome = {"hit": {"type": "text_list", "merge": "union", "title": title("命中")}}
    outcome.update(more.pop("outcome", {}))
    return {
        "pack": "trial",
        "title": title("试验"),
        "version": "2026.1",
        "fields": fields,
        "outcome": outcome,
        "rules": rules,
        **more,
    }


@pytest.fixture(scope="session")
def rule_dict() -> Make:
    return make_rule


@pytest.fixture(scope="session")
def pack_dict() -> Make:
    return make_pack


@pytest.fixture(scope="session")
def pack_of() -> Callable[..., Pack]:
    """A pack of conditions, one rule R0, R1, … each; sets `hit` to the ids that held.

    `each`: for each condition, what else its rule has (`applies_to`, `alarm`).
    """

    def build(*whens: Any, each: Sequence[dict[str, Any]] = (), **more: Any) -> Pack:
        extras = [*each, *({} for _ in whens[len(each) :])]
        rules = [
            make_rule(n, when, **extra)
            for n, (when, extra) in enumerate(zip(whens, extras, strict=True))
        ]
        return Pack.of(Definition.model_validate(make_pack(rules, **more)))

    return build


@pytest.fixture(scope="session")
def at() -> datetime:
    return datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def shipped() -> dict[str, Pack]:
    return load_packs()


@pytest.fixture
def engine() -> Iterator[RulesProcess]:
    # What is asked here is what the engine answers, not how soon: a busy machine may be slow.
    with RulesProcess(limits=Limits(deadline_s=30)) as process:
        yield process
