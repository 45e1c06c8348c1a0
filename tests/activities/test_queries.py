"""What the readers give back of cases that were really settled."""

from datetime import timedelta

import pytest
from sqlalchemy import false, true

from activities.indexing import BlindIndex
from cases.database import reading
from cases.messages import case_id_for
from cases.queries import Desk, Queries
from cases.views import WorklistQuery
from cases.worklists import Lines, tally
from tests.activities.conftest import START, Town
from yichuang.unsealing import opener

EVERYTHING = ("applicant.name", "applicant.id_number", "form.home", "materials")
WINDOW = Desk(("u:window",), ("scjg",))


@pytest.fixture
def queries(town: Town) -> Queries:
    index = BlindIndex(town.engine, town.sealer)
    return Queries(town.engine, opener(town.vault), index.sought)


def reviewed(town: Town, case: str = "c1"):  # type: ignore[no-untyped-def]
    state = town.filed(case)
    state, _ = town.settle(state, town.order("accept", {"mode": "plain"}, case=case, by="u:a"))
    opinion = {"task": "review-check", "result": "agree", "text": "符合条件", "conditions": "整改"}
    state, _ = town.settle(state, town.order("opine", opinion, case=case, by="u:rev"))
    return state


def test_a_list_shows_what_is_due_first_with_masked_names(town: Town, queries: Queries) -> None:
    reviewed(town, "late")
    town.filed("early")
    page = queries.worklist(true(), WINDOW, WorklistQuery(scope="all"), START)
    assert [row.stage for row in page.rows] == ["received", "decision"]
    assert {row.applicant for row in page.rows} == {"张*丰"}
    assert page.by_stage == {"received": 1, "decision": 1}
    assert page.rows[0].due_clock == "notice"


def test_the_team_sees_open_tasks_of_its_departments_only(town: Town, queries: Queries) -> None:
    town.filed()
    team = WorklistQuery(scope="team")
    assert queries.worklist(true(), WINDOW, team, START).total == 1
    assert queries.worklist(true(), Desk(("u:x",), ("zjj",)), team, START).total == 0


def test_a_claimed_task_is_mine(town: Town, queries: Queries) -> None:
    state = town.filed()
    town.settle(state, town.order("claim", {"task": "receive"}, by="u:window"))
    mine = WorklistQuery(scope="mine")
    assert queries.worklist(true(), WINDOW, mine, START).rows[0].holder == "u:window"
    assert queries.worklist(true(), Desk(("u:other",)), mine, START).total == 0


def test_a_list_is_counted_to_its_limit_and_said_to_be_longer_beyond_it(
    town: Town, queries: Queries
) -> None:
    town.filed("a")
    town.filed("b")
    lines = Lines.of("all", WINDOW)
    with reading(town.engine) as connection:
        whole = tally(connection, lines, true(), START, most=2)
        assert (whole.total, whole.by_stage) == (2, {"received": 2})
        longer = tally(connection, lines, true(), START, most=1)
        assert (longer.total, longer.by_stage, longer.to) == (2, {}, 1)
        exact = tally(connection, lines, true(), START, most=0)
        assert (exact.total, exact.by_stage, exact.to) == (2, {"received": 2}, 0)


def test_beyond_the_limit_what_is_late_is_still_counted(town: Town, queries: Queries) -> None:
    (timer,) = town.filed("a").timers
    town.filed("b")
    reviewed(town, "c")
    lines = Lines.of("all", WINDOW)
    with reading(town.engine) as connection:
        found = tally(connection, lines, true(), timer.due_at, most=2)
        assert (found.total, found.overdue, found.warning) == (3, 2, 0)
        before = tally(connection, lines, true(), timer.due_at - timedelta(seconds=1), most=2)
        assert (before.overdue, before.warning) == (0, 2)


