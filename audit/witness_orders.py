"""The witness's command line, for the office that runs it: `python -m audit.witness_orders ORDER`.

Needs Python and `cryptography`, and of this project the folder audit/ alone. The city's own
`bin/yichuang witness` has the same orders, and the city's side of the exchange besides.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from audit.merkle import consistency_proof
from audit.notes import NoteInvalid, NoteVerifier, parse_checkpoint
from audit.tilefetch import FetchFailed, PublishedNodes, fetcher
from audit.tilepaths import CHECKPOINT
from audit.witness import (
    Refused,
    WatchedLog,
    Witness,
    WitnessFounded,
    WitnessNotFounded,
    found_witness,
    origin_hash,
)
from audit.witness_door import WitnessDoor
from audit.witness_wire import MAX_BODY, spell_question

DEFAULT_FOLDER: Final = Path("witness")
DONE, REFUSED, WRONG = 0, 1, 2
"""Exit codes: done; the head is not cosigned; the folder, a file or a word is at fault."""

_Order = Callable[[argparse.Namespace], int]


def add_orders(orders: Any, folder: Path = DEFAULT_FOLDER) -> None:
    """Add every order of a witness to a parser's subparsers."""
    for name, (_, help_text) in _ORDERS.items():
        parser = orders.add_parser(name, help=help_text, description=help_text)
        parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出")
        parser.add_argument("--folder", type=Path, default=folder, help="见证人的目录")
        parser.add_argument("--passphrase", type=Path, help="口令文件（第一行）")
        _ARGUMENTS[name](parser)


def run_order(args: argparse.Namespace) -> int:
    """Do what was asked; 0 done, 1 refused, 2 wrongly asked. Says why on standard error."""
    try:
        return _ORDERS[args.order][0](args)
    except Refused as refused:
        _complain(f"不予联署（{refused.status}）：{refused.reason}")
        return REFUSED
    except (
        WitnessFounded,
        WitnessNotFounded,
        NoteInvalid,
        FetchFailed,
        OSError,
        UnicodeDecodeError,
    ) as error:
        _complain(str(error))
        return WRONG


def main(argv: Sequence[str] | None = None) -> int:
    """Run the witness's own program."""
    parser = argparse.ArgumentParser(prog="witness", description="一窗日志的见证人")
    add_orders(parser.add_subparsers(dest="order", required=True, metavar="ORDER"))
    args = parser.parse_args(argv)
    logging.basicConfig(level="INFO", stream=sys.stderr, format="%(asctime)s %(message)s")
    try:
        return run_order(args)
    except KeyboardInterrupt:
        return 130


def _init(args: argparse.Namespace) -> int:
    verifier = found_witness(args.folder, args.name, passphrase=_passphrase(args))
    return _say(args, {"vkey": verifier.vkey}, f"见证人已建立，公钥（交给城市）：\n{verifier.vkey}")


def _watch(args: argparse.Namespace) -> int:
    log = _witness(args).watch(NoteVerifier.parse(args.vkey), args.origin)
    return _say(args, _said(log), f"已登记日志 {log.origin}（{len(log.keys)} 把公钥）")


def _serve(args: argparse.Namespace) -> int:
    host, _, port = args.listen.rpartition(":")
    if not port.isdecimal():
        _complain(f"{args.listen} 不是 主机:端口")
        return WRONG
    with WitnessDoor((host.strip("[]"), int(port)), _witness(args)) as door:
        bound = door.server_address
        _say(args, {"listening": f"{bound[0]!s}:{bound[1]}"}, f"见证人在 {bound[0]!s}:{bound[1]}")
        door.serve_forever()
    return DONE


def _cosign(args: argparse.Namespace) -> int:
    with args.file.open("rb") as file:
        body = file.read(MAX_BODY + 1)
    line = _witness(args).cosign(body)
    if args.out is not None:
        args.out.write_text(f"{line}\n", encoding="utf-8")
        return _say(args, {"line": line, "file": str(args.out)}, f"已联署，写到 {args.out}")
    return _say(args, {"line": line}, line)


