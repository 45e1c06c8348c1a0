"""审计日志: finding entries, one entry in words, who looked at a case, verifying now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from forms.case import download
from forms.fields import Option
from forms.log_ports import LogLine, LogPageFound, LogQuery, ShownEntry, ShownVerification
from forms.log_words import (
    ACTORS,
    DOORS,
    FINDINGS,
    KINDS,
    OBJECTS,
    REASONS,
    RESULTS,
    act_word,
)
from forms.reader_ports import File
from forms.rendering import Page
from forms.role_words import role_names
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

LONGEST = 200
"""Characters of what may be looked for."""

REFRESH_SECONDS = "2"
"""A page that shows a running verification is asked for again by the browser."""

LINKS: tuple[tuple[str, str, str], ...] = (
    ("audit_verify", N_("核验日志"), "/verification"),
    ("case_readers", N_("谁看过某个办件"), "/readers"),
)
"""Act, words and address of the pages beside the search; each is shown to whom policy lets."""


@dataclass(frozen=True)
class Row:
    """One line in words."""

    line: LogLine
    act: str
    object: str
    door: str
    result: str
    name: str
    place: str


@dataclass(frozen=True)
class LogPage(Page):
    """Search."""

    template: ClassVar[str] = "log.html"

    query: Annotated[LogQuery, "What is looked for."]
    rows: Annotated[tuple[Row, ...], "A page of it, the newest first."]
    size: Annotated[int, "Entries in the log."]
    acts: Annotated[tuple[Option, ...], "Acts to choose from."]
    results: Annotated[tuple[Option, ...], "Results to choose from."]
    following: Annotated[str, "Address of the next, older page; empty: there is none."]
    first: Annotated[str, "Address of the first page; empty: this is it."]
    fault: Annotated[str, "Why nothing can be found; empty: nothing is wrong."]
    links: Annotated[tuple[tuple[str, str], ...], "Words and address of the pages beside this."]


@dataclass(frozen=True)
class ReadersPage(Page):
    """Who looked at one case."""

    template: ClassVar[str] = "readers.html"

    query: Annotated[LogQuery, "Which case."]
    rows: Annotated[tuple[Row, ...], "Who looked, the newest first."]
    following: Annotated[str, "Address of the next, older page; empty: there is none."]
    fault: Annotated[str, "Why nothing can be found; empty: nothing is wrong."]
    may_search: Annotated[bool, "The reader may see the entries themselves."]


@dataclass(frozen=True)
class Fact:
    """One line of an entry."""

    title: str
    value: str
    more: str = ""
    """What the log itself says, small; empty: the value is it."""
    link: str = ""


@dataclass(frozen=True)
class EntryPage(Page):
    """One entry in words."""

    template: ClassVar[str] = "log_entry.html"

    entry: Annotated[ShownEntry, "The entry."]
    facts: Annotated[tuple[Fact, ...], "What it says."]
    proof: Annotated[tuple[Fact, ...], "Where it stands, and by what it is held."]


@dataclass(frozen=True)
class VerificationPage(Page):
    """Verifications of the whole log."""

    template: ClassVar[str] = "verification.html"

    verifications: Annotated[tuple[ShownVerification, ...], "The newest first."]
    running: Annotated[ShownVerification | None, "The one under way."]
    findings: Annotated[Mapping[int, str], "Exit code → what it means."]
    fault: Annotated[str, "Why none was begun; empty: nothing is wrong."]


# --- search --------------------------------------------------------------------------------------


async def log(visit: Visit) -> Response:
    """The search; without filters the newest entries."""
    query, fault = _query(visit)
    found = await _search(visit, query)
    visit.saw_rows(len(found.lines))
    acts = await visit.ask(visit.ports.log.acts)
    named = sorted((act_word(visit, one), one) for one in acts)
    links = [
        (visit.say(words), address)
        for act, words, address in LINKS
        if (await visit.ask(visit.ports.access.may, visit.actor, act, "audit")).allowed
    ]
    page = LogPage(
        title=visit.say(N_("审计日志")),
        query=query,
        rows=_rows(visit, found.lines),
        size=found.size,
        acts=tuple(Option(code, words) for words, code in named),
        results=tuple(Option(code, visit.say(words)) for code, words in RESULTS.items()),
        following=_address("/log", query, found.following),
        first=_address("/log", query, 0) if query.before else "",
        fault=fault or _unknown(visit, found),
        links=tuple(links),
    )
    return await show(visit, page)


async def readers(visit: Visit) -> Response:
    """Who looked at one case: person, time, door and what for."""
    query = replace(_query(visit)[0], act="", result="", person="", reads=True)
    found = LogPageFound((), 0, 0)
    if query.case_no:
        found = await _search(visit, query)
    may = await visit.ask(visit.ports.access.may, visit.actor, "audit_read", "audit")
    page = ReadersPage(
        title=visit.say(N_("谁看过某个办件")),
        query=query,
        rows=_rows(visit, found.lines),
        following=_address("/readers", query, found.following),
        fault=_unknown(visit, found),
        may_search=may.allowed,
    )
    return await show(visit, page)


async def _search(visit: Visit, query: LogQuery) -> LogPageFound:
    names = await _names(visit)
    return await visit.ask(visit.ports.log.search, visit.actor, visit.where.ip, query, names)


async def _names(visit: Visit) -> bool:
    verdict = await visit.ask(visit.ports.access.may, visit.actor, "audit_names", "audit")
    return verdict.allowed


def _query(visit: Visit) -> tuple[LogQuery, str]:
    given = {name: value.strip()[:LONGEST] for name, value in visit.request.query_params.items()}
    fault, days = "", {}
    for name in ("since", "until"):
        try:
            days[name] = date.fromisoformat(given[name]) if given.get(name) else None
        except ValueError:
            days[name] = None
            fault = visit.say(N_("日期不对，应如 2026-11-26"))
    before = given.get("before", "")
    return (
        LogQuery(
            case_no=given.get("case", "").upper(),
            person=given.get("person", ""),
            act=given.get("act", ""),
            result=given.get("result", "") if given.get("result") in RESULTS else "",
            since=days["since"],
            until=days["until"],
            before=int(before) if before.isdecimal() and len(before) < 16 else 0,
        ),
        fault,
    )


def _address(path: str, query: LogQuery, before: int) -> str:
    if not before and path != "/log":
        return ""
    if not before and not query.before:
        return ""
    given = {
        "case": query.case_no, "person": query.person, "act": query.act, "result": query.result,
        "since": query.since.isoformat() if query.since else "",
        "until": query.until.isoformat() if query.until else "",
        "before": str(before) if before else "",
    }  # fmt: skip
    return f"{path}?" + urlencode({name: value for name, value in given.items() if value})


def _unknown(visit: Visit, found: LogPageFound) -> str:
    if not found.known_case:
        return visit.say(N_("没有这个办件"))
    if not found.known_person:
        return visit.say(N_("没有这个人"))
    return ""


def _rows(visit: Visit, lines: Sequence[LogLine]) -> tuple[Row, ...]:
    places = visit.ports.catalogue.departments(visit.language)
    return tuple(
        Row(
            one,
            act_word(visit, one.act),
            _said(visit, OBJECTS, one.object),
            _said(visit, DOORS, one.door),
            _said(visit, RESULTS, one.res),
            one.name or (visit.say(ACTORS[one.who]) if one.who in ACTORS else ""),
            places.get(one.org, one.org),
        )
        for one in lines
    )


def _said(visit: Visit, words: Mapping[str, str], code: str) -> str:
    return visit.say(words[code]) if code in words else code


def _why(visit: Visit, why: str) -> str:
    return visit.say(REASONS[why]) if why in REASONS else visit.ports.catalogue.cited(why)


# --- one entry -----------------------------------------------------------------------------------


async def entry(visit: Visit) -> Response:
    """One entry in words, with its proof to download."""
    found = await _entry(visit)
    page = EntryPage(
        title=act_word(visit, found.body["act"]),
        entry=found,
        facts=tuple(_facts(visit, found)),
        proof=tuple(_places(visit, found)),
    )
    return await show(visit, page)


async def proof(visit: Visit) -> Response:
    """The tlog-proof of an entry: with its stored bytes, what a stranger checks off line."""
    found = await _entry(visit)
    content = await visit.ask(visit.ports.log.proof, found.entry_id)
    if content is None:
        raise Stop(409, visit.say(N_("这一条还没有签名，请过几秒再试")), "not_sealed")
    return download(File(f"{found.entry_id}.tlog-proof", "text/plain; charset=utf-8", content))


async def body(visit: Visit) -> Response:
    """The stored bytes of an entry, which its proof speaks of."""
    found = await _entry(visit)
    return download(File(f"{found.entry_id}.body", "application/json", found.text.encode()))


async def _entry(visit: Visit) -> ShownEntry:
    wanted = visit.request.path_params["entry"]
    names = await _names(visit)
    found: ShownEntry | None = await visit.ask(visit.ports.log.entry, visit.actor, wanted, names)
    if found is None:
        raise not_found(visit)
    if not found.body:
        raise Stop(
            410, visit.say(N_("保管期限已届满，正文已清除；其他各条的证明照常成立")), "purged"
        )
    visit.saw(found.entry_id)
    return found


def _facts(visit: Visit, found: ShownEntry) -> list[Fact]:
    body, say = found.body, visit.say
    who, thing = body["who"], body["obj"]
    where, policy = body.get("from", {}), body.get("pol", {})
    rule, flow = body.get("rule", {}), body.get("wf", {})
    departments = visit.ports.catalogue.departments(visit.language)
    roles = role_names(visit)
    place = departments.get(who.get("org", ""), who.get("org", ""))
    role = roles.get(who.get("role", ""), who.get("role", ""))
    kind = _said(visit, ACTORS, who["id"])
    if who["id"] not in ACTORS:
        kind = _said(visit, KINDS, who["kind"])
    result = _said(visit, RESULTS, body["res"])
    case_link = f"/log?case={found.case_no}" if found.case_no else ""
    shown = [
        Fact(say(N_("何时")), _moment(visit, body["t"]), body["t"]),
        Fact(say(N_("业务时间")), _moment(visit, body.get("occ", "")), body.get("occ", "")),
        Fact(say(N_("何人")), " ".join(filter(None, (found.name or kind, place, role))), who["id"]),
        Fact(say(N_("代何人")), found.behalf_name or who.get("on_behalf", ""),
             who.get("on_behalf", "")),
        Fact(say(N_("做了什么")), act_word(visit, body["act"]), body["act"]),
        Fact(say(N_("对什么")), found.case_no or _said(visit, OBJECTS, thing["type"]),
             f"{thing['type']} {thing['id']}", case_link),
        Fact(say(N_("查看的项目") if body["act"] == "read_personal" else N_("第几步")),
             thing.get("step", "")),
        Fact(say(N_("结果")), result, ""),
        Fact(say(N_("原因或依据")), _why(visit, body.get("why", "")), body.get("why", "")),
        Fact(say(N_("从哪里")), _said(visit, DOORS, where.get("svc", "")), where.get("ip", "")),
        Fact(say(N_("凭哪条权限")), policy.get("dec", ""), policy.get("rule", "")),
        Fact(say(N_("按哪版规则")), f"{rule.get('id', '')} {rule.get('ver', '')}".strip(),
             rule.get("hash", "")),
        Fact(say(N_("文书摘要")), thing.get("doc", "")),
        Fact(say(N_("流程")), flow.get("id", ""), flow.get("run", "")),
    ]  # fmt: skip
    shown += [
        Fact(say(N_("承诺的内容")), f"{one['n']}，{one['len']} B", one["c"])
        for one in body.get("pay", ())
    ]
    return [one for one in shown if one.value]


def _places(visit: Visit, found: ShownEntry) -> list[Fact]:
    body, say = found.body, visit.say
    stream = body["s"]
    shown = [
        Fact(say(N_("日志第几条")), str(found.seq)),
        Fact(say(N_("叶散列")), found.leaf),
        Fact(say(N_("所在的流")), stream["id"], say(N_("第 {n} 条")).format(n=stream["seq"])),
        Fact(say(N_("前一条的散列")), stream["prev"]),
        Fact(say(N_("此前状态摘要")), body.get("before", "")),
        Fact(say(N_("此后状态摘要")), body.get("after", "")),
        Fact(say(N_("签名")), say(N_("在已签名的树头之下")) if found.sealed else
             say(N_("还没有签名"))),
    ]  # fmt: skip
    return [one for one in shown if one.value]


def _moment(visit: Visit, text: str) -> str:
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone(visit.zone).strftime("%Y-%m-%d %H:%M:%S")


# --- verifying -----------------------------------------------------------------------------------


async def verification(visit: Visit, fault: str = "") -> Response:
    """What verifications found; one that runs shows how far it is."""
    names = await _names(visit)
    found = await visit.ask(visit.ports.log.verifications, names)
    page = VerificationPage(
        title=visit.say(N_("核验日志")),
        verifications=tuple(found),
        running=next((one for one in found if one.ended_at is None), None),
        findings={code: visit.say(words) for code, words in FINDINGS.items()},
        fault=fault,
    )
    response = await show(visit, page, 409 if fault else 200)
    if page.running and not fault:
        response.headers["refresh"] = REFRESH_SECONDS  # no page of ours has a script
    return response


async def verify_now(visit: Visit) -> Response:
    """Begin one, unless one runs already."""
    if not await visit.ask(visit.ports.log.verify, visit.actor):
        return await verification(visit, visit.say(N_("已有一次核验正在进行，请等它结束")))
    return RedirectResponse("/verification", 303)
