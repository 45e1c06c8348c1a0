"""What the rooms of projects say to money: milestones and yearly evaluations, as the fund asks."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Connection

from cases import fund, performance_rows
from cases.fund_orders import Grounds


def project_grounds() -> Grounds:
    """Return where evaluations are read. Milestones are read nowhere yet, so that no request that
    names a contract passes."""
    return Grounds(payable=payable)


def payable(connection: Connection, project: str, year: int) -> fund.Payable | None:
    """Return what the confirmed evaluation of a year lets be paid; None: none is confirmed."""
    found = performance_rows.payable_of(connection, project, year)
    if found is None:
        return None
    coefficient = (Decimal(found.coefficient_bp) / fund.BP).normalize()
    return fund.Payable(found.amount_fen, f"{coefficient:f}")
