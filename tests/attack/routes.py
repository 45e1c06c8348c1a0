"""What each address could tell of a case that the reader may not know: one line for every route.

A new route fails tests/attack until it stands here, with the attack that it must withstand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal["open", "own", "case", "thing", "list", "machine", "draft", "form", "role"]

ROUTES: Final[Mapping[str, Kind]] = {
    # open: without a session. Of a case only to whoever holds its code, or by 行政许可法第四十条.
    "GET /healthz": "open",
    "GET /sign-in": "open",
    "POST /sign-in": "open",
    "GET /enrol": "open",
    "POST /enrol": "open",
    "GET /language/{language}": "open",
    "GET /status": "open",
    "POST /status": "open",
    "GET /granted": "open",
    "GET /verify": "open",
    "GET /verify/receipt": "open",
    "GET /verify/receipt/{file}": "open",
    "GET /verify/{code}": "open",
    "POST /status/receipt": "open",
    "GET /api/v1/openapi.json": "open",
    # own: nothing but the session's own person.
    "POST /sign-out": "own",
    "GET /password": "own",
    "POST /password": "own",
    # One's own delegations alone; what the days would meet is named where both may list it.
    "GET /deputies": "own",
    "POST /deputies": "own",
    "POST /deputies/act": "own",
    "GET /deputies/{delegation}": "own",
    "POST /deputies/{delegation}": "own",
    # case: the address names a case. Of one that is hidden it says, to the byte, what it says of
    # one that is not there.
    "GET /cases/{case_no}": "case",
    "POST /cases/{case_no}/reveal": "case",
    "GET /cases/{case_no}/documents/{document}": "case",
    "POST /cases/{case_no}/receipt": "case",
    "GET /cases/{case_no}/materials/{upload}": "case",
    "GET /cases/{case_no}/do/{verb}": "case",
    "POST /cases/{case_no}/do/{verb}": "case",
    "GET /api/v1/cases/{case_no}": "case",
    "GET /api/v1/cases/{case_no}/receipt": "case",
    "POST /api/v1/cases/{case_no}/commands/{verb}": "case",
    # thing: the address names what hangs on a case or a department.
    "GET /payments/{payment}": "thing",
    "GET /api/v1/payments/{payment}": "thing",
    "GET /api/v1/commands/{id}": "thing",
    "GET /log/entries/{entry}": "thing",
    "GET /log/entries/{entry}/proof": "thing",
    "GET /log/entries/{entry}/body": "thing",
    # list: the same page, to the byte, whether the hidden cases are there or not.
    "GET /": "list",
    "GET /team": "list",
    "GET /cases": "list",
    "GET /acceptance": "list",
    "GET /cards": "list",
    "GET /notices": "list",
    "GET /supervision": "list",
    "GET /supervision.csv": "list",
    "GET /supervision/clocks": "list",
    "GET /supervision/report/{month}": "list",
    "GET /payments": "list",
    "GET /log": "list",
    "GET /readers": "list",
    "GET /anomalies": "list",
    "GET /calendar": "list",
    # machine: counts of the machine's own health, of all cases; it names none that is hidden.
    "GET /census": "machine",
    # draft: begun forms are their author's alone.
    "GET /new": "draft",
    "GET /new/{matter}": "draft",
    # form: makes something new and names nothing that is.
    "POST /new/{matter}": "form",
    "GET /payments/new": "form",
    "POST /payments/new": "form",
    "POST /api/v1/cases": "form",
    "POST /api/v1/payments": "form",
    "GET /alarms": "form",
    "GET /alarms/dead": "form",
    "GET /alarms/{alarm}": "form",
    "GET /verification": "form",
    "POST /verification": "form",
    "GET /rules": "form",
    "GET /rules/{pack}": "form",
    "POST /calendar/notice": "form",
    "POST /calendar/change": "form",
    # role: for those whose office it is, none of whom handles cases; a clerk is turned away.
    "GET /letters": "role",
    "GET /letters/{letter}": "role",
    "POST /letters/{letter}": "role",
    "GET /erasures": "role",
    "POST /erasures": "role",
    "POST /erasures/{order}/approve": "role",
    "POST /erasures/{order}/refuse": "role",
    "GET /accounts": "role",
    "POST /accounts": "role",
    "POST /accounts/{account}": "role",
    "GET /accounts/{account}": "role",
    "POST /accounts/{account}/rights": "role",
    "GET /accounts/review": "role",
    "POST /accounts/{account}/review": "role",
    "POST /accounts/{account}/term": "role",
    "GET /grants": "role",
    "POST /grants/{change}/approve": "role",
    "POST /grants/{change}/refuse": "role",
    "POST /grants/{change}/withdraw": "role",
    "POST /calendar/{release}/look-ahead": "role",
    "POST /calendar/{release}/ask-revocation": "role",
    "POST /calendar/{release}/revoke": "role",
    "POST /releases/{release}/ask-revocation": "role",
    "POST /releases/{release}/revoke": "role",
    "GET /releases": "role",
    "POST /releases": "role",
    "GET /releases/{release}/dossier": "role",
    "POST /releases/{release}/endorse": "role",
    "POST /releases/{release}/simulate": "role",
    "POST /releases/{release}/sign": "role",
    "POST /releases/{release}/withdraw": "role",
}

QUESTIONS: Final[Mapping[str, Kind]] = {
    "case.status": "case",
    "case.events": "case",
    "command.outcome": "thing",
    "dead_letter.list": "role",
    "dead_letter.show": "role",
    "dead_letter.mend": "role",
    "dead_letter.replay": "role",
    "dead_letter.discard": "role",
}
"""Of every question over NATS."""
