"""The fields of each order to a project, and the body that they make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from cases.projects.messages import PROJECT_BODIES
from cases.projects.state import Milestone, ProjectState
from forms import project_words as w
from forms.fields import Field, Kind, Option, Posted
from forms.payments import fen_of
from forms.visit import Visit
from forms.words import N_

ESTABLISH: Final = "establish"


@dataclass(frozen=True)
class ActScene:
    """What the fields of an order depend on."""

    visit: Visit
    state: ProjectState | None
    departments: Mapping[str, str]
    today: date
    chosen: str = ""
    """Milestone, guarantee, risk or change that the address names; the template of a new one."""

    def say(self, text: str) -> str:
        return self.visit.say(text)

    @property
    def project(self) -> ProjectState:
        """The project; only what is established has one."""
        assert self.state is not None
        return self.state

    def named(self, one: Milestone) -> str:
        """Return a milestone's title in the reader's language."""
        return one.english or one.title if self.visit.language == "en" else one.title


def takes_paper(verb: str) -> bool:
    """Return whether the order brings a file."""
    return "paper" in PROJECT_BODIES[verb].model_fields


def _field(
    s: ActScene, name: str, label: str, kind: Kind = "text", required: bool = True, value: str = "",
    hint: str = "", unit: str = "", options: Sequence[Option] = (), wide: bool = False,
) -> Field:  # fmt: skip
    return Field(
        name, s.say(label), kind, required, s.say(hint) if hint else "", tuple(options),
        (value,) if value else (), unit=s.say(unit) if unit else "",
        wide=wide or kind in ("textarea", "lines"), double=kind == "text",
    )  # fmt: skip


def _money(s: ActScene, name: str, label: str, required: bool = True, fen: int = 0) -> Field:
    value = f"{fen // 100}.{fen % 100:02d}" if fen else ""
    return _field(s, name, label, "number", required, value, unit=N_("元"))


def _choices(s: ActScene, words: Mapping[str, str]) -> list[Option]:
    return [Option(code, s.say(word)) for code, word in words.items()]


def _departments(s: ActScene) -> list[Option]:
    return [Option(code, name) for code, name in s.departments.items()]


def _milestones(s: ActScene, want: Callable[[Milestone], bool]) -> list[Option]:
    return [Option(one.id, s.named(one), f"{one.plan_on}") for one in s.project.milestones
            if want(one)]  # fmt: skip


def _milestone(s: ActScene, want: Callable[[Milestone], bool]) -> Field:
    options = _milestones(s, want)
    value = s.chosen or (options[0].value if options else "")
    return _field(s, "milestone", N_("里程碑"), "select", value=value, options=options, wide=True)


def _establish(s: ActScene) -> Sequence[Field]:
    template = s.visit.ports.projects.templates.get(s.chosen)
    regimes = _choices(s, w.REGIMES)
    if template is not None and template.regime:
        regimes = [one for one in regimes if one.value == template.regime]
    steps = template.steps if template is not None else ()
    english = s.visit.language == "en"
    days = s.say(N_("{n} 天"))
    every = [
        Option(one.id, one.en if english else one.zh, days.format(n=one.days)) for one in steps
    ]
    # What the regime of the template asks for: another answer would be refused.
    regime = template.regime if template is not None else ""
    bought, used = regime == "stock", regime == "concession"
    return (
        Field("template", "", "hidden", False, values=(s.chosen,)),
        _field(s, "title", N_("项目名称")),
        _field(s, "department", N_("实施机构"), "select", options=_departments(s),
               value=s.visit.actor.department),
        _field(s, "sector", N_("行业"), required=False),
        _field(s, "regime", N_("适用制度"), "radios", options=regimes, value=regimes[0].value,
               hint=N_("2023年2月政策以前已经采购的为存量项目；新的政府和社会资本合作项目限于使用者付费，按特许经营")),
        _field(s, "procured_before_stop", N_("2023年2月以前已经完成采购"), "check", False,
               value="true" if bought else ""),
        _field(s, "user_pays", N_("使用者付费"), "check", False, value="true" if used else ""),
        _field(s, "started_by_2024", N_("2024年底以前已经开工（只对存量项目）"), "check", False),
        _field(s, "mode", N_("运作方式"), "select", options=_choices(s, w.MODES), value="other"),
        _field(s, "pay", N_("付费机制"), "select", options=_choices(s, w.PAY_MODES),
               value="user" if used else "government"),
        _field(s, "term_years", N_("运营（特许经营）期限"), "number", False, unit=N_("年"),
               hint=N_("没有期限的不填；特许经营不超过四十年")),
        _field(s, "starts_on", N_("开始日期"), "date", value=s.today.isoformat()),
        _money(s, "feasibility_fen", N_("可行性研究投资估算"), required=False),
        _field(s, "library_code", N_("项目库编码"), required=False),
        Field("leaves_out", s.say(N_("本项目没有的步骤")), "checks", False, options=tuple(every),
              hint=s.say(N_("步骤后是计划天数")), wide=True),
    )  # fmt: skip


def _approve_estimate(s: ActScene) -> Sequence[Field]:
    return (
        _money(s, "design_fen", N_("初步设计投资概算")),
        _money(s, "estimate_fen", N_("核定概算"), fen=s.project.estimate_fen),
        _field(s, "document", N_("批复文号")),
        _field(s, "reported", N_("超过投资估算百分之十的，已经报告投资主管部门"), "check", False),
    )


def _set_cost(s: ActScene) -> Sequence[Field]:
    return (
        _money(s, "total_fen", N_("总投资"), fen=s.project.total_fen),
        _field(s, "reason", N_("理由"), "textarea"),
    )


def _sign_contract(s: ActScene) -> Sequence[Field]:
    lines = N_("一行一项：政府或者运营方，日期，金额（元），用逗号隔开")
    return (
        _field(s, "operator", N_("社会资本方（项目公司）"), "select", options=_departments(s)),
        _field(s, "number", N_("协议编号")),
        _field(s, "signed_on", N_("签订日期"), "date", value=s.today.isoformat()),
        _field(s, "ends_on", N_("终止日期"), "date",
               value=s.project.ends_on.isoformat() if s.project.ends_on else ""),
        _field(s, "tender_days", N_("投标截止前的天数"), "number", False, unit=N_("日"),
               hint=N_("不是招标的不填")),
        _field(s, "sale_days", N_("招标文件发售天数"), "number", False, unit=N_("日")),
        _field(s, "candidate_days", N_("中标候选人公示天数"), "number", False, unit=N_("日")),
        _field(s, "capital", N_("资本金"), "lines", False, hint=lines),
    )  # fmt: skip


def _pay_capital(s: ActScene) -> Sequence[Field]:
    sides = {"government": s.say(N_("政府方")), "operator": s.say(N_("运营方"))}
    options = [
        Option(str(n), f"{sides[one.due.party]} {one.due.due_on}")
        for n, one in enumerate(s.project.capital)
    ]
    return (
        _field(s, "item", N_("哪一项"), "select", options=options, value=s.chosen or "0"),
        _money(s, "amount_fen", N_("到位金额")),
        _field(s, "paid_on", N_("到位日期"), "date", value=s.today.isoformat()),
        _field(s, "paper.name", N_("凭证名称"), value=s.say(N_("资本金到账凭证"))),
    )


def _replan(s: ActScene) -> Sequence[Field]:
    waiting = [one for one in s.project.milestones if not one.achieved]
    days = [
        _field(s, f"plans.{one.id}", s.named(one), "date", False, one.plan_on.isoformat())
        for one in waiting
    ]
    return (_field(s, "ground", N_("调整理由"), "textarea"), *days)


def _forecast(s: ActScene) -> Sequence[Field]:
    return (
        _milestone(s, lambda one: not one.achieved),
        _field(s, "on", N_("预计完成日期"), "date"),
        _field(s, "reason", N_("原因"), "textarea", False),
    )


def _add_milestone(s: ActScene) -> Sequence[Field]:
    english = s.visit.language == "en"
    stages = [Option(one.id, one.english if english else one.title) for one in s.project.stages]
    return (
        _field(s, "milestone.title", N_("名称")),
        _field(s, "milestone.id", N_("标识"), hint=N_("小写字母、数字和下划线")),
        _field(s, "milestone.stage", N_("阶段"), "select", options=stages),
        _field(s, "milestone.days", N_("计划天数"), "number", unit=N_("日")),
        Field("milestone.after", s.say(N_("先完成")), "checks", False,
              options=tuple(_milestones(s, lambda one: True)), wide=True),
        _field(s, "milestone.needs", N_("须有的佐证"), "lines", False, hint=N_("一行一份")),
        _field(s, "milestone.gate", N_("须两人批准（关口）"), "check", False),
        _field(s, "milestone.pays", N_("可以据以付费"), "check", False),
        _field(s, "on", N_("计划日期"), "date", False, hint=N_("不填的按先后和天数推算")),
    )  # fmt: skip


def _add_evidence(s: ActScene) -> Sequence[Field]:
    one = s.project.milestone(s.chosen)
    missing = one.missing if one is not None else ()
    hint = s.say(N_("、")).join(map(s.say, missing))
    name = _field(s, "paper.name", N_("佐证名称"), value=missing[0] if missing else "")
    if hint:
        name = Field(
            name.name, name.label, "text", True, s.say(N_("还缺：{papers}")).format(papers=hint),
            values=name.values, double=True,
        )  # fmt: skip
    return (_milestone(s, lambda one: not one.achieved), name)


def _gate(s: ActScene) -> Field:
    return _milestone(s, lambda one: one.gate and not one.achieved)


def _pass_gate(s: ActScene) -> Sequence[Field]:
    return (_gate(s), _field(s, "opinion", N_("意见"), "textarea", False))


def _return_gate(s: ActScene) -> Sequence[Field]:
    return (_gate(s), _field(s, "reason", N_("退回理由"), "textarea"))


def _achieve(s: ActScene) -> Sequence[Field]:
    return (
        _milestone(s, lambda one: not one.achieved),
        _field(s, "on", N_("完成日期"), "date", value=s.today.isoformat()),
    )


def _propose_change(s: ActScene) -> Sequence[Field]:
    return (
        _field(s, "kind", N_("变更什么"), "select", options=_choices(s, w.CHANGE_KINDS)),
        _field(s, "ground", N_("理由"), "textarea"),
        _field(s, "ends_on", N_("新的终止日期"), "date", False, hint=N_("变更期限的填")),
        _field(s, "operator", N_("新的运营方"), "select", False, options=_departments(s),
               hint=N_("更换特许经营者的填")),
        _field(s, "selected_anew", N_("新的运营方经公开竞争选择"), "check", False),
        _field(s, "paper.name", N_("文件名称"), value=s.say(N_("变更申请"))),
    )  # fmt: skip


def _decide_change(s: ActScene) -> Sequence[Field]:
    options = [
        Option(one.id, f"{s.say(w.CHANGE_KINDS[one.kind])} · {one.ground[:40]}")
        for one in s.project.changes
        if one.state == "proposed"
    ]
    yes_no = [Option("true", s.say(N_("批准"))), Option("false", s.say(N_("不批准")))]
    return (
        _field(s, "change", N_("变更"), "select", options=options, wide=True,
               value=s.chosen or (options[0].value if options else "")),
        _field(s, "approve", N_("决定"), "radios", options=yes_no),
        _field(s, "document", N_("批复文号"), required=False,
               hint=N_("变更建设地点、规模内容的，须有重新报批的文号")),
        _field(s, "reason", N_("理由"), "textarea", False),
    )  # fmt: skip


def _step_in(s: ActScene) -> Sequence[Field]:
    return (
        _field(s, "by", N_("由谁接管运营"), "select", options=_departments(s)),
        _field(s, "ground", N_("接管理由"), "textarea"),
        _field(s, "paper.name", N_("文件名称"), value=s.say(N_("接管通知"))),
    )


def _only(name: str, label: str) -> Callable[[ActScene], Sequence[Field]]:
    def fields(s: ActScene) -> Sequence[Field]:
        return (_field(s, name, label, "textarea"),)

    return fields


def _terminate(s: ActScene) -> Sequence[Field]:
    return (
        _field(s, "ground", N_("终止原因"), "select", options=_choices(s, w.TERMINATION_GROUNDS)),
        _field(s, "on", N_("终止日期"), "date", value=s.today.isoformat()),
        _money(s, "compensation_fen", N_("补偿"), required=False),
        _field(s, "reason", N_("说明"), "textarea"),
        _field(s, "paper.name", N_("文件名称"), value=s.say(N_("提前终止协议"))),
    )


def _add_security(s: ActScene) -> Sequence[Field]:
    return (
        _field(s, "kind", N_("种类"), "radios", options=_choices(s, w.SECURITY_KINDS)),
        _field(s, "title", N_("名称")),
        _field(s, "issuer", N_("出具人")),
        _money(s, "amount_fen", N_("金额")),
        _field(s, "until", N_("有效期至"), "date"),
        _field(s, "paper.name", N_("文件名称"), value=s.say(N_("保函（保险单）"))),
    )


def _security(s: ActScene) -> Field:
    options = [Option(one.id, f"{one.title} {one.until}") for one in s.project.securities
               if not one.ended]  # fmt: skip
    value = s.chosen or (options[0].value if options else "")
    return _field(s, "security", N_("保函、保险"), "select", options=options, value=value)


def _renew_security(s: ActScene) -> Sequence[Field]:
    return (
        _security(s),
        _field(s, "until", N_("有效期至"), "date"),
        _field(s, "paper.name", N_("文件名称"), value=s.say(N_("保函（保险单）"))),
    )


def _end_security(s: ActScene) -> Sequence[Field]:
    return (_security(s), _field(s, "reason", N_("理由"), "textarea"))


def _list_assets(s: ActScene) -> Sequence[Field]:
    before = "\n".join(
        f"{one.name}，{one.quantity}，{one.unit}，{s.say(w.CONDITIONS[one.condition])}"
        for one in s.project.assets
    )
    return (
        _field(s, "assets", N_("资产"), "lines", value=before,
               hint=N_("一行一项：名称，数量，单位，状况（完好、待修、报废），用逗号隔开")),
        _field(s, "paper.name", N_("文件名称"), value=s.say(N_("资产清单"))),
    )  # fmt: skip


def _record_test(s: ActScene) -> Sequence[Field]:
    results = [Option("true", s.say(N_("合格"))), Option("false", s.say(N_("不合格")))]
    return (
        _field(s, "name", N_("测试名称")),
        _field(s, "passed", N_("结果"), "radios", options=results),
        _field(s, "on", N_("测试日期"), "date", value=s.today.isoformat()),
        _field(s, "paper.name", N_("文件名称"), value=s.say(N_("性能测试报告"))),
    )


def _hand_over(s: ActScene) -> Sequence[Field]:
    return (
        _field(s, "to", N_("移交给"), "select", options=_departments(s)),
        _field(s, "on", N_("移交日期"), "date", value=s.today.isoformat()),
        _field(s, "paper.name", N_("文件名称"), value=s.say(N_("移交协议"))),
    )


def _add_risk(s: ActScene) -> Sequence[Field]:
    return (
        _field(s, "title", N_("风险")),
        _field(s, "level", N_("级别"), "radios", options=_choices(s, w.RISK_LEVELS)),
        _field(s, "answer", N_("应对措施"), "textarea", False),
    )


def _close_risk(s: ActScene) -> Sequence[Field]:
    options = [Option(one.id, one.title) for one in s.project.risks if one.closed_at is None]
    return (
        _field(s, "risk", N_("风险"), "select", options=options,
               value=s.chosen or (options[0].value if options else "")),
        _field(s, "reason", N_("理由"), "textarea"),
    )  # fmt: skip


FIELDS: Final[Mapping[str, Callable[[ActScene], Sequence[Field]]]] = {
    ESTABLISH: _establish,
    "approve_estimate": _approve_estimate,
    "set_cost": _set_cost,
    "sign_contract": _sign_contract,
    "pay_capital": _pay_capital,
    "replan": _replan,
    "forecast": _forecast,
    "add_milestone": _add_milestone,
    "add_evidence": _add_evidence,
    "pass_gate": _pass_gate,
    "return_gate": _return_gate,
    "achieve": _achieve,
    "propose_change": _propose_change,
    "decide_change": _decide_change,
    "step_in": _step_in,
    "end_step_in": _only("reason", N_("理由")),
    "terminate": _terminate,
    "add_security": _add_security,
    "renew_security": _renew_security,
    "end_security": _end_security,
    "list_assets": _list_assets,
    "record_test": _record_test,
    "hand_over": _hand_over,
    "finish": _only("summary", N_("办结小结")),
    "add_risk": _add_risk,
    "close_risk": _close_risk,
}
"""Verb → its fields. A field's name is its place in the body."""

