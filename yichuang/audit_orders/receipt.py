"""`yichuang audit receipt CASE|ENTRY`: what a citizen needs to check a case or a step off line."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from audit.entry import What
from audit.receipts import NothingToProve, Purged, ReceiptMaker
from audit.report import INCOMPLETE, UNREADABLE
from audit.shards import reading_all
from cases.database import reading
from cases.erasures import of_subject
from cases.queries import Queries
from yichuang import joining
from yichuang.log_entries import record_of_the_log
from yichuang.log_stores import LogUnreadable, log_store, source_stores, telling, unreadable
from yichuang.receipts import ISSUED, Issue, ReceiptDesk
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "办件或环节的回执 (the receipt of a case or of one entry)"

_ENTRY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("of", metavar="CASE|ENTRY", help="办件编号，或记录编号 (case or entry)")
    parser.add_argument(
        "--out", type=Path, default=Path(), help="写入的目录或文件，默认当前目录 (folder or file)"
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 once the file is written, 2 for nothing to prove, 3 where nothing can be read."""
    try:
        with telling():
            desk, queries = desk_of(settings)
            issue = _issue(desk, queries, args.of)
        if issue is None:
            complain(f"没有可以证明的办件或记录：{args.of}")
            return INCOMPLETE
        kind, about = about_of(issue)
        record_of_the_log(
            settings, act=ISSUED, obj=What(kind, about, doc=issue.digest), command_id=uuid4()
        )
    except LogUnreadable as error:
        return unreadable(error)
    except Purged:
        complain(f"{args.of} 保管期满，记录已依法清除，只剩它在树里的叶，不能再出具回执")
        return INCOMPLETE
    path = args.out / issue.name if args.out.is_dir() else args.out
    try:
        path.write_bytes(issue.content)
    except OSError as error:
        complain(f"写不了 {path}：{error}")
        return UNREADABLE
    if args.json:
        say_json({"file": str(path), "sha256": issue.digest, "entries": _count(issue)})
    else:
        say(f"已写出 {path}（{_count(issue)} 条记录，{len(issue.content)} 字节）")
        say(f"SHA-256 {issue.digest}")
    return 0


def desk_of(settings: Settings) -> tuple[ReceiptDesk, Queries]:
    """Return the desk over the real stores, which it only reads."""
    vault = joining.vault_of(settings)
    sources = source_stores(settings)
    released = joining.released_of(settings, sources["cases"])
    queries = joining.queries_of(
        settings, joining.sealer_of(settings, vault), cases=sources["cases"], released=released
    )
    log = log_store(settings)
    maker = ReceiptMaker(partial(reading_all, log), sources, vault)

    def is_restricted(subject: str) -> bool:
        with reading(sources["web"]) as connection:
            return bool(of_subject(connection, subject, "restrict", ("done",)))

    desk = ReceiptDesk(
        maker, sources["cases"], released.catalogue, lambda: datetime.now(UTC), is_restricted
    )
    return desk, queries


def about_of(issue: Issue) -> tuple[str, str]:
    """Return type and id of what the receipt is about: a case, or an entry of no case."""
    if issue.receipt["case"]:
        return "case", issue.receipt["case"]
    return "entry", issue.name.removeprefix("entry-").partition(".")[0]


def _issue(desk: ReceiptDesk, queries: Queries, of: str) -> Issue | None:
    case_id = queries.find_case(of)
    try:
        if case_id is not None:
            return desk.of_case(case_id)
        return desk.of_entry(of) if _ENTRY.fullmatch(of) else None
    except Purged:
        raise
    except NothingToProve:
        return None


def _count(issue: Issue) -> int:
    return len(issue.receipt["entries"])
