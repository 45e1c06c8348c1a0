"""From a page value to an answer: the layout's frame, the left-hand list, the error pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from starlette.responses import HTMLResponse, Response

from cases.reception import NotNow
from forms.access_ports import Thing
from forms.around import CONTENT_POLICY, LIVE_POLICY, SCRIPTED_POLICY, framing
from forms.citizen_ports import Citizen
from forms.cookies import CITIZEN_COOKIE, VISIT_COOKIE, keep_cookie, new_visit_secret
from forms.entrance_ports import Visitor
from forms.fields import Form
from forms.help import help_of
from forms.reader_ports import Counts
from forms.rendering import FRAMING, LIVE, SCRIPTED, SENDING, Frame, NavigationItem, Page, html
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_, word

STAGES_LISTED = (
    "pre_review", "received", "supplement", "review", "gather", "decision", "certificate",
    "service", "closing", "rating", "rectification",
)  # fmt: skip
"""The stages that have a list of their own on the left, in the order of the work."""

OVERSIGHT, EMERGENCY, PROJECTS, MATTERS, SYSTEM = (
    N_("监察与审计"), N_("应急与监测"), N_("项目与资金"), N_("事项与规则"), N_("账号与系统"),
)  # fmt: skip
DESKS = {
    OVERSIGHT: (
        ("supervise", "supervision", N_("监察看板"), "/supervision"),
        ("audit_read", "audit", N_("审计日志"), "/log"),
        ("audit_verify", "audit", N_("核验日志"), "/verification"),
        ("case_readers", "audit", N_("谁看过某个办件"), "/readers"),
        ("erase_ask", "audit", N_("依法删除"), "/erasures"),
        ("erase_approve", "audit", N_("依法删除"), "/erasures"),
        ("case_readers", "audit", N_("查看异常"), "/anomalies"),
        ("census_read", "census", N_("定时器对账"), "/census"),
    ),
    EMERGENCY: (
        ("list", "incident", N_("突发事件"), "/incidents"),
        ("warning_read", "warning", N_("突发事件预警"), "/warnings"),
        ("list", "incident", N_("责任清单"), "/responsibility"),
        ("alarms_read", "alarms", N_("监测警报"), "/alarms"),
        ("signals_read", "signal", N_("信号"), "/signals"),
    ),
    PROJECTS: (
        ("list", "project", N_("领导小组一览"), "/dashboard"),
        ("list", "project", N_("项目"), "/projects"),
        ("payment_read", "payment", N_("付费申请"), "/payments"),
        ("plan_read", "plan", N_("方案指标"), "/plan"),
        ("fund_read", "fund", N_("专项基金"), "/fund"),
    ),
    MATTERS: (
        ("list", "release", N_("版本发布"), "/releases"),
        ("release_propose", "release", N_("事项编制"), "/designer"),
        ("read", "release", N_("工作日历"), "/calendar"),
        ("read", "release", N_("规则"), "/rules"),
    ),
    SYSTEM: (
        ("dead_letter_read", "dead_letter", N_("死信处理"), "/letters"),
        ("dead_letter_read", "dead_letter", N_("系统对接"), "/integrations"),
        ("account_manage", "account", N_("账号管理"), "/accounts"),
        ("account_read", "account", N_("账号"), "/accounts"),
        ("account_read", "account", N_("权限变更"), "/grants"),
        ("census_read", "census", N_("备份"), "/backups"),
        ("policy_read", "policy", N_("权限策略"), "/policy"),
    ),
}
"""Of what only some may see, by heading: act, thing, words and address."""
HOMES = (
    "/incidents", "/supervision", "/dashboard", "/projects", "/payments", "/plan", "/fund",
    "/warnings", "/responsibility", "/alarms", "/signals", "/letters", "/integrations",
    "/releases", "/designer", "/accounts", "/grants", "/log", "/verification", "/readers",
    "/erasures", "/anomalies", "/census", "/backups", "/calendar", "/rules", "/policy",
)  # fmt: skip
"""The same desks in the order in which one is the first page of who handles no cases."""


async def show(visit: Visit, page: Page, status: int = 200) -> Response:
    """Return the page with its frame; a visit that has no session yet gets its cookie."""
    fresh = "" if visit.secret else new_visit_secret()
    if fresh:
        visit.secret = fresh
    frame = await frame_of(visit, page)
    response = HTMLResponse(html(page, frame), status)
    response.headers["content-language"] = "zh-CN" if visit.language == "zh" else "en"
    if page.template in SCRIPTED or frame.keys:
        response.headers["content-security-policy"] = SCRIPTED_POLICY
    if page.template in LIVE:
        response.headers["content-security-policy"] = LIVE_POLICY
    if page.template in FRAMING:
        policy = response.headers.get("content-security-policy", CONTENT_POLICY)
        response.headers["content-security-policy"] = framing(policy)
    if fresh:
        keep_cookie(response, VISIT_COOKIE, fresh, None)
    return response


async def citizen_of(visit: Visit) -> Citizen | None:
    """Return who is signed in as a citizen."""
    secret = visit.request.cookies.get(CITIZEN_COOKIE, "")
    return await visit.ask(visit.ports.citizens.find, secret) if secret else None


async def frame_of(visit: Visit, page: Page) -> Frame:
    url = visit.request.url
    counts = Counts()
    items: tuple[NavigationItem, ...] = ()
    if visit.visitor is not None:
        try:
            counts = await visit.ask(visit.ports.reader.counts, visit.actor)
        except NotNow:
            counts = Counts()
        items = tuple(await _navigation(visit, counts))
    # Whose office is open in the same browser sees that alone.
    citizen = visit.citizen
    if citizen is None and visit.visitor is None:
        citizen = await citizen_of(visit)
    forms = (getattr(page, f.name) for f in fields(page))
    english = visit.language == "en"
    return Frame(
        language=visit.language,
        city=(english and visit.options.city_name_en) or visit.options.city_name,
        path=url.path,
        here=url.path + (f"?{url.query}" if url.query else ""),
        visitor=named_in(visit, visit.visitor),
        citizen="" if citizen is None else citizen.name,
        csrf=visit.csrf,
        navigation=items,
        counts=counts,
        zone=ZoneInfo(visit.options.zone),
        now=datetime.now(UTC),
        keys=visit.visitor is not None and (await visit.preferences())["keys"] == "on",
        sends=page.template in SENDING,
        idle_minutes=visit.options.session_idle_minutes,
        failed=any(isinstance(form, Form) and form.errors for form in forms),
        help=await help_of(visit, page),
    )


def named_in(visit: Visit, who: Visitor | None) -> Visitor | None:
    """Return who is signed in, their department called by the reader's language."""
    if who is None or visit.language == "zh":
        return who
    names = visit.ports.catalogue.departments(visit.language)
    own = (who.own or who.actor).department
    told = replace(who, department_name=names.get(own, who.department_name))
    other = who.in_name
    if other is None or other.actor is None:
        return told
    named = names.get(other.actor.department, other.department_name)
    return replace(told, in_name=replace(other, department_name=named))