def test_the_last_page_is_shown_where_one_beyond_it_is_asked_for(
    town: Town, queries: Queries
) -> None:
    for number in range(26):
        town.filed(f"c{number}")
    first = queries.worklist(true(), WINDOW, WorklistQuery(scope="all"), START)
    assert (len(first.rows), first.page, first.pages) == (25, 1, 2)
    beyond = queries.worklist(true(), WINDOW, WorklistQuery(scope="all", page=9), START)
    assert (len(beyond.rows), beyond.page, beyond.pages) == (1, 2, 2)


def test_a_case_is_overdue_from_the_instant_its_period_ends(town: Town, queries: Queries) -> None:
    state = town.filed()
    (timer,) = state.timers
    everything = WorklistQuery(scope="all")
    before = queries.worklist(true(), WINDOW, everything, timer.due_at - timedelta(seconds=1))
    after = queries.worklist(true(), WINDOW, everything, timer.due_at)
    assert (before.overdue, before.warning, before.rows[0].pill) == (0, 1, "warning")
    assert (after.overdue, after.warning, after.rows[0].pill) == (1, 0, "overdue")


def test_an_exact_name_finds_the_case_and_a_part_of_it_does_not(
    town: Town, queries: Queries
) -> None:
    town.filed()

    def found(text: str) -> int:
        query = WorklistQuery(scope="all", text=text)
        return queries.worklist(true(), WINDOW, query, START, personal=true()).total

    assert found("张 三丰") == 1
    assert found("张三") == 0


def test_who_may_not_see_personal_data_finds_nobody_by_name(town: Town, queries: Queries) -> None:
    town.filed()
    query = WorklistQuery(scope="all", text="张 三丰")
    assert queries.worklist(true(), WINDOW, query, START).total == 0
    assert queries.worklist(true(), WINDOW, query, START, personal=false()).total == 0


def test_a_whole_number_finds_the_case_and_another_or_a_part_does_not(
    town: Town, queries: Queries
) -> None:
    town.filed()

    def found(text: str, *, may: bool = True) -> int:
        query = WorklistQuery(scope="all", text=text)
        personal = true() if may else false()
        return queries.worklist(true(), WINDOW, query, START, personal=personal).total

    assert found(" 110101199001011237 ") == 1
    assert found("11010119900101123") == found("110101199001011238") == 0
    assert found("110101199001011237", may=False) == 0


def test_no_number_stands_in_the_case_s_row(town: Town) -> None:
    town.filed()
    with town.engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM case_file").all()
    assert "110101199001011237" not in repr(tuple(row))


def test_a_view_hides_people_until_it_is_revealed(town: Town, queries: Queries) -> None:
    state = reviewed(town)
    hidden = queries.case_view(state.case_id, START)
    shown = queries.case_view(state.case_id, START, revealed=EVERYTHING)
    assert hidden is not None and shown is not None
    assert hidden.applicant["name"] == "张*丰"
    assert hidden.applicant["id_number"] == "110*************37"
    assert hidden.form == {"area": 40, "home": "***"}
    assert shown.applicant["name"] == "张三丰"
    assert shown.form == {"area": 40, "home": "武当山 1 号"}
    assert set(EVERYTHING) <= set(hidden.personal)


@pytest.mark.parametrize("field", EVERYTHING)
def test_a_reveal_shows_the_field_it_names_and_no_other(
    town: Town, queries: Queries, field: str
) -> None:
    state = reviewed(town)
    shown = queries.case_view(state.case_id, START, revealed=(field,))
    assert shown is not None and shown.revealed == (field,)
    seen = {
        "applicant.name": shown.applicant["name"] == "张三丰" == shown.row.applicant,
        "applicant.id_number": shown.applicant["id_number"] == "110101199001011237",
        "form.home": shown.form["home"] == "武当山 1 号",
        "materials": shown.materials[0].file_name == "张三丰申请书.pdf",
    }
    assert [name for name, plain in seen.items() if plain] == [field]


