"""The preflight of a delegation: what its days would meet, found by asking policy itself.

For each open step that the delegator holds, or that waits for somebody in their office, it is
asked: may the delegator; may the deputy in their name; may anybody else? No case is changed and
nothing is remembered but counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select

from cases.accounts import Account, Accounts
from cases.database import reading
from cases.deputies import Delegation
from cases.facts import CaseFacts
from cases.messages import Actor
from cases.queries import Queries, facts_of
from cases.state import CaseState, Task
from cases.tables import case, task
from forms.deputy_ports import Finding, Findings
from forms.words import timer_word
from policies.access import Access, Decision

MOST = 300
"""Steps looked at, those that are due first; the page says when there are more."""

WAITS_FOR: Mapping[str, str] = {
    "review": "opine", "gather": "gather", "decide": "decide", "certify": "certify",
    "serve": "serve", "close": "close", "rectify": "rectify", "explain": "explain_card",
    "serve_again": "serve_reissued",
}  # fmt: skip
"""Kind of task → the act that ends it."""
AT_THE_WINDOW: Mapping[str, str] = {"pre_review": "pre_review", "received": "accept"}
"""Of a task at the window: stage → that act. While an applicant supplements, nobody waits."""

REFUSALS = {"separation": "clash", "forbidden": "clash", "label": "clearance"}
"""Code of a refusal to the deputy → kind of finding; any other is the deputy's missing right."""


@dataclass(frozen=True)
class LeaveCheck:
    """Asks `access` about the cases of `queries` for everybody in `accounts`."""

    queries: Queries
    access: Access
    accounts: Accounts
    names: Callable[[], Mapping[str, str]]
    """Matter → name."""
    now: Callable[[], datetime]

    def __call__(self, one: Delegation, delegator: Account, deputy: Account) -> Findings:
        """Return what the window meets, as of now."""
        people = [
            each.actor()
            for each in self.accounts.listing()
            if each.kind == "human" and each.disabled_at is None and each.id != delegator.id
        ]
        asker = _Asker(self.access, one, delegator.actor(), deputy.actor(), people, self.now())
        lines, hidden, counts = [], 0, Counter[str]()
        waiting = self._waiting(one, delegator)
        for case_id, keys in waiting[:MOST]:
            state = self.queries.state(case_id)
            if state is None:
                continue
            for found in asker.of_case(state, keys, self.names()):
                counts[found.kind] += 1
                if asker.both_see(facts_of(state)):
                    lines.append(found)
                else:
                    hidden += 1
        return Findings(
            lines, hidden, counts["stall"], counts["clash"], counts["clearance"], counts["due"],
            len(waiting) > MOST,
        )  # fmt: skip

    def _waiting(self, one: Delegation, who: Account) -> Sequence[tuple[str, frozenset[str]]]:
        """Return the cases with open steps of the person or their office, the first due first."""
        places = {grant.department for grant in one.grants}
        office = task.c.department.in_(sorted(places - {"*"}))
        signs = func.replace(task.c.signers, f"|{who.id}|", "") != task.c.signers
        theirs = or_(
            task.c.holder == who.id, signs, and_(task.c.holder == "", office),
            *([task.c.holder == ""] if "*" in places else []),
        )  # fmt: skip
        query = (
            select(task.c.case_id, task.c.key)
            .join(case, case.c.id == task.c.case_id)
            .where(task.c.state == "open", theirs)
            .order_by(task.c.sort_at, task.c.case_id, task.c.key)
            .limit(MOST * 2)
        )
        found: dict[str, set[str]] = {}
        with reading(self.queries.engine) as connection:
            for row in connection.execute(query):
                found.setdefault(row.case_id, set()).add(row.key)
        return [(case_id, frozenset(keys)) for case_id, keys in found.items()]


@dataclass(frozen=True)
class _Asker:
    access: Access
    one: Delegation
    delegator: Actor
    deputy: Actor
    people: Sequence[Actor]
    """Everybody else."""
    at: datetime

    @property
    def acting(self) -> Actor:
        """The deputy in the delegator's name, as the delegation would have them act."""
        return self.deputy.model_copy(
            update={
                "on_behalf": self.delegator.id,
                "grants": self.one.grants,
                "department": self.delegator.department,
            }
        )

    def both_see(self, facts: CaseFacts) -> bool:
        """Whether both may list the case: only then is its number shown to either."""
        seen = self._may(self.deputy, "list", facts)
        if self.one.accepted_at is not None:
            seen = seen or self._may(self.acting, "list", facts)
        return seen and self._may(self.delegator, "list", facts)

    def of_case(
        self, state: CaseState, keys: frozenset[str], names: Mapping[str, str]
    ) -> Iterator[Finding]:
        facts, name = facts_of(state), names.get(state.plan.matter, state.plan.matter)
        concerned = set()
        for one in state.tasks:
            verb = _verb(state, one)
            if one.key not in keys or one.state != "open" or not verb:
                continue
            if not self._may(self.delegator, verb, facts, one.key):
                continue
            concerned.add(f"step:{one.key}")
            yield from (
                Finding(kind, state.case_no, name, verb, said, one.due_at)
                for kind, said in self._of_step(facts, one, verb)
            )
        if not concerned:
            return
        for timer in state.timers:
            theirs = timer.key in concerned or not timer.key.startswith(("step:", "card:"))
            if theirs and self.one.starts_at <= timer.due_at < self.one.ends_at:
                word = timer_word(timer.key)
                yield Finding("due", state.case_no, name, "", word, timer.due_at)

    def _of_step(self, facts: CaseFacts, one: Task, verb: str) -> Iterator[tuple[str, str]]:
        answer = self._ask(self.acting, verb, facts, one.key)
        if answer.allowed:
            return
        kind = REFUSALS.get(answer.code, "")
        if kind:
            yield kind, answer.reason
        if not self._somebody_else(facts, one, verb):
            yield "stall", "委托人离开期间，这一步没有别人可以办理"

    def _somebody_else(self, facts: CaseFacts, one: Task, verb: str) -> bool:
        """Whether another could do it, after it was taken off the delegator where they hold it."""
        takes = ""
        if self.delegator.id in (*one.signers, *one.added):
            takes = "remove_signer"
        elif one.holder == self.delegator.id:
            takes = "transfer"
        if takes and not any(self._may(each, takes, facts, one.key) for each in self.people):
            return False
        return any(self._may(each, verb, facts, one.key) for each in self.people)

    def _may(self, actor: Actor, act: str, facts: CaseFacts, key: str = "") -> bool:
        return self._ask(actor, act, facts, key).allowed

    def _ask(self, actor: Actor, act: str, facts: CaseFacts, key: str) -> Decision:
        return self.access.decide(actor, act, facts, self.at, key)


def _verb(state: CaseState, one: Task) -> str:
    if one.kind == "window":
        return AT_THE_WINDOW.get(state.stage, "")
    return WAITS_FOR[one.kind]
