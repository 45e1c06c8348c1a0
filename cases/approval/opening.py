"""Filing: the plan is frozen out of the matter, and the case begins."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from cases import messages
from cases.approval import articles
from cases.approval.evolving import apply
from cases.approval.renewal import asked_for
from cases.approval.walk import Walk
from cases.messages import Command
from cases.settling import RuleForbids
from cases.state import CaseState, Event, Plan
from catalogue.matters import Matter
from catalogue.working_days import NONE, Calendar

ONLINE = ("computer", "mobile")
"""Channels of GB/T 39046-2020 A.5 that are 互联网渠道."""

_SCALARS = frozenset({"string", "number", "integer", "boolean"})


def plan_of(matter: Matter, digest: str, rule_digests: Mapping[str, str] | None = None) -> Plan:
    """Return the part of the matter's version that steers the case.

    `digest` is the version's own; `rule_digests` name the packs in force at filing, by role.
    """
    fields = {name for name in Plan.model_fields if name in Matter.model_fields}
    plain = matter.model_dump(include=fields)
    return Plan.model_validate(
        {
            **plain,
            "matter": matter.code,
            "digest": digest,
            "lead": matter.lead or matter.department,
            "fact_fields": fact_fields(matter.form),
            "rule_digests": dict(rule_digests or {}),
        }
    )


def fact_fields(form: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Return the scalar properties of a form that its schema does not call personal."""
    properties = form.get("properties")
    if not isinstance(properties, dict):
        return ()
    return tuple(
        name
        for name, schema in properties.items()
        if isinstance(schema, dict)
        and schema.get("type") in _SCALARS
        and schema.get("x-personal") is not True
    )


def open_case(
    command: Command,
    matter: Matter,
    digest: str,
    case_no: str = "",
    *,
    subject: str = "",
    rule_digests: Mapping[str, str] | None = None,
    calendar: Calendar = NONE,
) -> tuple[CaseState, tuple[Event, ...]]:
    """Return the state after filing (sequence number 1) and the events that led to it.

    `subject` is the applicant's pseudonym; `calendar` tells whether a renewal was asked for in
    time, where that is counted in working days. Raises `RuleForbids` when the order is for another
    matter or version, or hands in what the matter does not ask for.
    """
    body = command.parsed()
    if not isinstance(body, messages.File):
        raise RuleForbids("not_filed", "请先提交申请", articles.APPLICATION, "verb")
    _check(body, command, matter)
    plan = plan_of(matter, digest, rule_digests)
    blank = CaseState(
        case_id=command.case_id,
        case_no=case_no,
        plan=plan,
        channel=body.channel,
        subject=subject,
        backfilled=command.backfill,
        electronic_service=body.electronic_service,
        facts={name: body.form[name] for name in plan.fact_fields if name in body.form},
        handed_in=tuple(sorted({one.code for one in body.materials})),
    )
    walk = Walk.of(blank, command)
    walk.emit("acted", verb="file")
    # A backfilled filing may say that the papers had come at another instant: clocks start there.
    since = {} if body.received_at is None else {"received_at": body.received_at.isoformat()}
    online = body.channel in ONLINE
    walk.emit(
        "filed",
        channel=body.channel,
        article=plan.notice.basis,
        **since,
        # A receipt that the filing names (补录) is the day that both sides had confirmed.
        **(
            {"unconfirmed": True} if plan.receipt == "confirmation" and online and not since else {}
        ),
        **asked_for(matter, body.form, body.received_at or walk.at, calendar),
    )
    if plan.process == "open":
        start = {"accepted_at": since["received_at"]} if since else {}
        walk.emit(
            "accepted",
            mode="plain",
            again=False,
            missing=[],
            article=plan.statutory.basis,
            **start,
        )
        walk.enter("review")
        if body.step is not None:
            walk.emit("step_recorded", step=body.step.step)
    else:
        walk.enter("pre_review" if online and matter.on_site_pre_review else "received")
    return apply(blank, walk.events), tuple(walk.events)


def _check(body: messages.File, command: Command, matter: Matter) -> None:
    if body.received_at is not None and not command.backfill:
        raise RuleForbids(
            "not_backfill",
            "只有补录才能另写收件时刻；请去掉 received_at",
            articles.RECEIPT_INSTANT,
            "body.received_at",
        )
    if body.step is not None and matter.process != "open":
        raise RuleForbids(
            "not_open", f"{matter.name} 按规定环节办理，不能只登记环节", "", "body.step"
        )
    if body.matter != matter.code or (body.version and body.version != matter.version):
        raise RuleForbids(
            "wrong_matter", f"申请的是 {body.matter} {body.version}", "", "body.matter"
        )
    known = {one.code for one in matter.materials}
    for place, one in enumerate(body.materials):
        if known and one.code not in known:
            raise RuleForbids(
                "unknown_material",
                f"材料 {one.code} 不在本事项的材料清单内，不得要求或者收取",
                articles.MATERIALS,
                f"body.materials.{place}.code",
            )
