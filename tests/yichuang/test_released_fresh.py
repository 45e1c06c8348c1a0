"""How old what counts may be: policy a second, and no longer than that when nobody can look."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from benchmarks import ground
from cases.database import open_engine
from policies.policy import PolicyStale
from yichuang import released as module
from yichuang.released import FRESH_S, Released


def test_policy_is_never_older_than_a_second_and_unreadable_it_is_none() -> None:
    with ground.installed() as settings:
        engine = open_engine(settings.store_url("cases"), read_only=True)
        released = Released(engine)
        held = released.policy()
        assert released.knows_policy(held.version)
        assert not released.knows_policy("sha256:" + "0" * 32)
        released._engine = open_engine("sqlite:////nowhere/at/all.sqlite", read_only=True)
        released._read -= FRESH_S + 0.1  # as if a second had gone by
        released._looked -= FRESH_S + 0.1
        with pytest.raises(PolicyStale):
            released.policy()
        assert released.catalogue().matters  # the rest serves on for a while
        released._engine = engine
        released.look_again()
        assert released.policy() is held


def test_whoever_comes_after_a_long_silence_waits_for_the_look_of_the_first() -> None:
    looks: list[float] = []
    one = Released.__new__(Released)
    one._one, one._look_every_s = threading.Lock(), 0.5
    old: Any = object()
    fresh: Any = object()
    one._held, one._looked, one._read = old, time.monotonic() - 3600, time.monotonic() - 3600

    def slow(_held: Any) -> Any:
        looks.append(time.monotonic())
        time.sleep(0.3)
        return fresh

    one._newest = slow  # type: ignore[method-assign,assignment]  # the register's only reader
    found: list[Any] = []
    asking = [threading.Thread(target=lambda: found.append(one._now())) for _ in range(4)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert found == [fresh] * 4 and len(looks) == 1
    assert module.LOOK_EVERY_S < FRESH_S
