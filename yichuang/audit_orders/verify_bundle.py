"""`yichuang audit verify-bundle FILE`: check a receipt against a policy of trust, off line."""

from __future__ import annotations

import argparse
from pathlib import Path

from audit.receiptcheck import MAX_BYTES, ReceiptReport, check_receipt
from audit.report import UNREADABLE
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "核验回执 (check a receipt against a policy of trust)"

VERDICTS = {
    0: "真实：内容与签名一致",
    1: "不可信：已被改动，或没有可信的签名",
    2: "真实，但不完整",
    3: "读不了：什么也没有证明",
}
MARKS = {
    "unsealed": "有记录还没有签名的树头",
    "not_closed": "本件没有以计数归档：以后是否还有环节，这份回执不能说明",
    "quorum": "见证方的联署没有达到信任文件要求的数目（未经见证）",
}


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="回执文件 (the receipt)")
    parser.add_argument(
        "--policy", type=Path, required=True, help="信任文件，从不取自回执 (C2SP tlog-policy)"
    )
    parser.add_argument(
        "--tsa-ca", type=Path, help="信任的时间戳机构证书，PEM (trusted time-stamp authorities)"
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, _settings: Settings) -> int:
    """Return 0 genuine, 1 tampered, 2 incomplete, 3 cannot read."""
    try:
        with args.file.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        policy = args.policy.read_text(encoding="utf-8")
        authorities = args.tsa_ca.read_bytes() if args.tsa_ca else b""
    except (OSError, UnicodeDecodeError) as error:
        complain(str(error))
        return UNREADABLE
    report = check_receipt(content, policy, authorities)
    if args.json:
        say_json(report.as_json())
    else:
        _tell(report)
    return report.exit_code


def _tell(report: ReceiptReport) -> None:
    say(f"结论：{VERDICTS[report.exit_code]}")
    if report.unreadable:
        say(f"  {report.unreadable}")
    for fault in report.faults[:20]:
        where = "" if fault.entry is None else f"第 {fault.entry + 1} 条 "
        say(f"  {where}{fault.code}：{fault.text}")
    for mark in report.marks:
        say(f"  {MARKS[mark]}")
    if report.faults or report.unreadable:
        return
    counted = "" if report.count is None else f"，归档时写明共 {report.count} 条"
    say(f"  {report.entries} 条记录{counted}；披露 {report.disclosed} 份内容")
    for head in report.heads:
        size, origin = head.checkpoint.size, head.checkpoint.origin
        say(f"  日志 {origin} 签名，树头大小 {size}")
        for name, at in head.cosigned:
            say(f"  见证方 {name} 于 {at.isoformat()} 联署")
        if not head.witnessed:
            say("  没有见证方作保（未经见证）")
    for at in report.stamped:
        say(f"  时间戳机构证明树头在 {at.isoformat()} 已经存在")
    for why in report.unchecked:
        say(f"  没有核对：{why}")