async def _navigation(visit: Visit, counts: Counts) -> Sequence[NavigationItem]:
    say, path = visit.say, visit.request.url.path
    stage = visit.request.query_params.get("stage", "")
    may = visit.ports.access.may
    items = []
    if (await visit.ask(may, visit.actor, "list", "case")).allowed:
        items += [
            NavigationItem(say(N_("待办")), "/", counts.mine, path == "/"),
            NavigationItem(
                say(N_("团队队列")), "/team", counts.team, path == "/team" and not stage
            ),
            NavigationItem(
                say(N_("全部办件")), "/cases?state=open", counts.all, path == "/cases" and not stage
            ),
        ]
        told = await visit.ask(visit.ports.own.unread, visit.actor)
        items.append(NavigationItem(say(N_("通知")), "/notices", told, path == "/notices"))
        items.append(
            NavigationItem(say(N_("受理先后")), "/acceptance", None, path == "/acceptance")
        )
    if (await visit.ask(may, visit.actor, "review_explanation", "case")).allowed:
        items.append(NavigationItem(say(N_("监察牌")), "/cards", None, path == "/cards"))
    if (await visit.ask(may, visit.actor, "duty_read", "duty")).allowed:
        items.append(
            NavigationItem(
                say(N_("值班")), "/duty", None,
                path.startswith("/duty") and path != "/duty/notices",
            )
        )  # fmt: skip
        unread = await visit.ask(visit.ports.duty.unread, visit.who.own or visit.actor)
        items.append(
            NavigationItem(say(N_("事件通知")), "/duty/notices", unread, path == "/duty/notices")
        )
    if (await visit.ask(may, visit.actor, "file", "case")).allowed:
        items.insert(0, NavigationItem(say(N_("收件登记")), "/new", None, path.startswith("/new")))
    stages = [
        NavigationItem(
            say(word("stage", code)),
            f"/cases?stage={code}",
            counts.by_stage.get(code),
            stage == code,
            say(N_("按环节")),
        )
        for code in STAGES_LISTED
        if counts.by_stage.get(code) or counts.all > counts.counted_to > 0
    ]
    desks = await _desks(visit)
    # Who hears what is said to cards works at no stage: the list is folded, below what is used.
    if any(one.url == "/cards" for one in items):
        return [*items, *desks, *(replace(one, folds=True) for one in stages)]
    return [*items, *stages, *desks]