INTEGERS: Final = frozenset(
    {"term_years", "tender_days", "sale_days", "candidate_days", "item", "milestone.days"}
)
YES_NO: Final = frozenset({"approve", "passed"})


def body_of(s: ActScene, verb: str, fields: Sequence[Field], texts: Posted) -> dict[str, Any]:
    """Return the order's body as the typed words say it; what cannot be read stays as it is.

    What was left empty is left out: the body's own default stands, or its field is asked for.
    """
    body: dict[str, Any] = {}
    for one in fields:
        values = [text.strip() for text in texts.get(one.name, ()) if text.strip()]
        if verb == "replan" and one.name.startswith("plans."):
            _add_plan(s, body, one.name.partition(".")[2], values)
        elif one.kind == "check":
            _put(body, one.name, bool(values))
        elif one.kind == "checks":
            _put(body, one.name, values)
        elif values:
            _put(body, one.name, _read(s, one.name, values[0]))
    return body


def _add_plan(s: ActScene, body: dict[str, Any], key: str, values: Sequence[str]) -> None:
    """Add a milestone's day to the plans if it is another than it has."""
    before = s.project.milestone(key)
    if values and before is not None and values[0] != before.plan_on.isoformat():
        body.setdefault("plans", []).append({"milestone": key, "on": values[0]})


