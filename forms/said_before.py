"""What an earlier case says of its applicant, by the fields of another matter's form.

One's own earlier cases fill a citizen's form (`yichuang.web_citizens`); at the window the earlier
cases of whoever has the number that was typed do (`forms.earlier`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cases.masking import ERASED, HIDDEN
from cases.views import CaseView
from catalogue.matters import Matter

ABOUT: Final = frozenset({"uscc", "developer", "operator_name", "requester_kind", "requester_name"})
"""Fields of forms that say who applies, beside those of personal data."""
OF_ORGANISATIONS: Final = ("name", "id_number", "legal_representative")
"""What is taken of an applicant that is no person; who a person is, somebody else vouches for."""


def fields_about(view: CaseView, matter: Matter) -> Sequence[str]:
    """Return the fields of a matter's form that an earlier case may say something of.

    A field is the same when name, title and type are.
    """
    earlier: Any = Matter.model_validate(view.matter).form.get("properties", {})
    asked: Any = matter.form.get("properties", {})
    found = []
    for name, part in asked.items():
        then = earlier.get(name)
        same = then is not None and all(then.get(k) == part.get(k) for k in ("title", "type"))
        if same and (part.get("x-personal") or name in ABOUT) and part.get("type") == "string":
            found.append(name)
    return found


def said_before(view: CaseView, matter: Matter, parts: Sequence[str]) -> Mapping[str, str]:
    """Return what the case says of the applicant: `parts` of an organisation, and of the form."""
    found: dict[str, str] = {}
    if view.applicant.get("kind") != "natural_person":
        found = {f"applicant.{part}": str(view.applicant.get(part) or "") for part in parts}
    for name in fields_about(view, matter):
        said = view.form.get(name)
        found[f"form.{name}"] = said if isinstance(said, str) else ""
    return {name: said for name, said in found.items() if is_known(said)}


def is_known(said: str) -> bool:
    """Return whether it says anything: not what is hidden from the reader, or was erased."""
    return bool(said) and said != ERASED and HIDDEN not in said
