"""How somebody proves who they are: passwords, one-time codes, tokens.

`Credentials` is what `cases.accounts` is handed for it; nothing here reads or writes anything.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # ships no types

ARGON2_PASSES = 3
ARGON2_MEMORY_KIB = 64 * 1024
ARGON2_LANES = 4
"""Argon2id, RFC 9106 §4, the second recommended option (for where memory is short): t=3, m=64 MiB,
p=4, with 128 bits of salt and 256 bits of tag."""
ARGON2_SALT_BYTES = 16
ARGON2_TAG_BYTES = 32

MIN_LENGTH = 12
"""GB/T 22239-2019 8.1.4.1 a asks for complexity without a number; the public baseline of level 3
has 8, and we ask for more than the least (domain.md §7)."""
MAX_LENGTH = 128
"""An upper end, so that a long text is no way to occupy the machine."""
MIN_CLASSES = 3
"""Of: lower case, upper case, digits, others (same baseline: 3 to 4)."""
MIN_STRENGTH = 3
"""Of zxcvbn's 0 to 4: more than 10^8 guesses by who knows the common passwords, names, words, dates
and rows of keys (its lists are of leaked passwords; ASVS 5.0.0 V6.2.4, D. Wheeler, USENIX Security
2016)."""
NEAR_AT_HAND = ("yichuang", "yichuang2026", "一窗")
"""Words that somebody guesses here first, besides the login."""
HISTORY = 5
"""So many former passwords may not come back (same baseline: at least 5)."""
MAX_AGE = timedelta(days=90)
"""After so long a password must be changed (same baseline)."""

CODE_LIFE = timedelta(hours=72)
"""How long a one-time enrolment code is good: over a weekend, no longer."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: nothing that is misread when it is copied by hand."""
_CODE_GROUPS, _GROUP = 5, 4  # 20 characters: 100 bits


@dataclass(frozen=True)
class PasswordRules:
    """What a password must be. The defaults are those of level 3."""

    min_length: int = MIN_LENGTH
    min_classes: int = MIN_CLASSES
    history: int = HISTORY
    max_age: timedelta = MAX_AGE
    breached: Callable[[str], bool] | None = None
    """Whether a password is on the city's list of breached ones; None: the city has no list."""

    def fault(self, password: str, login: str) -> str:
        """Return a Chinese sentence saying what to change, or an empty string."""
        if not self.min_length <= len(password) <= MAX_LENGTH:
            return f"口令长度须为 {self.min_length} 至 {MAX_LENGTH} 个字符"
        classes = (
            any(c.islower() for c in password),
            any(c.isupper() for c in password),
            any(c.isdigit() for c in password),
            any(not c.isalnum() for c in password),
        )
        if sum(classes) < self.min_classes:
            return f"口令须含大写字母、小写字母、数字、符号中的至少 {self.min_classes} 类"
        if login and login.casefold() in password.casefold():
            return "口令不得包含登录名"
        if len(set(password)) < self.min_length // 2:
            return "口令中重复的字符太多"
        if zxcvbn(password, [login, *NEAR_AT_HAND], MAX_LENGTH)["score"] < MIN_STRENGTH:
            return "口令太容易猜到（常见口令、单词、键盘顺序或日期），请换一个，例如几个不相干的词"
        if self.breached is not None and self.breached(password):
            return "这个口令已在别处泄露过，请换一个"
        return ""


class Credentials:
    """Makes and checks secrets. Safe to share between threads; Argon2id runs without the GIL.

    The three figures are Argon2id's; only tests hand in smaller ones.
    """

    def __init__(
        self,
        rules: PasswordRules | None = None,
        *,
        passes: int = ARGON2_PASSES,
        memory_kib: int = ARGON2_MEMORY_KIB,
        lanes: int = ARGON2_LANES,
    ) -> None:
        self.rules = rules or PasswordRules()
        self._hasher = PasswordHasher(
            time_cost=passes,
            memory_cost=memory_kib,
            parallelism=lanes,
            hash_len=ARGON2_TAG_BYTES,
            salt_len=ARGON2_SALT_BYTES,
            type=Type.ID,
        )
        # Checked against when there is no password, so that nobody hears from the clock whether a
        # login exists.
        self._decoy = self._hasher.hash(secrets.token_urlsafe(16))

    @property
    def history(self) -> int:
        return self.rules.history

    @property
    def max_age(self) -> timedelta:
        return self.rules.max_age

    @property
    def code_life(self) -> timedelta:
        return CODE_LIFE

    def fault(self, password: str, login: str) -> str:
        """Return what is wrong with a new password (Chinese), or an empty string."""
        return self.rules.fault(password, login)

    def hash(self, password: str) -> str:
        """Return the Argon2id hash in PHC form, with its own salt and parameters."""
        return self._hasher.hash(password)

    def matches(self, stored: str, password: str) -> bool:
        """Tell whether the password is the stored one; takes as long when nothing is stored."""
        if len(password) > MAX_LENGTH:
            password = ""
        try:
            return self._hasher.verify(stored or self._decoy, password) and bool(stored)
        except (VerificationError, InvalidHashError):
            return False

    def outdated(self, stored: str) -> bool:
        """Tell whether a hash was made with other parameters and should be made anew."""
        return self._hasher.check_needs_rehash(stored)

    def new_code(self) -> str:
        """Return a one-time enrolment code of 100 random bits, in groups of four."""
        groups = (
            "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_CODE_GROUPS)
        )
        return "-".join(groups)

    def code_digest(self, code: str) -> str:
        """Return SHA-256 (hex) of a code as somebody typed it: case, blanks and dashes aside.

        A plain hash suffices: nobody guesses 100 random bits.
        """
        plain = code.upper().replace("O", "0").replace("I", "1").replace("L", "1")
        return self.digest("".join(c for c in plain if c in _ALPHABET))

    def new_token(self) -> str:
        """Return 256 random bits for a cookie or a bearer token."""
        return secrets.token_urlsafe(32)

    def digest(self, token: str) -> str:
        """Return SHA-256 (hex) of a token."""
        return hashlib.sha256(token.encode()).hexdigest()
