"""`forms.citizen_ports.Citizens` over the identity provider, the web store and the cases store."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, Engine, exists, select

from activities.stamping import Stamps
from audit.entry import EntryDraft, What, Who
from audit.entry import Where as EntryWhere
from audit.outbox import record
from audit.vault import SubjectVault
from cases.approval import actions
from cases.approval.served_again import unserved
from cases.approval.walk import TO_SERVE_AGAIN
from cases.citizens import Citizens as Store
from cases.citizens import LogoutRepeated, subject_of
from cases.database import open_engine, reading
from cases.messages import Actor, case_id_for
from cases.queries import Queries
from cases.reception import NotNow
from cases.state import CaseState
from cases.tables import case, task
from cases.views import CaseView
from catalogue.form_schema import only, said_in
from catalogue.matters import SUPERVISION_PAPERS, Material, Matter
from forms.citizen_ports import (
    Ahead,
    Beyond,
    Citizen,
    CitizenIn,
    NotVouched,
    OwnCase,
    Paper,
    Remembered,
    ToSupply,
)
from forms.entrance_ports import Where
from forms.said_before import OF_ORGANISATIONS, said_before
from yichuang.oidc import IdentityProvider, IdentityRefused, Vouched
from yichuang.services import CITY_ONLINE, Services
from yichuang.settings import SettingMissing, Settings
from yichuang.web_accounts import AUTH_STREAM

PER_PAGE: Final = 25
LOOKED_BACK: Final = 5
"""Cases in which it is looked for what was said before: the newest ones."""
TOLD: Final = (
    "notice", "supplement", "undertaking", "promised", "statutory", "hearing_request", "hearing",
    "delivery", "rating", "rectify",
)  # fmt: skip
"""Timers that bind the authority towards the applicant, or the applicant; the others are the
office's own."""
BY_SERVICE: Final = frozenset({"grant", "refusal", "deemed_renewal", "acceptance_refusal"})
"""Documents that take effect by being served."""
UNSERVED: Final = ("decision", "certificate", "service")
"""Stages in which the decision may be there and was not served."""
NOT_SET = "本市还没有接入统一身份认证，请到窗口办理"
STATE_DIFFERS = "登录没有在同一个浏览器里完成，请从头再来一次"
REPEATED = "这份退出通知用过了"
NO_NAME = "统一身份认证没有给出您的姓名，不能在线办理，请到窗口办理"


