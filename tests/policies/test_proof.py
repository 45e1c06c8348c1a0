"""The proof of the policy: what it looks at, what it finds, and that each finding is true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from catalogue.load import load_catalogue
from policies.access import Access
from policies.decision_table import Decided
from policies.invariants import DUTIES, FAMILIES, Finding, idle
from policies.plain import Reading
from policies.policy import MODEL_FILE, ROWS_FILE, Policy, parse_policy
from policies.proof import Proof, findings, prove, prove_matter
from policies.situations import TOWN, person
from policies.vocabulary import ACTS, ADMINISTRATORS, ROLES
from policies.warrants import WarrantSigner

MODEL, TEXT = MODEL_FILE.read_text("utf-8"), ROWS_FILE.read_text("utf-8")
MATTERS = load_catalogue().matters

Prover = Callable[[str, str], Finding]


@pytest.fixture
def pen(pens: dict[str, WarrantSigner]) -> WarrantSigner:
    return pens["worker"]


@pytest.fixture
def proved(pen: WarrantSigner, now: datetime) -> Prover:
    """Runs the proof on a text up to one family; its counterexamples must really happen."""

    def run(text: str, family: str) -> Finding:
        policy = parse_policy(MODEL, text)
        found = next(one for one in findings(policy, pen, MATTERS, now) if one.code == family)
        access = Access(policy, TOWN, pen)
        assert all(example.happens(access, now) for example in found.counterexamples)
        return found

    return run


def fields(line: str) -> str:
    return ", ".join(part.strip() for part in line.partition("#")[0].split(","))


def without(*rows: str) -> str:
    """The shipped text without the rows that begin so."""
    kept = [line for line in TEXT.splitlines() if not fields(line).startswith(rows)]
    assert len(kept) < len(TEXT.splitlines()), rows
    return "\n".join(kept)


def test_the_shipped_policy_holds(policy: Policy, pen: WarrantSigner, now: datetime) -> None:
    proof = prove(policy, pen, MATTERS, now)
    assert [one.title for one in proof.findings if one.counterexamples] == []
    assert proof.holds
    assert proof.decisions > 10_000_000  # every role and pair, every nearness, every condition
    assert len(proof.findings) >= len(FAMILIES) + 9


ADDED = [
    ("section_head, implementing, case, accept", "one_window"),
    ("supervisor, involved, case, read_personal", "supervising"),
    ("organ_head, held, account, account_grant", "table"),
    ("window_clerk, implementing, case, extend", "by_law"),
    ("window_clerk, held, case, read", "outsider"),
    ("citizen, held, case, read_personal", "citizen"),
    ("service_intake, implementing, case, read_personal", "service"),
    ("certificate_desk, task, case, list", "papers"),
    ("section_head, implementing, case, read", "idle"),
]


@pytest.mark.parametrize(("row", "family"), ADDED)
def test_a_row_that_opens_a_door_is_found_and_named(row: str, family: str, proved: Prover) -> None:
    found = proved(f"{TEXT}\n{row}, always, allow # 试\n", family).counterexamples
    assert any(f"{row}, always, allow" in example.rows for example in found)


DROPPED = [
    ("*, held, case, *, recused", "recused"),
    ("*, held, policy, policy_approve, proposed_by_me", "own_proposal"),
    ("*, held, account, *, about_me", "own_account"),
    ("*, held, case, decide, closed", "settled"),
    ("sysadmin, held, case, *", "administrators"),
    ("secadmin, held, audit, erase_approve", "erasure"),
    ("government_head, involved, case, extend", "table"),
    ("certificate_desk, implementing, case, certify", "alive"),
    ("secadmin, held, policy, policy_approve", "unlocked"),
    ("catalogue_signer, held, release, release_sign", "unlocked"),
]


@pytest.mark.parametrize(("row", "family"), DROPPED)
def test_a_row_that_is_missing_is_found(row: str, family: str, proved: Prover) -> None:
    assert proved(without(row), family).counterexamples


def test_who_gathers_must_be_left(proved: Prover) -> None:
    gathering = ("section_head, task, case, gather", "organ_head, task, case, gather")
    assert proved(without(gathering[0]), "alive").counterexamples == ()
    (example, *_) = proved(without(*gathering), "alive").counterexamples
    assert "gather" in example.how


def test_the_signer_of_ones_own_release_is_found(proved: Prover) -> None:
    own = "*, held, release, release_sign, proposed_by_me"
    assert proved(without(own), "own_proposal").counterexamples


def test_a_policy_that_refuses_everything_is_found_dead(proved: Prover) -> None:
    nothing = "*, held, case, *, always, deny # 一律禁止"
    assert any("作出决定" in one.how for one in proved(nothing, "alive").counterexamples)
    assert proved(nothing, "unlocked").counterexamples


@pytest.mark.parametrize("administrator", ADMINISTRATORS)
def test_an_administrator_is_nothing_more_with_any_second_role_even_by_raw_grants(
    administrator: str, access: Access, now: datetime
) -> None:
    for other in ROLES:
        if "human" not in ROLES[other].kinds:
            continue
        actor = person((administrator, other), "human")
        for kind, acts in ACTS.items():
            thing = Decided("", acts[0], "plain" if kind == "case" else kind, "allowed", "").step()
            for act in acts:
                if access.decide(actor, act, thing.thing, now).allowed:
                    assert (kind, act) in DUTIES[administrator], (other, kind, act)


def test_the_finding_of_a_missing_step_names_every_role_that_was_refused(proved: Prover) -> None:
    found = proved(without("certificate_desk, implementing, case, certify"), "alive")
    (example, *_) = found.counterexamples
    people = [role for role, known in ROLES.items() if "human" in known.kinds]
    assert len(example.steps) == len(people)
    assert not any(step.allowed for step in example.steps)


def test_a_matter_is_proved_by_itself(policy: Policy, pen: WarrantSigner, now: datetime) -> None:
    for matter in MATTERS:
        assert prove_matter(policy, pen, matter, now).holds
    rows = without("certificate_desk, implementing, case, certify")
    stalled = prove_matter(parse_policy(MODEL, rows), pen, MATTERS[0], now)
    assert isinstance(stalled, Proof) and not stalled.holds


def test_a_matter_that_keeps_apart_two_steps_of_one_role_only_is_refused(
    policy: Policy, pen: WarrantSigner, now: datetime
) -> None:
    approval = next(one for one in MATTERS if one.separations)
    apart = approval.separations[0].model_copy(update={"acts": ("certify", "close")})
    rows = without("window_clerk, implementing, case, close")
    matter = approval.model_copy(update={"separations": (apart,)})
    assert prove_matter(policy, pen, matter, now).holds
    changed = prove_matter(parse_policy(MODEL, rows), pen, matter, now)
    assert any("只有同一岗位" in one.how for f in changed.findings for one in f.counterexamples)


def test_the_idle_rows_are_those_without_which_every_decision_is_the_same(policy: Policy) -> None:
    tables = {kind: Reading(policy).table(kind) for kind in {r.object_type for r in policy.rows}}
    shown = policy.rows[::9]
    for row in shown:
        less = parse_policy(MODEL, without_line(row.line))
        assert Reading(less).table(row.object_type) != tables[row.object_type], str(row)
    assert idle(policy) == ()


def without_line(number: int) -> str:
    lines = TEXT.splitlines()
    return "\n".join([*lines[: number - 1], "", *lines[number:]])


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("window_clerk, implementing, case, file, about_me, allow", "已许可它所许可的一切"),
        ("sysadmin, held, case, read, always, allow", "永远被禁止行否决"),
        ("window_clerk, held, release, release_sign, always, deny", None),
        ("citizen, held, release, release_sign, always, deny", "不禁止任何"),
        ("sysadmin, held, case, read, always, deny", "不禁止任何"),
    ],
)
def test_a_row_that_changes_nothing_is_named(row: str, why: str | None) -> None:
    found = idle(parse_policy(MODEL, f"{TEXT}\n{row} # 试"))
    if why is None:
        assert found == ()  # a person may hold both roles
    else:
        assert [(str(one), why in said) for one, said in found] == [(row, True)]
