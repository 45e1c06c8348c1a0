"""The application: every route in one table, so that what is open can be read at a glance."""

from __future__ import annotations

import asyncio
import logging
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from forms import (
    acceptance,
    account_review,
    accounts,
    acting,
    admin,
    alarms,
    anomalies,
    calendar,
    cards,
    case,
    census,
    deputies,
    dossier,
    duty,
    duty_notices,
    erasures,
    granting,
    incident,
    incident_acting,
    incident_board,
    incident_papers,
    incident_stream,
    intake,
    letters,
    list_file,
    lists,
    log_pages,
    payments,
    policy_pages,
    proving,
    public,
    receipts,
    responsibility,
    rule_pages,
    second_step,
    security,
    signals,
    signing_in,
    supervision,
    warnings,
    window,
)
from forms.around import KeepsSession, Net, SafeHeaders
from forms.arriving import arrive
from forms.guard import page
from forms.other_name import other_name
from forms.ports import NotNow, Options, Ports, Shown
from forms.rendering import STATIC
from forms.rest import problem, rest_routes
from forms.showing import stopped
from forms.signal_routes import signal_routes
from forms.stops import OtherName, ProveFirst, SignInFirst, Stop
from forms.throttles import Throttle, Throttles
from forms.words import N_

_log = logging.getLogger("yichuang.forms")

Application = Starlette
"""What `application` returns, for those who may not import the web framework."""

STRANGERS_REFUSALS = 60
"""Refusals of one address without a session that are entries of their own, a minute."""

KEPT_BODY = 1024 * 1024
"""Bytes of a sign-in that carries what was typed when a session ended."""

FILES_AT_ONCE = 10
"""Files of the largest size that one post may carry."""


