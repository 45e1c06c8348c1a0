"""`yichuang audit verify`: recompute the log's tree, check the rows, name what is wrong."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from audit.logstore import LogReader
from audit.trust import MAX_AGE, PolicyInvalid, TrustPolicy
from yichuang.anchoring import certificates
from yichuang.audit_words import CONCLUSIONS, tell_failures
from yichuang.log_stores import (
    LogUnreadable,
    kept_checkpoint,
    keys_store,
    log_reading,
    log_store,
    source_stores,
    telling,
    unreadable,
)
from yichuang.settings import Settings
from yichuang.terminal import say, say_json
from yichuang.trusting import city_policy, policy_path
from yichuang.verifying import Verdict, verify_everything
from yichuang.witness_states import ask_all

HELP = "校验日志与库表 (recompute the tree, check the rows)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")
    parser.add_argument(
        "--pin", type=Path, action="append", default=[], help="另处保存的检查点 (a kept checkpoint)"
    )
    parser.add_argument("--policy", type=Path, help="信任策略，不写则用本市的 (policy of trust)")
    parser.add_argument(
        "--witness", metavar="URL", nargs="?", const="", action="append", default=[],
        help="问见证人记得什么；不写网址则问策略中的各个 (ask a witness what it remembers)",
    )  # fmt: skip
    parser.add_argument(
        "--witness-state", metavar="FILE", type=Path, action="append", default=[],
        help="见证人写出的树头 (what `witness status --head` wrote)",
    )  # fmt: skip
    parser.add_argument(
        "--max-age", metavar="MINUTES", type=float, default=MAX_AGE.total_seconds() / 60,
        help="足数联署最多多旧；0 要求最新树头已足数 (oldest quorum; 0: on the newest head)",
    )  # fmt: skip


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 clean, 1 tampered, 2 incomplete, 3 cannot read."""
    try:
        with telling():
            log, producers = log_store(settings), source_stores(settings)
            pins = [kept_checkpoint(path) for path in args.pin]
            authorities, keys = certificates(settings), keys_store(settings)
            policy = _policy(args.policy, settings)
            with log_reading(settings) as connection:
                origin = LogReader(connection).state().origin
            today = datetime.now(ZoneInfo(settings.zone)).date()
            states = args.witness_state
            known = ask_all(policy, origin, args.witness, states, today, settings.tls_ca)
        verdict = verify_everything(
            log,
            policy,
            producers,
            pins,
            witnessed=known.notes,
            lag=timedelta(minutes=args.max_age) if args.max_age > 0 else None,
            authorities=authorities,
            keys=keys,
        )
        verdict.log.incomplete.extend(known.missing)
    except PolicyInvalid as error:
        return unreadable(LogUnreadable(f"{args.policy or policy_path(settings)}：{error}"))
    except LogUnreadable as error:
        return unreadable(error)
    if args.json:
        say_json(verdict.as_json())
    else:
        _tell(verdict)
    return verdict.exit_code


def _policy(given: Path | None, settings: Settings) -> TrustPolicy:
    return city_policy(settings) if given is None else TrustPolicy.parse(given.read_bytes())


def _tell(verdict: Verdict) -> None:
    log = verdict.log
    say(
        f"日志 {log.origin}：{log.entries} 条记录，{log.streams} 个流，{log.checkpoints} 个签名树头"
    )
    if log.second is not None:
        tree = log.second
        say(f"第二棵树（SM3）{tree.origin}：{tree.entries} 条记录，{tree.checkpoints} 个 SM2 树头")
    say(f"库表：{verdict.steps} 个环节逐列核对")
    tell_failures(log)
    for name, (size, at) in log.cosigned.items():
        say(f"见证人 {name}：联署到 {size} 条，{at:%Y-%m-%d %H:%M:%S}Z")
    if not log.witnessed:
        say("未见证：没有足数的联署")
    if log.void:
        say(f"作废密钥签的 {log.void} 个树头不作数")
    if log.anchored_at is not None:
        say(f"时间戳：前 {log.anchored} 条在 {log.anchored_at.isoformat()} 已存在")
    for note in log.notes:
        say(f"没有核验：{note}")
    for row in verdict.rows:
        say(
            f"  办件 {row.case_id} 第 {row.seq} 步 {row.column}："
            f"应为 {row.expected}，实为 {row.found}"
        )
    for unread in (log.unreadable, verdict.unreadable):
        if unread:
            say(f"读不到：{unread}")
    say(f"结论：{CONCLUSIONS[verdict.exit_code]}")
