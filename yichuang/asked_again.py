"""Policy, asked once more where an order is settled: for the actor as they stand now.

A warrant says what a door was told. Between the door and the rows an account may have been closed,
a role taken back, a clearance lowered, another policy put in force: what counts is what is so when
the order is settled (docs/decisions/0019). Nobody gains by waiting: what was not claimed at the
door is not given here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cases.facts import CaseFacts
from cases.incidents.messages import OF_CASES, UNKNOWN_CASE, case_of, department_of
from cases.incidents.state import IncidentState
from cases.messages import OF_LAW, Actor, Command, File
from cases.projects.state import ProjectState
from cases.published import OPEN_LEVEL
from cases.queries import facts_of
from cases.settling import RuleForbids
from cases.standing import CLOSED, ENDED, Standings, present
from cases.state import CaseState
from catalogue.load import Catalogue, MatterUnknown
from policies.access import STALE, Access, Decision, Thing
from policies.policy import PolicyStale
from yichuang.incident_door import thing_of
from yichuang.project_door import department_of as department_for
from yichuang.project_door import project_thing
from yichuang.reception import future_facts

RECIPIENTS: Final[Mapping[str, str]] = {
    "copy_to": "to",
    "transfer": "to",
    "add_signer": "signer",
    "assign_inspectors": "inspectors",
    "start_procedure": "host",
}
"""Verbs that bring a case before somebody → the field of the body that names them."""


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """Asks for cases, versions and payments alike. Safe in any number of threads."""

    access: Access
    standings: Standings
    catalogue: Callable[[], Catalogue]
    now: Callable[[], datetime]
    case: Callable[[str], CaseFacts | None]
    """What policy may know of a case, by its id; None: there is none."""

    def of_case(self, command: Command, state: CaseState | None) -> RuleForbids | None:
        """Return what speaks against an order to a case now; None: nothing. An order of the law
        has its article and no grants.

        Raises when accounts or policy cannot be read: `DBAPIError`, `OSError`, `PolicyStale`.
        """
        if command.verb in OF_LAW:
            return None
        try:
            about = facts_of(state) if state is not None else self._future(command)
            return self._asked(command, about, command.verb) or self._written_down(command, about)
        except RuleForbids as no:
            return no

    def of_incident(self, command: Command, state: IncidentState | None) -> RuleForbids | None:
        """Return what speaks against an order to an incident now, as `of_case`."""
        about = thing_of(command.case_id, state, department_of(command), command.verb)
        try:
            return self._asked(command, about, command.verb) or self._may_read_case(command)
        except RuleForbids as no:
            return no

    def of_project(self, command: Command, state: ProjectState | None) -> RuleForbids | None:
        """Return what speaks against an order to a project now, as `of_case`."""
        try:
            about = project_thing(command.case_id, state, department_for(command))
            return self._asked(command, about, command.verb)
        except RuleForbids as no:
            return no

    def of_thing(
        self, command: Command, object_type: str, act: str, proposed_by: str, department: str
    ) -> RuleForbids | None:
        """Return what speaks against an order to something that is no case, as `of_case`."""
        about = Thing(object_type, command.case_id, proposed_by=proposed_by, department=department)
        try:
            return self._asked(command, about, act)
        except RuleForbids as no:
            return no

    def _may_read_case(self, command: Command) -> RuleForbids | None:
        """Return what speaks against the case that an order to an incident names: it is read by
        whoever links it. A case that is not there and one that is not theirs are one."""
        if command.verb not in OF_CASES:
            return None
        about = self.case(case_of(command))
        no = RuleForbids("unknown_case", UNKNOWN_CASE, "", "body.case")
        return no if about is None else no if self._asked(command, about, "read") else None

    def _asked(self, command: Command, about: CaseFacts | Thing, act: str) -> RuleForbids | None:
        actor = self._present(command)
        decision = self.access.again(command, actor, about, act, self.now())
        if decision.allowed:
            return None
        if decision.code == STALE:
            raise PolicyStale(decision.reason)
        return _no(decision, lost=actor != command.actor)

    def _written_down(self, command: Command, about: CaseFacts) -> RuleForbids | None:
        """Return what speaks against whom the order brings the case to: nothing is written down.

        A name that is no account has no clearance: a department, somebody outside.
        """
        field = RECIPIENTS.get(command.verb, "")
        named = command.body.get(field) or ()
        for one in (named,) if isinstance(named, str) else tuple(named):
            if not self._is_cleared(str(one), about):
                return RuleForbids(
                    "label",
                    f"不能交给 {one}：其许可级别或范畴不及本件的敏感标记（{about.label_level} 级"
                    f"{'、'.join(about.compartments)}），不得下传",
                    "GB/T 22239-2019 8.1.4.2 g",
                    field,
                )
        return None

    def _is_cleared(self, user: str, about: CaseFacts) -> bool:
        held = self.standings.of(user, self.now())
        if held is None:
            return about.label_level <= OPEN_LEVEL and not about.compartments
        return held.clearance >= about.label_level and held.compartments >= set(about.compartments)

    def _present(self, command: Command) -> Actor:
        claimed = command.actor
        held = self.standings.of(claimed.id, self.now())
        if held is None:
            raise RuleForbids(CLOSED, "没有这个账号，本命令不予办理", "", "actor")
        if not claimed.on_behalf:
            return present(claimed, held, held.grants)
        lent = self.standings.delegated(claimed.id, claimed.on_behalf, self.now())
        if not lent:
            raise RuleForbids(ENDED, "代理关系已经结束或不存在，本命令不予办理", "", "actor")
        return present(claimed, held, lent)

    def _future(self, command: Command) -> CaseFacts:
        body = command.parsed()
        if not isinstance(body, File):
            raise RuleForbids("unknown_case", "没有这个办件，请核对编号", "", "case_id")
        catalogue = self.catalogue()
        try:
            matter = (
                catalogue.matter(body.matter, body.version)
                if body.version
                else catalogue.matter_at(body.matter, command.occurred_at)
            )
        except MatterUnknown as unknown:
            raise RuleForbids("unknown_matter", str(unknown), "", "body.matter") from unknown
        return future_facts(command.case_id, matter, command.actor)


def _no(decision: Decision, *, lost: bool) -> RuleForbids:
    """Return the refusal; where something was taken from the actor meanwhile, it says so."""
    reason = "；".join(part for part in (decision.reason, decision.remedy) if part)
    if not lost:
        return RuleForbids(decision.code, reason, decision.basis, "actor")
    return RuleForbids(
        ENDED, f"提交之后，办理人的角色或许可级别已收回：{reason}", decision.basis, "actor"
    )