class KeptFiles(StaticFiles):
    """Static files under addresses that change with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def routes(options: Options) -> list[BaseRoute]:
    """Return every route. Open ones say so; each other one asks policy, here or in its handler."""
    files = options.upload_limit_bytes * FILES_AT_ONCE
    post = ("POST",)
    return [
        # Open to everybody.
        page("/healthz", public.alive, signed_in=False),
        page("/sign-in", signing_in.sign_in_page, signed_in=False),
        page("/sign-in", signing_in.sign_in, signed_in=False, methods=post, body=KEPT_BODY),
        page("/sign-in/second", second_step.second_page, signed_in=False),
        page("/sign-in/second", second_step.second, signed_in=False, methods=post, body=KEPT_BODY),
        page("/sign-in/set-up", second_step.set_up_page, signed_in=False),
        page("/sign-in/set-up", second_step.set_up, signed_in=False, methods=post),
        page("/enrol", signing_in.enrol_page, signed_in=False),
        page("/enrol", signing_in.enrol, signed_in=False, methods=post),
        page("/language/{language}", signing_in.language, signed_in=False),
        page("/status", public.status, signed_in=False, methods=("GET", "POST")),
        page("/granted", public.granted, signed_in=False),
        page("/alerts/{warning}.cap", warnings.published, signed_in=False),
        page("/verify", public.verify, signed_in=False),
        page("/verify/receipt", receipts.verifier, signed_in=False),
        page("/verify/receipt/{file}", receipts.download_file, signed_in=False),
        page("/verify/{code}", public.verify, signed_in=False),
        page("/status/receipt", receipts.own, signed_in=False, methods=post),
        Mount("/static", KeptFiles(directory=STATIC), name="static"),
        # One's own session.
        page("/sign-out", signing_in.sign_out, methods=post),
        page("/password", signing_in.password_page),
        page("/password", signing_in.password, methods=post),
        page("/deputies", deputies.deputies),
        page("/deputies", deputies.propose, methods=post),
        page("/deputies/act", deputies.act, methods=post),
        page("/deputies/{delegation}", deputies.deputy, shows=Shown("list", "delegation")),
        page(
            "/deputies/{delegation}",
            deputies.change,
            methods=post,
            shows=Shown("list", "delegation"),
        ),
        # Duty: the rota is the offices'; notices and addresses are one's own.
        page("/duty", duty.overview, act="duty_read", thing="duty"),
        page("/duty/notices", duty_notices.notices, shows=Shown("list", "notice")),
        page("/duty/notices", duty_notices.read, methods=post),
        page("/duty/contacts", duty_notices.contacts),
        page("/duty/contacts", duty_notices.set_contact, methods=post),
        page("/duty/of/{department}", duty.week, act="duty_read", thing="duty"),
        page("/duty/of/{department}", duty.lay_out, act="duty_plan", thing="duty", methods=post),
        page(
            "/duty/of/{department}/hand-over", duty.hand_over_page, act="duty_serve", thing="duty"
        ),
        page(
            "/duty/of/{department}/hand-over",
            duty.hand_over,
            act="duty_serve",
            thing="duty",
            methods=post,
        ),
        page(
            "/duty/shifts/{shift}/withdraw",
            duty.withdraw,
            act="duty_plan",
            thing="duty",
            methods=post,
        ),
        page("/duty/shifts/{shift}/stand-in", duty.stand_in_page, act="duty_serve", thing="duty"),
        page(
            "/duty/shifts/{shift}/stand-in",
            duty.stand_in,
            act="duty_serve",
            thing="duty",
            methods=post,
        ),
        page(
            "/duty/overrides/{override}",
            duty.answer,
            act="duty_serve",
            thing="duty",
            methods=post,
        ),
        page(
            "/duty/handovers/{handover}",
            duty.handover,
            act="duty_serve",
            thing="duty",
            shows=Shown("read", "handover"),
        ),
        page(
            "/duty/handovers/{handover}",
            duty.take_over,
            act="duty_serve",
            thing="duty",
            methods=post,
            shows=Shown("read", "handover"),
        ),
        page("/prove", proving.prove_page),
        page("/prove", proving.prove, methods=post),
        page("/security", security.overview),
        page("/security/factor", security.factor_page, step_up=True),
        page("/security/factor", security.add_factor, methods=post, step_up=True),
        page("/security/factors/{factor}/remove", security.remove, methods=post, step_up=True),
        page("/security/codes", security.codes_page, step_up=True),
        page("/security/codes", security.make_codes, methods=post, step_up=True),
        page("/security/codes/kept", security.keep_codes, methods=post),
        page("/security/sessions", security.end_sessions, methods=post),
        # Work.
        page("/", lists.home, shows=Shown("list", "worklist")),
        page("/team", lists.team, shows=Shown("list", "worklist")),
        page("/cases", lists.everything, shows=Shown("list", "worklist"), rate="search"),
        page("/find", lists.find, act="list", thing="case", methods=post, rate="search"),
        page("/cases.csv", list_file.listed, shows=Shown("export", "worklist")),
        page("/new", window.choose, act="file", thing="case", shows=Shown("list", "draft")),
        page(
            "/new/{matter}",
            window.new_case,
            act="file",
            thing="case",
            shows=Shown("read", "draft"),
        ),
        page("/new/{matter}", window.file_case, act="file", thing="case", methods=post, body=files),
        page(
            "/acceptance",
            acceptance.acceptance,
            act="list",
            thing="case",
            shows=Shown("list", "acceptance"),
        ),
        page(
            "/cards",
            cards.cards,
            act="review_explanation",
            thing="case",
            shows=Shown("list", "card"),
        ),
        page("/notices", cards.notices, shows=Shown("list", "notice")),
        page("/cases/{case_no}", case.case, shows=Shown("read", "case")),
        page(
            "/cases/{case_no}/reveal",
            case.reveal,
            methods=post,
            shows=Shown("read", "case"),
        ),
        page("/cases/{case_no}/documents/{document}", case.document, rate="export"),
        page("/cases/{case_no}/receipt", receipts.of_case, methods=post),
        page("/cases/{case_no}/materials/{upload}", case.material, rate="export"),
        page("/cases/{case_no}/do/{verb}", acting.act_page, shows=Shown("read", "case")),
        page(
            "/cases/{case_no}/do/{verb}",
            acting.do,
            methods=post,
            body=files,
            shows=Shown("read", "case"),
        ),
        # Supervision.
        page(
            "/supervision",
            supervision.board,
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
        ),
        page(
            "/supervision.csv",
            supervision.table,
            rate="export",
            act="supervise",
            thing="supervision",
            shows=Shown("export", "supervision"),
        ),
        page(
            "/supervision/clocks",
            supervision.watch,
            act="supervise",
            thing="supervision",
            shows=Shown("list", "supervision"),
        ),
        page(
            "/supervision/report/{month}",
            supervision.report,
            act="report",
            thing="supervision",
            rate="export",
        ),
        # Incidents: their papers, and who is sent.
        page(
            "/incidents/{incident}/papers/{kind}",
            incident_papers.paper,
            act="print",
            thing="incident",
            rate="export",
        ),
        page("/responsibility", responsibility.responsibility, act="list", thing="incident"),
        # Money.
        page(
            "/payments",
            payments.listing,
            act="payment_read",
            thing="payment",
            shows=Shown("list", "payment"),
        ),
        page("/payments/new", payments.new, act="payment_request", thing="payment"),
        page(
            "/payments/new",
            payments.request,
            act="payment_request",
            thing="payment",
            methods=post,
        ),
        page(
            "/payments/{payment}",
            payments.payment,
            act="payment_read",
            thing="payment",
            shows=Shown("read", "payment"),
        ),
        # Our own warnings.
        page("/warnings", warnings.listing, act="warning_read", thing="warning"),
        page("/warnings/new", warnings.issue, act="warning_issue", thing="warning"),
        page("/warnings/new", warnings.issue, act="warning_issue", thing="warning", methods=post),
        page("/warnings/{warning}", warnings.warning, act="warning_read", thing="warning"),
        page(
            "/warnings/{warning}/adjust",
            warnings.adjust,
            act="warning_adjust",
            thing="warning",
        ),
        page(
            "/warnings/{warning}/adjust",
            warnings.adjust,
            act="warning_adjust",
            thing="warning",
            methods=post,
        ),
        page(
            "/warnings/{warning}/lift",
            warnings.lift,
            act="warning_lift",
            thing="warning",
        ),
        page(
            "/warnings/{warning}/lift",
            warnings.lift,
            act="warning_lift",
            thing="warning",
            methods=post,
        ),
        # Incidents.
        page(
            "/incidents",
            incident_board.board,
            act="list",
            thing="incident",
            shows=Shown("list", "incident"),
        ),
        page("/incidents/new", intake.new, act="report", thing="incident"),
        page("/incidents/new", intake.report, act="report", thing="incident", methods=post),
        page(
            "/incidents/changes",
            incident_stream.changes,
            act="list",
            thing="incident",
            shows=Shown("list", "incident"),
        ),
        page(
            "/incidents/unit",
            incident_board.unit,
            act="list",
            thing="incident",
            shows=Shown("list", "incident"),
        ),
        page(
            "/incidents/unit/changes",
            incident_stream.unit_changes,
            act="list",
            thing="incident",
            shows=Shown("list", "incident"),
        ),
        page(
            "/incidents/{incident}",
            incident.incident,
            act="list",
            thing="incident",
            shows=Shown("read", "incident"),
        ),
        page(
            "/incidents/{incident}/changes",
            incident_stream.one_changes,
            act="list",
            thing="incident",
            shows=Shown("read", "incident"),
        ),
        page(
            "/incidents/{incident}/do/{verb}",
            incident_acting.act_page,
            act="list",
            thing="incident",
            shows=Shown("read", "incident"),
        ),
        page(
            "/incidents/{incident}/do/{verb}",
            incident_acting.do,
            act="list",
            thing="incident",
            methods=post,
            shows=Shown("read", "incident"),
        ),
        # Keeping it running.
        page(
            "/letters",
            letters.letters,
            act="dead_letter_read",
            thing="dead_letter",
            shows=Shown("list", "dead_letter"),
        ),
        page(
            "/letters/{letter}",
            letters.letter,
            act="dead_letter_read",
            thing="dead_letter",
            shows=Shown("read", "dead_letter"),
        ),
        page(
            "/letters/{letter}",
            letters.mend,
            act="dead_letter_mend",
            thing="dead_letter",
            methods=post,
            body=2 * 1024 * 1024,
            shows=Shown("read", "dead_letter"),
        ),
        page("/alarms", alarms.alarms, act="alarms_read", thing="alarms"),
        page("/alarms/dead", alarms.dead, act="alarms_read", thing="alarms"),
        page("/alarms/{alarm}", alarms.alarm, act="alarms_read", thing="alarms"),
        page("/signals", signals.signals, act="signals_read", thing="signal"),
        page("/signals/windows", signals.windows, act="signals_read", thing="signal"),
        page(
            "/signals/windows",
            signals.plan,
            act="signals_plan",
            thing="signal",
            methods=post,
        ),
        page(
            "/signals/windows/{window}/lift",
            signals.lift,
            act="signals_plan",
            thing="signal",
            methods=post,
        ),
        page("/signals/{signal}", signals.signal, act="signals_read", thing="signal"),
        page("/census", census.census, act="census_read", thing="census"),
        page(
            "/log",
            log_pages.log,
            rate="search",
            act="audit_read",
            thing="audit",
            shows=Shown("list", "log"),
        ),
        page(
            "/log/entries/{entry}",
            log_pages.entry,
            act="audit_read",
            thing="audit",
            shows=Shown("read", "log"),
        ),
        page(
            "/log/entries/{entry}/proof",
            log_pages.proof,
            rate="export",
            act="audit_read",
            thing="audit",
            shows=Shown("read", "log"),
        ),
        page(
            "/log/entries/{entry}/body",
            log_pages.body,
            rate="export",
            act="audit_read",
            thing="audit",
            shows=Shown("read", "log"),
        ),
        page("/erasures", erasures.erasures),
        page("/erasures", erasures.ask, act="erase_ask", thing="audit", methods=post),
        page(
            "/erasures/{order}/approve",
            erasures.approve,
            act="erase_approve",
            thing="audit",
            methods=post,
        ),
        page(
            "/erasures/{order}/refuse",
            erasures.refuse,
            act="erase_approve",
            thing="audit",
            methods=post,
        ),
        page("/readers", log_pages.readers, act="case_readers", thing="audit", rate="search"),
        page(
            "/anomalies",
            anomalies.anomalies,
            act="case_readers",
            thing="audit",
            shows=Shown("list", "anomaly"),
        ),
        page("/verification", log_pages.verification, act="audit_verify", thing="audit"),
        page(
            "/verification", log_pages.verify_now, act="audit_verify", thing="audit", methods=post
        ),
        page("/accounts", accounts.accounts, shows=Shown("list", "account")),
        page(
            "/accounts",
            accounts.create_account,
            act="account_manage",
            thing="account",
            methods=post,
            shows=Shown("list", "account"),
        ),
        page("/accounts/review", account_review.review, shows=Shown("list", "account")),
        page(
            "/accounts/{account}/review",
            account_review.reviewed,
            methods=post,
            shows=Shown("list", "account"),
        ),
        page(
            "/accounts/{account}/term",
            account_review.term,
            methods=post,
            shows=Shown("read", "account"),
        ),
        page("/accounts/{account}", accounts.account, shows=Shown("read", "account")),
        page(
            "/accounts/{account}",
            accounts.change_account,
            methods=post,
            shows=Shown("read", "account"),
        ),
        page(
            "/accounts/{account}/rights",
            accounts.propose_change,
            methods=post,
            shows=Shown("read", "account"),
        ),
        page("/grants", granting.grants, shows=Shown("list", "account")),
        page(
            "/grants/{change}/approve",
            granting.approve,
            act="grant_approve",
            thing="account",
            methods=post,
            shows=Shown("list", "account"),
        ),
        page(
            "/grants/{change}/refuse",
            granting.refuse,
            act="grant_approve",
            thing="account",
            methods=post,
            shows=Shown("list", "account"),
        ),
        page(
            "/grants/{change}/withdraw",
            granting.withdraw,
            act="account_grant",
            thing="account",
            methods=post,
            shows=Shown("list", "account"),
        ),
        page("/calendar", calendar.calendar, act="read", thing="release"),
        page("/calendar/notice", calendar.propose_notice, methods=post, body=2 * 1024 * 1024),
        page("/calendar/change", calendar.propose_change, methods=post),
        page("/calendar/{release}/look-ahead", calendar.look_ahead, methods=post),
        page("/calendar/{release}/ask-revocation", calendar.ask_revocation, methods=post),
        page("/calendar/{release}/revoke", calendar.revoke, methods=post),
        page("/releases/{release}/ask-revocation", calendar.ask_revocation, methods=post),
        page("/releases/{release}/revoke", calendar.revoke, methods=post),
        page("/releases", admin.releases, act="list", thing="release"),
        page(
            "/releases",
            admin.propose_release,
            methods=post,
            body=1024 * 1024,
        ),
        page("/policy", policy_pages.policy, act="policy_read", thing="policy"),
        page("/policy/new", policy_pages.new_policy, act="policy_propose", thing="policy"),
        page(
            "/policy/new",
            policy_pages.propose_policy,
            act="policy_propose",
            thing="policy",
            methods=post,
            body=2 * 1024 * 1024,
        ),
        page("/policy/{release}", policy_pages.proposal, act="policy_read", thing="policy"),
        page(
            "/policy/{release}/approve",
            policy_pages.approve_policy,
            act="policy_approve",
            thing="policy",
            methods=post,
        ),
        page(
            "/policy/{release}/withdraw",
            policy_pages.withdraw_policy,
            act="policy_propose",
            thing="policy",
            methods=post,
        ),
        page("/rules", rule_pages.rules, act="read", thing="release"),
        page("/rules/{pack}", rule_pages.rule_pack, act="read", thing="release"),
        page("/releases/{release}/dossier", dossier.dossier, shows=Shown("read", "dossier")),
        page("/releases/{release}/endorse", dossier.endorse, methods=post),
        page("/releases/{release}/simulate", dossier.simulate, methods=post),
        page("/releases/{release}/sign", admin.sign_release, methods=post),
        page("/releases/{release}/withdraw", admin.withdraw_release, methods=post),
        *rest_routes(),
        *signal_routes(),
    ]


def application(
    ports: Ports, options: Options, away: tuple[type[Exception], ...] = ()
) -> Starlette:
    """Return the web application over these ports.

    `away` are the errors by which a store says that it cannot answer now.
    """
    app = Starlette(
        routes=routes(options),
        middleware=[
            Middleware(KeepsSession, seconds=options.session_hours * 3600),
            Middleware(SafeHeaders, secure=options.address.startswith("https://")),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(options.hosts)),
            Middleware(Net, broken=_broken),
        ],
        exception_handlers={
            Stop: _stop,
            ProveFirst: proving.prove_first,
            SignInFirst: signing_in.sign_in_first,
            NotNow: _not_now,
            HTTPException: _http,
            **dict.fromkeys(away, _not_now),
        },
    )
    app.state.ports = ports
    app.state.closing, app.state.streams = asyncio.Event(), {}
    app.state.options = options
    app.state.throttles = Throttles(
        Throttle(options.sign_ins_per_minute, 60),
        Throttle(options.questions_per_minute, 60),
        Throttle(options.wrong_tokens_per_minute, 60),
        Throttle(STRANGERS_REFUSALS, 60),
        {
            "page": Throttle(options.pages_per_minute, 60),
            "search": Throttle(options.searches_per_minute, 60),
            "export": Throttle(options.exports_per_minute, 60),
        },
        Throttle(options.orders_per_minute, 60),
    )
    return app


def _is_rest(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def _stop(request: Request, error: Exception) -> Response:
    assert isinstance(error, Stop)
    if isinstance(error, OtherName):
        return await other_name(await arrive(request), error)
    if _is_rest(request):
        return problem(error.status, error.code or "refused", error.reason, remedy=error.remedy)
    return await stopped(await arrive(request), error)


async def _not_now(request: Request, _error: Exception) -> Response:
    if _is_rest(request):
        sentence = "系统暂时无法确认，请用同一 Idempotency-Key 重试"
        return problem(503, "not_now", sentence, headers={"retry-after": "5"})
    # The session itself may be what cannot be read, so no page with a frame is attempted.
    return PlainTextResponse(
        "系统暂时无法确认，请稍后刷新本页。\nThe system is away for a moment; reload this page.",
        503,
        {"retry-after": "5"},
    )


_HTTP = {
    400: ("bad_request", N_("请求的格式不对")),
    404: ("not_found", N_("没有这个页面或办件，或您无权查看")),
    405: ("wrong_method", N_("这个地址不接受这种请求")),
    413: ("too_large", N_("提交的内容过大，请减少或压缩文件后再试")),
}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, sentence = _HTTP.get(error.status_code, ("refused", N_("请求不能处理")))
    if _is_rest(request):
        return problem(error.status_code, code, sentence, headers=error.headers)
    visit = await arrive(request)
    return await stopped(visit, Stop(error.status_code, visit.say(sentence), code))


def _broken(request: Request, error: Exception) -> Response:
    """The front door's net: the reader gets a number to quote, the log gets the rest."""
    number = uuid4().hex[:8]
    _log.error("request %s %s failed, reference %s", request.method, request.url.path, number,
               exc_info=error)  # fmt: skip
    sentence = f"系统出错，未能完成。请把编号 {number} 告诉系统管理员。"
    if _is_rest(request):
        return problem(500, "broken", sentence)
    return PlainTextResponse(f"{sentence}\nSomething failed; quote {number}.", 500)
