"""`yichuang releases list`: the register of versions, read only."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from cases import releases
from cases.database import StoreUnwritable, open_engine, reading
from yichuang.settings import Settings
from yichuang.terminal import complain, say

HELP = "版本登记簿：list 列出提案与生效版本 (list proposed and signed versions; read only)"

STATES = {"proposed": "待签署", "blocked": "未过检查", "active": "已签署", "withdrawn": "已撤回"}


def add(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(dest="order", required=True, metavar="list")
    listing = orders.add_parser("list", help="列出，新的在前 (newest first)")
    listing.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")
    listing.add_argument("--limit", type=int, default=200, help="至多几条 (at most)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print one line per version; 1 when the register cannot be read."""
    engine = open_engine(settings.store_url("cases"), read_only=True)
    try:
        with reading(engine) as connection:
            found = releases.listing(connection, args.limit)
    except StoreUnwritable as away:
        complain(f"{away}。若是第一次，请先运行 bin/yichuang init")
        return 1
    finally:
        engine.dispose()
    if args.json:
        say(json.dumps({"releases": [_plain(one) for one in found]}, ensure_ascii=False))
        return 0
    now = datetime.now(UTC)
    for one in found:
        since = one.in_force_from
        state = STATES[one.state]
        if since is not None:
            state = f"自 {since.isoformat()} 起生效" if since > now else "已签署"
        say(f"{one.kind}\t{one.name}\t{one.version}\t{state}\t{one.digest[:16]}\t{one.id}")
        for finding in one.findings:
            say(f"  {finding}")
    return 0


def _plain(one: releases.Release) -> dict[str, Any]:
    instants = {
        "proposed_at": one.proposed_at,
        "signed_at": one.signed_at,
        "in_force_from": one.in_force_from,
        "in_force_until": one.in_force_until,
    }
    return {
        "id": one.id,
        "kind": one.kind,
        "name": one.name,
        "version": one.version,
        "digest": one.digest,
        "state": one.state,
        "proposed_by": one.proposed_by,
        "signed_by": one.signed_by,
        **{name: at.isoformat() if at else "" for name, at in instants.items()},
        "findings": list(one.findings),
    }
