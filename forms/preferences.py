"""How somebody wants their pages: keys, the next task, lines of a page, the daily digest; the keys.

Choices are kept by name (`cases.habits.CHOICES`); no entry of the log tells of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.responses import RedirectResponse, Response

from cases.habits import CHOICES
from forms.fields import Field, Form, Option
from forms.rendering import Page
from forms.saved_filters import owner
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

KEYS = (
    ("/", N_("到查询框")),
    ("J", N_("下一行")),
    ("K", N_("上一行")),
    ("Enter", N_("打开选中的一行")),
    ("X", N_("勾选或取消勾选选中的一行")),
    ("G I", N_("先按 G 再按 I：回到待办")),
    ("G T", N_("先按 G 再按 T：到团队队列")),
    ("G A", N_("先按 G 再按 A：到全部办件")),
    ("?", N_("打开本页")),
)
"""Every key that works on all pages. Those of the incidents' pages stand on the board itself."""


@dataclass(frozen=True)
class PreferencesPage(Page):
    """One's own choices, and what each key does."""

    template: ClassVar[str] = "preferences.html"

    form: Annotated[Form, "One field for each choice."]
    keys: Annotated[
        Sequence[tuple[Sequence[str], str]], "The keys one after another; what they do."
    ]
    saved: Annotated[bool, "The choices have just been kept."]


async def preferences(visit: Visit) -> Response:
    return await _show(visit, await visit.preferences())


def _fields(visit: Visit, chosen: Mapping[str, str]) -> tuple[Field, ...]:
    say = visit.say
    on_off = (Option("on", say(N_("开"))), Option("off", say(N_("关"))))
    sizes = tuple(Option(n, n) for n in ("25", "50", "100"))
    mornings = tuple(
        Option(one, say(N_("不提醒")) if one == "off" else one) for one in CHOICES["digest"]
    )
    return (
        Field("keys", say(N_("单键快捷键")), "radios", options=on_off, values=(chosen["keys"],),
              hint=say(N_("关闭后，所有网页都不再响应单个按键；对您的账号在任何浏览器都有效。"))),
        Field("go_on", say(N_("办完一件自动打开下一件")), "radios", options=on_off,
              values=(chosen["go_on"],),
              hint=say(N_("打开下一件时，页面开头会说明办完的是哪一件、现在是哪一件。"))),
        Field("page_size", say(N_("列表每页行数")), "radios", options=sizes,
              values=(chosen["page_size"],)),
        Field("digest", say(N_("每日提醒的时间")), "select", options=mornings,
              values=(chosen["digest"],),
              hint=say(N_("每个工作日到这个时间，把待办、超期、预警和未读通知各有几件告诉您；有邮件、即时消息地址的一并送到。"))),
    )  # fmt: skip


async def _show(visit: Visit, chosen: Mapping[str, str], wrong: str = "") -> Response:
    form = Form(_fields(visit, chosen))
    page = PreferencesPage(
        title=visit.say(N_("偏好")),
        form=form.with_errors({"": wrong}) if wrong else form,
        keys=tuple((keys.split(" "), visit.say(words)) for keys, words in KEYS),
        saved=visit.request.query_params.get("done") == "1",
    )
    return await show(visit, page, 422 if wrong else 200)


async def choose(visit: Visit) -> Response:
    """Keep what was chosen; what the form did not name stays."""
    known = await visit.preferences()
    chosen = {name: visit.text(name) for name in known if visit.text(name)}
    kept = await visit.ask(visit.ports.preferences.prefer, owner(visit), chosen)
    if not kept:
        return await _show(
            visit, known, visit.say(N_("没有这样的选项，什么都没有改变；请重新选择"))
        )
    return RedirectResponse("/preferences?done=1", 303)
