"""Whom a verifier trusts: logs, witnesses and how many of them, as https://c2sp.org/tlog-policy.

The file comes from the verifier's own hands, never from what is verified. A witness that cosigned
says that it has seen no other history of this log; how many must say so is the quorum.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from audit.keyperiods import ALSO, KEY, KeyPeriod
from audit.notes import (
    COSIGNATURE,
    Checkpoint,
    NoteInvalid,
    NoteVerifier,
    open_note,
    parse_checkpoint,
)

NONE: Final = "none"
"""The quorum that asks for nobody."""

MAX_POLICY_BYTES = 262_144
MAX_NAMES = 256
"""Logs, witnesses and groups of each; the specification asks for 32."""

MAX_AGE: Final = timedelta(hours=1)
"""A cosignature older than this vouches for no fresh head, unless the verifier says otherwise. A
city asks again within minutes even when nothing happens, and raises an alarm after this time."""

CLOCK_SLACK: Final = timedelta(minutes=5)
"""A cosignature that is further in the future than this is not believed."""

_COUNT = re.compile(r"[1-9][0-9]{0,3}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class PolicyInvalid(ValueError):
    """The policy file is not what the specification asks for; nothing is trusted by it."""


class HeadStale(ValueError):
    """A tree head is signed as it should be and vouches for nothing now: too old, or too small."""


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A log by its key, whose name is the origin of its heads; `url` where it is published."""

    verifier: NoteVerifier
    url: str = ""


@dataclass(frozen=True, slots=True)
class TrustedWitness:
    """A witness under the policy's name for it; `url` where it is asked."""

    name: str
    verifier: NoteVerifier
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses and groups of which `threshold` must have cosigned."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrustedHead:
    """A tree head that a trusted log signed, and who has cosigned it."""

    checkpoint: Checkpoint
    log: NoteVerifier
    cosigned: tuple[tuple[str, datetime], ...]
    """The policy's names of the witnesses, with the time each gave."""
    quorum_met: bool
    quorum_at: datetime | None
    """The latest time since which the quorum has stood; None for the quorum `none`."""

    @property
    def witnessed(self) -> bool:
        """Whether somebody outside vouches for it: a quorum that asks for nobody does not."""
        return self.quorum_met and self.quorum_at is not None

    def require_fresh(self, now: datetime, max_age: timedelta = MAX_AGE) -> None:
        """Refuse a head that may be an old one shown again. Raises `HeadStale`.

        A signature alone holds for ever; only a cosignature has a time.
        """
        if self.quorum_at is None or not self.quorum_met:
            raise HeadStale("no quorum of witnesses says when this head was the newest")
        if self.quorum_at > now + CLOCK_SLACK:
            raise HeadStale(f"cosigned in the future, at {self.quorum_at.isoformat()}")
        if now - self.quorum_at > max_age:
            raise HeadStale(f"last cosigned at {self.quorum_at.isoformat()}")

    def require_leaf(self, index: int) -> None:
        """Refuse a head that cannot contain this leaf. Raises `HeadStale`."""
        if not 0 <= index < self.checkpoint.size:
            raise HeadStale(f"a head of {self.checkpoint.size} entries has no entry {index}")

    def as_json(self) -> dict[str, Any]:
        """Return what an export, a proof or a receipt says of its head: who vouches for it."""
        return {
            "origin": self.checkpoint.origin,
            "size": self.checkpoint.size,
            "root": self.checkpoint.root.hex(),
            "witnessed": self.witnessed,
            "cosigned": [
                {"witness": name, "at": at.isoformat().replace("+00:00", "Z")}
                for name, at in self.cosigned
            ],
        }


