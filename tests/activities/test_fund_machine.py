"""Money by every order in any order: the real activities over the real rows, killed between any two
statements and asked again, against a plain reckoning that knows nothing of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)
from sqlalchemy import Connection, Engine, event, text

from activities.forging import Forgeries
from activities.funding import Funding
from activities.paying import Paying
from activities.sealing import Sealer
from benchmarks.fund_payer import Named
from cases import fund as f
from cases import fund_rows as rows
from cases.database import open_engine, reading
from cases.fund_orders import Grounds
from cases.messages import Actor, Command, Source
from cases.payments import REQUEST, PaymentAnswer, PaymentOrder, Terms, payment_id
from cases.rulings import Ruling
from rules.evaluate import evaluate
from tests.cases.test_payments import PACKS, terms
from yichuang.commands.fund import verified
from yichuang.stores import migrate

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
TODAY = date(2026, 11, 20)
LIMIT = 500_000_000_00
PROJECTS, YEARS, PEOPLE = ("P1", "P2"), (2026, 2027), ("u:a", "u:b", "u:c", "u:d")
BY_DIGEST = {PACKS[name].digest: PACKS[name] for name in ("fund", "sme_payment")}

How = Literal["one", "part", "all", "over"]
HOWS = st.sampled_from(("one", "part", "part", "all", "over"))
WHICH = st.integers(0, 20)
"""Which of those that there are, from the newest back."""
KILLS = st.one_of(st.none(), st.integers(0, 40))
"""None: nobody is killed; else after how many statements the process dies."""


class Killed(BaseException):
    """The process ended here: nobody catches it."""


class Deaths:
    """Ends the process, as far as its transactions know, before a statement or before a commit."""

    def __init__(self, engine: Engine) -> None:
        self.left: int | None = None
        event.listen(engine, "before_cursor_execute", self._statement)
        event.listen(engine, "commit", self._commit)

    def _statement(self, *_: Any) -> None:
        self._step()

    def _commit(self, _connection: Connection) -> None:
        self._step()

    def _step(self) -> None:
        if self.left is None:
            return
        if self.left == 0:
            self.left = None
            raise Killed
        self.left -= 1


class Rules:
    """The shipped packs, by the plain twin."""

    def terms(self, pack: str, at: datetime) -> Terms | None:
        return terms(pack)

    def evaluate(self, digest: str, context: dict[str, object], at: datetime) -> Ruling:
        return evaluate(BY_DIGEST[digest], context, at)


# --- the plain reckoning -------------------------------------------------------------------------


@dataclass
class Pot:
    """What was given to something, and what went out of it."""

    given: int = 0
    paid: int = 0
    kept: int = 0
    interest: int = 0
    used: int = 0

    @property
    def left(self) -> int:
        return self.given - self.paid - self.kept - self.interest

    @property
    def idle(self) -> int:
        return self.paid - self.used


@dataclass
class Deal:
    """A contract."""

    project: str
    sum: int
    kept_per_10_000: int
    small: bool
    """The payee is a small enterprise."""
    linked: bool
    pot: Pot = field(default_factory=Pot)
    """`interest` stands beside the contract's sum."""

    @property
    def left(self) -> int:
        return self.sum - self.pot.paid - self.pot.kept


@dataclass
class Asked:
    """A payment."""

    deal: Deal
    year: int
    amount: int
    waited: int
    """Days since delivery."""
    by: list[str]
    stage: str = "asked"
    paid: int = 0
    kept: int = 0
    interest: int = 0

    @property
    def keep(self) -> int:
        return self.amount * self.deal.kept_per_10_000 // 10_000

    @property
    def owed(self) -> int:
        late = max(0, self.waited - 30) if self.deal.small else 0
        return ((self.amount - self.keep) * 5 * late + 5_000) // 10_000  # half up


@dataclass
class Reckoning:
    """Pots of money."""

    fund: Pot = field(default_factory=Pot)
    projects: dict[str, Pot] = field(default_factory=lambda: {p: Pot() for p in PROJECTS})
    years: dict[tuple[str, int], Pot] = field(
        default_factory=lambda: {(p, y): Pot() for p in PROJECTS for y in YEARS}
    )
    deals: dict[str, Deal] = field(default_factory=dict)
    payments: dict[str, Asked] = field(default_factory=dict)
    payable: dict[tuple[str, int], int] = field(default_factory=dict)

    def pots(self, project: str, year: int) -> tuple[Pot, Pot, Pot]:
        return self.fund, self.projects[project], self.years[project, year]

    def fits(self, one: Asked, interest: int) -> bool:
        pots = self.pots(one.deal.project, one.year)
        if one.deal.linked:
            went = sum(
                p.paid + p.kept for p in self.payments.values()
                if p.deal.linked and p.deal.project == one.deal.project and p.year == one.year
            )  # fmt: skip
            if one.amount > self.payable.get((one.deal.project, one.year), -1) - went:
                return False
        return one.amount <= one.deal.left and all(
            one.amount + interest <= pot.left for pot in pots
        )

    def move(self, one: Asked, paid: int, kept: int, interest: int) -> None:
        for pot in (*self.pots(one.deal.project, one.year), one.deal.pot):
            pot.paid, pot.kept = pot.paid + paid, pot.kept + kept
            pot.interest += interest
        one.paid, one.kept, one.interest = one.paid + paid, one.kept + kept, one.interest + interest


