"""The page of erasures over the real stores."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cases.accounts import Accounts
from cases.erasures import NotAsked
from cases.messages import Actor
from catalogue.law import Article
from forms.erasure_ports import ErasurePlan, KeptFile, Kind, ShownErasure
from yichuang.erasing import GROUNDS, Barred, NobodyKnown, Plan, Register
from yichuang.settings import Settings, as_environment, environment


def launch(settings: Settings) -> Callable[[], None]:
    """Return what starts `audit erase --resume`: it carries through whatever is approved.

    Where the pages' own roles may not write to every store, it says so in the program's log and
    the order stays approved, until the operator runs the same command.
    """

    def start() -> None:
        subprocess.Popen(
            [sys.executable, "-m", "yichuang.cli", "audit", "erase", "--resume"],
            env=environment() | as_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    return start


@dataclass(frozen=True)
class WebErasures:
    """`forms.erasure_ports.Erasures` over the register of orders."""

    register: Register
    accounts: Accounts
    law: Mapping[str, Article]
    launch: Callable[[], None]

    def grounds(self) -> Sequence[tuple[str, str]]:
        return [(one, self.law[one].gist) for one in GROUNDS]

    def plan(self, case_no: str) -> ErasurePlan | None:
        try:
            plan = self.register.planner.by_case(case_no)
        except NobodyKnown:
            return None
        return self._shown(plan)

    def ask(self, actor: Actor, ip: str, case_no: str, kind: Kind, ground: str) -> str:
        try:
            plan = self.register.planner.by_case(case_no)
            self.register.ask(actor.id, plan, case_no, kind, ground, ip)
        except NobodyKnown:
            return "没有这个办件"
        except Barred as barred:
            return f"{barred.sentence}（{self._cited(barred.basis)}）"
        return ""

    def approve(self, actor: Actor, ip: str, order: str) -> str:
        try:
            approved = self.register.approve(actor.id, order, ip)
        except NotAsked:
            return "没有这一项，或者已经处理，或者是本人提出的"
        except Barred as barred:
            return f"{barred.sentence}（{self._cited(barred.basis)}）"
        if approved.kind == "erase":
            self.launch()
        return ""

    def refuse(self, actor: Actor, ip: str, order: str) -> str:
        try:
            self.register.refuse(actor.id, order, ip)
        except NotAsked:
            return "没有这一项，或者已经处理，或者是本人提出的"
        return ""

    def listing(self, actor: Actor) -> Sequence[ShownErasure]:
        found = self.register.listing()
        people = {one.asked_by for one in found} | {one.settled_by for one in found}
        names = self.accounts.names(sorted(people - {""}))
        return [
            ShownErasure(
                one.id, one.kind, one.subject, one.case_no, one.ground, one.state,
                names.get(one.asked_by, ""), one.asked_at, names.get(one.settled_by, ""),
                one.done_at, one.counts, one.asked_by in (actor.id, actor.on_behalf),
            )
            for one in found
        ]  # fmt: skip

    def _cited(self, basis: str) -> str:
        article = self.law.get(basis)
        return basis if article is None else article.cited

    def _shown(self, plan: Plan) -> ErasurePlan:
        files = [
            KeptFile(
                one.case_no, one.matter_name, one.archive, one.until, one.closed_on is None,
                one.bars(plan.today),
            )
            for one in plan.cases
        ]  # fmt: skip
        basis = self._cited(plan.basis)
        return ErasurePlan(plan.subject, files, plan.may_from, basis, bool(plan.barring))
