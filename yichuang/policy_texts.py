"""Which policy a command means: a file's, the one in force in this city, or the shipped one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from cases.database import StoreUnwritable, open_engine, reading
from cases.web_tables import office_holder
from catalogue.load import load_catalogue
from catalogue.matters import Matter
from policies.decision_table import Decided, TableFault, table_for
from policies.policy import (
    MODEL_FILE,
    ROWS_FILE,
    Policy,
    PolicyFault,
    PolicyStale,
    parse_policy,
    split,
)
from policies.proof import Proof, findings
from policies.warrants import WarrantSigner
from yichuang.released import NothingReleased, Released
from yichuang.settings import Settings
from yichuang.web_policies import counted

SHIPPED, IN_FORCE = "随附", "现行"


class TextAway(Exception):
    """The policy cannot be had. The message is a Chinese sentence with what to do."""


@dataclass(frozen=True)
class PolicyText:
    """A policy with the rows as they were written, and the matters it is judged with."""

    where: str
    """File name, `随附` or `现行`."""
    text: str
    policy: Policy
    matters: Sequence[Matter]

    def table(self) -> tuple[Decided, ...]:
        """Return the decision table that counts for this text. Raises `TextAway`."""
        try:
            return table_for(self.text)
        except TableFault as fault:
            raise TextAway(f"{self.where}：{fault}") from fault

    def proof(self) -> Proof:
        """Return the whole proof of this text. Raises `TextAway`."""
        pen = WarrantSigner("web", Ed25519PrivateKey.generate())  # it signs nothing
        found = findings(self.policy, pen, self.matters, datetime.now(UTC), self.table())
        return Proof(tuple(found))


def add(parser: argparse.ArgumentParser) -> None:
    """Add the words by which a command is told which policy is meant."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="",
        help="策略的行（CSV）；不写则是随附的 (rows of a policy; default: the shipped)",
    )  # fmt: skip
    parser.add_argument(
        "--in-force", action="store_true", help="本市现行的策略 (the one in force in this city)"
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def chosen(args: argparse.Namespace, settings: Settings) -> PolicyText:
    """Return the policy that the words mean. Raises `TextAway`, `PolicyFault`."""
    if args.file:
        return from_file(Path(args.file))
    return in_force(settings) if args.in_force else shipped()


def shipped() -> PolicyText:
    """Return the policy that came with the program."""
    text = ROWS_FILE.read_text("utf-8")
    policy = parse_policy(MODEL_FILE.read_text("utf-8"), text)
    return PolicyText(SHIPPED, text, policy, load_catalogue().matters)


def from_file(path: Path) -> PolicyText:
    """Return the policy of a file. Raises `TextAway`, `PolicyFault`."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise TextAway(f"读不了 {path}：{wrong}") from wrong
    policy = parse_policy(MODEL_FILE.read_text("utf-8"), text)
    return PolicyText(str(path), text, policy, load_catalogue().matters)


def in_force(settings: Settings) -> PolicyText:
    """Return the policy that two people have signed here. Raises `TextAway`."""
    engine = open_engine(settings.store_url("cases"), read_only=True)
    try:
        released = Released(engine)
        policy, matters = released.policy(), released.catalogue().matters
        text, _ = released.policy_text()
        return PolicyText(IN_FORCE, split(text)[1], policy, matters)
    except (StoreUnwritable, SQLAlchemyError, NothingReleased, PolicyStale) as away:
        raise TextAway(f"读不到现行策略：{away}。若是第一次，请先运行 bin/yichuang init") from away
    finally:
        engine.dispose()


def people_by_role(settings: Settings) -> Mapping[str, int] | None:
    """Return how many open accounts hold each role today; None where the store cannot be read."""
    engine = open_engine(settings.store_url("web"), read_only=True)
    try:
        with reading(engine) as connection:
            rows = connection.execute(select(office_holder)).all()
    except (StoreUnwritable, SQLAlchemyError):
        return None
    finally:
        engine.dispose()
    return counted((row.id, row.grants) for row in rows if row.disabled_at is None)


__all__ = ["PolicyFault", "PolicyText", "TextAway", "chosen", "people_by_role"]
