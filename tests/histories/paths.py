"""The paths through a case, as tables: who orders what, so many days after filing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from activities.supervising import Supervision
from cases.messages import Command
from catalogue.matters import Matter
from tests.activities.supervised import PackRules, People
from tests.histories.sample import (
    JOINT,
    MONDAY,
    OPEN,
    RENEWAL,
    WORKING_DAYS,
    PlainSettlement,
    body_of_file,
    matter,
    order,
    retimed_body,
)


@dataclass(frozen=True)
class Step:
    """One order; `day` may have a fraction. `refused` is the code of the expected no."""

    verb: str
    day: float
    body: dict[str, Any] = field(default_factory=dict)
    who: str = "u:clerk"
    role: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Path:
    name: str
    steps: tuple[Step, ...]
    stage: str
    """The stage at its end."""
    ending: str
    changed: dict[str, Any] = field(default_factory=dict)
    filing: dict[str, Any] = field(default_factory=dict)
    """What differs in the filing."""
    wait_days: float = 0
    """How long nothing happens after the last order, for the law's own timers."""
    steps_per_run: int = 300
    told_days: float = 0
    """So long ago the case was filed: what lies before the walk's own beginning is backfilled."""
    supervised: bool = False
    """The shipped rules of supervision give their cards."""
    stages: tuple[str, ...] = ()
    """Stages entered, in order, from filing on; empty: not checked."""

    def matter(self) -> Matter:
        return matter(**self.changed)

    def settlement(self) -> PlainSettlement:
        watch = Supervision(PackRules(), People()) if self.supervised else None
        return PlainSettlement(self.matter(), supervision=watch)

    def commands(self, case_id: str) -> tuple[Command, ...]:
        filing = Step("file", 0, body_of_file(**self.filing))
        return tuple(
            order(
                step.verb,
                step.body,
                case_id=case_id,
                at=MONDAY + timedelta(days=step.day),
                who=step.who,
                role=step.role,
                name=f"{number}-{step.verb}",
            )
            for number, step in enumerate((filing, *self.steps))
        )


HEAD = "u:head"
_LACK = {"lacking": [{"code": "plan", "what": "平面图"}]}
_BROUGHT = {"materials": [{"code": "plan"}]}
_AGREE = {"task": "review-review", "result": "agree", "text": "符合条件"}
_LOST = {"document": "0" * 36, "ground": "loss", "reason": "申请人声明遗失"}
_SERVE = {"method": "direct", "recipient": "李四"}


def _hearing(day: float) -> dict[str, Any]:
    return {
        "hearing_at": (MONDAY + timedelta(days=day)).isoformat(),
        "place": "听证室",
        "host": "u:host",
        "host_name": "周主持",
    }


def _agree(step: str, who: str, day: float) -> Step:
    return Step("opine", day, {"task": f"review-{step}", "result": "agree", "text": "同意"}, who)


_RECORD = "邻户对采光的意见已采纳，限高十二米"


def _from_decision(
    day: float, result: str = "grant", grade: int = 1, record: str = ""
) -> tuple[Step, ...]:
    """Decision to rating: a day each."""
    body = {"result": result, "reasons": "依法"} | ({"hearing_record": record} if record else {})
    made = [Step("decide", day, body, HEAD)]
    if result == "grant":
        made.append(Step("certify", day + 1, {"certificate": "许可证"}))
    made += [
        Step("serve", day + 2, _SERVE),
        Step("close", day + 3),
        Step("rate", day + 4, {"grade": grade}, "c:applicant"),
    ]
    return tuple(made)