class HeadVoid(NoteInvalid):
    """A revoked key signed the head, alone, and nobody cosigned it: it vouches for nothing. `head`
    is what it says."""

    def __init__(self, reason: str, head: TrustedHead) -> None:
        super().__init__(reason)
        self.head = head


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Logs, witnesses, groups, the name of the quorum, and the sizes at which keys are trusted."""

    logs: tuple[TrustedLog, ...]
    witnesses: tuple[TrustedWitness, ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NONE
    periods: tuple[KeyPeriod, ...] = ()

    @classmethod
    def of(cls, verifier: NoteVerifier) -> "TrustPolicy":
        """Return the policy that trusts one log's key and asks for no witness."""
        return cls((TrustedLog(verifier),))

    @classmethod
    def parse(cls, text: str | bytes) -> "TrustPolicy":
        """Read a policy file. Raises `PolicyInvalid` with the number of the line.

        Comments are passed over, except `ALSO` and `KEY`. What is no UTF-8 in a name stays.
        """
        return _Parsing().read(text)

    def open(self, note: str) -> TrustedHead:
        """Return the head of a note that a trusted log signed, and who has cosigned it.

        Raises `NoteInvalid`, also when a known key's signature does not hold. Whether the quorum
        is met is told and not demanded: whoever shows the head says so (`witnessed`).
        """
        text, _, _ = note.rpartition("\n\n")
        origin = text.partition("\n")[0]
        logs = [log.verifier for log in self.logs if log.verifier.name == origin]
        if not logs:
            raise NoteInvalid(f"{origin!r} is no log of this policy")
        opened = open_note(note, [*logs, *(one.verifier for one in self.witnesses)])
        signers = [key for key in opened.signed_by if key in logs]
        if not signers:
            raise NoteInvalid(f"no trusted key of {origin} signed this note")
        times = {
            one.name: opened.times[one.verifier]
            for one in self.witnesses
            if one.verifier in opened.times
        }
        since = self._since(self.quorum, times)
        met = self.quorum == NONE or since is not None
        checkpoint = parse_checkpoint(opened.text)
        heads = [TrustedHead(checkpoint, key, tuple(times.items()), met, since) for key in signers]
        return self._of_its_time(heads)

    def _of_its_time(self, heads: Sequence[TrustedHead]) -> TrustedHead:
        """Return the first head whose key is trusted at its size. Raises `NoteInvalid`."""
        reasons = []
        for head in heads:
            period = next((one for one in self.periods if one.vkey == head.log.vkey), None)
            size = head.checkpoint.size
            refusal = period.refusal(size, cosigned=head.witnessed) if period else None
            if refusal is None:
                return head
            assert period is not None
            if period.is_revoked and period.covers(size):
                raise HeadVoid(refusal, head)
            reasons.append(refusal)
        raise NoteInvalid("; ".join(reasons))

    def witness(self, name: str) -> TrustedWitness | None:
        """Return a witness by the policy's name for it."""
        return next((one for one in self.witnesses if one.name == name), None)

    @property
    def origins(self) -> tuple[str, ...]:
        """The names of the logs, each once."""
        return tuple(dict.fromkeys(log.verifier.name for log in self.logs))

    def _since(self, name: str, times: Mapping[str, datetime]) -> datetime | None:
        """Return since when a witness or a group has stood; of a group the time of the last that
        was needed, counted from the newest."""
        group = next((one for one in self.groups if one.name == name), None)
        if group is None:
            return times.get(name)
        found = [self._since(member, times) for member in group.members]
        newest = sorted((at for at in found if at is not None), reverse=True)
        return newest[group.threshold - 1] if len(newest) >= group.threshold else None


