"""`yichuang audit prove ENTRY`: the C2SP tlog-proof of one entry, for a stranger."""

from __future__ import annotations

import argparse
from pathlib import Path

from audit.merkle import SHA256
from audit.notes import NoteInvalid
from audit.proofs import EntryProof, NotSealed, prove
from audit.report import INCOMPLETE
from audit.shards import holding
from audit.sm3 import SM3
from audit.trust import PolicyInvalid
from yichuang.log_stores import LogUnreadable, log_store, telling, unreadable
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json
from yichuang.trusting import city_policy, policy_path

HELP = "一条记录的证明 (the tlog-proof of one entry)"

TREES = {tree.name: tree for tree in (SHA256, SM3)}


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("entry", help="记录编号 (entry id)")
    parser.add_argument(
        "--tree",
        choices=sorted(TREES),
        default=SHA256.name,
        help="哪一棵树：国密档另有 sm3 (the tree whose head it is under)",
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")
    parser.add_argument(
        "--out", type=Path, help="写到 OUT.tlog-proof 和 OUT.body (write both files)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0, 2 where the entry is under no signed head yet, 3 where a store cannot be read."""
    try:
        with telling(), holding(log_store(settings), args.entry) as connection:
            proof = prove(connection, args.entry, TREES[args.tree])
        with telling():
            head = city_policy(settings).open(proof.text.partition("\n\n")[2])
    except NotSealed as waiting:
        complain(f"日志里没有这条记录，或者它还不在签名的树头之下：{waiting}")
        return INCOMPLETE
    except (PolicyInvalid, NoteInvalid) as error:
        return unreadable(LogUnreadable(f"{policy_path(settings)}：{error}"))
    except LogUnreadable as error:
        return unreadable(error)
    files = _write(args.out, proof) if args.out else []
    if args.json:
        body = proof.entry.body.decode()
        said = {"entry": proof.entry.entry_id, "index": proof.entry.index}
        say_json(
            {
                **said,
                "head": head.as_json(),
                "proof": proof.text,
                "body": body,
                "files": [str(f) for f in files],
            }
        )
    elif files:
        say(f"已写出 {files[0]} 和 {files[1]}")
    else:
        say(proof.text)
    if not head.witnessed and not args.json:
        complain("未经见证：没有足够见证人的联署")
    return 0


def _write(out: Path, proof: EntryProof) -> list[Path]:
    written = []
    for ending, content in ((".tlog-proof", proof.text.encode()), (".body", proof.entry.body)):
        path = out.with_name(out.name + ending)
        path.write_bytes(content)
        written.append(path)
    return written
