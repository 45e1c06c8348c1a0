"""`yichuang audit verify|status|prove`: what a supervisor asks of the log."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from audit.logstore import LogMissing, LogReader
from audit.proofs import NotSealed, prove
from audit.tables import audit_checkpoint, audit_outbox
from cases.database import StoreUnwritable, open_engine, reading
from yichuang.initialise import log_verifier
from yichuang.keyring import log_vkey_path
from yichuang.sequencer import SOURCES
from yichuang.settings import Settings
from yichuang.terminal import complain, say
from yichuang.verifying import Verdict, verify_everything

HELP = "审计日志：verify 校验、status 状态、prove 出具证明 (verify, status, prove the signed log)"

UNREADABLE = 3
"""Exit code when a store or key cannot be read: nothing was proved either way."""


def add(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(dest="order", required=True, metavar="verify|status|prove")
    verify = orders.add_parser("verify", help="校验日志与库表 (recompute the tree, check the rows)")
    verify.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")
    verify.add_argument(
        "--pin", type=Path, action="append", default=[], help="另处保存的检查点 (a kept checkpoint)"
    )
    status = orders.add_parser("status", help="日志的大小、签名与待写 (size, head, waiting)")
    status.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")
    proof = orders.add_parser("prove", help="一条记录的证明 (the tlog-proof of one entry)")
    proof.add_argument("entry", help="记录编号 (entry id)")
    proof.add_argument(
        "--out", type=Path, help="写到 OUT.tlog-proof 和 OUT.body (write both files)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 clean, 1 tampered, 2 incomplete, 3 cannot read."""
    if not log_vkey_path(settings).is_file():
        complain("没有日志公钥：先运行 bin/yichuang init")
        return UNREADABLE
    orders = {"verify": _verify, "status": _status, "prove": _prove}
    try:
        return orders[args.order](args, settings)
    except (LogMissing, StoreUnwritable) as missing:
        complain(f"读不到日志：{missing}")
        return UNREADABLE


def _verify(args: argparse.Namespace, settings: Settings) -> int:
    producers: dict[str, Engine] = {}
    for store in SOURCES:
        producers[store] = open_engine(settings.store_url(store), read_only=True)
    log = open_engine(settings.store_url("log"), read_only=True)
    pins = [path.read_text(encoding="utf-8") for path in args.pin]
    verdict = verify_everything(log, log_verifier(settings), producers, pins)
    if args.json:
        say(json.dumps(verdict.as_json(), ensure_ascii=False))
    else:
        _tell(verdict)
    return verdict.exit_code


def _tell(verdict: Verdict) -> None:
    log = verdict.log
    say(
        f"日志 {log.origin}：{log.entries} 条记录，{log.streams} 个流，{log.checkpoints} 个签名树头"
    )
    say(f"库表：{verdict.steps} 个环节逐列核对")
    first = log.first_wrong
    if first is not None:
        say(f"第一处不符：第 {first.index} 片叶 {first.entry_id or ''}（{first.check}）")
    for failure in log.failures:
        say(f"  {failure.check}：应为 {failure.expected}，实为 {failure.found}")
    for row in verdict.rows:
        say(
            f"  办件 {row.case_id} 第 {row.seq} 步 {row.column}："
            f"应为 {row.expected}，实为 {row.found}"
        )
    if verdict.unreadable:
        say(f"读不到：{verdict.unreadable}")
    words = {0: "完好", 1: "已被改动", 2: "完好，但尚有未签名的尾部", UNREADABLE: "无法读取"}
    say(f"结论：{words[verdict.exit_code]}")


def _status(args: argparse.Namespace, settings: Settings) -> int:
    said: dict[str, Any] = {"waiting": {}}
    with reading(open_engine(settings.store_url("log"), read_only=True)) as connection:
        reader = LogReader(connection)
        state, head = reader.state(), reader.last_checkpoint()
        newest = select(audit_checkpoint.c.sealed_at).order_by(audit_checkpoint.c.size.desc())
        sealed_at = connection.execute(newest.limit(1)).scalar()
    said |= {"origin": state.origin, "entries": state.size, "sealed": head.size if head else 0}
    # SQLite gives the instant back without its zone, which is UTC.
    said["sealed_at"] = sealed_at.replace(tzinfo=UTC).isoformat() if sealed_at else ""
    for store in SOURCES:
        with reading(open_engine(settings.store_url(store), read_only=True)) as connection:
            counted = select(func.count()).select_from(audit_outbox)
            said["waiting"][store] = connection.execute(counted).scalar_one()
    if args.json:
        say(json.dumps(said, ensure_ascii=False))
        return 0
    waiting = sum(said["waiting"].values())
    say(f"日志 {said['origin']}：{said['entries']} 条")
    say(f"已签名 {said['sealed']} 条，待写 {waiting} 条")
    if said["sealed_at"]:
        age = datetime.now(UTC) - datetime.fromisoformat(said["sealed_at"])
        say(f"最近签名：{said['sealed_at']}（{age.total_seconds():.0f} 秒前）")
    return 0


def _prove(args: argparse.Namespace, settings: Settings) -> int:
    try:
        with reading(open_engine(settings.store_url("log"), read_only=True)) as connection:
            proof = prove(connection, args.entry)
    except NotSealed as waiting:
        complain(f"还不能出具证明：{waiting}")
        return 2
    if args.out is None:
        say(proof.text)
        return 0
    for ending, content in ((".tlog-proof", proof.text.encode()), (".body", proof.entry.body)):
        args.out.with_name(args.out.name + ending).write_bytes(content)
    say(f"已写出 {args.out}.tlog-proof 和 {args.out}.body")
    return 0
