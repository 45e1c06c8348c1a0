"""What the quarterly report's page needs: `yichuang/web_project_reports.py` hands it in."""

from __future__ import annotations

from typing import Protocol

from forms.entrance_ports import Visitor, Where
from forms.reader_ports import File


class ProjectReports(Protocol):
    """Quarterly reports of the projects that the reader may list."""

    def report(self, visitor: Visitor, where: Where, quarter: str) -> File:
        """The report as PDF, once its entry is committed. Raises `ValueError` for no quarter."""
        ...

    def latest(self) -> tuple[str, ...]:
        """The quarters that may be asked for, the newest first."""
        ...
