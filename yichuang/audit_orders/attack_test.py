"""`yichuang audit attack-test`: the known attacks, tried on a copy of this city's log."""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from audit.attack_ground import WHOLE_TILE, Ground, LogPurged, LogTooSmall, lay_ground
from audit.attack_proofs import Shown, attack_protocol, show_proofs
from audit.attacks import GroundUnsound, Tried, try_attacks
from audit.check import verify_stores
from audit.logstore import LogReader
from audit.report import CLEAN, INCOMPLETE, TAMPERED
from cases.database import open_engine
from yichuang.log_stores import (
    OPEN,
    LogUnreadable,
    log_store,
    shard_reading,
    telling,
    unreadable,
)
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json
from yichuang.trusting import city_policy

HELP = "在日志的副本上试已知的攻击，核对该发现的恰被发现 (known attacks on a copy of the log)"
LIMIT = 5_000
"""Entries that are copied; each of the attacks rewrites and verifies them three times."""

COLUMNS = ("database_and_key", "with_pin_and_quorum", "with_witness")


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit", type=int, default=LIMIT, metavar="N",
        help=f"至多复制前几条，缺省 {LIMIT} (how many of the first entries to copy)",
    )  # fmt: skip
    parser.add_argument(
        "--shard", default=OPEN, metavar="NAME",
        help="哪一分片，如 2026H1；不写则是开着的 (which shard; default: the open one)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 if all is noticed as it must be and no more; 1 otherwise, also where the log itself
    is not whole; 2 if it is too small or purged; 3 unread."""
    try:
        with telling(), tempfile.TemporaryDirectory(prefix="yichuang-attack-") as folder:
            return _try(args, settings, Path(folder))
    except LogUnreadable as error:
        return unreadable(error)
    except LogTooSmall as few:
        complain(f"日志太小：只有 {few.args[0]} 条，攻击无处可施；先办几件事再试")
        return INCOMPLETE
    except LogPurged:
        complain("这一分片有依保管期限清除了内容的条目，无法在其上试；请用 --shard 另选一片")
        return INCOMPLETE
    except GroundUnsound as error:
        complain(f"副本未受攻击已不完好，没有试：{error}")
        return TAMPERED


def _try(args: argparse.Namespace, settings: Settings, folder: Path) -> int:
    report = verify_stores(log_store(settings), city_policy(settings))
    if report.unreadable is not None:
        raise LogUnreadable(f"读不到日志：{report.unreadable}")
    if report.exit_code == TAMPERED:
        complain("日志本身已被改动，没有试：先运行 bin/yichuang audit verify")
        return TAMPERED
    with shard_reading(settings, args.shard) as connection:
        entries = LogReader(connection).state().size
        ground = lay_ground(connection, folder / "ground", _opener(), args.limit)
    _warn(ground, entries)
    tried = list(try_attacks(ground, folder))
    proofs, protocol = list(show_proofs(ground)), list(attack_protocol(ground))
    ground.close()
    shown: list[Tried | Shown] = [*tried, *proofs, *protocol]
    wrong = sum(not one.as_expected for one in shown)
    if args.json:
        say_json(_as_json(entries, ground, tried, proofs, protocol, wrong))
    else:
        _tell(tried, proofs, protocol, wrong)
    return TAMPERED if wrong else CLEAN


def _opener() -> Any:
    return functools.cache(_open)


def _open(path: Path) -> Engine:
    return open_engine(f"sqlite:///{path}")


def _warn(ground: Ground, entries: int) -> None:
    if ground.copied < WHOLE_TILE:
        complain(
            f"注意：日志只有 {ground.copied} 条，不足 {WHOLE_TILE} 条，没有满的瓦片，"
            "哈希只在叶和树头上受到攻击"
        )
    if ground.copied < entries:
        complain(f"注意：只复制了 {entries} 条中的前 {ground.copied} 条（--limit）")


def _as_json(
    entries: int,
    ground: Ground,
    tried: Sequence[Tried],
    proofs: Sequence[Shown],
    protocol: Sequence[Shown],
    wrong: int,
) -> dict[str, Any]:
    return {
        "origin": ground.origin,
        "entries": entries,
        "copied": ground.copied,
        "attacks": [_attack_json(one) for one in tried],
        "missed": {name: sum(not one.found[n] for one in tried) for n, name in enumerate(COLUMNS)},
        "proofs": [_shown_json(one) for one in proofs],
        "protocol": [_shown_json(one) for one in protocol],
        "deviations": wrong,
    }


def _attack_json(one: Tried) -> dict[str, Any]:
    return {
        "attack": one.attack.number,
        "title": one.attack.title,
        "expected": dict(zip(COLUMNS, one.attack.expected, strict=True)),
        "found": dict(zip(COLUMNS, one.found, strict=True)),
        "checks": dict(zip(COLUMNS, one.checks, strict=True)),
        "as_expected": one.as_expected,
    }


def _shown_json(one: Shown) -> dict[str, Any]:
    said = {"number": one.number, "title": one.title, "must_be_refused": one.expected}
    return {**said, "refused": one.refused, "said": one.said, "as_expected": one.as_expected}


def _tell(
    tried: Sequence[Tried], proofs: Sequence[Shown], protocol: Sequence[Shown], wrong: int
) -> None:
    say("●：发现；○：未发现，也不声称能发现。三列：只有库和密钥；另有所存检查点与联署；另问见证人")
    for one in tried:
        marks = " ".join("●" if found else "○" for found in one.found)
        by = "、".join(check.split(":")[0] for check in one.checks[2]) or "—"
        say(f"{one.attack.number:>4}  {marks}  {one.attack.title}（{by}）{_fault(one)}")
    missed = [sum(not one.found[n] for one in tried) for n in range(3)]
    say(f"{len(tried)} 种攻击，三列各未发现 {missed[0]}、{missed[1]}、{missed[2]} 种")
    for title, shown in (("证明的变形", proofs), ("对协议的攻击", protocol)):
        say(f"{title}：")
        for kind in shown:
            mark = "拒绝" if kind.refused else "接受"
            say(f"{kind.number:>4}  {mark}  {kind.title}{_fault(kind)}")
    say("结论：与预期分毫不差" if not wrong else f"结论：{wrong} 处与预期不符")


def _fault(one: Tried | Shown) -> str:
    return "" if one.as_expected else "  ←与预期不符"
