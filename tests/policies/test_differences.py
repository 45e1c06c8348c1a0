"""What a change changes, and why a role may not: said in decisions, with the smallest remedy."""

from __future__ import annotations

import pytest

from policies.differences import Difference, difference, row_sentence
from policies.explaining import barred, explain, who_may
from policies.policy import MODEL_FILE, ROWS_FILE, Policy, parse_policy

MODEL, TEXT = MODEL_FILE.read_text("utf-8"), ROWS_FILE.read_text("utf-8")
OFFICE = frozenset({"held", "involved", "implementing"})


def without(*rows: str) -> str:
    def fields(line: str) -> str:
        return ", ".join(part.strip() for part in line.partition("#")[0].split(","))

    return "\n".join(line for line in TEXT.splitlines() if not fields(line).startswith(rows))


def changed(text: str) -> Difference:
    return difference(parse_policy(MODEL, TEXT), parse_policy(MODEL, text))


def test_the_same_rows_in_another_order_with_other_notes_change_nothing() -> None:
    lines = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
    found = changed("\n".join(f"{line}（另注）" for line in reversed(lines)))
    assert (found.gone, found.come, found.moved, found.decisions) == ((), (), (), 0)
    assert found.asked > 1_000_000


def test_a_right_that_goes_is_said_with_who_where_and_what() -> None:
    found = changed(without("window_clerk, implementing, case, urge"))
    (moved,) = found.moved
    assert (moved.role, moved.act, moved.way) == ("window_clerk", "urge", "loses")
    assert moved.sentence().startswith("综合窗口人员不再可以对办件「催办」：实施主体")
    assert [str(row) for row in found.gone] == [
        "window_clerk, implementing, case, urge, always, allow"
    ]
    assert found.roles == ("window_clerk",) and found.decisions > 0


def test_a_row_that_is_wider_is_said_by_where_it_reaches_now() -> None:
    text = TEXT.replace(
        "section_clerk,     implementing,  case,         record_step",
        "section_clerk,     involved,      case,         record_step",
    )
    (moved,) = changed(text).moved
    assert moved.way == "gains"
    assert {frozenset({"held", "involved"}), frozenset({"held", "involved", "task"})} == set(
        moved.near
    )


def test_a_condition_that_goes_is_said_with_its_condition() -> None:
    text = TEXT.replace(
        "citizen,           held,          case,         rate,               about_me",
        "citizen,           held,          case,         rate,               always  ",
    )
    (moved,) = changed(text).moved
    assert (moved.role, moved.act, moved.way) == ("citizen", "rate", "gains")
    assert moved.scopes == (frozenset(),)


def test_needless_rows_move_no_decision() -> None:
    needless = TEXT + "\nsection_head, implementing, case, read, always, allow # 查阅\n"
    found = changed(needless)
    assert len(found.come) == 1 and found.decisions == 0


def test_why_a_role_may_not_names_who_could_in_the_same_place(policy: Policy) -> None:
    told = explain(policy, "window_clerk", "case", "decide", OFFICE)
    assert not told.allowed
    assert "换角色：同处的科室负责人、本行政机关负责人" in told.changes
    assert told.new_row == "window_clerk, implementing, case, decide, always, allow"
    assert barred(policy, told.new_row)  # the smallest row is one that nobody may propose


def test_why_a_role_may_names_its_rows(policy: Policy) -> None:
    told = explain(policy, "section_head", "case", "decide", OFFICE)
    assert told.allowed and told.changes == ()
    assert [row.act for row in told.rows] == ["decide"]


def test_a_place_too_far_is_answered_by_the_place_that_would_do(policy: Policy) -> None:
    told = explain(policy, "section_head", "case", "decide", frozenset({"held"}))
    assert any(change == "换任职之处：实施主体" for change in told.changes)


def test_what_is_forbidden_offers_no_row(policy: Policy) -> None:
    told = explain(policy, "section_head", "case", "decide", OFFICE, frozenset({"closed"}))
    assert not told.allowed and told.new_row == ""
    assert [row.effect for row in told.rows] == ["deny"]
    assert "不再有条件：办件已终结（归档）" in told.changes


def test_a_row_that_somebody_may_propose_is_barred_by_nothing(policy: Policy) -> None:
    told = explain(policy, "section_head", "case", "serve", OFFICE)
    assert told.new_row and barred(policy, told.new_row) == ()


@pytest.mark.parametrize("wrong", [("superuser", "case", "read"), ("sysadmin", "tables", "read")])
def test_a_word_that_there_is_not_is_a_key_error(
    wrong: tuple[str, str, str], policy: Policy
) -> None:
    with pytest.raises(KeyError):
        explain(policy, *wrong)


def test_every_row_of_the_policy_is_a_sentence_for_an_assessor(policy: Policy) -> None:
    said = [row_sentence(row) for row in policy.rows]
    assert len(set(said)) == len(said)
    assert row_sentence(who_may(policy, "case", "decide")[-3]).startswith("科室负责人，在实施主体")
