"""What is for good among the acts of those who keep the house: versions, erasures, accounts, what
is thrown away. Each is a button, and is asked once more as one."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from forms.account_ports import AccountRow
from forms.erasure_ports import Kind
from forms.for_good import Asking, Standing, asked_first
from forms.release_ports import Release
from forms.signing import since_of
from forms.visit import Visit
from forms.words import N_

RELEASED = {
    "proposed": N_("待签署"),
    "blocked": N_("检查未过"),
    "active": N_("有效"),
    "rejected": N_("已撤回"),
    "superseded": N_("已被替代"),
    "revoked": N_("已撤销"),
}


async def ask_to_sign(visit: Visit, found: Release, back: str) -> Response | None:
    """Return the page before a version comes into force; None: it was read, or may not be now."""
    if found.state != "proposed":
        return None
    known: Sequence[Release] = await visit.ask(visit.ports.releases.listing)
    same = (one for one in known if (one.kind, one.name) == (found.kind, found.name))
    now = next((one.version for one in same if one.state == "active"), "—")
    sentence = visit.say(N_("签署 {version} 版并使其生效")).format(version=found.version)
    follows = [visit.say(N_("签署后对全市生效，不能撤回；要改须另提新版本。"))]
    since = since_of(visit)
    if since is not None:
        at = since.astimezone(visit.zone).strftime("%Y-%m-%d %H:%M")
        follows.append(visit.say(N_("自 {at} 起生效。")).format(at=at))
    return await asked_first(visit, _of_release(visit, found, sentence, back, follows, now))


def _of_release(
    visit: Visit, found: Release, sentence: str, back: str, follows: Sequence[str], now: str
) -> Asking:
    say = visit.say
    stands = [Standing(say(N_("现行版本")), now, found.version)]
    stands.append(Standing(say(N_("状态")), say(RELEASED[found.state]), say(RELEASED["active"])))
    said = [(say(N_("名称")), found.name), (say(N_("摘要")), found.digest)]
    return Asking(sentence, found.name, back, said, stands, follows, asks=False)


async def ask_to_revoke(visit: Visit, found: Release, back: str) -> Response | None:
    """Return the page before a version ceases to count; None: it was read, or may not be now."""
    if found.state != "active":
        return None
    say = visit.say
    sentence = say(N_("撤销 {version} 版")).format(version=found.version)
    follows = [say(N_("自撤销起本版不再适用；依它算出的期限按前一版重新计算。"))]
    stands = [Standing(say(N_("状态")), say(RELEASED[found.state]), say(RELEASED["revoked"]))]
    said = [(say(N_("名称")), found.name), (say(N_("摘要")), found.digest)]
    asking = Asking(sentence, found.name, back, said, stands, follows, asks=False)
    return await asked_first(visit, asking)


async def ask_to_erase(visit: Visit, order: str) -> Response | None:
    """Return the page before somebody's data are erased, or only stored from now on."""
    known = await visit.ask(visit.ports.erasures.listing, visit.actor)
    one = next((found for found in known if found.id == order), None)
    if one is None or one.state != "asked" or one.own:
        return None
    say = visit.say
    kind: Kind = one.kind
    plan = await visit.ask(visit.ports.erasures.plan, one.case_no)
    if kind == "erase":
        sentence = say(N_("批准依法删除 {case} 申请人的个人信息")).format(case=one.case_no)
        follows = [say(N_("密钥随即销毁，各处的副本不能再读出，谁也不能恢复。"))]
        if plan is not None:
            follows.append(say(N_("连同 {n} 份材料")).format(n=len(plan.files)))
    else:
        sentence = say(N_("批准限制处理 {case} 申请人的个人信息")).format(case=one.case_no)
        follows = [say(N_("以后只保存，不再查阅、使用。"))]
    said = [(say(N_("提出")), one.asked_by)]
    articles = (one.ground,) if one.ground else ()
    asking = Asking(
        sentence, one.case_no, "/erasures", said, (), follows, articles, asks=False
    )  # fmt: skip
    return await asked_first(visit, asking)


async def ask_to_close(visit: Visit, key: str) -> Response | None:
    """Return the page before an account ends; None: it was read, or there is none to end."""
    found: AccountRow | None = await visit.ask(visit.ports.accounts.row, key)
    if found is None or found.state == "closed":
        return None
    say = visit.say
    follows = [say(N_("停用后会话立即终止，不能恢复。"))]
    if found.grants:
        follows.append(say(N_("{n} 项角色随之失去")).format(n=len(found.grants)))
    sentence = say(N_("停用{name}的账号")).format(name=found.name)
    asking = Asking(
        sentence, f"{found.name} {found.login}", f"/accounts/{key}", (), (), follows, asks=False
    )
    return await asked_first(visit, asking)


async def ask_to_drop(visit: Visit, sentence: str, about: str, back: str) -> Response | None:
    """Return the page before something is thrown away that nobody can bring back."""
    follows = [visit.say(N_("其中所写的不能再找回。"))]
    return await asked_first(visit, Asking(sentence, about, back, follows=follows, asks=False))
