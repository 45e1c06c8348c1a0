"""`yichuang rules explain CASE_NO`, or `--pack P --context JSON --at T`: why the rules said so."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from cases.database import StoreUnwritable, open_engine
from rules.evaluate import NoFixpoint, NoRuling
from rules.load import PacksFaulty, load_packs
from rules.pack import ContextRefused
from rules.register import register
from rules.why import Why, why
from yichuang import joining
from yichuang.keyring import KeyMissing
from yichuang.settings import Settings
from yichuang.stored_rulings import StoredRulings
from yichuang.terminal import complain, say, say_json
from yichuang.why_words import as_json, lines

HELP = (
    "说明裁定：规则、事实、条款、最小的不同 (why the rules said so, and what would have changed it)"
)
WRONG = 2


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case_no", metavar="CASE_NO", nargs="?", default="", help="办件编号")
    parser.add_argument(
        "--pack", default="", help="随附的规则包，如 supervision (a pack that ships)"
    )
    parser.add_argument(
        "--context", default="", metavar="JSON", help="事实，一个 JSON 对象 (facts)"
    )
    parser.add_argument("--at", type=_instant, default=None, help="何时 ISO 8601 (default: now)")
    parser.add_argument("--rule", default="", help="只问这条规则会怎样改口 (about this rule)")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError("时刻须带时区，如 2026-11-26T09:00+08:00")
    return at


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the reasons; 1 when there is no ruling or the store is away, 2 wrongly asked."""
    if bool(args.case_no) == bool(args.pack):
        complain("请给出办件编号，或 --pack 与 --context")
        return WRONG
    return _asked(args) if args.pack else _stored(args, settings)


def _asked(args: argparse.Namespace) -> int:
    try:
        pack = load_packs()[args.pack]
        context: Any = json.loads(args.context or "{}")
    except KeyError:
        complain(f"没有规则包 {args.pack}")
        return WRONG
    except (ValueError, PacksFaulty) as wrong:
        complain(f"读不懂：{wrong}")
        return WRONG
    if not isinstance(context, dict):
        complain("--context 须是一个 JSON 对象")
        return WRONG
    try:
        told = why(pack, context, args.at or datetime.now(UTC), args.rule)
    except (ContextRefused, NoRuling, NoFixpoint) as no:
        complain(str(no))
        return 1
    _tell([told], args.json)
    return 0


def _stored(args: argparse.Namespace, settings: Settings) -> int:
    engine = open_engine(settings.store_url("cases"), read_only=True)
    try:
        sealer = joining.sealer_of(settings, joining.vault_of(settings))
        rulings = StoredRulings.over(joining.queries_of(settings, sealer, cases=engine))
        return explained(rulings, args.case_no, args.json)
    except KeyMissing as missing:
        complain(str(missing))
        return 1
    except StoreUnwritable as away:
        complain(f"{away}。若是第一次，请先运行 bin/yichuang init")
        return 1
    finally:
        engine.dispose()


def explained(rulings: StoredRulings, case_no: str, in_json: bool) -> int:
    """Print the reasons of every ruling of a case; those that cannot be given are named."""
    case_id = rulings.queries.find_case(case_no)
    if case_id is None:
        complain(f"没有办件 {case_no}")
        return WRONG
    told: list[Why] = []
    code = 0
    for one in rulings.of_case(case_id):
        if one.ruling is None:
            complain(f"第 {one.seq} 步 {one.pack}: 申请人数据已销毁, 事实不能再看")
            continue
        try:
            told.append(rulings.why(one))
        except (LookupError, ValueError) as no:
            complain(f"第 {one.seq} 步 {one.pack}: {no}")
            code = 1
    _tell(told, in_json)
    return code


def _tell(told: list[Why], in_json: bool) -> None:
    if in_json:
        say_json([as_json(one) for one in told])
        return
    cited = {name: article.cited for name, article in register().items()}
    for n, one in enumerate(told):
        if n:
            say()
        for line in lines(one, cited):
            say(line)
