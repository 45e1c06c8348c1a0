"""`yichuang audit key list|rotate|revoke`: the keys that sign the log's heads."""

from __future__ import annotations

import argparse
from typing import Any

from audit.merkle import SHA256
from audit.report import INCOMPLETE
from audit.signer import SignerRefused, SignerUnavailable
from audit.signer_door import SignerClient
from audit.sm3 import SM3
from yichuang.log_keys import OVERLAP, Changed, NotSealedYet, NoWitness, revoke, rotate
from yichuang.log_stores import LogUnreadable, log_store, telling, unreadable
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

TREES = {tree.name: tree for tree in (SHA256, SM3)}

HELP = "签名密钥：列出、轮换、作废 (the log's keys: list, rotate, revoke)"


def add(parser: argparse.ArgumentParser) -> None:
    say_in_json = "以一个 JSON 对象输出 (one object)"
    parser.add_argument("--json", action="store_true", help=say_in_json)
    orders = parser.add_subparsers(dest="key_order", required=True, metavar="list|rotate|revoke")
    listed = orders.add_parser("list", help="列出密钥和各自签名的范围 (keys and their sizes)")
    rotated = orders.add_parser("rotate", help="换下一个密钥 (let the next key follow)")
    rotated.add_argument(
        "--overlap",
        type=int,
        default=OVERLAP,
        help=f"新旧并签的条数，默认 {OVERLAP} (entries under both keys)",
    )
    revoked = orders.add_parser("revoke", help="密钥泄露，立即作废 (a stolen key ends)")
    revoked.add_argument("vkey", help="公钥，见 key list (the public key)")
    revoked.add_argument("--why", default="compromised", help="原因 (the reason)")
    revoked.add_argument(
        "--without-witness",
        action="store_true",
        help="没有联署也作废：旧签名全部不再可信 (no cosigned head: trust none of its heads)",
    )
    for one in (listed, rotated, revoked):
        one.add_argument(
            "--tree", choices=TREES, default="sha256", help="哪棵树的密钥 (the keys of which tree)"
        )
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=say_in_json)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0, 2 where it is not finished (run it again), 3 where a part cannot be reached."""
    signer = SignerClient(settings.signer_socket, tree=args.tree)
    try:
        with telling():
            log_store(settings)
            if args.key_order == "list":
                return _list(args, signer)
            changed = (
                rotate(settings, signer, overlap=args.overlap, tree=TREES[args.tree])
                if args.key_order == "rotate"
                else revoke(
                    settings,
                    signer,
                    vkey=args.vkey,
                    why=args.why,
                    without_witness=args.without_witness,
                )
            )
    except (LogUnreadable, SignerUnavailable) as error:
        return unreadable(LogUnreadable(f"读不到日志或者签名服务：{error}"))
    except NotSealedYet:
        complain("宣布新密钥的条目还没有签名（日志排序在运行吗？），稍后再运行一次即接着办")
        return INCOMPLETE
    except NoWitness:
        complain(
            "没有任何树头经过联署：作废后旧密钥签的树头全部不可信；确要作废，加 --without-witness"
        )
        return INCOMPLETE
    except SignerRefused as error:
        complain(f"签名服务不办：{error}")
        return INCOMPLETE
    _tell(args, changed)
    return 0


def _list(args: argparse.Namespace, signer: SignerClient) -> int:
    keys = signer.keys()
    size = signer.last().size
    if args.json:
        rows: list[dict[str, Any]] = [
            {"vkey": k.vkey, "first": k.first, "last": k.last, "revoked": k.revoked} for k in keys
        ]
        say_json({"origin": signer.last().origin, "size": size, "keys": rows})
        return 0
    say(f"{signer.last().origin}：已签到 {size} 条")
    for key in keys:
        end = "起" if key.last is None else f"至 {key.last} 条"
        state = "" if key.revoked is None else f"，已作废：只认到 {key.revoked} 条且经联署的"
        say(f"  {key.vkey}\n    {key.first} {end}{state}")
    return 0


def _tell(args: argparse.Namespace, changed: Changed) -> None:
    if args.json:
        said = {"vkey": changed.vkey, "finished": changed.finished, "end": changed.end}
        say_json(said)
        return
    if changed.finished:
        say("上一次没有办完的已经办完。")
    if changed.end is not None:
        say(f"旧密钥签的树头只认到 {changed.end} 条。")
    say(f"现在的密钥：{changed.vkey}")
    say("请把它（或者整个 log.policy）另行告知核验的人：审计机关、见证人、对外公布的页面。")
