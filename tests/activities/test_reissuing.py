"""更正重发、补发: a document is issued again out of the order that first issued it, and served."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, true

from activities.document_orders import facts_of
from activities.indexing import BlindIndex
from activities.papers import DocumentOrder
from activities.press import PressFailed
from cases import approval, numbers
from cases.approval.served_again import task_of_step, unserved
from cases.case_papers import documents_with_fate
from cases.database import reading
from cases.messages import Outcome
from cases.queries import Queries
from cases.settling import Batch
from cases.state import CaseState, Hearing, Reissue
from cases.tables import document
from cases.views import DocumentView, WorklistQuery
from cases.worklists import Desk
from catalogue.law import Article
from tests.activities.conftest import Town, food, small_city
from yichuang.unsealing import opener

SERVE = {"method": "direct", "recipient": "张三丰"}
TYPED = {"result": "grant", "conditions": "不得超过三十桌", "valid_until": "2031-03-01"}


@dataclass
class KeptPress:
    """Keeps each order; fails as often as it was told to."""

    orders: list[DocumentOrder] = field(default_factory=list)
    failures: int = 0

    def render(self, order: DocumentOrder) -> bytes:
        if self.failures:
            self.failures -= 1
            raise PressFailed("文书排版进程没有答复")
        self.orders.append(order)
        return f"{order.number} {order.command.body} {order.issued_at}".encode()


@pytest.fixture
def press(town: Town) -> KeptPress:
    kept = KeptPress()
    town.matters = replace(
        small_city(),
        matters=(
            food(
                文书=(
                    "supplement_notice",
                    "acceptance_notice",
                    "grant",
                    "refusal",
                    "service_record",
                )
            ),
        ),
    )
    town.planner = replace(town.planner, press=kept)
    town.settlement._planner = town.planner
    return kept


def done(
    town: Town, state: CaseState, verb: str, body: dict[str, Any], by: str, **more: Any
) -> CaseState:
    after, settled = town.settle(state, town.order(verb, body, by=by, **more))
    outcome = settled.steps[0].outcome
    assert outcome.status == "done", outcome
    return after


def granted(town: Town) -> CaseState:
    state = town.filed()
    for verb, body, by in (
        ("accept", {"mode": "plain"}, "u:a"),
        ("opine", {"task": "review-check", "result": "agree", "text": "查实"}, "u:b"),
        ("decide", TYPED, "u:c"),
    ):
        state = done(town, state, verb, body, by)
    return state


def served(town: Town) -> CaseState:
    return done(town, granted(town), "serve", SERVE, "u:d")


def papers(town: Town, state: CaseState) -> dict[str, DocumentView]:
    with reading(town.engine) as connection:
        return {one.number: one for one in documents_with_fate(connection, state)}


def newest(town: Town, state: CaseState, kind: str = "grant") -> DocumentView:
    return [one for one in papers(town, state).values() if one.kind == kind][-1]


def asking(town: Town, state: CaseState, ground: str = "correction", **more: Any) -> dict[str, Any]:
    texts = {"texts": {"conditions": "不得超过三十张餐桌"}} if ground == "correction" else {}
    return {
        "document": newest(town, state).id, "ground": ground, "reason": "量词写错", **texts, **more,
    }  # fmt: skip


def refused(
    town: Town, state: CaseState, body: dict[str, Any], by: str = "u:h", **more: Any
) -> Outcome:
    outcome = town.outcome(state, town.order("reissue", body, by=by, **more))
    assert outcome.status == "refused", outcome
    return outcome


def test_a_correction_is_printed_out_of_the_first_order_and_voids_the_former(
    town: Town, press: KeptPress
) -> None:
    state = served(town)
    former = newest(town, state)
    after = done(town, state, "reissue", asking(town, state), "u:h")
    was, now = papers(town, after)[former.number], newest(town, after)
    assert (was.void, was.replaced_by) == (True, now.number)
    assert (now.void, now.version, now.replaces, now.ground) == (
        False, 2, former.number, "correction",
    )  # fmt: skip
    assert was.digest == former.digest, "what was issued is never touched"
    first, again = [one for one in press.orders if one.kind == "grant"]
    assert again.command.body == {**TYPED, "conditions": "不得超过三十张餐桌"}
    assert (again.command.verb, again.command.actor.id) == ("decide", "u:c")
    assert again.case.model_dump() == first.case.model_dump(), "as the case then stood"
    assert again.facts["result"] == "grant" and again.facts["actor_name"] == "u:c"
    assert after.stage == state.stage and after.served_at == state.served_at


def test_the_paper_says_why_it_was_issued_again_and_which_one_is_void(
    town: Town, press: KeptPress
) -> None:
    state = served(town)
    former = newest(town, state)
    corrected = done(town, state, "reissue", asking(town, state), "u:h")
    second = newest(town, corrected)
    lost = done(town, corrected, "reissue", asking(town, corrected, "loss"), "u:h", id="lost")
    catalogue = replace(town.matters, law=_EveryArticle())
    said = [facts_of(one, catalogue, "https://city.invalid/v") for one in press.orders[-2:]]
    assert said[0].anew == (
        f"原{former.number}文书存在文字差错，现予更正，重新出具（第2版）；"
        "原文书自本文书出具之日起作废。"
    )
    assert said[1].anew == (
        f"原{second.number}文书遗失，现按原内容补发（第3版）；原文书自本文书出具之日起作废。"
    )
    assert newest(town, lost).version == 3
    assert press.orders[-1].command.body["conditions"] == "不得超过三十张餐桌", "stays corrected"


class _EveryArticle(dict[str, Article]):
    """Knows every article: which are cited is not what is tried here."""

    def __getitem__(self, name: str) -> Article:
        return Article.model_construct(
            id=name,
            law="行政许可法",
            clause=name,
            gist="",
            in_force_from=date(2004, 7, 1),
            source="L",
        )


def test_the_same_order_twice_issues_once(town: Town, press: KeptPress) -> None:
    state = served(town)
    order = town.order("reissue", asking(town, state), by="u:h")
    first = town.outcome(state, order)
    again = town.outcome(state, order)
    assert again == first.model_copy(update={"repeated": True})
    with reading(town.engine) as connection:
        assert (
            len(connection.execute(select(document.c.id).where(document.c.kind == "grant")).all())
            == 2
        )


def test_of_two_who_reissue_one_document_the_second_is_told(town: Town, press: KeptPress) -> None:
    state = served(town)
    one, other = (
        town.order("reissue", asking(town, state, "loss"), by=who) for who in ("u:h", "u:i")
    )
    done_first, told = town.settlement.settle(Batch(state=state, commands=(one, other))).steps
    assert done_first.outcome.status == "done"
    assert (told.outcome.status, told.outcome.code) == ("refused", "already_reissued")
    with reading(town.engine) as connection:
        assert numbers.gaps(connection) == []


def test_a_press_that_fails_leaves_nothing_and_the_retry_takes_the_same_number(
    town: Town, press: KeptPress
) -> None:
    state = served(town)
    order = town.order("reissue", asking(town, state), by="u:h")
    press.failures = 1
    with pytest.raises(PressFailed):
        town.settlement.settle(Batch(state=state, commands=(order,)))
    assert not newest(town, state).void
    outcome = town.outcome(state, order)
    assert outcome.status == "done" and outcome.documents[0].number.endswith("2号")
    with reading(town.engine) as connection:
        assert numbers.gaps(connection) == []


def test_what_may_not_be_issued_again_is_refused_with_what_to_do(
    town: Town, press: KeptPress
) -> None:
    state = served(town)
    record = newest(town, state, "service_record")
    for number, (body, code) in enumerate(
        (
            (asking(town, state, document="0" * 36), "no_document"),
            (asking(town, state, document=record.id), "not_reissued"),
            (asking(town, state, texts={"valid_until": "2041-03-01"}), "not_correctable"),
            (asking(town, state, texts={"result": "refuse"}), "not_correctable"),
            (asking(town, state, texts={}), "nothing_corrected"),
            (asking(town, state, "loss", texts={"conditions": "无"}), "loss_changes_nothing"),
            (asking(town, state, reason=" "), "malformed"),
            (asking(town, state, document="../x"), "malformed"),
        )
    ):
        no = refused(town, state, body, id=f"no-{number}")
        assert (no.code == code and no.reason and no.basis) or code == "malformed", no
    other = town.filed("c2")
    no = town.outcome(other, town.order("reissue", asking(town, state), case="c2", by="u:h"))
    assert no.code == "no_document", "another case's document"


def test_whoever_decided_or_may_not_decide_does_not_correct_alone(
    town: Town, press: KeptPress
) -> None:
    state = served(town)
    for number, more in enumerate(
        (
            {"by": "u:c"},
            {"by": "u:a"},
            {"by": "u:z", "behalf": "u:c"},
            {"by": "u:c", "behalf": "u:z"},
        )
    ):
        no = refused(town, state, asking(town, state), id=f"alone-{number}", **more)
        assert (no.code, no.basis) == ("same_person", "xkf-26")
    # A loss changes nothing of what they signed.
    assert done(town, state, "reissue", asking(town, state, "loss"), "u:c").reissues


def test_it_is_served_again_once_with_a_record_of_its_own(town: Town, press: KeptPress) -> None:
    state = served(town)
    later = town.start + timedelta(days=30)
    after = done(town, state, "reissue", asking(town, state), "u:h", at=later)
    (waiting,) = unserved(after)
    assert newest(town, after).waits and waiting.step == after.seq
    body = {**SERVE, "of_step": waiting.step}
    early = {**body, "served_at": town.start.isoformat()}
    no = town.outcome(after, town.order("serve_reissued", early, by="u:d", id="early", at=later))
    assert no.code == "served_before_issue"
    wrong = town.outcome(
        after, town.order("serve_reissued", {**SERVE, "of_step": 1}, by="u:d", id="w")
    )
    assert wrong.code == "nothing_to_serve"
    final = done(town, after, "serve_reissued", body, "u:d", at=later)
    assert not unserved(final) and final.served_at == state.served_at
    facts = press.orders[-1].facts
    assert press.orders[-1].kind == "service_record"
    assert (facts["served_kind"], facts["served_number"]) == ("grant", newest(town, final).number)
    twice = town.outcome(final, town.order("serve_reissued", body, by="u:e", at=later, id="twice"))
    assert twice.code == "nothing_to_serve"


def to_serve(state: CaseState) -> dict[str, str]:
    return {one.key: one.state for one in state.tasks if one.kind == "serve_again"}


def test_it_waits_as_a_task_of_the_office_until_it_is_served(town: Town, press: KeptPress) -> None:
    state = served(town)
    first = done(town, state, "reissue", asking(town, state), "u:h")
    (task,) = (one for one in first.tasks if one.kind == "serve_again")
    assert (task.state, task.department, task.holder) == ("open", state.plan.department, "")
    held = done(town, first, "claim", {"task": task.key}, "u:d")
    second = done(town, held, "reissue", asking(town, held, "loss"), "u:h", id="again")
    newer = task_of_step(second.seq)
    assert to_serve(second) == {task.key: "cancelled", newer: "open"}, "what is void is not served"
    closed = done(town, second, "close", {}, "u:d")
    ended = done(town, closed, "rate", {"grade": 1}, "u:x")
    assert ended.stage == "ended" and to_serve(ended)[newer] == "open", "it outlasts the case"
    held = done(town, ended, "claim", {"task": newer}, "u:d", id="claim-2")
    after = done(town, held, "serve_reissued", {**SERVE, "of_step": second.seq}, "u:d")
    assert to_serve(after)[newer] == "done"
    assert all(one.state != "open" for one in after.tasks)
    claim = town.order("claim", {"task": newer}, by="u:d", id="claim-3")
    assert town.outcome(after, claim).code == "case_ended"


def test_the_number_beside_a_list_counts_what_an_archived_case_has_to_serve(
    town: Town, press: KeptPress
) -> None:
    state = served(town)
    for verb, body, by in (("close", {}, "u:d"), ("rate", {"grade": 1}, "u:x")):
        state = done(town, state, verb, body, by)
    queries = Queries(town.engine, opener(town.vault), BlindIndex(town.engine, town.sealer).sought)
    desk = Desk(("u:d",), (state.plan.department,))

    def numbers() -> list[tuple[int, int]]:
        counts = queries.counts(true(), desk, town.start)
        lists = (WorklistQuery(scope="mine"), WorklistQuery(scope="team"))
        listed = [queries.worklist(true(), desk, one, town.start).total for one in lists]
        return list(zip((counts.mine, counts.team), listed, strict=True))

    assert numbers() == [(0, 0), (0, 0)]
    state = done(town, state, "reissue", asking(town, state, "loss"), "u:h")
    assert numbers() == [(0, 0), (1, 1)]
    done(town, state, "claim", {"task": task_of_step(state.seq)}, "u:d")
    assert numbers()[0] == (1, 1)


def test_what_was_taken_away_need_not_be_served(town: Town, press: KeptPress) -> None:
    state = served(town)
    state = done(town, state, "reissue", asking(town, state, "loss"), "u:h")
    state = done(town, state, "close", {}, "u:d")
    after = done(
        town, state, "revoke_licence", {"ground": "other", "reason": "违反法定程序"}, "u:h"
    )
    assert unserved(after) == () and not newest(town, after).waits
    assert set(to_serve(after).values()) == {"cancelled"}


def test_before_the_first_service_the_new_one_is_what_is_served(
    town: Town, press: KeptPress
) -> None:
    state = granted(town)
    after = done(town, state, "reissue", asking(town, state), "u:h")
    assert unserved(after) == () and not newest(town, after).waits and not to_serve(after)
    final = done(town, after, "serve", SERVE, "u:d")
    assert final.reissues[0].served_at == final.served_at
    assert press.orders[-1].facts["served_number"] == newest(town, final).number


def test_a_case_that_is_archived_gives_its_document_again(town: Town, press: KeptPress) -> None:
    state = served(town)
    for verb, body, by in (("close", {}, "u:d"), ("rate", {"grade": 1}, "u:x")):
        state = done(town, state, verb, body, by)
    assert state.stage == "ended"
    after = done(town, state, "reissue", asking(town, state, "loss"), "u:h")
    assert after.stage == "ended" and newest(town, after).version == 2
    assert "serve_reissued" in approval.actions(after)


def test_what_was_taken_away_is_not_issued_again(town: Town, press: KeptPress) -> None:
    state = served(town)
    for verb, body, by in (
        ("close", {}, "u:d"),
        ("revoke_licence", {"ground": "other", "reason": "违反法定程序"}, "u:h"),
    ):
        state = done(town, state, verb, body, by)
    assert refused(town, state, asking(town, state, "loss")).code == "document_void"


@pytest.mark.parametrize(("hours", "waits"), [(-1, True), (1, False)])
def test_a_notice_of_a_hearing_that_was_put_off_since_is_served_no_more(
    town: Town, hours: int, waits: bool
) -> None:
    at = town.start
    one = Reissue(document="d", step=3, at=at, kind="hearing_notice", ground="loss", origin=2)
    hearing = Hearing(notified_at=at + timedelta(hours=hours))
    state = town.filed().model_copy(update={"reissues": (one,), "hearing": hearing})
    assert bool(unserved(state)) is waits


def test_a_notice_of_acceptance_is_printed_with_the_instants_of_then(
    town: Town, press: KeptPress
) -> None:
    state = served(town)
    body = asking(town, state, document=newest(town, state, "acceptance_notice").id)
    assert refused(town, state, body).code == "not_correctable"
    after = done(town, state, "reissue", body | {"ground": "loss", "texts": {}}, "u:h", id="loss")
    first, again = [one for one in press.orders if one.kind == "acceptance_notice"]
    assert again.case.timers == first.case.timers != after.timers
    assert unserved(after)[0].kind == "acceptance_notice"


def test_nothing_of_an_erased_case_is_issued_again(town: Town, press: KeptPress) -> None:
    state = served(town)
    body = asking(town, state, "loss")
    town.vault.destroy(state.subject)
    assert refused(town, state, body).code == "erased"


LACKING = [
    {"code": "id", "what": "身份证明", "why": "复印件模糊，请重新复因"},
    {"code": "site", "what": "场所证明", "why": ""},
]


def noticed(town: Town) -> CaseState:
    return done(town, town.filed(), "ask_supplement", {"lacking": LACKING}, "u:a")


def of_notice(town: Town, state: CaseState, **texts: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): text for name, text in texts.items()}
    one = newest(town, state, "supplement_notice")
    return {"document": one.id, "ground": "correction", "reason": "错字", "texts": named}


def test_an_item_of_a_notice_is_worded_anew_and_what_is_awaited_stays(
    town: Town, press: KeptPress
) -> None:
    state = noticed(town)
    said = "身份证明（复印件模糊，请重新复印）"
    once = done(town, state, "reissue", of_notice(town, state, lacking_1=said), "u:h")
    assert press.orders[-1].command.body["lacking"] == [
        {"code": "id", "what": said, "why": ""}, LACKING[1],
    ]  # fmt: skip
    assert (once.lacking, once.stage) == (state.lacking, "supplement")
    due = {one.key: one.due_at for one in state.timers}
    assert {one.key: one.due_at for one in once.timers} == due
    # A further correction keeps the first, and pages read what the newest paper says.
    more = of_notice(town, once, lacking_2="经营场所使用证明")
    after = done(town, once, "reissue", more, "u:h", id="more")
    items = [one["what"] for one in press.orders[-1].command.body["lacking"]]
    assert items == [said, "经营场所使用证明"]
    index = BlindIndex(town.engine, town.sealer)
    queries = Queries(town.engine, opener(town.vault), index.sought)
    view = queries.case_view(after.case_id, town.start)
    assert view is not None
    assert [one["what"] for one in view.notice] == items


def test_a_correction_of_a_notice_asks_for_nothing_more(town: Town, press: KeptPress) -> None:
    state = noticed(town)
    told = refused(town, state, of_notice(town, state, lacking_3="消防合格证明"))
    assert (told.code, told.field) == ("second_notice", "body.texts.lacking-3")
    assert told.reason.startswith("原告知书只有 2 项，不能增加")
    told = refused(town, state, of_notice(town, state, reason="别的"), id="other")
    assert told.code == "not_correctable"
