"""Versions proposed and in force: the page of those who keep the house."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from cases.releases import SEED_AUTHOR, SEED_SIGNER
from cases.releasing import moves_cases, verbs_of
from forms.access_ports import Thing
from forms.fields import Field, Form, Option
from forms.release_ports import Release
from forms.rendering import Page
from forms.settled_finality import ask_to_sign
from forms.showing import not_found, show
from forms.signing import since_of
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_
from rules.load import with_tables

RELEASE_KINDS = {
    "matter": N_("事项"),
    "rules": N_("规则包"),
    "policy": N_("权限策略"),
    "calendar": N_("日历"),
    "template": N_("通知用语"),
}
PROPOSABLE = ("matter", "rules", "calendar", "policy")
"""Kinds that have a gate."""
LARGEST_PROPOSAL = 200_000
WAITING = ("proposed", "blocked")
"""States of what nobody has signed yet."""
SEEDS = {SEED_AUTHOR: N_("随系统安装"), SEED_SIGNER: N_("随系统安装")}
"""Who has brought the first versions, in words."""


@dataclass(frozen=True)
class ReleasesPage(Page):
    """Versions proposed and in force."""

    template: ClassVar[str] = "releases.html"

    releases: Annotated[tuple[Release, ...], "What waits first, then the newest."]
    form: Annotated[Form, "A new proposal."]
    kinds: Annotated[Mapping[str, str], "Kind → word."]
    names: Annotated[Mapping[str, str], "Id of a version → what people call the thing."]
    people: Annotated[Mapping[str, str], "User id → name."]
    may_propose: Annotated[bool, "May propose a version of some kind."]
    signable: Annotated[frozenset[str], "Ids that this person may sign: somebody else's proposals."]
    own: Annotated[frozenset[str], "Ids of this person's own proposals, which may be withdrawn."]
    askable: Annotated[frozenset[str], "Ids of which this person may ask that they cease to count."]
    revocable: Annotated[frozenset[str], "Ids of which this person may agree that they do."]


async def _may(visit: Visit, act: str, thing: str) -> bool:
    return (await visit.ask(visit.ports.access.may, visit.actor, act, thing)).allowed


async def _release_form(visit: Visit) -> Form:
    say = visit.say
    kinds = [
        Option(code, say(RELEASE_KINDS[code]))
        for code in PROPOSABLE
        if await _may(visit, verbs_of(code).propose, verbs_of(code).object_type)
    ]
    return Form(
        (
            Field("kind", say(N_("类别")), "select", options=tuple(kinds)),
            Field("text", say(N_("版本内容（YAML）")), "textarea", wide=True,
                  max_length=LARGEST_PROPOSAL),
        )
    )  # fmt: skip


def _as_thing(one: Release) -> Thing:
    return Thing(verbs_of(one.kind).object_type, one.id, proposed_by=one.proposed_by)


async def _signable(visit: Visit, rows: Sequence[Release]) -> frozenset[str]:
    found = set()
    for one in rows:
        if one.state == "proposed":
            may = visit.ports.access.may
            verdict = await visit.ask(may, visit.actor, verbs_of(one.kind).sign, _as_thing(one))
            if verdict.allowed:
                found.add(one.id)
    return frozenset(found)


async def _revocable(
    visit: Visit, rows: Sequence[Release]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the rules that give cards of which one may ask, or agree, that they count no more.

    A calendar has its own page: there the list of what moves is read first.
    """
    askable: set[str] = set()
    revocable: set[str] = set()
    for one in rows:
        if one.state != "active" or not moves_cases(one.kind, one.name) or one.kind == "calendar":
            continue
        act = "release_sign" if one.revoke_asked_by else "release_propose"
        by = one.revoke_asked_by or one.proposed_by
        thing = Thing("release", one.id, proposed_by=by)
        if (await visit.ask(visit.ports.access.may, visit.actor, act, thing)).allowed:
            (revocable if one.revoke_asked_by else askable).add(one.id)
    return frozenset(askable), frozenset(revocable)