def _derived(secret: str, what: str) -> str:
    """Return one of the three values of a sign-in: all come from the browser's own secret, so that
    nothing has to be kept here until it comes back."""
    found = hmac.new(secret.encode(), f"citizen {what}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()


@dataclass(frozen=True)
class WebCitizens:
    """Safe in any number of threads and tasks."""

    store: Store
    provider: IdentityProvider | None
    vault: SubjectVault
    """Keys that stand in the web store itself."""
    pseudonym_of: Callable[[str], str]
    door: Callable[[], Actor | None]
    """In whose name the city's own door files; None: that account is closed."""
    queries: Queries
    now: Callable[[], datetime]
    stamps: Stamps

    @property
    def possible(self) -> bool:
        return self.provider is not None

    # --- sign-in ---------------------------------------------------------------------------------

    async def address(self, secret: str) -> str:
        if self.provider is None:
            raise NotNow(NOT_SET)
        return await self.provider.address(
            *(_derived(secret, one) for one in ("state", "nonce", "verifier"))
        )

    async def sign_in(
        self, secret: str, state: str, code: str, where: Where
    ) -> CitizenIn | NotVouched:
        if self.provider is None:
            return NotVouched(NOT_SET)
        if not secret or not hmac.compare_digest(
            state.encode(), _derived(secret, "state").encode()
        ):
            return self._refused("state", STATE_DIFFERS, where)
        nonce, verifier = _derived(secret, "nonce"), _derived(secret, "verifier")
        try:
            found = await self.provider.vouched(code, nonce, verifier)
        except IdentityRefused as no:
            return self._refused("not_vouched", str(no), where)
        if not found.name:
            return self._refused("no_name", NO_NAME, where)
        return self._opened(found, where)

    def _opened(self, found: Vouched, where: Where) -> CitizenIn:
        said = {"name": found.name, "id_number": found.id_number, "phone": found.phone}
        text = json.dumps(said, ensure_ascii=False).encode()
        secret, who = self.store.sign_in(
            subject_of(found.issuer, found.sub),
            lambda one: self.vault.seal(self.pseudonym_of(one), text, _place(one)),
            self.now(),
            lambda connection, one: self._note(connection, "sign_in", one, where),
            subject_of(found.issuer, f"sid {found.sid}") if found.sid else None,
        )
        return CitizenIn(secret, Citizen(id=who, **said))

    def _refused(self, why: str, reason: str, where: Where) -> NotVouched:
        with self.store.engine.begin() as connection:
            self._note(connection, "sign_in", "", where, why)
        return NotVouched(reason)

    async def leaving(self) -> str:
        return "" if self.provider is None else await self.provider.leaving()

    def find(self, secret: str) -> Citizen | None:
        found = self.store.find(secret, self.now()) if secret else None
        if found is None:
            return None
        text = self.vault.open(self.pseudonym_of(found.id), found.sealed, _place(found.id))
        return Citizen(id=found.id, **json.loads(text))

    def sign_out(self, secret: str, where: Where) -> None:
        self.store.sign_out(
            secret, lambda connection, one: self._note(connection, "sign_out", one, where)
        )

    async def ended_elsewhere(self, token: str, where: Where) -> str:
        if self.provider is None:
            return NOT_SET
        try:
            over = await self.provider.ended(token)
            digests = (
                subject_of(over.issuer, over.sub) if over.sub else "",
                subject_of(over.issuer, f"sid {over.sid}") if over.sid else "",
                subject_of(over.issuer, f"jti {over.token_id}"),
            )
            await asyncio.to_thread(
                self.store.end, *digests, self.now(),
                lambda connection, one: self._note(
                    connection, "sign_out", one, where, why="provider"
                ),
            )  # fmt: skip
        except IdentityRefused as no:
            return str(no)
        except LogoutRepeated:
            return REPEATED
        return ""

    def _note(
        self, connection: Connection, act: str, citizen: str, where: Where, denied: str = "",
        why: str = "",
    ) -> None:  # fmt: skip
        named = self.pseudonym_of(citizen) if citizen else ""
        record(
            connection,
            EntryDraft(
                id=str(uuid4()), stream=AUTH_STREAM, at=self.now(),
                who=Who(named or "unknown", "citizen"), act=act,
                obj=What("citizen", named or "-"), res="deny" if denied else "ok",
                why=denied or why or None, where=EntryWhere(ip=where.ip or None, svc="web"),
            ),
        )  # fmt: skip

    # --- their cases -----------------------------------------------------------------------------

    def sender(self) -> Actor | None:
        return self.door()

    def files(self, citizen: Citizen, reference: str) -> str:
        case_id = case_id_for(f"s:{CITY_ONLINE}", reference)
        return case_id if self.store.files(citizen.id, case_id, self.now()) else ""

    def cases(self, citizen: Citizen, page: int) -> tuple[Sequence[OwnCase], int]:
        ids, whole = self.store.cases(citizen.id, PER_PAGE, (page - 1) * PER_PAGE)
        found = self._own(ids)
        ordered = [found[one] for one in ids if one in found]
        return ordered, max(1, -(-whole // PER_PAGE))

    def case(self, citizen: Citizen, case_no: str) -> OwnCase | None:
        case_id = self.queries.find_case(case_no)
        if case_id is None or not self.store.owns(citizen.id, case_id):
            return None
        return self._own([case_id]).get(case_id)

    def _own(self, ids: Sequence[str]) -> dict[str, OwnCase]:
        serving = exists().where(
            task.c.case_id == case.c.id,
            task.c.state == "open",
            task.c.kind.in_(("serve", TO_SERVE_AGAIN)),
        )
        query = select(
            case.c.id, case.c.case_no, case.c.public_code, serving.label("serving")
        ).where(case.c.id.in_(ids))
        with reading(self.queries.engine) as connection:
            rows = connection.execute(query).all()
        found = {}
        for row in rows:
            status = self.queries.public_status(row.case_no, row.public_code)
            if status is not None:
                waits = bool(row.serving) and self._collectable(row.id)
                found[row.id] = OwnCase(row.id, status, row.public_code, waits)
        return found

    def _collectable(self, case_id: str) -> bool:
        state = self.queries.state(case_id)
        return state is not None and state.electronic_service and _to_collect(state) is not None

    def materials(self, case_id: str) -> Sequence[Material]:
        view = self.queries.case_view(case_id, self.now())
        if view is None:
            return ()
        received = {one.code for one in view.materials if one.received}
        known = Matter.model_validate(view.matter).materials
        return sorted(known, key=lambda one: one.code in received)

    def to_supply(self, case_id: str) -> ToSupply | None:
        view = self.queries.case_view(case_id, self.now())
        if view is None or view.row.stage != "supplement":
            return None
        lacking = [(str(one.get("what", "")), str(one.get("why", ""))) for one in view.notice]
        until = min((one.due_at for one in view.timers if one.key == "supplement"), default=None)
        state = self.queries.state(case_id)
        asked = only(Matter.model_validate(view.matter).form, state.lacking if state else ())
        if not asked:
            return ToSupply(lacking, until)
        # They are the applicant's own words, shown to nobody else.
        whole = self.queries.case_view(case_id, self.now(), revealed=view.personal) or view
        return ToSupply(lacking, until, asked, said_in(whole.form, asked))

    def remembered(self, citizen: Citizen, matter: Matter) -> Remembered | None:
        ids, _ = self.store.cases(citizen.id, LOOKED_BACK)
        values: dict[str, str] = {}
        number = ""
        for case_id in ids:
            masked = self.queries.case_view(case_id, self.now())
            if masked is None:
                continue
            view = self.queries.case_view(case_id, self.now(), revealed=masked.personal)
            said = {} if view is None else said_before(view, matter, OF_ORGANISATIONS)
            fresh = {name: text for name, text in said.items() if name not in values}
            if fresh and view is not None:
                values, number = values | fresh, number or view.row.case_no
        return Remembered(number, values) if values else None

    def beyond(self, case_id: str) -> Beyond | None:
        view, state = self.queries.case_view(case_id, self.now()), self.queries.state(case_id)
        if view is None or state is None:
            return None
        told = sorted((one for one in view.timers if one.key in TOLD), key=lambda one: one.due_at)
        papers, waiting = _papers(view), _to_collect(state)
        return Beyond(
            ahead=[Ahead(one.key, one.due_at, one.article, one.provisional) for one in told],
            papers=papers,
            collectable=state.electronic_service
            and waiting is not None
            and any(one.waits for one in papers),
            again=waiting or 0,
            served={
                *(one.step for one in state.reissues if one.served_at is not None),
                *((0,) if state.served_at is not None else ()),
            },
            withdrawable="withdraw" in actions(state),
            in_person=view.applicant.get("kind") == "natural_person",
        )

    def paper(self, case_id: str, paper: str) -> tuple[str, bytes] | None:
        found = self.queries.document_file(paper)
        if found is None or found.case_id != case_id or found.content is None:
            return None
        view = self.queries.case_view(case_id, self.now())
        mine = () if view is None else _papers(view)
        if not any(one.id == paper and not one.waits for one in mine):
            return None
        content = self.stamps.copy(found.content, found.view.void, found.view.replaced_by)
        return f"{found.view.number or found.view.kind}.pdf", content


def _to_collect(state: CaseState) -> int | None:
    """Return the step that issued again what waits to be served, 0: it is the decision's first
    service; None: nothing waits that takes effect by being served."""
    if state.stage == "service":
        return 0
    return next((one.step for one in unserved(state) if one.kind in BY_SERVICE), None)


def _papers(view: CaseView) -> Sequence[Paper]:
    """Return the documents meant for the applicant, the newest first."""
    undelivered = view.row.stage in UNSERVED
    return [
        Paper(one.id, one.kind, one.number, one.issued_at, one.void,
              (undelivered or one.waits) and one.kind in BY_SERVICE,
              one.version, one.replaced_by)
        for one in reversed(view.documents)
        if one.kind not in SUPERVISION_PAPERS
    ]  # fmt: skip


def citizens_of(
    settings: Settings,
    web: Engine,
    queries: Queries,
    vault: SubjectVault,
    pseudonym_of: Callable[[str], str],
    now: Callable[[], datetime],
    stamps: Stamps,
) -> WebCitizens:
    """Return the port over the city's stores; without `YICHUANG_OIDC_ISSUER` nobody signs in.

    Raises `SettingMissing` where the provider's address or our secret for it cannot be used.
    """
    services = Services(open_engine(settings.store_url("web"), read_only=True))

    def door() -> Actor | None:
        found = services.find(CITY_ONLINE)
        return None if found is None else found.actor("")

    provider = provider_of(settings) if settings.oidc_issuer else None
    return WebCitizens(Store(web), provider, vault, pseudonym_of, door, queries, now, stamps)


def provider_of(settings: Settings) -> IdentityProvider:
    """Return the provider that the settings name. Raises `SettingMissing`."""
    secret = ""
    if settings.oidc_client_secret is not None:
        try:
            secret = settings.oidc_client_secret.read_text(encoding="utf-8").strip()
        except OSError as unreadable:
            raise SettingMissing(
                f"YICHUANG_OIDC_CLIENT_SECRET 指的文件读不了：{unreadable}"
            ) from unreadable
    verify = ssl.create_default_context(cafile=settings.tls_ca and str(settings.tls_ca))
    try:
        return IdentityProvider(
            settings.oidc_issuer, settings.oidc_client_id, secret,
            f"{settings.address}/mine/callback", dict(settings.oidc_claims.items()), verify,
        )  # fmt: skip
    except ValueError as wrong:
        raise SettingMissing(f"YICHUANG_OIDC_ISSUER：{wrong}") from wrong


def _place(citizen: str) -> bytes:
    return f"citizen:{citizen}".encode()
