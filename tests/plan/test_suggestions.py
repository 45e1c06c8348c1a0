"""A citizen's suggestion is a case: filed at the window or by a system, answered, rated."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from cases.messages import Actor, Grant
from cases.tables import case, clock
from tests.yichuang.registry import Town, settings, template, town

__all__ = ["settings", "template", "town"]

FILING: dict[str, Any] = {
    "matter": "citizen-suggestion",
    "channel": "mobile",
    "applicant": {"kind": "natural_person", "name": "何市民"},
    "form": {"topic": "交通出行", "content": "请在市民广场增设共享单车停放区"},
    "materials": [{"code": "suggestion", "originals": 1}],
    "electronic_service": True,
}


def zxb(name: str, role: str, kind: Any = "human") -> Actor:
    prefix = "s:" if kind == "service" else "u:"
    return Actor(
        id=f"{prefix}{name}", kind=kind, department="zxb",
        grants=(Grant(role=role, department="zxb"),),
    )  # fmt: skip


async def test_a_suggestion_is_filed_by_a_system_answered_in_the_queue_and_rated(
    town: Town,
) -> None:
    filed = await town.order(zxb("portal", "service_intake", "service"), "file", FILING)
    window = zxb("window", "window_clerk")
    await town.order(window, "accept", {}, filed.case_id)
    with town.shop.cases.connect() as connection:
        one = connection.execute(select(case).where(case.c.id == filed.case_id)).one()
        limits = {
            row.key: (row.limit_n, row.limit_unit, row.started_at)
            for row in connection.execute(select(clock).where(clock.c.case_id == filed.case_id))
        }
    assert (one.matter, one.department, one.channel) == ("citizen-suggestion", "zxb", "mobile")
    assert one.public_code and one.case_no
    assert limits["statutory"][:2] == (5, "working_day")
    assert limits["statutory"][2] == one.received_at  # from receipt, not from acceptance
    opinion = {"task": "review-answer", "result": "agree", "text": "已列入下季度计划。"}
    await town.order(zxb("clerk", "section_clerk"), "opine", opinion, filed.case_id)
    await town.order(zxb("head", "section_head"), "decide", {"result": "grant"}, filed.case_id)
    desk = zxb("desk", "certificate_desk")
    await town.order(
        desk, "certify", {"certificate": "市民建议答复书", "number": "DF1"}, filed.case_id
    )
    served = {"method": "direct", "recipient": "何市民"}
    await town.order(window, "serve", served, filed.case_id)
    await town.order(window, "close", {}, filed.case_id)
    await town.order(window, "rate", {"grade": 2}, filed.case_id)
    with town.shop.cases.connect() as connection:
        grade = connection.execute(
            select(case.c.grade).where(case.c.id == filed.case_id)
        ).scalar_one()
    assert grade == 2


@pytest.mark.parametrize("form", [{"topic": "天气"}, {"content": "好"}])
async def test_a_suggestion_without_words_of_its_own_is_refused(
    town: Town, form: dict[str, str]
) -> None:
    bad = FILING | {"form": FILING["form"] | form}
    with pytest.raises(AssertionError, match="refused"):
        await town.order(zxb("portal", "service_intake", "service"), "file", bad)
