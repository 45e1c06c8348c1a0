"""A settlement whose process dies between any two statements, or after the commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event


class Killed(BaseException):
    """The process is gone; nothing of it goes on to mend anything."""


@dataclass
class Mortal:
    """Counts what the process says to a store, and dies before its nth statement or commit."""

    engine: Engine
    left: int = 0

    def __post_init__(self) -> None:
        event.listen(self.engine, "before_cursor_execute", self._count)
        event.listen(self.engine, "commit", self._count)

    def _count(self, *_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def survives(self, dies_at: int, do: Callable[[], object]) -> bool:
        """Do it; False when it died over it. 0: it does not die."""
        self.left = dies_at
        try:
            do()
        except Killed:
            return False
        finally:
            self.left = 0  # another process, that lives
        return True