def test_a_view_holds_opinions_materials_documents_and_timeline(
    town: Town, queries: Queries
) -> None:
    view = queries.case_view(reviewed(town).case_id, START)
    assert view is not None
    assert [(o.result, o.text, o.conditions) for o in view.opinions] == [
        ("agree", "符合条件", "整改")
    ]
    # People call their files after themselves: masked until somebody says what for.
    assert [(m.received, m.file_name) for m in view.materials] == [(True, "***.pdf")]
    shown = queries.case_view(view.row.case_id, START, revealed=EVERYTHING)
    assert shown is not None and shown.materials[0].file_name == "张三丰申请书.pdf"
    assert [d.kind for d in view.documents] == ["acceptance_notice"]
    assert [item.verb for item in view.timeline] == ["file", "accept", "opine"]
    assert view.timeline[1].documents[0].id == view.documents[0].id


def test_facts_of_rows_are_facts_of_the_workflows_state(town: Town, queries: Queries) -> None:
    state = reviewed(town)
    assert queries.state(state.case_id) == state
    facts = queries.case_facts(state.case_id)
    assert facts is not None
    assert facts.hands["accept"] == ("u:a",)
    law = (("host_hearing", "opine"), ("host_hearing", "inspect"))
    assert facts.separations == (("accept", "decide"), *law)
    assert facts.task_departments == {"decide": "scjg"}


def test_a_case_is_found_by_number_and_by_the_senders_reference(
    town: Town, queries: Queries
) -> None:
    state = town.filed("ref-7")
    assert queries.find_case(state.case_no.lower()) == state.case_id
    assert case_id_for("test", "ref-7") == state.case_id
    assert queries.find_case("SCJG0") is None


def test_the_public_status_needs_the_right_code(town: Town, queries: Queries) -> None:
    state = town.filed()
    code = queries.public_code(state.case_id)
    assert code is not None
    status = queries.public_status(state.case_no, code.lower())
    assert status is not None and status.stage == "received"
    assert queries.public_status(state.case_no, code[:-1] + "?") is None


def test_a_document_comes_back_byte_for_byte_and_by_its_code(town: Town, queries: Queries) -> None:
    state = town.filed()
    _, settled = town.settle(state, town.order("accept", {"mode": "plain"}, by="u:a"))
    (ref,) = settled.steps[0].outcome.documents
    file = queries.document_file(ref.id)
    assert file is not None and file.content == f"{ref.number} {ref.code} 张三丰".encode()
    by_code = queries.document_by_code(ref.code.lower())
    assert by_code is not None and by_code.view.number == ref.number


def test_an_erased_applicant_leaves_a_case_that_can_still_be_read(
    town: Town, queries: Queries
) -> None:
    state = reviewed(town)
    town.vault.destroy(state.subject)
    view = queries.case_view(state.case_id, START, revealed=EVERYTHING)
    assert view is not None
    assert view.applicant == {"name": "（已依法删除）"}
    assert view.opinions[0].text == "（已依法删除）"
    refused = town.outcome(state, town.order("decide", {"result": "grant"}, by="u:d"))
    assert refused.code == "erased"


def test_the_export_gives_every_event_in_order(town: Town, queries: Queries) -> None:
    state = reviewed(town)
    steps = list(queries.steps(state.case_id))
    assert [step.seq for step in steps] == [1, 2, 3]
    assert "filed" in [event["kind"] for event in steps[0].events]


def test_colleagues_learn_of_a_copy(town: Town, queries: Queries) -> None:
    state = town.filed()
    copy = town.order("copy_to", {"to": ["u:boss"], "text": "请知悉"}, by="u:window")
    _, settled = town.settle(state, copy)
    assert settled.steps[0].outcome.status == "done", settled
    (notice,) = queries.notices(Desk(("u:boss",)))
    assert (notice.kind, notice.text) == ("copied", "请知悉")
