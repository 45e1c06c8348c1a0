"""Cases and the incidents with which they are linked, as pages read them.

`where` cuts cases and `incidents` cuts incidents to what the reader may list: a link is told to
whoever may know of both its ends, and to nobody else is it hinted at. Of an incident that went on
in another (并案), the cases are the other's too.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, and_, select

from cases.incident_tables import incident, incident_case
from cases.tables import case
from cases.views import OfIncident

_STANDS = incident_case.c.unlinked_seq.is_(None)


def cases_of(ids: Sequence[str], incidents: ColumnElement[bool]) -> Select[tuple[str]]:
    """Return the ids of the cases that are linked with one of these incidents, or with one that
    went on in one of them, by way of however many."""
    whole = select(incident.c.id).where(incident.c.id.in_(ids)).cte("whole", recursive=True)
    merged = select(incident.c.id).join(whole, incident.c.merged_into == whole.c.id)
    whole = whole.union(merged.where(incidents))
    return (
        select(incident_case.c.case_id)
        .join(incident, incident.c.id == incident_case.c.incident_id)
        .where(_STANDS, incident.c.id.in_(select(whole.c.id)), incidents)
    )


def own_links(connection: Connection, incident_id: str) -> frozenset[str]:
    """Return the ids of the cases that are linked with this very incident."""
    query = select(incident_case.c.case_id).where(
        incident_case.c.incident_id == incident_id, _STANDS
    )
    return frozenset(connection.execute(query).scalars())


def numbers_by_step(
    connection: Connection, incident_id: str, where: ColumnElement[bool]
) -> dict[int, str]:
    """Return which step of the incident linked or unlinked which case, by its number."""
    link = incident_case.c
    query = (
        select(link.seq, link.unlinked_seq, case.c.case_no)
        .join(case, case.c.id == link.case_id)
        .where(link.incident_id == incident_id, where)
    )
    found = {}
    for seq, gone, number in connection.execute(query):
        found[seq] = number
        if gone is not None:
            found[gone] = number
    return found


def incidents_of(
    connection: Connection, case_id: str, incidents: ColumnElement[bool], most: int
) -> tuple[list[OfIncident], list[str]]:
    """Return the incidents with which the case is linked, the newest first, and the ids of these
    and of those in which they went on, by way of those that the reader may know of."""
    mine = select(incident_case.c.incident_id).where(incident_case.c.case_id == case_id, _STANDS)
    row = incident.c
    query = (
        select(row.id, row.number, row.title, row.stage, row.merged_into)
        .where(and_(row.id.in_(mine), incidents))
        .order_by(row.reported_at.desc(), row.id)
        .limit(most)
    )
    found = connection.execute(query).all()
    ids = {one.id for one in found}
    further = {one.merged_into for one in found} - {""}
    while further := further - ids:
        ids |= further
        on = select(row.merged_into).where(row.id.in_(sorted(further)), incidents)
        further = set(connection.execute(on).scalars()) - {""}
    told = [
        OfIncident(incident_id=one.id, number=one.number, title=one.title, stage=one.stage)
        for one in found
    ]
    return told, sorted(ids)
