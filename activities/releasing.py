"""`release`: proposing, signing and withdrawing a version; what it commits is what has happened.

One transaction per order: the register's row and its entries on the stream of that version's name,
or the entry of a refusal. Keyed by the command id, so that a retry finds what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection, Engine
from temporalio import activity

from activities.entries import STEP
from activities.sealing import Sealer
from audit.entry import EntryDraft, PolicyRef, What, Where, Who, entry_id
from audit.outbox import record_many, recorded
from cases import releases
from cases.database import reading
from cases.messages import Command
from cases.releases import Release, ReleaseRefused
from cases.releasing import (
    BODIES,
    Gate,
    Propose,
    ReleaseAnswer,
    ReleaseOrder,
    Sign,
    Unreadable,
    Withdraw,
    order_digest,
    verbs_of,
)
from cases.settling import RuleForbids

UNNAMED = "-"
"""Name of the stream of refusals that are about no known version."""

Period = tuple[datetime, datetime | None]


Verify = Callable[[Command, datetime, str, str], RuleForbids | None]
"""(command, admitted at, object type, act) → what is wrong with its warrant, expiry included."""


class Releasing:
    """Settles orders to the register. One per worker process; safe in any number of threads."""

    def __init__(
        self,
        engine: Engine,
        sealer: Sealer,
        verify: Verify,
        gates: Mapping[str, Gate],
        period: Callable[[Release], Period],
        now: Callable[[], datetime],
        activated: Callable[[], None],
    ) -> None:
        """`gates` by kind; `period` reads from a version's text when it says that it counts;
        `activated` is called after the commit of a signature."""
        self._engine = engine
        self._sealer = sealer
        self._verify = verify
        self._gates = gates
        self._period = period
        self._now = now
        self._activated = activated

    @activity.defn(name="release")
    def act(self, order: ReleaseOrder) -> ReleaseAnswer:
        """Return the answer to an order, settled now or before. A *no* is an answer.

        Raises when the world is away (`StoreUnwritable`, a busy database): try again.
        """
        command = order.command
        try:
            body = _parsed(command)
            if isinstance(body, Propose):
                return self._propose(order, body)
            with reading(self._engine) as connection:
                known = releases.find(connection, command.case_id)
            self._admit(order, known.kind, known)
            return self._change(command, body)
        except ReleaseRefused as no:
            return self._refuse(command, RuleForbids(no.code, no.reason))
        except RuleForbids as no:
            return self._refuse(command, no)

    # --- the three orders ------------------------------------------------------------------------

    def _propose(self, order: ReleaseOrder, body: Propose) -> ReleaseAnswer:
        self._admit(order, body.kind, None)
        try:
            # The gate runs before the transaction: the engine's trial may take seconds.
            proposal = self._gates[body.kind](body.text)
        except Unreadable as unreadable:
            no = RuleForbids("unreadable", str(unreadable))
            return self._refuse(order.command, no, findings=unreadable.findings)
        at = self._now()
        with self._engine.begin() as connection:
            key = releases.release_id(proposal.kind, proposal.name, proposal.version)
            if releases.exists(connection, key):
                known = releases.find(connection, key)
                return self._taken(connection, order.command, known, proposal.digest)
            _settled(connection, order.command, mine=False)
            kept = releases.propose(connection, proposal, order.command.actor.id, at)
            drafts = (self._entry(order.command, kept, at), self._gated(order.command, kept, at))
            record_many(connection, [(draft, ()) for draft in drafts])
        return _answer(order.command, kept)

    def _taken(
        self, connection: Connection, command: Command, kept: Release, digest: str
    ) -> ReleaseAnswer:
        """Return the answer of an earlier attempt. Raises `ReleaseRefused` for another order."""
        mine = (kept.proposed_by, kept.digest) == (command.actor.id, digest)
        if not _settled(connection, command, mine):
            raise ReleaseRefused(
                "version_taken", f"{kept.name} 的 {kept.version} 版已经登记过；请换一个版本号"
            )
        return _answer(command, kept)

    def _change(self, command: Command, body: Sign | Withdraw) -> ReleaseAnswer:
        at = self._now()
        with self._engine.begin() as connection:
            known = releases.find(connection, command.case_id)
            hand = known.signed_by if isinstance(body, Sign) else known.withdrawn_by
            if _settled(connection, command, hand == command.actor.id):
                return _answer(command, known)
            if isinstance(body, Sign):
                since, until = self._in_force(body, known, at)
                kept = releases.sign(connection, known.id, command.actor.id, at, since, until)
            else:
                kept = releases.withdraw(connection, known.id, command.actor.id, at)
            draft = self._entry(command, kept, at, before=known.row_digest)
            record_many(connection, [(draft, ())])
        self._activated()
        return _answer(command, kept)

    def _in_force(self, body: Sign, known: Release, at: datetime) -> Period:
        own, until = self._period(known)
        since = body.in_force_from
        if since is None:
            return max(own, at), until
        if since < own:
            raise ReleaseRefused(
                "before_its_day", f"不得早于版本自己的生效日期 {own.date()}；请改生效时刻"
            )
        if since < at and not body.retroactive:
            raise ReleaseRefused("retroactive", "生效时刻不得早于签署时刻；确需溯及既往的请写明")
        return since, until

    # --- who, and what was before ----------------------------------------------------------------

    def _admit(self, order: ReleaseOrder, kind: str, known: Release | None) -> None:
        """Raise `RuleForbids` unless the order's warrant is for exactly this act on this kind."""
        verbs, command = verbs_of(kind), order.command
        act = verbs.warranted.get(command.verb)
        if act is None or kind not in self._gates:
            raise RuleForbids("wrong_verb", f"不能对「{kind}」类版本这样办理", "", "verb")
        fault = self._verify(command, order.admitted_at, verbs.object_type, act)
        if fault is not None:
            raise fault
        if command.actor.on_behalf:
            # Or one person could propose through a deputy and sign in person.
            raise RuleForbids("no_deputy", "版本的提交与签署须由本人办理，不得代理")
        if known is not None and command.verb == verbs.withdraw:
            _insist_own(command, known)

    # --- entries ---------------------------------------------------------------------------------

    def _refuse(
        self, command: Command, no: RuleForbids, findings: Sequence[str] = ()
    ) -> ReleaseAnswer:
        """Write the refusal's entry and return it; nothing of the text goes into the log."""
        at = self._now()
        with self._engine.begin() as connection:
            known = None
            if releases.exists(connection, command.case_id):
                known = releases.find(connection, command.case_id)
            draft = EntryDraft(
                id=entry_id(command.id, f"refused:{no.code}:{order_digest(command)}"),
                stream=stream_of(known) if known else f"release:{UNNAMED}",
                at=at,
                who=self._who(command),
                act=command.verb,
                obj=What("release", command.case_id),
                res="deny",
                why=no.code,
                where=_where(command),
                pol=_policy(command),
            )
            record_many(connection, [(draft, ())])
        return ReleaseAnswer(
            command_id=command.id,
            order_digest=order_digest(command),
            status="refused",
            release=known.id if known else "",
            findings=tuple(findings),
            code=no.code,
            reason=no.reason,
            basis=no.basis,
        )

    def _entry(
        self, command: Command, kept: Release, at: datetime, before: str | None = None
    ) -> EntryDraft:
        """Return the entry of an order that was done: `after` binds the register's row."""
        return EntryDraft(
            id=entry_id(command.id, STEP),
            stream=stream_of(kept),
            at=at,
            who=self._who(command),
            act=command.verb,
            obj=What("release", kept.id, kept.version, kept.digest),
            where=_where(command),
            before=before,
            after=kept.row_digest,
            pol=_policy(command),
        )

    def _gated(self, command: Command, kept: Release, at: datetime) -> EntryDraft:
        """Return the entry of what the gate found."""
        failed = [check.name for check in kept.gate if not check.passed]
        entry = replace(
            self._entry(command, kept, at),
            id=entry_id(command.id, "gate"),
            who=Who("system", "system"),
            act="release_gate",
            where=None,
            pol=None,
        )
        return replace(entry, res="deny", why="、".join(failed)) if failed else entry

    def _who(self, command: Command) -> Who:
        actor, warrant = command.actor, command.warrant
        return Who(
            id=self._sealer.who(actor.id),
            kind=actor.kind,
            org=(warrant.department if warrant else "") or actor.department or None,
            role=(warrant.role if warrant else "") or None,
            on_behalf=self._sealer.who(actor.on_behalf) if actor.on_behalf else None,
        )


