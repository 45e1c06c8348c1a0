"""`yichuang audit verify-proof FILE`: check one entry's proof against a policy of trust, off line.

For both trees: a proof under an SM2 head (`prove --tree sm3`) is read by no program that knows only
C2SP. Which tree it is the key says that the policy trusts, never the file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from audit.merkle import ProofRefused
from audit.notes import SM2, NoteInvalid
from audit.proofs import verify_proof
from audit.report import TAMPERED, UNREADABLE
from audit.trust import PolicyInvalid, TrustedHead, TrustPolicy
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "核验一条记录的证明，SM3 的也行 (check one entry's proof, also one under SM3)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="证明文件 (the .tlog-proof)")
    parser.add_argument("--body", type=Path, required=True, help="条目原文 (the .body)")
    parser.add_argument(
        "--policy", type=Path, required=True, help="信任文件，从不取自证明 (C2SP tlog-policy)"
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, _settings: Settings) -> int:
    """Return 0 if the entry stands under a head the policy believes; 1 if not; 3 unread."""
    try:
        text = args.file.read_text(encoding="utf-8")
        body = args.body.read_bytes()
        policy = TrustPolicy.parse(args.policy.read_bytes())
    except (OSError, UnicodeDecodeError, PolicyInvalid) as error:
        complain(str(error))
        return UNREADABLE
    try:
        head = policy.open(text.partition("\n\n")[2])
        index, _ = verify_proof(text, body, head.log)
    except (NoteInvalid, ProofRefused) as refused:
        if args.json:
            say_json({"holds": False, "why": str(refused)})
        else:
            say(f"不可信：{refused}")
        return TAMPERED
    if args.json:
        tree = "sm3" if head.log.kind == SM2 else "sha256"
        say_json({"holds": True, "index": index, "tree": tree, "head": head.as_json()})
    else:
        _tell(index, head)
    return 0


def _tell(index: int, head: TrustedHead) -> None:
    checkpoint, national = head.checkpoint, head.log.kind == SM2
    say(f"真实：条目是日志 {checkpoint.origin} 的第 {index} 片叶，树头大小 {checkpoint.size}")
    say(f"  {'SM3 树，SM2 签名' if national else 'SHA-256 树，Ed25519 签名'}")
    for name, at in head.cosigned:
        say(f"  见证方 {name} 于 {at.isoformat()} 联署")
    if not head.witnessed:
        say("  没有见证方作保（未经见证）")
