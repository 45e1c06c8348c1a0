"""Projects put into the rows by the machine itself, without a workflow around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5
from zoneinfo import ZoneInfo

from pydantic import JsonValue
from sqlalchemy import Engine

from cases.messages import Actor, Command, Source
from cases.project_rows import Recorded, write
from cases.projects.machine import step
from cases.projects.messages import PROJECT_BODIES, order_digest
from cases.projects.state import ProjectState
from cases.projects.step import Judged, Known
from catalogue.project_templates import load_templates

ZONE = ZoneInfo("Asia/Shanghai")
TEMPLATES = load_templates().by_id
DEPARTMENTS = frozenset({"zjj", "zxb", "spv1", "fgw"})
CLERK = Actor(id="maker", kind="human", department="zxb")


class Silent:
    """Rules that forbid nothing: what is tried here is what pages show."""

    def judge(self, pack: str, facts: Mapping[str, JsonValue], at: datetime) -> Judged:
        return Judged()


Order = tuple[str, Mapping[str, Any]]


class Maker:
    """Carries orders out and writes their rows, one second after another."""

    def __init__(self, engine: Engine, today: date, after: int = 0) -> None:
        self.engine, self.today, self._n = engine, today, after
        self._at = datetime.combine(today, time(9), ZONE)

    def project(self, title: str, orders: Sequence[Order] = (), **body: Any) -> ProjectState:
        """Establish a project of a template and carry out the orders."""
        first = {
            "template": "government", "title": title, "department": "zjj", "regime": "government",
            "starts_on": "2026-01-01",
        }  # fmt: skip
        key = str(uuid5(NAMESPACE_URL, title))
        state = self.order(None, key, ("establish", first | body))
        for one in orders:
            state = self.order(state, key, one)
        return state

    def order(self, state: ProjectState | None, key: str, one: Order) -> ProjectState:
        """Return the project after one order, written as the worker writes it."""
        self._n += 1
        at = self._at + timedelta(seconds=self._n)
        verb, body = one
        command = Command(
            id=str(uuid4()), case_id=key, verb=verb, body=dict(body), actor=CLERK,
            source=Source(door="web"), occurred_at=at,
        )  # fmt: skip
        known = Known(
            rules=Silent(), today=self.today,
            end_of=lambda day: datetime.combine(day + timedelta(days=1), time(), ZONE),
            template=TEMPLATES.get(str(body.get("template", ""))),
            number=f"云项〔2026〕{self._n:04d}号", departments=DEPARTMENTS,
        )  # fmt: skip
        done = step(state, command, PROJECT_BODIES[verb].model_validate(body), known)
        with self.engine.begin() as connection:
            digest = order_digest(command)
            write(connection, Recorded(command, digest, state, done, at, str(uuid4())))
        return done.state


def evidence(milestone: str, name: str) -> Order:
    """Return the order that brings a paper which is kept elsewhere."""
    paper = {"name": name, "sha256": "ab" * 32}
    return "add_evidence", {"milestone": milestone, "paper": paper}
