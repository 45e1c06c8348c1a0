"""Whoever drafts for a department reaches that department's versions, and no other's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cases.messages import Actor, Grant
from policies.access import Access
from policies.policy import load_policy
from policies.scopes import Thing
from policies.situations import TOWN
from policies.warrants import WarrantSigner

PEN = WarrantSigner("test", Ed25519PrivateKey.generate())
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def decided(held_at: str, department: str, act: str = "release_propose") -> tuple[bool, str]:
    access = Access(load_policy(), TOWN, PEN)
    actor = Actor(
        id="u:one", department="sp", clearance=3,
        grants=(Grant(role="catalogue_editor", department=held_at),),
    )  # fmt: skip
    found = access.decide(actor, act, Thing("release", "new:matter", department=department), NOW)
    return found.allowed, found.code


@pytest.mark.parametrize(
    ("held_at", "department", "allowed"),
    [
        ("food", "food", True),
        ("market", "food", True),  # above it
        ("*", "food", True),
        ("*", "*", True),
        ("fire", "food", False),
        ("food", "market", False),  # below is not above
        ("city", "*", False),  # the whole city's is granted for the whole city
        ("food", "nowhere", False),
        ("food", "", True),  # a menu: there is no version yet
    ],
)
def test_a_version_is_proposed_where_the_role_is_held(
    held_at: str, department: str, allowed: bool
) -> None:
    assert decided(held_at, department) == (allowed, "allowed" if allowed else "elsewhere")


def test_reading_hangs_on_no_department() -> None:
    assert decided("fire", "food", "read") == (True, "allowed")
