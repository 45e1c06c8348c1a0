"""Nobody stands on both sides of a separated case, however they come by their roles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from cases.facts import CaseFacts
from cases.messages import Actor, Command
from catalogue.load import load_catalogue
from policies.access import Access, AccessDenied
from policies.policy import MODEL_FILE, ROWS_FILE, Policy, parse_policy
from policies.proof import administrators_with_cases, both_sides, one_role_for_both
from policies.separation import HOST_HEARING, clash, persons_of
from policies.vocabulary import VERBS
from policies.warrants import WarrantSigner

People = Callable[..., Actor]
Orders = Callable[..., Command]

SEPARATED = ("accept", "decide")


def _without(text: str, start: str) -> str:
    kept = [line for line in text.splitlines() if not line.startswith(start)]
    assert len(kept) < len(text.splitlines())
    return "\n".join(kept)


def test_no_single_role_of_the_shipped_policy_accepts_and_decides(policy: Policy) -> None:
    assert one_role_for_both(policy, SEPARATED) == ()


def test_a_policy_in_which_one_role_accepts_and_decides_is_found() -> None:
    row = "section_head, implementing, case, accept, always, allow # 一人包办\n"
    changed = parse_policy(MODEL_FILE.read_text("utf-8"), ROWS_FILE.read_text("utf-8") + row)
    assert [found.roles for found in one_role_for_both(changed, SEPARATED)] == [("section_head",)]


@pytest.mark.parametrize(
    "acts",
    [SEPARATED, ("file", "accept"), ("opine", "decide"), ("accept", "opine", "decide")],
)
def test_no_role_or_pair_of_roles_does_two_separated_acts(
    acts: tuple[str, ...], access: Access, now: datetime
) -> None:
    assert both_sides(access, acts, now) == ()


def test_every_separation_of_every_shipped_matter_holds_for_every_pair_of_roles(
    access: Access, now: datetime
) -> None:
    groups = {
        separation.acts for matter in load_catalogue().matters for separation in matter.separations
    }
    assert SEPARATED in groups
    for acts in sorted(groups):
        assert set(acts) <= {*VERBS, HOST_HEARING}, acts
        assert both_sides(access, [act for act in acts if act in VERBS], now) == ()


def test_the_same_pairs_do_both_where_the_matter_does_not_separate(
    access: Access, somebody: People, now: datetime
) -> None:
    both = somebody("window_clerk@*", "section_head@*")
    case = CaseFacts(id="c", matter="m", department="d", hands={"accept": (both.id,)})
    assert access.decide(both, "decide", case, now).allowed


def test_administrators_can_do_nothing_to_a_case_with_any_second_role(
    access: Access, now: datetime
) -> None:
    assert administrators_with_cases(access, now) == ()


def test_a_policy_without_the_row_against_administrators_is_found(
    pens: dict[str, WarrantSigner], now: datetime
) -> None:
    rows = _without(ROWS_FILE.read_text("utf-8"), "sysadmin,          held,          case")
    changed = Access(parse_policy(MODEL_FILE.read_text("utf-8"), rows), {}, pens["web"])
    found = administrators_with_cases(changed, now)
    assert {example.roles[0] for example in found} == {"sysadmin"}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_be_separated_from_another(
    verb: str, access: Access, somebody: People, now: datetime
) -> None:
    other = "accept" if verb != "accept" else "decide"
    me = somebody("service_intake@*", id="s:one", kind="service")
    case = CaseFacts(
        id="c", matter="m", department="d", separations=((verb, other),), hands={other: (me.id,)}
    )
    assert access.decide(me, verb, case, now).code == "separation"


def test_the_refusal_names_the_article_and_the_person(
    access: Access, somebody: People, facts: CaseFacts, now: datetime
) -> None:
    case = facts.model_copy(update={"hands": {"accept": ("u:somebody",)}})
    refused = access.decide(somebody("section_head@food"), "decide", case, now)
    assert refused.basis == "本机关职责分离制度"
    assert "u:somebody" in refused.reason and "受理" in refused.reason


def test_a_separation_without_an_article_still_holds(
    access: Access, somebody: People, facts: CaseFacts, now: datetime
) -> None:
    changes = {"hands": {"accept": ("u:somebody",)}, "separation_bases": ()}
    case = facts.model_copy(update=changes)
    assert access.decide(somebody("section_head@food"), "decide", case, now).code == "separation"


def test_doing_the_same_act_twice_breaks_no_separation(facts: CaseFacts) -> None:
    case = facts.model_copy(update={"hands": {"accept": ("u:a",)}})
    assert clash("accept", {"u:a"}, case) is None
    assert clash("decide", {"u:a"}, case) is not None
    assert clash("decide", {"u:b"}, case) is None


def test_who_reviewed_cannot_be_named_to_preside_the_hearing(
    access: Access, somebody: People, facts: CaseFacts, order: Orders, now: datetime
) -> None:
    case = facts.model_copy(update={"hands": {"opine": ("u:reviewer",)}})
    body = {"kind": "hearing", "ground": "申请人要求", "expected_days": 20}
    head = somebody("section_head@food")
    with pytest.raises(AccessDenied) as refused:
        access.warrant(
            order(head, "start_procedure", body={**body, "host": "u:reviewer"}), case, now
        )
    assert refused.value.basis == "行政许可法第四十八条第一款第（三）项"
    assert access.warrant(order(head, "start_procedure", body={**body, "host": "u:x"}), case, now)


def test_the_actor_and_whom_they_act_for_both_answer(somebody: People) -> None:
    assert persons_of(somebody(id="u:b", on_behalf="u:a")) == {"u:a", "u:b"}
    assert persons_of(somebody(id="u:b")) == {"u:b"}


def test_a_service_is_not_on_both_sides_by_naming_two_officers(
    access: Access, somebody: People, facts: CaseFacts, now: datetime
) -> None:
    case = facts.model_copy(update={"hands": {"accept": ("s:portal", "u:a")}})
    for named in ("", "u:a", "u:b"):
        portal = somebody("service_intake@food", id="s:portal", kind="service", on_behalf=named)
        assert access.decide(portal, "decide", case, now).code == "separation"
    other = somebody("service_intake@food", id="s:approvals", kind="service", on_behalf="u:b")
    assert access.decide(other, "decide", case, now).allowed
