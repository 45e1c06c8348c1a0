"""How a request ends before its page: refused, in another name, without a session, unproved."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import FormData

from forms.access_ports import Thing


class Stop(Exception):
    """The request ends here with a page that says why and what to do."""

    def __init__(
        self,
        status: int,
        reason: str,
        code: str = "",
        remedy: str = "",
        tried: tuple[str, Thing] | None = None,
    ) -> None:
        """`tried`: the act that policy forbids, and on what."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.code = code
        self.remedy = remedy
        self.tried = tried


class OtherName(Stop):
    """The form was opened in another name than the one in which the session acts now."""

    def __init__(self, opened: str, token: str, posted: FormData) -> None:
        """`opened`: the delegator's name, empty: one's own; `token`: that of its forms."""
        super().__init__(409, "opened in another name", "other_name")
        self.opened = opened
        self.token = token
        self.posted = posted


class SignInFirst(Exception):
    """A session ended while its owner was typing; `posted` is what they typed, to go on with."""

    def __init__(self, posted: Sequence[tuple[str, str]], files: bool) -> None:
        super().__init__("the session is over")
        self.posted = posted
        self.files = files


class ProveFirst(Exception):
    """The act needs a second proof first. `reason` says why one that was shown does not do."""

    def __init__(self, act: str, reason: str = "") -> None:
        super().__init__(act)
        self.act = act
        self.reason = reason
        self.posted: Sequence[tuple[str, str]] = ()
        """What was typed, to go on with."""
        self.files = False
