"""`yichuang rules activate`: propose a version, sign its dossier, activate it as another person.

Every order goes through the same door as the pages', under the person's own name and password: the
operator of a machine is nobody of the register.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from cases import releases
from cases.accounts import Place
from cases.database import open_engine, reading
from cases.messages import Actor, Source
from cases.reception import NotNow
from cases.releases import Release, ReleaseRefused
from cases.releasing import Propose, ReleaseAnswer, Sign, Unreadable
from cases.sign_in import Refused, SignIn
from policies.identity import Credentials
from yichuang import joining, temporal
from yichuang.keyring import KeyMissing
from yichuang.refusals import RefusalLog
from yichuang.release_door import ReleaseDoor
from yichuang.settings import Settings
from yichuang.simulation_ground import is_pack, text_of
from yichuang.terminal import complain, say, say_json
from yichuang.web_accounts import recorder

HELP = "提出新版本、签署卷宗、启用：本人登录，二人各签 (propose, sign the dossier, activate)"

WRONG = 2
REFUSED = 1
PLACE = Place(agent="yichuang rules activate")


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        metavar="FILE|RELEASE",
        help="YAML 文件则提出新版本；版本编号则签署 (a text to propose, or a version's id to sign)",
    )
    parser.add_argument("--as", dest="login", required=True, metavar="LOGIN", help="登录名 (who)")
    parser.add_argument(
        "--dossier", default="", metavar="DIGEST", help="所签卷宗的摘要 (digest of what was seen)"
    )
    parser.add_argument(
        "--from",
        dest="since",
        type=datetime.fromisoformat,
        metavar="INSTANT",
        help="自何时生效，带时区 (in force from; default: the version's own first day)",
    )
    parser.add_argument(
        "--password-stdin", action="store_true", help="口令取自标准输入 (password on stdin)"
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what is asked as that person; 0 done, 1 refused or not known yet, 2 wrongly asked."""
    if args.since is not None and args.since.tzinfo is None:
        complain("--from 须带时区，如 2026-12-01T00:00:00+08:00")
        return WRONG
    path = Path(args.what)
    try:
        text = text_of(path) if path.is_file() else ""
    except Unreadable as wrong:
        complain(str(wrong))
        return WRONG
    typed = sys.stdin.readline() if args.password_stdin else getpass.getpass("口令：")
    password = typed.rstrip("\n")
    try:
        with _signed_in(settings, args.login, password) as way:
            answer = asyncio.run(_ordered(args, way, text))
    except _NotLetIn as no:
        complain(str(no))
        return REFUSED
    except (Unreadable, ReleaseRefused, KeyMissing) as wrong:
        complain(str(wrong))
        return WRONG
    except NotNow as away:
        complain(str(away))
        return REFUSED
    return _say(args, answer)


class _NotLetIn(Exception):
    """Login or password is wrong, or the account is locked."""


@dataclass(frozen=True)
class _Way:
    settings: Settings
    actor: Actor
    session: str


@contextmanager
def _signed_in(settings: Settings, login: str, password: str) -> Iterator[_Way]:
    """Sign in as a person does at the page, and out again; both are entries."""
    web = open_engine(settings.store_url("web"))
    keys = open_engine(settings.store_url("keys"), read_only=True)
    try:
        sealer = joining.sealer_of(settings, joining.vault_of(settings, keys))
        entrance = SignIn(web, Credentials(), recorder(sealer.who, lambda: str(uuid4())))
        opened = entrance.sign_in(login, password, datetime.now(UTC), PLACE)
        if isinstance(opened, Refused):
            raise _NotLetIn(opened.reason)
        try:
            if opened.session.must_change:
                raise _NotLetIn("口令已过期，请先在网页上修改")
            yield _Way(settings, opened.session.actor, opened.session.id)
        finally:
            entrance.sign_out(opened.secret, datetime.now(UTC), PLACE)
    finally:
        web.dispose()
        keys.dispose()


async def _ordered(args: argparse.Namespace, way: _Way, text: str) -> ReleaseAnswer:
    settings, source = way.settings, Source(door="web", session=way.session)
    cases = open_engine(settings.store_url("cases"), read_only=True)
    web = open_engine(settings.store_url("web"))
    keys = open_engine(settings.store_url("keys"), read_only=True)
    try:
        released = joining.released_of(settings, cases)
        sealer = joining.sealer_of(settings, joining.vault_of(settings, keys))
        door = ReleaseDoor(
            await temporal.connect(settings, lazy=True),
            settings.temporal_task_queue,
            access=joining.access_of(settings, "web", released),
            engine=cases,
            refusals=RefusalLog(web, "web", sealer.who),
        )
        if text:
            body = Propose(kind="rules" if is_pack(text) else "matter", text=text)
            return await door.propose(way.actor, source, str(uuid4()), body)
        with reading(cases) as connection:
            known = releases.find(connection, args.what)
        return await _signed(args, way, door, source, known)
    finally:
        for engine in (cases, web, keys):
            engine.dispose()


async def _signed(
    args: argparse.Namespace, way: _Way, door: ReleaseDoor, source: Source, known: Release
) -> ReleaseAnswer:
    """Sign the dossier of one's own proposal, or activate another's."""
    if known.proposed_by == way.actor.id:
        return await door.endorse(way.actor, source, str(uuid4()), known.id, args.dossier)
    body = Sign(dossier=args.dossier, in_force_from=args.since)
    return await door.sign(way.actor, source, str(uuid4()), known.id, body)


def _say(args: argparse.Namespace, answer: ReleaseAnswer) -> int:
    if args.json:
        shown = {"status", "release", "state", "dossier", "code", "reason", "findings"}
        say_json(answer.model_dump(mode="json", include=shown))
        return 0 if answer.status == "done" else REFUSED
    for finding in answer.findings:
        say(finding)
    if answer.status == "refused":
        complain(answer.reason)
        return REFUSED
    say(f"版本 {answer.release} {answer.state}")
    if answer.dossier:
        say(f"卷宗摘要 {answer.dossier}")
        say("下一步：提出人看过卷宗后以 --dossier 签署，再由另一人以同一摘要签署启用")
    return 0
