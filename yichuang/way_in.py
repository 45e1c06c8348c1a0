"""The way in, out of the settings: the same for the pages, the commands and the demo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import Engine

from activities.sealing import Sealer
from audit.vault import SubjectVault
from cases.factors import Factors
from cases.sign_in import SignIn, SignInRules
from policies.breached import BreachedPasswords
from policies.factors import FactorArts
from policies.identity import Credentials, PasswordRules
from yichuang import joining
from yichuang.key_log import note_subjects
from yichuang.settings import SettingMissing, Settings
from yichuang.web_accounts import recorder


@dataclass(frozen=True)
class SealedFactors:
    """`cases.factors.FactorVault`: under the account's own key, bound to where it stands."""

    vault: SubjectVault
    pseudonym_of: Callable[[str], str]

    def seal(self, user: str, plaintext: bytes, place: str) -> bytes:
        return self.vault.seal(self.pseudonym_of(user), plaintext, place.encode())

    def open(self, user: str, sealed: bytes, place: str) -> bytes:
        """Raises what `audit.vault.SubjectVault.open` raises."""
        return self.vault.open(self.pseudonym_of(user), sealed, place.encode())


def desk_vault_of(settings: Settings, web: Engine) -> SubjectVault:
    """Return the vault whose keys stand in the web's own store: drafts, uploads, factors.

    Of the keys store the worker is the one writer. Raises `KeyMissing`.
    """
    return joining.vault_of(settings, web, note_subjects(web, "web"))


def factors_of(settings: Settings, web: Engine, sealer: Sealer, vault: SubjectVault) -> Factors:
    """Return the second factors of the accounts in the web store."""
    arts = FactorArts(joining.catalogue().city.name, settings.address)
    return Factors(web, Credentials(), arts, SealedFactors(vault, sealer.who))


def sign_in_of(
    settings: Settings, web: Engine, sealer: Sealer, vault: SubjectVault | None = None
) -> SignIn:
    """Return the way in over the web store. Raises `KeyMissing`."""
    factors = factors_of(settings, web, sealer, vault or desk_vault_of(settings, web))
    record = recorder(sealer.who, lambda: str(uuid4()))
    return SignIn(web, credentials_of(settings), record, factors, rules_of(settings))


def credentials_of(settings: Settings) -> Credentials:
    """Return what judges passwords: by the city's own list of breached ones too, where it has one.

    Raises `SettingMissing` where that list cannot be read: it would be found out at the first
    password otherwise.
    """
    if settings.breached_passwords is None:
        return Credentials()
    known = BreachedPasswords(settings.breached_passwords)
    try:
        known.holds("")
    except (OSError, ValueError) as unreadable:
        raise SettingMissing(
            f"YICHUANG_BREACHED_PASSWORDS 指的清单读不了：{unreadable}"
        ) from unreadable
    return Credentials(PasswordRules(breached=known.holds))


def rules_of(settings: Settings) -> SignInRules:
    """Return the limits of sign-in that the operator has set."""
    return SignInRules(
        attempts=settings.sign_in_attempts,
        lock=timedelta(minutes=settings.sign_in_lock_minutes),
        idle=timedelta(minutes=settings.session_idle_minutes),
        session=timedelta(hours=settings.session_hours),
        screen=timedelta(hours=settings.wall_hours),
    )
