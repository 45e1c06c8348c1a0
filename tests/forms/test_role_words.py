"""Every role has its name marked for translation, as the vocabulary has it."""

from __future__ import annotations

from forms.role_words import ROLES as WORDS
from policies.vocabulary import ROLES


def test_every_role_is_called_as_the_vocabulary_calls_it() -> None:
    assert {code: role.title for code, role in ROLES.items() if code != "citizen"} == WORDS