def _pull(args: argparse.Namespace) -> int:
    """Fetch the newest head of a published log, prove it from its tiles, and cosign it."""
    witness, fetch = _witness(args), fetcher(args.place)
    note = fetch(CHECKPOINT).decode()
    head = parse_checkpoint(note.rpartition("\n\n")[0] + "\n")
    known = next((log for log in witness.logs() if log.origin == head.origin), None)
    old = known.size if known is not None else 0
    proof: Sequence[bytes] = ()
    if 0 < old < head.size:
        proof = consistency_proof(old, head.size, PublishedNodes(fetch, head.size).node)
    line = witness.cosign(spell_question(old, proof, note))
    if args.out is not None:
        args.out.write_text(f"{line}\n", encoding="utf-8")
    return _say(args, {"size": head.size, "line": line}, f"已联署 {head.size} 条\n{line}")


def _status(args: argparse.Namespace) -> int:
    witness = _witness(args)
    logs, evidence = witness.logs(), witness.evidence()
    if args.head is not None:
        log = next((log for log in logs if log.origin == args.head and log.note), None)
        if log is None:
            _complain(f"没有联署过 {args.head}")
            return WRONG
        sys.stdout.write(witness.checkpoint(origin_hash(log.origin)))
        return DONE
    said = {
        "vkey": witness.verifier.vkey,
        "logs": [_said(log) for log in logs],
        "evidence": [str(path) for path in evidence],
    }
    lines = [f"见证人 {witness.verifier.vkey}"]
    for log in logs:
        lines.append(f"日志 {log.origin}：已联署 {log.size} 条 {_when(log)}".rstrip())
    if evidence:
        lines.append(
            f"警告：{len(evidence)} 份由日志公钥签名而与已见历史不符的树头，存于 evidence/"
        )
    return _say(args, said, "\n".join(lines))


def _said(log: WatchedLog) -> dict[str, Any]:
    return {
        "origin": log.origin,
        "keys": [key.vkey for key in log.keys],
        "size": log.size,
        "root": log.root.hex(),
        "at": _when(log),
    }


def _when(log: WatchedLog) -> str:
    return datetime.fromtimestamp(log.seconds, UTC).isoformat() if log.size else ""


def _witness(args: argparse.Namespace) -> Witness:
    return Witness(args.folder, passphrase=_passphrase(args))


def _passphrase(args: argparse.Namespace) -> bytes | None:
    if args.passphrase is None:
        return None
    first: bytes = args.passphrase.read_bytes().split(b"\n")[0]
    return first or None


def _say(args: argparse.Namespace, said: dict[str, Any], text: str) -> int:
    sys.stdout.write(f"{json.dumps(said, ensure_ascii=False) if args.json else text}\n")
    sys.stdout.flush()
    return DONE


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _init_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="见证人的名字，如 audit.example.gov.cn/w1")


def _watch_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("vkey", help="城市日志的公钥（log.vkey）")
    parser.add_argument("--origin", help="树头首行与公钥名不同时")


def _serve_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", default="127.0.0.1:8461", help="主机:端口，端口 0 为自选")


def _cosign_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="城市写出的请求文件")
    parser.add_argument("--out", type=Path, help="联署行写到哪个文件")


def _pull_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", help="城市公开的日志（网址或目录）")
    parser.add_argument("--out", type=Path, help="联署行写到哪个文件")


def _status_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--head", metavar="ORIGIN", help="写出这个日志最近联署的树头")


_ORDERS: dict[str, tuple[_Order, str]] = {
    "init": (_init, "建立见证人：钥匙与空的记忆 (found a witness)"),
    "watch": (_watch, "登记一个日志的公钥 (watch a log)"),
    "serve": (_serve, "开门应答联署请求 (serve add-checkpoint)"),
    "cosign": (_cosign, "联署一个请求文件 (cosign a file)"),
    "pull": (_pull, "取城市公开的最新树头并联署 (follow a published log)"),
    "status": (_status, "已见证到哪里 (what has been cosigned)"),
}
_ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "init": _init_words,
    "watch": _watch_words,
    "serve": _serve_words,
    "cosign": _cosign_words,
    "pull": _pull_words,
    "status": _status_words,
}
NAMES: Final = tuple(_ORDERS)

if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