def stream_of(release: Release) -> str:
    """Return the stream of all versions of that name."""
    return f"release:{release.kind}:{release.name}"


def seeded(release: Release, at: datetime) -> EntryDraft:
    """Return the entry of a version that came with the program."""
    return EntryDraft(
        id=entry_id(release.id, "seed"),
        stream=stream_of(release),
        at=at,
        who=Who("system", "system"),
        act="release_seed",
        obj=What("release", release.id, release.version, release.digest),
        after=release.row_digest,
    )


def _parsed(command: Command) -> Propose | Sign | Withdraw:
    model = BODIES.get(command.verb)
    if model is None:
        raise RuleForbids("unknown_verb", f"没有「{command.verb}」这种办理", "", "verb")
    try:
        body = model.model_validate(command.body)
    except ValidationError as malformed:
        first = malformed.errors()[0]
        path = ".".join(str(part) for part in ("body", *first["loc"]))
        raise RuleForbids("malformed", f"内容不合格式：{first['msg']}", "", path) from malformed
    assert isinstance(body, Propose | Sign | Withdraw)
    return body


def _settled(connection: Connection, command: Command, mine: bool) -> bool:
    """Whether an earlier attempt of this very order has committed; `mine`: its trace is there.

    Raises `ReleaseRefused` where the id belongs to another order.
    """
    if recorded(connection, entry_id(command.id, STEP)) is None:
        return False
    if not mine:
        raise ReleaseRefused("id_reused", "这个命令编号已用于另一命令，请换新编号")
    return True


def _insist_own(command: Command, known: Release) -> None:
    if known.proposed_by != command.actor.id:
        raise RuleForbids("not_own", "只有提出人可以撤回提案")


def _answer(command: Command, kept: Release) -> ReleaseAnswer:
    return ReleaseAnswer(
        command_id=command.id,
        order_digest=order_digest(command),
        status="done",
        release=kept.id,
        state=kept.state,
        in_force_from=kept.in_force_from,
        findings=kept.findings,
    )


def _where(command: Command) -> Where:
    return Where(ip=command.source.ip or None, svc=command.source.door)


def _policy(command: Command) -> PolicyRef | None:
    warrant = command.warrant
    return PolicyRef(warrant.row, "allow", warrant.policy) if warrant else None
