"""Rows of the fund: an order, its journal and what it makes, written whole in the caller's
transaction; read for pages, for other rooms and against the log.

`fund_order.digests` names the digest of each column, line and row that the order made; its SHA-256
is the `after` of the order's entry, so that a changed byte is found and named.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select

from cases import fund as f
from cases.apart_tables import payment_hand
from cases.fund_tables import (
    contract,
    fund,
    fund_order,
    fund_total,
    journal_entry,
    journal_line,
    payment_claim,
)
from cases.payment_tables import payment
from cases.projection import Row, after_of, json_text, row_digest, value_digest


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order that may be, on its way into the store."""

    id: str
    command_id: str
    order_digest: str
    verb: str
    thing: str
    actor: str
    body: f.Body
    recorded_at: datetime
    entry_id: str
    project: str = ""
    department: str = ""
    budget_year: int = 0
    amount_fen: int = 0
    payment: str | None = None
    contract: str | None = None
    lines: tuple[f.Line, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptContract:
    """合同 as its row tells it."""

    id: str
    project: str
    department: str
    number: str
    title: str
    payee: str
    payee_code: str
    amount_fen: int
    retention_bp: int
    sme: bool
    agreed_days: int | None
    linked: bool
    signed_on: date


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """One settled order."""

    id: str
    verb: str
    thing: str
    payment: str
    contract: str
    project: str
    department: str
    budget_year: int
    amount_fen: int
    actor: str
    body: Mapping[str, Any]
    recorded_at: datetime
    entry_id: str


@dataclass(frozen=True, slots=True)
class Booked:
    """One journal entry with its lines."""

    seq: int
    order_id: str
    kind: str
    project: str
    department: str
    budget_year: int
    contract: str
    payment: str
    at: datetime
    actor: str
    lines: tuple[f.Line, ...]

    @property
    def amount_fen(self) -> int:
        """The debit side."""
        return sum(line.amount_fen for line in self.lines if line.amount_fen > 0)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a payment request stands on, and what may be done with it now."""

    payment: str
    contract: KeptContract
    milestone: str
    steps: Mapping[str, KeptOrder]
    """Verb → the order that settled it."""
    hands: Mapping[str, str]
    """Act → user id."""

    @property
    def stage(self) -> str:
        """requested, reviewed, returned, paid, reversed."""
        return _stage_after(self.steps)


def _stage_after(verbs: Container[str]) -> str:
    for verb, said in (
        (f.REVERSE, "reversed"), (f.PAY, "paid"), (f.RETURN, "returned"), (f.REVIEW, "reviewed")
    ):  # fmt: skip
        if verb in verbs:
            return said
    return "requested"


# --- writing -------------------------------------------------------------------------------------


def claim(connection: Connection, payment_id: str, contract_id: str, milestone: str) -> None:
    """Write what a request stands on, in the request's own transaction."""
    values = {"payment_id": payment_id, "contract_id": contract_id, "milestone": milestone}
    connection.execute(insert(payment_claim).values(values))


def lock(connection: Connection) -> int | None:
    """Keep other orders of the fund waiting until the transaction ends; return the number of the
    last journal entry. None: there is no fund yet."""
    query = select(fund_total.c.last).where(
        fund_total.c.scope == "fund", fund_total.c.key == f.FUND
    )
    return connection.execute(query.with_for_update()).scalar_one_or_none()


def put(connection: Connection, one: Ordered, last: int | None) -> str:
    """Write an order with all it makes; return what its entry says as `after`. Never commits.

    Raises `IntegrityError` (PostgreSQL, or a CHECK) or another `DBAPIError` where the database
    itself holds what the caller did not see.
    """
    made = list(_made(connection, one))
    if one.verb in (f.REVIEW, f.PAY):
        hand = {"payment_id": one.payment, "act": one.verb, "person": one.actor}
        connection.execute(insert(payment_hand).values(hand))
        made.append(("payment_hand", hand))
    row = _row(one)
    entry, entry_lines = _entry(one, last) if one.lines else (None, [])
    said = {f"fund_order.{name}": value_digest(value) for name, value in row.items()}
    said |= {name: row_digest(value) for name, value in made}
    said |= {f"journal_line[{line['n']}]": row_digest(line) for line in entry_lines}
    if entry is not None:
        said["journal_entry"] = row_digest(entry)
    digests = json_text(said)
    connection.execute(insert(fund_order).values(row | {"digests": digests}))
    if entry is not None:
        connection.execute(insert(journal_line), entry_lines)
        connection.execute(insert(journal_entry).values(entry))
    return after_of(digests)


def _made(connection: Connection, one: Ordered) -> Iterator[tuple[str, Row]]:
    if isinstance(one.body, f.OpenFund):
        row: Row = {"id": f.FUND, "title": one.body.title, "limit_fen": one.body.limit_fen}
        connection.execute(insert(fund).values(row))
        yield "fund", row
    if isinstance(one.body, f.MakeContract):
        row = one.body.model_dump() | {
            "id": one.thing, "fund_id": f.FUND, "signed_on": one.body.signed_on.isoformat(),
        }  # fmt: skip
        connection.execute(insert(contract).values(row))
        yield "contract", row


def _entry(one: Ordered, last: int | None) -> tuple[Row, list[Row]]:
    entry = {
        "order_id": one.id,
        "seq": (last or 0) + 1,
        "kind": one.verb,
        "fund_id": f.FUND,
        "project": one.project,
        "department": one.department,
        "budget_year": one.budget_year,
        "contract_id": one.contract or "",
        "payment_id": one.payment or "",
    } | asdict(f.moved(one.lines))
    lines = [
        {"order_id": one.id, "n": n, "account": line.account, "amount_fen": line.amount_fen}
        for n, line in enumerate(one.lines)
    ]
    return entry, lines


def _row(one: Ordered) -> Row:
    return {
        "id": one.id,
        "command_id": one.command_id,
        "order_digest": one.order_digest,
        "verb": one.verb,
        "thing": one.thing,
        "payment_id": one.payment,
        "contract_id": one.contract,
        "project": one.project,
        "department": one.department,
        "budget_year": one.budget_year,
        "amount_fen": one.amount_fen,
        "actor": one.actor,
        "body": json_text(one.body.model_dump(mode="json")),
        "recorded_at": one.recorded_at,
        "entry_id": one.entry_id,
    }


# --- reading -------------------------------------------------------------------------------------


def answered(connection: Connection, command_id: str) -> f.FundAnswer | None:
    """Return the answer to a command that was settled before; None: it was not."""
    query = select(fund_order).where(fund_order.c.command_id == command_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    query = select(journal_entry).where(journal_entry.c.order_id == row.id)
    entry = connection.execute(query).one_or_none()
    return f.FundAnswer(
        command_id=command_id,
        order_digest=row.order_digest,
        status="done",
        thing=row.thing,
        entry=row.entry_id,
        paid_fen=entry.paid_fen if entry else 0,
        retained_fen=entry.retained_fen if entry else 0,
        interest_fen=entry.interest_fen if entry else 0,
        repeated=True,
    )


def allotted_fen(connection: Connection) -> int:
    """Return Σ指标 of the fund."""
    return sums(connection, "fund", f.FUND).allotted_fen


def the_fund(connection: Connection) -> tuple[str, int] | None:
    """Return title and limit of the fund; None: none was opened."""
    row = connection.execute(select(fund)).one_or_none()
    return None if row is None else (row.title, row.limit_fen)


def year_key(budget_year: int, department: str, project: str) -> str:
    return f"{budget_year}|{department}|{project}"


def sums(connection: Connection, scope: str, key: str) -> f.Sums:
    """Return a row of totals; all zero where nothing was ever booked there."""
    query = select(fund_total).where(fund_total.c.scope == scope, fund_total.c.key == key)
    row = connection.execute(query).one_or_none()
    return f.Sums() if row is None else _sums(row)


def caps(
    connection: Connection, project: str, department: str, year: int, contract_id: str = ""
) -> f.Caps:
    """Return what an order of this project, budget year and contract is held against."""
    keys = {
        "fund": f.FUND, "project": project, "year": year_key(year, department, project),
        "contract": contract_id,
    }  # fmt: skip
    found = {row.scope: _sums(row) for row in connection.execute(_CAPS, keys)}
    return f.Caps(**{scope: found.get(scope, f.Sums()) for scope in keys})


_CAPS = select(fund_total).where(
    or_(
        *(
            and_(fund_total.c.scope == scope, fund_total.c.key == bindparam(scope))
            for scope in ("fund", "project", "year", "contract")
        )
    )
)
"""Written once: it is asked at each step of money, and writing it costs more than asking."""


def every_sum(connection: Connection, scope: str) -> dict[str, f.Sums]:
    """Return all rows of totals of a scope, by key."""
    query = select(fund_total).where(fund_total.c.scope == scope).order_by(fund_total.c.key)
    return {row.key: _sums(row) for row in connection.execute(query)}


def find_contract(connection: Connection, contract_id: str) -> KeptContract | None:
    row = connection.execute(select(contract).where(contract.c.id == contract_id)).one_or_none()
    return None if row is None else _contract(row)


def contracts(connection: Connection, project: str = "") -> list[KeptContract]:
    """Return the contracts (of a project), by number."""
    query = select(contract).order_by(contract.c.number)
    if project:
        query = query.where(contract.c.project == project)
    return [_contract(row) for row in connection.execute(query)]


def paying_department(connection: Connection, contract_id: str) -> str:
    """Return whose contract it is; empty: there is none of that id."""
    query = select(contract.c.department).where(contract.c.id == contract_id)
    return connection.execute(query).scalar_one_or_none() or ""


def number_taken(connection: Connection, number: str) -> bool:
    """Whether a contract is registered under this number."""
    query = select(contract.c.id).where(contract.c.number == number)
    return connection.execute(query).first() is not None


def claim_of(connection: Connection, payment_id: str) -> Claim | None:
    """Return what a request stands on; None: no contract, or there is no such request."""
    query = select(payment_claim).where(payment_claim.c.payment_id == payment_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    found = find_contract(connection, row.contract_id)
    assert found is not None  # by foreign key
    steps = select(fund_order).where(fund_order.c.payment_id == payment_id)
    hands = select(payment_hand).where(payment_hand.c.payment_id == payment_id)
    return Claim(
        payment_id,
        found,
        row.milestone,
        {one.verb: _order(one) for one in connection.execute(steps)},
        {one.act: one.person for one in connection.execute(hands)},
    )


def stages_of(connection: Connection, payments: Collection[str]) -> dict[str, str]:
    """Return payment → stage, as `Claim.stage` says it, of those that name a contract."""
    claimed = select(payment_claim.c.payment_id).where(
        payment_claim.c.payment_id.in_(list(payments))
    )
    verbs: dict[str, set[str]] = {one: set() for one in connection.execute(claimed).scalars()}
    done = select(fund_order.c.payment_id, fund_order.c.verb)
    for one, verb in connection.execute(done.where(fund_order.c.payment_id.in_(list(verbs)))):
        verbs[one].add(verb)
    return {one: _stage_after(done) for one, done in verbs.items()}


def payments_of(connection: Connection, project: str) -> list[str]:
    """Return the ids of the requests that stand on a project's contracts, the newest first."""
    query = (
        select(payment.c.id)
        .join(payment_claim, payment_claim.c.payment_id == payment.c.id)
        .join(contract, contract.c.id == payment_claim.c.contract_id)
        .where(contract.c.project == project)
        .order_by(payment.c.recorded_at.desc(), payment.c.id)
    )
    return list(connection.execute(query).scalars())


def paid_in(connection: Connection, project: str, year: int) -> int:
    """Return what linked contracts of a project were paid of a budget year, kept back included."""
    query = (
        select(func.coalesce(func.sum(journal_entry.c.paid_fen + journal_entry.c.retained_fen), 0))
        .join(contract, contract.c.id == journal_entry.c.contract_id)
        .where(
            journal_entry.c.project == project,
            journal_entry.c.budget_year == year,
            contract.c.linked,
        )
    )
    return int(connection.execute(query).scalar_one())


@dataclass(frozen=True, slots=True)
class Unpaid:
    """A payment that may be made and was not, past its last day."""

    id: str
    number: str
    department: str
    amount_fen: int
    due_on: str


def unpaid_past(connection: Connection, today: date) -> list[Unpaid]:
    """Return the requests on contracts that should have been paid before today, oldest first."""
    ended = select(fund_order.c.payment_id).where(fund_order.c.verb.in_((f.PAY, f.RETURN)))
    query = (
        select(payment)
        .join(payment_claim, payment_claim.c.payment_id == payment.c.id)
        .where(
            payment.c.outcome == "may_pay",
            payment.c.due_on != "",
            payment.c.due_on < today.isoformat(),
            payment.c.id.not_in(ended),
        )
        .order_by(payment.c.due_on, payment.c.id)
    )
    return [
        Unpaid(row.id, row.number, row.department, row.amount_fen, row.due_on)
        for row in connection.execute(query)
    ]


def idle(connection: Connection) -> list[tuple[str, f.Sums, datetime]]:
    """Return the projects that were paid more than they used, and when money last came or was used
    there. A new allotment moves none: it makes no old money young."""
    last = (
        select(journal_entry.c.order_id)
        .where(
            journal_entry.c.project == fund_total.c.key,
            journal_entry.c.kind.in_((f.PAY, f.RELEASE, f.USE)),
        )
        .order_by(journal_entry.c.seq.desc())
        .limit(1)
        .correlate(fund_total)
        .scalar_subquery()
    )
    query = (
        select(fund_total, fund_order.c.recorded_at)
        .select_from(fund_total)
        .join(fund_order, fund_order.c.id == last)
        .where(fund_total.c.scope == "project", fund_total.c.paid_fen > fund_total.c.used_fen)
        .order_by(fund_total.c.key)
    )
    return [(row.key, _sums(row), row.recorded_at) for row in connection.execute(query)]


def lines_of_payment(connection: Connection, payment_id: str) -> list[f.Line]:
    """Return every journal line that a payment made so far."""
    query = (
        select(journal_line)
        .join(journal_entry, journal_entry.c.order_id == journal_line.c.order_id)
        .where(journal_entry.c.payment_id == payment_id)
        .order_by(journal_entry.c.seq, journal_line.c.n)
    )
    return [f.Line(row.account, row.amount_fen) for row in connection.execute(query)]


def orders(connection: Connection, project: str = "", verb: str = "") -> list[KeptOrder]:
    """Return the settled orders (of a project, of a verb), the oldest first."""
    query = select(fund_order).order_by(fund_order.c.recorded_at, fund_order.c.id)
    if project:
        query = query.where(fund_order.c.project == project)
    if verb:
        query = query.where(fund_order.c.verb == verb)
    return [_order(row) for row in connection.execute(query)]


def journal(
    connection: Connection, *, project: str = "", after: int = 0, limit: int | None = None
) -> list[Booked]:
    """Return the journal (of a project) from the entry behind `after` on, by its number."""
    entry = journal_entry.c
    query = (
        select(journal_entry, fund_order.c.recorded_at, fund_order.c.actor)
        .join(fund_order, fund_order.c.id == entry.order_id)
        .where(entry.seq > after)
        .order_by(entry.seq)
        .limit(limit)
    )
    if project:
        query = query.where(entry.project == project)
    rows = connection.execute(query).all()
    if not rows:
        return []
    wanted = [row.order_id for row in rows]
    lines: dict[str, list[f.Line]] = {}
    for start in range(0, len(wanted), 500):
        some = select(journal_line).where(journal_line.c.order_id.in_(wanted[start : start + 500]))
        for line in connection.execute(some.order_by(journal_line.c.n)):
            lines.setdefault(line.order_id, []).append(f.Line(line.account, line.amount_fen))
    return [
        Booked(
            row.seq, row.order_id, row.kind, row.project, row.department, row.budget_year,
            row.contract_id, row.payment_id, row.recorded_at, row.actor,
            tuple(lines.get(row.order_id, ())),
        )
        for row in rows
    ]  # fmt: skip


# --- against the log -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WrongOrder:
    """A row that is not what the log says, by column."""

    order_id: str
    column: str
    expected: str
    found: str


def check(connection: Connection, said: Mapping[str, str]) -> Iterator[WrongOrder]:
    """Yield every order that differs from its entry. `said`: id of the entry → its `after`."""
    left = dict(said)
    entries = _by_order(connection, journal_entry)
    lines = _by_order(connection, journal_line)
    contracts_ = {r["id"]: dict(r) for r in connection.execute(select(contract)).mappings()}
    funds = {r["id"]: dict(r) for r in connection.execute(select(fund)).mappings()}
    hands = {
        (r["payment_id"], r["act"]): dict(r)
        for r in connection.execute(select(payment_hand)).mappings()
    }
    for row in connection.execute(select(fund_order)).mappings():
        after = left.pop(row["entry_id"], None)
        key = row["id"]
        if after is None:
            yield WrongOrder(key, "fund_order", "no row: the log has no entry", "a row")
            continue
        now = {f"fund_order.{k}": value_digest(v) for k, v in row.items() if k != "digests"}
        now |= {f"journal_line[{one['n']}]": row_digest(one) for one in lines.pop(key, [])}
        for one in entries.pop(key, []):
            now["journal_entry"] = row_digest(one)
        for name, found in (
            ("contract", contracts_.get(row["thing"]) if row["verb"] == f.CONTRACT else None),
            ("fund", funds.get(row["thing"]) if row["verb"] == f.OPEN else None),
            ("payment_hand", hands.get((row["payment_id"], row["verb"]))),
        ):
            if found is not None:
                now[name] = row_digest(found)
        yield from _check_one(key, row["digests"], now, after)
    for entry in left:
        yield WrongOrder(entry, "fund_order", "a row", "none")
    for key in entries.keys() | lines.keys():
        yield WrongOrder(key, "journal_entry", "no row: there is no such order", "a row")


def _check_one(key: str, kept: str, now: Mapping[str, str], after: str) -> Iterator[WrongOrder]:
    if (found := after_of(kept)) != after:
        yield WrongOrder(key, "fund_order.digests", after, found)
    try:
        expected: dict[str, str] = orjson.loads(kept)
    except orjson.JSONDecodeError:
        return
    for name in sorted(expected.keys() | now.keys()):
        if expected.get(name) != now.get(name):
            yield WrongOrder(key, name, expected.get(name, "no row"), now.get(name, "no row"))


def _by_order(connection: Connection, table: Any) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in connection.execute(select(table)).mappings():
        found.setdefault(row["order_id"], []).append(dict(row))
    return found


def recomputed(entries: Sequence[Booked]) -> dict[tuple[str, str], f.Sums]:
    """Return every sum that the journal's lines come to, without asking the rows of totals.

    (scope, key) → sums; of a contract what was allotted is not the journal's to say.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for one in entries:
        change = f.moved(one.lines)
        keys = [
            ("fund", f.FUND), ("project", one.project),
            ("year", year_key(one.budget_year, one.department, one.project)),
        ]  # fmt: skip
        if one.contract:
            keys.append(("contract", one.contract))
        for key in keys:
            total = found.setdefault(key, [0, 0, 0, 0, 0])
            for n, value in enumerate(asdict(change).values()):
                total[n] += value
    return {key: f.Sums(0, *total) for key, total in found.items()}


def differing(connection: Connection, entries: Sequence[Booked]) -> Iterator[str]:
    """Yield every row of totals that is not what the whole journal comes to, and every entry that
    is not numbered in its turn; `entries`: the whole journal."""
    said = recomputed(entries)
    rows = connection.execute(select(fund_total)).all()
    for row in rows:
        found, made = _sums(row), said.pop((row.scope, row.key), f.Sums())
        allotted = made.allotted_fen if row.scope != "contract" else found.allotted_fen
        if found != replace(made, limit_fen=found.limit_fen, allotted_fen=allotted):
            yield f"{row.scope} {row.key}"
    yield from (f"{scope} {key}" for scope, key in said)
    yield from (f"journal {one.seq}" for n, one in enumerate(entries, 1) if one.seq != n)


def unsupported(connection: Connection) -> Iterator[str]:
    """Yield every payment that was paid without three people, or whose claim its own request, as
    the log binds it, does not say."""
    paid = select(fund_order.c.payment_id).where(fund_order.c.verb == f.PAY)
    hands: dict[str, set[str]] = {}
    query = select(payment_hand).where(payment_hand.c.payment_id.in_(paid))
    for row in connection.execute(query):
        hands.setdefault(row.payment_id, set()).add(row.person)
    for (key,) in connection.execute(paid):
        if len(hands.get(key, ())) != 3:
            yield f"payment {key} hands"
    claims = select(payment_claim, payment.c.body).join(
        payment, payment.c.id == payment_claim.c.payment_id
    )
    for row in connection.execute(claims):
        said = orjson.loads(row.body)
        if (said.get("contract"), said.get("milestone", "")) != (row.contract_id, row.milestone):
            yield f"payment {row.payment_id} claim"


# --- small ---------------------------------------------------------------------------------------


def _sums(row: Any) -> f.Sums:
    return f.Sums(
        row.limit_fen, row.allotted_fen, row.paid_fen, row.retained_fen, row.used_fen,
        row.interest_fen,
    )  # fmt: skip


def _contract(row: Any) -> KeptContract:
    return KeptContract(
        row.id, row.project, row.department, row.number, row.title, row.payee, row.payee_code,
        row.amount_fen, row.retention_bp, row.sme, row.agreed_days, row.linked,
        date.fromisoformat(row.signed_on),
    )  # fmt: skip


def _order(row: Any) -> KeptOrder:
    return KeptOrder(
        row.id, row.verb, row.thing, row.payment_id or "", row.contract_id or "", row.project,
        row.department, row.budget_year, row.amount_fen, row.actor, orjson.loads(row.body),
        row.recorded_at, row.entry_id,
    )  # fmt: skip
