"""Whatever pages and gateway read is bound to what policy lets its reader know: here is how.

A new reading function of a port, of `Queries` or of the gateway fails until it stands here. Those
that policy's condition cuts are looked into: they must ask for it. Those that tell of one case to
whoever names it may be called from the listed functions alone, each of which has asked first.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import pytest

from cases.queries import Queries
from forms.ports import Ports
from yichuang import questions
from yichuang.unit_incidents import UnitIncidents
from yichuang.web_calendar import WebCalendars
from yichuang.web_deputies import WebDeputies
from yichuang.web_fund import WebFund
from yichuang.web_incidents import WebIncidents
from yichuang.web_log import WebLog
from yichuang.web_payments import WebPayments
from yichuang.web_plan import WebPlan
from yichuang.web_ports import WebCensus, WebReader
from yichuang.web_process import WebProcess
from yichuang.web_project_reports import WebProjectReports
from yichuang.web_projects import WebProjects
from yichuang.web_supervision import WebSupervision
from yichuang.web_warnings import WebWarnings

Way = Literal["where", "asked", "own", "public", "office", "none"]

PORTS: Final[Mapping[str, Way]] = {
    # where: cut by the condition that policy makes of the reader, in SQL or through CaseReach.
    "reader.worklist": "where",
    "reader.counts": "where",
    "reader.export": "where",
    "reader.acceptance": "where",
    "reader.cards": "where",
    "reader.notices": "where",
    "reader.notice_ids": "where",
    "reader.hidden": "where",
    "reader.related": "where",
    "reader.of_incident": "where",
    "reader.readable": "where",
    "reader.earlier": "where",
    "census.view": "where",
    "supervision.alarms": "where",
    "supervision.board": "where",
    "supervision.watched": "where",
    "supervision.watching": "where",
    "supervision.counts": "where",
    "supervision.drilled": "where",
    "supervision.compared": "where",
    "supervision.refused": "where",
    "supervision.shares": "where",
    "supervision.shared_clocks": "where",
    "supervision.report": "where",
    "process.map": "where",
    "process.passages": "where",
    "process.held_cases": "where",
    "process.event_data": "where",
    "calendars.moves": "where",
    "payments.listing": "where",
    "payments.waiting": "where",
    "payments.may_read": "where",
    "incidents.board": "where",
    "incidents.linkings": "where",
    "incidents.listed": "where",
    "incidents.viewpoint": "where",
    "incidents.numbers": "where",
    "incidents.since": "where",
    "payments.may_request": "where",
    "plan.behind": "where",
    "plan.may_report": "where",
    "fund.view": "where",
    "fund.project": "where",
    "fund.entries": "where",
    "fund.journal": "where",
    "fund.contracts": "where",
    "projects.listing": "where",
    "projects.dashboard": "where",
    "project_reports.report": "where",
    "projects.known": "asked",
    "projects.names": "asked",
    "projects.project": "asked",
    # whether one's own order is settled: who knows its id has made it.
    "projects.answered": "asked",
    "performances.answered": "asked",
    "fund.answered": "asked",
    "warnings.answered": "asked",
    "projects.today": "public",
    "performances.known": "asked",
    "performances.shown": "asked",
    "performances.duties": "asked",
    "performances.tables": "public",  # of the catalogue
    "project_reports.latest": "public",
    "warnings.listing": "where",
    "warnings.acts": "where",
    "log.search": "where",
    "log.entry": "where",
    # asked: of one thing, for a caller that has asked policy about it (CALLERS).
    "reader.find": "asked",
    "reader.state": "asked",
    "reader.case": "asked",
    "reader.outcome": "asked",
    "reader.public_code": "asked",
    "reader.document": "asked",
    "reasons.of_case": "asked",
    "receipts.of_case": "asked",
    "receipts.of_entry": "asked",
    "uploads.read": "asked",
    "attached.of": "asked",
    "attached.hand_out": "asked",
    "payments.find": "asked",
    "fund.claim": "asked",
    "fund.stages": "asked",
    "incidents.draft": "asked",
    "incidents.incident": "asked",
    "incidents.known": "asked",
    "incidents.routed": "asked",
    "incident_papers.paper": "asked",
    "incident_papers.thing": "asked",
    "incident_papers.kept": "asked",
    "incident_papers.kept_file": "asked",
    "payments.reasons": "asked",
    "log.proof": "asked",
    # own: the reader's own rows and no other's.
    "uploads.known": "own",
    "uploads.held": "own",
    "uploads.coming": "own",
    "uploads.whole": "own",
    "attached.offered": "own",
    "attached.held": "own",
    "citizens.find": "own",
    "citizens.case": "own",
    "citizens.cases": "own",
    "citizens.materials": "asked",
    "citizens.to_supply": "asked",
    "citizens.beyond": "asked",
    "citizens.remembered": "own",
    "registers.ask": "asked",
    "registers.offered": "office",  # their names
    "citizens.paper": "asked",
    "drafts.find": "own",
    "drafts.listing": "own",
    "preferences.of": "own",
    "own.notices": "own",
    "own.unread": "own",
    "own.sign_ins": "own",
    "saved_filters.listing": "own",
    "deputies.delegable": "own",
    "deputies.find": "own",
    "deputies.listing": "own",
    "deputies.whose": "own",
    # public: to whoever holds the code, or by 行政许可法第四十条 and 政府信息公开条例.
    "reader.public_status": "public",
    "reader.verify": "public",
    "reader.granted": "public",
    "intake.grid": "public",
    "intake.reports": "public",  # nothing of who reported, nor what they wrote
    "intake.types": "public",
    "receipts.policy": "public",
    # counts of the whole city, which 政府信息公开 lets everybody know; reports of departments
    "plan.lines": "public",
    "plan.statistics": "public",
    "plan.running": "public",  # dates of the programme, which the plan itself makes public
    "plan.public_projects": "public",  # number, title, stage, counts (tests/plan holds the columns)
    "plan.kpis": "public",
    "plan.programme": "public",
    "plan.history": "public",
    "warnings.published": "public",  # an announcement is for everybody
    "warnings.public": "public",
    "receipts.program": "public",
    # office: for those whose office it is, who are shown no case by it.
    "anomalies.listing": "office",
    "plan.reports": "office",
    "accounts.listing": "office",
    "accounts.row": "office",
    "granting.compartments": "office",
    "granting.find": "office",
    "granting.history": "office",
    "granting.holding": "office",
    "granting.settled": "office",
    "granting.waiting": "office",
    "policies.holders": "office",
    "policies.in_force": "office",
    "policies.proposal": "office",
    "lives.listing": "office",
    "lives.quarter": "office",
    "lives.soon": "office",
    "dead_letters.find": "office",
    "intake.fates": "office",
    "dead_letters.listing": "office",
    "designs.check": "office",  # what somebody drafts, held against the catalogue
    "designs.versions": "office",
    "designs.open_cases": "office",  # a number of the whole city that names nothing
    "designs.paper": "office",  # with sample values
    "designs.notice_words": "office",  # sentences of the city, nobody's
    "designs.words_versions": "office",
    "designs.proposed_words": "office",
    "designs.proposed": "office",
    "releases.listing": "office",
    "releases.dossier": "office",  # its cases go through reader.hidden
    "calendars.sheet": "office",
    "incidents.last": "office",  # a number that names nothing
    "readings.alarm": "office",
    "readings.alarms": "office",
    "readings.dead": "office",
    "readings.pulse": "office",
    "readings.reasons": "office",
    "readings.stations": "office",
    "signals.counts": "office",
    "signals.listing": "office",
    "signals.one": "office",
    "signals.places": "office",
    "signals.refused": "office",
    "signals.types": "office",
    "signals.windows": "office",
    "rules.articles": "office",
    "rules.in_force": "office",
    "keeping.backups": "office",
    "keeping.events_out": "office",
    "keeping.notices_out": "office",
    "log.acts": "office",
    "log.verifications": "office",
    "erasures.grounds": "office",
    "erasures.listing": "office",
    "erasures.plan": "office",
    "payments.packs": "office",
    "responsibility.lessons": "office",
    "responsibility.routes": "office",
    "responsibility.streets": "office",
    "deputies.colleagues": "office",
    "deputies.names": "office",
    "duty.contacts": "own",
    "duty.department_of": "office",
    "duty.handover": "own",
    "duty.names": "office",
    "duty.open_incidents": "own",
    "duty.override_department": "office",
    "duty.overview": "office",
    "duty.people": "office",
    "duty.planned_by": "office",
    "duty.told": "asked",
    "duty.tray": "own",
    "duty.unread": "own",
    "duty.week": "office",
    "reader.colleagues": "office",
}
"""Every method of a port that reads."""

CHANGES: Final = frozenset(
    {
        "reception", "access", "entrance", "disclosures", "catalogue",
        "accounts.close", "accounts.create", "accounts.renew", "accounts.rotate",
        "accounts.service", "accounts.set_key",
        "granting.approve", "granting.propose", "granting.refuse", "granting.withdraw",
        "lives.review", "lives.set_term", "lives.wake",
        "calendars.with_change", "calendars.with_notice",
        "dead_letters.discard", "dead_letters.replay",
        "deputies.accept", "deputies.act", "deputies.end", "deputies.propose",
        "drafts.remove", "drafts.save", "own.mark", "preferences.prefer",
        "saved_filters.remove", "saved_filters.save",
        "duty.acknowledge", "duty.answer", "duty.hand_over", "duty.lay_out", "duty.set_contact",
        "duty.stand_in", "duty.take_over", "duty.withdraw",
        "erasures.approve", "erasures.ask", "erasures.refuse",
        "log.verify",
        "incidents.order", "projects.order", "performances.order",
        "payments.request", "fund.act", "plan.report", "suggestions.sender",
        "citizens.address", "citizens.sign_in", "citizens.sign_out",
        "citizens.ended_elsewhere", "citizens.sender",
        "citizens.files", "citizens.leaving",
        "warnings.act", "intake.submit", "intake.take_cap",
        "releases.ask_revocation", "releases.endorse", "releases.look_ahead", "releases.propose",
        "releases.revoke", "releases.sign", "releases.simulate", "releases.withdraw",
        "signals.lift", "signals.plan",
        "uploads.add", "uploads.begin", "uploads.give_up", "uploads.hand_over", "uploads.keep",
        "attached.keep", "attached.take",
    }
)  # fmt: skip
"""Methods and whole ports that show nothing: they ask, order, count in, or know the catalogue."""

CALLERS: Final[Mapping[str, frozenset[str]]] = {
    "reader.find": frozenset(
        {
            "case.facts_of",  # asks `knows` and the act
            "lists.everything",  # asks `knows`
            "bulk_rows._tried",  # asks `knows`
            "bulk_rows._with_task",  # asks `knows`
            "case._before",  # asks `knows`
            "earlier.ask_earlier",  # of what `reader.earlier` has cut
            "lists.find",  # asks `knows`
            "rest._may_read",  # asks `read`
            "public._status",  # after number and code
            "receipts.own",  # after number and code
            "suggest.rate",  # after number and code
        }
    ),
    "reader.state": frozenset(
        # all but the first after `knows`, the last after the act too
        {"case.offered", "bulk_rows._tried", "bulk_rows._with_task", "act_confirming.foretold"}
    ),
    "reader.case": frozenset(
        {"case.view_of", "rest.read_case", "earlier._said_in"}  # the last asks `read_personal`
    ),
    "reader.outcome": frozenset(
        {
            "drafting._by_itself",
            "acting._done_before",
            "acting.do",
            "case.show_case",
            "case._before",
            "rest.read_command",
        }  # the last but one: a
        # number alone, after `knows`
    ),
    "reader.public_code": frozenset(
        {"case.show_case", "suggest._answered"}  # the latter of what it has just filed
    ),
    "citizens.materials": frozenset({"mine._rows"}),  # of the citizen's own case alone
    "citizens.to_supply": frozenset(
        {"mine.shown", "mine.supply"}
    ),  # of the citizen's own case alone
    "registers.ask": frozenset({"from_registers._ask"}),  # whose form it is, with an entry
    "citizens.beyond": frozenset({"mine.beyond_of"}),  # of the citizen's own case alone
    "citizens.paper": frozenset({"collecting.paper"}),  # likewise, and of what `beyond` opens
    "reader.document": frozenset({"case_files.handed_out"}),
    "reasons.of_case": frozenset({"case._reasons"}),
    "receipts.of_entry": frozenset({"payments.receipt", "receipts.of_step"}),
    "receipts.of_case": frozenset({"receipts._handed_out", "rest.receipt"}),
    "uploads.read": frozenset({"case_files.material"}),
    "attached.of": frozenset({"incident._files"}),  # asks `read_personal`
    "attached.hand_out": frozenset({"attaching.hand_out"}),
    "duty.told": frozenset({"incident.page_of"}),  # after `state_of` has asked `read`
    "incidents.draft": frozenset({"incident_acting._draft"}),
    "incidents.incident": frozenset({"incident._shown"}),
    "incidents.known": frozenset({"incident.state_of", "links.incident_url"}),  # ask `read`
    "incidents.routed": frozenset({"incident_acting._scene"}),
    "projects.answered": frozenset({"project_acting._asked"}),
    "performances.answered": frozenset({"performance_acting.do"}),
    "fund.answered": frozenset({"fund_acting._asked"}),
    "warnings.answered": frozenset({"warnings._asked"}),
    "payments.find": frozenset(
        {"payments._found", "rest.read_payment", "fund_acting.step", "fund_acting.page"}
    ),
    "fund.claim": frozenset(
        {"payments.payment", "payments.receipt", "fund_finality.claim"}  # the last after the act
    ),  # after `payment_read`
    "fund.stages": frozenset({"payments.listing"}),  # of what `payments.listing` let them see
    "projects.known": frozenset(
        {
            "project.state_of",
            "project_rest._found",
            "links.project_url",  # ask `read`
            "money_choices.project_field",
            "money_choices.milestone_field",  # ask `list`
            "fund._milestones",
            "payments._milestone",  # titles, beside money that may be read
        }
    ),
    "projects.names": frozenset(
        {"fund.journal", "payments._page", "payments.listing", "payments.payment"}
    ),  # of projects whose money is on the page already
    "projects.project": frozenset(
        {"project.project", "project_sheet.exported"}  # after it
    ),
    "performances.known": frozenset(
        {"performance.read_by", "project_beside.performance_of"}  # they ask `performance_read`
    ),
    "performances.duties": frozenset({"performance_fiscal.fiscal_of"}),  # asks it of the whole
    "performances.shown": frozenset(
        {"performance.performance", "project_beside.performance_of"}  # after it
    ),
    "incident_papers.paper": frozenset({"incident_papers.paper"}),
    "incident_papers.thing": frozenset({"incident_papers.paper", "incident_papers._kept"}),
    "incident_papers.kept": frozenset({"incident_papers._kept", "incident._papers"}),
    "incident_papers.kept_file": frozenset({"incident_papers._kept"}),
    "payments.reasons": frozenset({"payments.payment"}),
    "log.proof": frozenset({"log_pages.proof"}),
}
"""Who may call what is `asked`."""

READERS: Final[Mapping[str, type]] = {
    "reader": WebReader,
    "census": WebCensus,
    "supervision": WebSupervision,
    "calendars": WebCalendars,
    "payments": WebPayments,
    "plan": WebPlan,
    "fund": WebFund,
    "process": WebProcess,
    "projects": WebProjects,
    "project_reports": WebProjectReports,
    "warnings": WebWarnings,
    "incidents": WebIncidents,
    "log": WebLog,
    "deputies": WebDeputies,
}
"""What stands behind a port of which something is cut by policy."""

ASKING: Final = ("access.where", "access.seen", "access.decide", "reach.where", "hidden(")
"""Signs of the question, in the function or in one of its class that it calls."""

QUERIES: Final[Mapping[str, Way]] = {
    "worklist": "where",
    "counts": "where",
    "export": "where",
    "acceptance": "where",
    "cards": "where",
    "notices": "where",
    "notice_ids": "where",
    "related": "where",
    "of_incident": "where",
    "readable": "where",
    "earlier": "where",
    "case_facts": "asked",
    "case_view": "asked",
    "state": "asked",
    "find_case": "asked",
    "outcome_of": "asked",
    "command_digest": "asked",
    "public_code": "asked",
    "document_file": "asked",
    "document_by_code": "public",
    "public_status": "public",
    "steps": "office",  # the operator's export, on the machine itself
    "totals": "office",  # the same
}
"""Every reading function of `cases.queries.Queries`."""

GATEWAY: Final[Mapping[str, Way]] = {
    "find": "asked", "facts": "asked", "status": "asked", "events": "asked", "outcome": "own",
}  # fmt: skip
"""Every reading function of the gateway; `Desk._case` asks before status and events."""


def methods(kind: type) -> Iterator[str]:
    # What is handed to a dataclass (a default that is a function) is no method of it.
    handed = typing.get_type_hints(kind)
    return (
        name
        for name, _ in inspect.getmembers(kind, inspect.isfunction)
        if name[0] != "_" and name not in handed
    )


def port_methods() -> set[str]:
    return {
        f"{port}.{name}"
        for port, kind in typing.get_type_hints(Ports).items()
        for name in methods(kind)
        if port not in CHANGES
    }


def test_every_function_of_a_port_says_how_it_is_bound() -> None:
    assert port_methods() == set(PORTS) | {one for one in CHANGES if "." in one}


def test_every_reading_function_of_the_store_says_how_it_is_bound() -> None:
    assert set(methods(Queries)) == set(QUERIES)
    cut = {name for name, way in QUERIES.items() if way == "where"}
    takes = {
        name
        for name in QUERIES
        if {"where", "seen"} & set(inspect.signature(getattr(Queries, name)).parameters)
    }
    assert takes == cut


def test_every_reading_function_of_the_gateway_says_how_it_is_bound() -> None:
    assert set(methods(questions.Reader)) == set(GATEWAY)
    for name in ("_status", "_events"):
        assert "self._case(" in inspect.getsource(getattr(questions.Desk, name))
    assert "self._may(" in inspect.getsource(questions.Desk._case)
    assert set(methods(questions.Incidents)) == {"open"} and asks(UnitIncidents, "open")


@pytest.mark.parametrize("name", sorted(n for n, way in PORTS.items() if way == "where"))
def test_what_is_cut_by_policy_asks_policy(name: str) -> None:
    port, method = name.split(".")
    assert asks(READERS[port], method), name


def asks(kind: type, method: str) -> bool:
    """Return whether a method, or one of its class that it calls, asks policy."""
    source = inspect.getsource(getattr(kind, method))
    if any(sign in source for sign in ASKING):
        return True
    tree = ast.parse(textwrap.dedent(source))
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "self"
    }
    return any(asks(kind, one) for one in called - {method} if hasattr(kind, one))


def callers() -> Mapping[str, set[str]]:
    """Return, for each function of a port that is `asked`, the functions of forms that name it."""
    found: dict[str, set[str]] = {}
    for path in sorted((Path(__file__).parents[2] / "forms").glob("*.py")):
        if path.stem == "app" or path.stem.endswith("_routes"):  # name handlers, called alike
            continue
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    name = _named(node)
                    if PORTS.get(name) == "asked":
                        found.setdefault(name, set()).add(f"{path.stem}.{function.name}")
    return found


def _named(node: ast.AST) -> str:
    """Return `port.method` of an attribute like `visit.ports.port.method` or `port.method`."""
    if not isinstance(node, ast.Attribute):
        return ""
    held = node.value
    port = held.attr if isinstance(held, ast.Attribute) else getattr(held, "id", "")
    return f"{port}.{node.attr}"


def test_what_tells_of_one_case_is_called_by_those_alone_who_have_asked() -> None:
    assert callers() == CALLERS