@dataclass(slots=True)
class _Parsing:
    """A policy under way: what has been defined so far."""

    logs: list[TrustedLog] = field(default_factory=list)
    witnesses: list[TrustedWitness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: str | None = None
    periods: list[KeyPeriod] = field(default_factory=list)

    def read(self, text: str | bytes) -> TrustPolicy:
        octets = text.encode(errors="surrogateescape") if isinstance(text, str) else text
        if len(octets) > MAX_POLICY_BYTES:
            raise PolicyInvalid(f"longer than {MAX_POLICY_BYTES} bytes")
        whole = octets.decode(errors="surrogateescape")
        if not whole.endswith("\n"):
            raise PolicyInvalid("the last line does not end with LF")
        for number, line in enumerate(whole[:-1].split("\n"), 1):
            try:
                self._line(line)
            except ValueError as error:
                raise PolicyInvalid(f"line {number}: {error}") from error
        if self.quorum is None:
            raise PolicyInvalid("no quorum line")
        return TrustPolicy(
            tuple(self.logs),
            tuple(self.witnesses),
            tuple(self.groups),
            self.quorum,
            tuple(self.periods),
        )

    def _line(self, line: str) -> None:
        if _CONTROLS.search(line):
            raise PolicyInvalid("a control character")
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if not words:
            return
        if words[0].startswith("#"):
            if words[:2] == ALSO.split():
                self._log(words[2:], again=True)
            if words[:2] == KEY.split():
                self._period(words[2:])
            return
        rest = words[1:]
        match words[0]:
            case "log":
                self._log(rest)
            case "witness":
                self._witness(rest)
            case "group":
                self._group(rest)
            case "quorum":
                self._quorum(rest)
            case unknown:
                raise PolicyInvalid(f"{unknown!r} is no kind of line")

    def _log(self, words: Sequence[str], *, again: bool = False) -> None:
        vkey, url = _one_or_two(words)
        verifier = _verifier(vkey)
        if verifier.kind == COSIGNATURE:
            raise PolicyInvalid("a witness's key does not sign a log")
        if again and any(log.verifier == verifier for log in self.logs):
            raise PolicyInvalid("this log stands here already")
        if not again:
            self._require_new(verifier)
        self.logs.append(TrustedLog(verifier, url))
        _require_few(self.logs)

    def _period(self, words: Sequence[str]) -> None:
        period = KeyPeriod.parse(words)
        if period.vkey not in (log.verifier.vkey for log in self.logs):
            raise PolicyInvalid("a period of a key of no log above")
        if any(period.vkey == known.vkey for known in self.periods):
            raise PolicyInvalid("a second period of this key")
        self.periods.append(period)

    def _witness(self, words: Sequence[str]) -> None:
        if not words:
            raise PolicyInvalid("a witness has a name and a key")
        vkey, url = _one_or_two(words[1:])
        verifier = _verifier(vkey)
        if verifier.kind != COSIGNATURE:
            raise PolicyInvalid("a witness has a key for cosignatures")
        self._require_new(verifier)
        self.witnesses.append(TrustedWitness(self._fresh(words[0]), verifier, url))
        _require_few(self.witnesses)

    def _group(self, words: Sequence[str]) -> None:
        if len(words) < 3:
            raise PolicyInvalid("a group has a name, a number and members")
        name, count, *members = words
        for member in members:
            if member not in self._names():
                raise PolicyInvalid(f"{member!r} is not defined above")
            if any(member in group.members for group in self.groups) or members.count(member) > 1:
                raise PolicyInvalid(f"{member!r} is in a group already")
        threshold = {"any": 1, "all": len(members)}.get(count)
        if threshold is None:
            threshold = int(count) if _COUNT.fullmatch(count) else 0
        if not 1 <= threshold <= len(members):
            raise PolicyInvalid(f"{count!r} of {len(members)} members")
        self.groups.append(Group(self._fresh(name), threshold, tuple(members)))
        _require_few(self.groups)

    def _quorum(self, words: Sequence[str]) -> None:
        if self.quorum is not None:
            raise PolicyInvalid("a second quorum line")
        if len(words) != 1 or (words[0] != NONE and words[0] not in self._names()):
            raise PolicyInvalid("the quorum is one name defined above, or none")
        self.quorum = words[0]

    def _names(self) -> Iterator[str]:
        yield from (one.name for one in self.witnesses)
        yield from (one.name for one in self.groups)

    def _fresh(self, name: str) -> str:
        if name == NONE or name in self._names():
            raise PolicyInvalid(f"the name {name!r} is taken")
        return name

    def _require_new(self, verifier: NoteVerifier) -> None:
        # Also between logs and witnesses: a log that witnesses itself vouches for nothing.
        known = [log.verifier for log in self.logs] + [one.verifier for one in self.witnesses]
        if any(one.public == verifier.public for one in known):
            raise PolicyInvalid(f"the key of {verifier.name} stands here already")


def _one_or_two(words: Sequence[str]) -> tuple[str, str]:
    if len(words) not in (1, 2):
        raise PolicyInvalid("a key, and perhaps an address, is expected")
    return words[0], words[1] if len(words) == 2 else ""


def _verifier(vkey: str) -> NoteVerifier:
    try:
        vkey.encode()  # the name of a key is UTF-8, whatever other names are
    except UnicodeEncodeError as error:
        raise PolicyInvalid("the name of a key is not UTF-8") from error
    return NoteVerifier.parse(vkey)


def _require_few(defined: Sequence[object]) -> None:
    if len(defined) > MAX_NAMES:
        raise PolicyInvalid(f"more than {MAX_NAMES} lines of one kind")
