"""`yichuang compliance report`: the compliance tables, judged by tests that run now."""

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from activities.assessments import AssessedClause, AssessedTable, AssessmentFacts, assessment_html
from activities.glyphs import GlyphMissing
from activities.press import DocumentPress, PressFailed
from catalogue.clauses import ClauseTable, load_tables
from catalogue.load import load_catalogue
from yichuang.cli import WRONG
from yichuang.compliance import (
    OUTCOMES,
    WORDS,
    Judged,
    Outcome,
    TestsNotRun,
    as_json,
    counted,
    judged,
    run_tests,
)
from yichuang.settings import CHECKOUT, Settings
from yichuang.terminal import complain, say, say_json

HELP = "等保、密评、ASVS 逐条自评：report [--pdf 文件] (the compliance tables, with live tests)"


def add(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(dest="order", metavar="ORDER", required=True)
    report = orders.add_parser("report", help="逐条的做法、当场的测试、差距 (clause by clause)")
    report.add_argument("--run", action=argparse.BooleanOptionalAction, default=True,
                        help="当场运行所列测试；不运行即一律未测 (run the tests now)")  # fmt: skip
    report.add_argument("--table", default="", metavar="CODE", help="只报这一个标准 (one standard)")
    report.add_argument("--clause", default="", metavar="ID", help="只报这些条款，如 8.1.4.1")
    report.add_argument("--json", action="store_true", help="给程序读 (for machines)")
    report.add_argument("--pdf", type=Path, metavar="FILE", help="写成 PDF (write the PDF)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the report; 0 nothing is red, 1 something is or the tests did not run, 2 wrongly asked.

    Without `--run` nothing can be met, and only what has no test at all is red.
    """
    tables = _chosen(args.table, args.clause)
    if not tables:
        complain("没有这样的标准或条款；标准有：" + "、".join(t.code for t in load_tables()))
        return WRONG
    try:
        outcomes = _outcomes(tables) if args.run else None
    except TestsNotRun as away:
        complain(str(away))
        return 1
    rows = {table.code: judged(table, outcomes) for table in tables}
    if args.json:
        say_json({"ran": args.run, "tables": [as_json(t, rows[t.code]) for t in tables]})
    else:
        for table in tables:
            _say(table, rows[table.code])
    if args.pdf is not None and not _printed(args.pdf, _facts(tables, rows, outcomes, settings)):
        return 1
    return int(any(one.verdict == "red" for found in rows.values() for one in found))


def _chosen(code: str, clause: str) -> tuple[ClauseTable, ...]:
    """Return the tables asked for, each with the clauses asked for."""
    found = []
    for table in load_tables():
        kept = tuple(one for one in table.clauses if _within(one.id, clause))
        if kept and code in ("", table.code):
            found.append(table.model_copy(update={"clauses": kept}))
    return tuple(found)


def _within(id: str, asked: str) -> bool:
    return not asked or id == asked or id.startswith((f"{asked} ", f"{asked}."))


def _outcomes(tables: Sequence[ClauseTable]) -> Mapping[str, Outcome]:
    return run_tests(id for table in tables for one in table.clauses for id in one.node_ids())


def _say(table: ClauseTable, rows: Sequence[Judged]) -> None:
    say(f"{table.name}（{table.scope}）")
    for one in rows:
        clause = one.clause
        proved = f"，{len(clause.node_ids())} 项测试" if clause.tests else ""
        say(f"  [{WORDS[one.verdict]}] {clause.id} {clause.topic}{proved}")
        for id in one.wrong:
            say(f"      {OUTCOMES[one.outcomes[id]]}：{id}")
        if clause.gap:
            say(f"      差距：{clause.gap}")
        if clause.operator:
            say(f"      运行单位：{clause.operator}")
        if clause.why_not:
            say(f"      不适用：{clause.why_not}")
    say("  " + "，".join(f"{WORDS[verdict]} {n}" for verdict, n in counted(rows).items()))


def _facts(
    tables: Sequence[ClauseTable],
    rows: Mapping[str, Sequence[Judged]],
    outcomes: Mapping[str, Outcome] | None,
    settings: Settings,
) -> AssessmentFacts:
    made_on = datetime.now(ZoneInfo(settings.zone)).strftime("%Y年%-m月%-d日 %H:%M")
    known = outcomes or {}
    return AssessmentFacts(
        city=load_catalogue().city.name,
        version=_version(),
        made_on=made_on,
        ran=outcomes is not None,
        tests=len(known),
        passed=sum(one == "passed" for one in known.values()),
        tables=tuple(
            AssessedTable(
                table,
                tuple(_assessed(one) for one in rows[table.code]),
                {WORDS[verdict]: n for verdict, n in counted(rows[table.code]).items()},
            )
            for table in tables
        ),
        words=tuple(WORDS.values()),
    )


def _version() -> str:
    stated = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    return str(stated["project"]["version"])


def _assessed(one: Judged) -> AssessedClause:
    proofs = {id: OUTCOMES[outcome] for id, outcome in one.outcomes.items()}
    return AssessedClause(one.clause, one.verdict, WORDS[one.verdict], proofs, one.wrong)


def _printed(path: Path, facts: AssessmentFacts) -> bool:
    """Write the PDF; say why not and return False where it cannot be printed."""
    press = DocumentPress(load_catalogue, "")
    try:
        content = press.print_html(assessment_html(facts))
    except (PressFailed, GlyphMissing) as away:
        complain(str(away))
        return False
    finally:
        press.close()
    path.write_bytes(content)
    complain(f"{path}（{len(content)} 字节）")
    return True
