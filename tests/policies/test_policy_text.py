"""The parser refuses every text that is not exactly a policy."""

from __future__ import annotations

import pytest

from policies.policy import MODEL_FILE, Policy, PolicyFault, parse_policy

MODEL = MODEL_FILE.read_text("utf-8")
GOOD = "window_clerk, implementing, case, accept, always, allow # 受理"


def _fault(text: str) -> str:
    with pytest.raises(PolicyFault) as refused:
        parse_policy(MODEL, text)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "至少要有一行"),
        ("# 只有注释\n\n", "至少要有一行"),
        ("window_clerk, implementing, case, accept, always # 少一个", "应有 6 个字段，实有 5 个"),
        (GOOD.replace(" #", ", more #"), "应有 6 个字段，实有 7 个"),
        (GOOD.replace("allow", "Allow"), "不是词"),
        (GOOD.replace("allow", "permit"), "效力只能是"),
        (GOOD.replace("allow", "Deny"), "不是词"),
        (GOOD.replace("allow", "denied"), "效力只能是"),
        (GOOD.replace("allow", ""), "不是词"),
        (GOOD.replace("window_clerk", "*"), "通配符"),
        (GOOD.replace(" accept", " *"), "通配符"),
        (GOOD.replace("window_clerk", "superuser"), "没有角色"),
        (GOOD.replace("implementing", "everywhere"), "任职关系"),
        (GOOD.replace("implementing", "*"), "任职关系"),
        (GOOD.replace("case", "table"), "没有客体类型"),
        (GOOD.replace("case", "*"), "没有客体类型"),
        (GOOD.replace(" accept", " release_sign"), "没有动作"),
        (GOOD.replace(" accept", " timer_fired"), "没有动作"),
        (GOOD.replace("always", "sometimes"), "条件"),
        (GOOD.replace("always", "proposed_by_me"), "不适用于 case"),
        (GOOD.replace("always", "True) or (True"), "不是词"),
        (GOOD.replace("window_clerk", '"window_clerk'), "不是词"),
        (GOOD.replace("window_clerk", "ｗindow_clerk"), "不是词"),
        ("*, task, case, accept, closed, deny # 不得受理", "只能写 held"),
        (GOOD.replace("# 受理", ""), "说明"),
        (GOOD.replace("# 受理", "#  "), "说明"),
        (f"{GOOD}\n{GOOD}", "与第 1 行重复或相反"),
        (f"{GOOD}\n{GOOD.replace('allow', 'deny')}", "与第 1 行重复或相反"),
        ("window_clerk, implementing, release, read, always, allow # 不适用", "不适用于 release"),
    ],
)
def test_a_faulty_text_is_refused_with_its_fault(text: str, says: str) -> None:
    assert says in _fault(text)


def test_every_fault_is_told_at_once_with_its_line() -> None:
    told = _fault(f"{GOOD}\nnobody, held, case, read, always, allow # 无\n\nx # 短")
    assert "第 2 行" in told and "第 4 行" in told


def test_one_good_row_is_a_policy() -> None:
    policy = parse_policy(MODEL, GOOD)
    assert [row.note for row in policy.rows] == ["受理"]
    assert policy.roles_for("case", "accept") == ("window_clerk",)
    assert policy.roles_for("case", "decide") == ()


def test_a_wildcard_is_allowed_where_it_denies() -> None:
    policy = parse_policy(MODEL, "*, held, case, *, recused, deny # 回避")
    assert all(len(policy.shards["case", act]) == 1 for act in ("read", "decide", "file"))
    assert policy.shards["release", "read"] == ()


def test_the_version_hangs_on_rows_and_model_and_not_on_notes() -> None:
    version = parse_policy(MODEL, GOOD).version
    assert parse_policy(MODEL, GOOD.replace("受理", "另一句")).version == version
    assert parse_policy(MODEL, GOOD.replace("accept", "file")).version != version
    assert parse_policy(MODEL + "\n# x", GOOD).version != version


def test_rows_that_deny_come_first_in_every_shard(policy: Policy) -> None:
    for rows in policy.shards.values():
        effects = [row.effect for row in rows]
        assert effects == sorted(effects, reverse=True)


def test_who_may_list_may_read_and_the_reverse(policy: Policy) -> None:
    def reading(act: str) -> set[tuple[str, ...]]:
        rows = policy.shards["case", act]
        return {(r.role, r.department, r.scope) for r in rows if r.effect == "allow"}

    assert reading("list") == reading("read")
    assert reading("read_personal") <= reading("read")
    assert reading("print") <= reading("read")
    assert reading("print_card") <= reading("read")
