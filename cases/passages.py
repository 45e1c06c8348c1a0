"""What each step of a case changed: from where to where, by whom held, due when, which field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from pydantic import AwareDatetime, JsonValue, TypeAdapter

from cases.messages import OF_LAW, Frozen
from catalogue.form_schema import corrected

What = Literal["stage", "holder", "signer", "due", "field"]
"""环节 · 承办人 · 签署人 · 到期 · 表单的一项."""
Kind = Literal["decision", "document", "clock", "system"]
"""What a timeline is filtered by; a step may be of several kinds, or of none."""
KINDS: tuple[Kind, ...] = ("decision", "document", "clock", "system")

DECISIONS = frozenset(
    {
        "pre_review", "ask_supplement", "accept", "refuse_acceptance", "not_required", "opine",
        "inspect", "gather", "extend", "decide", "certify", "return_step", "disallow_pause",
        "restore_pause", "check_afterwards", "revoke_licence", "issue_card", "revoke_card",
        "review_explanation", "reissue",
    }
)  # fmt: skip
"""Verbs by which an office finds, decides or orders something."""

SYSTEM = "system"
_MOMENT = TypeAdapter(AwareDatetime)


class Change(Frozen):
    """One thing that a step changed. Empty `before`: it was not there; empty `after`: gone."""

    what: What
    of: str = ""
    """Key of the task, of the period, or name of the form's field."""
    before: str = ""
    after: str = ""
    due_before: AwareDatetime | None = None
    due_after: AwareDatetime | None = None


@dataclass(slots=True)
class Passages:
    """Walks over the steps of one case in their order, remembering where it stood before each."""

    stage: str = ""
    holders: dict[str, str] = field(default_factory=dict)
    due: dict[str, str] = field(default_factory=dict)
    """Period → its instant, as the events spell it."""
    form: dict[str, JsonValue] = field(default_factory=dict)

    def through(
        self,
        verb: str,
        events: Sequence[Mapping[str, Any]],
        body: Mapping[str, Any],
        plain: frozenset[str],
    ) -> tuple[Change, ...]:
        """Return what a step changed, and stand behind it.

        `plain`: names of the form's fields whose values may be shown; of others is said only that
        they changed.
        """
        found = list(self._fields(verb, body, plain))
        stage = self.stage
        for event in events:
            data = event.get("data") or {}
            kind = event["kind"]
            if kind == "stage_entered":
                stage = str(data["stage"])
            elif kind == "timers_set":
                found += self._due(data["timers"])
            else:
                found += self._people(kind, data)
        if stage != self.stage:
            found.insert(0, Change(what="stage", before=self.stage, after=stage))
            self.stage = stage
        return tuple(found)

    def _people(self, kind: str, data: Mapping[str, Any]) -> Iterator[Change]:
        if kind in ("claimed", "transferred"):
            task, holder = str(data["task"]), str(data["holder"])
            before = str(data.get("holder_before", self.holders.get(task, "")))
            self.holders[task] = holder
            yield Change(what="holder", of=task, before=before, after=holder)
        elif kind == "recused":
            gone = str(data["person"])
            for task in [key for key, holder in self.holders.items() if holder == gone]:
                del self.holders[task]
                yield Change(what="holder", of=task, before=gone)
        elif kind == "task_ended":
            self.holders.pop(str(data["task"]), None)
        elif kind == "signer_added":
            yield Change(what="signer", of=str(data["task"]), after=str(data["signer"]))
        elif kind == "signer_removed":
            yield Change(what="signer", of=str(data["task"]), before=str(data["signer"]))

    def _due(self, timers: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
        """Yield the periods that end at another instant than before; what is new is no change."""
        due = {str(one["key"]): str(one["due_at"]) for one in timers}
        for key, after in due.items():
            before = self.due.get(key, after)
            if before != after:
                yield Change(
                    what="due",
                    of=key,
                    due_before=_MOMENT.validate_python(before),
                    due_after=_MOMENT.validate_python(after),
                )
        # A period that stands still is not among them; it is remembered for when it runs again.
        self.due |= due

    def _fields(
        self, verb: str, body: Mapping[str, Any], plain: frozenset[str]
    ) -> Iterator[Change]:
        given = body.get("form")
        if not isinstance(given, Mapping):
            return
        if verb != "file":
            whole = corrected(self.form, given)
            for name in given:
                before, after = self.form.get(name), whole[name]
                if before != after:
                    shown = name in plain
                    yield Change(
                        what="field",
                        of=str(name),
                        before=_spelled(before) if shown else "",
                        after=_spelled(after) if shown else "",
                    )
        self.form = corrected(self.form, given)


def kinds_of(verb: str, actor: str, has_documents: bool, moved_clock: bool) -> tuple[Kind, ...]:
    """Return under which filters of the timeline a step stands."""
    tests: Mapping[Kind, bool] = {
        "decision": verb in DECISIONS,
        "document": has_documents,
        "clock": moved_clock,
        "system": verb in OF_LAW or actor == SYSTEM,
    }
    return tuple(kind for kind, holds in tests.items() if holds)


def _spelled(value: JsonValue) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()
