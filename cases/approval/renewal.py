"""延续: renewals, and the one approval that the Act deems given by silence (行政许可法第五十条).

The licence's last day is the end of the authority's time, whatever else runs: no procedure stops
it and no extension moves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from pydantic import JsonValue

from cases.approval.ending import settle_decision
from cases.approval.waiting import end_pauses
from cases.approval.walk import Walk
from cases.clock import local_day
from cases.settling import RuleForbids
from catalogue.matters import Limit, Matter
from catalogue.working_days import Calendar

RENEWAL = "renewal"
"""Key of the period that ends with the licence."""


def last_request_day(licence_until: date, ahead: Limit, calendar: Calendar) -> date:
    """Return the last day on which a renewal is asked for in time: 届满三十日前.

    The licence's last day is day zero, counted backwards.
    """
    if ahead.unit != "working_day":
        return licence_until - timedelta(days=ahead.n)
    before = calendar.count(licence_until.toordinal() - 1)
    return date.fromordinal(calendar.nth(before - ahead.n + 1))


def asked_for(
    matter: Matter, form: Mapping[str, JsonValue], received_at: datetime, calendar: Calendar
) -> dict[str, JsonValue]:
    """Return what `filed` says of a renewal; nothing for other matters.

    Raises `RuleForbids` when the form does not name the licence's last day.
    """
    renewal = matter.renewal
    if renewal is None:
        return {}
    field = f"body.form.{renewal.field}"
    try:
        until = date.fromisoformat(str(form.get(renewal.field, "")))
    except ValueError as wrong:
        raise RuleForbids(
            "licence_day_missing", "请填写原许可证有效期届满的日期", renewal.basis, field
        ) from wrong
    last = last_request_day(until, renewal.ahead, calendar)
    late = local_day(received_at, matter.zone) > last
    return {"licence_until": until.isoformat(), "requested_late": late}


def deem_renewed(walk: Walk, article: str) -> None:
    """逾期未作决定的，视为准予延续: granted by law at the end of the licence's last day.

    An application that was not accepted by then asks for nothing yet that could be granted.
    """
    if walk.state.accepted_at is None:
        return
    end_pauses(walk, article)
    walk.finish_all()
    until = walk.state.licence_until
    walk.emit("deemed_renewed", licence_until=until.isoformat() if until else "", article=article)
    settle_decision(walk, "grant", article, by_law=True)
