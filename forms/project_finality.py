"""What an order to a project brings about for good, said before; every other says how it is taken
back. The orders to its performance: `forms.performance_finality`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from cases.payments import yuan
from cases.projects import messages as m
from cases.projects.state import Milestone, ProjectState
from forms.fields import Form
from forms.for_good import Asking, Standing, said_in
from forms.project_fields import ActScene
from forms.project_words import CHANGE_KINDS, STAGES
from forms.words import N_

OF_OLD: Final = "GBH84-1"
BY_PLAN: Final = "YCJX-10"
BY_PAIR: Final = "YCJX-8"
SECURED: Final = "YCJX-11"
CHANGING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"site": ("GBH115-4",), "scope": ("GBH115-4",), "operator": ("GBH115-3",)}
)

Said = tuple[str, Sequence[Standing], Sequence[str], Sequence[str]]
"""Sentence, what stands and becomes, what follows, articles."""
NOTHING: Final[Said] = ("", (), (), ())
"""As it is filled in, the order is not for good."""


def _day(on: date | None) -> str:
    return on.isoformat() if on is not None else "—"


def _yuan(s: ActScene, fen: int) -> str:
    return s.say(N_("{n} 元")).format(n=yuan(fen))


def _who(s: ActScene, code: str) -> str:
    return s.departments.get(code, code) or "—"


def _stage(s: ActScene, then: str) -> Standing:
    now, words = s.say(STAGES[s.project.stage]), s.say(STAGES[then])
    return Standing(s.say(N_("项目状态")), now, words)


def _sign_contract(s: ActScene, body: m.SignContract) -> Said:
    sentence = s.say(N_("与{who}签订协议，至 {day} 止")).format(
        who=_who(s, body.operator), day=body.ends_on
    )
    stands = [
        Standing(s.say(N_("运营方")), _who(s, s.project.operator), _who(s, body.operator)),
        Standing(s.say(N_("终止日期")), _day(s.project.ends_on), _day(body.ends_on)),
    ]
    follows = [
        s.say(N_("{who}应在 {day} 以前缴足资本金 {n} 元")).format(
            who=s.say(N_("政府方") if one.party == "government" else N_("运营方")),
            day=one.due_on, n=yuan(one.amount_fen),
        )
        for one in body.capital
    ]  # fmt: skip
    follows.append(s.say(N_("一个项目只签订一次协议；以后只能提出变更。")))
    return sentence, stands, follows, (OF_OLD,) if s.project.regime == "stock" else ()


def _pay_capital(s: ActScene, body: m.PayCapital) -> Said:
    if body.item >= len(s.project.capital):
        return NOTHING
    due = s.project.capital[body.item]
    after = due.paid_fen + body.amount_fen
    stands = [
        Standing(s.say(N_("已经到位")), _yuan(s, due.paid_fen), _yuan(s, after)),
        Standing(s.say(N_("应当到位")), _yuan(s, due.due.amount_fen)),
    ]
    sentence = s.say(N_("登记资本金到位 {n} 元")).format(n=yuan(body.amount_fen))
    return sentence, stands, (), (OF_OLD,) if s.project.regime == "stock" else ()


def _pass_gate(s: ActScene, body: m.PassGate) -> Said:
    one = s.project.milestone(body.milestone)
    if one is None or len(one.passes) + 1 < one.people:
        return NOTHING
    many = s.say(N_("{n} 人，须 {of} 人"))
    now = many.format(n=len(one.passes), of=one.people)
    then = many.format(n=len(one.passes) + 1, of=one.people)
    stands = [Standing(s.say(N_("已经同意")), now, then)]
    follows = [s.say(N_("关口即告通过，不能再退回；里程碑可以完成。"))]
    sentence = s.say(N_("关口通过：{what}")).format(what=s.named(one))
    return sentence, stands, follows, (BY_PAIR,)


def _achieve(s: ActScene, body: m.Achieve) -> Said:
    one = s.project.milestone(body.milestone)
    if one is None:
        return NOTHING
    reached = _day(one.actual_on) if one.achieved else s.say(N_("未完成"))
    stands = [
        Standing(s.say(N_("完成日期")), reached, _day(body.on)),
        Standing(s.say(N_("计划日期")), _day(one.plan_on)),
    ]
    follows = []
    if one.pays:
        follows.append(s.say(N_("即可据以提出付费申请")))
    freed = [s.named(next_one) for next_one in s.project.milestones if _freed(s, next_one, one)]
    if freed:
        follows.append(s.say(N_("随后可以进行：{what}")).format(what="、".join(freed)))
    sentence = s.say(N_("完成里程碑：{what}")).format(what=s.named(one))
    return sentence, stands, follows, (BY_PLAN,)


def _freed(s: ActScene, waiting: Milestone, reached: Milestone) -> bool:
    others = (s.project.milestone(key) for key in waiting.after if key != reached.id)
    return reached.id in waiting.after and all(one is None or one.achieved for one in others)


def _decide_change(s: ActScene, body: m.DecideChange) -> Said:
    change = next((one for one in s.project.changes if one.id == body.change), None)
    if change is None:
        return NOTHING
    kind = s.say(CHANGE_KINDS[change.kind])
    if not body.approve:
        sentence = s.say(N_("不批准变更：{kind}")).format(kind=kind)
        return sentence, (), (s.say(N_("要改须另行提出变更")),), (BY_PAIR,)
    stands = []
    if change.ends_on is not None:
        stands.append(
            Standing(s.say(N_("终止日期")), _day(s.project.ends_on), _day(change.ends_on))
        )
    if change.operator:
        now, then = _who(s, s.project.operator), _who(s, change.operator)
        stands.append(Standing(s.say(N_("运营方")), now, then))
    sentence = s.say(N_("批准变更：{kind}")).format(kind=kind)
    return sentence, stands, (change.ground,), (BY_PAIR, *CHANGING.get(change.kind, ()))


def _step_in(s: ActScene, body: m.StepIn) -> Said:
    runs = next((one.by for one in s.project.step_ins[-1:] if one.until is None), "")
    stands = [
        Standing(s.say(N_("由谁运营")), _who(s, runs or s.project.operator), _who(s, body.by))
    ]
    follows = [s.say(N_("{who}自即日起停止运营，至结束接管时止")).format(
        who=_who(s, s.project.operator)
    )]  # fmt: skip
    sentence = s.say(N_("由{who}临时接管运营")).format(who=_who(s, body.by))
    return sentence, stands, follows, ()


def _terminate(s: ActScene, body: m.Terminate) -> Said:
    open_ones = sum(not one.achieved for one in s.project.milestones)
    follows = [s.say(N_("{n} 个未完成的里程碑不再进行")).format(n=open_ones)]
    if s.project.operator:
        who = _who(s, s.project.operator)
        follows.append(s.say(N_("{who}应移交资产；补偿 {n} 元")).format(
            who=who, n=yuan(body.compensation_fen)
        ))  # fmt: skip
    sentence = s.say(N_("自 {day} 起提前终止项目，补偿 {n} 元")).format(
        day=body.on, n=yuan(body.compensation_fen)
    )
    return sentence, (_stage(s, "terminated"),), follows, ()


def _end_security(s: ActScene, body: m.EndSecurity) -> Said:
    one = next((one for one in s.project.securities if one.id == body.security), None)
    if one is None:
        return NOTHING
    stands = [
        Standing(s.say(N_("有效期至")), _day(one.until), s.say(N_("已解除"))),
    ]
    follows = [s.say(N_("{who}出具的 {n} 元担保不再有效")).format(
        who=one.issuer, n=yuan(one.amount_fen)
    )]  # fmt: skip
    sentence = s.say(N_("解除{what}，{n} 元")).format(what=one.title, n=yuan(one.amount_fen))
    return sentence, stands, follows, (SECURED,)


def _hand_over(s: ActScene, body: m.HandOver) -> Said:
    follows = [
        s.say(N_("{n} 项资产移交给{who}")).format(n=len(s.project.assets), who=_who(s, body.to))
    ]
    sentence = s.say(N_("把项目移交给{who}")).format(who=_who(s, body.to))
    return sentence, (_stage(s, "handed_over"),), follows, (SECURED,)


def _finish(s: ActScene, _body: m.Finish) -> Said:
    follows = [s.say(N_("办结后项目不再变动。"))]
    return s.say(N_("办结项目")), (_stage(s, "finished"),), follows, (BY_PLAN,)


def _add_milestone(s: ActScene, body: m.AddMilestone) -> Said:
    now = len(s.project.milestones)
    stands = [Standing(s.say(N_("里程碑数")), str(now), str(now + 1))]
    follows = [s.say(N_("增设以后不能删去，办结项目须先完成它"))]
    sentence = s.say(N_("增设里程碑：{what}")).format(what=body.milestone.title)
    return sentence, stands, follows, (BY_PLAN,)


FINAL: Final[Mapping[str, Callable[[ActScene, Any], Said]]] = MappingProxyType(
    {
        "sign_contract": _sign_contract,
        "pay_capital": _pay_capital,
        "add_milestone": _add_milestone,
        "pass_gate": _pass_gate,
        "achieve": _achieve,
        "decide_change": _decide_change,
        "step_in": _step_in,
        "terminate": _terminate,
        "end_security": _end_security,
        "hand_over": _hand_over,
        "finish": _finish,
    }
)
"""Verb → what it brings about; an empty sentence: as it is filled in, it is not for good."""

TAKEN_BACK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "establish": "its form shows every step that it brings; `terminate` or `finish` ends it",
        "approve_estimate": "approved anew, with the paper of it",
        "set_cost": "registered anew, with the reason",
        "replan": "planned anew",
        "forecast": "foretold anew",
        "add_evidence": "a further paper stands beside it",
        "return_gate": "passed in the next round",
        "propose_change": "somebody else decides",
        "end_step_in": "`step_in`",
        "add_security": "`end_security`",
        "renew_security": "renewed again",
        "list_assets": "the next list takes its place",
        "record_test": "of several of one name the last counts",
        "add_risk": "`close_risk`",
        "close_risk": "`add_risk`",
    }
)
"""Verb → what takes it back, for whoever asks why it is not asked once more."""


def asking_of(
    s: ActScene, verb: str, form: Form, body: Mapping[str, Any], command: str,
    kept: Sequence[tuple[str, str]],
) -> Asking | None:  # fmt: skip
    """Return what a checked order to a project brings about; None: it can be taken back."""
    told = FINAL.get(verb)
    if told is None:
        return None
    said = told(s, m.PROJECT_BODIES[verb].model_validate(body))
    back = f"/projects/{s.project.project_id}"
    return asking_to(s.project, back, said, said_in(form), command, kept)


def asking_to(
    project: ProjectState, back: str, said: Said, typed: Sequence[tuple[str, str]], command: str,
    kept: Sequence[tuple[str, str]],
) -> Asking | None:  # fmt: skip
    """Return what an order is asked as once more; None: as it is filled in, it is not for good."""
    sentence, stands, follows, articles = said
    if not sentence:
        return None
    about = f"{project.number} {project.title}"
    return Asking(sentence, about, back, typed, stands, follows, articles, command, kept)
