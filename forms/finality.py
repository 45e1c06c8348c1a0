"""Every form of the house: which is for good, and which page asks it once more.

One table, held complete by tests/house/test_finality.py: a new form fails there until it says here
whether what it does is for good, and if it is not, what takes it back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from forms import (
    act_finality,
    fund_finality,
    incident_acting,
    performance_finality,
    project_finality,
)
from forms.fund_words import PATHS

CASES: Final = "confirm.html"
INCIDENTS: Final = "incident_confirm.html"
ELSE: Final = "for_good.html"


@dataclass(frozen=True)
class ByVerb:
    """A form of many orders: which are for good, whose page asks, and what takes the others back.

    What stands among those for good may still be done at once as it is filled in (a review with
    which the department agrees to nothing); the functions beside the verbs say so.
    """

    page: str
    final: Collection[str]
    taken_back: Mapping[str, str]


BY_VERB: Final[Mapping[str, ByVerb]] = MappingProxyType(
    {
        "/cases/{case_no}/do/{verb}": ByVerb(CASES, act_finality.FINAL, act_finality.TAKEN_BACK),
        "/incidents/{incident}/do/{verb}": ByVerb(
            INCIDENTS, {"verify", *incident_acting.AT_ONCE}, incident_acting.TAKEN_BACK
        ),
        "/projects/{project}/do/{verb}": ByVerb(
            ELSE,
            project_finality.FINAL,
            {k: v for k, v in project_finality.TAKEN_BACK.items() if k != "establish"},
        ),
        "/projects/{project}/performance/{verb}": ByVerb(
            ELSE, performance_finality.FINAL, performance_finality.TAKEN_BACK
        ),
    }
)

FOR_GOOD: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{PATHS[verb]: ELSE for verb in fund_finality.FINAL},
        "/warnings/new": ELSE,
        "/warnings/{warning}/adjust": ELSE,
        "/warnings/{warning}/lift": ELSE,
        "/releases/{release}/sign": ELSE,
        "/releases/{release}/revoke": ELSE,
        "/calendar/{release}/revoke": ELSE,
        "/policy/{release}/approve": ELSE,
        "/erasures/{order}/approve": ELSE,
        "/designer/{draft}/drop": ELSE,
        "/new/drafts/remove": ELSE,
        "/mine/{case_no}/rate": ELSE,
        "/mine/{case_no}/collect": ELSE,
        "/mine/{case_no}/withdraw": "withdraw.html",
        "/suggest/rate": ELSE,
        "/bulk": "bulk_tried.html",
    }
)
"""Where a form posts → the page that asks once more. `withdraw.html` is opened before the post, and
so is `bulk_tried.html`: nothing but their own buttons does it."""

SOMETIMES: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "/accounts/{account}": (
            "close",
            ELSE,
            "what it makes is made anew",
        ),
        "/designer/words": ("drop", ELSE, "withdrawn before it is signed"),
        "/letters/{letter}": ("discard", ELSE, "a replay that is refused comes back as a letter"),
    }
)
"""Where a form posts → the button that is for good, the page that asks, what undoes the rest."""

TAKEN_BACK: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{PATHS[verb]: why for verb, why in fund_finality.TAKEN_BACK.items()},
        "/accounts": "the account is closed",
        "/accounts/{account}/review": "reviewed again; a removal is proposed and needs a second",
        "/accounts/{account}/rights": "withdrawn, or refused by the second person",
        "/accounts/{account}/term": "another last day",
        "/apply/{matter}": "withdrawn by the applicant",
        "/calendar/change": "withdrawn before it is signed",
        "/calendar/notice": "withdrawn before it is signed",
        "/calendar/{release}/ask-revocation": "nothing, until a second person agrees",
        "/calendar/{release}/look-ahead": "changes nothing; looked at again",
        "/deputies": "ended by either side",
        "/deputies/{delegation}": "proposed anew",
        "/designer": "the draft is dropped",
        "/designer/{draft}": "written over; each version of a conflict is kept",
        "/designer/{draft}/send": "withdrawn before it is signed",
        "/duty/contacts": "another address",
        "/duty/notices": "marks as read",
        "/duty/of/{department}": "a shift is withdrawn",
        "/duty/of/{department}/hand-over": "the next shift takes it or asks back",
        "/duty/handovers/{handover}": "what is open stays on the board of both",
        "/duty/overrides/{override}": "proposed anew",
        "/duty/shifts/{shift}/stand-in": "ended by either side",
        "/duty/shifts/{shift}/withdraw": "laid out anew",
        "/erasures": "nothing, until a second person approves",
        "/erasures/{order}/refuse": "asked for anew",
        "/filters": "the filter is removed",
        "/filters/{saved}": "saved anew",
        "/grants/{change}/approve": "a further change, by two",
        "/grants/{change}/refuse": "proposed anew",
        "/grants/{change}/withdraw": "proposed anew",
        "/incidents/new": "verified as untrue",
        "/mine/{case_no}/supply": "more may be supplied while it is asked for",
        "/new/{matter}": "withdrawn as the applicant wishes",
        "/notices": "marks as read",
        "/password": "changed again",
        "/payments/new": "returned by the reviewer",
        "/plan/{kpi}/report": "corrected by a further report, with the reason",
        "/policy/new": "withdrawn before it is approved",
        "/policy/{release}/withdraw": "proposed anew",
        "/preferences": "chosen anew",
        "/projects/new": project_finality.TAKEN_BACK["establish"],
        "/releases": "withdrawn before it is signed",
        "/releases/{release}/ask-revocation": "nothing, until a second person agrees",
        "/releases/{release}/endorse": "withdrawn before the second signature",
        "/releases/{release}/simulate": "changes nothing; tried again",
        "/releases/{release}/withdraw": "proposed anew",
        "/security/codes": "made anew; a second factor is asked for first",
        "/security/codes/kept": "made anew",
        "/security/factor": "the factor is removed",
        "/security/factors/{factor}/remove": "added anew; the last one stays",
        "/security/sessions": "signed in anew",
        "/signals/windows": "lifted early",
        "/signals/windows/{window}/lift": "planned anew",
        "/suggest": "answered; a further one may be made",
    }
)
"""Where a form posts → what takes back what it does."""

NO_ACT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "/cases/{case_no}/receipt": "hands out a file",
        "/cases/{case_no}/reveal": "shows what is masked, with its entry",
        "/cases/{case_no}/steps/{seq}/receipt": "hands out a file",
        "/deputies/act": "says in whose name one goes on",
        "/enrol": "comes in",
        "/find": "looks for something",
        "/mine/back-channel-logout": "the provider's own",
        "/mine/sign-out": "leaves",
        "/mine/uploads": "keeps a piece of a file until its form is sent",
        "/payments/{payment}/receipt": "hands out a file",
        "/prove": "proves who one is",
        "/sign-in": "comes in",
        "/sign-in/second": "comes in",
        "/sign-in/set-up": "comes in",
        "/sign-out": "leaves",
        "/status": "looks something up",
        "/status/receipt": "hands out a file",
        "/uploads": "keeps a piece of a file until its form is sent",
        "/verification": "verifies the log, which changes nothing",
    }
)
"""Where a form posts → what it does that is no act upon anything."""
