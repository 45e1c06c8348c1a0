"""`yichuang report 2026-11`: the monthly supervision report as PDF, from the machine itself.

Without `--by` it is the operator who asks, and it covers the whole city; with `--by` it is made as
that person would make it on the page: policy is asked, and their scope is what it covers. Either
way the report is an entry of the log before the file is written.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine, true

from activities.glyphs import GlyphMissing
from activities.press import DocumentPress, PressFailed
from audit.entry import Where, Who
from audit.outbox import record
from cases.accounts import Accounts
from cases.database import StoreUnwritable, open_engine
from cases.months import NoMonth
from cases.seen import Seen
from policies.identity import Credentials
from policies.scopes import Thing
from yichuang import joining
from yichuang.cli import WRONG
from yichuang.settings import Settings
from yichuang.terminal import complain, say
from yichuang.web_accounts import recorder
from yichuang.web_supervision import Oversight, entry_of

HELP = "电子监察月报：report 2026-11 --out 文件.pdf (the monthly supervision report as PDF)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("month", metavar="MONTH", help="月份，如 2026-11 (the month)")
    parser.add_argument("--out", type=Path, help="写到哪个文件 (where to write it)")
    parser.add_argument("--by", default="", metavar="LOGIN", help="以此人的权限 (as this person)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the report; 0 done, 1 not possible now, 2 wrongly asked or not permitted."""
    cases = open_engine(settings.store_url("cases"), read_only=True)
    web = open_engine(settings.store_url("web"))
    try:
        return _report(args, settings, cases, web)
    except NoMonth as wrong:
        complain(str(wrong))
        return WRONG
    except (StoreUnwritable, PressFailed, GlyphMissing) as away:
        complain(str(away))
        return 1
    finally:
        cases.dispose()
        web.dispose()


def _report(args: argparse.Namespace, settings: Settings, cases: Engine, web: Engine) -> int:
    asked = _asker(args.by, settings, cases, web)
    if isinstance(asked, str):
        complain(asked)
        return WRONG
    who, seen, issuer = asked
    released = joining.released_of(settings, cases)
    oversight = Oversight(cases, released.catalogue, settings.zone, _now)
    html = oversight.report(seen, args.month, issuer)
    press = DocumentPress(released.catalogue, "")
    try:
        content = press.print_html(html)
    finally:
        press.close()
    out: Path = args.out or Path(f"电子监察月报-{args.month}.pdf")
    with web.begin() as connection:
        record(connection, entry_of(who, args.month, content, _now(), Where(svc="cli")))
    out.write_bytes(content)
    say(f"{out}（{len(content)} 字节）")
    return 0


def _asker(
    login: str, settings: Settings, cases: Engine, web: Engine
) -> tuple[Who, Seen, str] | str:
    """Return who asks, over which cases, in words; or a sentence why not."""
    if not login:
        return Who("system", "system"), Seen(true(), lambda _group: True), "全市"
    keys = open_engine(settings.store_url("keys"), read_only=True)
    sealer = joining.sealer_of(settings, joining.vault_of(settings, keys))
    accounts = Accounts(web, Credentials(), recorder(sealer.who, lambda: str(uuid4())))
    there = (one for one in accounts.listing() if one.login == login and one.disabled_at is None)
    found = next(there, None)
    if found is None:
        return f"没有登录名为 {login} 的在用账号"
    actor = found.actor()
    access = joining.access_of(settings, "web", joining.released_of(settings, cases))
    decision = access.decide(actor, "report", Thing("supervision"), _now())
    if not decision.allowed:
        return f"{decision.reason}。{decision.remedy}"
    who = Who(sealer.who(actor.id), "human", org=actor.department or None)
    return who, access.seen(actor, "list"), f"{found.name}权限内的办件"


def _now() -> datetime:
    return datetime.now(UTC)
