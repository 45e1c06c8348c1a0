"""Whose data a case is, and how each piece of it is sealed before any row is written."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.vault import SubjectVault, pseudonym
from cases import messages
from cases.blind_index import normal_name
from cases.messages import Command, Person
from cases.projection import json_text
from cases.rulings import Ruling
from cases.store import Sealed, handed_in, place
from catalogue.form_schema import corrected

CODE_CHARACTERS = 12
"""Base32 characters of a printed code: 60 bits, beyond guessing at any rate a web page allows."""


NUMBERED = (("citizen", "111"), ("org", "USCC"))
"""Kind of applicant and type of number (GA/T 2000.156) that the window takes in."""


def _whose(id_type: str, number: str) -> str:
    return f"{id_type}\n{normal_name(number)}"


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals a step under the applicant's key, and makes the stand-ins that may stand in rows."""

    vault: SubjectVault
    pepper: bytes = field(repr=False)

    def subject(self, applicant: Person, case_id: str) -> str:
        """Return the applicant's pseudonym: the same in every case, if a number says who it is.

        Without a number it is the case's own, since two people may bear one name. Whoever's data
        was erased and applies again is somebody new: nothing leads from one to the other.
        """
        kind = "citizen" if applicant.kind == "natural_person" else "org"
        if not applicant.id_number:
            return pseudonym(self.pepper, kind, f"case\n{case_id}")
        whose = _whose(applicant.id_type, applicant.id_number)
        found, erasures = pseudonym(self.pepper, kind, whose), 0
        while self.vault.is_destroyed(found):
            erasures += 1
            found = pseudonym(self.pepper, kind, f"{whose}\n{erasures}")
        return found

    def number_macs(self, number: str) -> tuple[str, ...]:
        """Return the pseudonyms under which somebody of this number may stand: an exact number is
        found by them and by nothing that is stored in the clear.

        Used until the index is filled (activities/indexing.py). Who was erased and applied again
        has another pseudonym.
        """
        return tuple(
            pseudonym(self.pepper, kind, _whose(id_type, number)) for kind, id_type in NUMBERED
        )

    def name_mac(self, name: str) -> str:
        """Return the stand-in by which an exact name was found before the index had keys."""
        return pseudonym(self.pepper, "name", normal_name(name))

    def who(self, user: str) -> str:
        """Return how the log calls a user; `system` stays itself."""
        return user if user == "system" else pseudonym(self.pepper, "account", user)

    def code(self, kind: str, value: str) -> str:
        """Return a code to print: nobody can guess it, and a retry gives the same one."""
        mac = hmac.digest(self.pepper, f"yichuang/code/v1\x00{kind}\x00{value}".encode(), "sha256")
        return base64.b32encode(mac).decode()[:CODE_CHARACTERS]

    def step(
        self,
        command: Command,
        body: messages.Frozen,
        subject: str,
        seq: int,
        rulings: Mapping[str, Ruling],
        form: Mapping[str, Any] | None,
    ) -> Sealed:
        """Return the sealed parts of a step, in one round to the keys. Raises `KeyDestroyed`."""
        case_id = command.case_id
        words = words_of(body)
        plain: list[tuple[bytes, bytes]] = [
            (body_text(command), place("step", "body", case_id, seq)),
            (words.encode(), place("step", "words", case_id, seq)),
        ]
        materials = handed_in(body)
        plain += [
            (material.file_name.encode(), place("material", "name", case_id, seq, n))
            for n, material in enumerate(materials)
        ]
        plain += [
            (json_text(ruling.context).encode(), place("ruling", "context", case_id, seq, role))
            for role, ruling in rulings.items()
        ]
        if form is not None:
            plain.append((json_text(form).encode(), place("case", "form", case_id)))
        sealed = self.vault.seal_many([(subject, text, where) for text, where in plain])
        after_materials = 2 + len(materials)
        return Sealed(
            subject=subject,
            body=sealed[0],
            words=sealed[1],
            materials=tuple(sealed[2:after_materials]),
            contexts=dict(zip(rulings, sealed[after_materials:], strict=False)),
            form=None if form is None else sealed[-1],
        )

    def applicant(self, applicant: Person, subject: str, case_id: str) -> bytes:
        """Return the applicant, sealed for the case's row."""
        text = applicant.model_dump_json().encode()
        return self.vault.seal(subject, text, place("case", "applicant", case_id))

    def document(self, content: bytes, subject: str, case_id: str, document_id: str) -> bytes:
        return self.vault.seal(subject, content, place("document", "file", case_id, document_id))


def body_text(command: Command) -> bytes:
    """Return a command's body as its entry commits to it: sorted compact JSON, UTF-8."""
    return json_text(command.body).encode()


def words_of(body: messages.Frozen) -> str:
    """Return what colleagues are told or an opinion says, as JSON; an empty string for others."""
    if isinstance(body, messages.Opine):
        return json_text({"text": body.text, "conditions": body.conditions})
    if isinstance(body, messages.Urge | messages.CopyTo):
        return json_text({"text": body.text})
    if isinstance(body, messages.Transfer):
        return json_text({"text": body.reason})
    return ""


def merged_form(form: Mapping[str, Any], body: messages.Frozen) -> dict[str, Any] | None:
    """Return the form after the order, None when it leaves the form alone."""
    if isinstance(body, messages.File):
        return dict(body.form)
    if isinstance(body, messages.Supply | messages.CorrectOnSpot) and body.form:
        return corrected(form, body.form)
    return None
