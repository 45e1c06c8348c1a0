"""The self-assessment says what is red and why, and prints without a hole."""

import io

from pypdf import PdfReader

from activities.assessments import AssessedClause, AssessedTable, AssessmentFacts, assessment_html
from activities.printing import printed
from catalogue.clauses import Clause, ClauseTable, load_tables
from yichuang.compliance import OUTCOMES, WORDS, Judged, Outcome, counted, judged


def assessed(one: Judged) -> AssessedClause:
    proofs = {id: OUTCOMES[outcome] for id, outcome in one.outcomes.items()}
    return AssessedClause(one.clause, one.verdict, WORDS[one.verdict], proofs, one.wrong)


def facts_of(table: ClauseTable, outcomes: dict[str, Outcome] | None) -> AssessmentFacts:
    rows = judged(table, outcomes)
    counts = {WORDS[verdict]: n for verdict, n in counted(rows).items()}
    passed = sum(one == "passed" for one in (outcomes or {}).values())
    return AssessmentFacts(
        city="云川市", version="0", made_on="2026年3月2日 09:00", ran=outcomes is not None,
        tests=len(outcomes or {}), passed=passed,
        tables=(AssessedTable(table, tuple(map(assessed, rows)), counts),),
        words=tuple(WORDS.values()),
    )  # fmt: skip


def table_of(*clauses: Clause) -> ClauseTable:
    whole = {"code": "x", "order": 1, "name": "标准", "scope": "范围", "note": "出处"}
    return ClauseTable.model_validate(whole | {"clauses": clauses})


ONE = Clause.model_validate({
    "id": "8.1.4.1 a", "topic": "身份鉴别", "wording": "要求之文", "source": "C", "verified": False,
    "holder": "software", "software": "软件之文", "tests": {"tests/test_a.py": ("test_one",)},
})  # fmt: skip
ID = "tests/test_a.py::test_one"


def test_a_clause_whose_test_failed_is_red_and_names_the_test() -> None:
    text = assessment_html(facts_of(table_of(ONE), {ID: "failed"}))
    assert f'<div class="wrong">未通过：{ID}</div>' in text
    assert '<td class="verdict red">不符合</td>' in text
    assert "1 项测试不能证明" in text


def test_a_clause_whose_tests_passed_is_met() -> None:
    text = assessment_html(facts_of(table_of(ONE), {ID: "passed"}))
    assert '<td class="verdict met">符合</td>' in text
    assert 'class="red"' not in text


def test_without_a_run_nothing_is_said_to_be_met() -> None:
    text = assessment_html(facts_of(table_of(ONE), None))
    assert '<td class="verdict unrun">未测</td>' in text
    assert "不得据此认定符合" in text
    assert "verdict met" not in text


def test_a_wording_that_was_not_compared_with_the_standard_says_so() -> None:
    assert "应；公开抄本，未核对" in assessment_html(facts_of(table_of(ONE), None))


def test_every_clause_of_a_table_is_on_paper() -> None:
    table = next(one for one in load_tables() if one.code == "gbt39786")
    pages = PdfReader(io.BytesIO(printed(assessment_html(facts_of(table, None))))).pages
    text = "".join(page.extract_text() for page in pages).replace(" ", "").replace("\n", "")
    assert [c.id for c in table.clauses if c.id.replace(" ", "") not in text] == []


def test_no_table_has_a_character_without_a_glyph() -> None:
    whole = "".join(assessment_html(facts_of(table, None)) for table in load_tables())
    assert printed(f"<p>{''.join(sorted(set(whole) - set('<>&')))}</p>")
