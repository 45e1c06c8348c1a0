"""领取文书: collecting the decision on line is its service, where the applicant agreed to that."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

from starlette.responses import RedirectResponse, Response

from forms.case import download
from forms.citizen_ports import OwnCase
from forms.disclosure_ports import Shown
from forms.for_good import Asking, asked_first
from forms.mine import beyond_of, citizen_at, command_of, order, own_of, shown
from forms.reader_ports import File
from forms.showing import not_found
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

REPLACED: Final = N_("文书已经重新出具，原来的一份作废。请看本页现在的文书，再点“领取文书”。")

FROM_NOW: Final = N_("送达回证写上现在的时刻，申请复议、提起诉讼的期限从现在起算。")
NOT_ANEW: Final = N_(
    "送达回证写上现在的时刻。原来的文书送达时已经起算的期限，不因更正、补发自动重新计算。"
)


async def collect(visit: Visit) -> Response:
    """Serve what waits: the moment of this order is that of the service (民事诉讼法第九十条).

    The page says which document it offered. Sent twice, or where a clerk was faster, the case is
    shown with what was served; where another was issued in its place meanwhile, that one is offered
    and nothing is served.
    """
    own = await own_of(visit)
    beyond = await beyond_of(visit, own)
    given = visit.text("of_step")
    offered = int(given) if given.isdecimal() and len(given) < 9 else 0
    if beyond.collectable and offered != beyond.again:
        return await shown(visit, own, str(uuid4()), {"": visit.say(REPLACED)}, 409)
    if offered in beyond.served:
        return RedirectResponse(f"/mine/{own.status.case_no}?done=collected", 303)
    if beyond.collectable and (asked := await _asked(visit, own, beyond.again)):
        return asked
    body = {
        "method": "electronic",
        "recipient": citizen_at(visit).name,
        "relation": "本人" if beyond.in_person else "代理人",
        "place": "一窗“我的办件”，经统一身份认证领取",
    }
    if beyond.again:
        return await order(visit, own, "serve_reissued", {"of_step": beyond.again, **body})
    return await order(visit, own, "serve", body)


async def _asked(visit: Visit, own: OwnCase, again: int) -> Response | None:
    """Return the page before it is served: from then on the days to object are counted, but of what
    was issued again."""
    number = own.status.case_no
    asking = Asking(
        visit.say(N_("领取文书，视为送达")), number, f"/mine/{number}",
        follows=[
            visit.say(NOT_ANEW if again else FROM_NOW),
            visit.say(N_("领取后可以随时下载。")),
        ],
        command=command_of(visit), asks=False,
    )  # fmt: skip
    return await asked_first(visit, asking)


async def paper(visit: Visit) -> Response:
    """Hand out a paper that waits for no service; its entry comes first."""
    own = await own_of(visit)
    wanted = visit.request.path_params["paper"]
    beyond = await beyond_of(visit, own)
    found = next((one for one in beyond.papers if one.id == wanted), None)
    if found is None:
        raise not_found(visit)
    if found.waits:
        raise Stop(
            409, visit.say(N_("这份文书还没有送达，不能打开")), "not_served",
            visit.say(N_("同意电子送达的，在本件页面领取；否则请等工作人员送达。")),
        )  # fmt: skip
    file = await visit.ask(visit.ports.citizens.paper, own.case_id, wanted)
    if file is None:
        raise not_found(visit)
    visit.seen = Shown("print", "case", own.case_id)
    name, content = file
    return download(File(name, "application/pdf", content))