@pytest.fixture(scope="module", autouse=True)
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A store that is migrated once and copied for each city."""
    Money.template = tmp_path_factory.mktemp("template") / "cases.sqlite"
    engine = open_engine(f"sqlite:///{Money.template}")
    migrate(engine, "cases")
    engine.dispose()
    yield


class Money(RuleBasedStateMachine):
    """A fund with two projects of two budget years."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.folder / "cases.sqlite")
        self.engine = open_engine(f"sqlite:///{self.folder / 'cases.sqlite'}")
        self.deaths, self.known, self.n = Deaths(self.engine), Reckoning(), 0
        self.done: list[Command] = []
        given = (
            self.engine, cast(Sealer, Named()), lambda *_: None, lambda *_: None,
            cast(Forgeries, None),
        )  # fmt: skip
        grounds = Grounds(
            milestone=lambda *_: f.MilestoneSeen("m1", TODAY, 1),
            payable=lambda _c, project, year: self._payable(project, year),
        )
        where = ("demo", "https://town.test/schemas", "Asia/Shanghai", lambda: NOON)
        departments: Callable[[], frozenset[str]] = lambda: frozenset({"zjj"})  # noqa: E731
        self.funding = Funding(*given, grounds, departments, *where)
        self.paying = Paying(*given, Rules(), departments, *where, grounds)

    def teardown(self) -> None:
        self.engine.dispose()
        shutil.rmtree(self.folder)

    def _payable(self, project: str, year: int) -> f.Payable | None:
        found = self.known.payable.get((project, year))
        return None if found is None else f.Payable(found, "1")

    # --- giving orders ---------------------------------------------------------------------------

    def _command(self, verb: str, thing: str, who: str, body: dict[str, Any]) -> Command:
        self.n += 1
        key = f"command-{self.n}"
        about = payment_id(key) if verb == REQUEST else f.thing_of(verb, key, thing)
        return Command(
            id=key, verb=verb, case_id=about, body=body, actor=Actor(id=who, department="zjj"),
            source=Source(door="web"), occurred_at=NOON,
        )  # fmt: skip

    def _settle(self, command: Command) -> f.FundAnswer | PaymentAnswer:
        if command.verb == REQUEST:
            return self.paying.judge(PaymentOrder(command=command, admitted_at=NOON))
        return self.funding.settle(f.FundOrder(command=command, admitted_at=NOON))

    def _given(
        self, verb: str, thing: str, who: str, body: dict[str, Any], kill: int | None, fits: bool
    ) -> str:
        """Give an order, killed once where it is said so; it must come to what was reckoned.

        Return the id of its thing.
        """
        command = self._command(verb, thing, who, body)
        self.deaths.left = kill
        try:
            self._settle(command)  # the answer is lost on its way
        except Killed:
            pass
        self.deaths.left = None
        answer = self._settle(command)
        assert (answer.status == "done") is fits, (verb, body, answer)
        if fits:
            self.done.append(command)
        return answer.payment if isinstance(answer, PaymentAnswer) else answer.thing

    @staticmethod
    def _amount(how: How, left: int) -> int:
        return {"one": 1, "part": left // 3, "all": left, "over": left + 1}[how]

    def _deal(self, which: int) -> str:
        every = list(self.known.deals)
        return every[-1 - which % len(every)]

    def _asked(self, which: int) -> str:
        every = list(self.known.payments)
        return every[-1 - which % len(every)]

    def _paid(self, which: int) -> str:
        """Return a payment that was made, if any still stands; else any."""
        paid = [key for key, one in self.known.payments.items() if one.stage == "paid"]
        return paid[-1 - which % len(paid)] if paid else self._asked(which)

    # --- rules -----------------------------------------------------------------------------------

    @initialize(kill=KILLS)
    def open(self, kill: int | None) -> None:
        body = {"title": "专项基金", "limit_fen": LIMIT}
        self._given(f.OPEN, "", "u:a", body, kill, fits=True)
        for project in PROJECTS:
            self.allot(project, YEARS[0], "part", back=False, kill=None)
        self.contract(PROJECTS[0], LIMIT, 300, small=True, linked=False, kill=None)
        self.whole(0, YEARS[0], "part", 31)

    @rule(
        project=st.sampled_from(PROJECTS), year=st.sampled_from(YEARS), how=HOWS,
        back=st.booleans(), kill=KILLS,
    )  # fmt: skip
    def allot(self, project: str, year: int, how: How, back: bool, kill: int | None) -> None:
        fund, whole, pot = self.known.pots(project, year)
        room = min(whole.left, pot.left) if back else LIMIT - fund.given
        amount = self._amount(how, room)
        fits = 0 < amount <= room
        signed = -amount if back else amount
        body = {
            "project": project, "department": "zjj", "budget_year": year, "amount_fen": signed,
            "document": "云财1号",
        }  # fmt: skip
        self._given(f.ALLOT, "", "u:b", body, kill, fits)
        for one in (fund, whole, pot):
            one.given += signed if fits else 0

    @rule(
        project=st.sampled_from(PROJECTS),
        amount=st.sampled_from((33, 1_000_003, 20_000_000_00, LIMIT, LIMIT)),
        keep=st.sampled_from((0, 1, 300, 300, 301)), small=st.booleans(),
        linked=st.sampled_from((False, False, True)), kill=KILLS,
    )  # fmt: skip
    def contract(
        self, project: str, amount: int, keep: int, small: bool, linked: bool, kill: int | None
    ) -> None:
        body = {
            "project": project, "department": "zjj", "number": f"HT-{self.n}", "title": "一期",
            "payee": "云川建设有限公司", "payee_code": "91440300708461136T", "amount_fen": amount,
            "retention_bp": keep, "sme": small, "linked": linked, "signed_on": "2026-01-05",
        }  # fmt: skip
        thing = self._given(f.CONTRACT, "", "u:a", body, kill, fits=keep <= 300)
        if keep <= 300:
            self.known.deals[thing] = Deal(project, amount, keep, small, linked)

    @rule(
        project=st.sampled_from(PROJECTS), year=st.sampled_from(YEARS),
        amount=st.sampled_from((0, 5, 1_000_000, LIMIT)),
    )  # fmt: skip
    def evaluate(self, project: str, year: int, amount: int) -> None:
        """The year's evaluation is confirmed, or confirmed anew."""
        self.known.payable[project, year] = amount

    @rule(
        which=WHICH, year=st.sampled_from(YEARS), how=HOWS,
        who=st.sampled_from(PEOPLE), waited=st.sampled_from((0, 30, 31, 77)), kill=KILLS,
    )  # fmt: skip
    def request(
        self, which: int, year: int, how: How, who: str, waited: int, kill: int | None
    ) -> None:
        contract = self._deal(which)
        deal = self.known.deals[contract]
        room = min(deal.left, *(pot.left for pot in self.known.pots(deal.project, year)))
        one = Asked(deal, year, self._amount(how, room), waited, [who])
        fits = one.amount > 0 and self.known.fits(one, 0)
        body = {
            "department": "zjj", "project": deal.project, "purpose": "进度款",
            "payee": "云川建设有限公司", "payee_code": "91440300708461136T", "facts": {},
            "amount_fen": one.amount, "budget_year": year, "contract": contract,
            "milestone": "m1", "delivered_on": (TODAY - timedelta(days=waited)).isoformat(),
        }  # fmt: skip
        thing = self._given(REQUEST, "", who, body, kill, fits)
        if fits:
            self.known.payments[thing] = one

    @rule(which=WHICH, who=st.sampled_from(PEOPLE), kill=KILLS)
    def review(self, which: int, who: str, kill: int | None) -> None:
        payment = self._asked(which)
        one = self.known.payments[payment]
        fits = one.stage == "asked" and who not in one.by and self.known.fits(one, one.owed)
        self._given(f.REVIEW, payment, who, {"opinion": "同意"}, kill, fits)
        if fits:
            one.stage = "reviewed"
            one.by.append(who)

    @rule(which=WHICH, who=st.sampled_from(PEOPLE), kill=KILLS)
    def give_back(self, which: int, who: str, kill: int | None) -> None:
        payment = self._asked(which)
        one = self.known.payments[payment]
        fits = one.stage in ("asked", "reviewed")
        self._given(f.RETURN, payment, who, {"reason": "缺发票"}, kill, fits)
        one.stage = "returned" if fits else one.stage

    @rule(which=WHICH, who=st.sampled_from(PEOPLE), kill=KILLS)
    def pay(self, which: int, who: str, kill: int | None) -> None:
        payment = self._asked(which)
        one = self.known.payments[payment]
        fits = one.stage == "reviewed" and who not in one.by and self.known.fits(one, one.owed)
        self._given(f.PAY, payment, who, {"voucher": "GK"}, kill, fits)
        if fits:
            one.stage = "paid"
            one.by.append(who)
            self.known.move(one, one.amount - one.keep, one.keep, one.owed)

    @rule(which=WHICH, who=st.sampled_from(PEOPLE), kill=KILLS)
    def release(self, which: int, who: str, kill: int | None) -> None:
        payment = self._paid(which)
        one = self.known.payments[payment]
        fits = one.stage == "paid" and one.kept > 0
        self._given(f.RELEASE, payment, who, {"voucher": "GK"}, kill, fits)
        if fits:
            self.known.move(one, one.kept, -one.kept, 0)

    @rule(which=WHICH, who=st.sampled_from(PEOPLE), kill=KILLS)
    def reverse(self, which: int, who: str, kill: int | None) -> None:
        payment = self._paid(which)
        one = self.known.payments[payment]
        pot = self.known.years[one.deal.project, one.year]
        fits = (
            one.stage == "paid" and who != one.by[2]
            and one.paid <= min(one.deal.pot.idle, pot.idle)
        )  # fmt: skip
        self._given(f.REVERSE, payment, who, {"reason": "付错"}, kill, fits)
        if fits:
            one.stage = "reversed"
            self.known.move(one, -one.paid, -one.kept, -one.interest)

    @rule(which=WHICH, year=st.sampled_from((*YEARS, YEARS[0])), how=HOWS, kill=KILLS)
    def use(self, which: int, year: int, how: How, kill: int | None) -> None:
        """Money of the contract of a payment is used, of any budget year."""
        deal = self.known.payments[self._paid(which)].deal
        pots = self.known.pots(deal.project, year)
        room = min(deal.pot.idle, pots[2].idle)
        amount = self._amount(how, room)
        fits = 0 < amount <= room
        contract = next(key for key, one in self.known.deals.items() if one is deal)
        body = {
            "contract": contract, "budget_year": year, "amount_fen": amount,
            "used_on": "2026-11-19", "purpose": "钢材",
        }  # fmt: skip
        self._given(f.USE, "", "u:a", body, kill, fits)
        for pot in (*pots, deal.pot):
            pot.used += amount if fits else 0

    @rule(
        which=WHICH, how=HOWS, year=st.sampled_from((*YEARS, YEARS[0])),
        waited=st.sampled_from((0, 31, 77)),
    )  # fmt: skip
    def whole(self, which: int, year: int, how: How, waited: int) -> None:
        """Asked for, reviewed and paid by three people, as far as it may be."""
        self.request(which, year, how, PEOPLE[0], waited, None)
        self.review(0, PEOPLE[1], None)
        self.pay(0, PEOPLE[2], None)

    @rule(which=WHICH)
    def once_more(self, which: int) -> None:
        """The same command is the same answer, and moves nothing."""
        answer = self._settle(self.done[-1 - which % len(self.done)])
        assert answer.status == "done" and answer.repeated

    # --- what holds ------------------------------------------------------------------------------

    @invariant()
    def the_books_are_what_was_reckoned(self) -> None:
        known = self.known
        with reading(self.engine) as connection:
            faults = verified(connection)[0]
            assert faults == []
            for (scope, key), pot in self._pots():
                sums = rows.sums(connection, scope, key)
                assert (sums.paid_fen, sums.retained_fen, sums.interest_fen, sums.used_fen) == (
                    pot.paid, pot.kept, pot.interest, pot.used
                ), (scope, key)  # fmt: skip
                assert scope == "contract" or sums.allotted_fen == pot.given
            query = text("SELECT account, SUM(amount_fen) FROM journal_line GROUP BY account")
            lines: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
            paid = connection.execute(
                text("SELECT payment_id FROM journal_entry WHERE kind = 'payment_pay'")
            ).scalars()
            assert sorted(paid) == sorted(k for k, p in known.payments.items() if len(p.by) == 3)
        fund = known.fund
        expected = {
            "granted": -fund.given, "available": fund.left, "retained": fund.kept,
            "advanced": fund.idle, "used": fund.used, "interest": fund.interest,
        }  # fmt: skip
        assert {name: lines.get(name, 0) for name in expected} == expected
        assert sum(lines.values()) == 0
        assert 0 <= fund.used <= fund.paid <= fund.given <= LIMIT

    def _pots(self) -> Iterator[tuple[tuple[str, str], Pot]]:
        yield ("fund", f.FUND), self.known.fund
        for project, pot in self.known.projects.items():
            yield ("project", project), pot
        for (project, year), pot in self.known.years.items():
            yield ("year", rows.year_key(year, "zjj", project)), pot
        for key, deal in self.known.deals.items():
            yield ("contract", key), deal.pot


Money.TestCase.settings = settings(
    max_examples=35, stateful_step_count=50, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
TestMoney = Money.TestCase
