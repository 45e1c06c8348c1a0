"""`yichuang rules activate`: propose a version, sign its dossier, activate it as another person.

Every order goes through the same door as the pages', under the person's own name and password: the
operator of a machine is nobody of the register.
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from cases import releases
from cases.accounts import Place
from cases.database import open_engine, reading
from cases.messages import Source
from cases.reception import NotNow
from cases.releases import Release, ReleaseRefused
from cases.releasing import Propose, ReleaseAnswer, Sign, Unreadable
from yichuang import joining, temporal
from yichuang.as_person import NotLetIn, Person, as_person
from yichuang.keyring import KeyMissing
from yichuang.refusals import RefusalLog
from yichuang.release_door import ReleaseDoor
from yichuang.settings import Settings
from yichuang.simulation_ground import is_pack, text_of
from yichuang.terminal import complain, say, say_json

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
        "--password-stdin",
        action="store_true",
        help="口令、动态码各一行取自标准输入 (password, then code, on stdin)",
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
    try:
        with as_person(settings, args.login, PLACE, stdin=args.password_stdin) as person:
            answer = asyncio.run(_ordered(args, settings, person, text))
    except NotLetIn as no:
        complain(str(no))
        return REFUSED
    except (Unreadable, ReleaseRefused, KeyMissing) as wrong:
        complain(str(wrong))
        return WRONG
    except NotNow as away:
        complain(str(away))
        return REFUSED
    return _say(args, answer)


async def _ordered(
    args: argparse.Namespace, settings: Settings, person: Person, text: str
) -> ReleaseAnswer:
    source = Source(door="web", session=person.session)
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
            return await door.propose(person.actor, source, str(uuid4()), body)
        with reading(cases) as connection:
            known = releases.find(connection, args.what)
        return await _signed(args, person, door, source, known)
    finally:
        for engine in (cases, web, keys):
            engine.dispose()


async def _signed(
    args: argparse.Namespace, person: Person, door: ReleaseDoor, source: Source, known: Release
) -> ReleaseAnswer:
    """Sign the dossier of one's own proposal, or activate another's."""
    if known.proposed_by == person.actor.id:
        return await door.endorse(person.actor, source, str(uuid4()), known.id, args.dossier)
    body = Sign(dossier=args.dossier, in_force_from=args.since)
    return await door.sign(person.actor, source, str(uuid4()), known.id, body)


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
