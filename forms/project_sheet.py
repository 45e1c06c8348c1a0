"""A project's milestones, guarantees, changes, risks and history as a spreadsheet."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from cases.projects.state import ProjectState
from forms import project_words as w
from forms.project import state_of
from forms.project_list import spreadsheet
from forms.showing import not_found
from forms.spreadsheet import Cell, Fen, Sheet, workbook
from forms.visit import Visit
from forms.words import N_


async def exported(visit: Visit) -> Response:
    """Hand out one project as a file; the entry comes first."""
    state = await state_of(visit)
    shown = await visit.ask(visit.ports.projects.project, visit.actor, state.project_id)
    if shown is None:
        raise not_found(visit)
    at = datetime.now(visit.zone)
    above = (
        f"{state.number} {state.title}",
        visit.say(N_("{who} 于 {at} 导出")).format(
            who=f"{visit.who.name} {visit.actor.id}", at=at.strftime("%Y-%m-%d %H:%M")
        ),
    )
    sheets = [_milestones(visit, state, above), _securities(visit, state), _changes(visit, state),
              _risks(visit, state)]  # fmt: skip
    told: list[list[Cell]] = [
        [one.seq, one.at, visit.say(w.VERBS.get(one.kind, one.kind)), one.who, one.on_behalf]
        for one in reversed(shown.told)
    ]
    head = [visit.say(one) for one in (N_("序号"), N_("时间"), N_("办理"), N_("何人"), N_("代"))]
    sheets.append(Sheet(visit.say(N_("历史")), head, told))
    visit.saw(state.project_id, lines=len(state.milestones), type="project")
    return spreadsheet(f"{state.number}.xlsx", workbook(sheets, at, visit.zone))


def _milestones(visit: Visit, state: ProjectState, above: tuple[str, ...]) -> Sheet:
    english = visit.language == "en"
    stages = {one.id: one.english if english else one.title for one in state.stages}
    head = (
        N_("阶段"), N_("里程碑"), N_("先完成"), N_("原计划"), N_("计划"), N_("预计"), N_("实际"),
        N_("进度"), N_("关键路径"), N_("佐证"), N_("还缺"), N_("关口"),
    )  # fmt: skip
    titles = {one.id: (one.english if english else "") or one.title for one in state.milestones}
    yes = visit.say(N_("是"))
    rows: list[list[Cell]] = [
        [
            stages.get(one.stage, one.stage), titles[one.id],
            "、".join(titles.get(key, key) for key in one.after), one.baseline_on, one.plan_on,
            one.forecast_on, one.actual_on, visit.say(w.SLIPPAGES[one.slippage]),
            yes if one.critical else "", "、".join(given.paper.name for given in one.evidence),
            "、".join(one.missing), f"{len(one.passes)}/{one.people}" if one.gate else "",
        ]
        for one in state.milestones
    ]  # fmt: skip
    return Sheet(visit.say(N_("里程碑")), [visit.say(word) for word in head], rows, above)


def _securities(visit: Visit, state: ProjectState) -> Sheet:
    head = (N_("种类"), N_("名称"), N_("出具人"), N_("金额（元）"), N_("有效期至"), N_("已解除"))
    yes = visit.say(N_("是"))
    rows: list[list[Cell]] = [
        [visit.say(w.SECURITY_KINDS[one.kind]), one.title, one.issuer, Fen(one.amount_fen),
         one.until, yes if one.ended else ""]
        for one in state.securities
    ]  # fmt: skip
    return Sheet(visit.say(N_("保函、保险")), [visit.say(word) for word in head], rows)


def _changes(visit: Visit, state: ProjectState) -> Sheet:
    head = (N_("变更"), N_("状态"), N_("提出"), N_("理由"), N_("批复文号"))
    rows: list[list[Cell]] = [
        [visit.say(w.CHANGE_KINDS[one.kind]), visit.say(w.CHANGE_STATES[one.state]), one.at,
         one.ground, one.document]
        for one in state.changes
    ]  # fmt: skip
    return Sheet(visit.say(N_("变更")), [visit.say(word) for word in head], rows)


def _risks(visit: Visit, state: ProjectState) -> Sheet:
    head = (N_("级别"), N_("风险"), N_("应对措施"), N_("登记"), N_("销除"))
    rows: list[list[Cell]] = [
        [visit.say(w.RISK_LEVELS[one.level]), one.title, one.answer, one.at, one.closed_at]
        for one in state.risks
    ]
    return Sheet(visit.say(N_("风险")), [visit.say(word) for word in head], rows)
