"""Words of notices pass the gate, count from their instant, and are what people are told."""

from __future__ import annotations

from datetime import timedelta

from cases.database import open_engine
from tests.yichuang.registry import BOTH, SIGNER, Town, settings, template, town
from tests.yichuang.registry import now as _now
from yichuang.notice_words import WordsInForce

__all__ = ["settings", "template", "town"]

WORDS = """标识: notices
版本: "2026.1"
通知用语:
- {通知: dispatched, 标题: 请快签收, 正文: "{{ 编号 }}"}
"""


async def test_words_count_from_the_instant_that_their_signer_chose(town: Town) -> None:
    bad = await town.propose(BOTH, "template", WORDS.replace("编号", "姓名"))
    assert bad.state == "blocked" and "没有「姓名」" in "".join(bad.findings)
    unread = await town.propose(BOTH, "template", "标识: notices")
    assert unread.status == "refused" and "缺少「版本」" in "".join(unread.findings)
    made = await town.propose(BOTH, "template", WORDS.replace("2026.1", "2026.2"))
    assert made.state == "proposed"
    own = await town.sign(BOTH, made.release)
    assert own.status == "refused"
    day = _now() + timedelta(days=1)
    signed = await town.sign(SIGNER, made.release, in_force_from=day)
    assert signed.state == "active"
    cases = open_engine(town.settings.store_url("cases"), read_only=True)
    assert not WordsInForce(cases, _now)().words
    (one,) = WordsInForce(cases, lambda: day)().words
    assert one.title == "请快签收"
    cases.dispose()
