"""What may not meet in one person's roles, and what is told to whoever approves."""

from __future__ import annotations

from itertools import combinations

import pytest

from policies.gate import Fault, grant_faults
from policies.policy import MODEL_FILE, parse_policy
from policies.vocabulary import ADMINISTRATORS, ROLES

PEOPLE = [role for role, known in ROLES.items() if "human" in known.kinds]


def codes(found: tuple[Fault, ...]) -> list[str]:
    return [fault.code for fault in found]


@pytest.mark.parametrize("role", PEOPLE)
def test_any_one_role_of_people_may_be_given(role: str) -> None:
    assert grant_faults((), (role,)) == ()


@pytest.mark.parametrize("administrator", ADMINISTRATORS)
def test_an_administrator_holds_nothing_else(administrator: str) -> None:
    for other in PEOPLE:
        if other != administrator:
            found = grant_faults((administrator,), (administrator, other))
            assert "administrators_apart" in codes(found), other
            assert found[0].blocking and set(found[0].roles) == {administrator, other}


def test_the_two_roles_of_a_release_do_not_meet_in_one_person() -> None:
    found = grant_faults(("catalogue_editor",), ("catalogue_editor", "catalogue_signer"))
    assert codes(found) == ["must_differ"]
    assert "编制" in found[0].sentence


@pytest.mark.parametrize("role", ["window_clerk", "section_head", "organ_head"])
def test_who_supervises_handles_no_cases(role: str) -> None:
    assert codes(grant_faults((role,), (role, "supervisor"))) == ["must_differ"]
    assert grant_faults((role,), (role,)) == ()


def test_a_pair_that_was_there_before_still_blocks() -> None:
    held = ("catalogue_editor", "catalogue_signer")
    assert codes(grant_faults(held, held)) == ["must_differ"]


def test_who_could_accept_and_decide_is_told_with_the_rows_and_not_refused() -> None:
    found = grant_faults(("window_clerk",), ("window_clerk", "section_head"))
    assert [one for one in found if one.blocking] == []
    accepting = next(one for one in found if one.acts == ("accept", "decide"))
    assert accepting.roles == ("section_head", "window_clerk")
    assert any("window_clerk, implementing, case, accept" in row for row in accepting.rows)
    assert all(row.startswith("第 ") for row in accepting.rows)


def test_what_was_possible_before_is_not_told_again() -> None:
    held = ("window_clerk", "section_head")
    assert grant_faults(held, held) == ()
    assert grant_faults(held, ("window_clerk",)) == ()


def test_the_separations_of_the_matters_in_force_are_told_too() -> None:
    found = grant_faults(("window_clerk",), ("window_clerk", "certificate_desk"), apart=())
    assert found == ()
    apart = (("accept", "certify"),)
    found = grant_faults(("window_clerk",), ("window_clerk", "certificate_desk"), apart=apart)
    assert [one.acts for one in found] == [("accept", "certify")]


def test_the_policy_in_force_is_asked_and_not_the_shipped_one() -> None:
    rows = "window_clerk, held, case, accept, always, allow # 受理\n"
    policy = parse_policy(MODEL_FILE.read_text("utf-8"), rows)
    pair = ("window_clerk", "section_head")
    assert grant_faults(pair[:1], pair, policy=policy) == ()
    assert grant_faults(pair[:1], pair) != ()


@pytest.mark.parametrize(
    ("role", "kind", "code"),
    [
        ("service_intake", "human", "kind"),
        ("window_clerk", "service", "kind"),
        ("citizen", "human", "kind"),
        ("citizen", "service", "kind"),
        ("superuser", "human", "unknown_role"),
        ("*", "human", "unknown_role"),
    ],
)
def test_a_role_that_the_account_cannot_hold_is_refused(role: str, kind: str, code: str) -> None:
    found = grant_faults((), (role,), kind=kind)  # type: ignore[arg-type]  # parametrised
    assert codes(found) == [code] and found[0].blocking


def test_every_pair_of_roles_has_an_answer_and_most_pairs_are_free() -> None:
    pairs = list(combinations(PEOPLE, 2))
    refused = [pair for pair in pairs if any(f.blocking for f in grant_faults((), pair))]
    assert 0 < len(refused) < len(pairs)
