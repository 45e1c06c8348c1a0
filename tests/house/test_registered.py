"""Every workflow and activity that is defined is registered in the worker, and the reverse."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import activities
import workflows
from benchmarks import ground
from yichuang.temporal import WORKFLOWS
from yichuang.worker import workshop


def modules(room: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        yield importlib.import_module(found.name)


def defined_workflows() -> set[type]:
    return {
        member
        for module in modules(workflows)
        for _, member in inspect.getmembers(module, inspect.isclass)
        if hasattr(member, "__temporal_workflow_definition")
    }


def activity_name(member: object) -> str:
    definition = getattr(member, "__temporal_activity_definition", None)
    return "" if definition is None else str(definition.name)


def defined_activities() -> set[str]:
    found = set()
    for module in modules(activities):
        for _, member in inspect.getmembers(module):
            found.add(activity_name(member))
            if inspect.isclass(member):
                found |= {activity_name(method) for _, method in inspect.getmembers(member)}
    return found - {""}


def test_every_workflow_is_registered_and_every_registered_one_is_defined() -> None:
    assert defined_workflows() == set(WORKFLOWS)
    assert len(WORKFLOWS) == len(set(WORKFLOWS)) > 0


def test_every_activity_is_registered_and_every_registered_one_is_defined() -> None:
    with ground.installed() as settings, workshop(settings) as shop:
        registered = [activity_name(one) for one in shop.activities()]
    assert defined_activities() == set(registered)
    assert len(registered) == len(set(registered)) > 0
