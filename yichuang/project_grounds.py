"""What the rooms of projects say to money: milestones and yearly evaluations, as the fund asks."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Connection

from cases import fund, performance_rows, project_lists
from cases.fund_orders import Grounds


def project_grounds() -> Grounds:
    """Return where milestones and evaluations are read."""
    return Grounds(milestone=milestone, payable=payable)


def milestone(connection: Connection, project: str, key: str) -> fund.MilestoneSeen | None:
    """Return a milestone of a project as money asks for it; None: there is none."""
    found = project_lists.milestone_of(connection, project, key)
    if found is None:
        return None
    return fund.MilestoneSeen(found.title, found.actual_on, len(found.evidence), found.gate_open)


def payable(connection: Connection, project: str, year: int) -> fund.Payable | None:
    """Return what the confirmed evaluation of a year lets be paid; None: none is confirmed."""
    found = performance_rows.payable_of(connection, project, year)
    if found is None:
        return None
    coefficient = (Decimal(found.coefficient_bp) / fund.BP).normalize()
    return fund.Payable(found.amount_fen, f"{coefficient:f}")
