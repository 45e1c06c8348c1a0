"""A warrant is good for one command, from one issuer, for five minutes; nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cases.facts import CaseFacts
from cases.messages import Actor, Command, Warrant
from policies.access import Access, AccessDenied
from policies.warrants import (
    WARRANT_LIFE,
    KeyUnsafe,
    WarrantInvalid,
    WarrantKeys,
    WarrantSigner,
    create_key,
    load_private,
    load_public,
    public_path,
    verify,
)

People = Callable[..., Actor]
Orders = Callable[..., Command]
Pens = dict[str, WarrantSigner]

ARTICLE = "行政许可法第三十二条第一款第（四）项"


@pytest.fixture
def accept(order: Orders, somebody: People) -> Command:
    return order(somebody("window_clerk@food", department="food"), "accept")


@pytest.fixture
def warrant(access: Access, accept: Command, facts: CaseFacts, now: datetime) -> Warrant:
    return access.warrant(accept, facts, now)


@pytest.fixture
def fired(order: Orders, now: datetime) -> Command:
    body = {"timer": "notice", "due_at": now.isoformat(), "article": ARTICLE}
    return order(Actor(id="system", kind="system"), "timer_fired", body=body)


def _code(warrant: Warrant | None, command: Command, keys: WarrantKeys, at: datetime) -> str:
    with pytest.raises(WarrantInvalid) as refused:
        verify(warrant, command, keys, at)
    assert refused.value.reason
    return refused.value.code


def test_a_warrant_says_who_for_what_by_which_row(warrant: Warrant, access: Access) -> None:
    assert warrant.actor == "u:somebody" and warrant.act == "accept"
    assert warrant.row == "window_clerk, implementing, case, accept, always, allow"
    assert (warrant.role, warrant.department) == ("window_clerk", "food")
    assert warrant.policy == access.policy.version
    assert warrant.expires_at - warrant.issued_at == WARRANT_LIFE


def test_a_warrant_covers_its_command(
    warrant: Warrant, accept: Command, keys: WarrantKeys, now: datetime
) -> None:
    assert verify(warrant, accept, keys, now) == warrant


def test_a_warrant_survives_json(
    warrant: Warrant, accept: Command, keys: WarrantKeys, now: datetime
) -> None:
    again = Command.model_validate_json(
        accept.model_copy(update={"warrant": warrant}).model_dump_json()
    )
    assert verify(again.warrant, again, keys, now)


def test_no_warrant_is_refused(accept: Command, keys: WarrantKeys, now: datetime) -> None:
    assert _code(None, accept, keys, now) == "warrant_missing"


@pytest.mark.parametrize(
    "field",
    [name for name in Warrant.model_fields if name not in ("issuer", "signature")],
)
def test_a_warrant_with_any_field_altered_is_refused(
    field: str, warrant: Warrant, accept: Command, keys: WarrantKeys, now: datetime
) -> None:
    old = getattr(warrant, field)
    new = old + timedelta(hours=1) if isinstance(old, datetime) else f"{old}x"
    altered = warrant.model_copy(update={field: new})
    assert _code(altered, accept, keys, now) == "bad_signature"


@pytest.mark.parametrize("signature", ["", "x", "AAAA", "é", "A" * 88])
def test_a_warrant_without_its_signature_is_refused(
    signature: str, warrant: Warrant, accept: Command, keys: WarrantKeys, now: datetime
) -> None:
    altered = warrant.model_copy(update={"signature": signature})
    assert _code(altered, accept, keys, now) == "bad_signature"


@pytest.mark.parametrize(
    "change",
    [
        {"id": "command-2"},
        {"verb": "refuse_acceptance", "body": {"reason": "不全"}},
        {"case_id": "case-2"},
        {"body": {"mode": "tolerant"}},
        {"backfill": True},
        {"actor": Actor(id="u:another")},
    ],
)
def test_a_warrant_for_something_else_is_refused(
    change: dict[str, Any], warrant: Warrant, accept: Command, keys: WarrantKeys, now: datetime
) -> None:
    other = accept.model_copy(update=change)
    assert _code(warrant, other, keys, now) == "warrant_for_something_else"


def test_a_warrant_is_good_until_its_last_instant_and_no_longer(
    warrant: Warrant, accept: Command, keys: WarrantKeys
) -> None:
    assert verify(warrant, accept, keys, warrant.expires_at)
    late = warrant.expires_at + timedelta(microseconds=1)
    assert _code(warrant, accept, keys, late) == "warrant_expired"


def test_a_warrant_from_a_clock_far_ahead_is_refused(
    warrant: Warrant, accept: Command, keys: WarrantKeys, now: datetime
) -> None:
    assert verify(warrant, accept, keys, now - timedelta(minutes=5))
    early = now - timedelta(minutes=5, microseconds=1)
    assert _code(warrant, accept, keys, early) == "warrant_from_the_future"


def test_an_issuer_whose_key_is_not_known_is_refused(
    warrant: Warrant, accept: Command, keys: WarrantKeys, now: datetime
) -> None:
    others = {name: key for name, key in keys.items() if name != "web"}
    assert _code(warrant, accept, others, now) == "unknown_issuer"


def test_a_warrant_under_anothers_name_is_refused(
    warrant: Warrant, accept: Command, keys: WarrantKeys, now: datetime
) -> None:
    renamed = warrant.model_copy(update={"issuer": "gateway"})
    assert _code(renamed, accept, keys, now) == "bad_signature"


def test_the_worker_signs_for_nobody_but_the_law(
    warrant: Warrant, accept: Command, keys: WarrantKeys, pens: Pens, now: datetime
) -> None:
    by_worker = pens["worker"].sign(warrant)
    assert _code(by_worker, accept, keys, now) == "issuer_not_allowed"


def test_a_timer_of_the_law_is_warranted_by_its_article(
    fired: Command, keys: WarrantKeys, pens: Pens, now: datetime
) -> None:
    warrant = pens["worker"].of_law(fired, "sha256:policy", now)
    assert verify(warrant, fired, keys, now).row == ARTICLE
    assert warrant.actor == "system"


def test_no_door_can_warrant_a_timer(
    fired: Command, keys: WarrantKeys, pens: Pens, access: Access, facts: CaseFacts, now: datetime
) -> None:
    for door in ("web", "gateway"):
        with pytest.raises(WarrantInvalid):
            pens[door].of_law(fired, "sha256:policy", now)
        forged = pens[door].sign(pens["worker"].of_law(fired, "sha256:policy", now))
        assert _code(forged, fired, keys, now) == "issuer_not_allowed"
    with pytest.raises(AccessDenied):
        access.warrant(fired, facts, now)


def test_the_worker_warrants_no_other_order_by_law(
    accept: Command, pens: Pens, now: datetime
) -> None:
    with pytest.raises(WarrantInvalid):
        pens["worker"].of_law(accept, "sha256:policy", now)


def test_policy_refuses_before_anything_is_signed(
    access: Access, order: Orders, somebody: People, facts: CaseFacts, now: datetime
) -> None:
    with pytest.raises(AccessDenied) as refused:
        access.warrant(order(somebody("window_clerk@food"), "decide"), facts, now)
    assert refused.value.code == "no_right" and refused.value.remedy


def test_facts_of_another_case_warrant_nothing(
    access: Access, accept: Command, facts: CaseFacts, now: datetime
) -> None:
    with pytest.raises(AccessDenied):
        access.warrant(accept, facts.model_copy(update={"id": "case-2"}), now)


def test_a_deputys_warrant_names_both(
    access: Access, order: Orders, somebody: People, facts: CaseFacts, now: datetime
) -> None:
    deputy = somebody("window_clerk@food", on_behalf="u:boss")
    warrant = access.warrant(order(deputy, "accept"), facts, now)
    assert (warrant.actor, warrant.on_behalf) == ("u:somebody", "u:boss")


def test_an_opinion_is_warranted_for_the_department_of_its_task_only(
    access: Access, order: Orders, somebody: People, facts: CaseFacts, now: datetime
) -> None:
    body = {"task": "review-fire", "result": "agree", "text": "同意"}
    brigade = order(somebody("section_clerk@fire"), "opine", body=body)
    assert access.warrant(brigade, facts, now).department == "fire"
    with pytest.raises(AccessDenied):
        access.warrant(order(somebody("section_clerk@food"), "opine", body=body), facts, now)


# --- business time -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "backfill", "role", "answer"),
    [
        (0, False, "service_intake", ""),
        (-5, False, "service_intake", ""),
        (-6, False, "service_intake", "no_right"),
        (-6, True, "service_intake", "no_right"),
        (0, True, "service_intake", "no_right"),
        (-6, True, "service_backfill", ""),
        (-600_000, True, "service_backfill", ""),
        (5, False, "service_intake", ""),
        (6, False, "service_intake", "in_the_future"),
        (6, True, "service_backfill", "in_the_future"),
    ],
)
def test_only_who_may_backfill_sets_business_time_in_the_past(
    minutes: int, backfill: bool, role: str, answer: str,
    access: Access, order: Orders, somebody: People, facts: CaseFacts, now: datetime,
) -> None:  # fmt: skip
    portal = somebody("service_intake@food", f"{role}@food", id="s:portal", kind="service")
    when = now + timedelta(minutes=minutes)
    command = order(portal, "record_step", occurred_at=when, backfill=backfill)
    if not answer:
        assert access.warrant(command, facts, now)
        return
    with pytest.raises(AccessDenied) as refused:
        access.warrant(command, facts, now)
    assert refused.value.code == answer


def test_an_order_that_waited_at_the_broker_is_not_in_the_past(
    access: Access, order: Orders, somebody: People, facts: CaseFacts, now: datetime
) -> None:
    portal = somebody("service_intake@food", id="s:portal", kind="service")
    received = now - timedelta(hours=9)
    command = order(portal, "record_step", occurred_at=received)
    warrant = access.warrant(command, facts, now, received_at=received)
    assert warrant.issued_at == now


# --- keys ----------------------------------------------------------------------------------------


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "web.key"
    public = create_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_private(path).public_key() == public == load_public(public_path(path))
    with pytest.raises(FileExistsError):
        create_key(path)
    assert load_private(path).public_key() == public


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "web.key"
    create_key(path)
    path.chmod(0o640)
    with pytest.raises(KeyUnsafe):
        load_private(path)
