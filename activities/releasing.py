"""`release`: proposing, signing, withdrawing, revoking a version; what it commits has happened.

One transaction per order: the register's row and its entries on the stream of that version's name,
or the entry of a refusal. Keyed by the command id, so that a retry finds what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from pydantic import ValidationError
from sqlalchemy import Connection, Engine
from temporalio import activity

from activities.entries import STEP, here
from activities.forging import Forgeries
from activities.looking_ahead import Ahead
from activities.sealing import Sealer
from activities.trials import Trials, signed_on
from audit.entry import EntryDraft, PolicyRef, What, Where, Who, entry_id
from audit.outbox import record_many, recorded
from cases import releases, retiming
from cases.approval import WORKING_DAYS
from cases.approval.articles import SUPERVISION
from cases.database import reading
from cases.dossier_rows import KeptDossier
from cases.messages import Command
from cases.releases import Proposal, Release, ReleaseRefused
from cases.releasing import (
    ASK_REVOCATION,
    BODIES,
    ENDORSE,
    LOOK_AHEAD,
    REVOKE,
    AskRevocation,
    Endorse,
    Gate,
    LookAhead,
    Propose,
    ReleaseAnswer,
    ReleaseOrder,
    Revoke,
    Sign,
    Simulate,
    Unreadable,
    Withdraw,
    moves_cases,
    order_digest,
    verbs_of,
)
from cases.retiming import Direction, Preview, RetimingCause
from cases.settling import Forged, RuleForbids
from catalogue.matters import Matter

EVERYWHERE = "*"
"""Department of what counts in the whole city: as grants write it."""

UNNAMED = "-"
"""Name of the stream of refusals that are about no known version."""

Period = tuple[datetime, datetime | None]
_Change = Sign | Withdraw | AskRevocation | Revoke | Endorse


Verify = Callable[[Command, datetime, str, str], RuleForbids | None]
"""(command, admitted at, object type, act) → what is wrong with its warrant, expiry included."""

Again = Callable[[Command, str, str, str, str], RuleForbids | None]
"""(command, object type, act, who proposed the object, its department) → what policy says against
it now; None: nothing. Raises when that cannot be known: try again."""


class Releasing:
    """Settles orders to the register. One per worker process; safe in any number of threads."""

    def __init__(
        self,
        engine: Engine,
        sealer: Sealer,
        verify: Verify,
        again: Again,
        forgeries: Forgeries,
        gates: Mapping[str, Gate],
        period: Callable[[Release], Period],
        now: Callable[[], datetime],
        activated: Callable[[], None],
        ahead: Mapping[str, Ahead],
        trials: Trials,
    ) -> None:
        """`gates` by kind; `period` reads from a version's text when it says that it counts;
        `activated` is called after the commit of a signature; `ahead` makes previews, by kind;
        `trials` says what must have been tried over the past."""
        self._engine = engine
        self._sealer = sealer
        self._verify = verify
        self._again = again
        self._forgeries = forgeries
        self._gates = gates
        self._period = period
        self._now = now
        self._activated = activated
        self._ahead = ahead
        self._trials = trials

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
            if isinstance(body, LookAhead):
                return self._look_ahead(command, known, body.direction)
            if isinstance(body, Simulate):
                return self._simulate(order, known, body)
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
        self._insist_department(order.command, proposal)
        made = None
        ahead = self._ahead_of(proposal)
        if ahead is not None and all(check.passed for check in proposal.gate):
            made = ahead.preview(order.command.id, proposal, "apply")
            proposal = replace(proposal, gate=(*proposal.gate, ahead.check(made)))
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
        return self._with_preview(self._to_try(_answer(order.command, kept), kept), kept, made)

    def _simulate(self, order: ReleaseOrder, known: Release, body: Simulate) -> ReleaseAnswer:
        """Have the dossier made anew. The dossier has its own entry."""
        if known.state != "proposed" or not known.needs_dossier:
            raise ReleaseRefused("nothing_to_try", "这个版本不在待签署之列，或不需要卷宗")
        wanted = self._trials.order(order.command.id, known, order.admitted_at, body.months)
        return _answer(order.command, known).model_copy(update={"simulation": wanted})

    def _to_try(self, answer: ReleaseAnswer, kept: Release) -> ReleaseAnswer:
        """Return the answer to a proposal with what is to be tried over the past, if anything."""
        if not kept.needs_dossier or not kept.passed:
            return answer
        wanted = self._trials.order(answer.command_id, kept, kept.proposed_at)
        return answer.model_copy(update={"simulation": wanted})

    def _look_ahead(self, command: Command, known: Release, direction: Direction) -> ReleaseAnswer:
        """Make the preview anew. Changes nothing that counts, so it leaves no entry."""
        wanted = "proposed" if direction == "apply" else "active"
        if known.state != wanted:
            raise ReleaseRefused("nothing_to_see", "这个版本现在不能签署，也就没有将变动的期限")
        ahead = self._ahead_of(known)
        assert ahead is not None  # `_admit` let no other in
        return self._with_preview(
            _answer(command, known), known, ahead.preview(command.id, known, direction)
        )

    def _taken(
        self, connection: Connection, command: Command, kept: Release, digest: str
    ) -> ReleaseAnswer:
        """Return the answer of an earlier attempt. Raises `ReleaseRefused` for another order."""
        mine = (kept.proposed_by, kept.digest) == (command.actor.id, digest)
        if not _settled(connection, command, mine):
            raise ReleaseRefused(
                "version_taken", f"{kept.name} 的 {kept.version} 版已经登记过；请换一个版本号"
            )
        newest = retiming.newest(connection, kept.id, kept.digest, "apply")
        return self._with_preview(self._to_try(_answer(command, kept), kept), kept, newest)

    def _change(self, command: Command, body: _Change) -> ReleaseAnswer:
        preview, at = self._looked_at(command, body), self._now()
        with self._engine.begin() as connection:
            known = releases.find(connection, command.case_id)
            if _settled(connection, command, _hand(known, body) == command.actor.id):
                return self._going(_answer(command, known), connection, known, body)
            tried = self._tried(connection, body, known, at)
            kept = self._changed(connection, command, body, known, at)
            drafts = [self._entry(command, kept, at, before=known.row_digest)]
            if tried is not None:
                drafts.append(signed_on(drafts[0], command.id, kept, tried))
            if preview is not None:
                retiming.order(connection, preview.id, at)
                drafts.append(self._previewed(command, kept, preview, at))
            record_many(connection, [(draft, ()) for draft in drafts])
            answer = self._going(_answer(command, kept), connection, kept, body)
        self._activated()
        if isinstance(body, AskRevocation):
            # Whoever is asked to agree must see what would move back.
            ahead = self._ahead_of(kept)
            assert ahead is not None  # nothing else can be revoked
            made = ahead.preview(command.id, kept, "revert")
            answer = self._with_preview(answer, kept, made)
        return answer

    def _changed(
        self, connection: Connection, command: Command, body: _Change, known: Release, at: datetime
    ) -> Release:
        by = command.actor.id
        match body:
            case Sign():
                since, until = self._in_force(body, known, at)
                return releases.sign(connection, known.id, by, at, since, until)
            case Withdraw():
                return releases.withdraw(connection, known.id, by, at)
            case AskRevocation():
                return releases.ask_revocation(connection, known.id, by, at, body.reason)
            case Revoke():
                return releases.revoke(connection, known.id, by, at)
            case Endorse():
                return releases.endorse(connection, known.id, by, at, body.dossier)
            case _:
                assert_never(body)

    def _tried(
        self, connection: Connection, body: _Change, known: Release, at: datetime
    ) -> KeptDossier | None:
        """Return the dossier that this signature is on. Raises `ReleaseRefused`."""
        if known.state != "proposed":
            return None  # the register says its own no
        if isinstance(body, Endorse) and known.needs_dossier:
            return self._trials.insist(connection, known, body.dossier, at)
        if isinstance(body, Sign):
            return self._trials.insist_endorsed(connection, known, body.dossier, at)
        return None

    def _looked_at(self, command: Command, body: _Change) -> Preview | None:
        """Return the preview that this signature is on; None where none is needed.

        Raises `ReleaseRefused` where the signer has not seen the newest, or another calendar has
        come into force since it was made. Rules signed without it get one as of now.
        """
        with reading(self._engine) as connection:
            known = releases.find(connection, command.case_id)
            ahead = self._ahead_of(known)
            if ahead is None or not isinstance(body, Sign | Revoke):
                return None
            if recorded(connection, entry_id(command.id, STEP)) is not None:
                return None  # an earlier attempt has committed
            direction: Direction = "apply" if isinstance(body, Sign) else "revert"
            preview = retiming.newest(connection, known.id, known.digest, direction)
        if (known.signed_by and direction == "apply") or not known.passed:
            return None  # the register says its own no
        if not ahead.insists and not body.preview:
            if preview is None or not ahead.is_current(preview, known):
                preview = ahead.preview(command.id, known, direction)
            return preview
        if preview is None or body.preview != preview.digest:
            raise ReleaseRefused(
                "preview_stale", "签署前须先看将变动的期限：所看的清单不是最新的，请重新查看"
            )
        if not ahead.is_current(preview, known):
            what = "规则" if known.kind == "rules" else "日历"
            raise ReleaseRefused(
                "preview_stale", f"预览之后现行{what}已经变了，请重新预览并查看将变动的期限"
            )
        return preview

    def _ahead_of(self, one: Proposal | Release) -> Ahead | None:
        """Return what makes previews of a version; None: it moves nothing in open cases."""
        return self._ahead[one.kind] if moves_cases(one.kind, one.name) else None

    def _with_preview(
        self, answer: ReleaseAnswer, kept: Release, preview: Preview | None
    ) -> ReleaseAnswer:
        ahead = self._ahead_of(kept)
        if preview is None or ahead is None:
            return answer
        return answer.model_copy(update={"preview": preview.digest, "moves": ahead.words(preview)})

    def _going(
        self, answer: ReleaseAnswer, connection: Connection, kept: Release, body: _Change
    ) -> ReleaseAnswer:
        """Return the answer with what the order has set going, the same for every attempt."""
        if not isinstance(body, Sign | Revoke):
            return answer
        direction: Direction = "apply" if isinstance(body, Sign) else "revert"
        preview = retiming.ordered(connection, kept.id, direction)
        at = kept.in_force_from if direction == "apply" else kept.revoked_at
        if preview is None or at is None:
            return answer
        cause = RetimingCause(
            id=answer.command_id,
            kind="rules" if kept.kind == "rules" else "calendar",
            release=kept.id,
            preview=preview.id,
            name=preview.name,
            version=preview.to_version,
            calendars=preview.calendars,
            first=preview.first,
            at=at,
            article=SUPERVISION if kept.kind == "rules" else WORKING_DAYS,
            reason=kept.revoke_reason if direction == "revert" else "",
        )
        going = answer.model_copy(update={"retiming": cause})
        return self._with_preview(going, kept, preview)

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
        looks = command.verb in (LOOK_AHEAD, ASK_REVOCATION, REVOKE)
        if looks and known is not None and self._ahead_of(known) is None:
            raise RuleForbids(
                "wrong_verb",
                "在办件沿用收件时的规则，这类规则不预览、不撤销；请另提新版本",
                "",
                "verb",
            )
        fault = self._verify(command, order.admitted_at, verbs.object_type, act)
        if fault is not None:
            raise fault
        if command.actor.on_behalf:
            # Or one person could propose through a deputy and sign in person.
            raise RuleForbids("no_deputy", "版本的提交与签署须由本人办理，不得代理")
        if self._done(command):
            return  # an earlier attempt has committed: its answer stands
        no = self._again(command, verbs.object_type, act, _first_hand(command, known), "")
        if no is not None:
            raise no
        if known is not None and command.verb in (verbs.withdraw, ENDORSE):
            _insist_own(command, known)

    def _insist_department(self, command: Command, proposal: Proposal) -> None:
        """Raise `RuleForbids` unless the author drafts for the department whose version it is.

        A matter is its implementing department's: of the text, and of the version that counts, or
        one department could take another's matter. What is the whole city's is nobody's own.
        """
        if proposal.kind == "policy" or self._done(command):
            return
        departments = {EVERYWHERE}
        if proposal.kind == "matter":
            departments = {_department(proposal.content)}
            with reading(self._engine) as connection:
                known = releases.active(connection, "matter", proposal.name, self._now())
            if known is not None:
                departments.add(_department(known.content))
        verbs = verbs_of(proposal.kind)
        for department in sorted(departments):
            no = self._again(command, verbs.object_type, verbs.propose, "", department)
            if no is not None:
                raise no

    def _done(self, command: Command) -> bool:
        with reading(self._engine) as connection:
            return recorded(connection, entry_id(command.id, STEP)) is not None

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
                wf=here(),
            )
            record_many(connection, [(draft, ())])
            if isinstance(no, Forged):
                self._forgeries.alarm(connection, "release", command.case_id, command, no, at)
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
            wf=here(),
        )

    def _previewed(
        self, command: Command, kept: Release, preview: Preview, at: datetime
    ) -> EntryDraft:
        """Return the entry of what the signer had seen: the digest of the list and its counts."""
        versions = f"{preview.from_version} -> {preview.to_version}"
        return replace(
            self._entry(command, kept, at),
            id=entry_id(command.id, "preview"),
            act="release_previewed",
            obj=What("retiming", preview.id, versions, preview.digest),
            why=self._said(kept, preview),
            after=None,
        )

    def _said(self, kept: Release, preview: Preview) -> str:
        ahead = self._ahead_of(kept)
        return preview.counts.words if ahead is None else ahead.words(preview)

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


def _parsed(command: Command) -> Propose | LookAhead | Simulate | _Change:
    model = BODIES.get(command.verb)
    if model is None:
        raise RuleForbids("unknown_verb", f"没有「{command.verb}」这种办理", "", "verb")
    try:
        body = model.model_validate(command.body)
    except ValidationError as malformed:
        first = malformed.errors()[0]
        path = ".".join(str(part) for part in ("body", *first["loc"]))
        raise RuleForbids("malformed", f"内容不合格式：{first['msg']}", "", path) from malformed
    assert isinstance(body, Propose | LookAhead | Simulate | _Change)
    return body


def _department(content: str) -> str:
    """Return whose matter a version is."""
    return Matter.model_validate_json(content).department


def _hand(known: Release, body: _Change) -> str:
    """Return who has done this to the version, if anybody has."""
    match body:
        case Sign():
            return known.signed_by
        case Withdraw():
            return known.withdrawn_by
        case AskRevocation():
            return known.revoke_asked_by
        case Revoke():
            return known.revoked_by
        case Endorse():
            return known.endorsed_by
        case _:
            assert_never(body)


def _settled(connection: Connection, command: Command, mine: bool) -> bool:
    """Whether an earlier attempt of this very order has committed; `mine`: its trace is there.

    Raises `ReleaseRefused` where the id belongs to another order.
    """
    if recorded(connection, entry_id(command.id, STEP)) is None:
        return False
    if not mine:
        raise ReleaseRefused("id_reused", "这个命令编号已用于另一命令，请换新编号")
    return True


def _first_hand(command: Command, known: Release | None) -> str:
    """Return who proposed what this order is about: of a revocation, who asked for it."""
    if known is None:
        return ""
    return (known.revoke_asked_by if command.verb == REVOKE else known.proposed_by) or ""


def _insist_own(command: Command, known: Release) -> None:
    if known.proposed_by != command.actor.id:
        raise RuleForbids("not_own", "只有提出人可以撤回提案、先签卷宗")


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