async def _show_releases(visit: Visit, form: Form, status: int = 200) -> Response:
    rows = await visit.ask(visit.ports.releases.listing)
    askable, revocable = await _revocable(visit, rows)
    page = ReleasesPage(
        title=visit.say(N_("版本发布")),
        releases=tuple(sorted(rows, key=lambda one: one.state not in WAITING)),
        form=form,
        kinds={code: visit.say(label) for code, label in RELEASE_KINDS.items()},
        names=await _names(visit, rows),
        people=await _people(visit),
        may_propose=bool(form.fields[0].options),
        signable=await _signable(visit, rows),
        own=frozenset(
            one.id for one in rows if one.state in WAITING and one.proposed_by == visit.actor.id
        ),
        askable=askable,
        revocable=revocable,
    )
    return await show(visit, page, status)


async def _names(visit: Visit, rows: Sequence[Release]) -> Mapping[str, str]:
    """Return what the things are called of which these are versions; left out: the name says it."""
    english = visit.language == "en"
    called = {
        ("matter", one.code): one.name_en if english else one.name
        for one in visit.ports.catalogue.matters()
    }
    for one in await visit.ask(visit.ports.rules.in_force):
        title = one.pack.definition.title
        called["rules", one.pack.id] = title.en if english else title.zh
    return {one.id: called[one.kind, one.name] for one in rows if (one.kind, one.name) in called}


async def _people(visit: Visit) -> Mapping[str, str]:
    known = dict(await visit.ask(visit.ports.reader.colleagues, ""))
    return known | {code: visit.say(words) for code, words in SEEDS.items()}


async def releases(visit: Visit) -> Response:
    return await _show_releases(visit, await _release_form(visit))


async def propose_release(visit: Visit) -> Response:
    """Have a text checked. Who may depends on its kind: policy is the security administrators'."""
    kind = visit.text("kind")
    verbs = verbs_of(kind)
    await visit.demand(verbs.propose, verbs.object_type)
    form = await _release_form(visit)
    form = Form(tuple(replace(f, values=(visit.text(f.name),)) for f in form.fields))
    empty = {
        f.name: visit.say(N_("请填写“{label}”")).format(label=f.label)
        for f in form.fields
        if not f.value
    }
    if kind not in PROPOSABLE:
        empty["kind"] = visit.say(N_("请选择“{label}”")).format(label=visit.say(N_("类别")))
    if empty:
        return await _show_releases(visit, form.with_errors(empty), 422)
    text = visit.text("text")
    files = [file for file in visit.posted.getlist("tables") if isinstance(file, UploadFile)]
    tables = {file.filename: await file.read() for file in files if file.filename}
    if tables:
        text, faults = with_tables(text, "rules.yaml", tables)
        if faults:
            told = {"text": "\n".join(map(str, faults))}
            return await _show_releases(visit, form.with_errors(told), 422)
    made = await visit.ask(visit.ports.releases.propose, visit.who, kind, text)
    if isinstance(made, str):
        return await _show_releases(visit, form.with_errors({"text": visit.told(made)}), 422)
    return RedirectResponse("/releases", 303)


async def _named(visit: Visit) -> Release:
    release = visit.request.path_params["release"]
    known: Sequence[Release] = await visit.ask(visit.ports.releases.listing)
    found = next((one for one in known if one.id == release), None)
    if found is None:
        raise not_found(visit)
    return found


async def sign_release(visit: Visit) -> Response:
    found = await _named(visit)
    await visit.demand(verbs_of(found.kind).sign, _as_thing(found))
    since = since_of(visit)
    if asked := await ask_to_sign(visit, found, _shown_at(found)):
        return asked
    refused = await visit.ask(
        visit.ports.releases.sign,
        visit.who,
        found.id,
        visit.text("preview"),
        visit.text("dossier"),
        since,
    )
    if refused:
        raise Stop(409, visit.told(refused), "not_signed")
    return RedirectResponse(_shown_at(found), 303)


def _shown_at(found: Release) -> str:
    shown = {"calendar": "/calendar", "matter": f"/releases/{found.id}"}
    shown["template"] = shown["matter"]
    return shown.get(found.kind, "/releases")


async def withdraw_release(visit: Visit) -> Response:
    """Take one's own proposal back."""
    found = await _named(visit)
    await visit.demand(verbs_of(found.kind).propose, _as_thing(found))
    refused = await visit.ask(visit.ports.releases.withdraw, visit.who, found.id)
    if refused:
        raise Stop(409, visit.told(refused), "not_withdrawn")
    return RedirectResponse("/releases", 303)
