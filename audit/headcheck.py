"""Checking signed heads, their cosignatures and heads kept elsewhere, as the verifier's walk
reaches their sizes."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from audit.merkle import Frontier
from audit.notes import Checkpoint, NoteInvalid
from audit.report import Failure, LogSource, VerifyReport
from audit.trust import CLOCK_SLACK, NONE, HeadVoid, TrustedHead, TrustPolicy

WITNESS = "witness"
"""The check that compares the log with what a witness itself remembers."""


class _Head(Protocol):
    size: int
    root: bytes
    note: str


class _Line(Protocol):
    size: int
    name: str
    line: str


class HeadCheck:
    """Compares heads with the tree of the walk, which tells of each size as it is reached."""

    def __init__(
        self,
        log: LogSource,
        report: VerifyReport,
        frontier: Frontier,
        policy: TrustPolicy,
        kept: Mapping[str, Sequence[str]],
    ) -> None:
        """`kept`: notes from elsewhere by the name of the check, `pin` or `witness`."""
        self._log, self._report = log, report
        self._frontier, self._policy = frontier, policy
        self._whose = f"a head signed by {', '.join(policy.origins)}"
        self._stored: Iterator[_Head] = log.checkpoints()
        self._next: _Head | None = next(self._stored, None)
        self._lines: Iterator[_Line] = log.cosignatures()
        self._line: _Line | None = next(self._lines, None)
        self._kept = sorted(self._opened(kept), key=lambda one: one[1].size)
        self._good = 0

    def reach(self, size: int) -> None:
        """Check the heads whose size the walk has come to."""
        while self._next is not None and self._next.size <= size:
            self._check_stored(self._next)
            self._next = next(self._stored, None)
        while self._kept and self._kept[0][1].size <= size:
            self._compare(*self._kept.pop(0))

    def finish(self, size: int) -> None:
        """Name the heads of more entries than there are, and what is under no head."""
        report, reached = self._report, self._frontier.size
        beyond = [] if self._next is None else [self._next, *self._stored]
        for head in (h for h in beyond if h.size > self._log.state().size):
            self._short_of("checkpoint", head.size, reached)
        for check, kept in self._kept:
            self._short_of(check, kept.size, reached)
        if report.sealed < size:
            report.incomplete.append(f"{size - report.sealed} entries are not under a signed head")

    def check_quorum(self, lag: timedelta | None, now: datetime) -> None:
        """Say so if the quorum does not stand behind the log: behind its newest head, or, with a
        `lag`, behind a head that it has cosigned not longer ago than that; `timedelta.max` asks
        nothing (of a closed shard, whose head stands in the next one)."""
        report, asked = self._report, self._policy.quorum
        if asked == NONE or not report.sealed or lag == timedelta.max:
            return
        at = report.witnessed_at
        if at is None:
            report.incomplete.append(f"no head is cosigned as the quorum {asked} asks")
        elif at > now + CLOCK_SLACK:
            report.incomplete.append(f"cosigned in the future, at {at.isoformat()}")
        elif lag is not None:
            if now - at > lag:
                report.incomplete.append(f"last cosigned by the quorum at {at.isoformat()}")
        elif report.witnessed < report.sealed:
            missing = report.sealed - report.witnessed
            report.incomplete.append(f"{missing} entries are not under a cosigned head")

    def _opened(self, kept: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Checkpoint]]:
        for check, notes in kept.items():
            for note in notes:
                try:
                    head = self._policy.open(note)
                except HeadVoid as void:
                    size = void.head.checkpoint.size
                    self._report.notes.append(f"{check} of {size}, under a revoked key: {void}")
                    continue
                except NoteInvalid as error:
                    self._report.fail(Failure(check, None, None, self._whose, str(error)))
                    continue
                if check == WITNESS and not head.cosigned:
                    wanted = "a head with a line of a trusted witness"
                    self._report.fail(Failure(check, None, None, wanted, "a head without"))
                    continue
                yield check, head.checkpoint

    def _check_stored(self, head: _Head) -> None:
        report = self._report
        report.checkpoints += 1
        found = self._open_stored(head)
        if found is None:
            return
        opened, void = found
        signed = opened.checkpoint
        if (signed.size, signed.root) != (head.size, head.root):
            said = f"{signed.size} {signed.root.hex()}"
            report.fail(Failure("checkpoint", None, None, said, f"{head.size} {head.root.hex()}"))
        self._compare("checkpoint", signed)
        if void:  # it must fit the tree, and vouches for nothing: a later key has to
            report.void += 1
            return
        report.sealed = max(report.sealed, signed.size)
        for name, at in opened.cosigned:
            report.cosigned[name] = (signed.size, at)
        if opened.witnessed:
            report.witnessed, report.witnessed_at = signed.size, opened.quorum_at

    def _open_stored(self, head: _Head) -> tuple[TrustedHead, bool] | None:
        lines = self._lines_of(head.size)
        try:
            return self._open(head.note + "".join(f"{line.line}\n" for line in lines))
        except NoteInvalid:
            return self._open_by_lines(head, lines)

    def _open(self, note: str) -> tuple[TrustedHead, bool]:
        """Return the head, and whether it is void because its key is revoked."""
        try:
            return self._policy.open(note), False
        except HeadVoid as void:
            return void.head, True

    def _open_by_lines(
        self, head: _Head, lines: Sequence[_Line]
    ) -> tuple[TrustedHead, bool] | None:
        """Open a head of which something does not hold, and say what."""
        note = head.note
        try:
            opened = self._open(note)
        except NoteInvalid as error:
            found = f"size {head.size}: {error}"
            self._report.fail(Failure("signature", None, None, self._whose, found))
            return None
        for line in lines:
            try:
                opened = self._open(f"{note}{line.line}\n")
            except NoteInvalid as error:
                wanted = f"a cosignature of {line.name} on the head of {head.size}"
                self._report.fail(Failure("cosignature", None, None, wanted, str(error)))
                continue
            note = f"{note}{line.line}\n"
        return opened

    def _lines_of(self, size: int) -> list[_Line]:
        found: list[_Line] = []
        while self._line is not None and self._line.size <= size:
            if self._line.size == size:
                found.append(self._line)
            else:
                wanted = f"a signed head of {self._line.size} entries"
                found_line = f"a cosignature of {self._line.name} alone"
                self._report.fail(Failure("cosignature", None, None, wanted, found_line))
            self._line = next(self._lines, None)
        return found

    def _compare(self, check: str, signed: Checkpoint) -> None:
        size = self._frontier.size
        if signed.size != size:  # a row moved to another place, or out of order
            found = f"root at {size}"
            self._report.fail(Failure(check, None, None, f"root at {signed.size}", found))
        elif signed.root == self._frontier.root():
            self._good = max(self._good, signed.size)
        else:
            found = self._frontier.root().hex()
            fault = Failure(check, self._good, None, signed.root.hex(), found, until=signed.size)
            self._report.fail(fault)

    def _short_of(self, check: str, size: int, reached: int) -> None:
        found = f"{reached} entries"
        self._report.fail(Failure(check, reached, None, f"{size} entries", found))
