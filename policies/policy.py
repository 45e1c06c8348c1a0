"""The policy: rows read strictly from text, and the version that names them.

One row per line: role, where it must be held, object type, act, scope, effect, and after `#` a
sentence for the assessor. Text is refused whole for one fault; nothing is skipped or guessed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from policies.scopes import RELATIONS, SCOPES
from policies.vocabulary import ACTS, ROLES

FOLDER = Path(__file__).resolve().parent
MODEL_FILE = FOLDER / "model.conf"
ROWS_FILE = FOLDER / "policy.csv"

ANY = "*"
"""Every role, or every act of the type; in deny rows only (no wildcard in an allow row)."""

EVERYBODYS = "held"
"""The only relation of a row that means every role."""

_WORD = re.compile(r"^[a-z][a-z_]*$")
_FIELDS = 6


class PolicyFault(Exception):
    """The policy text cannot be used. `faults` are Chinese sentences, each with its line."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class PolicyStale(OSError):
    """Which policy is in force cannot be confirmed now. It means no, until it can be again."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the policy."""

    role: str
    department: str
    """A name of `RELATIONS`."""
    object_type: str
    act: str
    scope: str
    effect: Literal["allow", "deny"]
    note: str = ""
    line: int = 0

    def fields(self) -> tuple[str, ...]:
        """Return the six fields, in the order of the model."""
        return (
            self.role, self.department, self.object_type, self.act, self.scope, self.effect,
        )  # fmt: skip

    def __str__(self) -> str:
        return ", ".join(self.fields())


@dataclass(frozen=True)
class Policy:
    """One version of the policy, whole and immutable."""

    model: str = field(repr=False)
    rows: tuple[Row, ...] = field(repr=False)
    version: str
    """`sha256:` and the first 32 hex digits over model and rows; notes do not count."""
    shards: Mapping[tuple[str, str], tuple[Row, ...]] = field(repr=False)
    """(object type, act) → its rows, those that deny first; every pair of `ACTS` is there."""

    def roles_for(self, object_type: str, act: str) -> tuple[str, ...]:
        """Return the roles that some row allows the act, in the order of the rows."""
        allowing = (r.role for r in self.shards.get((object_type, act), ()) if r.effect == "allow")
        return tuple(dict.fromkeys(allowing))


def load_policy(model: Path = MODEL_FILE, rows: Path = ROWS_FILE) -> Policy:
    """Return the policy of two files (the shipped ones). Raises `PolicyFault`, `OSError`."""
    return parse_policy(model.read_text("utf-8"), rows.read_text("utf-8"))


def parse_policy(model: str, text: str) -> Policy:
    """Return the policy that the texts say. Raises `PolicyFault` naming every fault at once."""
    faults: list[str] = []
    rows: list[Row] = []
    seen: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        content, _, note = line.partition("#")
        if not content.strip():
            continue
        fields = tuple(field.strip() for field in content.split(","))
        wrong = _faults(fields, note.strip())
        if not wrong and fields[:-1] in seen:
            wrong = [f"与第 {seen[fields[:-1]]} 行重复或相反，请只留一行"]
        faults += (f"第 {number} 行：{fault}" for fault in wrong)
        if not wrong:
            seen[fields[:-1]] = number
            rows.append(_row(fields, note.strip(), number))
    if not rows and not faults:
        # An empty policy is a special branch of casbin in which `deny` can allow.
        faults.append("策略为空：至少要有一行")
    if faults:
        raise PolicyFault(faults)
    return Policy(model, tuple(rows), _version(model, rows), _shards(rows))


def whole_text(model: str, rows: str) -> str:
    """Return model and rows as one text, from which `parse_whole` gives the same policy."""
    return f"{model}\n{rows}"


def split(text: str) -> tuple[str, str]:
    """Return the model and the rows of a `whole_text`: the matcher is the model's last line.

    Raises `PolicyFault` for a text without a matcher.
    """
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if line.startswith("m = "):
            return "".join(lines[:number]), "".join(lines[number:]).removeprefix("\n")
    raise PolicyFault(["策略没有匹配式（以 m = 开头的一行）"])


def parse_whole(text: str) -> Policy:
    """Return the policy of a `whole_text`. Raises `PolicyFault`."""
    return parse_policy(*split(text))


def _row(fields: tuple[str, ...], note: str, line: int) -> Row:
    role, department, object_type, act, scope, effect = fields
    return Row(
        role, department, object_type, act, scope,
        "allow" if effect == "allow" else "deny", note, line,
    )  # fmt: skip


def _faults(fields: tuple[str, ...], note: str) -> list[str]:
    if unshaped := _unshaped(fields):
        return [unshaped]
    role, department, object_type, act, scope, effect = fields
    faults = []
    wildcard = (ANY,) if effect == "deny" else ()
    if role not in (*ROLES, *wildcard):
        faults.append(f"没有角色 {role!r}" if role != ANY else "许可行不得用通配符作角色")
    if object_type not in ACTS:
        faults.append(f"没有客体类型 {object_type!r}")
    elif act not in (*ACTS[object_type], *wildcard):
        faults.append(
            f"{object_type} 没有动作 {act!r}" if act != ANY else "许可行不得用通配符作动作"
        )
    if department not in RELATIONS or object_type not in RELATIONS[department].types:
        faults.append(f"任职关系 {department!r} 不存在或不适用于 {object_type}")
    if role == ANY and department != EVERYBODYS:
        # Everybody is meant, wherever they hold office: another word here would only mislead.
        faults.append(f"通配角色的行不问任职何处，只能写 {EVERYBODYS}，不能是 {department!r}")
    if scope not in SCOPES or object_type not in SCOPES[scope].types:
        faults.append(f"条件 {scope!r} 不存在或不适用于 {object_type}")
    if not note:
        faults.append("缺少 # 之后的说明")
    return faults


def _unshaped(fields: tuple[str, ...]) -> str:
    if len(fields) != _FIELDS:
        return f"应有 {_FIELDS} 个字段，实有 {len(fields)} 个"
    odd = [f for f in fields if not _WORD.match(f) and f != ANY]
    if odd:
        return f"{odd[0]!r} 不是词：只用小写字母和下划线"
    if fields[-1] not in ("allow", "deny"):
        return f"效力只能是 allow 或 deny，不能是 {fields[-1]!r}"
    return ""


def _version(model: str, rows: Iterable[Row]) -> str:
    whole = "\n".join([model, *(str(row) for row in rows)])
    return "sha256:" + hashlib.sha256(whole.encode()).hexdigest()[:32]


def _shards(rows: list[Row]) -> Mapping[tuple[str, str], tuple[Row, ...]]:
    shards: dict[tuple[str, str], tuple[Row, ...]] = {}
    for object_type, acts in ACTS.items():
        for act in acts:
            mine = [r for r in rows if r.object_type == object_type and r.act in (act, ANY)]
            # Deny first: casbin stops at the first one that holds.
            shards[object_type, act] = tuple(sorted(mine, key=lambda row: row.effect == "allow"))
    return MappingProxyType(shards)
