"""听证、停表 in forms: what the law gives days for, typed by those who do it."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from cases.state import Hearing
from cases.views import CaseView
from catalogue.matters import Matter
from forms.act_scene import Scene
from forms.acts import ACTS
from tests.forms.conftest import Browsers
from tests.forms.test_case import accepted, posted
from tests.forms.town import Town

ZONE = ZoneInfo("Asia/Shanghai")


def test_a_hearing_is_told_asked_for_and_notified(browser: Browsers, town: Town) -> None:
    case_no, case_id = accepted(town)
    clerk, window = browser("zhao"), browser("chen")
    path = f"/cases/{case_no}/do/tell_hearing_right"
    told = clerk.post(
        path, data=posted(clerk, path, interest="采光", parties="王五\n赵六", step="confirmed")
    )
    assert "听证权利告知书" in told.text
    path = f"/cases/{case_no}/do/request_hearing"
    form = posted(window, path, by="interested_party", requester="王五", step="confirmed")
    assert window.post(path, data=form).url.path == f"/cases/{case_no}"
    state = town.queries.state(case_id)
    assert state is not None and state.hearing is not None and state.last_at is not None
    assert state.hearing.requested_at is not None
    path = f"/cases/{case_no}/do/notify_hearing"
    html = clerk.get(path).text
    host = next(who for who in ("钱规划", "孙消防") if who in html)
    chosen = html.split(f">{host}</option>")[0].rpartition('value="')[2].partition('"')[0]
    soon = (state.last_at.astimezone(ZONE) + timedelta(days=6)).strftime("%Y-%m-%dT%H:%M")
    early = posted(clerk, path, hearing_at=soon, place="听证室", host=chosen, public="true")
    refused = clerk.post(path, data=early)
    assert refused.status_code == 422
    assert "须在举行听证的七日前送出" in refused.text
    assert "第四十八条第一款第（一）项" in refused.text
    later = (state.last_at.astimezone(ZONE) + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M")
    form = posted(clerk, path, hearing_at=later, place="听证室", host=chosen, public="true")
    form["step"] = "confirmed"
    done = clerk.post(path, data=form)
    assert "听证通知书" in done.text
    assert "听证时间" in done.text
    state = town.queries.state(case_id)
    assert state is not None and state.hearing is not None
    assert (state.hearing.host, state.hearing.hearing_at is not None) == (chosen, True)


@pytest.mark.parametrize("held", [True, False])
def test_the_decision_is_asked_for_the_hearings_record_only_where_one_was_held(held: bool) -> None:
    at = datetime(2026, 3, 2, 1, tzinfo=ZONE)
    hearing = Hearing(told_at=at, requested_at=at, hearing_at=at, held_at=at if held else None)
    scene = Scene(
        cast(CaseView, SimpleNamespace(hearing=hearing)), cast(Matter, None), "zjj", (), {}, "zh",
        str, ZONE,
    )  # fmt: skip
    names = [field.name for field in ACTS["decide"].fields(scene)]
    assert ("hearing_record" in names) is held


def test_a_publication_stops_the_promise_and_supervision_may_find_it_unlawful(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = accepted(town)
    clerk, supervisor = browser("zhao"), browser("feng")
    path = f"/cases/{case_no}/do/start_wait"
    page = clerk.get(path).text
    assert "公示" in page and "现场核查</option>" not in page  # 许可的承诺只因公示停表
    started = clerk.post(
        path,
        data=posted(
            clerk, path, ground="publicity", expected_days="5", reason="公示", step="confirmed"
        ),
    )
    assert "所需时间告知书" in started.text
    assert "承诺时限停表" in started.text
    assert "/do/disallow_pause" not in clerk.get(f"/cases/{case_no}").text
    path = f"/cases/{case_no}/do/disallow_pause"
    form = posted(supervisor, path, pause="publicity-1", reason="没有张贴")
    asked = supervisor.post(path, data=form)
    assert "时限按没有停表重新计算" in asked.text
    judged = supervisor.post(path, data=form | {"step": "confirmed"})
    assert "停表不当，不予扣除" in judged.text
    state = town.queries.state(case_id)
    assert state is not None and state.disallowed == ("publicity-1",)
    assert any(timer.key == "promised" for timer in state.timers)
