"""Killed at any statement, a step is there whole after the retry, and its number is no other."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import event, func, select

from audit.tables import audit_stream
from cases import numbers, tables
from cases.database import reading
from cases.messages import Command
from cases.settling import Batch
from tests.activities.conftest import Town, followed, town_in


def orders(town: Town) -> list[Command]:
    return [town.file(), town.order("accept", {"mode": "plain"}, by="u:a")]


def run(town: Town) -> list[str]:
    """Settle both orders as the workflow would; return the number of the document issued."""
    state = None
    issued: list[str] = []
    for order in orders(town):
        settled = town.settlement.settle(Batch(state=state, commands=(order,)))
        state = followed(state, settled)
        issued += [ref.number for ref in settled.steps[0].outcome.documents]
    return issued


def killed_at(folder: Path, statement: int) -> bool:
    """Run in a child that is killed before its nth statement; False when it came to the end."""
    child = os.fork()
    if child == 0:  # pragma: no cover - the child never returns
        status = 1
        try:
            town = town_in(folder)
            left = [statement]

            def count(_statement: str) -> None:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            # SQLite's own trace: every statement, BEGIN and COMMIT, whoever sends it.
            event.listen(town.engine, "checkout", lambda c, *_: c.set_trace_callback(count))
            run(town)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def check_whole(folder: Path) -> None:
    town = town_in(folder)
    assert run(town) == ["云市监许受〔2026〕1号"]
    with reading(town.engine) as connection:
        assert numbers.gaps(connection) == []
        states = connection.execute(select(tables.document_number.c.state)).scalars()
        assert set(states) == {"used"}
        assert connection.execute(select(audit_stream.c.seq)).scalars().all() == [2]
        for table, wanted in ((tables.step, 2), (tables.command, 2), (tables.outbox, 2)):
            counted = select(func.count()).select_from(table)
            assert connection.execute(counted).scalar_one() == wanted
    town.engine.dispose()
    town.keys.dispose()


@pytest.mark.long
def test_a_kill_before_any_statement_or_commit_loses_and_doubles_nothing(tmp_path: Path) -> None:
    kills = 0
    for statement in range(1, 200):
        folder = tmp_path / str(statement)
        folder.mkdir()
        town = town_in(folder)
        town.engine.dispose()
        town.keys.dispose()
        if not killed_at(folder, statement):
            break
        kills += 1
        check_whole(folder)
    assert kills > 30  # every statement and commit of two steps


def test_a_kill_between_number_and_step_takes_the_same_number(tmp_path: Path) -> None:
    """The first commit of the second step is the number's; the kill comes right after it."""
    town = town_in(tmp_path)
    state = town.filed()
    town.engine.dispose()
    town.keys.dispose()
    child = os.fork()
    if child == 0:  # pragma: no cover - the child never returns
        try:
            town = town_in(tmp_path)

            class Killing:
                def render(self, order: object) -> bytes:
                    os.kill(os.getpid(), signal.SIGKILL)
                    return b""

            object.__setattr__(town.planner, "press", Killing())
            accept = town.order("accept", {"mode": "plain"}, by="u:a")
            town.settlement.settle(Batch(state=state, commands=(accept,)))
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    check_whole(tmp_path)
