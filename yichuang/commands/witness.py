"""`yichuang witness ORDER`: the witness's own orders, and the city's side of the exchange."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from audit import witness_orders
from audit.notes import NoteInvalid, NoteVerifier, parse_checkpoint
from audit.trust import PolicyInvalid
from audit.witness_ask import read_lines
from audit.witness_wire import MAX_BODY, parse_question
from cases.database import open_engine
from yichuang.cosigning import Cosigner, stored_head, wanted_of
from yichuang.log_stores import LogUnreadable, log_store, telling, unreadable
from yichuang.settings import Settings, from_environment
from yichuang.terminal import complain, say, say_json
from yichuang.trusting import (
    change_policy,
    city_policy,
    policy_path,
    with_witness,
    without_witness,
)
from yichuang.witness import own_witness

HELP = "见证人：建立、应答、联署、登记 (the witness, and the city's side of it)"
WRONG = 2

_Order = Callable[[argparse.Namespace, Settings], int]


def add(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(dest="order", required=True, metavar="ORDER")
    witness_orders.add_orders(orders, from_environment().witness_path)
    trust = orders.add_parser("trust", help="城市登记一个见证人 (trust a witness)")
    trust.add_argument("vkey", help="见证人的公钥（其 init 所示）")
    trust.add_argument("--url", default="", help="网址；没有的以文件往来")
    trust.add_argument("--name", default="", help="策略中的名字，不写则用公钥的名字")
    trust.add_argument("--quorum", default="any", help="足数：any、all、数字、none（各见证人之中）")
    request = orders.add_parser("request", help="城市写出请求文件 (write a question to carry)")
    request.add_argument("name", help="策略中见证人的名字")
    request.add_argument("--out", type=Path, required=True, help="写到哪里")
    request.add_argument("--old", type=int, help="见证人说它已联署到的条数")
    take = orders.add_parser("take", help="城市收下联署行 (take the carried answer)")
    take.add_argument("name", help="策略中见证人的名字")
    take.add_argument("file", type=Path, help="见证人交回的文件")
    take.add_argument("--request", type=Path, required=True, help="当初的请求文件")
    for one in (trust, request, take):
        one.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 done, 1 refused, 2 wrongly asked, 3 a store cannot be read."""
    if args.order in witness_orders.NAMES:
        return witness_orders.run_order(args)
    orders: dict[str, _Order] = {"trust": _trust, "request": _request, "take": _take}
    try:
        return orders[args.order](args, settings)
    except LogUnreadable as error:
        return unreadable(error)
    except (PolicyInvalid, NoteInvalid, OSError) as error:
        complain(str(error))
        return WRONG


def _trust(args: argparse.Namespace, settings: Settings) -> int:
    if not policy_path(settings).is_file():
        raise PolicyInvalid("没有信任策略：先运行 bin/yichuang init")
    verifier = NoteVerifier.parse(args.vkey)
    name = args.name or verifier.name
    own = own_witness(settings)

    def change(text: str) -> str:
        # The one for show gives way: it must not make up a quorum beside a real one.
        kept = without_witness(text, own) if own and own != verifier else text
        return with_witness(kept, name, verifier, args.url, args.quorum)

    policy = change_policy(settings, change)
    return _say(
        args,
        {"name": name, "witnesses": [one.name for one in policy.witnesses], "quorum": args.quorum},
        f"已登记见证人 {name}（共 {len(policy.witnesses)} 个，足数 {args.quorum}）",
    )


def _request(args: argparse.Namespace, settings: Settings) -> int:
    witness = city_policy(settings).witness(args.name)
    if witness is None:
        raise PolicyInvalid(f"策略中没有见证人 {args.name}")
    with telling():
        last = wanted_of(
            log_store(settings),
            witness.verifier.name,
            datetime.max.replace(tzinfo=UTC),
            old=args.old,
        )
    if last is None:
        complain("日志还没有签名的树头")
        return WRONG
    args.out.write_bytes(last.question)
    said = {"size": last.size, "old": last.old, "file": str(args.out)}
    return _say(args, said, f"已写出 {args.out}：{last.size} 条（自 {last.old} 条起）")


def _take(args: argparse.Namespace, settings: Settings) -> int:
    witness = city_policy(settings).witness(args.name)
    if witness is None:
        raise PolicyInvalid(f"策略中没有见证人 {args.name}")
    question = parse_question(_read(args.request))
    size = parse_checkpoint(question.note.rpartition("\n\n")[0] + "\n").size
    said = read_lines(question.note, _read(args.file).decode(), witness.verifier)
    with telling():
        if not stored_head(log_store(settings), question, size):
            complain(f"请求文件里的树头（{size} 条）不是本日志的")
            return 1
        log = open_engine(settings.store_url("log"))
        try:
            Cosigner(log).keep(witness.verifier.name, size, said)
        finally:
            log.dispose()
    told = {"size": size, "at": said.at.isoformat()}
    return _say(args, told, f"已收下 {args.name} 对 {size} 条的联署（{said.at:%Y-%m-%d %H:%M}Z）")


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BODY + 1)


def _say(args: argparse.Namespace, said: dict[str, object], text: str) -> int:
    if args.json:
        say_json(said)
    else:
        say(text)
    return 0
