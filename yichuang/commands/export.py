"""`yichuang export ocel|xes FILE`: the casework of the log as event data for process mining.

Without `--by` it is the operator who asks, and it covers the whole city; with `--by` only what that
person may list. Either way the export is an entry of the log before the file has its name.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine

from audit.entry import Where, Who
from audit.notes import NoteInvalid
from audit.outbox import record
from audit.report import INCOMPLETE, TAMPERED
from audit.trust import PolicyInvalid
from cases.accounts import Accounts
from cases.database import StoreUnwritable, open_engine
from cases.months import NoMonth, span_of
from policies.identity import Credentials
from policies.scopes import Thing
from yichuang import joining
from yichuang.cli import WRONG
from yichuang.event_logs.exporting import (
    FORMS,
    KINDS,
    LISTED,
    Asked,
    Exported,
    NothingSigned,
    entry_of,
    export,
)
from yichuang.event_logs.gather import NotWhole, Wanted
from yichuang.event_logs.rows import Conditions
from yichuang.log_stores import LogUnreadable, log_store, telling, unreadable
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json
from yichuang.trusting import city_policy
from yichuang.web_accounts import recorder

HELP = "把日志里的办事经过导出为 OCEL 2.0、XES (the log's casework as OCEL 2.0 or XES)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "form", choices=FORMS, metavar="FORM", help="ocel（JSON）、ocel-sqlite、xes"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="写到哪个文件 (where to write it)")
    parser.add_argument("--from", dest="first", default="", metavar="MONTH", help="起始月份")
    parser.add_argument("--until", dest="last", default="", metavar="MONTH", help="截止月份")
    parser.add_argument(
        "--of", default="case", choices=KINDS, help="XES 的轨迹按哪一种 (what a trace of XES is)"
    )
    parser.add_argument("--by", default="", metavar="LOGIN", help="以此人的权限 (as this person)")
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0; 1 if the log is not what was signed or the disk is full; 2 wrongly asked or not
    permitted, nothing signed yet; 3 if the log cannot be read."""
    cases = open_engine(settings.store_url("cases"), read_only=True)
    web = open_engine(settings.store_url("web"))
    try:
        with telling():
            log = log_store(settings)
        return _export(args, settings, log, cases, web)
    except LogUnreadable as error:
        return unreadable(error)
    except NoMonth as wrong:
        complain(str(wrong))
        return WRONG
    except NothingSigned:
        complain("日志还没有签名的树头：先运行 bin/yichuang audit seal")
        return INCOMPLETE
    except (NotWhole, NoteInvalid, PolicyInvalid) as error:
        complain(f"没有导出，日志与签名的不符：{error}")
        return TAMPERED
    except (StoreUnwritable, OSError) as away:
        complain(str(away))
        return 1
    finally:
        cases.dispose()
        web.dispose()


def _export(
    args: argparse.Namespace, settings: Settings, log: Engine, cases: Engine, web: Engine
) -> int:
    asked = _asker(args.by, settings, cases, web)
    if isinstance(asked, str):
        complain(asked)
        return WRONG
    who, conditions = asked
    wanted = _wanted(args.first, args.last, settings.zone)
    out: Path = args.file
    fresh = out.with_name(f".{out.name}.new")
    try:
        done = export(
            log, cases, city_policy(settings), Asked(args.form, wanted, args.of, conditions), fresh
        )
        with web.begin() as connection:
            record(connection, entry_of(who, args.form, done, datetime.now(UTC), Where(svc="cli")))
        fresh.replace(out)
    finally:
        fresh.unlink(missing_ok=True)
    _tell(args.json, out, done)
    return 0


def _wanted(first: str, last: str, zone: str) -> Wanted:
    if not first and not last:
        return Wanted()
    span = span_of(first or last, last or first, zone)
    return Wanted(span.since, span.until)


def _asker(
    login: str, settings: Settings, cases: Engine, web: Engine
) -> tuple[Who, Conditions | None] | str:
    """Return who asks and what they may list (None: everything); or a sentence why not."""
    if not login:
        return Who("system", "system"), None
    keys = open_engine(settings.store_url("keys"), read_only=True)
    sealer = joining.sealer_of(settings, joining.vault_of(settings, keys))
    accounts = Accounts(web, Credentials(), recorder(sealer.who, lambda: str(uuid4())))
    there = (one for one in accounts.listing() if one.login == login and one.disabled_at is None)
    found = next(there, None)
    if found is None:
        return f"没有登录名为 {login} 的在用账号"
    actor = found.actor()
    access = joining.access_of(settings, "web", joining.released_of(settings, cases))
    decision = access.decide(actor, "supervise", Thing("supervision"), datetime.now(UTC))
    if not decision.allowed:
        return f"{decision.reason}。{decision.remedy}"
    who = Who(sealer.who(actor.id), "human", org=actor.department or None)
    return who, {kind: access.where(actor, "list", kind) for kind in LISTED}


def _tell(as_json: bool, out: Path, done: Exported) -> None:
    said = {
        "file": str(out), "bytes": done.bytes, "sha256": done.digest, "written": done.events,
        **done.gathered.as_json(),
    }  # fmt: skip
    if as_json:
        say_json(said)
        return
    say(f"{out}（{done.bytes} 字节，SHA-256 {done.digest}）")
    say(
        f"{done.events} 个事件；日志 {said['entries']} 条 = 办事 {said['events']} + 其他"
        f" {said['no_casework']} + 时间之外 {said['outside_the_time']} + 内容已清除"
        f" {said['purged']} + 无权列表 {said['hidden']}"
    )
    for origin, size, root in done.gathered.heads:
        say(f"树头：{origin} {size} {root}")