async def _desks(visit: Visit) -> Sequence[NavigationItem]:
    say, path, may = visit.say, visit.request.url.path, visit.ports.access.may
    items, seen = [], set[str]()
    for heading, desks in DESKS.items():
        for act, thing, label, url in desks:
            if url not in seen and (await visit.ask(may, visit.actor, act, thing)).allowed:
                seen.add(url)
                items.append(
                    NavigationItem(say(label), url, None, path.startswith(url), say(heading))
                )
    return items


@dataclass(frozen=True)
class StopPage(Page):
    """Why the request went no further, and what to do."""

    template: ClassVar[str] = "stop.html"

    reason: Annotated[str, "What is the matter, one sentence."]
    remedy: Annotated[str, "What to do; may be empty."]
    status: Annotated[int, "The HTTP status, small, for whoever helps by phone."]


NEXT = {
    400: N_("请回到上一页，重新打开表单再提交；填过的内容请先复制。"),
    403: N_("请从本系统自己的页面打开并提交。"),
    404: N_("请核对编号或地址。确需查看的，由部门负责人向安全管理员提出，批准后就能打开。"),
    405: N_("请从页面上的链接或按钮进入。"),
    409: N_("请刷新页面，看现在的情况再决定。"),
    410: N_("何时、依据哪一条删除，记在审计日志里，可请审计管理员查阅。"),
    413: N_("请减少文件，或者压缩后再提交。"),
    415: N_("请从页面上的表单提交。"),
    422: N_("请返回改正后再提交。"),
    429: N_("请稍候一分钟再试。"),
}
"""Status → what to do where the stop itself does not say it."""
NEXT_OUTSIDE = N_("请核对编号或地址；办理进度可凭编号和查询码查询。")
"""What a stranger may do about what is not there."""


async def stopped(visit: Visit, stop: Stop) -> Response:
    """Return the page for a `Stop`: why, and what to do."""
    remedy = stop.remedy
    if not remedy and stop.status == 404 and visit.visitor is None:
        remedy = visit.say(NEXT_OUTSIDE)
    elif not remedy and stop.status in NEXT:
        remedy = visit.say(NEXT[stop.status])
    return await show(
        visit, StopPage(visit.say(N_("不能继续")), stop.reason, remedy, stop.status), stop.status
    )


def not_found(visit: Visit, tried: tuple[str, Thing] | None = None) -> Stop:
    """What is not there and what one may not know of look the same.

    `tried`: the act that policy forbids, and on what: the page does not tell, its entry does.
    """
    return Stop(404, visit.say(N_("没有这个页面或办件，或您无权查看")), "not_found", tried=tried)