PATHS: tuple[Path, ...] = (
    Path(
        "plain-grant",
        (Step("accept", 1), Step("opine", 2, _AGREE, "u:reviewer"), *_from_decision(3)),
        "ended",
        "granted",
        stages=(
            "received", "review", "decision", "certificate", "service", "closing", "rating",
            "ended",
        ),
    ),
    Path(
        "issued-again",
        (
            Step("accept", 1),
            Step("opine", 2, _AGREE, "u:reviewer"),
            *_from_decision(3)[:3],
            Step("serve_reissued", 6, {**_SERVE, "of_step": 7}, refused="nothing_to_serve"),
            Step("reissue", 7, _LOST, HEAD),
            Step("reissue", 8, _LOST, HEAD, refused="already_reissued"),
            Step("serve_reissued", 9, {**_SERVE, "of_step": 7}),
            *_from_decision(7)[3:],
        ),
        "ended",
        "granted",
    ),
    Path(
        "retimed",
        (
            Step("accept", 1),
            Step("retimed", 1.5, retimed_body("without-mondays")),
            Step("opine", 2, _AGREE, "u:reviewer"),
            Step("retimed", 2.5, retimed_body("weekdays")),
            *_from_decision(3),
        ),
        "ended",
        "granted",
        changed=WORKING_DAYS,
    ),
    Path(
        "refusal",
        (
            Step("accept", 1),
            Step("opine", 2, _AGREE | {"result": "disagree"}, "u:reviewer"),
            Step("decide", 3, {"result": "refuse"}, HEAD, refused="reasons_missing"),
            *_from_decision(3.5, "refuse"),
        ),
        "ended",
        "refused",
    ),
    Path(
        "supplement-round",
        (
            Step("accept", 1, refused="materials_missing"),
            Step("ask_supplement", 2, _LACK),
            Step("supply", 3, _BROUGHT),
            Step("ask_supplement", 4, _LACK, refused="second_notice"),
            Step("accept", 4),
            Step("opine", 5, _AGREE, "u:reviewer"),
            *_from_decision(6),
        ),
        "ended",
        "granted",
        filing={"materials": [{"code": "form"}]},
        stages=(
            "received", "supplement", "received", "review", "decision", "certificate", "service",
            "closing", "rating", "ended",
        ),
    ),
    Path(
        "pre-review-returned",
        (
            Step("accept", 0.1, refused="wrong_stage"),
            Step("pre_review", 0.2, {"result": "returned"}, refused="lacking_missing"),
            Step("pre_review", 0.3, {"result": "returned"} | _LACK),
            Step("supply", 1, _BROUGHT),
            Step("pre_review", 2, {"result": "passed"}),
            Step("refuse_acceptance", 3, {"reason": "不属于本机关职权"}),
            Step("rate", 4, {"grade": 3}),
        ),
        "ended",
        "not_accepted",
        filing={"channel": "computer", "materials": [{"code": "form"}]},
    ),
    Path(
        "deemed-acceptance",
        (
            Step("ask_supplement", 6.5, _LACK, refused="already_accepted"),
            Step("opine", 7, _AGREE, "u:reviewer"),
            *_from_decision(8),
        ),
        "ended",
        "granted",
        filing={"materials": [{"code": "form"}]},
    ),
    Path(
        "joint-with-hearing",
        (
            Step("accept", 1),
            Step("claim", 1.1, {"task": "review-planning"}, "u:planner"),
            _agree("planning", "u:planner", 2),
            Step(
                "opine", 2.1, {"task": "review-fire", "result": "agree", "text": "同意"},
                "u:fire", refused="inspection_missing",
            ),
            Step(
                "inspect", 2.2,
                {"task": "review-fire", "inspectors": ["甲"], "place": "现场",
                 "inspected_at": (MONDAY + timedelta(days=2)).isoformat(), "findings": "合格"},
                "u:fire", refused="too_few_inspectors",
            ),
            Step(
                "inspect", 2.3,
                {"task": "review-fire", "inspectors": ["甲", "乙"], "place": "现场",
                 "inspected_at": (MONDAY + timedelta(days=2)).isoformat(), "findings": "合格"},
                "u:fire",
            ),
            _agree("fire", "u:fire", 2.4),
            Step(
                "start_procedure", 3,
                {"kind": "hearing", "ground": "涉及公共利益", "expected_days": 20,
                 "host": "u:fire"},
                refused="same_person",
            ),
            Step(
                "start_procedure", 3.1,
                {"kind": "hearing", "ground": "涉及公共利益", "expected_days": 20,
                 "host": "u:host"},
            ),
            _agree("heritage", "u:heritage", 4),
            Step(
                "opine", 5,
                {"task": "review-transport", "result": "agree", "text": "同意"}, "u:host",
                refused="same_person",
            ),
            Step(
                "notify_hearing", 6,
                {"hearing_at": (MONDAY + timedelta(days=19)).isoformat(), "place": "听证室",
                 "host": "u:host", "host_name": "周主持"},
                refused="not_announced",
            ),
            Step(
                "end_procedure", 7, {"procedure": "hearing-1", "result": "听证笔录已作成"},
                refused="hearing_not_notified",
            ),
            Step(
                "notify_hearing", 8,
                {"hearing_at": (MONDAY + timedelta(days=19)).isoformat(), "place": "听证室",
                 "host": "u:host", "host_name": "周主持", "announcement": "3月10日，市政府网站"},
            ),
            Step("end_procedure", 20, {"procedure": "hearing-1", "result": "听证笔录已作成"}),
            _agree("transport", "u:transport", 21),
            Step("gather", 22, {"proposal": "grant", "text": "建议准予"}, "u:lead"),
            *_from_decision(23, record=_RECORD),
        ),
        "ended",
        "granted",
        changed=JOINT,
    ),
    Path(
        "hearing-on-request",
        (
            Step("accept", 1),
            Step("request_hearing", 1.5, refused="hearing_right_not_told"),
            Step("tell_hearing_right", 2, {"interest": "涉及邻户采光", "parties": ["王五"]}),
            Step("opine", 2.5, _AGREE, "u:reviewer"),
            Step("decide", 3, {"result": "grant"}, HEAD, refused="hearing_right_open"),
            Step("request_hearing", 4,
                 {"by": "interested_party", "requester": "王五", "reason": "采光"}),
            Step("decide", 4.5, {"result": "grant"}, HEAD, refused="hearing_due"),
            Step("notify_hearing", 5, _hearing(8), refused="notice_too_late"),
            Step("notify_hearing", 6, _hearing(14)),
            Step("start_procedure", 14,
                 {"kind": "hearing", "ground": "利害关系人要求", "expected_days": 1,
                  "host": "u:host"}),
            Step("end_procedure", 14.5, {"procedure": "hearing-1", "result": "听证笔录已作成"}),
            Step("decide", 14.8, {"result": "grant"}, HEAD, refused="hearing_record_missing"),
            *_from_decision(15, record=_RECORD),
        ),
        "ended",
        "granted",
    ),
    Path(
        "hearing-lapsed",
        (
            Step("accept", 1),
            Step("tell_hearing_right", 2, {"interest": "涉及邻户采光"}),
            Step("opine", 2.5, _AGREE, "u:reviewer"),
            Step("request_hearing", 8.5, refused="hearing_right_lapsed"),
            *_from_decision(9),
        ),
        "ended",
        "granted",
    ),
    Path(
        "pauses-judged",
        (
            Step("accept", 1),
            Step("start_wait", 2, {"ground": "publicity", "reason": "公示", "expected_days": 5},
                 refused="wait_not_allowed"),
            Step("start_wait", 2, {"ground": "site_visit", "reason": "核查", "expected_days": 5}),
            Step("opine", 3, _AGREE, "u:reviewer"),
            Step("decide", 4, {"result": "grant"}, HEAD, refused="wait_open"),
            Step("end_wait", 5, {"wait": "site_visit-1", "result": "属实"}),
            Step("start_procedure", 6,
                 {"kind": "testing", "ground": "检测", "expected_days": 20}),
            Step("end_procedure", 26, {"procedure": "testing-1", "result": "合格"}),
            Step("disallow_pause", 26.1, {"pause": "hearing-1", "reason": "无"}, "u:supervisor",
                 refused="no_such_pause"),
            Step("disallow_pause", 26.2, {"pause": "site_visit-1", "reason": "没有去现场"},
                 "u:supervisor"),
            Step("disallow_pause", 26.3, {"pause": "testing-1", "reason": "没有送检"},
                 "u:supervisor"),
            Step("disallow_pause", 26.4, {"pause": "testing-1", "reason": "没有送检"},
                 "u:supervisor", refused="already_disallowed"),
            Step("restore_pause", 26.5, {"pause": "testing-1", "reason": "查明已送检"},
                 "u:supervisor"),
            *_from_decision(27),
        ),
        "ended",
        "granted",
        changed={"承诺时限停表": ["hearing", "testing", "site_visit"]},
    ),
    Path(
        "renewal-deemed",
        (
            Step("accept", 1),
            Step("start_procedure", 20,
                 {"kind": "testing", "ground": "检测", "expected_days": 30}),
            Step("decide", 32, {"result": "refuse", "reasons": "不符"}, HEAD,
                 refused="already_decided"),
            Step("certify", 33, {"certificate": "许可证"}),
            Step("serve", 34, _SERVE),
            Step("close", 35),
            Step("rate", 36, {"grade": 1}, "c:applicant"),
        ),
        "ended",
        "granted",
        changed=RENEWAL,
        filing={"form": {"licence_until": "2026-04-01"}},
        stages=("received", "review", "certificate", "service", "closing", "rating", "ended"),
    ),
    Path(
        "receipt-confirmed",
        (
            Step("accept", 1, refused="receipt_unconfirmed"),
            Step("confirm_receipt", 7, {"way": "phone"}),
            Step("accept", 11),
            Step("assign_inspectors", 11.5, {"inspectors": ["甲"]}, refused="too_few_inspectors"),
            Step("assign_inspectors", 12, {"inspectors": ["甲", "乙"]}),
            Step("opine", 13, _AGREE, "u:reviewer"),
            *_from_decision(14),
        ),
        "ended",
        "granted",
        changed={
            "收到规则": "confirmation",
            "时限起算": "receipt",
            "网上申请须预审": False,
            "检验指派时限": {"时限": 5, "单位": "working_day", "依据": "XKF-55"},
        },
        filing={"channel": "computer"},
    ),
    Path(
        "extension",
        (
            Step("accept", 1),
            Step("extend", 2, {"reason": "案情复杂"}, refused="rank_too_low"),
            Step("extend", 3, {"reason": "案情复杂"}, "u:organ", "organ_head"),
            Step("extend", 4, {"reason": "案情复杂"}, "u:organ", "organ_head",
                 refused="second_extension"),
            Step("opine", 25, _AGREE, "u:reviewer"),
            *_from_decision(26),
        ),
        "ended",
        "granted",
    ),
    Path(
        "tolerant-made-good",
        (
            Step("accept", 1, {"mode": "tolerant"}, refused="undertaking_missing"),
            Step("accept", 1.1, {"mode": "tolerant", "undertaking": "五日内补齐"}),
            Step("opine", 2, _AGREE, "u:reviewer"),
            Step("decide", 3, {"result": "grant"}, HEAD, refused="materials_missing"),
            Step("supply", 4, _BROUGHT),
            *_from_decision(5),
        ),
        "ended",
        "granted",
        filing={"materials": [{"code": "form"}]},
    ),
    Path(
        "tolerant-overdue",
        (Step("accept", 1, {"mode": "tolerant", "undertaking": "五日内补齐"}),),
        "ended",
        "withdrawn",
        filing={"materials": [{"code": "form"}]},
        wait_days=8,
    ),
    Path(
        "commitment-checked",
        (
            Step("accept", 1, {"mode": "commitment", "undertaking": "符合条件"}),
            *_from_decision(1.5),
            Step("check_afterwards", 20, {"result": "rectify", "text": "限期整改"}),
            Step("check_afterwards", 40, {"result": "true", "text": "属实"}),
        ),
        "ended",
        "granted",
    ),
    Path(
        "commitment-untrue",
        (
            Step("accept", 1, {"mode": "commitment", "undertaking": "符合条件"}),
            *_from_decision(1.5),
            Step("check_afterwards", 30, {"result": "untrue", "text": "不实，撤销"}),
        ),
        "ended",
        "revoked",
    ),
    Path(
        "withdrawal",
        (
            Step("accept", 1),
            Step("withdraw", 2, {"reason": "不办了"}),
        ),
        "ended",
        "withdrawn",
    ),
    Path(
        "return-step",
        (
            Step("accept", 1),
            Step("opine", 2, _AGREE, "u:reviewer"),
            Step("return_step", 3, {"to": "gather", "reason": "重审"}, HEAD,
                 refused="no_such_step"),
            Step("return_step", 3.1, {"to": "review", "reason": "重审"}, HEAD),
            Step("opine", 4, _AGREE, "u:reviewer"),
            Step("return_step", 5, {"to": "received", "reason": "分错"}, HEAD),
            Step("accept", 6),
            Step("opine", 7, _AGREE, "u:other"),
            Step("decide", 8, {"result": "grant"}, "u:clerk", refused="same_person"),
            *_from_decision(8),
        ),
        "ended",
        "granted",
    ),
    Path(
        "signers",
        (
            Step("accept", 1),
            Step("claim", 1.1, {"task": "review-review"}, "u:reviewer"),
            Step("claim", 1.2, {"task": "review-review"}, "u:other", refused="already_claimed"),
            Step("transfer", 1.3, {"task": "review-review", "to": "u:other", "reason": "出差"},
                 "u:reviewer"),
            Step("opine", 1.4, _AGREE, "u:reviewer", refused="held_by_other"),
            Step("add_signer", 1.5, {"task": "review-review", "signer": "u:expert",
                 "reason": "会同"}, "u:other"),
            Step("add_signer", 1.6, {"task": "review-review", "signer": "u:second",
                 "reason": "会同"}, "u:other"),
            Step("add_signer", 1.7, {"task": "review-review", "department": "health",
                 "reason": "涉及卫生"}, "u:other"),
            Step("opine", 2, _AGREE, "u:other"),
            Step("opine", 2.1, _AGREE, "u:other", refused="already_opined"),
            Step("opine", 2.2, _AGREE, "u:expert"),
            Step("remove_signer", 2.3, {"task": "review-review", "signer": "u:second",
                 "reason": "不需要"}, "u:other"),
            Step("opine", 2.4, _AGREE, "u:second", refused="task_not_open"),
            Step("urge", 2.5, {"task": "review-added-health", "text": "请抓紧"}),
            Step("copy_to", 2.6, {"to": ["u:boss"]}),
            Step("opine", 3, {"task": "review-added-health", "result": "agree", "text": "同意"},
                 "u:health"),
            Step("gather", 4, {"proposal": "grant", "text": "同意"}),
            *_from_decision(5),
        ),
        "ended",
        "granted",
    ),
    Path(
        "bad-review",
        (
            Step("not_required", 1, {"reason": "无需许可"}),
            Step("rate", 2, {"grade": 5, "text": "态度差"}),
            Step("rate", 3, {"grade": 1}, refused="wrong_stage"),
            Step("rectify", 3.1, {"cause": "解释不清", "measures": "道歉"}),
            Step("call_back", 4, {"satisfied": False}),
            Step("rectify", 5, {"cause": "解释不清", "measures": "当面说明"}),
            Step("call_back", 6, {"satisfied": True}),
        ),
        "ended",
        "not_required",
    ),
    Path(
        "rating-lapsed",
        (
            Step("accept", 1),
            Step("opine", 2, _AGREE, "u:reviewer"),
            *_from_decision(3)[:-1],
        ),
        "ended",
        "granted",
        wait_days=40,
    ),
    Path(
        "on-the-spot",
        (Step("accept", 0.01), *_from_decision(0.02)),
        "ended",
        "granted",
        changed={"办件类型": "on_the_spot"},
        stages=(
            "received", "decision", "certificate", "service", "closing", "rating", "ended",
        ),
    ),
    Path(
        "open-process",
        (
            Step("record_step", 1, {"step": "T02 Check confirmation of receipt"}),
            Step("accept", 2, refused="wrong_process"),
            Step("record_step", 3, {"step": "T04 Determine confirmation of receipt"}),
            Step("record_step", 3, {"step": "T02 Check confirmation of receipt"}),
            Step("close", 4),
        ),
        "ended",
        "open",
        changed=OPEN,
        filing={"step": {"step": "Confirmation of receipt"}},
    ),
    Path(
        "continue-as-new",
        (
            Step("accept", 1),
            Step("opine", 2, _AGREE, "u:reviewer"),
            *_from_decision(3),
        ),
        "ended",
        "granted",
        steps_per_run=2,
    ),
    Path(
        "hearing-ex-officio",
        # 第四十六条: nobody asked for it; made known seven days before and to the public.
        (
            Step("accept", 1),
            Step("opine", 2, _AGREE, "u:reviewer"),
            Step("start_procedure", 3,
                 {"kind": "hearing", "ground": "涉及公共利益", "expected_days": 10}),
            Step("end_procedure", 4, {"procedure": "hearing-1", "result": "听证笔录已作成"},
                 refused="hearing_not_notified"),
            Step("notify_hearing", 4.1,
                 {"hearing_at": (MONDAY + timedelta(days=12)).isoformat(), "place": "听证室",
                  "host": "u:host", "host_name": "周主持", "announcement": "市政府网站"}),
            Step("end_procedure", 12, {"procedure": "hearing-1", "result": "听证笔录已作成"}),
            *_from_decision(13, record=_RECORD),
        ),
        "ended",
        "granted",
    ),
    Path(
        "cards",
        # Reminder, warning, yellow; the explanation missed; a pause; red.
        (
            Step("accept", 0.1),
            Step("start_procedure", 14.2, {"kind": "testing", "ground": "?", "expected_days": 3}),
            Step("end_procedure", 16.2, {"procedure": "testing-1", "result": "合格"}),
            Step("withdraw", 20),
        ),
        "ended",
        "withdrawn",
        supervised=True,
    ),
    Path(
        "backfilled-left",
        # Left at the window ten days ago: silence accepts it once it rests, then it lives on.
        (Step("urge", 3, {"text": "请抓紧"}), Step("withdraw", 10.2, {"reason": "不办了"})),
        "ended",
        "withdrawn",
        told_days=10,
        supervised=True,
        stages=("received", "review", "ended"),
    ),
    Path(
        "backfilled-left-to-orders",
        # The same as its history tells it: begun before cases came to rest, told by its orders.
        (Step("urge", 3, {"text": "请抓紧"}), Step("withdraw", 10.2, {"reason": "不办了"})),
        "ended",
        "withdrawn",
        told_days=10,
        stages=("received", "review", "ended"),
    ),
    Path(
        "backfilled-to-its-end",
        # All told but the rating, which lapsed long ago.
        (
            Step("accept", 1),
            Step("opine", 2, _AGREE, "u:reviewer"),
            *_from_decision(3)[:-1],
        ),
        "ended",
        "granted",
        told_days=90,
        wait_days=40,
        steps_per_run=4,
    ),
)  # fmt: skip

BY_NAME = {path.name: path for path in PATHS}
