"""Whether the files that an order names are there, asked of the web store's view of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Engine, select

from cases.attached import Attached
from cases.database import reading
from cases.settling import RuleForbids
from cases.web_tables import attached_file


class Files(Protocol):
    """Who knows which files are kept for a thing."""

    def fault(self, owner: str, thing: str, files: Sequence[Attached]) -> RuleForbids | None: ...


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """Asks the web store; the worker reads nothing of it but this view."""

    web: Engine | None
    """None: this process has no way to it, so that no order with a file is carried out."""

    def fault(self, owner: str, thing: str, files: Sequence[Attached]) -> RuleForbids | None:
        """Return why an order of `owner` to `thing` may not name these files; None: it may.

        Raises the store's errors.
        """
        if not files:
            return None
        if self.web is None:
            return RuleForbids(
                "file_unknown", "不能核对附件，请联系系统管理员", "", "body.attached"
            )
        found = attached_file.c
        wanted = select(attached_file).where(found.id.in_([one.upload for one in files]))
        with reading(self.web) as connection:
            rows = {row.id: row for row in connection.execute(wanted)}
        for one in files:
            row = rows.get(one.upload)
            if row is None or row.owner != owner or row.thing != thing:
                return _no("file_unknown", f"没有这份附件，请重新上传：{one.name}")
            if (row.digest, row.size, row.media_type) != (one.sha256, one.size, one.media):
                return _no("file_differs", f"附件与上传时不同，请重新上传：{one.name}")
            if row.is_infected:
                return _no("file_infected", f"附件经检查含恶意内容，请换一份：{one.name}")
        return None


def _no(code: str, reason: str) -> RuleForbids:
    return RuleForbids(code, reason, "", "body.attached")


NO_FILES = KeptFiles(None)
"""Of a process that cannot ask: every order with a file is refused."""
