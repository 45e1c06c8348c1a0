"""A small city, its people, and the shipped policy at work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cases.facts import CaseFacts
from cases.messages import Actor, Command, Grant, Source
from policies.access import Access
from policies.policy import Policy, load_policy
from policies.warrants import WarrantKeys, WarrantSigner

DEPARTMENTS = {"city": "", "market": "city", "food": "market", "fire": "city", "planning": "city"}

People = Callable[..., Actor]
Orders = Callable[..., Command]


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy()


@pytest.fixture(scope="session")
def pens() -> dict[str, WarrantSigner]:
    return {
        name: WarrantSigner(name, Ed25519PrivateKey.generate())
        for name in ("web", "gateway", "worker")
    }


@pytest.fixture(scope="session")
def keys(pens: dict[str, WarrantSigner]) -> WarrantKeys:
    return {name: pen.public_key for name, pen in pens.items()}


@pytest.fixture(scope="session")
def access(policy: Policy, pens: dict[str, WarrantSigner]) -> Access:
    return Access(policy, DEPARTMENTS, pens["web"])


@pytest.fixture(scope="session")
def somebody() -> People:
    """Makes an actor from `role@department` words."""

    def make(*held: str, **given: object) -> Actor:
        grants = tuple(
            Grant(role=role, department=at) for role, at in (word.split("@") for word in held)
        )
        fields: dict[str, object] = {"id": "u:somebody", "grants": grants, **given}
        return Actor.model_validate(fields)

    return make


@pytest.fixture
def facts() -> CaseFacts:
    """A case of the food office with the fire brigade reviewing; accept and decide are apart."""
    return CaseFacts(
        id="case-1",
        matter="food-permit",
        department="food",
        departments=("food", "fire"),
        stage="review",
        applicant="citizen:0123456789abcdef",
        separations=(("accept", "decide"), ("opine", "host_hearing")),
        separation_bases=("本机关职责分离制度", "行政许可法第四十八条第一款第（三）项"),
        task_departments={"receive": "food", "review-fire": "fire", "decide": "food"},
    )


@pytest.fixture
def order(now: datetime) -> Orders:
    """Makes a command of an actor to case-1."""

    def make(actor: Actor, verb: str, **given: object) -> Command:
        fields: dict[str, object] = {
            "id": "command-1",
            "verb": verb,
            "case_id": "case-1",
            "body": {},
            "actor": actor,
            "source": Source(door="web"),
            "occurred_at": now,
            **given,
        }
        return Command.model_validate(fields)

    return make