def _read(s: ActScene, name: str, text: str) -> Any:
    if name.endswith("_fen"):
        found = fen_of(text)
        return text if found is None else found
    if name in INTEGERS:
        return int(text) if text.isdecimal() and len(text) < 10 else text
    if name in YES_NO:
        return text == "true" if text in ("true", "false") else text
    if name == "milestone.needs":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if name == "capital":
        return [_capital(s, line) for line in text.splitlines() if line.strip()]
    if name == "assets":
        return [_asset(s, line) for line in text.splitlines() if line.strip()]
    return text


def _parts(line: str) -> list[str]:
    return [part.strip() for part in re.split("[,，]", line)]


def _capital(s: ActScene, line: str) -> dict[str, Any]:
    party, due_on, amount, *_ = [*_parts(line), "", "", ""]
    own = s.say(N_("政府"))
    fen = fen_of(amount)
    return {
        "party": "government" if party.startswith(("政府", own)) else "operator",
        "due_on": due_on,
        "amount_fen": amount if fen is None else fen,
    }


def _asset(s: ActScene, line: str) -> dict[str, Any]:
    name, quantity, unit, condition, *_ = [*_parts(line), "", "", "", ""]
    words = {s.say(word): code for code, word in w.CONDITIONS.items()}
    return {
        "name": name,
        "quantity": int(quantity) if quantity.isdecimal() and len(quantity) < 10 else quantity,
        "unit": unit,
        "condition": words.get(condition, condition),
    }


def _put(body: dict[str, Any], name: str, value: Any) -> None:
    first, _, rest = name.partition(".")
    if rest:
        body.setdefault(first, {})[rest] = value
    else:
        body[first] = value
