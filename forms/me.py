"""我的: who one is here, and who signed in with one's account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.responses import Response

from cases.messages import Grant
from forms.log_words import ACTS
from forms.own_ports import SignInLine
from forms.rendering import Page
from forms.role_words import role_names
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

REASONS = {
    "": "",
    "wrong_password": N_("口令不对"),
    "wrong_code": N_("注册码不对或已过期"),
    "wrong_second": N_("第二因素不对"),
    "locked": N_("失败过多，已锁定"),
    "cloned_passkey": N_("通行密钥可能被复制"),
    "totp": N_("动态码"),
    "passkey": N_("通行密钥"),
    "recovery": N_("恢复码"),
}
"""Code of a refusal, or of the factor that was shown → its words."""


@dataclass(frozen=True)
class MePage(Page):
    """The person who is signed in, as the city knows them."""

    template: ClassVar[str] = "me.html"

    grants: Annotated[tuple[Grant, ...], "Roles held, and where."]
    roles: Annotated[Mapping[str, str], "Code of a role → its name."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    clearance: Annotated[int, "Highest level of papers they may read."]
    sign_ins: Annotated[Sequence[SignInLine], "The newest first."]
    acts: Annotated[Mapping[str, str], "Act of the log → its word."]
    reasons: Annotated[Mapping[str, str], "Code of a refusal or a factor → words."]


async def me(visit: Visit) -> Response:
    own = visit.who.own or visit.actor
    page = MePage(
        title=visit.say(N_("我的")),
        grants=own.grants,
        roles=role_names(visit),
        departments=visit.ports.catalogue.departments(visit.language),
        clearance=own.clearance,
        sign_ins=await visit.ask(visit.ports.own.sign_ins, own),
        acts={code: visit.say(words) for code, words in ACTS.items()},
        reasons={code: visit.say(words) if words else "" for code, words in REASONS.items()},
    )
    return await show(visit, page)
