"""Whose key seals what was taken of people for an incident, and for how long it stands.

突发事件应对法第八十五条: only for the incident, destroyed at its end; kept only where evidence or
an evaluation needs it, with the assessment written down.
"""

from __future__ import annotations

from typing import Final

ARTICLE: Final = "TFSJ-85"
"""Why the key goes: stands in the entry `payload.erased`."""


def personal_key(incident_id: str) -> str:
    """Return the subject whose key seals people's names and numbers of an incident, and nothing
    else: what happened stays readable when it is destroyed (第九十四条: the file is archived)."""
    return f"incident-personal:{incident_id}"
