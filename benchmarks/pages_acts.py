"""What is done in the demo city before its pages are measured, so that lists lead on: by the forms
of the pages themselves, and for a citizen, whom no identity provider has to vouch for here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, select

from activities.project_reports import Quarter
from audit.vault import SubjectVault
from benchmarks.pages_copies import FIRST, ZONE
from cases.citizens import Citizens, subject_of
from cases.database import reading
from cases.tables import case, document
from cases.web_tables import account
from yichuang.web_citizens import _place

if TYPE_CHECKING:
    from benchmarks.pages import People

Form = Mapping[str, str | Sequence[str]]
CITIZEN: Final = "citizen"
PROVIDER: Final = "http://127.0.0.1:9"
"""Named as the city's identity provider, so that citizens have pages; nobody answers there."""
SAID: Final = {"name": "王十敏", "id_number": "11010519491231002X", "phone": "13800000000"}
OWN: Final = 6
CLERK: Final = "zhujian1"
HEAD: Final = "zhujianke"
DEPUTY: Final = "shichangke"
EDITOR: Final = "bianzhi"
COMMANDER: Final = "zhihui"
LEADER: Final = "lingdao1"
WARNING: Final[Form] = {
    "category": "geology", "level": "yellow", "event": "山体滑坡", "event_en": "Landslide",
    "area": "青石街道北坡", "area_en": "Qingshi, north slope", "matters": "坡体位移加快",
    "matters_en": "Slope moving", "advice": "请勿进入北坡", "advice_en": "Keep away",
    "measures": ["66-1", "66-5"], "issuer": "云川市人民政府",
    "issuer_en": "Yunchuan Municipal People's Government",
}  # fmt: skip


def acted(people: People, web: Engine) -> list[str]:
    """Keep a filter, ask for a deputy, begin a draft of a matter, issue a warning; return what was
    answered otherwise than by leading on."""
    today = datetime.now(ZoneInfo(ZONE)).date()
    with reading(web) as connection:
        deputy = connection.execute(select(account.c.id).where(account.c.login == DEPUTY)).scalar()
    done: tuple[tuple[str, str, str, Form], ...] = (
        (CLERK, "/filters", "/cases", {"name": "在审", "scope": "all", "stage": "review"}),
        (HEAD, "/deputies", "/deputies",
         {"deputy": str(deputy), "reason": "leave", "first": today.isoformat(), "grants":
          ["section_head@zjj"], "last": (today + timedelta(days=3)).isoformat()}),
        (EDITOR, "/designer", "/designer", {"matter": "construction-permit", "do": "change"}),
        (COMMANDER, "/warnings/new", "/warnings/new",
         {**WARNING, "starts_at": f"{today.isoformat()}T12:00", "step": "confirmed"}),
    )  # fmt: skip
    told = []
    for login, address, page, form in done:
        answer = people.post(login, address, page, form)
        if not answer.onward:
            told.append(f"{login} {address}: {answer.status}")
    return told


def hidden_in(page: str) -> dict[str, str]:
    """Return the token, and the command's name if there is one, of a page's first form."""
    names = ("csrf", "command")
    found = {name: re.search(rf'name="{name}" value="([^"]*)"', page) for name in names}
    return {name: one.group(1) for name, one in found.items() if one is not None}


def citizen_in(
    web: Engine, cases: Engine, vault: SubjectVault, pseudonym_of: Callable[[str], str]
) -> str:
    """Sign a citizen in to whom some of the city's cases belong; return the cookie's secret."""
    store, now = Citizens(web), datetime.now(UTC)
    text = json.dumps(SAID, ensure_ascii=False).encode()
    secret, who = store.sign_in(
        subject_of(PROVIDER, "bench"),
        lambda one: vault.seal(pseudonym_of(one), text, _place(one)),
        now,
        lambda _connection, _one: None,
    )
    with reading(cases) as connection:
        for is_open in (True, False):
            for case_id, _ in _own(connection, is_open):
                store.files(who, case_id, now)
    return secret


def _own(connection: Connection, is_open: bool) -> Sequence[tuple[str, str]]:
    """Return id and number of the cases that are made the citizen's: those least far on first."""
    query = (
        select(case.c.id, case.c.case_no)
        .where(case.c.case_no.not_like(f"{FIRST}%"), case.c.is_open.is_(is_open))
        .order_by(case.c.decided_at.is_not(None), case.c.case_no)
    )
    return [(row.id, row.case_no) for row in connection.execute(query.limit(OWN))]


def ahead(cases: Engine) -> Mapping[str, list[str]]:
    """Return, by login, addresses of which no link is told, or only a code on paper."""
    own = case.c.case_no.not_like(f"{FIRST}%")
    paper = (
        select(case.c.case_no, case.c.public_code, document.c.code)
        .join(document, document.c.case_id == case.c.id)
        .where(own, case.c.department == "zjj", document.c.code != "")
        .order_by(case.c.case_no)
        .limit(1)
    )
    with reading(cases) as connection:
        row = connection.execute(paper).first()
        number = connection.execute(select(func.min(case.c.case_no)).where(own)).scalar()
        theirs = [quote(no) for is_open in (True, False) for _, no in _own(connection, is_open)]
    quarter = Quarter.of(datetime.now(ZoneInfo(ZONE)).date()).name
    found = {LEADER: [f"/dashboard/report?quarter={quarter}"]}
    found |= {CLERK: ["/counts", "/prove?next=/team", f"/cases?q={quote(str(number))}"], "": []}
    if theirs:
        found[CITIZEN] = [
            "/apply/enterprise-start",
            f"/mine/{theirs[-1]}",
            f"/mine/{theirs[0]}/withdraw",
            "/mine",
        ]
    if row is not None:
        no = quote(row.case_no)
        found[CLERK].append(f"/cases/{no}?tab=documents")
        found[""] = [f"/status/{no}/{row.public_code}", f"/verify/{quote(row.code)}"]
    return found
