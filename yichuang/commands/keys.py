"""`yichuang keys ORDER`: the master keys, under which all else is sealed."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from audit.masters import key_id
from yichuang.index_keys import IndexBusy, IndexKeys, KeyState, index_keys
from yichuang.keyring import KeyMissing, master_keys, wrap_masters
from yichuang.master_keys import StillNeeded, holdings, retire, rewrap, rotate
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "主密钥、索引密钥：列出、轮换、停用 (keys: list, rotate, rewrap, wrap, retire, index)"
NEEDED, WRONG = 1, 2


def add(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(dest="order", required=True, metavar="ORDER")
    listed = orders.add_parser("list", help="列出主密钥和各自还封着什么 (keys and what they hold)")
    rotated = orders.add_parser("rotate", help="换用新的主密钥 (a new key seals from now on)")
    again = orders.add_parser("rewrap", help="立即把个人密钥换封到现用的主密钥下 (now, not beside)")
    wrapped = orders.add_parser("wrap", help="由密码设备包裹主密钥的文件 (let a device wrap them)")
    retired = orders.add_parser("retire", help="销毁不再需要的旧主密钥 (destroy an old one)")
    retired.add_argument("key", help="密钥编号，见 keys list (its id)")
    index = orders.add_parser("index", help="盲索引的密钥 (the key of the search index)")
    steps = index.add_subparsers(dest="step", required=True, metavar="STEP")
    renewed = steps.add_parser("rotate", help="换用新的索引密钥 (index anew under another key)")
    told = steps.add_parser("status", help="各索引密钥编了多少件 (how far each key is)")
    for one in (listed, rotated, again, wrapped, retired, renewed, told):
        one.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 done, 1 still needed, 2 wrongly asked or a key that cannot be read."""
    try:
        return ORDERS[args.order](args, settings)
    except (KeyMissing, LookupError) as wrong:
        complain(f"没有编号为 {wrong.args[0]} 的旧主密钥" if _is_unknown(wrong) else str(wrong))
        return WRONG
    except IndexBusy as busy:
        complain(f"索引密钥 {busy} 还没有编完或清完，见 bin/yichuang keys index status")
        return NEEDED
    except StillNeeded as needed:
        complain(f"密钥还要用，不能停用：{needed}")
        return NEEDED


def _is_unknown(error: Exception) -> bool:
    return isinstance(error, LookupError)


def _list(args: argparse.Namespace, settings: Settings) -> int:
    held = holdings(settings)
    rows: list[dict[str, Any]] = []
    for number, key in enumerate(master_keys(settings)):
        id = key_id(key).hex()
        rows.append({"id": id, "current": number == 0, "holds": held.get(id, {})})
    if args.json:
        say_json({"keys": rows, "unnamed": held.get("", {}), "cipher": settings.sealing})
        return 0
    for row in rows:
        state = "现用，新的都封在它下面" if row["current"] else "旧，只解不封"
        say(f"{row['id']}  {state}；{_words(row['holds'])}")
    if held.get(""):
        say(f"未写明密钥编号的（旧格式）：{_words(held[''])}")
    return 0


def _words(holds: dict[str, int]) -> str:
    parts = [f"{store} 库 {count} 个个人密钥" for store, count in sorted(holds.items())]
    return "、".join(parts) or "没有个人密钥"


def _rotate(args: argparse.Namespace, settings: Settings) -> int:
    new, old = rotate(settings)
    if args.json:
        say_json({"key": new, "before": old})
        return 0
    say(f"现用主密钥 {new}；{old} 只解不封。")
    say("各进程一秒内换用，不必重启；个人密钥由各进程在后台换封（keys list 看还剩多少）。")
    say("请立即重新备份密钥（bin/yichuang backup）。")
    return 0


def _rewrap(args: argparse.Namespace, settings: Settings) -> int:
    done = rewrap(settings)
    if args.json:
        say_json(done)
    else:
        say("；".join(f"{store} 库换封 {count} 个" for store, count in done.items()))
    return 0


def _wrap(args: argparse.Namespace, settings: Settings) -> int:
    done = wrap_masters(settings)
    if args.json:
        say_json({"wrapped": done})
    else:
        say(f"密码设备包裹了 {done} 个主密钥的文件。")
        say("以前的备份和磁盘上的旧块里可能还有明文：请再 keys rotate 一次。")
    return 0


def _retire(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(retire(settings, args.key))
    if args.json:
        say_json({"retired": args.key})
    else:
        say(f"已销毁旧主密钥 {args.key}。以前的备份里仍有它；备份过期时一并销毁。")
    return 0


def _index(args: argparse.Namespace, settings: Settings) -> int:
    keys = index_keys(settings)
    try:
        if args.step == "rotate":
            return _index_rotate(args, keys)
        return _index_status(args, keys.listing())
    finally:
        keys.close()


def _index_rotate(args: argparse.Namespace, keys: IndexKeys) -> int:
    new = keys.rotate()
    if args.json:
        say_json({"key": new})
        return 0
    say(f"新的索引密钥 {new}。新收的办件即时编入，原有的由办件进程在后台重编；")
    say("其间新旧都查得到，编完后旧密钥的索引清除、密钥销毁（keys index status 看进度）。")
    return 0


STATES = {
    "filling": "重编中，与旧的一起查",
    "current": "现用",
    "leaving": "旧，重编期间仍查",
    "emptying": "已停用，正在清除",
    "retired": "已销毁",
}


def _index_status(args: argparse.Namespace, listed: Sequence[KeyState]) -> int:
    if args.json:
        rows = [{**asdict(one), "made_at": one.made_at.isoformat()} for one in listed]
        say_json({"keys": rows})
        return 0
    for one in listed:
        made = f"{one.made_at:%Y-%m-%d %H:%M}Z"
        say(f"{one.id}  {STATES[one.state]}；{one.algorithm}，{made}，编有 {one.cases} 件")
    return 0


ORDERS = {
    "list": _list,
    "rotate": _rotate,
    "rewrap": _rewrap,
    "wrap": _wrap,
    "retire": _retire,
    "index": _index,
}
