"""A change of the policy from the terminal: proposed by one person, approved by another.

Every order goes through the same door as the pages', under the person's own name, password and
second factor: the operator of a machine is nobody of the register.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from cases.accounts import Place
from cases.database import open_engine
from cases.messages import Source
from cases.reception import NotNow
from cases.releases import ReleaseRefused
from cases.releasing import Propose, ReleaseAnswer, Sign
from yichuang import joining, temporal
from yichuang.as_person import NotLetIn, Person, as_person
from yichuang.keyring import KeyMissing
from yichuang.refusals import RefusalLog
from yichuang.release_door import ReleaseDoor
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

REFUSED, WRONG = 1, 2

Order = Callable[[ReleaseDoor, Person, Source], Awaitable[ReleaseAnswer]]


def add(parser: argparse.ArgumentParser) -> None:
    """Add the words by which a command is told who asks."""
    parser.add_argument("--as", dest="login", required=True, metavar="LOGIN", help="登录名 (who)")
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help="口令、动态码各一行取自标准输入 (password, then code, on stdin)",
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def propose(text: str) -> Order:
    """Return the order that has the text proved and registered."""

    async def order(door: ReleaseDoor, person: Person, source: Source) -> ReleaseAnswer:
        body = Propose(kind="policy", text=text)
        return await door.propose(person.actor, source, str(uuid4()), body)

    return order


def approve(release: str) -> Order:
    """Return the order that puts another person's proposal in force."""

    async def order(door: ReleaseDoor, person: Person, source: Source) -> ReleaseAnswer:
        return await door.sign(person.actor, source, str(uuid4()), release, Sign())

    return order


def done(args: argparse.Namespace, settings: Settings, order: Order, agent: str) -> int:
    """Do it as that person; 0 done, 1 refused, blocked or not known yet, 2 wrongly asked."""
    try:
        with as_person(
            settings, args.login, Place(agent=agent), stdin=args.password_stdin
        ) as person:
            answer = asyncio.run(_at_the_door(settings, person, order))
    except (ReleaseRefused, KeyMissing) as wrong:
        complain(str(wrong))
        return WRONG
    except (NotLetIn, NotNow) as no:
        complain(str(no))
        return REFUSED
    return _say(args, answer)


async def _at_the_door(settings: Settings, person: Person, order: Order) -> ReleaseAnswer:
    source = Source(door="web", session=person.session)
    cases = open_engine(settings.store_url("cases"), read_only=True)
    web = open_engine(settings.store_url("web"))
    keys = open_engine(settings.store_url("keys"), read_only=True)
    try:
        sealer = joining.sealer_of(settings, joining.vault_of(settings, keys))
        door = ReleaseDoor(
            await temporal.connect(settings, lazy=True),
            settings.temporal_task_queue,
            access=joining.access_of(settings, "web", joining.released_of(settings, cases)),
            engine=cases,
            refusals=RefusalLog(web, "web", sealer.who),
        )
        return await order(door, person, source)
    finally:
        for engine in (cases, web, keys):
            engine.dispose()


def _say(args: argparse.Namespace, answer: ReleaseAnswer) -> int:
    well = answer.status == "done" and answer.state != "blocked"
    if args.json:
        shown = {"status", "release", "state", "code", "reason", "findings"}
        say_json(answer.model_dump(mode="json", include=shown))
        return 0 if well else REFUSED
    for finding in answer.findings:
        say(finding)
    if answer.status == "refused":
        complain(answer.reason)
        return REFUSED
    words = {"proposed": "待另一名安全管理员批准", "blocked": "检查未过", "active": "已批准并生效"}
    say(f"版本 {answer.release} {words.get(answer.state, answer.state)}")
    return 0 if well else REFUSED
