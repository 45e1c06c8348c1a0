"""Receipts of this city: made out of its stores, with what the office says beside the log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, select

from audit.receipts import (
    NothingToProve,
    ReceiptMaker,
    Shows,
    Statement,
    file_name,
    spell_receipt,
)
from cases import approval
from cases.case_view import clock_event_of
from cases.clocks import ledger, newest, periods
from cases.clocks.statement import statement
from cases.database import reading
from cases.state import CaseState
from cases.tables import clock_event
from cases.tables import state as state_table
from catalogue.load import Catalogue
from catalogue.working_days import NONE

ISSUED: Final = "receipt.issued"
"""Act of the entry that an issue is: `obj` the case (or the entry), `doc` the file's SHA-256."""

OWN_WORDS: Final = frozenset(
    {"file", "supply", "correct_on_spot", "withdraw", "request_hearing", "rate"}
)
"""Acts by which the applicant speaks. Of all other steps (opinions, transfers, decisions) the
receipt proves that they stand in the log, and withholds what was said."""


@dataclass(frozen=True)
class Issue:
    """A receipt that has been made: the file, its digest, and what it says."""

    name: str
    content: bytes
    receipt: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the file, hex: what its entry says, and the paper prints."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def case_no(self) -> str:
        """The case's number; empty for the receipt of one entry."""
        return str(self.receipt["issued"].get("case_no", ""))


@dataclass(frozen=True)
class ReceiptDesk:
    """Makes receipts. Recording the issue is for whoever hands one out: before it leaves."""

    maker: ReceiptMaker
    cases: Engine
    catalogue: Callable[[], Catalogue]
    now: Callable[[], datetime]
    is_restricted: Callable[[str], bool]
    """Whether this person's data may only be stored (个人信息保护法第四十七条第二款)."""

    def of_case(self, case_id: str, shows: Shows | None = None) -> Issue:
        """Return the receipt of a whole case. Raises `audit.receipts.NothingToProve`.

        `shows`: what the holder may see; the applicant's own words unless said otherwise.
        """
        state = self._state(case_id)
        if state is None:
            raise NothingToProve(case_id)
        said = self._issued() | {
            "case_no": state.case_no,
            "matter": state.plan.name,
            "department": state.plan.department,
        }
        told = Statement(said, self._clock(state))
        may = nothing if self.is_restricted(state.subject) else shows or own_words
        return _issue(self.maker.of_case(case_id, may, told))

    def of_entry(self, entry_id: str) -> Issue:
        """Return the receipt of one entry. Raises `audit.receipts.NothingToProve`."""
        return _issue(self.maker.of_entry(entry_id, self._own, Statement(self._issued())))

    def _own(self, body: Mapping[str, Any], name: str) -> bool:
        """Whether a payload may be shown to the applicant whose case the entry belongs to."""
        state = self._state(str(body["s"]["id"]).removeprefix("case:"))
        is_open = state is not None and not self.is_restricted(state.subject)
        return is_open and own_words(body, name)

    def _issued(self) -> dict[str, Any]:
        return {"at": self.now().isoformat(), "city": self.catalogue().city.name}

    def _state(self, case_id: str) -> CaseState | None:
        query = select(state_table.c.state).where(state_table.c.case_id == case_id)
        with reading(self.cases) as connection:
            found = connection.execute(query).scalar()
        return None if found is None else CaseState.model_validate_json(found)

    def _clock(self, state: CaseState) -> dict[str, Any]:
        table = clock_event.c
        query = select(clock_event).where(table.case_id == state.case_id)
        with reading(self.cases) as connection:
            rows = connection.execute(query.order_by(table.seq, table.n)).all()
        events = tuple(clock_event_of(row) for row in rows)
        plan, catalogue, at = state.plan, self.catalogue(), self.now()
        calendar = catalogue.calendars.get(plan.calendar, NONE).of(plan.department)
        found = newest(periods(approval.clock_rules(plan), events))
        ledgers = [ledger(period, calendar, plan.zone, at) for period in found.values()]
        name = f"{calendar.name}@{calendar.version}"
        return statement(ledgers, name, lambda article: _cited(catalogue, article))


def own_words(body: Mapping[str, Any], _name: str) -> bool:
    """Whether a payload of this entry is the applicant's own, to be disclosed to them."""
    return body["act"] in OWN_WORDS


def nothing(_body: Mapping[str, Any], _name: str) -> bool:
    """Disclose nothing: for who may read that a case runs, and not what people said."""
    return False


def _issue(receipt: Mapping[str, Any]) -> Issue:
    return Issue(file_name(receipt), spell_receipt(receipt), receipt)


def _cited(catalogue: Catalogue, article: str) -> str:
    found = catalogue.law.get(article)
    return article if found is None else found.cited
