"""`yichuang rules simulate FILE`: what a version would have made of the past; read only."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from cases.database import StoreUnwritable
from cases.dossier import MONTHS, MOST_MONTHS, Dossier, Section
from cases.payments import yuan
from cases.releases import Proposal
from cases.releasing import Unreadable
from yichuang.keyring import KeyMissing
from yichuang.settings import Settings
from yichuang.simulating import simulate, span_of
from yichuang.simulation_ground import past_of, proposal_of, text_of
from yichuang.terminal import complain, say, say_json

HELP = "把规则包或事项的新版本在过去的办件上重放，写出卷宗 (replay a version over past cases)"

WRONG = 2
FAILED = 1
SHOWN = 20

TITLES = {
    "rulings": "裁定",
    "cards": "监察牌",
    "deadlines": "期限",
    "alarms": "警报",
    "payments": "付费",
}
KINDS = {
    "ruling": "不同",
    "added": "新增",
    "dropped": "不再有",
    "level": "级别不同",
    "moved": "时刻不同",
    "earlier": "提前",
    "later": "推后",
    "now_late": "变为超期",
    "no_longer_late": "不再超期",
    "raised": "新增",
    "cleared": "不再有",
    "now_stopped": "改为停付",
    "no_longer_stopped": "改为可付",
}


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="FILE", help="规则包或事项的 YAML (its text)")
    parser.add_argument(
        "--months", type=int, default=MONTHS, help=f"回看几个月 (default: {MONTHS})"
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出整份卷宗 (the whole)")
    parser.add_argument("--limit", type=int, default=SHOWN, help="每类至多列出几条 (at most)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the dossier; 0 nothing speaks against it, 1 a check fails, 2 wrongly asked."""
    if not 1 <= args.months <= MOST_MONTHS:
        complain(f"--months 应为 1 至 {MOST_MONTHS}")
        return WRONG
    if not args.path.is_file():
        complain(f"没有这个文件：{args.path}")
        return WRONG
    span = span_of(args.months, datetime.now(UTC))
    try:
        with past_of(settings) as (past, released):
            one = proposal_of(released, settings, text_of(args.path))
            made = simulate(past, one, "", span, _tell)
    except Unreadable as wrong:
        for finding in wrong.findings:
            complain(finding)
        return WRONG
    except KeyMissing as missing:
        complain(str(missing))
        return WRONG
    except StoreUnwritable as away:
        complain(f"{away}。若是第一次，请先运行 bin/yichuang init")
        return WRONG
    gate = [finding for check in one.gate for finding in check.findings]
    if args.json:
        say_json({**made.model_dump(mode="json"), "digest": made.digest, "passed": made.passed,
                  "gate": gate})  # fmt: skip
    else:
        _show(made, one, gate, args.limit)
    return 0 if made.passed and not gate else FAILED


def _tell(what: str, looked_at: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{TITLES[what]} {looked_at} ")
        sys.stderr.flush()


def _show(made: Dossier, one: Proposal, gate: list[str], limit: int) -> None:
    before = made.current.version or "无"
    say(f"{one.name}：现行 {before} → 拟议 {one.version}")
    say(f"{made.span.since:%Y-%m-%d} 至 {made.span.until:%Y-%m-%d}；{made.words}")
    for finding in gate:
        say(f"  未过检查 {finding}")
    for check in made.checks:
        say(f"{'通过' if check.passed else '未过'} {check.name}")
        for finding in check.findings:
            say(f"  {finding}")
    for name, section in made.sections():
        _show_section(TITLES[name], section, limit)
    for mutant in made.survivors:
        say(f"未被发现的变异 {mutant.rule}：{mutant.what}{'（不得签署）' if mutant.blocks else ''}")
    say(f"卷宗摘要 {made.digest}")


def _show_section(title: str, section: Section, limit: int) -> None:
    if not section.compared:
        say(f"{title}：无（{section.reason}）")
        return
    counts = "".join(f"，{word} {n}" for word, n in section.counts.items() if n)
    say(f"{title}：看过 {section.looked_at}，不同 {len(section.changes)}{counts}")
    for department, n in section.departments.items():
        fen = section.amounts.get(department)
        say(f"  {department} {n}" + ("" if fen is None else f"，{yuan(fen)} 元"))
    for one in section.changes[:limit]:
        rule = f" {one.rule}" if one.rule else ""
        paid = f" {yuan(one.amount_fen)} 元" if one.amount_fen else ""
        say(f"    {one.case_no} {one.about}{rule}{paid} {KINDS[one.kind]}：{one.before or '无'} → "
            f"{one.after or '无'}")  # fmt: skip
    if len(section.changes) > limit:
        say(f"    ……另有 {len(section.changes) - limit} 条（--json 全部列出）")
