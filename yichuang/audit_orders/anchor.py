"""`yichuang audit anchor`: a time-stamp token over the newest head, now or brought by hand."""

from __future__ import annotations

import argparse
from pathlib import Path

from audit.report import INCOMPLETE, TAMPERED
from audit.timestamps import AuthorityAway, TokenInvalid, TokenUnchecked
from cases.database import open_engine
from yichuang.anchoring import AnchorRefused, stamp, take, write_query
from yichuang.log_stores import LogUnreadable, log_store, telling, unreadable
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "对最新树头取时间戳 (an RFC 3161 token over the newest head)"


def add(parser: argparse.ArgumentParser) -> None:
    by_hand = parser.add_mutually_exclusive_group()
    by_hand.add_argument(
        "--query", type=Path, metavar="FILE", help="写出请求 .tsq，带到外面去 (write a request)"
    )
    by_hand.add_argument(
        "--response", type=Path, metavar="FILE", help="收下带回的 .tsr (take a response)"
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0, 1 for a token that does not hold, 2 where there is none yet, 3 cannot read."""
    try:
        with telling():
            log_store(settings)
            said = _done(args, settings)
    except LogUnreadable as error:
        return unreadable(error)
    except TokenInvalid as error:
        complain(f"时间戳不成立：{error}")
        return TAMPERED
    except (AuthorityAway, AnchorRefused, TokenUnchecked) as error:
        complain(f"没有取得时间戳：{error}")
        return INCOMPLETE
    if args.json:
        say_json(said)
    elif args.query:
        say(f"已写出 {args.query}：对 {said['size']} 条的树头。取回后用 --response 收下")
    else:
        say(f"{said['size']} 条的树头在 {said['at']} 已存在（{said['authority'] or '未具名'}）")
    return 0


def _done(args: argparse.Namespace, settings: Settings) -> dict[str, object]:
    log = open_engine(settings.store_url("log"))
    try:
        if args.query:
            return {"size": write_query(log, args.query), "query": str(args.query)}
        kept = take(settings, log, args.response.read_bytes()) if args.response else None
        kept = kept or stamp(settings, log)
    finally:
        log.dispose()
    return {"size": kept.size, "at": kept.told.at.isoformat(), "authority": kept.told.authority}
