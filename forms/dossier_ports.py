"""What the pages of rules and dossiers show, as the roof hands it in."""

from __future__ import annotations

from dataclasses import dataclass

from cases.dossier import Dossier
from cases.dossier_rows import KeptDossier


@dataclass(frozen=True, slots=True)
class ShownDossier:
    """A dossier: its row, and the whole of it."""

    row: KeptDossier
    whole: Dossier
